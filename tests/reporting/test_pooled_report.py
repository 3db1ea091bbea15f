"""The page of a pool: what it says, of draws that are known, and what it never breaks on."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from tests.made_up_pools import STUDIES, pooled_results

from bayesasthma.comparison.two_step import disagreement, more_heterogeneous, two_step
from bayesasthma.frequentist.meta_analysis import meta_analysis
from bayesasthma.plots import forest as forests
from bayesasthma.plots import pooled as figures
from bayesasthma.reporting.pooled_report import (
    drawings,
    page_content,
    write_pooled_report,
)
from bayesasthma.reporting.pooled_sentences import (
    answer,
    correlation_sentences,
    effect_text,
    headline_row,
    limits,
)
from bayesasthma.results.pooled import (
    PooledResults,
    headline_week,
    learned_of_heterogeneity,
    prior_of_heterogeneity,
    prior_of_rho,
    studies_by_week,
)

HOSTILE = r"<script>alert(1)</script> $\frac{x}{$ & =1+1"


@pytest.fixture(scope="module")
def results() -> PooledResults:
    return pooled_results()


def only(results: PooledResults, outcome: str, weeks: tuple[float, ...] = ()) -> PooledResults:
    """The same of one outcome, perhaps of some weeks."""
    tables: dict[str, Any] = {}
    for name in ("effects", "studies", "left_out"):
        table = results.of(outcome, name)
        tables[name] = table[table["week"].isin(weeks)] if weeks else table
    data = results.draws[outcome]
    return replace(
        results, draws={outcome: data.sel(week=list(weeks)) if weeks else data}, **tables
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A page of one outcome with labels that are formulas and tags elsewhere."""
    folder = tmp_path_factory.mktemp("pool")
    hostile = pooled_results(names=(HOSTILE, "b|c", "x" * 300), label=HOSTILE)
    written = write_pooled_report(only(hostile, "act"), folder)
    assert all(path.is_file() for path in written)
    return (folder / "report.html").read_text(encoding="utf-8")


def test_the_headline_is_the_last_week_with_two_studies(results: PooledResults) -> None:
    data = results.draws["act"]
    assert studies_by_week(data).to_dict() == {4.0: 1, 12.0: 3, 24.0: 3, 52.0: 1}
    assert headline_week(data) == 24
    alone = data.assign(study_effect=data["study_effect"].where(data["study"] == "birch2019"))
    assert headline_week(alone) == 52


def test_the_prior_of_tau_is_in_the_unit_of_the_effects(results: PooledResults) -> None:
    data = results.draws["act"]
    assert prior_of_heterogeneity(data).parameters == pytest.approx((2.2,))
    same = prior_of_heterogeneity(data).rvs((4, 4000), np.random.default_rng(1))
    flat = data[["heterogeneity", "study_effect"]].isel(draw=0, drop=True).expand_dims(draw=4000)
    flat = flat.assign(heterogeneity=flat["heterogeneity"].copy())
    flat["heterogeneity"].loc[{"week": headline_week(data)}] = same.T
    assert learned_of_heterogeneity(flat) == pytest.approx(1, abs=0.05)


def test_the_prior_of_a_correlation_is_logit_normal(results: PooledResults) -> None:
    found = prior_of_rho(results.draws["act"])
    draws = 1 / (1 + np.exp(-np.random.default_rng(1).normal(0.45, 0.81, 400_000)))
    assert found == pytest.approx((draws.mean(), draws.std()), abs=2e-3)
    plain = results.draws["act"].drop_attrs()
    assert prior_of_rho(plain) is None


def test_the_answer_leads_with_numbers_of_the_draws(results: PooledResults) -> None:
    said = answer(results)
    draws = results.draws["act"]["mean_effect"].sel(week=24)
    assert f"the mean difference is {float(draws.mean()):.2f} (" in said[0]
    new = results.draws["act"]["predictive_effect"].sel(week=24)
    assert f"between {float(new.quantile(0.025)):.2f} and " in said[0]
    ratio = np.exp(float(results.draws["feno"]["mean_effect"].sel(week=24).mean()))
    assert f"the ratio of the means is {ratio:.3f} (" in said[1]
    assert "no direction is a benefit" in said[2]


