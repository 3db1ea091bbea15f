"""The command `tables`: parse, call, print."""

from __future__ import annotations

from typing import Annotated

import typer

from bayesasthma.commands._options import (
    GATE_FAILED,
    JsonOption,
    OutOption,
    QuietOption,
    StudyArg,
    load,
    results_folder,
)
from bayesasthma.commands.console import Console
from bayesasthma.errors import UsageError


def tables(
    study: StudyArg = "liu2025",
    format_: Annotated[
        list[str] | None,
        typer.Option("--format", help="docx, latex or html; may be repeated.  [default: all]"),
    ] = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            help="baseline, effects, reactions or comparison; may be repeated.  [default: all]"
        ),
    ] = None,
    visit: Annotated[
        str | None,
        typer.Option(
            help="A follow-up visit, or 'last': of each outcome its last.  [default: all]"
        ),
    ] = None,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Tables for a paper from a finished run: DOCX, LaTeX, HTML; needs bayesasthma[journal]."""
    from bayesasthma.reporting.journal import (
        ENDINGS,
        TABLES,
        at_visit,
        journal_tables,
        write_tables,
    )
    from bayesasthma.reporting.journal.saved_run import load_run
    from bayesasthma.specification_curve import load_sensitivity

    console = Console(quiet, as_json)
    formats = _known("format", format_, tuple(ENDINGS))
    names = _known("table", table, TABLES)
    bundle = load(study)
    folder = results_folder(out, bundle)
    results = load_run(bundle, folder)
    if visit is not None:
        results = at_visit(results, visit)
    curve = load_sensitivity(bundle, folder)
    if isinstance(curve, str):
        console.progress(f"no range over specifications: {curve}")
    made = journal_tables(results, curve)
    without = [name for name in names if name not in made]
    if without and table:
        raise UsageError(f"{bundle.name} has nothing for {', '.join(without)}")
    wanted = {name: own for name, own in made.items() if name in names}
    written = write_tables(wanted, folder / "tables", formats)
    withheld = [name for name, own in wanted.items() if not all(each.quoted for each in own)]
    console.facts(
        {
            "study": bundle.name,
            "files": [str(path) for path in written],
            "not_quoted_in": withheld,
        },
        "\n".join(str(path) for path in written),
    )
    if withheld:
        console.progress(
            f"some numbers of {', '.join(withheld)} are not quoted: their fit failed its "
            "diagnostics gate"
        )
        raise typer.Exit(GATE_FAILED)


def _known(option: str, given: list[str] | None, known: tuple[str, ...]) -> list[str]:
    """What is asked for, in the order of what there is; all of it by default."""
    for name in given or ():
        if name not in known:
            raise UsageError(f"--{option} {name!r}: there are {', '.join(known)}")
    return [name for name in known if not given or name in given]
