"""What a prior set says of a study before the data, and whether the data contradict it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special, stats

from bayesasthma.comparison.printed_correlations import baseline_correlations
from bayesasthma.errors import UsageError
from bayesasthma.inference.event_groups import oriented
from bayesasthma.likelihood.correlation import CorrelationPrior
from bayesasthma.models.adverse_counts import counts, log_odds_priors
from bayesasthma.models.design import Design, design
from bayesasthma.models.moments import effect_priors
from bayesasthma.models.specification import TableSpec
from bayesasthma.priors.distributions import Component, EffectPrior, PriorSet
from bayesasthma.priors.named_sets import check_names
from bayesasthma.study.study import Study

#: Within-patient correlation at which estimates are adjusted where the table pins none: the median
#: of its prior.
DEFAULT_RHO = float(special.expit(CorrelationPrior().location))
#: Normals that stand for a Student t blurred by an error.
NODES = 1000
QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)

COLUMNS = [
    "study", "prior", "outcome", "reaction", "arm", "visit", "estimand", "unit", "formula",
    "q2_5", "q25", "median", "q75", "q97_5", "p_benefit", "p_benefit_gt_mcid",
    "rho", "estimate", "se", "conflict_z", "conflict_p", "rho_pinned",
]  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """A frequentist estimate in baseline SDs.

    Attributes
    ----------
    outcome, arm, visit : int
        Positions in the design.
    value, error : float
        Of the treatment effect, and its standard error.
    of_change : bool
        Whether it is a difference in change, for no level is printed.
    rho : float
        Within-patient correlation at which it is adjusted for baseline, the mean of the two arms';
        NaN where it is not adjusted.
    pinned : bool
        Whether the table pins the correlation in both arms.
    """

    outcome: int
    arm: int
    visit: int
    value: float
    error: float
    of_change: bool = False
    rho: float = float("nan")
    pinned: bool = False


def cdf(prior: EffectPrior, x: np.ndarray | float, error: float = 0.0) -> np.ndarray:
    """Chance of an effect (or, with an ``error``, of its estimate) of at most ``x``."""
    parts = [p.weight * np.asarray(_part(p, error, x, density=False)) for p in prior.components]
    total: np.ndarray = np.sum(parts, axis=0)
    return total


def pdf(prior: EffectPrior, x: np.ndarray | float, error: float = 0.0) -> np.ndarray:
    """Density of an effect, or of its estimate with the standard error ``error``."""
    parts = [p.weight * np.asarray(_part(p, error, x, density=True)) for p in prior.components]
    total: np.ndarray = np.sum(parts, axis=0)
    return total


def _part(part: Component, error: float, x: np.ndarray | float, *, density: bool) -> np.ndarray:
    """One component; a Student t blurred by an error is a mixture of normals over its precision."""
    if error == 0:
        family = stats.t(part.df, part.location, part.scale)
        return np.asarray(family.pdf(x) if density else family.cdf(x))
    if part.df == np.inf:
        spread: np.ndarray = np.array([np.hypot(part.scale, error)])
    else:
        # a Student t is a mixture of normals over the chi-square's quantiles
        u = (np.arange(NODES) + 0.5) / NODES
        spread = np.hypot(part.scale / np.sqrt(stats.chi2(part.df).ppf(u) / part.df), error)
    z = (np.asarray(x)[..., None] - part.location) / spread
    each = stats.norm.pdf(z) / spread if density else special.ndtr(z)
    mixed: np.ndarray = each.mean(axis=-1)
    return mixed


def quantile(prior: EffectPrior, probability: float) -> float:
    """Quantile of a prior; infinite for a flat one."""
    if prior.flat:
        return float("nan")
    ends = [
        stats.t(p.df, p.location, p.scale).ppf(probability) for p in prior.components if p.weight
    ]
    low, high = min(ends), max(ends)
    if low == high:
        return float(low)
    return float(optimize.brentq(lambda x: float(cdf(prior, x)) - probability, low, high))


def conflict(prior: EffectPrior, estimate: float, error: float) -> float:
    """Prior predictive p-value of an estimate: chance of one at least as surprising.

    ``P(m(D) <= m(d))`` where ``m`` is the prior predictive density of the estimate (Box 1980, J R
    Stat Soc A 143:383). For a normal prior ``Normal(m, s^2)`` that is ``2 Phi(-|d - m| / sqrt(s^2 +
    SE^2))``; for one Student t it is the two-sided tail area of its convolution with the error; for
    a mixture the mass where the density is lower is summed on a grid.

    Returns
    -------
    float
        NaN for a flat prior, which predicts nothing.
    """
    if prior.flat:
        return float("nan")
    if len(prior.components) == 1:
        centre = prior.location
        return float(2 * cdf(prior, centre - abs(estimate - centre), error))
    centre = prior.location
    width = max(np.hypot(part.scale, error) for part in prior.components)
    narrow = min(np.hypot(part.scale, error) for part in prior.components)
    x = centre + narrow * np.sinh(np.linspace(-1, 1, 20001) * np.arcsinh(1e4 * width / narrow))
    middle = pdf(prior, (x[1:] + x[:-1]) / 2, error)
    mass = np.diff(cdf(prior, x, error))
    return float(mass[middle <= pdf(prior, estimate, error)].sum())


def estimates(
    layout: Design, rho: float | None = DEFAULT_RHO, *, printed: bool = True
) -> list[Estimate]:
    """Differences between printed levels at follow-up visits, in baseline SDs.

    With ``rho`` they are adjusted for baseline by the slope ``b = rho s_t s_0 / s_0^2`` pooled over
    the arms, ``d_t - b d_0``, with the squared standard error ``sum over arms of (s_t^2 + b^2 s_0^2
    - 2 b rho s_0 s_t) / n``; without, or where the baseline is not printed, it is ``d_t`` with
    ``sum of s_t^2 / n``. Where changes alone are printed it is the difference in change, likewise.
    An arm's correlation is the one that the table pins, if it does and ``printed`` is true; else
    ``rho``.
    """
    known = baseline_correlations(layout) if printed else {}
    level: dict[tuple[int, int, int], tuple[float, float, float]] = {}
    change: dict[tuple[int, int, int], tuple[float, float, float]] = {}
    for table in layout.tables:
        for row, functional in enumerate(table.functional):
            cells = level if functional.min() >= 0 else change
            visit = int(np.argmax(functional))
            for s, key in enumerate(zip(table.outcome, table.arm, strict=True)):
                numbers = (table.mean[s, row], table.sd[s, row], table.n[s, row])
                cells[int(key[0]), int(key[1]), visit] = tuple(map(float, numbers))  # type: ignore[assignment]
    found = []
    for (k, g, t), own in sorted(change.items()):
        if g > 0 and (k, g, t) not in level and (k, 0, t) in change:
            control = change[k, 0, t]
            error = sum(sd**2 / n for _, sd, n in (control, own))
            value = own[0] - control[0]
            found.append(Estimate(k, g, t, value, float(np.sqrt(error)), of_change=True))
    for (k, g, t), own in sorted(level.items()):
        if g == 0 or t == layout.baseline or (k, 0, t) not in level:
            continue
        arms = [level[k, 0, t], own]
        base = [level.get((k, a, 0)) for a in (0, g)]
        value = own[0] - arms[0][0]
        used, pinned = float("nan"), False
        if rho is None or layout.baseline is None or None in base:
            error = sum(sd**2 / n for _, sd, n in arms)
        else:
            first = [item for item in base if item is not None]
            df = [n - 1 for _, _, n in arms]
            each = [known.get((k, a, t), rho) for a in (0, g)]
            used, pinned = float(np.mean(each)), all((k, a, t) in known for a in (0, g))
            covariance = sum(
                f * r * b[1] * a[1] for f, r, a, b in zip(df, each, arms, first, strict=True)
            )
            slope = covariance / sum(f * b[1] ** 2 for f, b in zip(df, first, strict=True))
            value -= slope * (first[1][0] - first[0][0])
            error = sum(
                (a[1] ** 2 + slope**2 * b[1] ** 2 - 2 * slope * r * a[1] * b[1]) / a[2]
                for r, a, b in zip(each, arms, first, strict=True)
            )
        found.append(Estimate(k, g, t, value, float(np.sqrt(error)), rho=used, pinned=pinned))
    return found


def _estimand(item: Estimate, layout: Design, rho: float | None) -> str:
    if item.of_change:
        return "difference_in_change"
    return "difference" if rho is None or layout.baseline is None else "adjusted_difference"


def prior_check(
    study: Study,
    prior: PriorSet,
    rho: float | None = DEFAULT_RHO,
    visit: str | None = None,
    *,
    printed: bool = True,
) -> pd.DataFrame:
    """Prior predictive quantiles of every headline effect, and the prior-data conflict check.

    Parameters
    ----------
    study : Study
    prior : PriorSet
    rho : float or None
        Within-patient correlation at which the estimates are adjusted for baseline; None for
        unadjusted differences.
    visit : str, optional
        Only this follow-up visit; all by default. ``"last"``: of each outcome and arm the last one
        with an estimate.
    printed : bool
        Whether correlations that the table pins come before ``rho``.

    Returns
    -------
    DataFrame
        One row per outcome, treated arm and follow-up visit at which both arms print a level (or
        both print a change and no level), and per reaction and treated arm with printed counts;
        columns as ``docs/columns.md`` gives them.

    Raises
    ------
    UsageError
        If the set names outcomes or reactions that the study does not have.
    """
    check_names(prior, study)
    rows = [] if study.outcomes.empty else _outcome_rows(study, prior, rho, visit, printed=printed)
    rows += _reactions(study, prior)
    table = pd.DataFrame(rows, columns=None if rows else COLUMNS)
    table = table.assign(study=study.name, prior=prior.name)
    for column in ("outcome", "reaction", "visit"):
        table[column] = table[column].fillna("") if column in table else ""
    return table.reindex(columns=COLUMNS)


def last_estimates(found: list[Estimate]) -> list[Estimate]:
    """Of every outcome and arm the estimate at its last visit."""
    last = {(item.outcome, item.arm): item for item in sorted(found, key=lambda own: own.visit)}
    return [item for item in found if last[item.outcome, item.arm] is item]


def _outcome_rows(
    study: Study, prior: PriorSet, rho: float | None, visit: str | None, *, printed: bool
) -> list[dict[str, object]]:
    layout = design(study, as_table=True)
    priors = effect_priors(layout, TableSpec("longitudinal", prior))
    found = estimates(layout, rho, printed=printed)
    if visit == "last":
        found = last_estimates(found)
    rows: list[dict[str, object]] = []
    for item in found:
        if visit not in (None, "last", layout.visits[item.visit]):
            continue
        k, unit = item.outcome, float(layout.scale[item.outcome])
        own = priors[k].times(unit)
        sign = float(layout.direction[k])
        rows.append(
            {
                "outcome": layout.outcomes[k],
                "arm": layout.arms[item.arm],
                "visit": layout.visits[item.visit],
                "estimand": _estimand(item, layout, rho),
                "unit": study.outcomes.loc[layout.outcomes[k], "unit"],
                "rho": item.rho,
                "rho_pinned": item.pinned,
                **_describe(own, sign, float(layout.target[k]) * unit),
                **_conflict(own, unit * item.value, unit * item.error),
            }
        )
    return rows


def _describe(prior: EffectPrior, sign: float, target: float) -> dict[str, object]:
    names = ("q2_5", "q25", "median", "q75", "q97_5")
    found: dict[str, object] = {"formula": prior.describe()}
    found |= {name: quantile(prior, p) for name, p in zip(names, QUANTILES, strict=True)}
    proper = sign != 0 and not prior.flat
    benefit = prior.times(sign) if proper else prior
    found["p_benefit"] = 1 - float(cdf(benefit, 0.0)) if proper else np.nan
    judged = proper and np.isfinite(target)
    found["p_benefit_gt_mcid"] = 1 - float(cdf(benefit, target)) if judged else np.nan
    return found


def _conflict(prior: EffectPrior, estimate: float, error: float) -> dict[str, float]:
    p = conflict(prior, estimate, error)
    side = np.sign(estimate - prior.location)
    return {
        "estimate": estimate,
        "se": error,
        "conflict_z": float(side * stats.norm.isf(p / 2)) if np.isfinite(p) else np.nan,
        "conflict_p": p,
    }


def _reactions(study: Study, prior: PriorSet) -> list[dict[str, object]]:
    """Log odds ratios of the counts summed over visits, half a patient added to each cell."""
    if study.adverse.empty:
        return []
    try:
        data = counts(study, "per_visit")
    except UsageError:
        return []
    rows: list[dict[str, object]] = []
    directions = study.event_directions
    sets = {sign: log_odds_priors(data, oriented(prior, sign)) for sign in (-1, 0, 1)}
    for i, reaction in enumerate(data.reactions):
        sign = directions[reaction]
        own = sets[sign][i]
        for g, arm in enumerate(data.arms[1:], start=1):
            cells = []
            for a in (0, g):
                here = (data.reaction == i) & (data.arm == a)
                events, total = data.events[here].sum(), data.at_risk[here].sum()
                cells.append((events + 0.5, total - events + 0.5))
            (x0, y0), (x1, y1) = cells
            ratio = own.times(-1.0)
            rows.append(
                {
                    "reaction": reaction,
                    "arm": arm,
                    "estimand": "log_odds_ratio",
                    "unit": "log odds",
                    "rho": np.nan,
                    "rho_pinned": False,
                    **_describe(ratio, float(sign), np.nan),
                    **_conflict(
                        ratio,
                        float(np.log(x1 / y1) - np.log(x0 / y0)),
                        float(np.sqrt(1 / x0 + 1 / y0 + 1 / x1 + 1 / y1)),
                    ),
                }
            )
    return rows
