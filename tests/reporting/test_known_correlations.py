"""What the report says of correlations knows what the table pins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.bundles import complete, one_visit, patient_level, three_arms
from tests.examples import HOME

from bayesasthma.comparison.printed_correlations import adjusted_at, baseline_correlations
from bayesasthma.comparison.prior_check import DEFAULT_RHO, estimates, prior_check
from bayesasthma.models.design import design
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.reporting.event_tables import events_title
from bayesasthma.reporting.known_correlations import (
    correlation_limitation,
    correlation_paragraph,
    knowledge,
)
from bayesasthma.reporting.trust import trust
from bayesasthma.study.bundle import load_study


def test_every_kind_of_knowledge(tmp_path: Path) -> None:
    made = {
        "none": complete(tmp_path / "complete"),
        "some": three_arms(tmp_path / "three"),
        "patients": patient_level(tmp_path / "patients"),
        "none needed": one_visit(tmp_path / "one"),
        "changes": HOME / "changes-alone",
        "all": HOME / "six-arms",
    }
    for expected, folder in made.items():
        study = load_study(folder)
        assert knowledge(study) == expected
        text = correlation_paragraph(study)
        assert ("through its prior" in text) == (expected in {"none", "changes"})
        assert (correlation_limitation(study) is None) == (
            expected in {"patients", "none needed", "all"}
        )
    title, text = correlation_limitation(load_study(made["changes"])) or ("", "")
    assert title == "Levels not printed"
    assert "No within-patient correlation is published" not in text
    assert knowledge(load_study(HOME / "events-alone")) == "none needed"


def test_the_pinned_correlation_is_that_of_the_printed_sds(tmp_path: Path) -> None:
    study = load_study(three_arms(tmp_path / "three"))
    layout = design(study)
    found = baseline_correlations(layout)
    sd = study.table["sd"].sel(outcome="symptoms", arm="low")
    first, last = (float(sd.sel(visit=v, statistic="level")) for v in ("start", "week8"))
    change = float(sd.sel(visit="week8", statistic="change"))
    expected = (first**2 + last**2 - change**2) / (2 * first * last)
    where = (layout.outcomes.index("symptoms"), layout.arms.index("low"), 2)
    assert found[where] == pytest.approx(expected)
    assert {k for k, _, _ in found} == {layout.outcomes.index("symptoms")}


def test_the_conflict_check_adjusts_at_what_the_table_pins() -> None:
    study = load_study(HOME / "six-arms")
    table = prior_check(study, prior_set("weak"))
    outcomes = table[table["outcome"] != ""]
    assert outcomes["rho_pinned"].all()
    assert not np.isclose(outcomes["rho"], DEFAULT_RHO).any()
    # the estimate and its error are those of an analysis of covariance with the printed SDs
    row = outcomes[outcomes["arm"] == "dose_1"].iloc[0]
    cell = study.table.sel(outcome="pain", arm=["placebo", "dose_1"])
    level = cell.sel(statistic="level")
    s0, st = (level["sd"].sel(visit=v).to_numpy() for v in ("start", "week8"))
    sc = cell["sd"].sel(visit="week8", statistic="change").to_numpy()
    n = level["n"].sel(visit="start").to_numpy()
    r = (s0**2 + st**2 - sc**2) / (2 * s0 * st)
    slope = np.sum((n - 1) * r * s0 * st) / np.sum((n - 1) * s0**2)
    m0, mt = (level["mean"].sel(visit=v).to_numpy() for v in ("start", "week8"))
    assert row["estimate"] == pytest.approx(np.diff(mt)[0] - slope * np.diff(m0)[0])
    variance = np.sum((st**2 + slope**2 * s0**2 - 2 * slope * r * s0 * st) / n)
    assert row["se"] == pytest.approx(np.sqrt(variance))
    asked = estimates(design(study), 0.3, printed=False)
    assert {item.rho for item in asked} == {0.3}


def test_the_sentence_tells_pinned_from_prior() -> None:
    rho, pinned = np.array([0.5, 0.7, DEFAULT_RHO]), np.array([True, True, False])
    assert "pins (0.50 to 0.70), and at 0.61" in adjusted_at(rho, pinned, DEFAULT_RHO)
    assert adjusted_at(rho[:2], pinned[:2], DEFAULT_RHO).endswith("pins (0.50 to 0.70)")
    assert "median of its prior" in adjusted_at(rho[2:], pinned[2:], DEFAULT_RHO)
    assert adjusted_at(np.array([np.nan]), np.array([False]), DEFAULT_RHO) == ""


def test_the_section_of_events_is_named_after_them() -> None:
    assert events_title(load_study(HOME / "events-alone")) == "Events"
    assert events_title(load_study(HOME / "one-visit")) == "Adverse reactions"


def test_the_proof_says_whose_sizes_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayesasthma.reporting.trust._drawings", lambda *_: [])
    events = trust(study=load_study(HOME / "events-alone"))
    assert events is not None
    assert "This study has arms of 90 and 88" in events.about
    assert "18 and 19" in events.about
    assert {title.partition(",")[0] for title, *_ in events.cases} == {"adverse"}
    assert not events.scenarios
    assert not any("systemic" in row[0] for row in events.claims)
    own = trust(study=load_study("liu2025"))
    assert own is not None
    assert own.about == ""
    assert any("AQLQ" in title for title, *_ in own.scenarios)
    other = trust(study=load_study(HOME / "changes-alone"))
    assert other is not None
    assert not any(name in title for title, *_ in other.scenarios for name in ("AQLQ", "ACT"))
