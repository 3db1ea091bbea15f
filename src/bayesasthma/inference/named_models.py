"""Fit one model to a study, by the names of the model, its priors and its correlations."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bayesasthma.errors import UsageError
from bayesasthma.inference.adverse_fits import AdverseFit, fit_adverse
from bayesasthma.inference.fitting import Fit, fit_table, silent
from bayesasthma.inference.sampling import Progress, SamplerOptions
from bayesasthma.likelihood.correlation import CorrelationPrior
from bayesasthma.models.specification import Baseline, Variance, table_spec
from bayesasthma.study.implied_correlations import passed_over, with_implied_correlations
from bayesasthma.study.patients_needed import require_patients
from bayesasthma.study.readings import Reading, read_as
from bayesasthma.study.study import Study

#: Word for correlations that follow from printed numbers.
PRINTED = "printed"
MODELS = ("independent", "longitudinal", "joint", "adverse")


def fit(
    study: Study,
    model: str = "longitudinal",
    prior: str | None = None,
    *,
    correlation: str | CorrelationPrior | None = None,
    variance: Variance | None = None,
    scale: str | None = None,
    dispersion: str | None = None,
    rounding: bool | None = None,
    baseline: Baseline | None = None,
    options: SamplerOptions | None = None,
    outcomes: list[str] | None = None,
    folder: str | Path | None = None,
    progress: Progress = silent,
) -> Fit | list[AdverseFit]:
    """Fit one model to a study.

    Parameters
    ----------
    study : Study
    model : {"independent", "longitudinal", "joint", "adverse"}
    prior : str, optional
        A prior set, or the path of a TOML file with one; each model has a default.
    correlation : str or CorrelationPrior, optional
        ``unstructured`` (default), ``exchangeable``, ``ar1``, ``exchangeable_ar1``, ``fixed:RHO``;
        or ``printed``: unstructured, with the correlations that printed differences and paired
        tests imply taken as published ones
        (:func:`bayesasthma.study.implied_correlations.with_implied_correlations`).
    variance : {"common", "by_arm"}, optional
        One SD over the arms at each visit, or one per arm.
    scale : {"identity", "log"} or "log:OUTCOME,...", optional
        Outcomes to take as log-normal, see :class:`bayesasthma.study.readings.Reading`.
    dispersion : {"sd", "se"} or "se:OUTCOME,...", optional
        Outcomes whose printed SDs to take as standard errors.
    rounding : bool, optional
        Whether printed numbers carry their rounding error.
    baseline : {"common", "free"}, optional
        One population mean of all arms at baseline, or one per arm; by default ``common`` where the
        study was randomised.
    options : SamplerOptions, optional
    outcomes : list of str, optional
    folder : path, optional
        Where fits are kept and resumed from.
    progress : callable
        Receives a line per stage.

    Returns
    -------
    Fit, or for ``adverse`` a list of AdverseFit
        One per model (independent, hierarchical) and reading of the counts.

    Raises
    ------
    UsageError
        If a name is unknown or the study lacks what the model needs.
    StudyError
        If rows have too few patients for a model, naming every one.
    """
    if model not in MODELS:
        raise UsageError(f"unknown model {model!r}; there are {', '.join(MODELS)}")
    where = Path(folder) if folder is not None else None
    if model == "adverse":
        return fit_adverse(study, prior or "weak", options, folder=where, progress=progress)
    require_patients(study, outcomes)
    given = study if correlation != PRINTED else with_implied_correlations(study)
    left = passed_over(study) if correlation == PRINTED else []
    if correlation == PRINTED and given is study:
        why = "".join(f"\n  {text}" for text in left) or " (the bundle has neither)"
        raise UsageError(f"no printed difference or stated paired t test pins a correlation{why}")
    for text in left:
        progress(f"correlation printed: {text}")
    structure = None if correlation == PRINTED else correlation
    spec = table_spec(model, prior, structure, variance, rounding, baseline)
    study = read_as(given, Reading.parse(scale, dispersion))
    if correlation == PRINTED:
        study = replace(study, reading="-".join(filter(None, [study.reading, "printed"])))
    return fit_table(study, spec, options, outcomes=outcomes, folder=where, progress=progress)
