"""A fuzzer that keeps what reaches new lines of the package; run as a script for some minutes.

Targets: texts through the parsers of cells, headers and names of tests; bundles and wide tables
through what reads them; bundles that are accepted through the audit as well. Each case must end as
`tests.mutated_bundles.outcome_of` has it. Python says which lines are reached for the first time
(``sys.monitoring``), so that following the coverage costs next to nothing.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import re
import resource
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import CodeType

from tests.mutated_bundles import LONGEST, NUMBERS, SLOWEST, SOURCES, TEXTS, mutate, outcome_of

import bayesasthma
from bayesasthma._files.output import given, inert
from bayesasthma._files.toml import parse_toml
from bayesasthma.auditing.stated_tests import read_stated
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.study._printed_cells import parse_count, parse_value
from bayesasthma.study._printed_numbers import parse_number, parse_p, why_not_a_number
from bayesasthma.study.bundle import load_study
from bayesasthma.study.printed_twice import printed_twice
from bayesasthma.study.wide_table import bundle_from_table

RESULTS = Path(__file__).parents[1] / "benchmarks" / "results" / "fuzz.json"
ROOMS = tuple(f"/bayesasthma/{room}/" for room in ("study", "auditing", "frequentist", "_files"))
#: Cells and words from which texts are put together.
WORDS = [
    *(word for word in (*NUMBERS, *TEXTS) if len(word) < 400),
    "±", " (", ")", "[", "]", " to ", "–", "-", "%", " of ", "/", "SE ", "SD ", "95% CI ", "IQR ",
    "*", "†", "<", ">", "=", "NS", "n.s.", " ", "\u2009", ".", ",", "e5", "'", "Student", "t test",
    "paired", "Wilcoxon", "ANOVA", "chi-square", "Fisher", "one-sided", "a = ", "{", "\n", '"',
    "true", "1979-05-27",
]  # fmt: skip
TABLES = [
    """outcome,visit,Placebo (n = 20),Drug (n = 21),p
FEV1,Baseline,1.8 ± 0.3,1.9 ± 0.4,0.5
FEV1,Week 12,1.8 (0.3),2.0 (0.4),<0.05
""",
    """outcome,visit,Control (n = 59),Drug (n = 55),p
Score,3 months,20.8 (3.0),22.9 (2.3),<0.001
,Change at 3 months,0.6 (2.8),2.7 (2.8),<0.001
"FeNO, median (IQR)",3 months,39.8 (22.9–57.9),41.8 (23.4–68.0),0.64
"School absence, n (%)",3 months,37 (62.7),11/55 (20.0),<0.001
""",
]


class Reached:
    """Which lines of the package were reached for the first time since it was last asked."""

    def __init__(self) -> None:
        self.lines = self._before = 0
        tool = sys.monitoring.COVERAGE_ID
        sys.monitoring.use_tool_id(tool, "fuzzing")
        sys.monitoring.register_callback(tool, sys.monitoring.events.LINE, self._line)
        sys.monitoring.set_events(tool, sys.monitoring.events.LINE)

    def _line(self, code: CodeType, _line: int) -> object:
        self.lines += any(room in code.co_filename for room in ROOMS)
        return sys.monitoring.DISABLE  # each line is told once

    def new(self) -> bool:
        before, self._before = self._before, self.lines
        return self.lines > before


def a_text(rng: random.Random, corpus: list[str]) -> str:
    """A text put together, or one that reached something with a change."""
    if corpus and rng.random() < 0.6:
        text = rng.choice(corpus)
        at, to = sorted((rng.randrange(len(text) + 1), rng.randrange(len(text) + 1)))
        to = min(to, at + 6)
        return (text[:at] + rng.choice(("", rng.choice(WORDS), text[at:to] * 2)) + text[to:])[
            :20000
        ]
    return "".join(rng.choice(WORDS) for _ in range(rng.randint(1, 6)))


def parse_all(text: str) -> str:
    """Every parser on one text: a value with finite numbers, None, or a ``ValueError`` of TOML."""
    for decimal in (None, ".", ","):
        number = parse_number(text, decimal)
        if number is not None:
            assert abs(number.value) <= 1e30, text
            assert number.step >= 0, text
        else:
            assert len(why_not_a_number(text, decimal)) <= LONGEST
        p = parse_p(text, decimal=decimal)
        assert p is None or 0 <= p.value <= 1, text
        parse_value(text, decimal)
        parse_count(text, decimal)
    read_stated(text)
    assert given(inert(text)) == text
    try:
        parse_toml(text)
    except ValueError as error:
        return "refused" if len(str(error)) <= LONGEST + len(text) else "a long message"
    return "accepted"


def refused_or_read(path: Path) -> str:
    """A bundle read, or a wide table made one and read."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            if path.is_file():
                made = path.with_name("made")
                shutil.rmtree(made, ignore_errors=True)
                bundle_from_table(path, made)
                path = made
            printed_twice(load_study(path))
        except BayesAsthmaError as error:
            lines = str(error).split("\n")
            assert max(map(len, lines)) <= LONGEST, f"a message of {max(map(len, lines))}"
            assert all(line.isprintable() for line in lines), "a control character in a message"
            MESSAGES.update(_kind(line) for line in lines[1:] or lines)
            return "refused"
    return "accepted"


