"""The commands ``prior list`` and ``prior show``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayesasthma.commands._options import JsonOption, StudyArg
from bayesasthma.commands.console import Console

if TYPE_CHECKING:
    import pandas as pd

    from bayesasthma.priors.distributions import PriorSet

app = typer.Typer(help="List prior sets, and hold them against a study.", no_args_is_help=True)


@app.command("list")
def prior_list(as_json: JsonOption = False) -> None:
    """List the named prior sets with formula, justification and source."""
    from bayesasthma.priors.named_sets import registry

    facts = [_facts(prior) for prior in registry()]
    text = "\n\n".join(_text(prior) for prior in registry())
    typer.echo(json.dumps(facts, indent=1) if as_json else text)


@app.command("show")
def prior_show(
    name: Annotated[
        str, typer.Argument(help="A prior set, external:WEIGHT, or the path of a TOML file.")
    ] = "weak",
    study: StudyArg = "liu2025",
    scale: Annotated[
        str | None, typer.Option(help="identity, log or log:OUTCOME,...: see 'fit --help'.")
    ] = None,
    dispersion: Annotated[
        str | None, typer.Option(help="sd, se or se:OUTCOME,...: see 'fit --help'.")
    ] = None,
    rho: Annotated[
        float | None,
        typer.Option(
            help="Within-patient correlation at which estimates are adjusted for baseline.  "
            "[default: the one that the table pins, else the median of its prior]",
            min=0.0,
            max=0.99,
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a prior set says of a study's effects, and whether the data contradict it."""
    from bayesasthma.comparison.prior_check import DEFAULT_RHO, prior_check
    from bayesasthma.priors.named_sets import prior_set
    from bayesasthma.study.bundle import load_study
    from bayesasthma.study.readings import Reading, read_as

    prior = prior_set(name)
    bundle = read_as(load_study(study), Reading.parse(scale, dispersion))
    table = prior_check(bundle, prior, DEFAULT_RHO if rho is None else rho, printed=rho is None)
    records = json.loads(table.to_json(orient="records"))
    Console(False, as_json).facts(
        {**_facts(prior), "study": bundle.name, "check": records},
        f"{_text(prior)}\n\n{_rows(table, DEFAULT_RHO if rho is None else rho)}",
    )


def _facts(prior: PriorSet) -> dict[str, Any]:
    names = ("name", "formula", "justification", "source")
    return {name: getattr(prior, name) for name in names}


def _text(prior: PriorSet) -> str:
    return f"{prior.name}: {prior.formula}\n  {prior.justification}\n  Source: {prior.source}"


def _rows(table: pd.DataFrame, rho: float) -> str:
    """The columns that fit a terminal."""
    from bayesasthma.comparison.printed_correlations import adjusted_at

    shown = table.assign(what=table["outcome"].where(table["outcome"] != "", table["reaction"]))
    columns = [
        "what", "arm", "visit", "formula", "q2_5", "median", "q97_5", "p_benefit",
        "p_benefit_gt_mcid", "estimate", "se", "conflict_p",
    ]  # fmt: skip
    rows = shown[columns].to_string(index=False, float_format="{:.3g}".format, na_rep="-")
    outcomes = table[table["outcome"] != ""]
    what = ""
    if len(outcomes):
        at = adjusted_at(outcomes["rho"].to_numpy(), outcomes["rho_pinned"].to_numpy(bool), rho)
        how = f", baseline-adjusted {at}" if at else ""
        what = f"Priors and estimates of the effect (treated minus control) in outcome units{how}; "
    return (
        f"{rows}\n\n{what}of reactions and other events, log odds ratios.\nconflict_p: prior "
        "predictive probability of an estimate at least as surprising (Box 1980)."
    )
