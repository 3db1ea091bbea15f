"""Tables of a curve: rows, ranges, shares of variance; what is written is read back or refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import curves

import bayesasthma as ba
from bayesasthma.specification_curve import load_sensitivity, parse_grid
from bayesasthma.specification_curve.curve import Sensitivity
from bayesasthma.specification_curve.summary import (
    COLUMNS,
    curve_table,
    first_order_shares,
    log_odds,
    ranges,
    rho_rows,
    variance_shares,
)


@pytest.fixture(scope="module")
def study() -> ba.Study:
    return ba.load_study("liu2025")


@pytest.fixture(scope="module")
def curve(study: ba.Study) -> Sensitivity:
    return curves.curve(study)


def test_one_row_per_specification_outcome_and_visit(curve: Sensitivity) -> None:
    table = curve.table
    assert list(table.columns) == COLUMNS
    tables, counts = table[table["kind"] == "outcome"], table[table["kind"] == "reaction"]
    assert len(tables) == 3 * 6 * 2 * 3 * 10 * 3
    assert len(counts) == 2 * 2 * 3 * 3
    assert not table.duplicated(["specification", "kind", "outcome", "arm", "visit"]).any()
    # each way of treating the baseline reports its own estimand
    pairs = set(zip(tables["adjustment"], tables["estimand"], strict=True))
    assert pairs == set(curves.ADJUSTMENTS.items())
    assert table.loc[table["visit"] == "week24", "week"].eq(24).all()


def test_the_default_is_marked_once_per_quantity(curve: Sensitivity) -> None:
    default = curve.table[curve.table["default"]]
    assert not default.duplicated(["kind", "outcome", "arm", "visit"]).any()
    assert len(default) == 10 * 3 + 3 * 3


def test_log_scale_has_rows_only_where_it_changes_the_table(study: ba.Study) -> None:
    grid = parse_grid("[[block]]\nscale = ['identity', 'log']")
    table = curve_table(study, grid, [curves.result(study, item) for item in grid.fits])
    logs = set(table.loc[table["scale"] == "log", "outcome"])
    assert logs == {"feno", "eos", "total_ige", "specific_ige"}
    assert set(table.loc[table["scale"] == "identity", "outcome"]) == set(study.outcomes.index)


def test_external_has_rows_only_where_there_is_evidence(study: ba.Study) -> None:
    grid = parse_grid(
        "[[block]]\nprior = ['weak', 'external']\n[[adverse]]\nprior = ['weak', 'external']"
    )
    results = [curves.result(study, item) for item in (*grid.fits, *grid.adverse)]
    table = curve_table(study, grid, results)
    external = table[table["prior"] == "external"]
    known = set(study.external["outcome"]) | set(study.external["reaction"])
    assert len(external)
    assert set(external["outcome"]) <= known
    assert "act" in set(external["outcome"])


def test_ranges_are_the_extremes_of_what_passed(study: ba.Study, curve: Sensitivity) -> None:
    table = curve.table.copy()
    fev1 = (table["outcome"] == "fev1") & (table["visit"] == "week48")
    lowest = table.loc[fev1, "p_benefit"].idxmin()
    table.loc[lowest, "gate"] = "fail"
    found = ranges(table, variance_shares(table)).set_index(["outcome", "visit"])
    row = found.loc[("fev1", "week48")]
    passed = table[fev1 & (table["gate"] == "pass")]
    assert row["p_low"] == passed["p_benefit"].min()
    assert row["p_high"] == passed["p_benefit"].max()
    assert (row["specifications"], row["failed"]) == (len(passed), 1)
    assert row["highest"].startswith("prior enthusiastic, correlation fixed:0.9")
    assert row["moved_most_by"] == "prior"
    assert found.loc[("total_ige", "week48"), "probability"] == "higher"


def test_shares_of_a_crossed_grid_are_the_anova() -> None:
    rng = np.random.default_rng(4)
    a, b, c = rng.normal(size=3), rng.normal(size=2), rng.normal(size=(3, 2))
    frame = pd.DataFrame(
        [
            (f"a{i}", f"b{j}", a[i] + b[j] + c[i, j])
            for i in range(3)
            for j in range(2)
            for _ in range(2)
        ],
        columns=["a", "b", "y"],
    )
    found = {item["choice"]: item for item in first_order_shares(frame["y"], frame[["a", "b"]])}
    total = ((frame["y"] - frame["y"].mean()) ** 2).sum()
    for name in ("a", "b"):
        means = frame.groupby(name)["y"].transform("mean")
        between = ((means - frame["y"].mean()) ** 2).sum()
        assert found[name]["share"] == pytest.approx(between / total)
        by_level = frame.groupby(name)["y"].mean()
        assert found[name]["lowest"] == by_level.idxmin()
        assert found[name]["highest"] == by_level.idxmax()


@settings(max_examples=50)
@given(st.integers(0, 10**6), st.integers(6, 40))
def test_shares_lie_between_zero_and_one(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "a": np.resize(["x", "y", "z"], size),
            "b": np.resize(["u", "v"], size),
        }
    )
    shares = [
        item["share"]
        for item in first_order_shares(pd.Series(rng.normal(size=size)), frame[["a", "b"]])
    ]
    assert all(0 <= share <= 1 + 1e-9 for share in shares)
    assert shares == sorted(shares, reverse=True)


def test_aliased_choices_share_nothing_alone() -> None:
    frame = pd.DataFrame({"a": ["x", "y"] * 4, "b": ["u", "v"] * 4})
    values = pd.Series([0.0, 1.0] * 4)
    assert [item["share"] for item in first_order_shares(values, frame)] == pytest.approx([0, 0])


def test_certainty_has_finite_log_odds() -> None:
    table = pd.DataFrame(
        {"p_benefit": [0.0, 1.0, np.nan], "p_positive": [0.1, 0.1, 0.5], "ess_bulk": [999.0] * 3}
    )
    assert log_odds(table).tolist() == pytest.approx([-np.log(1999), np.log(1999), 0.0])


def test_rho_rows_change_the_correlation_alone(curve: Sensitivity) -> None:
    rows = rho_rows(curve.table)
    assert set(rows["rho"]) == {0.1, 0.3, 0.5, 0.7, 0.9}
    assert set(rows["prior"]) == {"weak"}
    assert len(rows) == 5 * 10 * 3


# ------------------------------------------------------------------------------ files


def test_written_and_read_back(study: ba.Study, curve: Sensitivity, tmp_path: Path) -> None:
    written = curve.write(tmp_path)
    assert {path.name for path in written} == {path.name for path in tmp_path.iterdir()}
    again = load_sensitivity(study, tmp_path)
    assert isinstance(again, Sensitivity)
    assert len(again.table) == len(curve.table)
    for name in ("table", "ranges", "shares"):
        before, after = getattr(curve, name), getattr(again, name)
        for column in before:
            if pd.api.types.is_numeric_dtype(before[column]):
                assert np.allclose(after[column].astype(float), before[column].astype(float),
                                   rtol=1e-5, equal_nan=True), column  # fmt: skip
            else:
                assert after[column].fillna("").tolist() == before[column].fillna("").tolist()


def test_a_curve_that_is_not_current_is_not_shown(
    study: ba.Study, curve: Sensitivity, tmp_path: Path
) -> None:
    assert load_sensitivity(study, tmp_path) == "no specification curve has been run"
    curve.write(tmp_path)
    facts = json.loads((tmp_path / "sensitivity.json").read_text())

    def changed(**other: object) -> object:
        (tmp_path / "sensitivity.json").write_text(json.dumps(facts | other))
        return load_sensitivity(study, tmp_path)

    assert isinstance(changed(), Sensitivity)
    assert "other inputs" in str(changed(inputs={"summaries.csv": "0"}))
    assert "another version" in str(changed(source="0"))
    (tmp_path / "sensitivity.json").write_text(json.dumps(facts))
    with (tmp_path / "sensitivity.csv").open("a") as file:
        file.write("\n")
    assert "have been changed" in str(load_sensitivity(study, tmp_path))