def test_ratios_are_shown_of_effects_on_the_log_scale(results: PooledResults) -> None:
    data, row = results.draws["feno"], headline_row(results, "feno")
    numbers = [float(text) for text in re.findall(r"[\d.]+", effect_text(data, row))]
    np.testing.assert_allclose(np.log(numbers), row[["mean", "q025", "q975"]].astype(float),
                               atol=2e-3)  # fmt: skip


@pytest.mark.slow
def test_the_page_has_every_section_and_nothing_to_fetch(page: str) -> None:
    for anchor in re.findall(r'href="#([^"]+)"', page):
        assert f'id="{anchor}"' in page
    for text in ("The answer", "Summary of findings", "What the data cannot tell",
                 "Beside a classical meta-analysis", "Correlation of a patient’s visits",
                 "Without each study", "bayesasthma pool alder2015", "SHA-256"):  # fmt: skip
        assert text in page
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    assert page.count("<figure") == 6


@pytest.mark.slow
def test_hostile_labels_stay_labels(page: str) -> None:
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_a_failing_gate_is_said_first() -> None:
    content = page_content(pooled_results(failing="pooled-act"))
    assert content["gate"].startswith("The diagnostics gate FAILS")
    assert "pooled-act (R-hat 1.02)" in content["gate"]


def test_without_fits_of_single_studies_the_page_leaves_them_out() -> None:
    results = pooled_results(alone=False)
    for section in page_content(results)["sections"]:
        assert not section.alone
        assert not section.left_out
        assert not section.two_step
    assert not [drawing.name for drawing in drawings(results) if "left-out" in drawing.name]
    data, studies = results.draws["act"], results.of("act", "studies")
    axis = forests.forest(data, studies).axes[0]
    assert not [line for line in axis.lines if line.get_marker() == "s"]


def test_a_pool_of_one_week_has_no_figure_over_the_weeks(results: PooledResults) -> None:
    drawn = {drawing.name: drawing for drawing in drawings(only(results, "act", (24.0,)))}
    assert set(drawn) == {f"outcome-1-{name}" for name in
                          ("forest", "heterogeneity", "left-out", "correlations")}  # fmt: skip
    drawn["outcome-1-forest"].wide().canvas.draw()
    figures.effects_by_week(only(results, "act", (24.0,)).draws["act"]).canvas.draw()


def test_limits_name_the_study_that_the_answer_hangs_on(results: PooledResults) -> None:
    table = results.left_out.copy()
    hit = (table["outcome"] == "act") & (table["left_out"] == "birch2019")
    table.loc[hit, "p_benefit"] = 0.9
    said = " ".join(limits(replace(results, left_out=table)))
    assert "ACT: without birch2019 the probability of benefit falls below 0.975" in said
    assert "the estimate of cedar2021 lies outside" in said
    assert "falls below" not in " ".join(limits(results))
    assert "fewer than 10 studies" in said


def test_limits_name_weeks_at_which_studies_differ_more_than_tau_allows(
    results: PooledResults,
) -> None:
    assert "generalised Q" not in " ".join(limits(results))
    table = results.studies.copy()
    late = (table["outcome"] == "act") & (table["week"] == 24)
    upper = float(results.draws["act"]["heterogeneity"].sel(week=24).quantile(0.975))
    table.loc[late, "alone_mean"] = [0.0, 3 * upper, 6 * upper]
    table.loc[late, "alone_sd"] = 1e-3
    only_act = table[table["outcome"] == "act"]
    # without sampling errors Q is the sum of squares over tau², and P = exp(-Q / 2) with 2 df
    assert more_heterogeneous(results.draws["act"], only_act)[24.0] == pytest.approx(
        np.exp(-9), rel=1e-4
    )
    said = " ".join(limits(replace(results, studies=table)))
    assert "ACT: by their generalised Q" in said
    assert "at week 24 (p = 0.0001)" in said


def test_correlation_sentences_name_who_tells_and_who_is_told() -> None:
    table = pd.DataFrame(
        {"study": ["a", "b"], "rho_alone_mean": [0.5, 0.7], "rho_alone_sd": [0.2, 0.04],
         "rho_mean": [0.6, 0.7], "rho_sd": [0.1, 0.039]}
    )  # fmt: skip
    first, second = correlation_sentences(table)
    assert "b knows the correlation best" in first
    assert second == "The pool narrows the SD of the correlation in a (0.20 to 0.10)."


