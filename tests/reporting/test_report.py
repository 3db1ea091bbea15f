"""The report: complete, self-contained, honest about its gate, tolerant of what a study lacks."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unrendered import leave_unrendered

import bayesasthma
from bayesasthma.errors import BayesAsthmaError
from bayesasthma.reporting import write_report
from bayesasthma.reporting.brief import findings, gate_sentence
from bayesasthma.reporting.limitations import limitations, standardised_imbalance
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.tables import effect_tables, headline_rows
from bayesasthma.reporting.wording import (
    chance,
    listed,
    mcid_text,
    number,
    p_value,
    percent,
    plural,
)

ROOT = Path(bayesasthma.__file__).parents[2]


class Page(HTMLParser):
    """Addresses, ids, visible text and unclosed tags of a page."""

    VOID = frozenset({"meta", "img", "input", "source", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "srcset"}:
                (self.links if tag == "a" else self.addresses).append(value or "")
            if name == "id":
                self.ids.append(value or "")
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in {"style", "script"}:
            self.text += data


@pytest.fixture(scope="module")
def folder(results: ReanalysisResults, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    (out / "figures").mkdir()
    (out / "figures" / "of_an_earlier_run.png").write_bytes(b"old")
    (out / "figures" / "of_an_earlier_run.svg").write_bytes(b"old")
    written = write_report(results, out)
    assert sorted(written) == sorted(path for path in out.rglob("*") if path.is_file())
    return out


@pytest.fixture(scope="module")
def page(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_page_asks_nobody_for_anything(folder: Path, page: Page) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert page.open == []
    for address in page.addresses:
        assert address.startswith("data:image/png;base64,") or address[1:] in page.ids
    assert len(page.links) > 20
    for link in page.links:  # within the page, or to a file of the run's folder
        beside = re.fullmatch(r"[a-z_]+\.(?:csv|json|md)|diagnostics/[\w-]+\.html", link)
        assert link[1:] in page.ids if link.startswith("#") else beside, link
    assert not {"link", "iframe", "object", "embed", "form", "base"} & set(page.tags)
    assert "@import" not in text
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    assert "default-src 'none'" in text  # nor could a script that slipped in
    assert len(text) < 3_000_000
    assert len(page.ids) == len(set(page.ids))


def test_page_has_landmarks_and_a_way_to_the_content(page: Page) -> None:
    assert page.tags.count("main") == page.tags.count("nav") == page.tags.count("h1") == 1
    assert {"header", "footer"} <= set(page.tags)
    assert "#main" in page.links
    assert {"main", "answer", "findings", "limits", "outcomes", "diagnostics"} <= set(page.ids)
    order = [page.ids.index(name) for name in ("answer", "findings", "limits", "effects")]
    assert order == sorted(order)
    # every entry of the navigation leads somewhere, and every section has one
    assert {f"#{name}" for name in ("outcome-act", "adverse", "audit", "reproduce")} <= set(
        page.links
    )


def test_figures_are_files_too_and_old_ones_go(folder: Path, page: Page) -> None:
    files = list((folder / "figures").iterdir())
    assert {path.suffix for path in files} == {".svg", ".png"}
    names = {path.stem for path in files}
    assert "of_an_earlier_run" not in names
    assert {f"figure-{name}" for name in names} <= set(page.ids)
    assert {
        *(f"{kind}_{outcome}" for kind in ("trajectories", "benefit_curves")
          for outcome in ("act", "feno", "total_ige")),
        "standardised_effects", "p_against_probability",
        "arms_and_contrast", "survived_scepticism",
        "correlations", "reaction_rates", "risk_differences", "predictive_table",
        "predictive_counts", "convergence", "energy", "ranks", "prior_densities",
    } == names  # fmt: skip
    assert not list(folder.rglob("*.part"))


def test_tables_show_the_exported_numbers(results: ReanalysisResults, page: Page) -> None:
    rows = headline_rows(results)
    assert len(rows) == 3 * 3
    row = rows[(rows["outcome"] == "act") & (rows["visit"] == "week48")].iloc[0]
    (table,) = effect_tables(results)
    assert [visit.visit for visit in table.visits] == ["12 weeks", "24 weeks", "48 weeks"]
    cell = table.visits[-1].domains[0][1][0]
    mean, low, high = (float(x) for x in re.findall(r"-?\d+\.\d+", cell.effect.replace("−", "-")))
    np.testing.assert_allclose(
        [mean, low, high], list(row[["mean", "ci_low", "ci_high"]]), atol=0.06
    )
    assert cell.p_printed == "*<0.01"
    assert cell.p_recomputed == "0.0033"
    assert cell.beyond_mcid.endswith("(> 3\N{NO-BREAK SPACE}points)")
    assert cell.effect in page.text
    ige = table.visits[-1].domains[-1][1][0]
    assert ige.unsigned
    assert ige.benefit.startswith("P(higher)")
    assert ige.beyond_mcid == ""


def test_summary_tables_are_rectangular(folder: Path) -> None:
    text = (folder / "summary.md").read_text(encoding="utf-8")
    blocks = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert len(blocks) == 2
    for block in blocks:
        widths = {len(re.split(r"(?<!\\)\|", line)) for line in block.strip().splitlines()}
        assert len(widths) == 1
    assert "bayesasthma reanalyse liu2025" in text


def test_failing_gate_is_said_and_marked(
    results: ReanalysisResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "pass the diagnostics gate" in gate_sentence(results)
    effects = results.effects.copy()
    failing = (effects["outcome"] == "act") & (effects["model"] == "longitudinal")
    effects.loc[failing, "gate"] = "fail"
    diagnostics = results.diagnostics.copy()
    diagnostics.loc[1, ["gate", "failures"]] = ["fail", "3 divergent transitions"]
    broken = replace(results, effects=effects, diagnostics=diagnostics, audit=None)
    sentence = gate_sentence(broken)
    assert f"{failing.sum()} quantities" in sentence
    assert "longitudinal-weak (3 divergent transitions)" in sentence
    leave_unrendered(monkeypatch)
    write_report(broken, tmp_path)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert sentence in page.text
    assert page.text.count("FAIL") >= 1 + 3 + 1  # the notice, three visits, the fit
    assert "**FAIL**" in (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_study_without_most_things(bare_results: ReanalysisResults, tmp_path: Path) -> None:
    written = write_report(bare_results, tmp_path)
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert "<script>bad" not in text  # the title's is escaped
    assert "A <script>bad</script> & a table" in page.text
    assert "Omalizumab + AIT against AIT" in page.text
    assert "Omalizumab against AIT" in page.text
    assert "adverse" not in page.ids
    assert not {"comparison", "audit"} & set(page.ids)
    names = {path.stem for path in written}
    assert {"standardised_effects_OMA", "standardised_effects_OMA_AIT"} <= names
    assert not {"reaction_rates", "p_against_probability_OMA"} & names
    titles = [title for title, _ in limitations(bare_results)]
    assert "Not randomised" not in titles
    assert "Unpublished correlations" not in titles
    # FeNO is not printed for the third arm
    own = {table.id: table for table in effect_tables(bare_results)}
    assert sum(len(rows) for _, rows in own["OMA"].visits[0].domains) == 2
    assert sum(len(rows) for _, rows in own["OMA_AIT"].visits[0].domains) == 3


def test_limitations_come_from_the_study(results: ReanalysisResults) -> None:
    found = dict(limitations(results))
    cell = results.study.table.sel(outcome="feno", visit="baseline", statistic="level")
    (m0, m1), (s0, s1) = cell["mean"].to_numpy(), cell["sd"].to_numpy()
    pooled = np.sqrt((17 * s0**2 + 18 * s1**2) / 35)
    assert standardised_imbalance(results.study)["feno"] == pytest.approx(abs(m1 - m0) / pooled)
    assert "Not randomised" in found
    assert "Open label" in found
    assert "severe systemic reactions under Omalizumab + AIT" in found["Reactions never seen"]
    assert "Total IgE" in found["Outcomes without a better direction"]
    assert "FeNO is weakly supported" in found["Minimal clinically important differences"]
    assert "Very large effects" not in found
    assert found["37 patients"].startswith("The arms have 18 and 19 patients")
    masked = replace(results, study=replace(results.study, design="double blind", randomised=True))
    assert not {"Not randomised", "Open label"} & set(dict(limitations(masked)))


def test_changes_without_their_baseline_are_a_limitation_of_a_cohort(
    results: ReanalysisResults,
) -> None:
    title = "Changes without their baseline"
    assert title not in dict(limitations(results))
    table = results.study.table.copy(deep=True)
    table["mean"].loc[{"outcome": "feno", "visit": "baseline", "statistic": "level"}] = np.nan
    cohort = replace(results.study, table=table)
    text = dict(limitations(replace(results, study=cohort)))[title]
    assert text.startswith("The baseline level of FeNO is not printed")
    assert "rests on the prior" in text
    assert "The headline is the difference in change" in text
    trial = replace(cohort, randomised=True)
    assert title not in dict(limitations(replace(results, study=trial)))


def test_very_large_effects_are_named(results: ReanalysisResults) -> None:
    effects = results.effects.copy()
    effects.loc[effects["outcome"] == "feno", "ci_low"] = -60.0  # the baseline SD is near 13
    text = dict(limitations(replace(results, effects=effects)))["Very large effects"]
    assert "intervals of FeNO reach beyond 4 baseline SDs" in text


def test_brief_names_the_extremes(results: ReanalysisResults) -> None:
    text = " ".join(findings(results))
    assert "48 weeks: the probability of benefit" in text
    assert "Of 81 printed p-values" in text
    assert "severe systemic" in text


def test_unwritable_folder_is_an_error(
    results: ReanalysisResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    leave_unrendered(monkeypatch)
    (tmp_path / "file").write_text("in the way")
    light = replace(results, table_fits=[], adverse_fits=[], adverse=results.adverse.iloc[:0])
    with pytest.raises(BayesAsthmaError, match="cannot write"):
        write_report(light, tmp_path / "file")
    assert write_report(light, tmp_path / "empty")


def test_interrupted_write_leaves_the_old_report(
    results: ReanalysisResults, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    light = replace(results, table_fits=[], adverse_fits=[], adverse=results.adverse.iloc[:0])
    (tmp_path / "report.html").write_text("the old one")

    def full(path: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(BayesAsthmaError, match="No space left"):
        write_report(light, tmp_path)
    assert (tmp_path / "report.html").read_text() == "the old one"
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("table", ["effects", "adverse", "comparison", "diagnostics", "audit"])
def test_every_exported_column_is_documented(results: ReanalysisResults, table: str) -> None:
    text = (ROOT / "docs" / "columns.md").read_text(encoding="utf-8")
    section = re.split(r"^## ", text.split(f"## `{table}.csv`")[1], flags=re.MULTILINE)[0]
    first = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    documented = set(re.findall(r"`(\w+)`", " ".join(first)))
    frame = results.audit.tests if table == "audit" else getattr(results, table)
    estimands = set(frame["estimand"]) if "estimand" in frame else set()
    if table == "effects":  # of outcomes read on the log scale
        estimands |= {"ratio_geometric_means", "adjusted_ratio_geometric_means"}
    assert documented == set(frame.columns) | estimands


@given(st.floats(0, 1), st.integers(50, 100_000))
def test_no_probability_is_printed_as_certain(p: float, draws: int) -> None:
    text = chance(p, draws)
    assert text not in {"0", "1", "0.000", "1.000", "0.0", "1.0", "0.00", "1.00"}
    shown = float(re.sub(r"[<> ]", "", text))
    assert abs(shown - p) <= 0.1
    share = percent(p)
    assert share not in {"0 %", "100 %"}


@given(st.floats(-1e6, 1e6), st.integers(0, 4))
def test_numbers_keep_their_sign(value: float, places: int) -> None:
    text = number(value, places)
    assert "-" not in text
    assert float(text.replace("−", "-")) == pytest.approx(value, abs=0.51 * 10.0**-places)
    assert not (text.startswith("−") and float(text[1:]) == 0)


def test_small_words() -> None:
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert plural(1, "visit") == "1 visit"
    assert plural(2, "quantity", "quantities") == "2 quantities"
    assert p_value(2.4e-20) == "< 0.0001"
    assert p_value(0.0033347) == "0.0033"
    assert p_value(np.nan) == ""
    assert number(float("nan"), 1) == "n/a"
    assert mcid_text(np.nan, "", "points") == ""
    assert mcid_text(0.2, "relative", "ppb") == "20\N{NO-BREAK SPACE}%"
