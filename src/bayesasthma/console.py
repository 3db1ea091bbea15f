"""What the command line prints: progress on stderr, results on stdout as text or JSON."""

from __future__ import annotations

import atexit
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from bayesasthma.auditing import AuditResult


class Console:
    """Progress and messages on stderr, results on stdout."""

    def __init__(self, quiet: bool, as_json: bool) -> None:
        self.quiet, self.as_json = quiet, as_json
        self._clock: Any = None

    def progress(self, message: str) -> None:
        """One line per stage; on a terminal a running clock while a model compiles.

        Sampling has nutpie's own bar.
        """
        if self.quiet:
            return
        self.settle()
        print(f"  {message}", file=sys.stderr, flush=True)
        if "compiling" in message and sys.stderr.isatty():
            self._start_clock()

    def settle(self) -> None:
        """Stop the running clock, if there is one."""
        if self._clock is not None:
            self._clock.stop()
            self._clock = None

    def _start_clock(self) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._clock = Progress(
            TextColumn("   "),
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=RichConsole(stderr=True),
            transient=True,
        )
        self._clock.add_task("compiling", total=None)
        self._clock.start()
        atexit.register(self.settle)  # an interrupted run gives the cursor back

    def data(self, frame: pd.DataFrame, text: str | None = None) -> None:
        """A table: as JSON records, or as text."""
        if self.as_json:
            print(frame.to_json(orient="records", indent=1, force_ascii=False))
        else:
            print(text if text is not None else frame.to_string(index=False))

    def facts(self, facts: dict[str, Any], text: str) -> None:
        """A few facts: as a JSON object, or as text."""
        print(json.dumps(facts, indent=1, default=str) if self.as_json else text)


def effect_text(table: pd.DataFrame, path: Path) -> str:
    """The numbers of a table of effects that fit a terminal."""
    keys = [
        k
        for k in ("outcome", "reaction", "arm", "visit", "reading", "model", "estimand")
        if k in table
    ]
    numbers = ["mean", "ci_low", "ci_high", "p_benefit", "gate"]
    shown = table[[*keys, *numbers]].to_string(index=False, float_format="{:.3g}".format)
    return f"{shown}\nwritten to {path}"


def print_audit(result: AuditResult) -> None:
    """Print verdicts and findings as tables."""
    from rich.console import Console as RichConsole
    from rich.table import Table

    screen = RichConsole()
    tests = Table(title="Printed p-values, recomputed", show_lines=False)
    for column in ("where", "printed", "recomputed", "reachable", "verdict", "why"):
        tests.add_column(column, overflow="fold")
    tested: Any = result.tests.itertuples()
    for row in tested:
        place = " ".join(filter(None, [row.table, row.outcome, row.arm, row.visit]))
        tests.add_row(
            place,
            str(row.p_printed),
            "–" if row.p_recomputed != row.p_recomputed else f"{row.p_recomputed:.3g}",
            f"{row.p_low:.2g}–{row.p_high:.2g}",
            str(row.verdict),
            str(row.explanation),
        )
    screen.print(tests)
    found = Table(title="Consistency of the tables")
    for column in ("kind", "where", "finding"):
        found.add_column(column, overflow="fold")
    noted: Any = result.findings.itertuples()
    for row in noted:
        place = " ".join(filter(None, [row.table, row.outcome, row.arm, row.visit]))
        found.add_row(str(row.kind), place, str(row.finding))
    screen.print(found)
