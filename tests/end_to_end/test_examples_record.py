"""The committed record of the example bundles: of these bundles, which gave their truth back.

The bounds are those that data/examples/README.md states.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.examples import EXAMPLES, HOME

from bayesasthma.study.bundle import load_study

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
#: No recovery: a truth so many posterior SDs away, or a χ² of all of a fit with a p below this.
FURTHEST, LEAST_P = 3.5, 0.001
KEYS = ["example", "subject", "arm", "visit", "estimand"]
NAMES = [make().name for make in EXAMPLES]


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(RESULTS / "examples.csv")


@pytest.fixture(scope="module")
def record() -> dict[str, object]:
    found: dict[str, object] = json.loads((RESULTS / "examples.json").read_text(encoding="utf-8"))
    return found


def test_it_is_of_the_committed_bundles(record: dict[str, object]) -> None:
    expected = {name: load_study(HOME / name).checksums for name in NAMES}
    assert record["checksums"] == expected, "renew the record: make examples"


def test_every_truth_is_compared_with_every_fit(table: pd.DataFrame) -> None:
    truth = pd.read_csv(HOME / "truth.csv")
    both = table.merge(truth, on=KEYS, suffixes=("", "_stated"))
    assert len(both) == len(table)
    np.testing.assert_allclose(both["truth"], both["truth_stated"])
    fits = table.groupby(KEYS)["fit"].agg(" ".join)
    assert len(fits) == len(truth)
    for key, names in fits.items():
        expected = "hierarchical" if key[4] == "risk_difference" else "longitudinal"
        assert expected in names, key
        # the model without pooling as well, wherever there are levels to fit it to
        assert "independent" in names or key[0] == "changes-alone", key


def test_what_it_says_follows_from_its_numbers(table: pd.DataFrame) -> None:
    np.testing.assert_allclose(
        table["z"], (table["mean"] - table["truth"]) / table["sd"], rtol=1e-3, atol=1e-4
    )
    inside = table["truth"].between(table["ci_low"], table["ci_high"])
    assert (inside == table["covered"]).all()
    assert (table["gate"] == "passed").all()


def test_draws_are_the_default_ones(record: dict[str, object]) -> None:
    from bayesasthma.inference.sampling import SamplerOptions

    assert record["options"] == json.loads(json.dumps(SamplerOptions().record()))


def test_every_example_gives_its_truth_back(table: pd.DataFrame, record: dict[str, object]) -> None:
    assert (table["z"].abs() < FURTHEST).all(), table.loc[table["z"].abs() >= FURTHEST]
    fits = pd.DataFrame(record["fits"])
    assert set(map(tuple, fits[["example", "fit"]].to_numpy())) == set(
        map(tuple, table[["example", "fit"]].to_numpy())
    )
    assert (fits["p"] > LEAST_P).all(), fits
    np.testing.assert_allclose(stats.chi2.sf(fits["chi2"], fits["truths"]), fits["p"])
    assert (fits["truths"] == fits.apply(lambda f: _truths(table, f), axis=1)).all()
    family = table["fit"].str.extract(r"^(adverse-\w+?|\w+)-")[0]
    for name, own in table.groupby(family):
        # as many intervals hold their truth as all but one in a thousand such tables would have
        assert own["covered"].sum() >= stats.binom.ppf(0.001, len(own), 0.95), name


def _truths(table: pd.DataFrame, fit: pd.Series) -> int:
    return int(((table["example"] == fit["example"]) & (table["fit"] == fit["fit"])).sum())
