"""What to fit: model, prior set, correlation structure and the readings of the table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from bayesasthma.likelihood.correlation import CorrelationPrior
from bayesasthma.priors.distributions import PriorSet
from bayesasthma.priors.named_sets import prior_set

Variance = Literal["common", "by_arm"]
Baseline = Literal["common", "free"]


@dataclass(frozen=True)
class TableSpec:
    """Specification of a model of printed means and SDs.

    Attributes
    ----------
    model : {"independent", "longitudinal", "joint"}
    prior : PriorSet
    correlation : CorrelationPrior
        Ignored by ``independent``, which uses no correlations.
    variance : {"common", "by_arm"}
        One SD over all arms at each visit (as Student's t test has it), or one per arm.
    rounding : bool
        Treat each printed number as its unrounded value plus a uniform error.
    baseline : {"common", "free"} or None
        One population mean of all arms at baseline, as randomisation gives them, or one per arm.
        None leaves it to the study: ``common`` where it was randomised. Ignored by ``independent``,
        which looks at each visit by itself.
    """

    model: str
    prior: PriorSet
    correlation: CorrelationPrior = field(default_factory=CorrelationPrior)
    variance: Variance = "by_arm"
    rounding: bool = True
    baseline: Baseline | None = None

    @property
    def label(self) -> str:
        """Short name, unique among a run's fits: it names the saved file."""
        parts = [self.model, self.prior.name.replace(":", "")]
        if self.model != "independent" and self.correlation != CorrelationPrior():
            parts.append(self.correlation.label.replace(":", ""))
        default = TABLE_DEFAULTS[self.model]
        if self.variance != default["variance"]:
            parts.append(self.variance)
        if self.rounding != default["rounding"]:
            parts.append("rounded" if self.rounding else "unrounded")
        if self.baseline is not None and self.model != "independent":
            parts.append(f"{self.baseline}_baseline")
        return "-".join(parts)

    def record(self) -> dict[str, Any]:
        """Everything that identifies the specification, as plain data."""
        return asdict(self)


#: ``independent`` is the analytic benchmark: one SD over the arms and the numbers at face value, as
#: the t test has it. ``longitudinal`` and ``joint`` make neither assumption.
TABLE_DEFAULTS: dict[str, dict[str, Any]] = {
    "independent": {"prior": "reference", "variance": "common", "rounding": False},
    "longitudinal": {"prior": "weak", "variance": "by_arm", "rounding": True},
    "joint": {"prior": "weak", "variance": "by_arm", "rounding": True},
}


def table_spec(
    model: str,
    prior: str | PriorSet | None = None,
    correlation: str | CorrelationPrior | None = None,
    variance: Variance | None = None,
    rounding: bool | None = None,
    baseline: Baseline | None = None,
) -> TableSpec:
    """Specification of ``model`` with its defaults filled in.

    Raises
    ------
    UsageError, ValueError
        If the prior set or the correlation structure is unknown.
    """
    defaults = TABLE_DEFAULTS[model]
    if correlation is None:
        correlation = CorrelationPrior()
    elif isinstance(correlation, str):
        correlation = CorrelationPrior.parse(correlation)
    return TableSpec(
        model=model,
        prior=prior if isinstance(prior, PriorSet) else prior_set(prior or defaults["prior"]),
        correlation=correlation,
        variance=variance or defaults["variance"],
        rounding=defaults["rounding"] if rounding is None else rounding,
        baseline=baseline,
    )
