"""Figures show the numbers they are given."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from scipy.stats import norm

from bayesasthma import plots
from bayesasthma.errors import UsageError
from bayesasthma.inference.fitting import Fit
from bayesasthma.plots.comparison import DOUBT_FLOOR, P_FLOOR, RECOMPUTED
from bayesasthma.plots.correlations import _density, typical_correlation_draws
from bayesasthma.plots.effects import baseline_sd
from bayesasthma.plots.headline import headline
from bayesasthma.plots.mcmc import headline_tree
from bayesasthma.plots.predictive import table_predictions
from bayesasthma.plots.scepticism import sceptical_set_sd
from bayesasthma.plots.style import arm_colours, pretty_unit, short_label, visit_colours
from bayesasthma.reporting.results import ReanalysisResults


def lines(axis, marker):
    return [line for line in axis.lines if line.get_marker() == marker]


@pytest.mark.parametrize("narrow", [False, True])
def test_trajectories_show_printed_and_posterior_means(fit: Fit, narrow: bool) -> None:
    figure = plots.trajectories(fit, narrow=narrow)
    assert len(figure.axes) == 3
    printed = fit.study.table["mean"].sel(statistic="level")
    posterior = fit.moments["mean"].mean(("chain", "draw"))
    for axis, outcome in zip(figure.axes, ["act", "feno", "total_ige"], strict=True):
        points, curves = lines(axis, "o"), lines(axis, "None")
        for k, arm in enumerate(["AIT", "OMA_AIT"]):
            here = {"outcome": outcome, "arm": arm}
            np.testing.assert_array_equal(points[k].get_ydata(), printed.sel(here))
            drawn = next(c for c in curves if c.get_label().startswith(fit.study.arms.label[arm]))
            np.testing.assert_allclose(drawn.get_ydata(), posterior.sel(here))
            assert to_hex(drawn.get_color()) == arm_colours(fit.study)[arm].lower()


def test_baseline_sd_is_pooled_over_arms(fit: Fit) -> None:
    # ACT at baseline: 4.3 with n = 18 and 4.5 with n = 19
    expected = np.sqrt((17 * 4.3**2 + 18 * 4.5**2) / 35)
    assert float(baseline_sd(fit.study, ["act"])[0]) == pytest.approx(expected)


def test_baseline_sd_without_a_baseline_is_the_first_printed(bare_results) -> None:
    study = bare_results.study
    # FeNO at 48 weeks; the third arm's cell is missing only its mean
    cell = study.table.sel(outcome="feno", visit="week48", statistic="level")
    weight, sd = cell["n"].to_numpy() - 1, cell["sd"].to_numpy()
    expected = np.sqrt((weight * sd**2).sum() / weight.sum())
    assert float(baseline_sd(study, ["feno"])[0]) == pytest.approx(expected)


def test_forest_is_signed_by_benefit(fit: Fit) -> None:
    axis = plots.standardised_forest(fit).axes[0]
    labels = [text.get_text() for text in axis.get_yticklabels()]
    assert labels == ["ACT", "FeNO", "Total IgE †"]
    draws = headline(fit).draws.mean(("chain", "draw")).sel(arm="OMA_AIT")
    scale = baseline_sd(fit.study, ["act", "feno", "total_ige"])
    sign = {"act": 1, "feno": -1, "total_ige": 1}
    expected = [
        sign[k] * float(draws.sel(outcome=k, visit=v) / scale.sel(outcome=k))
        for k in sign
        for v in ("week12", "week24", "week48")
    ]
    drawn = [float(line.get_xdata()[0]) for line in lines(axis, "o")]
    np.testing.assert_allclose(drawn, expected)
    assert expected[3] > 0  # lower FeNO under treatment is a benefit


def test_curves_are_shares_of_draws(fit: Fit) -> None:
    figure = plots.benefit_curves(fit)
    axis = figure.axes[1]
    assert axis.get_ylabel() == "P(benefit > x)"
    assert figure.axes[2].get_ylabel() == "P(difference > x)"
    benefit = -headline(fit).draws.sel(outcome="feno", arm="OMA_AIT", visit="week48")
    curve = next(line for line in axis.lines if line.get_label() == "48 weeks")
    for x, chance in list(zip(*curve.get_data(), strict=True))[::20]:
        assert chance == pytest.approx(float((benefit > x).mean()))
    mcid = 0.2 * float(fit.moments["mean"].sel(outcome="feno", arm="AIT", visit="week48").mean())
    assert any(np.allclose(line.get_xdata(), mcid) for line in axis.lines)


def test_rates_show_both_models_readings_and_printed_shares(results: ReanalysisResults) -> None:
    figure = plots.reaction_rates(results.study, results.adverse)
    assert len(figure.axes) == 3 * 2
    axis = figure.axes[0]
    assert len(lines(axis, "o")) == 3 * 2 * 2  # visits, arms, models
    shares = [line for line in axis.lines if line.get_color() == "#222222"]
    assert sorted(float(line.get_ydata()[0]) for line in shares) == pytest.approx(
        sorted([3 / 18, 4 / 18, 6 / 18, 2 / 19, 3 / 19, 4 / 19])
    )


def test_risk_differences_are_in_percentage_points(results: ReanalysisResults) -> None:
    axis = plots.risk_differences(results.study, results.adverse).axes[1]
    rows = results.adverse[
        (results.adverse["estimand"] == "risk_difference")
        & (results.adverse["reading"] == "cumulative")
    ]
    drawn = sorted(float(line.get_xdata()[0]) for line in lines(axis, "o"))
    assert drawn == pytest.approx(sorted(100 * rows["mean"]))


def test_p_values_of_follow_up_cells_with_a_direction(results: ReanalysisResults) -> None:
    figure = plots.p_against_probability(results.study, results.comparison)
    (axis,) = figure.axes
    rows = results.comparison
    rows = rows[(rows["estimand"] == "adjusted_difference") & (rows["outcome"] != "total_ige")]
    assert len(rows) == 2 * 3
    (printed,) = lines(axis, "o")
    np.testing.assert_allclose(printed.get_xdata(), rows["p_printed_value"])
    (doubt,) = lines(axis, "D")
    expected = np.clip(2 * (1 - rows["p_benefit"]), 2 * DOUBT_FLOOR, 1)
    np.testing.assert_allclose(doubt.get_xdata(), expected)
    bars = [line for line in axis.lines if line.get_color() == RECOMPUTED]
    ends = np.array([bar.get_xdata() for bar in bars])
    np.testing.assert_allclose(ends[:, 0], np.maximum(rows["p_low"], P_FLOOR))
    wide = ends[:, 1] > 1.13 * ends[:, 0]
    np.testing.assert_allclose(ends[wide, 1], rows["p_high"][wide])
    # a printed "<0.01" points to the right, where p is smaller
    arrows = [text for text in axis.texts if text.get_text() == "►"]
    less = (rows["p_printed_operator"] == "<").sum()
    assert len(arrows) == less + (2 * (1 - rows["p_benefit"]) < 2 * DOUBT_FLOOR).sum()


@pytest.mark.parametrize("narrow", [False, True])
def test_arms_and_contrast_are_standardised_benefits(
    results: ReanalysisResults, narrow: bool
) -> None:
    figure = plots.arms_and_contrast(results.study, results.comparison, narrow=narrow)
    left, right = figure.axes
    rows = results.comparison
    rows = rows[(rows["visit"] == "week48") & (rows["model"] == "longitudinal")]
    scale = baseline_sd(results.study, ["act", "feno"])
    (feno,) = rows[(rows["estimand"] == "adjusted_difference") & (rows["outcome"] == "feno")][
        "posterior_mean"
    ]
    drawn = [float(line.get_xdata()[0]) for line in lines(right, "o")]
    assert drawn[1] == pytest.approx(-feno / float(scale.sel(outcome="feno")))
    assert len(lines(left, "o")) == 2 * 2
    assert [text.get_text() for text in left.texts] == [
        "p = 0.08", "p < 0.01*", "p = 0.12", "p < 0.01*"
    ]  # fmt: skip


def test_scepticism_is_in_baseline_sds(results: ReanalysisResults) -> None:
    figure = plots.survived_scepticism(results.study, results.comparison)
    left, right = figure.axes
    assert len(lines(left, "D")) == len(lines(left, "o")) == 1
    rows = results.comparison
    rows = rows[(rows["visit"] == "week48") & rows["sceptical_sd_95"].notna()]
    scale = baseline_sd(results.study, list(rows["outcome"])).to_numpy()
    expected = rows["sceptical_sd_95"].to_numpy() / scale
    np.testing.assert_allclose(lines(right, "o")[-1].get_xdata(), expected)
    # 5 % of Normal(0, (MCID/1.645)^2) lies beyond the MCID: 3 points, in baseline SDs
    sets = sceptical_set_sd(results.study, ["act"])
    assert 1 - norm.cdf(3 / (sets["act"] * scale[0])) == pytest.approx(0.05)


def test_correlation_density_integrates_to_one(fit: Fit) -> None:
    prior, posterior = typical_correlation_draws(fit)
    grid = np.linspace(0.001, 0.999, 2001)
    for draws in (prior["act"], posterior["act"]):
        assert np.trapezoid(_density(draws, grid), grid) == pytest.approx(1, abs=0.01)
    rng = np.random.default_rng(0)
    uniform = _density(rng.uniform(0.0001, 0.9999, 20_000), np.array([0.3, 0.5, 0.7]))
    assert uniform == pytest.approx([1, 1, 1], abs=0.1)
    assert len(plots.correlation_prior_posterior(fit).axes) == 1


def test_correlation_figure_needs_a_correlation(results: ReanalysisResults) -> None:
    with pytest.raises(UsageError, match="samples no within-patient correlation"):
        plots.correlation_prior_posterior(results.table_fits[0])


def test_predictions_flag_what_lies_outside(fit: Fit) -> None:
    table = table_predictions(fit)
    assert len(table) == 3 * 2 * 4 * 2
    assert table["inside"].all()
    cell = table.set_index(["outcome", "arm", "visit", "moment"]).loc[
        ("act", "AIT", "baseline", "mean")
    ]
    assert cell["printed"] == 16.8
    assert cell["low"] < cell["mean"] < cell["high"]
    moved = fit.data.copy(deep=True)
    moved["observed_data"]["table_0"][0, 0, 0] += 100
    other = Fit(fit.study, fit.label, fit.model, fit.prior, moved, {})
    assert (~table_predictions(other)["inside"]).sum() == 1


def test_counts_show_the_printed_ones(results: ReanalysisResults) -> None:
    figure = plots.predictive_counts(results.adverse_fits)
    for axis, reading in zip(figure.axes, ("per_visit", "cumulative"), strict=True):
        fits = results.adverse_fits
        counts = next(f for f in fits if f.spec.reading == reading).counts
        drawn = [int(line.get_xdata()[0]) for line in lines(axis, "o")]
        assert sorted(drawn) == sorted(counts.events)


@pytest.mark.parametrize(
    "name",
    ["rank_plots", "traces", "ess_evolution", "energy", "convergence", "chain_forest",
     "prior_posterior"],
)  # fmt: skip
def test_sampler_figures_leave_pyplot_alone(fit: Fit, name: str) -> None:
    mine = plt.figure()
    before, style = plt.get_backend(), plt.rcParams["font.size"]
    figure = getattr(plots, name)(fit)
    assert figure.axes
    assert isinstance(figure.canvas, FigureCanvasAgg)
    assert plt.get_fignums() == [mine.number]
    assert (plt.get_backend(), plt.rcParams["font.size"]) == (before, style)
    plt.close(mine)


def test_headline_tree_takes_the_last_printed_visit(bare_results: ReanalysisResults) -> None:
    tree = headline_tree(bare_results.table_fits[1], "OMA")
    # the FeNO cell of that arm is not printed
    assert list(tree["posterior"]["outcome"].to_numpy()) == ["ACT", "Total IgE"]


def test_labels() -> None:
    assert short_label("Asthma Control Test (ACT)") == "ACT"
    assert short_label("FEV1/FVC ratio") == "FEV1/FVC ratio"
    assert short_label("Score (higher is better)") == "Score (higher is better)"
    assert pretty_unit("10^9/L") == "10⁹/L"
    assert pretty_unit("m s^-1") == "m s⁻¹"


def test_visit_colours_darken() -> None:
    shades = [int(c[1:3], 16) for c in visit_colours(["a", "b", "c"]).values()]
    assert shades == sorted(shades, reverse=True)
    assert len(visit_colours(["a"])) == 1