MESSAGES: Counter[str] = Counter()


def _kind(message: str) -> str:
    """What a message is about, without what was found."""
    message = re.sub(r"found '.*', expected|found \".*\", expected", "expected", message)
    return re.sub(r"[0-9]+|'[^']*'", "…", message.partition("expected ")[2] or message)[:80]


def files_of(folder: Path) -> dict[str, bytes]:
    """A bundle as bytes."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def fuzz(  # noqa: C901  # one loop over the targets
    minutes: float, seed: int, scratch: Path, texts: int
) -> dict[str, object]:
    """Run all targets for some minutes; what was tried and found."""
    rng, reached = random.Random(seed), Reached()
    counts: Counter[str] = Counter()
    finds: dict[str, str] = {}
    slowest = 0.0
    text_corpus: list[str] = []
    corpus = [files_of(source) for source in SOURCES]
    tables = list(TABLES)

    def tried(target: str, case: Callable[[], str], shown: object) -> bool:
        nonlocal slowest
        before = time.process_time()
        try:
            counts[f"{target} {case()}"] += 1
            seconds = time.process_time() - before
            assert seconds < SLOWEST, f"{seconds:.0f} s"
        except Exception as error:  # noqa: BLE001
            own = [f for f in traceback.extract_tb(error.__traceback__) if "bayesasthma" in f[0]]
            where = f"{Path(own[-1][0]).name}:{own[-1][2]}" if own else "check"
            key = f"{target}: {type(error).__name__} at {where}"
            counts[f"{target} wrong"] += 1
            if key not in finds:
                finds[key] = f"{str(error)[:150]} | {shown!r}"[:600]
                print(key, finds[key], flush=True)  # noqa: T201
        slowest = max(slowest, time.process_time() - before)
        return reached.new()

    start = time.monotonic()
    folder, sheet = scratch / "bundle", scratch / "table.csv"
    while time.monotonic() - start < 60 * minutes:
        for _ in range(texts):
            text = a_text(rng, text_corpus)
            if tried("text", lambda t=text: parse_all(t), text[:200]):  # type: ignore[misc]
                text_corpus.append(text)
        for _ in range(4):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            source = rng.choice(corpus[: len(SOURCES)] if rng.random() < 0.5 else corpus)
            for name, raw in source.items():
                (folder / name).write_bytes(raw)
            done = mutate(folder, rng)
            kept = files_of(folder)
            if tried("bundle", lambda: refused_or_read(folder), done):
                corpus.append(kept)
            if counts["bundle accepted"] > counts["audit accepted"] + counts[
                "audit wrong"
            ] and tried("audit", lambda: outcome_of(folder), done):
                corpus.append(kept)
        table = a_text(rng, tables) if rng.random() < 0.5 else _cell_changed(rng, tables)
        sheet.write_text(table, encoding="utf-8", errors="surrogatepass")
        if tried("table", lambda: refused_or_read(sheet), table[:300]):
            tables.append(table)
    return {
        "version": bayesasthma.__version__,
        "python": platform.python_version(),
        "seed": seed,
        "minutes": round((time.monotonic() - start) / 60, 1),
        "cases": {"all": sum(counts.values())} | dict(sorted(counts.items())),
        "lines_reached": reached.lines,
        "corpus": {"texts": len(text_corpus), "bundles": len(corpus), "tables": len(tables)},
        "slowest_seconds": round(slowest, 2),
        "largest_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "distinct_messages": len(MESSAGES),
        "finds": finds,
    }


def _cell_changed(rng: random.Random, tables: list[str]) -> str:
    """A table with another text in one cell."""
    lines = rng.choice(tables).split("\n")
    at = rng.randrange(len(lines))
    cells = lines[at].split(",")
    word = "".join(rng.choice(WORDS) for _ in range(rng.randint(1, 3)))
    cells[rng.randrange(len(cells))] = word
    lines[at] = ",".join(cells)
    return "\n".join(lines)


def main() -> None:
    """Fuzz for some minutes; exit status 1 if a case ended otherwise than it may."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--texts", type=int, default=100, help="texts for every four bundles")
    parser.add_argument("--record", action="store_true", help=f"write {RESULTS.name}")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        record = fuzz(asked.minutes, asked.seed, Path(scratch), asked.texts)
    text = json.dumps(record, indent=1, ensure_ascii=True) + "\n"
    print(text)  # noqa: T201
    if asked.record:
        RESULTS.write_text(text, encoding="utf-8")
    raise SystemExit(1 if record["finds"] else 0)


if __name__ == "__main__":
    main()
