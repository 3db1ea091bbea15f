"""What `quote --prior "normal(…)"` runs: the fits there are, and refits where they do not reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayesasthma.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from bayesasthma.comparison.normal_prior import NormalPrior
    from bayesasthma.inference.adverse_fits import AdverseFit
    from bayesasthma.inference.fitting import Fit
    from bayesasthma.inference.sampling import Progress, SamplerOptions
    from bayesasthma.models.specification import TableSpec
    from bayesasthma.study.study import Study


def quotes_under(
    study: Study,
    prior: NormalPrior,
    outcome: str | None,
    outcomes: list[str],
    events: list[str],
    asked: dict[str, Any],
    options: SamplerOptions,
    folder: Path,
    *,
    progress: Progress,
    correlation: str | None,
    baseline: str | None,
) -> pd.DataFrame:
    """Statements under a prior of the user's own.

    Raises
    ------
    UsageError
        If a prior in one outcome's unit is to serve several, or a margin or a decision rule is
        asked for.
    """
    from bayesasthma._files.output import write_text
    from bayesasthma.comparison.own_prior import (
        event_prior_file,
        quote_events_under,
        quote_outcomes,
    )
    from bayesasthma.inference.adverse_fits import fit_adverse
    from bayesasthma.inference.fitting import fit_table
    from bayesasthma.models.specification import table_spec
    from bayesasthma.specification_curve import load_sensitivity

    for name in ("margin", "success"):
        if asked[name] is not None:
            raise UsageError(f"--{name}: not with a prior of your own; give a prior set")
    if outcome is None and prior.unit == "outcome":
        raise UsageError(
            f"--prior {str(prior)!r} is in the unit of one outcome or event: name it with "
            "--outcome, or give the prior in baseline SDs or MCIDs, such as normal(0, 0.5, sd)"
        )
    kept, curve = folder / "posterior", load_sensitivity(study, folder)
    chosen = {name: asked[name] for name in ("visit", "threshold", "despite_gate")}
    if events and (outcome is not None or not outcomes):
        if prior.unit != "outcome":
            raise UsageError(f"--prior {str(prior)!r}: a log odds ratio has no other unit")
        if asked["estimand"] not in (None, "risk_difference"):
            raise UsageError(
                f"--estimand {asked['estimand']}: with a prior of your own events are quoted by "
                "their risk difference"
            )

        def refit_events(own: NormalPrior) -> Sequence[AdverseFit]:
            path = kept / "reader.toml"
            write_text(event_prior_file(own), path)
            return fit_adverse(study, str(path), options, folder=kept, progress=progress)

        fits = fit_adverse(study, "weak", options, folder=kept, progress=progress)
        return quote_events_under(fits, prior, events, curve=curve, refit=refit_events, **chosen)
    spec = table_spec("longitudinal", None, correlation, baseline=baseline)  # type: ignore[arg-type]
    fit = fit_table(study, spec, options, folder=kept, progress=progress)

    def refit(name: str, own: TableSpec) -> Fit:
        return fit_table(study, own, options, outcomes=[name], folder=kept, progress=progress)

    return quote_outcomes(
        fit, prior, outcomes, spec=spec, estimand=asked["estimand"], curve=curve, refit=refit,
        **chosen,
    )  # fmt: skip
