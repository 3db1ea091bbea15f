"""How many small changes of the source the tests notice, and which they do not.

    python benchmarks/mutation.py [--rooms frequentist priors] [--mutants 40] [--seed 20261128]
    python benchmarks/mutation.py --survivors [--rooms ...]    # judge recorded survivors again

The last leaves out those of which it is known that they change nothing.

Of each room, mutants are drawn from all of :mod:`_mutants`, and the tests of the room
(``tests/ROOM``, and ``tests/reference`` but for its fits) are run on each, in a fork of a process
that has collected them: those alone that run the changed line, or use a fixture that does,
until one fails. Those come first that are near, in the file named for the module or one that
imports from it, then the files that take least time, and no more than take ``--seconds`` in all.
What no such test notices has survived. A mutant that takes `SLOWER` times the processor time of its
tests counts as noticed. Hypothesis draws the same examples each time.

Mutants are judged in the order of the draw, and ``results/mutation.csv``, a row a mutant, and
``results/mutation.md`` are written after each: a run that is interrupted leaves a smaller sample.
What was found when the survivors were read is in ``mutation_read.csv``.

Not changed: code outside of functions, messages of errors, texts, annotations, default arguments.
"""

from __future__ import annotations

import argparse
import functools
import gc
import hashlib
import json
import os
import platform
import random
import resource
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from _mutants import install, mutants_of
from _mutation_record import readings, recorded, write

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "bayesasthma"
ROOMS = ("likelihood", "priors", "auditing", "frequentist", "results")
#: Times the processor time that the tests took unchanged, and seconds on top, before giving up.
SLOWER, ON_TOP = 5, 20
TOOL = sys.monitoring.PROFILER_ID
#: Tests of a room's modules that stand with those of another.
ELSEWHERE = {
    "frequentist": ["tests/reference/test_published_patients.py"],
    "likelihood": ["tests/models/test_joint.py", "tests/models/graph_ops"],
    "results": [
        "tests/comparison/test_event_quotes.py",
        "tests/comparison/test_quote_parts.py",
        "tests/reporting/test_joint_section.py",
    ],
}
#: The published answers that need no fit.
REFERENCE = [
    f"tests/reference/test_{name}.py"
    for name in (
        "audited_cases",
        "published_granularity",
        "published_multiplicity",
        "published_rates",
        "published_statcheck",
        "published_t_tests",
    )
]


type Line = tuple[str, int]


class Lines:
    """Lines of the package that have been run since the last :meth:`start`."""

    def __init__(self) -> None:
        self.seen: set[Line] = set()
        sys.monitoring.use_tool_id(TOOL, "mutation")
        sys.monitoring.register_callback(TOOL, sys.monitoring.events.LINE, self._run)
        sys.monitoring.set_events(TOOL, sys.monitoring.events.LINE)

    def _run(self, code: Any, line: int) -> Any:
        if code.co_filename.startswith(str(PACKAGE)):
            self.seen.add((code.co_filename, line))
        return sys.monitoring.DISABLE

    def start(self) -> set[Line]:
        """What was seen up to now; the next run of each line is noted again."""
        found, self.seen = self.seen, set()
        sys.monitoring.restart_events()
        return found


class Unchanged:
    """What each test runs and how long it takes, fixtures' lines counted to all that use them."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.fixtures: dict[Any, set[Line]] = {}

    def fixture(self, definition: Any, outer: set[Line]) -> None:
        """Note what a fixture ran; ``outer`` was seen before it."""
        own = self.lines.start()
        self.fixtures.setdefault(definition, set()).update(own)
        self.lines.seen = outer | own

    def run(self, items: list[Any]) -> list[tuple[set[Line], float]]:
        """Of each test the lines run and the seconds of processor time."""
        found = []
        for item, after in zip(items, [*items[1:], None], strict=True):
            forget()
            self.lines.start()
            start = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            found.append((item, self.lines.start(), time.process_time() - start))
        return [
            (ran.union(*(self.fixtures.get(own, ()) for own in definitions(item))), seconds)
            for item, ran, seconds in found
        ]


def forget() -> None:
    """Empty the package's caches, behind which what a test runs would not be seen."""
    kind = functools._lru_cache_wrapper  # noqa: SLF001 - it has no public name
    for own in gc.get_objects():
        if type(own) is kind and str(own.__module__).startswith("bayesasthma."):
            own.cache_clear()


