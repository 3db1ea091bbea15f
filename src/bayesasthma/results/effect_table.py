"""The table of treatment effects of a fit: every estimand, summarised, gated and labelled."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.errors import UsageError
from bayesasthma.inference.diagnostics import Gate, mark, mark_outcomes
from bayesasthma.inference.fitting import Fit
from bayesasthma.models.design import control_level, log_threshold
from bayesasthma.results import estimands as est
from bayesasthma.results.summaries import summarise
from bayesasthma.study.study import Study

#: Contrasts in outcome units, which an MCID can be held against.
JUDGED = ("difference", "adjusted_difference", "difference_in_change", "area_under_follow_up")

#: Estimands on the log scale that are also given as ratios of geometric means, and their names.
RATIOS = {
    "difference": "ratio_geometric_means",
    "adjusted_difference": "adjusted_ratio_geometric_means",
}

SHARES = ("share_improved", "difference_in_share_improved")

COLUMNS = [
    "study", "outcome", "arm", "visit", "week", "model", "prior", "estimand", "unit",
    "mean", "sd", "median", "ci_low", "ci_high", "ci_prob", "mcse_mean",
    "p_benefit", "p_benefit_mcse", "p_positive",
    "mcid", "mcid_kind", "p_benefit_gt_mcid", "p_harm_gt_mcid", "p_within_mcid",
    "ess_bulk", "ess_tail", "r_hat", "gate",
]  # fmt: skip

DESCRIPTIONS = {
    "difference": "difference in means",
    "difference_in_change": "difference in change from baseline",
    "adjusted_difference": "baseline-adjusted difference",
    "standardised_difference": "standardised difference (Cohen's d)",
    "change": "change from baseline within the arm",
    "area_under_follow_up": "baseline-adjusted difference, averaged over the follow-up",
    "share_improved": "share of patients improving by at least the MCID",
    "difference_in_share_improved": "difference in the share improving by at least the MCID",
    "ratio_geometric_means": "ratio of geometric means",
    "adjusted_ratio_geometric_means": "baseline-adjusted ratio of geometric means",
}


def outcome_arrays(study: Study, outcomes: np.ndarray) -> tuple[xr.DataArray, ...]:
    """Direction, MCID and whether it is relative, as arrays over ``outcome``.

    The MCID of an outcome on the log scale is an absolute difference of logarithms: a relative one
    of 0.2 is ``-log(0.8)`` where lower is better, and an absolute one is first divided by the
    control arm's first geometric mean. A harm of the same size is the reciprocal ratio.
    """
    names = [str(name) for name in outcomes]
    meta = study.outcomes.loc[names]
    coords = {"outcome": list(outcomes)}
    direction = meta["direction"].to_numpy(dtype=float)
    mcid = meta["mcid"].to_numpy(dtype=float)
    relative = (meta["mcid_kind"] == "relative").to_numpy()
    log = np.isin(names, study.log_outcomes)
    if log.any():
        level = np.exp(
            [
                control_level(study, name) if own else 0.0
                for name, own in zip(names, log, strict=True)
            ]
        )
        mcid = np.where(log, log_threshold(np.where(relative, mcid, mcid / level), direction), mcid)
        relative = relative & ~log
    return (
        xr.DataArray(direction, coords, "outcome"),
        xr.DataArray(mcid, coords, "outcome"),
        xr.DataArray(relative, coords, "outcome"),
    )


def headlines(fit: Fit) -> dict[str, str]:
    """The estimand that reports lead with, by outcome.

    The baseline-adjusted difference; under ``independent``, or without a baseline, the difference
    in means. Where only changes from baseline are printed and the arms' baseline means may differ,
    the table does not tell how much of a difference in change is due to that: the adjusted
    difference rests on the prior of the imbalance, and the difference in change leads.
    """
    base = fit.study.baseline_visit
    names = [str(name) for name in fit.moments["outcome"].to_numpy()]
    if "correlation" not in fit.moments or base is None or fit.moments.sizes["visit"] < 2:
        return dict.fromkeys(names, "difference")
    if fit.baseline == "common":
        return dict.fromkeys(names, "adjusted_difference")
    open_to_prior = without_baseline_levels(fit.study)
    return {
        name: "difference_in_change" if name in open_to_prior else "adjusted_difference"
        for name in names
    }


def without_baseline_levels(study: Study) -> list[str]:
    """Outcomes whose level at baseline is printed for no two arms that are compared."""
    if study.baseline_visit is None:
        return []
    level = study.table["mean"].sel(statistic="level", visit=study.baseline_visit)
    seen = level.notnull()
    both = (seen.sel(arm=study.treatments) & seen.sel(arm=study.control, drop=True)).any("arm")
    return [str(name) for name in both["outcome"].to_numpy()[~both.to_numpy()]]


def estimand_draws(fit: Fit, estimands: Collection[str] | None = None) -> dict[str, xr.DataArray]:
    """Posterior draws (chain, draw, outcome, arm, visit) of estimands that the model supports.

    All of them, or those among ``estimands``.

    Raises
    ------
    UsageError
        If it supports none of these.
    """
    moments, study = fit.moments, fit.study
    direction, mcid, relative = outcome_arrays(study, moments["outcome"].to_numpy())
    n = fit.data["constant_data"].to_dataset()["n"]
    weeks = xr.DataArray(
        study.visits.loc[list(moments["visit"].to_numpy()), "week"].to_numpy(dtype=float),
        {"visit": moments["visit"]},
        "visit",
    )
    draws = estimands_of(moments, n, weeks, study.baseline_visit, direction, mcid, relative)
    log = [name for name in moments["outcome"].to_numpy() if name in study.log_outcomes]
    if log:
        for own, ratio in RATIOS.items():
            if own in draws:
                chosen = draws[own].sel(outcome=log)
                draws[ratio] = chosen.copy(data=np.exp(chosen.to_numpy())).rename(ratio)
    if estimands is None:
        return draws
    if not (kept := {name: draws[name] for name in estimands if name in draws}):
        raise UsageError(
            f"the model {fit.model!r} has no estimand {', '.join(map(repr, estimands))}; "
            f"it has {', '.join(draws)}"
        )
    return kept


def estimands_of(
    moments: xr.Dataset,
    n: xr.DataArray,
    weeks: xr.DataArray,
    baseline: str | None,
    direction: xr.DataArray,
    mcid: xr.DataArray,
    relative: xr.DataArray,
) -> dict[str, xr.DataArray]:
    """Every estimand that population moments (chain, draw, outcome, arm, visit) support.

    Parameters
    ----------
    moments : Dataset
        As :mod:`bayesasthma.results.estimands` describes it.
    n : DataArray (arm)
    weeks : DataArray (visit)
    baseline : str or None
    direction, mcid, relative : DataArray (outcome)
    """
    draws = {
        "difference": est.difference(moments),
        "standardised_difference": est.standardised_difference(moments, n),
    }
    if "correlation" not in moments or baseline is None or moments.sizes["visit"] < 2:
        return draws
    adjusted = est.adjusted_difference(moments, baseline, n)
    area = est.area_under_follow_up(
        adjusted, weeks.sel(visit=adjusted["visit"]), float(weeks.sel(visit=baseline))
    )
    share = est.share_improved(moments, baseline, direction, mcid, relative)
    return draws | {
        "adjusted_difference": adjusted,
        "difference_in_change": est.difference_in_change(moments, baseline),
        "change": est.change(moments, baseline),
        "area_under_follow_up": area.expand_dims(visit=adjusted["visit"].to_numpy()[-1:], axis=-1),
        "share_improved": share,
        "difference_in_share_improved": share.isel(arm=slice(1, None))
        - share.isel(arm=0, drop=True),
    }


def effects(
    fit: Fit,
    *,
    threshold: float | None = None,
    ci_prob: float = 0.95,
    interval: str = "eti",
    estimands: Collection[str] | None = None,
    gates: Mapping[str, Gate] | None = None,
) -> pd.DataFrame:
    """Treatment effects of a fit: one row per outcome, arm, visit and estimand.

    Parameters
    ----------
    fit : Fit
        Of a table model.
    threshold : float, optional
        Used in place of every MCID, in outcome units.
    ci_prob : float
    interval : {"eti", "hdi"}
    estimands : collection of str, optional
        Only these of what the model supports; all by default.
    gates : mapping of str to Gate, optional
        Of each outcome, where they were sampled apart; by default the fit's, of all.

    Returns
    -------
    DataFrame
        The columns of ``effects.csv``; see ``docs/columns.md``. Cells whose arm or control prints
        nothing at that visit are left out, and so is the baseline of arms taken as alike there.

    Raises
    ------
    UsageError
        If the model supports none of ``estimands``.
    """
    study, moments = fit.study, fit.moments
    names = moments["outcome"].to_numpy()
    direction, mcid, relative = outcome_arrays(study, names)
    if threshold is not None:
        mcid, relative = xr.full_like(mcid, threshold), xr.zeros_like(relative)
    limit = est.threshold(moments, mcid, relative)
    base = study.baseline_visit
    frames = []
    for estimand, draws in estimand_draws(fit, estimands).items():
        sign: xr.DataArray | float = direction
        bound: xr.DataArray | float = float("nan")
        if estimand in JUDGED:
            bound = limit.sel(visit=draws["visit"])
        elif estimand == "change" and base is not None:
            own = np.abs(moments["mean"].sel(visit=base, drop=True))
            bound = (mcid * own).where(relative, mcid)
        elif estimand == "share_improved":
            sign = 0.0
        elif estimand == "difference_in_share_improved":
            sign = 1.0
        elif estimand in RATIOS.values():
            bound = limit.sel(outcome=draws["outcome"], visit=draws["visit"])
            sign = direction.sel(outcome=draws["outcome"])
        if estimand in RATIOS.values():
            frame = _ratio_summary(draws, sign, bound, ci_prob, interval).reset_index()
        else:
            frame = summarise(draws, sign, bound, ci_prob, interval).reset_index()
        frame["estimand"] = estimand
        frames.append(frame)
    table = pd.concat(frames, ignore_index=True)
    table = table[_printed(table, study) & _estimated(table, fit)]
    meta = study.outcomes.loc[table["outcome"]]
    fixed = {"standardised_difference": "SD"} | dict.fromkeys(SHARES, "proportion")
    fixed |= dict.fromkeys(RATIOS.values(), "ratio")
    unit = [
        fixed.get(estimand, own)
        for estimand, own in zip(table["estimand"], meta["unit"], strict=True)
    ]
    judged = table["p_benefit_gt_mcid"].notna().to_numpy()
    chosen = mcid.sel(outcome=xr.DataArray(table["outcome"].to_numpy(), dims="row")).to_numpy()
    kind = np.full(len(table), "absolute", dtype=object)
    if threshold is None:
        kind = np.where(
            meta.index.isin(study.log_outcomes), kind, meta["mcid_kind"].to_numpy(object)
        )
    ratio = table["estimand"].isin(RATIOS.values()).to_numpy()
    falls = meta["direction"].to_numpy(dtype=float) < 0
    chosen = np.where(ratio, np.where(falls, -np.expm1(-chosen), np.expm1(chosen)), chosen)
    kind = np.where(ratio, "relative", kind)
    table = table.assign(
        study=study.name,
        week=study.visits.loc[table["visit"], "week"].to_numpy(),
        model=fit.model,
        prior=fit.prior,
        unit=unit,
        ci_prob=ci_prob,
        mcid=np.where(judged, chosen, np.nan),
        mcid_kind=np.where(judged, kind, ""),
    )
    order = {name: i for i, name in enumerate(names)}
    table = mark(table, fit.gate) if gates is None else mark_outcomes(table, gates)
    table = table.sort_values(
        ["estimand", "outcome", "week", "arm"],
        key=lambda column: column.map(order) if column.name == "outcome" else column,
        kind="stable",
    )
    return table[COLUMNS].reset_index(drop=True)


def _ratio_summary(
    ratio: xr.DataArray,
    sign: xr.DataArray | float,
    bound: xr.DataArray | float,
    ci_prob: float,
    interval: str,
) -> pd.DataFrame:
    """Summary of a ratio, whose probabilities and diagnostics are those of its logarithm."""
    logarithm = ratio.copy(data=np.log(ratio.to_numpy()))
    on_log = summarise(logarithm, sign, bound, ci_prob, interval)
    natural = summarise(ratio, sign, ci_prob=ci_prob, interval=interval)
    own = ["mean", "sd", "median", "ci_low", "ci_high", "mcse_mean"]
    on_log[own] = natural[own]
    return on_log


def _estimated(table: pd.DataFrame, fit: Fit) -> pd.Series:
    """Rows of what was estimated: not of the baseline of arms that are taken to be alike there."""
    assumed = fit.baseline == "common"
    return ~((table["visit"] == fit.study.baseline_visit) & assumed)


def _printed(table: pd.DataFrame, study: Study) -> pd.Series:
    """Rows whose own arm and control arm have data at that visit."""
    seen = study.table["mean"].notnull().any("statistic")
    own = xr.DataArray(table["arm"].to_numpy(), dims="row")
    outcome = xr.DataArray(table["outcome"].to_numpy(), dims="row")
    visit = xr.DataArray(table["visit"].to_numpy(), dims="row")
    both = seen.sel(outcome=outcome, arm=own, visit=visit) & seen.sel(
        outcome=outcome, arm=study.control, visit=visit
    )
    return pd.Series(both.to_numpy(), index=table.index)


def select_draws(
    fit: Fit, outcome: str, visit: str, estimand: str | None = None, arm: str | None = None
) -> xr.DataArray:
    """Draws (chain, draw) of one effect.

    Raises
    ------
    UsageError
        If the outcome, visit, estimand or arm is not in the fit; the message lists those that are.
    """
    estimand = estimand or headlines(fit).get(outcome, "difference")
    draws = estimand_draws(fit, [estimand])[estimand]
    arm = arm or str(fit.study.treatments[0])
    for dim, label in (("outcome", outcome), ("visit", visit), ("arm", arm)):
        labels = [str(value) for value in draws[dim].to_numpy()]
        if label not in labels:
            raise UsageError(f"{estimand}: no {dim} {label!r}; there are {', '.join(labels)}")
    return draws.sel(outcome=outcome, visit=visit, arm=arm)


def benefit_draws(
    fit: Fit, outcome: str, visit: str, estimand: str | None = None, arm: str | None = None
) -> xr.DataArray:
    """Draws (chain, draw) of one effect, signed so that positive is a benefit.

    Raises
    ------
    UsageError
        As :func:`select_draws`, or if neither direction of the outcome is a benefit.
    """
    draws = select_draws(fit, outcome, visit, estimand, arm)
    direction = int(fit.study.outcomes["direction"].to_dict()[outcome])
    if direction == 0:
        raise UsageError(
            f"no direction of {outcome!r} is a benefit; ask for the probability of each direction"
        )
    if estimand in RATIOS.values():
        return direction * (draws - 1)
    return draws * (1 if estimand == "difference_in_share_improved" else direction)


def probability_of_benefit(
    fit: Fit,
    outcome: str,
    visit: str,
    threshold: float = 0.0,
    *,
    estimand: str | None = None,
    arm: str | None = None,
) -> float:
    """P(benefit > threshold): the share of posterior draws beyond ``threshold`` outcome units.

    Raises
    ------
    UsageError
        As :func:`benefit_draws`.
    """
    return float((benefit_draws(fit, outcome, visit, estimand, arm) > threshold).mean())
