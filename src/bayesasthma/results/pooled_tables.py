"""Tables of the pooled model: effects by week, studies alone and together, each study left out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.inference.diagnostics import Gate, mark
from bayesasthma.results.pooled import studies_by_week
from bayesasthma.results.summaries import SAMPLE, summarise

#: Columns of `pooled_effects.csv`.
EFFECTS = [
    "outcome", "label", "unit", "week", "n_studies", "n_studies_at_week", "n_patients",
    "mean", "sd", "q025", "q975", "mcse_mean", "p_benefit", "p_benefit_mcse", "p_positive",
    "mcid", "p_benefit_gt_mcid", "predictive_q025", "predictive_q975", "p_benefit_new",
    "tau_mean", "tau_q025", "tau_q975", "prior", "heterogeneity_prior",
    "ess_bulk", "ess_tail", "r_hat", "gate",
]  # fmt: skip
#: Columns of `pooled_studies.csv`.
STUDIES = [
    "outcome", "study", "unit", "week", "n_patients",
    "alone_mean", "alone_sd", "alone_q025", "alone_q975", "alone_mcse_mean",
    "mean", "sd", "q025", "q975", "mcse_mean", "p_benefit", "p_benefit_mcse",
    "rho_alone_mean", "rho_alone_sd", "rho_mean", "rho_sd", "gate",
]  # fmt: skip
#: Columns of `leave_one_out.csv`.
LEFT_OUT = [
    "outcome", "left_out", "unit", "week", "n_studies", "mean", "sd", "q025", "q975", "mcse_mean",
    "p_benefit", "p_benefit_mcse", "change_in_mean", "change_in_mean_mcse",
    "tau_mean", "predictive_q025", "predictive_q975",
    "alone_mean", "alone_within", "gate",
]  # fmt: skip
_BOUNDS = {"ci_low": "q025", "ci_high": "q975"}


def effects_table(data: xr.Dataset, gate: Gate) -> pd.DataFrame:
    """Mean effect and its heterogeneity, one row per week.

    Parameters
    ----------
    data : Dataset
        Of :func:`bayesasthma.results.pooled_effects.pooled_dataset`.
    gate : Gate
        Of the fit.

    Returns
    -------
    DataFrame
        The columns of ``pooled_effects.csv``; see ``docs/columns.md``.
    """
    sign = float(data.attrs["direction"])
    mcid = float(data.attrs["mcid"])
    found = _by_week(data["mean_effect"], sign, mcid)
    new = data["predictive_effect"]
    tau = data["heterogeneity"]
    found = found.assign(
        outcome=data.attrs["outcome"],
        label=data.attrs["label"],
        unit=data.attrs["unit"],
        n_studies=data.sizes["study"],
        n_studies_at_week=studies_by_week(data).to_numpy(),
        n_patients=int(data["patients"].sum()),
        mcid=mcid,
        predictive_q025=_quantile(new, 0.025),
        predictive_q975=_quantile(new, 0.975),
        p_benefit_new=_benefit(new, sign),
        tau_mean=tau.mean(SAMPLE).to_numpy(),
        tau_q025=_quantile(tau, 0.025),
        tau_q975=_quantile(tau, 0.975),
        prior=data.attrs["prior"],
        heterogeneity_prior=data.attrs["heterogeneity_prior"],
    )
    return mark(found, gate)[EFFECTS]


def studies_table(
    data: xr.Dataset, alone: Mapping[str, xr.Dataset], gates: Mapping[str, Gate]
) -> pd.DataFrame:
    """Each study's effect by itself and shrunken, one row per study and visit.

    Parameters
    ----------
    data : Dataset
        Of all studies.
    alone : mapping of str to Dataset
        Of each study alone, in the same unit; studies that are missing have blank columns.
    gates : mapping of str to Gate
        Of the fit (key "") and of each study alone.

    Returns
    -------
    DataFrame
        The columns of ``pooled_studies.csv``.
    """
    sign, rows = float(data.attrs["direction"]), []
    passed = gates[""].passed
    for name in map(str, data["study"].to_numpy()):
        effect = data["study_effect"].sel(study=name).dropna("week", how="all")
        table = _by_week(effect, sign, np.nan)
        table["outcome"], table["study"] = data.attrs["outcome"], name
        table["unit"] = data.attrs["unit"]
        table["n_patients"] = int(data["patients"].sel(study=name))
        rho = data["rho"].sel(study=name)
        table["rho_mean"], table["rho_sd"] = float(rho.mean()), float(rho.std(ddof=1))
        good = passed
        if name in alone:
            own = alone[name]["study_effect"].sel(study=name)
            by_itself = _by_week(own, sign, np.nan).set_index("week").loc[list(table["week"])]
            for column in ("mean", "sd", "q025", "q975", "mcse_mean"):
                table[f"alone_{column}"] = by_itself[column].to_numpy()
            rho = alone[name]["rho"].sel(study=name)
            table["rho_alone_mean"] = float(rho.mean())
            table["rho_alone_sd"] = float(rho.std(ddof=1))
            good = good and gates[name].passed
        table["gate"] = "pass" if good else "fail"
        rows.append(table)
    return pd.concat(rows, ignore_index=True).reindex(columns=STUDIES)


def leave_one_out_table(
    data: xr.Dataset,
    without: Mapping[str, xr.Dataset],
    alone: Mapping[str, xr.Dataset],
    gates: Mapping[str, Gate],
) -> pd.DataFrame:
    """The mean effect without each study, one row per study and week that the others cover.

    Parameters
    ----------
    data : Dataset
        Of all studies.
    without : mapping of str to Dataset
        By the study left out.
    alone : mapping of str to Dataset
        Of that study alone.
    gates : mapping of str to Gate
        Of the fits without each study.

    Returns
    -------
    DataFrame
        The columns of ``leave_one_out.csv``. ``alone_within``: whether the left-out study's own
        estimate lies in the 95 % predictive interval of the others, where it has that visit.
    """
    sign, rows = float(data.attrs["direction"]), []
    whole = _by_week(data["mean_effect"], sign, np.nan).set_index("week")
    for name, rest in without.items():
        table = _by_week(rest["mean_effect"], sign, np.nan)
        new, all_studies = rest["predictive_effect"], whole.loc[list(table["week"])]
        low, high = _quantile(new, 0.025), _quantile(new, 0.975)
        table = table.assign(
            outcome=data.attrs["outcome"],
            left_out=name,
            unit=data.attrs["unit"],
            n_studies=rest.sizes["study"],
            change_in_mean=table["mean"] - all_studies["mean"].to_numpy(),
            # draws of two fits are independent
            change_in_mean_mcse=np.hypot(table["mcse_mean"], all_studies["mcse_mean"].to_numpy()),
            tau_mean=rest["heterogeneity"].mean(SAMPLE).to_numpy(),
            predictive_q025=low,
            predictive_q975=high,
            gate="pass" if gates[name].passed else "fail",
        )
        if name in alone:
            own = alone[name]["study_effect"].sel(study=name).mean(SAMPLE)
            estimate = own.reindex(week=list(table["week"])).to_numpy()
            within = (low <= estimate) & (estimate <= high)
            table["alone_mean"] = estimate
            table["alone_within"] = [
                "" if np.isnan(value) else "yes" if inside else "no"
                for value, inside in zip(estimate, within, strict=True)
            ]
        rows.append(table)
    return pd.concat(rows, ignore_index=True).reindex(columns=LEFT_OUT)


def _by_week(effect: xr.DataArray, sign: float, mcid: float) -> pd.DataFrame:
    weeks = effect["week"].to_numpy()
    plain = effect.rename(week="place").drop_vars(["place", "study"], errors="ignore")
    plain = plain.assign_coords(place=range(len(weeks)))
    found = summarise(plain, sign, mcid)
    found.insert(0, "week", weeks[found.index.to_numpy()])
    return found.rename(columns=_BOUNDS).reset_index(drop=True)


def _quantile(draws: xr.DataArray, level: float) -> np.ndarray:
    return np.asarray(draws.quantile(level, dim=SAMPLE).to_numpy())


def _benefit(draws: xr.DataArray, sign: float) -> np.ndarray | float:
    if sign == 0:
        return np.nan
    return np.asarray((draws * sign > 0).mean(SAMPLE).to_numpy())