def definitions(item: Any) -> list[Any]:
    """The fixtures that a test uses, those of its fixtures included."""
    by_name = item._fixtureinfo.name2fixturedefs  # noqa: SLF001 - pytest says it nowhere else
    return [own for several in by_name.values() for own in several]


def place(row: dict[str, Any]) -> tuple[str, ...]:
    """What tells a mutant from all others."""
    return tuple(
        str(row[key]) for key in ("module", "function", "line", "column", "before", "after")
    )


def source(room: str) -> str:
    """The first digits of the SHA-256 of the room's files."""
    found = hashlib.sha256()
    for path in sorted(PACKAGE.glob(f"{room}/*.py")):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:12]


def near(item: Any, module: str) -> bool:
    """Whether a test is in the file named for the module, or in one that imports from it."""
    own = Path(module)
    if item.path.stem == f"test_{own.stem.lstrip('_')}" and item.path.parent.name == own.parts[0]:
        return True
    dotted = ".".join(["bayesasthma", *own.with_suffix("").parts])
    held = vars(item.module).values()
    return any(dotted in (getattr(it, "__module__", 0), getattr(it, "__name__", 0)) for it in held)


def nearest_first(
    items: list[Any], seconds: list[float], tests: list[int], module: str, most: float
) -> list[int]:
    """Numbers of tests, those near the module first, then the files that take least time.

    A test is left out that would bring the time of those before it to more than ``most`` seconds;
    if all are, the quickest of the first file is there.
    """
    of_file: dict[Any, float] = defaultdict(float)
    for number in tests:
        of_file[items[number].path] += seconds[number]

    def rank(number: int) -> tuple[bool, float, int]:
        path = items[number].path
        return not near(items[number], module), of_file[path], number

    order, chosen, spent = sorted(tests, key=rank), [], 0.0
    for number in order:
        if spent + seconds[number] <= most:
            chosen.append(number)
            spent += seconds[number]
    first = [number for number in order if items[number].path == items[order[0]].path]
    return chosen or [min(first, key=lambda number: seconds[number])]


