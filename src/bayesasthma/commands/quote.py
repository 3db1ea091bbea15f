"""The command `quote`: parse, call, print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bayesasthma.commands._options import (
    DRAWS,
    GATE_FAILED,
    TUNE,
    BaselineOption,
    ChainsOption,
    DrawsOption,
    JsonOption,
    MissingOption,
    OutOption,
    QuietOption,
    SeedOption,
    StudyArg,
    TuneOption,
    check_baseline,
    load,
    results_folder,
    sampler_options,
)
from bayesasthma.commands.console import Console
from bayesasthma.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from bayesasthma.inference.sampling import SamplerOptions
    from bayesasthma.models.specification import TableSpec
    from bayesasthma.study.study import Study


def quote(
    study: StudyArg = "liu2025",
    outcome: Annotated[
        str | None,
        typer.Option(
            help="Outcome or event.  [default: all outcomes; of events those that are no adverse "
            "reactions, and all if there is nothing else]"
        ),
    ] = None,
    visit: Annotated[
        str | None, typer.Option(help="Visit; the last of each outcome by default.")
    ] = None,
    threshold: Annotated[
        str | None,
        typer.Option(
            help="A benefit in the outcome's unit, or 'mcid'; of an event a difference in risk, "
            "such as 0.05."
        ),
    ] = None,
    margin: Annotated[
        str | None,
        typer.Option(
            help="Margin of non-inferiority, likewise: adds P(not worse by more than it)."
        ),
    ] = None,
    estimand: Annotated[
        str | None, typer.Option(help="The headline of each outcome by default.")
    ] = None,
    prior: Annotated[
        str | None,
        typer.Option(
            help="Prior set, or a prior of your own: 'normal(0, 2)' of the benefit in the "
            "outcome's unit, 'normal(0, 0.5, sd)' in baseline SDs; of an event's log odds ratio."
        ),
    ] = None,
    correlation: Annotated[str | None, typer.Option(help="Correlation structure.")] = None,
    baseline: BaselineOption = None,
    success: Annotated[
        str | None,
        typer.Option(
            help="A decision rule, such as 'P(benefit) > 0.975' or 'P(benefit > mcid) > 0.8': "
            "whether it is met, and its type I error in the committed proof."
        ),
    ] = None,
    missing: MissingOption = None,
    length: Annotated[str, typer.Option(help="paragraph (everything) or sentence.")] = "paragraph",
    form: Annotated[str, typer.Option("--format", help="text, markdown, latex or json.")] = "text",
    despite_gate: Annotated[
        bool, typer.Option("--despite-gate", help="Quote although the gate fails; says so.")
    ] = False,
    draws: DrawsOption = DRAWS,
    tune: TuneOption = TUNE,
    chains: ChainsOption = 4,
    seed: SeedOption = 20250711,
    out: OutOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Ready-to-paste statements with interval, probability of benefit, prior and gate."""
    import pandas as pd

    from bayesasthma.commands._own_prior import quotes_under
    from bayesasthma.comparison.normal_prior import is_normal, parse_normal

    check_baseline(baseline)
    _check(length, form)
    console = Console(quiet, as_json or form == "json")
    bundle = load(study)
    folder = results_folder(out, bundle)
    options = sampler_options(draws, tune, chains, seed, console)
    asked: dict[str, Any] = {
        "visit": visit,
        "threshold": _size("threshold", threshold),
        "margin": _size("margin", margin),
        "estimand": estimand,
        "despite_gate": despite_gate,
        "success": success,
    }
    left = _left(bundle, missing, prior)
    outcomes, events = _subjects(bundle, outcome, estimand)
    if outcome is None and _has_size(asked):
        # one size does not suit both a mean and a risk
        events = [] if outcomes else events
    _check_asked(bundle, outcomes, events, asked)
    if prior is not None and is_normal(prior):
        if length == "sentence":
            raise UsageError("--length sentence: not with a prior of your own; give a prior set")
        found = quotes_under(
            bundle, parse_normal(prior), outcome, outcomes, events, asked, options, folder,
            progress=console.progress, correlation=correlation, baseline=baseline,
        )  # fmt: skip
        console.data(found, _text(found, "paragraph", form))
        if (found["gate"] != "pass").any():
            raise typer.Exit(GATE_FAILED)
        return
    tables = []
    if outcomes:
        from bayesasthma.models.specification import table_spec

        spec = table_spec("longitudinal", prior, correlation, baseline=baseline)  # type: ignore[arg-type]
        tables.append(
            _outcome_quotes(bundle, outcome, spec, asked | left, options, folder, console)
        )
    if events:
        tables.append(_event_quotes(bundle, events, prior, asked, options, folder, console))
    if not tables:
        raise UsageError(f"{bundle.name} prints neither outcomes nor events to quote")
    table = pd.concat(tables, ignore_index=True)
    console.data(table, _text(table, length, form))
    if (table["gate"] != "pass").any():
        raise typer.Exit(GATE_FAILED)


