"""Bundles with something wrong in them, from a seed; run as a script, it tries many of them.

Every one must be accepted, its audit then without a warning and with numbers where numbers are due,
or be refused by the package's own error, within bounded time and with a message of bounded length.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bayesasthma.auditing import audit
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.study.bundle import load_study
from bayesasthma.study.printed_twice import printed_twice

DATA = Path(__file__).parents[1] / "data"
#: Small bundles, so that an audit takes a fraction of a second, and the paper's.
SOURCES = [
    *(DATA / "examples" / name for name in (
        "changes-alone", "events-alone", "no-baseline", "one-arm-visit", "one-visit",
        "outcomes-alone", "responders", "six-arms",
    )),
    DATA / "liu2025",
]  # fmt: skip
NUMBERS = [
    "0", "-0", "1", "2", "-1", "0.5", "1e150", "1e-200", "1e308", "1e-308", "1e400", "5e-324",
    "1e30", "1e-30", "9" * 30, "9" * 4300, "0." + "0" * 40 + "1", "1000000", "1000000000000",
    "1e12", "nan", "inf", "-inf", "1,5", "1.234,5", "±", "16.8 ± 4.3", "16.8 (1e-25)", "12/18",
    "18/12", "<0.01", "1e-29", "3.0000000000", "٣", "²", "100%", "",
]  # fmt: skip
TEXTS = [
    r"$\frac{x}{$", "$", "<script>alert(1)</script>", "=cmd|' /C calc'!A0", "@x", "a" * 5_000,
    "[red]x[/red]", "[/]", "\x00", "\x1b[31m", "\u202egnp", "é" * 300, "ﷺ", "\ufeff", "|", "`",
    "\"", "'", "\n", ";", "{{ study }}", "%s", "../../x", "None", "nan", "\U0001d518",
]  # fmt: skip
TOML = [
    "x = " + "[" * 600 + "]" * 600, "x = " + "[" * 5000 + "]" * 5000, "x = " + "9" * 4300,
    "x = " + "9" * 5000, "x = 0x" + "f" * 5000, "x = 1e400", "x = nan", "x = 2020-01-01",
    "[a" + ".a" * 600 + "]", "[[arms]]\nid = 1", "[[visits]]\nid = \"w\"\nweek = 1e300",
    "x = {a = {a = {a = 1}}}", "\"\" = 1", "decimal = \",\"", "covariates = [\"x\"]",
]  # fmt: skip


def mutate(folder: Path, rng: random.Random) -> str:
    """Change one to three things of a bundle; returns what was done."""
    done = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        files = sorted(folder.iterdir())
        if not files:
            break
        path = rng.choice(files)
        change = rng.choice(CHANGES)
        raw = path.read_bytes()
        with contextlib.suppress(FileNotFoundError, IndexError, ValueError, shutil.SameFileError):
            done.append(f"{change.__name__} {path.name}: {change(path, rng)}"[:200])
            continue
        path.write_bytes(raw)
    return "; ".join(done)


def a_cell(path: Path, rng: random.Random) -> str:
    """Another number or text in one cell, or in one value of the header."""
    lines = path.read_text(encoding="utf-8").split("\n")
    at = rng.randrange(len(lines))
    value = rng.choice(NUMBERS if rng.random() < 0.75 else TEXTS)
    if path.suffix == ".toml":
        key, _, old = lines[at].partition(" = ")
        if not old:
            raise ValueError
        bare = rng.random() < 0.6
        quoted = "'''" + value.replace("'''", "") + "'''"
        lines[at] = f"{key} = {value if bare else quoted}"
    else:
        cells = lines[at].split(",")
        place = rng.randrange(len(cells))
        cells[place] = value if '"' not in value and "\n" not in value else f'"{value}'
        lines[at] = ",".join(cells)
    path.write_text("\n".join(lines), encoding="utf-8")
    return f"line {at + 1} {value[:40]!r}"


def a_column(path: Path, rng: random.Random) -> str:
    """One extreme number in all rows of a column."""
    lines = [line.split(",") for line in path.read_text(encoding="utf-8").rstrip().split("\n")]
    place, value = rng.randrange(len(lines[0])), rng.choice(NUMBERS)
    for cells in lines[1:]:
        cells[place] = value
    path.write_text("\n".join(",".join(cells) for cells in lines), encoding="utf-8")
    return f"column {place + 1} {value[:40]!r}"


def a_line(path: Path, rng: random.Random) -> str:
    """A line twice, gone, or in another place."""
    lines = path.read_text(encoding="utf-8").split("\n")
    line = lines.pop(rng.randrange(len(lines)))
    for _ in range(rng.choice((0, 1, 2, 50))):
        lines.insert(rng.randrange(len(lines) + 1), line)
    path.write_text("\n".join(lines), encoding="utf-8")
    return line[:40]


def some_bytes(path: Path, rng: random.Random) -> str:
    """Bytes flipped, cut off, or of another kind."""
    raw = bytearray(path.read_bytes())
    at = rng.randrange(len(raw))
    kind = rng.randrange(3)
    if kind == 0:
        raw[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del raw[at:]
    else:
        raw[at:at] = rng.choice(TEXTS).encode()
    path.write_bytes(raw)
    return f"at {at}"


def a_file(path: Path, rng: random.Random) -> str:
    """A file gone, empty, or under the name of another."""
    kind = rng.randrange(3)
    if kind == 0:
        path.unlink()
    elif kind == 1:
        path.write_bytes(b"")
    else:
        shutil.copy(path, path.with_name(rng.choice(("tests.csv", "claims.csv", "external.csv"))))
    return str(kind)


def the_header(path: Path, rng: random.Random) -> str:
    """Hostile TOML before, after or in place of what is there."""
    path = path.with_name("study.toml")
    text, hostile = path.read_text(encoding="utf-8"), rng.choice(TOML)
    path.write_text(rng.choice((f"{hostile}\n{text}", f"{text}\n{hostile}\n", hostile)))
    return hostile[:40]


CHANGES = [a_cell, a_cell, a_cell, a_cell, a_column, a_column, a_line, some_bytes, a_file,
           the_header]  # fmt: skip


def bundles(seed: int, count: int, folder: Path) -> Iterator[tuple[int, str]]:
    """Mutated bundles, one after the other in ``folder``: number and what was done."""
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(rng.choice(SOURCES), folder)
        yield number, mutate(folder, rng)


#: Processor seconds within which a bundle of the sizes here is read and audited, on a slow machine.
SLOWEST = 20.0
#: Most characters of a line of a message.
LONGEST = 2_000


def outcome_of(folder: Path) -> str:
    """``accepted`` or ``refused``; anything else that happens is raised.

    Raises
    ------
    AssertionError
        If an audit has a NaN for a p that it judged, or a message is too long.
    """
    start = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            study = load_study(folder)
            printed_twice(study)
            found = audit(study)
    except BayesAsthmaError as error:
        message, ending = str(error), "refused"
    else:
        tests = found.tests
        judged = ~tests["verdict"].isin(["cannot be checked", "plausible"])
        missing = tests.loc[judged, ["p_recomputed", "p_low", "p_high"]].isna().all(axis=1)
        assert not missing.any(), "no p where one is judged"
        ends = tests[["p_low", "p_recomputed", "p_high"]].dropna()
        inside = (ends["p_low"] <= ends["p_recomputed"] * (1 + 1e-6)) & (
            ends["p_recomputed"] <= ends["p_high"] * (1 + 1e-6) + 1e-300
        )
        assert inside.all(), f"bounds miss their own p: {ends[~inside].to_dict('records')[:2]}"
        message, ending = "", "accepted"
    longest = max(map(len, message.split("\n")))
    assert longest <= LONGEST, f"a message of {longest} characters"
    assert message.replace("\n", "").isprintable(), "a control character in a message"
    seconds = time.process_time() - start
    assert seconds < SLOWEST, f"{seconds:.0f} s"
    return ending


def main() -> None:
    """Try many bundles; print what ended otherwise than it should, each way once."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--cases", type=int, default=3_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0)
    asked = parser.parse_args()
    endings: Counter[str] = Counter()
    ways: dict[str, str] = {}
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        for number, done in bundles(asked.seed, asked.cases, Path(scratch) / "bundle"):
            try:
                endings[outcome_of(Path(scratch) / "bundle")] += 1
            except Exception as error:  # noqa: BLE001
                frame = traceback.extract_tb(error.__traceback__)[-1]
                own = [
                    f for f in traceback.extract_tb(error.__traceback__) if "bayesasthma" in f[0]
                ]
                where = f"{Path(own[-1][0]).name}:{own[-1][1]}" if own else frame.name
                way = f"{type(error).__name__} at {where}: {str(error)[:120]}"
                endings["wrong"] += 1
                key = f"{type(error).__name__} {where}"
                if key not in ways:
                    ways[key] = way
                    print(  # noqa: T201
                        f"case {number} ({done}):\n    {way}", flush=True
                    )
            if time.monotonic() - start > 60 * asked.minutes:
                break
    minutes = (time.monotonic() - start) / 60
    print(  # noqa: T201
        f"seed {asked.seed}: {dict(endings)}, {len(ways)} ways, {minutes:.1f} min"
    )
    raise SystemExit(1 if ways else 0)


if __name__ == "__main__":
    main()
