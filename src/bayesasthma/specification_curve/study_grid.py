"""A grid held against one study: what its choices mean there, and which of them it cannot have."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from bayesasthma.errors import UsageError
from bayesasthma.inference.event_groups import distinct_readings
from bayesasthma.likelihood.correlation import CorrelationPrior
from bayesasthma.models.adverse_counts import READINGS, counts
from bayesasthma.models.design import design, identified_outcomes
from bayesasthma.models.outcome_groups import unsuitable
from bayesasthma.models.specification import TableSpec
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.results.effect_table import without_baseline_levels
from bayesasthma.specification_curve.grid import (
    AdverseChoices,
    Grid,
    Specification,
    TableChoices,
)
from bayesasthma.study.external_evidence import outcome_evidence, reaction_evidence
from bayesasthma.study.readings import Reading, read_as
from bayesasthma.study.study import Study


def table_spec_of(choices: TableChoices) -> TableSpec:
    """The model specification of a fit's choices; readings of the table are the study's part."""
    correlation = (
        CorrelationPrior()
        if choices.correlation == "none"
        else CorrelationPrior.parse(choices.correlation)
    )
    return TableSpec(
        model=choices.model,
        prior=prior_set(choices.prior),
        correlation=correlation,
        variance=choices.variance,  # type: ignore[arg-type]
        rounding=choices.rounding,
        baseline=None if choices.baseline == "design" else choices.baseline,  # type: ignore[arg-type]
    )


def read_study(study: Study, choices: TableChoices) -> Study:
    """The study as the choices read its table: log scale, dispersions as standard errors.

    Raises
    ------
    UsageError
        If the study cannot be read so.
    """
    return read_as(study, Reading(choices.scale, choices.dispersion))


def default_for(study: Study) -> Specification:
    """The package's default as this study has it.

    Without a baseline it is the plain difference, and of changes alone whose arms were not
    allocated at random the difference in change.
    """
    default = Specification()
    if len(study.visits) == 1:
        return Specification(replace(default.fit, correlation="none"), "difference")
    if study.baseline_visit is None:
        return Specification(default.fit, "difference")
    changes_alone = 0 < len(without_baseline_levels(study)) == len(study.outcomes)
    if changes_alone and not study.randomised:
        return replace(default, adjustment="change")
    return default


def repeated_outcomes(study: Study, choices: TableChoices) -> set[str]:
    """Outcomes for which a fit repeats one with plainer choices.

    The log scale leaves some outcomes as they are, and external evidence exists for few.
    """
    found: set[str] = set()
    names = [str(name) for name in study.outcomes.index]
    if choices.scale == "log":
        read = read_study(study, replace(choices, dispersion="sd"))
        found |= {name for name in names if name not in read.log_outcomes}
    if prior_set(choices.prior).external_weight is not None:
        read = read_study(study, choices)
        found |= {name for name in names if outcome_evidence(read, name) is None}
    return found


def fitted_outcomes(study: Study, choices: TableChoices) -> list[str]:
    """Outcomes that the choices have fitted, in the study's order.

    All in a joint model, which they inform; else those that have something to report (printed at a
    follow-up visit, for the independent model as a level), that a flat prior can be fitted to where
    the prior is one, and that do not repeat a fit with plainer choices.
    """
    names = [str(name) for name in study.outcomes.index]
    if choices.model == "joint":
        return names
    seen = study.table["mean"].sel(visit=list(study.follow_up)).notnull().any(["arm", "visit"])
    statistics = ["level"] if choices.model == "independent" else ["level", "change"]
    printed = seen.sel(statistic=statistics).any("statistic").to_series()
    left_out = repeated_outcomes(study, choices)
    if prior_set(choices.prior).flat and choices.model != "independent":
        read = read_study(study, choices)
        left_out |= set(names) - set(identified_outcomes(design(read)))
    return [name for name in names if printed[name] and name not in left_out]


def repeated_reactions(study: Study, choices: AdverseChoices) -> set[str]:
    """Reactions for which a fit repeats one with plainer choices: without external evidence."""
    if choices.model == "independent" or prior_set(choices.prior).external_weight is None:
        return set()
    return {
        str(name)
        for name in dict.fromkeys(study.adverse["reaction"])
        if reaction_evidence(study, str(name)) is None
    }


def grid_for(grid: Grid, study: Study) -> Grid:
    """The grid without what this study cannot have, each with its reason."""
    own = _StudyChoices(study)
    return grid.keep(own.table, own.adverse)


class _StudyChoices:
    """What the choices of a grid come to in one study."""

    def __init__(self, study: Study) -> None:
        self.study = study
        # each is asked of hundreds of specifications, with few answers
        self._table_reading = cache(self._try_table)
        self._joint_table = cache(self._try_joint)
        self._nothing_left = cache(self._try_outcomes)
        self._count_reading = cache(self._try_counts)

    def table(self, item: Specification) -> Specification | str:
        """The specification as this study has it, or why it cannot have it."""
        study, fit = self.study, item.fit
        if study.outcomes.empty:
            return "the study prints events alone"
        if item.adjustment != "difference":
            if study.baseline_visit is None:
                return "the study has no baseline visit"
            if len(study.visits) == 1:
                return "the study has one visit: the difference is all there is"
        reason = self._table_reading(fit.scale, fit.dispersion) or self._joint(fit)
        if reason := reason or self._nothing_left(fit.model, fit.prior, fit.scale, fit.dispersion):
            return reason
        item, reason = self._baseline(item)
        if reason:
            return reason
        fit = item.fit
        if len(study.visits) == 1:
            # no correlation to choose: one of them stands for all
            fit = replace(fit, correlation="none")
        if study.patients is not None:
            fit = replace(fit, rounding=True)
        return replace(item, fit=fit)

    def _baseline(self, item: Specification) -> tuple[Specification, str]:
        """The specification with the study's own word for its baseline, or why it has none."""
        study, fit = self.study, item.fit
        if fit.model == "independent" or study.baseline_visit is None or len(study.visits) == 1:
            return replace(item, fit=replace(fit, baseline="design")), ""
        if fit.baseline == "common" and not study.randomised:
            return item, (
                "patients were not allocated at random: nothing makes the arms' population means "
                "equal at baseline"
            )
        if fit.baseline == ("common" if study.randomised else "free"):
            fit = replace(fit, baseline="design")
        if study.randomised and fit.baseline == "design":
            # the difference, the difference in change and the adjusted difference are one
            item = replace(item, adjustment="adjusted")
        return replace(item, fit=fit), ""

    def adverse(self, item: AdverseChoices) -> str:
        """Why the study cannot have it; empty if it can."""
        if self.study.adverse.empty:
            return "the study prints no adverse reactions"
        if item.reading not in distinct_readings(self.study, READINGS):
            return "every event is counted at one visit: the readings are one"
        return self._count_reading(item.reading)

    def _joint(self, fit: TableChoices) -> str:
        if fit.model != "joint":
            return ""
        if prior_set(fit.prior).family == "mixture":
            return "the joint model takes normal prior sets"
        return self._joint_table(fit.scale, fit.dispersion)

    def _try_table(self, scale: str, dispersion: str) -> str:
        try:
            read_study(self.study, TableChoices(scale=scale, dispersion=dispersion))
        except UsageError as error:
            return str(error)
        return ""

    def _try_joint(self, scale: str, dispersion: str) -> str:
        read = read_study(self.study, TableChoices(scale=scale, dispersion=dispersion))
        try:
            return unsuitable(design(read)) or ""
        except UsageError as error:
            return str(error)

    def _try_outcomes(self, model: str, prior: str, scale: str, dispersion: str) -> str:
        choices = TableChoices(model=model, prior=prior, scale=scale, dispersion=dispersion)
        if fitted_outcomes(self.study, choices):
            return ""
        if prior_set(prior).flat and model != "independent":
            return (
                "no outcome is printed as a level in every arm at every visit, as flat priors need"
            )
        if prior_set(prior).external_weight is None:
            return "the study prints no level at a follow-up visit"
        if scale == "log":
            return "no outcome with external evidence suits the log scale"
        return "there is no external evidence on an outcome of the study"

    def _try_counts(self, reading: str) -> str:
        try:
            counts(self.study, reading)
        except UsageError as error:
            return str(error)
        return ""