class Judge:
    """A pytest plugin that runs the collected tests on mutants, in forks, instead of once."""

    def __init__(
        self, room: str, options: argparse.Namespace, found: Callable[[dict[str, Any]], None]
    ) -> None:
        self.room, self.options, self.found = room, options, found
        self.unchanged: Unchanged | None = None

    def pytest_configure(self) -> None:
        """Hypothesis: the same examples for all, and none made smaller."""
        from hypothesis import Phase, settings

        settings.register_profile(
            "mutation",
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.explicit, Phase.generate],
        )
        settings.load_profile("mutation")

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Any:
        """Note what is run."""
        if self.unchanged is None:
            return (yield)
        outer = self.unchanged.lines.start()
        try:
            return (yield)
        finally:
            self.unchanged.fixture(fixturedef, outer)

    def pytest_runtestloop(self, session: Any) -> bool:
        """Judge instead of running the tests."""
        items = session.items
        status, text = self._forked(lambda: self._unchanged(session), None)
        if status:
            raise SystemExit(f"{self.room}: the tests fail without a change")
        facts = json.loads(text)
        taken = [seconds for _, seconds in facts]
        reached: dict[Line, list[int]] = defaultdict(list)
        for number, (ran, _) in enumerate(facts):
            for path, line in ran:
                reached[path, line].append(number)
        every = [
            m
            for path in sorted(PACKAGE.glob(f"{self.room}/*.py"))
            for m in mutants_of(path, PACKAGE)
        ]
        draw = random.Random(f"{self.options.seed} {self.room}")  # noqa: S311 - a sample
        chosen = draw.sample(every, min(self.options.mutants, len(every)))
        if self.options.survivors:
            wanted = self.options.of_room[self.room]
            chosen = [own for own in every if place(asdict(own)) in wanted]
            if len(chosen) < len(wanted):
                raise SystemExit(f"{self.room} has changed since the record: draw anew")
        print(f"{self.room}: {len(items)} tests, {len(chosen)} of {len(every)} mutants", flush=True)
        for mutant in chosen:
            own = reached.get((str(PACKAGE / mutant.module), mutant.line), [])
            tests = own and nearest_first(items, taken, own, mutant.module, self.options.seconds)
            limit = ON_TOP + SLOWER * sum(taken[number] for number in tests)
            start = time.monotonic()
            status, text = 0, ""
            if tests:
                status, text = self._forked(
                    lambda m=mutant, t=tests: self._changed(session, m, [items[n] for n in t]),
                    limit,
                )
            if status == 2:
                raise SystemExit(f"{mutant}: could not be judged")
            outcome = {0: "survived", 1: "noticed", 3: "survived"}.get(status, "too slow")
            self.found(
                {
                    "room": self.room,
                    **asdict(mutant),
                    "tests": len(tests),
                    "outcome": outcome,
                    "by": text,
                    "mutants": len(every),
                    "seed": self.options.seed,
                    "seconds": self.options.seconds,
                    "source": source(self.room),
                    "python": platform.python_version(),
                }
            )
            print(f"  {time.monotonic() - start:5.1f} s {outcome:9} {mutant.module}:{mutant.line} "
                  f"{mutant.before} -> {mutant.after}", flush=True)  # fmt: skip
        return True

    def _unchanged(self, session: Any) -> tuple[int, str]:
        self.unchanged = Unchanged()
        found = self.unchanged.run(session.items)
        facts = [[sorted(ran), seconds] for ran, seconds in found]
        return int(session.testsfailed > 0), json.dumps(facts)

    def _changed(self, session: Any, mutant: Any, items: list[Any]) -> tuple[int, str]:
        if not install(mutant, PACKAGE):
            return 3, ""
        for item, after in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if session.testsfailed:
                return 1, item.nodeid
        return 0, ""

    def _forked(self, action: Any, limit: float | None) -> tuple[int, str]:
        """Status and text of an action in a fork with so many seconds of processor time."""
        sys.stdout.flush()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            null = os.open(os.devnull, os.O_RDWR)
            if limit is not None:
                os.dup2(null, 1), os.dup2(null, 2)
                resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 2))
            status, text = 2, ""
            try:
                status, text = action()
            except BaseException:  # noqa: BLE001 - the parent is told by the status
                traceback.print_exc()
            finally:
                with os.fdopen(writing, "w") as stream:
                    stream.write(text)
                os._exit(status)
        os.close(writing)
        with os.fdopen(reading) as stream:
            text = stream.read()
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def judge(room: str, options: argparse.Namespace, found: Callable[[dict[str, Any]], None]) -> None:
    """Judge the mutants of a room in a process of its own, which calls ``found`` with each row."""
    child = os.fork()
    if child == 0:
        arguments = [
            f"tests/{room}",
            *ELSEWHERE.get(room, ()),
            *REFERENCE,
            "-q",
            "-p",
            "no:cacheprovider",
            "-m",
            "not slow",
        ]
        pytest.main(arguments, plugins=[Judge(room, options, found)])
        os._exit(0)
    os.waitpid(child, 0)


def main() -> None:
    """Judge the rooms asked for and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rooms", nargs="+", choices=ROOMS, default=ROOMS)
    parser.add_argument("--mutants", type=int, default=40, help="of each room")
    parser.add_argument("--seed", type=int, default=20261128)
    parser.add_argument("--seconds", type=float, default=60, help="of the tests of a mutant")
    parser.add_argument("--survivors", action="store_true", help="judge these again, no others")
    options = parser.parse_args()
    os.chdir(ROOT)
    options.of_room = defaultdict(set)
    reading = readings()
    for row in recorded() if options.survivors else ():
        if row["outcome"] == "survived" and not reading(row).startswith("same"):
            options.of_room[row["room"]].add(place(row))
    for room in options.rooms:
        if options.survivors and not options.of_room[room]:
            continue
        kept = recorded()
        if not options.survivors:
            kept = [row for row in kept if row["room"] != room]

        def found(row: dict[str, Any], kept: list[dict[str, Any]] = kept) -> None:
            known = [own for own in kept if place(own) == place(row)]
            for own in known:
                own.update({key: row[key] for key in ("tests", "outcome", "by")})
            kept += [] if known else [row]
            write(sorted(kept, key=lambda own: (ROOMS.index(own["room"]), own["module"])))

        judge(room, options, found)
    if rows := recorded():
        write(rows)  # with what has been read since, where none was judged


if __name__ == "__main__":
    main()
