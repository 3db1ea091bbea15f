"""Table of new trials: for each finding of a fit, the chance that a trial confirms it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.errors import UsageError
from bayesasthma.inference.diagnostics import mark
from bayesasthma.inference.fitting import Fit
from bayesasthma.models.design import design
from bayesasthma.models.moments import effect_prior
from bayesasthma.models.specification import table_spec
from bayesasthma.results.assurance import FEWEST, MOST, NewTrial, needed, power
from bayesasthma.results.effect_table import estimand_draws, headlines
from bayesasthma.results.effective_draws import effective_draws
from bayesasthma.results.summaries import summarise
from bayesasthma.study.study import Study

#: Patients an arm of the table.
SIZES = (20, 50, 100, 200, 500, 1000)
#: Of the report, whose figure is drawn through them.
MANY_SIZES = (10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000)
#: Assurances whose size is given.
TARGETS = (0.8, 0.9)

COLUMNS = [
    "study", "outcome", "arm", "visit", "week", "model", "prior", "estimand", "unit", "analysis",
    "margin", "level", "n", "assurance", "assurance_mcse", "power_at_mean", "assurance_sceptical",
    "limit", "limit_mcse", "n_80", "n_90", "mean", "sd", "patient_sd", "correlation", "ess_bulk",
    "ess_tail", "r_hat", "gate",
]  # fmt: skip


@dataclass(frozen=True)
class Finding:
    """Draws (chain, draw) of what a new trial would look for.

    Attributes
    ----------
    outcome, arm, visit, estimand : str
    benefit : ndarray, shape (chain, draw)
        Signed so that positive is a benefit, in outcome units.
    sd : ndarray, shape (chain, draw)
        Of a patient about the regression on baseline, or about the mean where there is none.
    correlation : float
        Posterior mean of that with baseline; NaN where there is none.
    sceptic : float
        SD of the prior set ``sceptical`` of this effect, in outcome units.
    """

    outcome: str
    arm: str
    visit: str
    estimand: str
    benefit: np.ndarray
    sd: np.ndarray
    correlation: float
    sceptic: float

    @property
    def adjusted(self) -> bool:
        """Whether the new trial would adjust for baseline."""
        return bool(np.isfinite(self.correlation))


def next_trial(
    fit: Fit,
    *,
    outcome: str | None = None,
    visit: str | None = None,
    n: Sequence[int] = SIZES,
    margin: float = 0.0,
    level: float = 0.05,
) -> pd.DataFrame:
    """Chance that a new trial confirms each finding, by its size.

    Parameters
    ----------
    fit : Fit
        Of a table model.
    outcome, visit : str, optional
        All outcomes with a direction of benefit, each at its last visit, by default.
    n : sequence of int
        Patients an arm.
    margin : float
        Of non-inferiority, in outcome units: the trial shows that the treatment is not worse by
        more than this. 0 for superiority.
    level : float
        Of the two-sided test.

    Returns
    -------
    DataFrame
        The columns of ``design.csv``; see ``docs/columns.md``.

    Raises
    ------
    UsageError
        If there is no such outcome or visit, or a size, margin or level makes no trial.
    """
    names = [str(name) for name in fit.moments["outcome"].to_numpy()]
    check_trial(fit.study, names, outcome, visit, n, margin, level)
    rows: list[dict[str, Any]] = []
    for finding, facts in zip(*_numbers(list(findings(fit, outcome, visit))), strict=True):
        shifted = finding.benefit + margin
        sizes = {
            f"n_{100 * target:.0f}": needed(shifted, finding.sd, target, level, finding.adjusted)
            for target in TARGETS
        }
        positive = xr.DataArray(shifted, dims=("chain", "draw"))
        limit = summarise(positive, 1.0).iloc[0] if margin else facts
        own = {
            "study": fit.study.name,
            "week": float(fit.study.visits["week"].to_dict()[finding.visit]),
            "model": fit.model,
            "prior": fit.prior,
            "unit": str(fit.study.outcomes["unit"].to_dict()[finding.outcome]),
            "analysis": "adjusted for baseline" if finding.adjusted else "t test",
            "margin": margin,
            "level": level,
            "limit": float(limit["p_benefit"]),
            "limit_mcse": float(limit["p_benefit_mcse"]),
            "patient_sd": float(finding.sd.mean()),
            "correlation": finding.correlation,
        }
        kept = ("ess_bulk", "ess_tail", "r_hat", "mean", "sd")
        own |= {name: getattr(finding, name) for name in ("outcome", "arm", "visit", "estimand")}
        own |= {name: float(facts[name]) for name in kept} | sizes
        rows += [own | _of_size(finding, shifted, NewTrial(int(size), level, finding.adjusted))
                 for size in n]  # fmt: skip
    if not rows:
        return pd.DataFrame(columns=COLUMNS)
    return mark(pd.DataFrame(rows), fit.gate)[COLUMNS].reset_index(drop=True)


def _of_size(finding: Finding, benefit: np.ndarray, trial: NewTrial) -> dict[str, float]:
    # the posterior mean goes with the draws: the distribution is computed once
    typical = np.sqrt(np.mean(np.square(finding.sd)))
    found = power(np.append(benefit, benefit.mean()), np.append(finding.sd, typical), trial)
    drawn, at_mean = found[:-1].reshape(benefit.shape), found[-1]
    sceptical = power(benefit, finding.sd, trial, finding.sceptic)
    # mean of draws as dependent as those of the effect
    error = float(drawn.std() / np.sqrt(effective_draws(drawn)))
    return {
        "n": float(trial.n),
        "assurance": float(drawn.mean()),
        "assurance_mcse": error,
        "power_at_mean": float(at_mean),
        "assurance_sceptical": float(sceptical.mean()),
    }


def _numbers(found: list[Finding]) -> tuple[list[Finding], list[Mapping[str, Any]]]:
    """Findings with the summary of each benefit."""
    if not found:
        return [], []
    draws = np.stack([finding.benefit for finding in found], axis=-1)
    table = summarise(xr.DataArray(draws, dims=("chain", "draw", "case")), 1.0)
    rows: list[Any] = table.to_dict("records")
    return found, rows


def findings(fit: Fit, outcome: str | None = None, visit: str | None = None) -> Iterator[Finding]:
    """The headlines of a fit that have a direction, each at its last visit or at ``visit``."""
    study, moments = fit.study, fit.moments
    names = [str(name) for name in moments["outcome"].to_numpy()]
    leads = headlines(fit)
    draws = estimand_draws(fit, list(dict.fromkeys(leads.values())))
    layout = design(study, names, as_table=True)
    scale = dict(zip(layout.outcomes, layout.scale, strict=True))
    _, sceptical = effect_prior(layout, table_spec("longitudinal", "sceptical"))
    sceptics = dict(zip(layout.outcomes, np.asarray(sceptical, dtype=float), strict=True))
    printed = study.table["mean"].notnull().any("statistic")
    direction = study.outcomes["direction"].to_dict()
    for name in names:
        if (outcome is not None and name != outcome) or not direction[name]:
            continue
        for arm in study.treatments:
            seen = printed.sel(outcome=name, arm=[arm, study.control]).all("arm")
            visits = [own for own in study.follow_up if bool(seen.sel(visit=own))]
            chosen = visits[-1:] if visit is None else [own for own in visits if own == visit]
            for own in chosen:
                effect = draws[leads[name]].sel(outcome=name, arm=arm, visit=own)
                sd, correlation = _patient_sd(fit, name, arm, own, leads[name])
                yield Finding(
                    name,
                    arm,
                    own,
                    leads[name],
                    direction[name] * effect.transpose("chain", "draw").to_numpy(),
                    sd,
                    correlation,
                    sceptics[name] * scale[name],
                )


def _patient_sd(
    fit: Fit, outcome: str, arm: str, visit: str, estimand: str
) -> tuple[np.ndarray, float]:
    """Draws (chain, draw) of a patient's SD about what is adjusted for, and the correlation."""
    study, base = fit.study, fit.study.baseline_visit
    own = fit.moments.sel(outcome=outcome, arm=[study.control, arm])
    order = ("chain", "draw", "arm")
    last = own["sd"].sel(visit=visit).transpose(*order).to_numpy()
    if estimand == "difference" or base is None or "correlation" not in own:
        return np.sqrt(np.mean(last**2, axis=-1)), float("nan")
    first = own["sd"].sel(visit=base).transpose(*order).to_numpy()
    known = own["correlation"].sel(visit=visit, visit_b=base)
    rho = known.transpose("chain", "draw").to_numpy()[..., None]
    # one slope for both arms, as an analysis of covariance has
    slope = (rho * last * first).sum(-1, keepdims=True) / (first**2).sum(-1, keepdims=True)
    about = last**2 + slope**2 * first**2 - 2 * slope * rho * last * first
    return np.sqrt(np.mean(about, axis=-1)), float(rho.mean())


