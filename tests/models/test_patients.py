"""Patient-level data: reading covariates, sufficient statistics, likelihood and its gradient."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.bundles import OUTCOME, patient_level, write_rows, write_toml

from bayesasthma.errors import StudyError, UsageError
from bayesasthma.likelihood.correlation import cholesky_from_z, unpack_lower
from bayesasthma.likelihood.tables import patient_logp
from bayesasthma.models.design import Design, design
from bayesasthma.models.patient_series import PatientBlock
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study

VISITS = ("start", "week4", "week8")


def adjusted(folder: Path, covariates: tuple[str, ...] = ("sex", "age"), **changes: str) -> Path:
    """Patients with a text and a numeric covariate, and values missing in every pattern."""
    rng = np.random.default_rng(4)
    extra = f"covariates = {json.dumps(list(covariates))}"
    write_toml(folder, {"a": 16, "b": 15}, dict(zip(VISITS, (0, 4, 8), strict=True)), None, extra)
    write_rows(folder / "outcomes.csv", OUTCOME, [("y", "Y", "", "", "higher", "", "", "")])
    rows = []
    for arm, n in (("a", 16), ("b", 15)):
        for i in range(n):
            sex, age = rng.choice(["f", "m", "x"]), f"{rng.normal(50, 10):.1f}"
            level = rng.normal(10, 2)
            for t, visit in enumerate(VISITS):
                missing = t > 0 and rng.random() < 0.3
                y = "" if missing else f"{level + rng.normal():.3f}"
                rows.append((f"{arm}{i}", arm, visit, sex, age, y))
    if "cell" in changes:
        rows[4] = (*rows[4][:4], changes["cell"], rows[4][5])
    header = ("patient", "arm", "visit", "sex", "age", "y")
    write_rows(folder / "patients.csv", header, rows)
    return folder


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return load_study(adjusted(tmp_path_factory.mktemp("bundle") / "adjusted"))


@pytest.fixture(scope="module")
def layout(study: Study) -> Design:
    return design(study)


def inputs(block: PatientBlock, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Means, log SDs, partial correlations and covariate expectations of every group."""
    rng = np.random.default_rng(seed)
    count, visits = block.mean.shape
    shapes = ((count, visits), (count, visits), (count, 3), (count, block.projection.shape[2]))
    return tuple(rng.normal(0.3, 0.5, shape) for shape in shapes)


def log_density(block: PatientBlock, *values: np.ndarray) -> np.ndarray:
    mu, log_sigma, z, expected = values
    return patient_logp(
        block.mean,
        block.root,
        mu,
        log_sigma,
        z,
        block.n,
        seen=block.seen,
        projection=block.projection,
        expected=expected,
    )


class TestReading:
    def test_types(self, study: Study) -> None:
        assert study.covariates == ("sex", "age")
        assert study.patients is not None
        assert study.patients["age"].dtype == "float64"
        assert set(study.patients["sex"]) == {"f", "m", "x"}

    def test_coding_is_centred_and_scaled(self, layout: Design) -> None:
        coded = layout.covariates
        assert coded is not None
        assert coded.names == ("sex: m", "sex: x", "age")
        np.testing.assert_allclose(coded.values.mean(), 0, atol=1e-12)
        assert coded.values["age"].std() == pytest.approx(1)
        assert coded.scale[:2].tolist() == [1, 1]

    @pytest.mark.parametrize(
        ("covariates", "cell", "message"),
        [
            (("sex", "weight"), "1", "a column for this covariate"),
            (("sex", "age"), "1", "what this patient has elsewhere"),
            (("sex", "age"), "", "age"),
            (("sex", "age"), "NA", "models adjust for it"),
            (("sex", "y"), "1", "no outcome among them"),
            (("sex", "sex"), "1", "different columns"),
        ],
    )
    def test_problems_are_reported(
        self, tmp_path: Path, covariates: tuple[str, ...], cell: str, message: str
    ) -> None:
        with pytest.raises(StudyError, match=message):
            load_study(adjusted(tmp_path / "bad", covariates, cell=cell))

    def test_a_covariate_that_others_determine_is_refused(self, study: Study) -> None:
        from dataclasses import replace

        assert study.patients is not None
        patients = study.patients.assign(months=12 * study.patients["age"])
        twice = replace(study, patients=patients, covariates=("age", "months"))
        with pytest.raises(UsageError, match="determine one another"):
            design(twice)


