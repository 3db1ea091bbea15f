"""What the command line prints: progress on stderr, results on stdout as text or JSON."""

from __future__ import annotations

import atexit
import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bayesasthma.commands.ending import NobodyReadsError, printable
from bayesasthma.errors import visible

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console as RichConsole
    from rich.table import Table as RichTable

    from bayesasthma.auditing import AuditResult
    from bayesasthma.study.study import Study


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
        with contextlib.suppress(OSError):  # nobody reads it: no reason to lose a run
            print(f"  {printable(message)}", file=sys.stderr, flush=True)
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
            plain = "utf" not in (sys.stdout.encoding or "").lower()
            print(frame.to_json(orient="records", indent=1, force_ascii=plain))
        else:
            print(visible(text if text is not None else frame.to_string(index=False)))

    def facts(self, facts: dict[str, Any], text: str) -> None:
        """A few facts: as a JSON object, or as text."""
        print(json.dumps(facts, indent=1, default=str) if self.as_json else visible(text))


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


#: How a verdict looks on a terminal.
VERDICT_STYLES = {
    "not reproduced": "yellow",
    "impossible at any correlation": "red",
    "cannot be checked": "dim",
}
WEIGHT_STYLES = {"contradiction": "red", "unusual": "yellow", "note": "dim"}


def print_audit(result: AuditResult, study: Study) -> None:
    """Print verdicts, a line per p-value, reasons where a p is not reproduced, and findings."""
    screen = _screen()
    names = _labels(study)
    screen.print(_counts(result))
    screen.print(_verdicts(result, names))
    tests = result.tests
    asked = tests[tests["verdict"].isin(list(VERDICT_STYLES)) | tests["significance_changes"]]
    if len(asked):
        screen.print("\n[bold]Not reproduced, and why[/bold]")
    for _, row in asked.iterrows():
        where = _place(row, names)
        screen.print(f"• [bold]{_plain(where)}[/bold]: {_plain(row['explanation'])}")
    if tests["assumes"].astype(bool).any():
        screen.print("What such a verdict presumes stands in the column assumes of audit.csv.")
    for weight, style in WEIGHT_STYLES.items():
        part = result.findings[result.findings["weight"] == weight]
        if len(part):
            screen.print(f"\n[bold {style}]Findings: {weight} ({len(part)})[/]")
        for _, row in part.iterrows():
            where = _place(row, names)
            lead = f"[bold]{_plain(where)}[/bold]: " if where else ""
            screen.print(f"• {lead}{_plain(row['finding'])}")


def print_inspect_sr(result: AuditResult) -> None:
    """Print the form of INSPECT-SR: what the numbers say, the rest left to the reader."""
    from bayesasthma.auditing import inspect_form

    screen = _screen()
    screen.print("[bold]INSPECT-SR[/bold] (Wilkinson et al. 2025): what the printed numbers say")
    for answer in inspect_form(result):
        lead = f"\n[bold]{answer.check}[/bold] {_plain(answer.about)}: "
        screen.print(lead + _plain(answer.numbers))
        for line in answer.details:
            screen.print(f"    • {_plain(line)}")
    screen.print("\nWhether a finding is a concern is the reader's judgement.")


def _screen() -> RichConsole:
    from rich.console import Console as RichConsole

    class Screen(RichConsole):
        """Standard output, whose end is the command's to handle: rich would exit with 1."""

        def on_broken_pipe(self) -> None:
            raise NobodyReadsError

    return Screen(highlight=False)


def _counts(result: AuditResult) -> RichTable:
    from rich.table import Table

    counts = result.counts()
    counts = counts.loc[:, (counts > 0).any()]
    table = Table(title=f"{len(result.tests)} printed p-values")
    table.add_column("kind")
    for name in counts.columns:
        table.add_column(str(name).replace("_", " "), justify="right")
    for kind, row in zip(counts.index, counts.to_numpy(), strict=True):
        table.add_row(str(kind), *(str(n) if n else "·" for n in row))
    return table


def _verdicts(result: AuditResult, names: dict[str, str]) -> RichTable:
    from rich.table import Table

    table = Table(title="Printed and recomputed")
    for name in ("where", "printed", "recomputed", "reachable", "verdict"):
        table.add_column(name, no_wrap=name in {"printed", "recomputed", "reachable"})
    for _, row in result.tests.iterrows():
        style = VERDICT_STYLES.get(row["verdict"], "")
        verdict = str(row["verdict"])
        if row["significance_changes"]:
            verdict += "; significance changes"
        point = row["p_low"] == row["p_high"] or row["p_low"] != row["p_low"]
        table.add_row(
            _plain(_place(row, names)),
            _plain(row["p_printed"]),
            "–" if row["p_recomputed"] != row["p_recomputed"] else f"{row['p_recomputed']:.2g}",
            "" if point else f"{row['p_low']:.2g} to {row['p_high']:.2g}",
            f"[{style}]{verdict}[/]" if style else verdict,
        )
    return table


def _labels(study: Study) -> dict[str, str]:
    found: dict[str, str] = {}
    for frame in (study.outcomes, study.arms, study.visits):
        found |= {str(i): str(label) for i, label in frame["label"].items() if label}
    return found


def _place(row: pd.Series, names: dict[str, str]) -> str:
    """``Table 4, FEV1 % predicted, AIT, 48 weeks``."""
    parts = [str(row[name]) for name in ("table", "outcome", "arm", "visit") if row[name]]
    return ", ".join(names.get(part, part.replace("_", " ").replace(":", ": ")) for part in parts)


def _plain(text: object) -> str:
    """Text in which square brackets are no markup."""
    from rich.markup import escape

    return escape(visible(str(text)))
