"""Studies unlike the bundled one, from bundle to effects: other arms, visits, sizes, statistics."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from tests import bundles, monte_carlo
from tests.monte_carlo import ERRORS, assert_agree, probability, seeded

from bayesasthma.comparison.posterior_beside_p import compare
from bayesasthma.comparison.quotes import quote
from bayesasthma.inference.adverse_fits import fit_adverse
from bayesasthma.inference.fitting import fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.models.design import design
from bayesasthma.models.specification import table_spec
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.effect_table import effects, estimand_draws
from bayesasthma.study.bundle import load_study

FEW = SamplerOptions(draws=300, tune=400, chains=2, seed=seeded())


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
    options = SamplerOptions(draws=1500, tune=500, chains=4, seed=seeded())
    fit = fit_table(study, table_spec("longitudinal", rounding=False), options)
    own = estimand_draws(fit)["difference"].isel(outcome=0, arm=0, visit=0)
    # draws under flat priors are in closed form; the model's priors, in baseline SDs, weigh them
    (table,) = design(study).tables
    printed, sd, n = table.mean[:, 0], table.sd[:, 0], table.n[:, 0]
    rng = np.random.default_rng(seeded(1))
    sigma = sd * np.sqrt((n - 1) / rng.chisquare(n - 1, size=(50_000, 2)))
    mean = printed + sigma / np.sqrt(n) * rng.standard_normal(sigma.shape)
    difference = mean[:, 1] - mean[:, 0]
    weight = stats.norm(0, 2).pdf(mean[:, 0]) * stats.norm(0, 2).pdf(difference)
    weight *= prior_of_log_sds(np.log(sigma))
    exact = difference * fit.data["constant_data"]["scale"].item()
    assert_agree(monte_carlo.mean(own), monte_carlo.mean(exact, weight))
    assert_agree(monte_carlo.sd(own), monte_carlo.sd(exact, weight))
    for x in np.quantile(exact, (0.05, 0.5, 0.95)):
        assert_agree(probability(own > x), probability(exact > x, weight), x)
    # close to Student's t: the weak prior, N(0, 2 SD), shrinks by the ratio of variances
    error = np.sqrt((sd**2 / n).sum())
    near = float(printed[1] - printed[0]) * 4 / (4 + error**2) * exact[0] / difference[0]
    found = monte_carlo.mean(own)
    assert abs(found.value - near) + ERRORS * found.error < 0.3 * found.scale


def prior_of_log_sds(log_sd: np.ndarray) -> np.ndarray:
    """Of two arms at one visit, shape (draw, arm): normal about what they share, of learned scales.

    ``docs/models.md``: the level has SD 0.5, the visit a log-normal SD of median 0.25, each arm one
    of median 0.15, with log-SD 0.4; the scales are integrated out by Gauss and Hermite.
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(15)
    density = np.zeros(len(log_sd))
    total, half = log_sd.sum(axis=1), log_sd[:, 1] - log_sd[:, 0]
    for visit, p in zip(0.25 * np.exp(0.4 * nodes), weights, strict=True):
        for arm, q in zip(0.15 * np.exp(0.4 * nodes), weights, strict=True):
            # the sum and the difference of both are independent
            spread = np.sqrt(4 * (0.5**2 + visit**2) + 2 * arm**2), np.sqrt(2) * arm
            density += (
                p * q * stats.norm.pdf(total, 0, spread[0]) * stats.norm.pdf(half, 0, spread[1])
            )
    return density


@pytest.mark.slow
def test_patients_and_their_own_table_agree_when_correlations_are_published(
    tmp_path: Path,
) -> None:
    folder = bundles.patient_level(tmp_path / "patients", missing=0.0)
    patients = load_study(folder)
    table_folder = _as_table(folder, tmp_path / "table")
    table = load_study(table_folder)
    spec = table_spec("longitudinal", rounding=False, baseline="free")
    options = SamplerOptions(draws=1500, tune=500, chains=4, seed=seeded())
    fits = [fit_table(study, spec, options) for study in (patients, table)]
    assert all(np.isfinite(fit.gate.r_hat) for fit in fits)  # though nothing is latent in a table
    ours, theirs = (estimand_draws(fit) for fit in fits)
    assert set(ours) == set(theirs)
    for estimand, draws in ours.items():
        labels = [dim for dim in draws.dims if dim not in monte_carlo.CHAIN_DRAW]
        for where in np.ndindex(*(draws.sizes[dim] for dim in labels)):
            own, other = (
                x.isel(dict(zip(labels, where, strict=True))) for x in (draws, theirs[estimand])
            )
            if np.isfinite(own).all():
                key = (estimand, where)
                assert_agree(monte_carlo.mean(own), monte_carlo.mean(other), key)
                assert_agree(monte_carlo.sd(own), monte_carlo.sd(other), key)


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


@pytest.mark.slow
def test_report_of_another_study(tmp_path: Path) -> None:
    from bayesasthma.reporting.reanalysis import reanalyse

    study = load_study(bundles.three_arms(tmp_path / "three"))
    reanalyse(study, tmp_path / "out", options=FEW)
    assert (tmp_path / "out" / "report.html").is_file()