def _left(bundle: Study, missing: str | None, prior: str | None) -> dict[str, Any]:
    """What is asked of patients who left; nothing unless it is asked by name."""
    from bayesasthma.comparison.normal_prior import is_normal
    from bayesasthma.study.left_patients import left_patients

    if missing is None:
        return {}
    if prior is not None and is_normal(prior):
        raise UsageError("--missing: not with a prior of your own; give a prior set")
    return {"missing": left_patients(bundle, missing)}


def _check(length: str, form: str) -> None:
    """Refuse a length or a format that there is not."""
    from bayesasthma.comparison.quote_formats import FORMATS

    if length not in ("paragraph", "sentence"):
        raise UsageError(f"unknown length {length!r}; there are paragraph, sentence")
    if form not in FORMATS:
        raise UsageError(f"unknown format {form!r}; there are {', '.join(FORMATS)}")


def _has_size(asked: dict[str, Any]) -> bool:
    """Whether a size is asked about: a threshold, a margin, or one within a decision rule."""
    from bayesasthma.comparison.decision_rules import parse_rule

    rule = parse_rule(asked["success"]) if asked["success"] is not None else None
    sizes = (asked["threshold"], asked["margin"], rule.size if rule is not None else None)
    return any(size is not None for size in sizes)


def _text(table: pd.DataFrame, length: str, form: str) -> str:
    """The statements in the format asked for, a blank line between two."""
    from bayesasthma.comparison.quote_formats import as_latex, as_markdown

    texts = table["sentence" if length == "sentence" else "statement"]
    mark = {"markdown": as_markdown, "latex": as_latex}.get(form)
    if mark is None:
        return "\n\n".join(texts)
    labels = table["label"] if "label" in table else [""] * len(table)
    return "\n\n".join(mark(text, label) for text, label in zip(texts, labels, strict=True))


def _subjects(
    bundle: Study, outcome: str | None, estimand: str | None
) -> tuple[list[str], list[str]]:
    """Which outcomes and which events are asked for."""
    outcomes = [str(name) for name in bundle.outcomes.index]
    directions = bundle.event_directions
    if outcome is None:
        if estimand is not None:
            return (outcomes, []) if outcomes else ([], list(directions))
        events = [name for name, sign in directions.items() if sign != -1]
        return outcomes, events if outcomes else list(directions)
    if outcome in outcomes:
        return [outcome], []
    if outcome in directions:
        return [], [outcome]
    known = ", ".join([*outcomes, *directions])
    raise UsageError(f"no outcome {outcome!r} in this study; there are {known}")


def _outcome_quotes(
    bundle: Study,
    outcome: str | None,
    spec: TableSpec,
    asked: dict[str, Any],
    options: SamplerOptions,
    folder: Path,
    console: Console,
) -> pd.DataFrame:
    from bayesasthma.comparison.quotes import quote as statements
    from bayesasthma.inference.fitting import fit_table
    from bayesasthma.reporting.rule_errors import rule_error
    from bayesasthma.specification_curve import load_sensitivity

    result = fit_table(
        bundle, spec, options, folder=folder / "posterior", progress=console.progress
    )
    curve = load_sensitivity(bundle, folder)
    return statements(result, outcome, curve=curve, error_of=rule_error, **asked)


def _event_quotes(
    bundle: Study,
    events: list[str],
    prior: str | None,
    asked: dict[str, Any],
    options: SamplerOptions,
    folder: Path,
    console: Console,
) -> pd.DataFrame:
    import pandas as pd

    from bayesasthma.comparison.event_quotes import quote_events
    from bayesasthma.inference.adverse_fits import fit_adverse
    from bayesasthma.specification_curve import load_sensitivity

    fits = fit_adverse(
        bundle,
        prior or "weak",
        options,
        folder=folder / "posterior",
        progress=console.progress,
    )
    curve = load_sensitivity(bundle, folder)
    return pd.concat(
        [quote_events(fits, event, curve=curve, **asked) for event in events], ignore_index=True
    )


def _size(name: str, value: str | None) -> float | str | None:
    """The number of an option, or ``mcid``."""
    if value is None or value == "mcid":
        return value
    try:
        return float(value)
    except ValueError as error:
        raise UsageError(f"--{name} {value!r}: a number, or 'mcid'") from error


def _check_asked(
    bundle: Study, outcomes: list[str], events: list[str], asked: dict[str, Any]
) -> None:
    """Refuse what no fit could answer, before there is one."""
    from bayesasthma.comparison.event_quotes import ESTIMANDS as OF_EVENTS
    from bayesasthma.comparison.quotes import size
    from bayesasthma.results.effect_table import DESCRIPTIONS

    for name in ("threshold", "margin"):
        size(f"--{name}", asked[name])
    visit, estimand = asked["visit"], asked["estimand"]
    if visit is not None and visit not in bundle.visits.index:
        raise UsageError(f"no visit {visit!r}; there are {', '.join(bundle.visits.index)}")
    known = [*(DESCRIPTIONS if outcomes else ()), *(OF_EVENTS if events else ())]
    if estimand is not None and estimand not in known:
        raise UsageError(f"no estimand {estimand!r}; there are {', '.join(dict.fromkeys(known))}")
