"""Diagnostic pages: what they say of good and of bad draws, and that they say it of this model."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import arviz as az
import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bayesasthma.inference.diagnostics import Gate, check
from bayesasthma.inference.fitting import Fit
from bayesasthma.models.design import design
from bayesasthma.models.specification import table_spec
from bayesasthma.reporting.diagnostic_report.checks import inside, leave_one_out, predictions
from bayesasthma.reporting.diagnostic_report.gate_items import gate_items
from bayesasthma.reporting.diagnostic_report.model_graph import layers, svg
from bayesasthma.reporting.diagnostic_report.model_nodes import Node, table_nodes
from bayesasthma.reporting.diagnostic_report.page import diagnose, diagnostic_page
from bayesasthma.reporting.diagnostic_report.scalars import (
    block_table,
    headline_quantities,
    quantities,
    scalar_table,
    tree_of,
)
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.study.study import Study


class Outline(HTMLParser):
    """Tags that load or run something, headings and ids."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.ids: list[str] = []
        self.images = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        source = facts.get("src") or facts.get("href") or ""
        if tag in {"script", "iframe", "link", "object"} or "://" in source:
            self.loads.append(tag)
        if tag == "img":
            self.images += 1
            assert source.startswith("data:image/png;base64,")
            assert facts.get("alt")
        if facts.get("id"):
            self.ids.append(str(facts["id"]))


@pytest.fixture(scope="module")
def sampled(fit: Fit) -> Fit:
    """The made-up fit with a log-likelihood, as sampled fits have one."""
    rng = np.random.default_rng(3)
    rows = rng.normal(-1, 0.1, size=(4, 400, 6, 4))
    tree = fit.data.copy()
    tree["log_likelihood"] = xr.DataTree(
        xr.Dataset({"table_0": (("chain", "draw", "series_0", "row_0"), rows)})
    )
    return replace(fit, data=tree)


@pytest.fixture(scope="module")
def page(sampled: Fit) -> str:
    return diagnostic_page(sampled)


def test_a_page_is_one_file_with_every_section(page: str) -> None:
    outline = Outline()
    outline.feed(page)
    assert outline.loads == []
    assert {"gate", "summary", "chains", "prior", "checks", "model"} <= set(outline.ids)
    names = ["ranks", "traces", "ess", "autocorrelation", "energy", "prior", "predictive", "pareto"]
    assert {f"figure-{name}" for name in names} <= set(outline.ids)
    assert "figure-divergences" not in outline.ids
    assert "There is none to show" in page
    assert "The gate is passed" in page
    assert len(page) < 1_000_000
    assert set(re.findall(r'href="#([\w-]+)"', page)) <= set(outline.ids)


def test_the_same_fit_gives_the_same_page(sampled: Fit, page: str) -> None:
    assert diagnostic_page(sampled) == page


def test_failures_are_named_with_what_to_do(sampled: Fit) -> None:
    tree = sampled.data.copy(deep=True)
    stats = tree["sample_stats"].to_dataset().copy(deep=True)
    stats["diverging"][0, :3] = True
    tree["sample_stats"] = xr.DataTree(stats)
    logit = tree["posterior"]["logit_rho"].copy(deep=True)
    logit[0] += 5  # one chain elsewhere
    tree["posterior"]["logit_rho"] = logit
    bad = replace(sampled, data=tree)
    page = diagnostic_page(bad)
    assert "The gate is not passed: 3 divergent transitions" in page
    assert 'id="figure-divergences"' in page
    assert page.count("FAILED</span>") == 4  # divergences, R-hat, bulk and tail ESS
    assert "target_accept=0.998" in page
    assert '<code>logit_rho</code> <span class="fail">fails</span>' in page
    chosen = quantities(
        bad.data, scalar_table(tree["posterior"].to_dataset()), headline_quantities(bad)
    )
    assert any(item.label.startswith("logit_rho[") for item in chosen)


