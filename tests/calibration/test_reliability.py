"""Claims quoted with a probability, counted by it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.monte_carlo import ERRORS, seeded

from bayesasthma.calibration.figures import reliability_figure
from bayesasthma.calibration.quantities import KEPT
from bayesasthma.calibration.reliability import (
    COLUMNS,
    LIMITS,
    claim_title,
    limits,
    read_reliability,
    reliability_table,
    share_true,
)

FIELD = {name: k for k, name in enumerate(KEPT)}


def kept_claims(claims: dict[str, tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Values as kept of claims, each given by its probabilities and whether it was true."""
    values = np.zeros((len(claims), len(next(iter(claims.values()))[0]), len(KEPT)))
    values[..., FIELD["mean"]] = [quoted for quoted, _ in claims.values()]
    values[..., FIELD["truth"]] = [true for _, true in claims.values()]
    values[..., FIELD["ess"]] = 100
    return values


def test_claims_are_counted_by_their_probability() -> None:
    quoted = np.array([0.01, 0.01, 0.99, 1.0, 0.9, 0.5, 0.975, np.nan])
    true = np.array([0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, np.nan])
    claims = {
        "benefit[week12]": (quoted[::-1], true),
        "benefit[week48]": (quoted, true),
        "difference[week48]": (quoted, true),
    }
    table = reliability_table("toy", list(claims), kept_claims(claims))
    assert list(table.columns) == COLUMNS
    assert table["claim"].tolist() == ["benefit"] * (len(LIMITS) - 1)
    assert table["studies"].tolist() == [2, 0, 0, 1, 1, 3]  # the last interval holds both its ends
    assert table["true"].to_numpy() == pytest.approx(
        [0.5, np.nan, np.nan, 1, 0, 2 / 3], nan_ok=True
    )
    assert table["quoted"].iloc[-1] == pytest.approx((0.99 + 1 + 0.975) / 3)
    errors = [q * (1 - q) / 100 for q in (0.99, 1, 0.975)]
    assert table["mcse"].iloc[-1] == pytest.approx(np.sqrt(np.mean(errors)))
    assert (table["true_low"].dropna() <= table["true"].dropna()).all()
    assert (table["true_high"].dropna() >= table["true"].dropna()).all()


def test_a_subject_is_kept_and_a_set_of_outcomes_is_part_of_the_claim() -> None:
    quoted, true = np.full(4, 0.9), np.ones(4)
    names = [
        "benefit[local, week12]",
        "benefit[local, week48]",
        "benefit[mild_systemic, week48]",
        "all_improve:primary[week48]",
        "all_improve:nonesuch[week48]",
    ]
    claims = dict.fromkeys(names, (quoted, true))
    table = reliability_table("toy", names, kept_claims(claims))
    found = table.drop_duplicates(["claim", "subject"])
    assert found["claim"].tolist() == ["benefit", "benefit", "all_improve:primary"]
    assert found["subject"].tolist() == ["local", "mild_systemic", ""]


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    quoted, true = np.array([0.0, 0.99, 0.99, 0.99]), np.array([0.0, 1, 1, 0])
    names = ["benefit[severe_systemic, week48]", "all_improve:primary[week48]"]
    table = reliability_table("toy", names, kept_claims(dict.fromkeys(names, (quoted, true))))
    assert read_reliability(tmp_path / "none.csv").empty
    table.to_csv(tmp_path / "reliability.csv", index=False)
    read = read_reliability(tmp_path / "reliability.csv")
    pd.testing.assert_frame_equal(read, table)
    assert limits(read) == [
        "0 to 0.025", "0.025 to 0.2", "0.2 to 0.5", "0.5 to 0.8", "0.8 to 0.975", "0.975 to 1",
    ]  # fmt: skip
    assert share_true(read.iloc[1]) == "–"
    assert share_true(read.iloc[5]) == "66.7 % (9 to 99; 3)"
    assert claim_title("benefit", "severe_systemic") == "P(benefit), severe systemic"
    assert claim_title("all_improve:primary", "") == "P(all primary outcomes improve)"


def test_no_claims_make_an_empty_table() -> None:
    assert reliability_table("toy", ["mu"], np.zeros((1, 3, len(KEPT)))).empty


@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_right_probabilities_are_right_as_often_as_they_say(bias: float) -> None:
    """A normal mean given one observation of it; with a bias, its posterior is shifted."""
    from scipy import stats

    rng = np.random.default_rng(seeded(11))
    truth = rng.standard_normal(20_000)
    data = truth + rng.standard_normal(len(truth))
    quoted = stats.norm.sf(0, data / 2 + bias, np.sqrt(0.5))
    claims = {"benefit[week48]": (quoted, (truth > 0).astype(float))}
    table = reliability_table("toy", list(claims), kept_claims(claims))
    error = np.sqrt(table["quoted"] * (1 - table["quoted"]) / table["studies"])
    off = ((table["true"] - table["quoted"]) / error).abs().max()
    assert (off < ERRORS) if bias == 0 else (off > 20)


def test_the_figure_draws_a_panel_per_claim_and_names_each_case_once() -> None:
    quoted, true = np.linspace(0, 1, 400), np.tile([0.0, 1.0], 200)
    names = ["benefit[local, week48]", "benefit[other, week48]", "all_improve:primary[week48]"]
    values = kept_claims(dict.fromkeys(names, (quoted, true)))
    table = pd.concat([reliability_table(case, names, values) for case in ("a", "b", "c")])
    figure = reliability_figure(table, {"a": "first", "b": "second"})
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert titles == ["P(benefit)", "P(all primary outcomes improve)"]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["first", "second"]
