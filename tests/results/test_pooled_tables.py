"""Monte Carlo errors in the tables of a pool: of independent draws, the SD over their root."""

from __future__ import annotations

import numpy as np
from tests.made_up_pools import CHAINS, DRAWS, STUDIES, WEEKS, pooled_draws

from bayesasthma.inference.diagnostics import Gate
from bayesasthma.results.pooled import SAMPLE
from bayesasthma.results.pooled_tables import leave_one_out_table, studies_table

PASSED = Gate("pool", True, 0, 0, 1.0, 1.0, 1e3, 1e3, "x", 1)
#: Of an effective sample size of as many independent draws, relative.
WITHIN = 0.12


def test_tables_of_studies_and_of_studies_left_out_have_monte_carlo_errors() -> None:
    data, other = pooled_draws(seed=2), pooled_draws(seed=5)
    # probabilities between 0 and 1
    other = other.assign(mean_effect=other["mean_effect"] - other["mean_effect"].mean(SAMPLE))
    name = next(iter(STUDIES))
    left_out = leave_one_out_table(data, {name: other}, {}, {name: PASSED})
    studies = studies_table(data, {name: other}, {"": PASSED, name: PASSED})
    root = np.sqrt(CHAINS * DRAWS)
    first, second = (own["mean_effect"].std(SAMPLE, ddof=1) / root for own in (data, other))
    np.testing.assert_allclose(left_out["mcse_mean"], second, rtol=WITHIN)
    both = np.hypot(first, second)
    np.testing.assert_allclose(left_out["change_in_mean_mcse"], both, rtol=WITHIN)
    assert left_out["week"].tolist() == list(WEEKS)
    own = studies[studies["study"] == name]
    for column, draws in (("mcse_mean", data), ("alone_mcse_mean", other)):
        sd = draws["study_effect"].sel(study=name).std(SAMPLE, ddof=1).dropna("week")
        np.testing.assert_allclose(own[column], sd / root, rtol=WITHIN)
    p = left_out["p_benefit"]
    np.testing.assert_allclose(left_out["p_benefit_mcse"], np.sqrt(p * (1 - p)) / root, rtol=WITHIN)
    assert studies.loc[studies["study"] != name, "alone_mcse_mean"].isna().all()
