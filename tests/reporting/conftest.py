"""Results without a run: draws made up around printed numbers, shaped as fits have them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from tests.made_up_fits import CHAINS, DRAWS, table_fit

import bayesasthma as ba
from bayesasthma.auditing import audit
from bayesasthma.comparison.posterior_beside_p import compare
from bayesasthma.comparison.reverse_bayes import LEVELS, normal_sceptical_sd
from bayesasthma.comparison.sceptical_search import COLUMNS as SCEPTICAL_COLUMNS
from bayesasthma.comparison.sceptical_search import NOT_REACHED
from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.diagnostics import diagnostics_frame
from bayesasthma.inference.fitting import Fit
from bayesasthma.models.adverse_counts import READINGS, AdverseSpec, counts
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.results.adverse_table import COLUMNS as ADVERSE_COLUMNS
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.effect_table import effects
from bayesasthma.study.study import Study


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


def closed_form_scepticism(fit: Fit) -> pd.DataFrame:
    """Critical sceptical priors, as if every posterior were normal under a flat prior."""
    if fit.study.baseline_visit is None:
        return pd.DataFrame(columns=SCEPTICAL_COLUMNS)
    table = effects(fit)
    table = table[(table["estimand"] == "adjusted_difference") & table["p_benefit"].notna()]
    rows = []
    for level in LEVELS:
        sd = normal_sceptical_sd(abs(table["mean"]), table["sd"], level)
        rows.append(
            table[["outcome", "arm", "visit"]].assign(
                level=level,
                sd=np.where(table["p_benefit"] < level, np.nan, sd),
                pareto_k=0.1,
                ess=1000.0,
                method=np.where(table["p_benefit"] < level, NOT_REACHED, "reweighted"),
            )
        )
    return pd.concat(rows, ignore_index=True)


def results_of(study: Study, *, audited: bool = False) -> ReanalysisResults:
    """Everything a report shows."""
    fits = [table_fit(study, "independent"), table_fit(study)]
    findings = audit(study)
    reactions = adverse_fits(study) if len(study.adverse) else []
    adverse = [adverse_effects(fit) for fit in reactions]
    return ReanalysisResults(
        study=study,
        table_fits=fits,
        adverse_fits=reactions,
        effects=pd.concat([effects(fit) for fit in fits], ignore_index=True),
        adverse=pd.concat(adverse) if adverse else pd.DataFrame(columns=ADVERSE_COLUMNS),
        comparison=compare(fits, audit=findings, sceptical=closed_form_scepticism(fits[1])),
        diagnostics=diagnostics_frame([fit.gate for fit in [*fits, *reactions]]),
        audit=findings if audited else None,
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
