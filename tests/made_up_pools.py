"""Pools of studies without sampling: draws made up about plausible effects, and their tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.results.pooled import SAMPLE, PooledResults
from bayesasthma.results.pooled_tables import EFFECTS, LEFT_OUT
from bayesasthma.results.pooled_tables import STUDIES as STUDY_COLUMNS

CHAINS, DRAWS = 4, 500
WEEKS = (4.0, 12.0, 24.0, 52.0)
#: By study: patients, visits, own effect at each, its standard error, correlation alone (mean, SD).
STUDIES = {
    "alder2015": (84, (4.0, 12.0, 24.0), (0.9, 1.9, 2.6), 0.62, (0.55, 0.17)),
    "birch2019": (240, (12.0, 24.0, 52.0), (1.1, 1.7, 1.9), 0.36, (0.71, 0.05)),
    "cedar2021": (37, (12.0, 24.0), (3.4, 4.1), 0.95, (0.52, 0.19)),
}


def pooled_draws(
    outcome: str = "act",
    label: str = "Asthma Control Test (ACT)",
    unit: str = "points",
    *,
    direction: float = 1.0,
    mcid: float = 3.0,
    factor: float = 1.0,
    log: bool = False,
    names: tuple[str, ...] = tuple(STUDIES),
    seed: int = 2,
) -> xr.Dataset:
    """Draws that hang together: a walk of the mean, studies about it, a new study."""
    rng = np.random.default_rng(seed)
    size = (CHAINS, DRAWS)
    grown = np.array([0.4, 0.8, 1.0, 1.0])  # alike early, and less so later
    tau = np.abs(rng.normal(0.9, 0.5, (*size, 1))) * factor * grown
    walk = factor * np.array([1.0, 1.7, 2.1, 2.0])
    step = factor * np.array([0.45, 0.3, 0.3, 0.5])
    common = rng.normal(size=(*size, 1))
    mean = walk + step * (0.7 * common + 0.7 * rng.normal(size=(*size, len(WEEKS))))
    new = mean + tau * rng.normal(size=mean.shape)
    study = np.full((*size, len(names), len(WEEKS)), np.nan)
    rho = np.full((*size, len(names)), np.nan)
    for i, (_, weeks, effect, se, (rho_mean, rho_sd)) in enumerate(STUDIES.values()):
        places = [WEEKS.index(week) for week in weeks]
        shrunken = 0.6 * factor * np.array(effect) + 0.4 * walk[places]
        study[..., i, places] = shrunken + 0.75 * factor * se * rng.normal(
            size=(*size, len(places))
        )
        rho[..., i] = np.clip(0.5 * rho_mean + 0.33 + 0.6 * rho_sd * rng.normal(size=size), 0, 0.99)
    week, by_study = (*SAMPLE, "week"), (*SAMPLE, "study")
    return xr.Dataset(
        {
            "mean_effect": (week, direction * mean),
            "predictive_effect": (week, direction * new),
            "study_effect": ((*SAMPLE, "study", "week"), direction * study),
            "heterogeneity": (week, tau),
            "walk_scale": (SAMPLE, factor * np.abs(rng.normal(1.0, 0.3, size))),
            "rho": (by_study, rho),
            "patients": ("study", [own[0] for own in STUDIES.values()]),
        },
        {
            "chain": np.arange(CHAINS),
            "draw": np.arange(DRAWS),
            "study": list(names),
            "week": list(WEEKS),
        },
        {
            "outcome": outcome,
            "label": label,
            "unit": unit,
            "direction": direction,
            "mcid": mcid,
            "scale": 4.4 * factor,
            "log": int(log),
            "prior": "weak",
            "prior_formula": "Normal(0, 2^2)",
            "heterogeneity_prior": "half-normal(0.5)",
            "gate": "pass",
            "rho_location": 0.45,
            "rho_scale": 0.81,
        },
    )


def _row(draws: xr.DataArray, sign: float, mcid: float) -> dict[str, float]:
    values = draws.to_numpy().ravel()
    low, high = np.quantile(values, [0.025, 0.975])
    claimed, judged = sign != 0, sign != 0 and np.isfinite(mcid)
    return {
        "mean": values.mean(), "sd": values.std(ddof=1), "q025": low, "q975": high,
        "mcse_mean": values.std(ddof=1) / np.sqrt(1900),
        "p_benefit": (sign * values > 0).mean() if claimed else np.nan,
        "p_benefit_mcse": 0.005, "p_positive": (values > 0).mean(),
        "p_benefit_gt_mcid": (sign * values > mcid).mean() if judged else np.nan,
        "ess_bulk": 1900.0, "ess_tail": 1800.0, "r_hat": 1.001, "gate": "pass",
    }  # fmt: skip


def tables(data: xr.Dataset, factor: float = 1.0) -> dict[str, pd.DataFrame]:
    """``effects``, ``studies`` and ``left_out`` of one outcome."""
    sign, mcid = float(data.attrs["direction"]), float(data.attrs["mcid"])
    outcome, unit = data.attrs["outcome"], data.attrs["unit"]
    taus = data["heterogeneity"]
    effects, studies, left = [], [], []
    seen = data["study_effect"].notnull().all(SAMPLE)
    for week in WEEKS:
        new = data["predictive_effect"].sel(week=week).to_numpy()
        tau = taus.sel(week=week).to_numpy()
        effects.append(
            {"outcome": outcome, "label": data.attrs["label"], "unit": unit, "week": week,
             "n_studies": 3, "n_studies_at_week": int(seen.sel(week=week).sum()),
             "n_patients": int(data["patients"].sum()), "mcid": mcid,
             "predictive_q025": np.quantile(new, 0.025), "predictive_q975": np.quantile(new, 0.975),
             "p_benefit_new": (sign * new > 0).mean() if sign else np.nan,
             "tau_mean": tau.mean(), "tau_q025": np.quantile(tau, 0.025),
             "tau_q975": np.quantile(tau, 0.975), "prior": "weak",
             "heterogeneity_prior": "half-normal(0.5)"}
            | _row(data["mean_effect"].sel(week=week), sign, mcid)
        )  # fmt: skip
    pairs = zip(data["study"].to_numpy(), STUDIES.values(), strict=True)
    for name, (n, weeks, effect, se, rho) in pairs:
        pooled_rho = data["rho"].sel(study=name)
        for week, own in zip(weeks, effect, strict=True):
            alone, error = sign * factor * own, factor * se
            row = {"outcome": outcome, "study": name, "unit": unit, "week": week, "n_patients": n}
            row |= _row(data["study_effect"].sel(study=name, week=week), sign, mcid)
            row |= {"alone_mean": alone, "alone_sd": error, "alone_q025": alone - 1.96 * error,
                    "alone_q975": alone + 1.96 * error, "alone_mcse_mean": error / np.sqrt(1900),
                    "rho_alone_mean": rho[0],
                    "rho_alone_sd": rho[1], "rho_mean": float(pooled_rho.mean()),
                    "rho_sd": float(pooled_rho.std())}  # fmt: skip
            studies.append(row)
        for week in WEEKS:
            moved = data["mean_effect"].sel(week=week) * (0.75 if name == "birch2019" else 1.05)
            own_mean = dict(zip(weeks, effect, strict=True)).get(week, np.nan)
            row = {
                "outcome": outcome,
                "left_out": name,
                "unit": unit,
                "week": week,
                "n_studies": 2,
                "change_in_mean": 0.1,
                "change_in_mean_mcse": 0.02,
                "tau_mean": float(taus.sel(week=week).mean()),
                "predictive_q025": -0.9 * factor,
                "predictive_q975": 4.0 * factor,
                "alone_mean": sign * factor * own_mean,
                "alone_within": "" if np.isnan(own_mean) else "no" if own_mean > 4 else "yes",
            }
            left.append(row | _row(moved, sign, mcid))  # fmt: skip
    # with the columns that a run writes, and no other
    return {
        "effects": pd.DataFrame(effects)[EFFECTS],
        "studies": pd.DataFrame(studies)[STUDY_COLUMNS],
        "left_out": pd.DataFrame(left)[LEFT_OUT],
    }


def diagnostics(names: list[str], failing: str = "") -> pd.DataFrame:
    """Gates of fits, one of them perhaps failing."""
    return pd.DataFrame(
        [
            {"fit": name, "sampled": True, "parameters": 31, "divergences": 0,
             "tree_depth_reached": 0, "bfmi": 0.9, "r_hat": 1.003, "ess_bulk": 1500.0,
             "ess_tail": 1400.0, "worst": "tau", "gate": "fail" if name == failing else "pass",
             "failures": "R-hat 1.02" if name == failing else ""}
            for name in names
        ]
    )  # fmt: skip


def pooled_results(
    *,
    names: tuple[str, ...] = tuple(STUDIES),
    label: str = "Asthma Control Test (ACT)",
    alone: bool = True,
    failing: str = "",
) -> PooledResults:
    """A pool of three outcomes: in points, a logarithm of which less is better, and of no side."""
    pools = {
        "act": (pooled_draws(label=label, names=names), 1.0),
        "feno": (
            pooled_draws("feno", "Exhaled nitric oxide (FeNO)", "log ppb", direction=-1.0,
                         mcid=np.nan, factor=0.1, log=True, names=names, seed=3),
            0.1,
        ),
        "weight": (_unsigned(names), 1.0),
    }  # fmt: skip
    made = {key: tables(data, factor) for key, (data, factor) in pools.items()}
    joined = {
        name: pd.concat([own[name] for own in made.values()], ignore_index=True)
        for name in ("effects", "studies", "left_out")
    }
    if not alone:
        names_of = list(map(str, joined["studies"]))
        columns = [name for name in names_of if "alone" in name]
        joined["studies"][columns] = np.nan
        joined["left_out"] = joined["left_out"].iloc[:0]
    fits = [f"pooled-{outcome}" for outcome in pools]
    return PooledResults(
        {key: data for key, (data, _) in pools.items()},
        joined["effects"],
        joined["studies"],
        joined["left_out"],
        diagnostics(fits, failing),
        {name: f"{name.title()}, J Made Up Results" for name in names},
        "bayesasthma pool alder2015 birch2019 cedar2021",
        {"versions": {"bayesasthma": "1.0"}, "seed": 1, "started": "2026-01-01 12:00",
         "checksums": {"alder2015/study.toml": "ab" * 32}, "timings": {"fits": 12.3}},
    )  # fmt: skip


def _unsigned(names: tuple[str, ...]) -> xr.Dataset:
    data = pooled_draws("weight", "Body weight", "kg", mcid=np.nan, names=names, seed=4)
    return data.assign_attrs(direction=0.0)
