"""Results without a run: draws made up around printed numbers, shaped as fits have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit

import bayesasthma as ba
from bayesasthma.adverse_fits import COLUMNS as ADVERSE_COLUMNS
from bayesasthma.adverse_fits import AdverseFit, adverse_effects
from bayesasthma.auditing import audit
from bayesasthma.comparison import compare
from bayesasthma.diagnostics import diagnostics_frame
from bayesasthma.effect_table import effects
from bayesasthma.fitting import Fit
from bayesasthma.models.adverse import READINGS, AdverseSpec, counts
from bayesasthma.priors import prior_set
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.study import Study

CHAINS, DRAWS = 4, 400


def table_fit(study: Study, model: str = "longitudinal", seed: int = 1) -> Fit:
    """Normal draws about every printed mean, with the printed standard error."""
    rng = np.random.default_rng(seed)
    table = study.table.sel(statistic="level", drop=True).transpose("outcome", "arm", "visit")
    mean, sd, n = (table[name].to_numpy() for name in ("mean", "sd", "n"))
    seen = np.isfinite(mean)
    mean, sd, n = np.where(seen, mean, 1.0), np.where(seen, sd, 1.0), np.where(seen, n, 10.0)
    coords = {dim: table[dim].to_numpy() for dim in table.dims}
    groups = {
        name: moments(rng, mean, sd, n, size, coords, model, spread)
        for name, size, spread in (("posterior", (CHAINS, DRAWS), 1.0), ("prior", (1, 500), 8.0))
        if name == "posterior" or model == "longitudinal"
    }
    size = (CHAINS, DRAWS)
    chain_draw = ("chain", "draw")
    sample_stats = {
        "diverging": (chain_draw, np.zeros(size, dtype=bool)),
        "maxdepth_reached": (chain_draw, np.zeros(size, dtype=bool)),
        "energy": (chain_draw, rng.normal(size=size)),
        "n_steps": (chain_draw, np.full(size, 7)),
    }
    labels = {
        "moment": ["mean", "sd"],
        "outcome_0": ("series_0", np.repeat(coords["outcome"], len(coords["arm"]))),
        "arm_0": ("series_0", np.tile(coords["arm"], len(coords["outcome"]))),
        "visit_0": ("row_0", coords["visit"]),
    }
    printed = np.stack([mean, sd], -1).reshape(-1, len(coords["visit"]), 2)
    error = rng.normal(size=(*size, *printed.shape)) * (sd / 3).reshape(*printed.shape[:2], 1)
    dims = ("series_0", "row_0", "moment")
    tree = xr.DataTree.from_dict(
        {name: xr.Dataset(group, coords) for name, group in groups.items()}
        | {
            "sample_stats": xr.Dataset(sample_stats),
            "constant_data": xr.Dataset({"n": ("arm", study.arms["n"].to_numpy())}, coords),
            "observed_data": xr.Dataset({"table_0": (dims, printed)}, labels),
            "posterior_predictive": xr.Dataset(
                {"table_0": (("chain", "draw", *dims), printed + error)}, labels
            ),
        }
    )
    prior = "reference" if model == "independent" else "weak"
    return Fit(study, f"{model}-{prior}", model, prior, tree, {})


def moments(rng, mean, sd, n, size, coords, model, spread):
    """Draws of the population moments, as a fit stores them."""
    dims = ("chain", "draw", "outcome", "arm", "visit")
    error = spread * sd / np.sqrt(n)
    group = {
        "mean": (dims, mean + error * rng.normal(size=(*size, *mean.shape))),
        "sd": (dims, sd * np.exp(0.1 * rng.normal(size=(*size, *mean.shape)))),
    }
    if model == "longitudinal":
        logit = rng.normal(0.45, 0.8, size=(*size, len(mean)))
        rho = expit(logit)[..., None, None]
        same = np.eye(mean.shape[-1])
        square = ("chain", "draw", "outcome", "visit", "visit_b")
        group["logit_rho"] = (("chain", "draw", "outcome"), logit)
        group["correlation"] = (square, rho + (1 - rho) * same)
    sample = {"chain": np.arange(size[0]), "draw": np.arange(size[1])}
    return group | {"visit_b": ("visit_b", coords["visit"])} | sample


def adverse_fits(study: Study) -> list[AdverseFit]:
    """Beta draws of every rate, for both models and readings."""
    rng = np.random.default_rng(2)
    fits = []
    for reading in READINGS:
        data = counts(study, reading)
        shape = (len(data.reactions), len(data.visits), len(data.arms))
        events, at_risk = np.zeros(shape), np.ones(shape)
        events[data.reaction, data.visit, data.arm] = data.events
        at_risk[data.reaction, data.visit, data.arm] = data.at_risk
        for model, prior in (("independent", None), ("hierarchical", prior_set("weak"))):
            rate = rng.beta(events + 0.5, at_risk - events + 0.5, size=(CHAINS, DRAWS, *shape))
            coords = {"reaction": list(data.reactions), "visit": list(data.visits)}
            coords["arm"] = list(data.arms)
            dims = ("chain", "draw", "reaction", "visit", "arm")
            groups = {"posterior": xr.Dataset({"rate": (dims, rate)}, coords)}
            if prior is not None:
                new = rng.binomial(data.at_risk, 0.2, size=(CHAINS, DRAWS, len(data.events)))
                groups["posterior_predictive"] = xr.Dataset(
                    {"count": (("chain", "draw", "cell"), new)}
                )
            tree = xr.DataTree.from_dict(groups)
            fits.append(AdverseFit(study, AdverseSpec(model, reading, prior), data, tree, {}))
    return fits


def results_of(study: Study, *, audited: bool = False) -> ReanalysisResults:
    """Everything a report shows."""
    fits = [table_fit(study, "independent"), table_fit(study)]
    reactions = adverse_fits(study) if len(study.adverse) else []
    adverse = [adverse_effects(fit) for fit in reactions]
    return ReanalysisResults(
        study=study,
        table_fits=fits,
        adverse_fits=reactions,
        effects=pd.concat([effects(fit) for fit in fits], ignore_index=True),
        adverse=pd.concat(adverse) if adverse else pd.DataFrame(columns=ADVERSE_COLUMNS),
        comparison=compare(fits),
        diagnostics=diagnostics_frame([fit.gate for fit in [*fits, *reactions]]),
        audit=audit(study) if audited else None,
        run={"seed": 1, "versions": {"numpy": np.__version__}, "checksums": study.checksums},
    )


@pytest.fixture(scope="session")
def study() -> Study:
    """Three outcomes of the bundled study: higher better, lower better, no direction."""
    whole = ba.load_study("liu2025")
    kept = ["act", "feno", "total_ige"]
    return replace(whole, outcomes=whole.outcomes.loc[kept], table=whole.table.sel(outcome=kept))


@pytest.fixture(scope="session")
def bare(study: Study) -> Study:
    """Three arms, one visit with a missing cell, no baseline, direction, MCID, p or reactions."""
    last = study.table.sel(visit=["week48"])
    third = last.sel(arm=["OMA_AIT"]).assign_coords(arm=["OMA"])
    table = xr.concat([last, third], "arm", join="override").copy(deep=True)
    table["mean"].loc[{"outcome": "feno", "arm": "OMA"}] = np.nan
    arms = pd.concat(
        [study.arms, study.arms.iloc[[1]].set_axis(["OMA"]).assign(label="Omalizumab")]
    )
    arms.index.name = "arm"
    undirected = study.outcomes.assign(direction=0, mcid=np.nan, mcid_kind="")
    return replace(
        study,
        name="bare",
        title="A <script>bad</script> & a table",
        design="",
        randomised=True,
        arms=arms,
        visits=study.visits.loc[["week48"]],
        baseline_visit=None,
        outcomes=undirected,
        table=table,
        tests=study.tests.iloc[:0],
        adverse=study.adverse.iloc[:0],
        checksums={},
    )


@pytest.fixture(scope="session")
def results(study: Study) -> ReanalysisResults:
    return results_of(study, audited=True)


@pytest.fixture(scope="session")
def bare_results(bare: Study) -> ReanalysisResults:
    return results_of(bare)


@pytest.fixture(scope="session")
def fit(results: ReanalysisResults) -> Fit:
    return results.table_fits[1]