def test_scalars_agree_with_the_gate_and_with_arviz(fit: Fit) -> None:
    posterior = fit.data["posterior"].to_dataset()
    table, gate = scalar_table(posterior), check("x", fit.data)
    assert len(table) == gate.parameters
    assert table["r_hat"].max() == gate.r_hat
    assert table["ess_bulk"].min() == gate.ess_bulk
    row = table[table["block"] == "mean"].iloc[5]
    labels = row["label"].removeprefix("mean[").removesuffix("]").split(", ")
    one = posterior["mean"].sel(dict(zip(("outcome", "arm", "visit"), labels, strict=True)))
    assert row["ess_tail"] == pytest.approx(float(az.ess(one, method="tail")), rel=1e-9)
    blocks = block_table(table).set_index("block")
    assert blocks["scalars"].sum() == gate.parameters
    assert blocks.loc["mean", "ess_bulk"] == table[table["block"] == "mean"]["ess_bulk"].min()


def test_figures_show_the_worst_of_different_blocks(fit: Fit) -> None:
    table = scalar_table(fit.data["posterior"].to_dataset())
    chosen = quantities(fit.data, table, headline_quantities(fit))
    others = [item for item in chosen if item.why != "headline effect"]
    assert len(chosen) == 4
    blocks = [item.label.partition("[")[0] for item in others]
    assert len(set(blocks)) == len(blocks) == 2
    worst = table.loc[table["r_hat"].idxmax(), "label"]
    assert others[0].label == worst
    assert others[0].prior is not None


@given(
    st.integers(0, 3), st.integers(0, 3), st.floats(0.01, 2), st.floats(0.99, 1.2),
    st.floats(10, 9000), st.floats(10, 9000),
)  # fmt: skip
def test_items_fail_exactly_where_the_gate_does(
    divergences: int, deep: int, bfmi: float, r_hat: float, bulk: float, tail: float
) -> None:
    gate = Gate("x", True, divergences, deep, bfmi, r_hat, bulk, tail, "mean", 3)
    items = gate_items(gate)
    assert sum(not item.passed for item in items) == len(gate.failures)
    assert all(item.meaning and item.remedy for item in items)


def test_closed_forms_have_no_sampler_items() -> None:
    gate = Gate("x", False, 0, 0, float("inf"), 1.0, 4000, 4000, "rate", 3)
    assert [item.name for item in gate_items(gate)] == ["R-hat", "bulk ESS", "tail ESS"]


def test_predictions_count_what_lies_inside(fit: Fit) -> None:
    tree = fit.data.copy(deep=True)
    seen = tree["observed_data"]["table_0"].copy(deep=True)
    seen[0, 0, 0] += 1000
    tree["observed_data"]["table_0"] = seen
    before, after = (inside(predictions(data)) for data in (fit.data, tree))  # type: ignore[arg-type]
    assert [name for name, _, _ in before] == ["printed means", "printed SDs"]
    assert after[0][1] == before[0][1] - 1
    assert after[1] == before[1]
    assert predictions(xr.DataTree()) is None


def test_leave_one_out_counts_rows_above_the_limit(sampled: Fit) -> None:
    table = scalar_table(sampled.data["posterior"].to_dataset())
    shown = tree_of(quantities(sampled.data, table, headline_quantities(sampled)), sampled.data)
    good = leave_one_out(sampled.data, shown)
    assert good is not None
    assert good.reliable
    assert good.rows == 24
    tree = sampled.data.copy(deep=True)
    rows = tree["log_likelihood"]["table_0"].copy(deep=True)
    rng = np.random.default_rng(1)
    rows[:, :, 2, 1] = -np.log(1 + rng.pareto(0.9, size=rows.shape[:2]))
    rows[:, :, 4, 1] = -500 * rng.pareto(0.4, size=rows.shape[:2])  # no shape fits these
    tree["log_likelihood"]["table_0"] = rows
    bad = leave_one_out(tree, shown)
    assert bad is not None
    assert bad.above == 2
    assert not bad.reliable


SPECS = [
    table_spec("longitudinal"),
    table_spec("longitudinal", "reference", variance="common"),
    table_spec("longitudinal", correlation="exchangeable_ar1", rounding=False),
    table_spec("longitudinal", "empirical", correlation="fixed:0.6", baseline="common"),
    table_spec("longitudinal", variance="common"),
    table_spec("joint"),
    table_spec("joint", "reference"),
    table_spec("independent"),
    table_spec("independent", "weak", rounding=True),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.label)