def test_two_steps_are_the_classical_analysis_of_the_single_fits(results: PooledResults) -> None:
    studies = results.of("act", "studies")
    table = two_step(results.draws["act"], studies)
    assert list(table["week"]) == [12, 24]
    at = studies[studies["week"] == 24]
    expected = meta_analysis(at["alone_mean"], at["alone_sd"])
    row = table.iloc[1]
    assert row["reml_mean"] == pytest.approx(expected.estimate)
    assert (row["reml_low"], row["reml_high"]) == pytest.approx((expected.ci_low, expected.ci_high))
    assert row["bayes_new_low"] < row["bayes_low"] < row["bayes_mean"] < row["bayes_high"]


def test_the_explanation_of_a_disagreement_fits_it(results: PooledResults) -> None:
    pooled = headline_row(results, "act")
    row = two_step(results.draws["act"], results.of("act", "studies")).iloc[1]
    assert "2 df, 4.3 instead of 1.96" in " ".join(disagreement(row, pooled))
    none = row.copy()
    none["reml_tau"], none["reml_low"], none["reml_high"] = 0.0, 2.0, 2.1
    text = " ".join(disagreement(none, pooled))
    assert "REML puts τ at 0" in text
    assert "closer together" in text
    same = row.copy()
    for name in ("reml", "ad_hoc", "bayes"):
        same[f"{name}_low"], same[f"{name}_high"] = pooled["q025"], pooled["q975"]
    same["bayes_mean"] = pooled["mean"]
    assert disagreement(same, pooled) == ["The two agree."]


def test_the_forest_shows_the_numbers_it_is_given(results: PooledResults) -> None:
    data, studies = results.draws["act"], results.of("act", "studies")
    rows = forests.forest_rows(data, studies, 24.0)
    assert list(rows["kind"]) == ["study"] * 3 + ["mean", "new"]
    assert list(rows["n"][:4]) == [own[0] for own in STUDIES.values()] + [361]
    figure = forests.forest(data, studies)
    axis = figure.axes[0]
    squares = [line for line in axis.lines if line.get_marker() == "s"]
    drawn = np.array([np.asarray(line.get_xdata())[0] for line in squares])
    np.testing.assert_allclose(drawn, rows["alone_mean"][:3])
    (diamond,) = [patch for patch in axis.patches if isinstance(patch, Polygon)]
    ends = np.asarray(diamond.get_xy())[:, 0]
    mean = data["mean_effect"].sel(week=24)
    np.testing.assert_allclose(
        [ends.min(), ends.max()], mean.quantile([0.025, 0.975]).to_numpy(), rtol=1e-9
    )
    words = " ".join(text.get_text() for text in axis.texts)
    assert "← harm" in words
    assert "benefit →" in words
    other = forests.forest(results.draws["feno"], results.of("feno", "studies")).axes[0]
    assert "← benefit" in " ".join(text.get_text() for text in other.texts)
    plain = forests.forest(results.draws["weight"], results.of("weight", "studies")).axes[0]
    assert "benefit" not in " ".join(text.get_text() for text in plain.texts)


def test_a_week_has_its_own_studies_alone(results: PooledResults) -> None:
    data, studies = results.draws["act"], results.of("act", "studies")
    assert list(forests.forest_rows(data, studies, 4.0)["label"][:1]) == ["alder2015"]
    every = forests.forests(data, studies)
    assert [axis.get_title(loc="left") for axis in every.axes] == [
        "Week 4", "Week 12", "Week 24", "Week 52",
    ]  # fmt: skip
    assert len({axis.get_xlim() for axis in every.axes}) == 1


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize("name", ["act", "feno", "weight"])
def test_figures_are_drawn_for_a_page_and_for_a_phone(
    results: PooledResults, name: str, narrow: bool
) -> None:
    data, studies = results.draws[name], results.of(name, "studies")
    made: list[Callable[[], Figure]] = [
        lambda: figures.effects_by_week(data, narrow=narrow),
        lambda: figures.heterogeneity(data, narrow=narrow),
        lambda: figures.left_out(data, results.of(name, "left_out"), narrow=narrow),
        lambda: figures.correlations(data, studies, narrow=narrow),
    ]
    for make in made:
        figure = make()
        figure.canvas.draw()
        assert figure.get_size_inches()[0] == pytest.approx(4.2 if narrow else 6.4)
