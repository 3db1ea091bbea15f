"""The commands ``study list``, ``study check`` and ``study new``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bayesasthma.commands._options import JsonOption, StudyArg
from bayesasthma.commands.console import Console
from bayesasthma.errors import UsageError

app = typer.Typer(help="List, check and scaffold study bundles.", no_args_is_help=True)


@app.command("list")
def study_list(as_json: JsonOption = False) -> None:
    """List the bundled studies."""
    import pandas as pd

    from bayesasthma.study.bundle import bundled_studies, load_study

    rows = []
    for name in bundled_studies():
        item = load_study(name)
        arms = ", ".join(f"{arm.label} (n = {arm.n})" for arm in item.arms.itertuples())
        rows.append(
            {
                "study": name,
                "arms": arms,
                "outcomes": len(item.outcomes),
                "visits": len(item.visits),
                "citation": item.citation,
            }
        )
    Console(False, as_json).data(pd.DataFrame(rows))


@app.command("check")
def study_check(study: StudyArg, as_json: JsonOption = False) -> None:
    """Validate a bundle; reports every problem at once, then what it says twice and otherwise."""
    from bayesasthma.models.design import design
    from bayesasthma.study.bundle import load_study
    from bayesasthma.study.patients_needed import require_patients
    from bayesasthma.study.printed_twice import NOTE, printed_twice

    item = load_study(study)
    require_patients(item)
    if not item.outcomes.empty:
        design(item)  # what a fit would refuse is refused here
    remarks = printed_twice(item)
    asked = [remark for remark in remarks if remark.weight != NOTE]
    facts = {
        "study": item.name,
        "valid": True,
        "outcomes": len(item.outcomes),
        "remarks": [vars(remark) for remark in remarks],
    }
    lines = [f"{remark.weight}: {remark.where}: {remark.text}" for remark in remarks]
    last = f"{len(asked)} to look at; the bundle can be used" if asked else "no problems found"
    Console(False, as_json).facts(facts, "\n".join([str(item), *lines, last]))


@app.command("new")
def study_new(
    folder: Annotated[Path, typer.Argument(help="A folder to make.")],
    table: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A table as printed (csv, tsv or xlsx): columns outcome, visit and one per arm, "
            "such as 'Placebo (n = 20)'.",
        ),
    ] = None,
    decimal: Annotated[
        str | None, typer.Option(help="Decimal mark of the table, '.' or ',', if to be stated.")
    ] = None,
    value_is: Annotated[
        str | None, typer.Option(help="What stands beside a mean in a cell: sd (default) or se.")
    ] = None,
    control: Annotated[str | None, typer.Option(help="Label of the control arm.")] = None,
    randomised: Annotated[
        bool | None,
        typer.Option("--randomised/--not-randomised", help="Whether patients were randomised."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a commented scaffold of a bundle, or turn a table into one."""
    from bayesasthma.study.template import write_template
    from bayesasthma.study.wide_table import bundle_from_table

    if table is None:
        if (decimal, value_is, control, randomised) != (None, None, None, None):
            raise UsageError("--decimal, --value-is, --control and --randomised go with --from")
        written = write_template(folder)
    else:
        for name, value, known in (
            ("decimal", decimal, (".", ",")),
            ("value-is", value_is, ("sd", "se")),
        ):
            if value is not None and value not in known:
                raise UsageError(f"--{name} is {known[0]} or {known[1]}, not {value!r}")
        written = bundle_from_table(
            table,
            folder,
            decimal=decimal,
            value_is=value_is or "",
            control=control,
            randomised=randomised,
        )
    paths = [str(path) for path in written]
    hint = f"\nnext: bayesasthma study check {folder}" if table is not None else ""
    Console(False, as_json).facts({"files": paths}, "\n".join(paths) + hint)
