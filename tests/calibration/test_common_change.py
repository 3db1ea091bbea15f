"""Studies in which all patients improve alike: paired patients, the table and its verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from bayesasthma.calibration import common_change
from bayesasthma.calibration.common_change import (
    CORRELATIONS,
    GRID,
    IMPROVEMENTS,
    KEPT,
    CommonChangeJob,
)
from bayesasthma.calibration.common_change_page import common_change_section
from bayesasthma.calibration.common_change_table import (
    COLUMNS,
    ERRORS,
    HOLDS,
    MOST_SHIFT,
    REFERENCE,
    common_change_table,
    read_common_change,
    verdict,
)
from bayesasthma.calibration.figures import PROPERTIES, common_change_figure
from bayesasthma.calibration.proof import COMMON_CHANGE_STUDIES
from bayesasthma.inference.graphs import CompiledGraphs

PROOF = Path(__file__).parents[2] / "calibration"
JOB = CommonChangeJob(10, 0.6, 3.0)
STEP = np.array([0.001, 0.01, 0.2, 0.17])


def made_up(job: CommonChangeJob, studies: int = 60, lean: float = 0.0) -> np.ndarray:
    """Values of a cell: a posterior about ANCOVA's estimate, off by a share of its error."""
    rng = np.random.default_rng(job.n)
    error = np.sqrt(2 * (1 - job.rho**2) / job.n)
    estimate = rng.normal(0, error, studies)
    width = stats.t.ppf(0.975, 2 * job.n - 3) * error
    noise = np.random.default_rng([job.n, int(job.improvement)]).normal(0, 0.05 * error, studies)
    mean = estimate + noise + lean * job.improvement * error
    own = [mean, mean - width, mean + width, stats.norm.cdf(mean / error)]
    other = [estimate, estimate - width, estimate + width, stats.norm.sf(estimate / error)]
    return np.stack([*own, *other], axis=-1)


def table_of(lean: float = 0.0, studies: int = 60) -> pd.DataFrame:
    return common_change_table({job: made_up(job, studies, lean) for job in GRID})


def test_the_committed_table_has_enough_studies_to_decide_every_cell() -> None:
    table = read_common_change(PROOF / "common_change.csv")
    assert len(table) == len(GRID)
    assert set(table["studies"]) == {COMMON_CHANGE_STUDIES}
    assert (ERRORS * table["shift_error"] <= MOST_SHIFT).all()
    assert set(table["verdict"]) == {HOLDS, REFERENCE}


def test_the_grid_is_the_one_asked_for() -> None:
    cohort = [(job.n, job.rho, job.improvement) for job in GRID if job.baseline == "free"]
    assert set(cohort) == {
        (n, rho, own) for n in (10, 20, 50, 200) for rho in (0.3, 0.6, 0.9) for own in (0, 1, 2, 3)
    }
    assert sum(job.baseline == "common" for job in GRID) == 16
    assert len({job.name for job in GRID}) == len(GRID) == len(set(GRID))
    assert all(job.reference in GRID for job in GRID)
    assert {job.rho for job in GRID} == set(CORRELATIONS)


@pytest.mark.parametrize("baseline", ["free", "common"])
def test_patients_share_their_noise_and_differ_by_the_improvement(baseline: str) -> None:
    rest: dict[str, Any] = {"number": 3, "seed": 7, "count": 2}
    found = {}
    for improvement in IMPROVEMENTS:
        job = replace(JOB, improvement=improvement, baseline=baseline)
        found[improvement] = [
            (job.patients(rng, STEP), rng.random()) for rng in job.generators(**rest)
        ]
    reference, after = zip(*found[0.0], strict=True)
    for improvement, parts in found.items():
        patients, own_after = zip(*parts, strict=True)
        moved = np.array(patients) - np.array(reference)
        assert moved[..., 0] == pytest.approx(0, abs=1e-12)
        printed = np.round(improvement / STEP) * STEP
        assert np.abs(printed - improvement).max() < 0.1
        by_study = np.moveaxis(moved[..., 1:], 1, -1)
        assert by_study == pytest.approx(np.broadcast_to(printed, by_study.shape))
        assert own_after == after  # and so is the sampler's seed, which is drawn next
    assert not np.array_equal(reference[0], reference[1])
    others = [replace(JOB, n=20), replace(JOB, rho=0.3)]
    firsts = [job.generators(**rest)[0].random() for job in [JOB, *others]]
    assert len(set(firsts)) == 3  # other cells have patients of their own
    assert JOB.generators(4, 7, 1)[0].random() != firsts[0]


def test_patients_are_those_of_the_cell_and_the_arms_are_alike() -> None:
    patients = CommonChangeJob(2000, 0.3, 2.0).patients(np.random.default_rng(1), np.full(20, 0.1))
    assert patients.shape == (20, 2, 2000, 4)
    by_arm = patients.mean(axis=(0, 2))
    assert by_arm == pytest.approx(np.array([[0, 2, 2, 2], [0, 2, 2, 2]]), abs=0.03)
    assert patients.std(axis=(0, 1, 2)) == pytest.approx(1, abs=0.02)
    correlation = np.corrcoef(patients.reshape(-1, 4).T)
    assert correlation[np.triu_indices(4, 1)] == pytest.approx(0.3, abs=0.03)