def check_trial(
    study: Study,
    names: Sequence[str],
    outcome: str | None,
    visit: str | None,
    n: Sequence[int],
    margin: float,
    level: float,
) -> None:
    """Refuse what is no trial; see :func:`next_trial`.

    Raises
    ------
    UsageError
    """
    if outcome is not None and outcome not in names:
        raise UsageError(f"no outcome {outcome!r} in this fit; there are {', '.join(names)}")
    if outcome is not None and not int(study.outcomes["direction"].to_dict()[outcome]):
        raise UsageError(f"no direction of {outcome!r} is a benefit that a trial could confirm")
    if visit is not None and visit not in study.follow_up:
        raise UsageError(f"no visit {visit!r} after the baseline; there are "
                         f"{', '.join(study.follow_up)}")  # fmt: skip
    for size in n:
        if not FEWEST <= size <= MOST:
            raise UsageError(f"n {size!r}: patients an arm, from {FEWEST} to {MOST}")
    if not n:
        raise UsageError("n: at least one number of patients an arm")
    if not (np.isfinite(margin) and margin >= 0):
        raise UsageError(f"margin {margin!r}: a number of at least 0, in the outcome's unit")
    if not 0 < level < 1:
        raise UsageError(f"level {level!r}: a probability between 0 and 1, such as 0.05")