class TestLikelihood:
    def test_is_the_sum_over_patients(self, study: Study, layout: Design) -> None:
        (block,) = layout.patients
        assert layout.covariates is not None
        assert study.patients is not None
        rng = np.random.default_rng(1)
        mean, gamma = rng.normal(0, 1, (2, 3)), rng.normal(0, 1, 3)
        log_sd, z = rng.normal(0, 0.3, 3), rng.normal(0.5, 0.3, 3)
        factor = np.zeros((3, 3))
        for i, row in enumerate(cholesky_from_z(unpack_lower(z, 3))):
            factor[i, : i + 1] = row
        covariance = factor @ factor.T * np.exp(log_sd[:, None] + log_sd)
        groups = len(block.n)
        got = log_density(
            block,
            mean[block.arm] + (block.covariate_mean @ gamma)[:, None],
            np.broadcast_to(log_sd, (groups, 3)),
            np.broadcast_to(z, (groups, 3)),
            block.covariate_root @ gamma,
        )
        wide = study.patients.pivot(index=["arm", "patient"], columns="visit", values="y")
        total = 0.0
        for (arm, patient), row in wide[list(VISITS)].iterrows():
            y = (row.to_numpy() - layout.centre[0]) / layout.scale[0]
            seen = np.isfinite(y)
            x = layout.covariates.values.loc[patient].to_numpy()
            own = mean[layout.arms.index(arm)][seen] + x @ gamma
            normal = stats.multivariate_normal(own, covariance[np.ix_(seen, seen)])
            total += normal.logpdf(y[seen])
        assert len(np.unique(block.seen, axis=0)) == 4
        assert got.sum() == pytest.approx(total, rel=1e-10)

    def test_compiled_operation_equals_it_with_its_gradient(self, layout: Design) -> None:
        from bayesasthma.models.kernels.patient_groups import group_logp

        (block,) = layout.patients
        values = inputs(block)
        seen = block.seen.astype(float)
        found, *gradients = group_logp(*values, block.statistics, block.n, seen)
        np.testing.assert_allclose(found, log_density(block, *values), rtol=1e-10)
        step = 1e-5
        for k, gradient in enumerate(gradients):
            numerical = np.zeros_like(gradient)
            for where in np.ndindex(gradient.shape):
                up, down = (tuple(v.copy() for v in values) for _ in range(2))
                up[k][where] += step
                down[k][where] -= step
                rise = log_density(block, *up) - log_density(block, *down)
                numerical[where] = rise[where[0]] / (2 * step)
            np.testing.assert_allclose(gradient, numerical, rtol=1e-5, atol=1e-5)

    def test_grouping_keeps_the_numbers_of_patients(self, study: Study, layout: Design) -> None:
        (block,) = layout.patients
        assert study.patients is not None
        counts = study.patients.dropna().groupby(["arm", "visit"]).size().unstack()[list(VISITS)]
        for g, arm in enumerate(("a", "b")):
            mine = block.arm == g
            np.testing.assert_array_equal(block.n[mine] @ block.seen[mine], counts.loc[arm])


def test_as_table_keeps_the_available_cases(tmp_path: Path) -> None:
    study = load_study(patient_level(tmp_path / "patients"))
    layout = design(study, as_table=True)
    assert not layout.patients
    (table,) = layout.tables
    printed = study.table["mean"].sel(statistic="level")
    np.testing.assert_allclose(
        table.mean * layout.scale[table.outcome][:, None] + layout.centre[table.outcome][:, None],
        printed.to_numpy()[table.outcome, table.arm],
    )
    assert isinstance(study.patients, pd.DataFrame)
    assert table.n.max() == 22
    assert table.n.min() < 20


def test_interval_widths_are_relative_to_those_from_patients() -> None:
    from bayesasthma.plots import interval_width
    from bayesasthma.plots.information import relative_widths

    rows = [
        (rho, replicate, kind, factor * (1 + replicate))
        for rho, factors in ((0.2, (0.8, 1.0, 1.0)), (0.9, (1.6, 1.1, 1.0)))
        for replicate in range(3)
        for kind, factor in zip(("summary", "baseline", "patients"), factors, strict=True)
    ]
    widths = pd.DataFrame(rows, columns=["correlation", "replicate", "information", "width"])
    ratio = relative_widths(widths)
    assert list(ratio) == ["baseline", "summary"]
    np.testing.assert_allclose(ratio.loc[0.9, "summary"], 1.6)
    (axis,) = interval_width(widths).axes
    means = {line.get_label(): line.get_ydata() for line in axis.get_lines()}
    np.testing.assert_allclose(means["means and SDs alone"], [0.8, 1.6])