def test_a_batch_is_of_the_same_studies_at_every_improvement(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[tuple[bool, int]] = []

    def posterior(
        graphs: object, layout: Any, patients: np.ndarray, spec: Any, seed: int
    ) -> tuple[np.ndarray, list[Any]]:
        seen.append((layout.randomised, seed))
        assert (spec.model, spec.prior.name, spec.baseline) == ("longitudinal", "weak", None)
        last = np.diff(patients[..., -1].mean(axis=-1))[:, 0]
        draws = last + np.random.default_rng(seed).standard_normal((400, 1))
        return draws, []

    monkeypatch.setattr(common_change, "posterior", posterior)
    results = {
        job: job.batch(0, 1, CompiledGraphs())["values"]
        for baseline in ("free", "common")
        for job in (replace(JOB, baseline=baseline), replace(JOB, baseline=baseline).reference)
    }
    assert all(values.shape == (20, len(KEPT)) for values in results.values())
    assert [own for own, _ in seen] == [False] * 4 + [True] * 4
    assert len({seed for _, seed in seen}) == 2  # of the two tables of ten outcomes
    free, reference = results[JOB], results[JOB.reference]
    assert free == pytest.approx(reference)
    assert common_change_table(results)["shift"].to_numpy() == pytest.approx(0, abs=1e-9)


def test_rows_are_means_and_shares_with_their_errors() -> None:
    table = table_of()
    assert list(table.columns) == COLUMNS
    assert len(table) == len(GRID)
    row = table[(table["n"] == 20) & (table["rho"] == 0.6) & (table["improvement"] == 2)].iloc[0]
    job = CommonChangeJob(20, 0.6, 2.0)
    own = dict(zip(KEPT, made_up(job).T, strict=True))
    reference = dict(zip(KEPT, made_up(job.reference).T, strict=True))
    error = np.sqrt(2 * (1 - 0.6**2) / 20)
    assert row["bias"] == pytest.approx(own["mean"].mean() / error)
    assert row["bias_error"] == pytest.approx(stats.sem(own["mean"]) / error)
    moved = own["mean"] - reference["mean"]
    assert row["shift"] == pytest.approx(moved.mean() / error)
    assert row["shift_error"] == pytest.approx(stats.sem(moved) / error)
    assert row["shift_error"] < row["bias_error"] / 5  # what pairing is for
    assert row["coverage"] == ((own["low"] <= 0) & (own["high"] >= 0)).mean()
    assert row["type_1"] == (own["p_benefit"] > 0.975).mean()
    assert row["p_benefit"] == pytest.approx(own["p_benefit"].mean())
    assert row["ancova_type_1"] == (own["ancova_p"] < 0.025).mean()
    assert (table.filter(like="_error").drop(columns="shift_error") > 0).all(axis=None)
    paired = table.groupby(["baseline", "rho", "n"])["ancova_coverage"].nunique()
    assert (paired == 1).all()


def test_a_lean_is_found_and_a_model_without_one_holds() -> None:
    holds = table_of()
    assert set(holds["verdict"]) == {"reference", "holds"}
    assert ((holds["verdict"] == "reference") == (holds["improvement"] == 0)).all()
    leans = table_of(lean=0.1).set_index("improvement")
    assert set(leans.loc[[1.0, 2.0, 3.0], "verdict"]) == {"leans"}
    assert leans.loc[3.0, "shift"].to_numpy() == pytest.approx(0.3, abs=0.05)
    assert set(leans.loc[0.0, "verdict"]) == {"reference"}


def test_too_few_studies_neither_convict_nor_acquit() -> None:
    assert verdict(1.0, 0.0, 0.02) == "undecided"
    assert verdict(1.0, -0.2, 0.02) == "leans"
    assert verdict(1.0, MOST_SHIFT + 0.02, 0.01) == "holds"
    assert verdict(0.0, 0.0, 0.0) == "reference"


def test_unpaired_studies_are_refused() -> None:
    values = made_up(JOB)
    for wrong in (values[::-1], values[:40]):
        with pytest.raises(ValueError, match="are not those of"):
            common_change_table({JOB: values, JOB.reference: wrong})


def test_the_page_tells_of_both_models(tmp_path: Path) -> None:
    assert not common_change_section(tmp_path)
    table_of().to_csv(tmp_path / "common_change.csv", index=False)
    text = common_change_section(tmp_path)
    assert text.startswith("## When all patients improve alike\n")
    assert "48 of 48 hold, 0 lean" in text
    assert "### Before" not in text
    before = table_of(lean=0.1)
    before[before["rho"] == 0.6].to_csv(tmp_path / "common_change_before.csv", index=False)
    text = common_change_section(tmp_path)
    first, second = text.split("### Before")
    assert "commit `0af8b09`" in second
    assert "24 lean" in second
    assert first.count("| holds |") == 16
    assert second.count("| leans |") == 8


@pytest.mark.parametrize("with_before", [True, False])
def test_the_figure_has_a_row_of_panels_per_kind_of_study(with_before: bool) -> None:
    table = table_of()
    before = table[(table["baseline"] == "free") & (table["rho"] == 0.6)]
    figure = common_change_figure(table, before if with_before else before.iloc[:0])
    titles = [axis.get_title(loc="left") for axis in figure.axes]
    assert len(titles) == (5 if with_before else 4) * len(PROPERTIES)
    assert ("First edition: cohort, correlation 0.6" in titles) == with_before
    assert "Randomised, correlation 0.6" in titles


@pytest.mark.parametrize("name", ["common_change", "common_change_before"])
def test_the_verdicts_of_the_proof_follow_from_its_shifts(name: str) -> None:
    table = read_common_change(PROOF / f"{name}.csv")
    assert list(table.columns) == COLUMNS
    for row in table.itertuples():
        assert verdict(row.improvement, row.shift, row.shift_error) == row.verdict
