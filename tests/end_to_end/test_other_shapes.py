"""Studies unlike the bundled one, from bundle to effects: other arms, visits, sizes, statistics."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests import bundles

from bayesasthma.comparison.posterior_beside_p import compare
from bayesasthma.comparison.quotes import quote
from bayesasthma.inference.adverse_fits import fit_adverse
from bayesasthma.inference.fitting import fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models.design import design
from bayesasthma.models.specification import table_spec
from bayesasthma.reporting import write_report
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.effect_table import effects
from bayesasthma.study.bundle import load_study

FEW = SamplerOptions(draws=300, tune=400, chains=2)


def test_three_arms_with_changes_a_missing_cell_and_unequal_n(tmp_path: Path) -> None:
    study = load_study(bundles.three_arms(tmp_path / "three"))
    layout = design(study)
    pinned = [block for block in layout.tables if block.pinned.any()]
    assert pinned  # printed SDs of change
    assert any(not block.balanced for block in layout.tables)
    assert any(block.rows == 2 for block in layout.tables)  # the missing cell
    fit = fit_table(study, "longitudinal", FEW)
    table = effects(fit)
    assert set(table["arm"]) == {"control", "low", "high"}  # the control has its own change
    missing = table[(table["outcome"] == "flow") & (table["visit"] == "week8")]
    assert "high" not in set(missing["arm"])
    assert np.isfinite(table[["mean", "sd", "ci_low", "ci_high"]]).all(axis=None)
    # a printed SD of change says what the correlation with baseline is in the sample
    correlation = fit.moments["correlation"].sel(outcome="symptoms").mean(("chain", "draw"))
    assert float(correlation.sel(visit="start", visit_b="week4")) == pytest.approx(0.6, abs=0.2)
    compared = compare([fit_table(study, "independent", FEW), fit])
    assert set(compared.loc[compared["estimand"] == "difference", "arm"]) == {"low", "high"}
    statements = quote(fit, visit="week4", despite_gate=True)
    assert len(statements) == 4
    adverse = [adverse_effects(item) for item in fit_adverse(study, options=FEW)]
    assert len(adverse) == 4
    assert set(adverse[0]["arm"]) == {"control", "low", "high"}


def test_one_visit_is_close_to_student_t(tmp_path: Path) -> None:
    study = load_study(bundles.one_visit(tmp_path / "one"))
    fit = fit_table(study, "longitudinal", FEW)
    row = effects(fit).set_index("estimand").loc["difference"]
    level = study.table.sel(outcome="score", visit="end", statistic="level")
    (m0, m1), (s0, s1), (n0, n1) = (level[name].to_numpy() for name in ("mean", "sd", "n"))
    error = np.sqrt(s0**2 / n0 + s1**2 / n1)
    # the weak prior, N(0, 2 SD), shrinks by the ratio of variances and no more
    shrink = (2 * fit.data["constant_data"]["scale"].item()) ** 2
    shrink /= shrink + error**2
    assert row["mean"] == pytest.approx((m1 - m0) * shrink, abs=0.15 * error)
    assert row["sd"] == pytest.approx(error, rel=0.2)
    assert stats.norm.cdf(row["mean"] / row["sd"]) == pytest.approx(row["p_benefit"], abs=0.05)


def test_patients_and_their_own_table_agree_when_correlations_are_published(
    tmp_path: Path,
) -> None:
    folder = bundles.patient_level(tmp_path / "patients", missing=0.0)
    patients = load_study(folder)
    table_folder = _as_table(folder, tmp_path / "table")
    table = load_study(table_folder)
    spec = table_spec("longitudinal", rounding=False)
    options = SamplerOptions(draws=1000, tune=500, chains=2)
    keys = ["outcome", "visit", "estimand", "arm"]
    fits = [fit_table(study, spec, options) for study in (patients, table)]
    assert all(np.isfinite(fit.gate.r_hat) for fit in fits)  # though nothing is latent in a table
    ours, theirs = (effects(fit).set_index(keys) for fit in fits)
    for key, row in ours.iterrows():
        other = theirs.loc[key]
        error = np.hypot(row["mcse_mean"], other["mcse_mean"])
        assert abs(row["mean"] - other["mean"]) < 4 * error, key
        assert row["sd"] == pytest.approx(other["sd"], rel=0.12), key


def _as_table(source: Path, target: Path) -> Path:
    """The same study as a table: means, SDs and all correlations, unrounded."""
    study = load_study(source)
    assert study.patients is not None
    target.mkdir()
    for name in ("study.toml", "outcomes.csv"):
        (target / name).write_text((source / name).read_text())
    visits = list(study.visits.index)
    summaries, correlations = [], []
    for outcome in study.outcomes.index:
        for arm in study.arms.index:
            wide = study.patients[study.patients["arm"] == arm].pivot(
                index="patient", columns="visit", values=outcome
            )[visits]
            for visit in visits:
                values = wide[visit]
                summaries.append(
                    (outcome, arm, visit, repr(float(values.mean())), repr(float(values.std())))
                )
            r = wide.corr()
            correlations += [
                (outcome, arm, a, b, repr(float(r.loc[a, b])))
                for i, a in enumerate(visits)
                for b in visits[:i]
            ]
    for name, header, rows in (
        ("summaries.csv", ("outcome", "arm", "visit", "mean", "sd"), summaries),
        ("correlations.csv", ("outcome", "arm", "visit_1", "visit_2", "correlation"), correlations),
    ):
        with (target / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
    return target


def test_patients_with_missing_visits(tmp_path: Path) -> None:
    study = load_study(bundles.patient_level(tmp_path / "patients", missing=0.3))
    (block,) = design(study).patients
    assert len(np.unique(block.seen, axis=0)) > 1  # several patterns of visits
    fit = fit_table(study, "longitudinal", FEW)
    assert np.isfinite(effects(fit)["mean"]).all()


def test_report_of_another_study(tmp_path: Path) -> None:
    from bayesasthma.reporting.reanalysis import reanalyse

    study = load_study(bundles.three_arms(tmp_path / "three"))
    results = reanalyse(study, tmp_path / "out", options=FEW)
    written = write_report(results, tmp_path / "out")
    assert (tmp_path / "out" / "report.html") in written