def test_the_model_written_out_is_the_model(study: Study, spec) -> None:
    """Every parameter of the graph is written out, and nothing else; simple priors by quantiles."""
    import pymc as pm
    from scipy import stats

    from bayesasthma.inference.routes import model_module

    layout = design(study, as_table=spec.model == "independent")
    model = model_module(spec.model).build(layout, spec)
    nodes = {node.name: node for node in table_nodes(layout, spec) if node.kind == "parameter"}
    assert set(nodes) == {rv.name for rv in model.free_RVs}
    families = {
        "Normal": stats.norm,
        "LogNormal": lambda a, b: stats.lognorm(b, scale=a),
        "Beta": stats.beta,
    }
    simple = re.compile(r"(LogNormal)\(log ([\d.]+), ([\d.]+)²\)|(Normal)\((-?[\d.]+), ([\d.]+)²\)"
                        r"|(Beta)\(([\d.]+), ([\d.]+)\)")  # fmt: skip
    tried = 0
    for name, node in nodes.items():
        found = simple.fullmatch(node.distribution)
        if node.distribution == "flat" or found is None:
            continue
        family, first, second = (part for part in found.groups() if part is not None)
        variable = next(rv for rv in model.free_RVs if rv.name == name)
        draws = pm.draw(variable, draws=400, random_seed=1, mode="FAST_COMPILE")
        own = draws.reshape(400, -1)[:, 0]
        p = stats.kstest(own, families[family](float(first), float(second)).cdf).pvalue
        assert p > 1e-4, (name, node.distribution)
        tried += 1
    assert tried >= (0 if spec.prior.flat and spec.model == "independent" else 1)


def test_parents_are_nodes_and_lie_above(study: Study) -> None:
    for spec in SPECS:
        nodes = table_nodes(design(study, as_table=spec.model == "independent"), spec)
        depth = layers(nodes)
        for node in nodes:
            assert all(depth[parent] < depth[node.name] for parent in node.parents)
        picture = svg(nodes)
        assert picture.count("<rect") == len(nodes)
        assert picture.count('class="edge"') == sum(len(node.parents) for node in nodes)


def test_a_graph_needs_its_nodes() -> None:
    with pytest.raises(ValueError, match="no node 'b'"):
        layers([Node("a", "", "", "", ("b",))])
    with pytest.raises(ValueError, match="circle"):
        layers([Node("a", "", "", "", ("b",)), Node("b", "", "", "", ("a",))])


def test_every_fit_of_a_run_leaves_a_page(results: ReanalysisResults, tmp_path: Path) -> None:
    fits = [*results.table_fits, *results.adverse_fits]
    written = diagnose(fits, tmp_path)
    assert [path.stem for path in written] == list(results.diagnostics["fit"])
    assert all(path.parent == tmp_path / "diagnostics" for path in written)
    for fit, path in zip(fits, written, strict=True):
        text = path.read_text(encoding="utf-8")
        assert f"<h1>{fit.label}</h1>" in text
        assert ("closed form" in text) != fit.gate.sampled


def test_hostile_text_is_inert(bare_results: ReanalysisResults) -> None:
    page = diagnostic_page(bare_results.table_fits[1])
    assert "<script" not in page
    assert "&lt;script&gt;bad" in page


@pytest.mark.parametrize(("chains", "draws"), [(2, 60), (1, 40)])
def test_short_fits_have_a_page_too(sampled: Fit, chains: int, draws: int) -> None:
    short = {"chain": slice(chains), "draw": slice(draws)}
    groups = {
        name: group.to_dataset().isel(short, missing_dims="ignore")
        for name, group in sampled.data.children.items()
    }
    page = diagnostic_page(replace(sampled, data=xr.DataTree.from_dict(groups)))
    assert "The gate is not passed" in page
    assert ('id="figure-ranks"' in page) == (chains > 1)
