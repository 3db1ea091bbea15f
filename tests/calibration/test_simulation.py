"""Simulated patients, the table printed of them, and the tests of a trial."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tests.monte_carlo import ERRORS, seeded

from bayesasthma.calibration.cases import DWINDLING, cases_of, parse_sizes
from bayesasthma.calibration.headline import ancova, t_test
from bayesasthma.calibration.layouts import pattern, single, sizes, steps, with_table
from bayesasthma.calibration.misspecification import summarise_scenario
from bayesasthma.calibration.operating import operating_table
from bayesasthma.calibration.printing import as_printed, normal_patients, summarise
from bayesasthma.calibration.scenarios import SCENARIOS, scenario_of
from bayesasthma.errors import UsageError
from bayesasthma.inference.graphs import graph_key
from bayesasthma.models.design import design
from bayesasthma.models.specification import table_spec
from bayesasthma.study.bundle import load_study


@given(
    st.floats(-1e3, 1e3),
    st.floats(0.2, 1e3),
    st.integers(0, 3),
)
def test_printed_numbers_are_those_of_format(mean: float, sd: float, decimals: int) -> None:
    step = 10.0**-decimals
    printed = as_printed(np.array(mean), np.array(sd), np.array(step), np.array(step))
    own_step = float(printed[3])
    sd_decimals = round(-np.log10(own_step))
    # a half may be rounded either way, for it is not a half in binary
    assert abs(float(printed[0]) - float(f"{mean:.{decimals}f}")) < 1.001 * step
    assert float(printed[0]) == pytest.approx(mean, abs=0.5001 * step)
    assert float(f"{float(printed[1]):.{sd_decimals}f}") == pytest.approx(float(printed[1]))
    assert float(printed[1]) == pytest.approx(sd, abs=0.5001 * own_step)
    assert float(printed[1]) > 0


def test_a_small_sd_is_printed_with_a_decimal_more() -> None:
    _, sd, _, step = as_printed(*np.array([[1.0, 1.0], [0.04, 4.0], [0.1, 0.1], [0.1, 0.1]]))
    assert step == pytest.approx([0.01, 0.1])
    assert sd == pytest.approx([0.04, 4.0])


def test_patients_have_the_moments_asked_for_and_leave_for_good() -> None:
    rng = np.random.default_rng(seeded(1))
    n = np.array([[40_000, 40_000, 30_000], [40_000, 20_000, 10_000]])
    mean = np.array([[[1.0, 2.0, 3.0], [1.0, 4.0, 5.0]]])
    sd = np.array([[[1.0, 2.0, 1.0], [0.5, 1.0, 1.0]]])
    z = np.arctanh(np.array([[0.6, 0.3, 0.4]]))
    patients = normal_patients(rng, mean, sd, z, n)
    found_mean, found_sd, found_n = summarise(patients)
    assert np.array_equal(found_n[0], n)
    assert (np.abs(found_mean - mean) < ERRORS * sd / np.sqrt(n)).all()
    assert (np.abs(found_sd / sd - 1) < ERRORS / np.sqrt(2 * n)).all()
    whole = np.isfinite(patients[0, 0]).all(axis=-1)
    close = ERRORS * (1 - 0.6**2) / np.sqrt(whole.sum())
    assert np.corrcoef(patients[0, 0][whole].T)[0, 1] == pytest.approx(0.6, abs=close)
    seen = np.isfinite(patients)
    assert not (seen[..., 1:] & ~seen[..., :-1]).any()


def test_outcomes_of_a_patient_are_correlated_if_asked() -> None:
    rng = np.random.default_rng(seeded(2))
    zeros, n = np.zeros((2, 1, 2)), np.array([[50_000, 50_000]])
    between = np.array([[1.0, 0.7], [0.7, 1.0]])
    patients = normal_patients(rng, zeros, zeros + 1, np.zeros((2, 1)), n, between)
    close = ERRORS * (1 - 0.7**2) / np.sqrt(n[0, 0])
    assert np.corrcoef(patients[:, 0, :, 1])[0, 1] == pytest.approx(0.7, abs=close)


def test_a_table_in_its_own_unit_is_standardised_as_a_study_is() -> None:
    study = load_study("liu2025")
    real = design(study)
    table = real.tables[0]
    natural = with_table(
        pattern(),
        *(
            _grid(real, values)
            for values in (
                table.mean * real.scale[table.outcome][:, None]
                + real.centre[table.outcome][:, None],
                table.sd * real.scale[table.outcome][:, None],
                table.mean_step * real.scale[table.outcome][:, None],
                table.sd_step * real.scale[table.outcome][:, None],
            )
        ),
        own_unit=True,
    )
    assert natural.scale == pytest.approx(real.scale)
    assert natural.centre == pytest.approx(real.centre)
    for name in ("mean", "sd", "mean_step", "sd_step", "n"):
        assert getattr(natural.tables[0], name) == pytest.approx(getattr(table, name))


def _grid(layout: object, values: np.ndarray) -> np.ndarray:
    grid = np.zeros((10, 2, 4))
    table = layout.tables[0]  # type: ignore[attr-defined]
    grid[table.outcome, table.arm] = values
    return grid


def test_outcomes_of_a_layout_share_a_graph_whatever_their_sizes() -> None:
    spec = table_spec("longitudinal")
    keys = {
        graph_key(single(pattern(n), k), spec)
        for n in (((18,), (19,)), ((5,), (5,)))
        for k in range(10)
    }
    assert len(keys) == 1
    assert graph_key(single(pattern(DWINDLING), 0), spec) not in keys
    assert sizes(pattern(DWINDLING)).tolist() == [list(own) for own in DWINDLING]
    assert all(array.shape == (10, 2, 4) for array in steps(pattern()))


def test_t_test_and_ancova_are_the_textbook_ones() -> None:
    rng = np.random.default_rng(3)
    patients = scenario_of("dropout-mar").patients(rng, 2)
    last, base = patients[0, ..., -1], patients[0, ..., 0]
    arms = [own[np.isfinite(own)] for own in last]
    expected = stats.ttest_ind(arms[1], arms[0], alternative="greater")
    assert t_test(patients).p[0] == pytest.approx(expected.pvalue)
    seen = np.isfinite(last)
    arm = np.broadcast_to([[0.0], [1.0]], last.shape)[seen]
    X = np.column_stack([np.ones(seen.sum()), arm, base[seen]])
    beta, rss, *_ = np.linalg.lstsq(X, last[seen], rcond=None)
    error = np.sqrt(rss[0] / (len(X) - 3) * np.linalg.inv(X.T @ X)[1, 1])
    found = ancova(patients)
    assert found.estimate[0] == pytest.approx(beta[1])
    assert found.high[0] - found.low[0] == pytest.approx(2 * stats.t.ppf(0.975, len(X) - 3) * error)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda own: own.name)
def test_every_scenario_prints_the_sizes_it_states(scenario: object) -> None:
    own = scenario_of(scenario.name)  # type: ignore[attr-defined]
    patients = own.patients(np.random.default_rng(4), 3)
    _, sd, n = summarise(patients)
    assert np.array_equal(n[0], [np.broadcast_to(size, 4) for size in own.n])
    assert (sd > 0).all()


def test_the_truth_of_a_scenario_is_the_effect_put_in() -> None:
    assert scenario_of("normal").truth == pytest.approx(0.5, abs=0.01)
    assert scenario_of("rho-high-imbalance").truth == pytest.approx(0.5, abs=0.01)
    assert scenario_of("aqlq").truth < 0.4  # the ceiling hides some of it


def test_scenario_rows_count_the_intervals_that_hold_the_truth() -> None:
    truth = scenario_of("normal").truth
    around = np.array([truth, truth - 1, truth + 1, truth + 1, truth + 2])
    beside = np.array([truth, truth + 0.1, truth + 1, truth - 1, truth + 1])
    row = summarise_scenario("normal", np.array([around, around, around, beside]))
    assert row["coverage"] == 0.75
    assert row["verdict"] == "distrust"
    assert row["ancova_coverage"] == 0.25
    assert row["bias"] == pytest.approx(0)


def test_operating_rows_are_shares_of_trials() -> None:
    values = np.array([[0.99, 0.9, 0.01, 0.01], [0.99, 0.5, 0.04, 0.01], [0.5, 0.1, 0.5, 0.5]])
    table = operating_table({("weak", 0.0): values, ("sceptical", 0.0): values})
    rates = table.set_index(["prior", "rule"])["rate"]
    assert rates["weak", "P(benefit) > 0.975"] == pytest.approx(2 / 3)
    assert rates["weak", "P(benefit > MCID) > 0.8"] == pytest.approx(1 / 3)
    assert rates["", "t test, one-sided p < 0.025"] == pytest.approx(1 / 3)
    assert len(table) == 6  # tests know no prior


def test_sizes_and_models_are_checked() -> None:
    assert parse_sizes("18,19") == ((18,), (19,))
    for text in ("18", "18,x", "3,4", "18,19,20"):
        with pytest.raises(UsageError, match="two whole numbers"):
            parse_sizes(text)
    with pytest.raises(UsageError, match="unknown model"):
        cases_of("nonesuch")
    assert [case.reading for case in cases_of("adverse")] == ["per_visit", "cumulative"]
