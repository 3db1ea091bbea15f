"""The command `pool` on reactions: what it pools, writes, says and refuses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from tests.bundles import write_rows, write_toml

from bayesasthma._files.output import write_csv
from bayesasthma.commands.cli import main
from bayesasthma.comparison.pooled_events import (
    EVENT_STUDIES,
    EVENTS,
    classical,
    event_heterogeneity,
    pool_events,
)
from bayesasthma.errors import UsageError
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.results.pooled_events import EventCounts
from bayesasthma.results.shared_events import SharedEvent, StudyEvent, shared_events
from bayesasthma.study.bundle import load_study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bayesasthma.study.study import Study

METAFOR = Path(__file__).parents[1] / "reference" / "metafor"
COLUMNS = ("reaction", "visit", "arm", "events", "n", "direction")
TAU = event_heterogeneity("turner-adverse-events-drug-control")
HOSTILE = "<script>alert(1)</script> $x{"


def reactions(folder: Path, rows: Sequence[tuple[object, ...]]) -> Study:
    """A study of nothing but counts: two treated arms, two visits."""
    write_toml(folder, {"control": 40, "low": 40, "high": 40}, {"mid": 6, "end": 12}, None)
    write_rows(folder / "adverse.csv", COLUMNS, rows)
    return load_study(folder)


def pair(folder: Path, direction: str = "") -> list[Study]:
    """Rash is counted in both, at different visits; one alone counts itch."""
    first = reactions(
        folder / "one",
        [("rash", "mid", "control", 9, 40, ""), ("rash", "mid", "low", 1, 40, ""),
         ("rash", "end", "control", 12, 40, ""), ("rash", "end", "low", 6, 40, ""),
         ("rash", "end", "high", 5, 39, ""), (HOSTILE, "end", "control", 0, 40, "none"),
         (HOSTILE, "end", "low", 0, 40, "none")],
    )  # fmt: skip
    second = reactions(
        folder / "two",
        [("rash", "mid", "control", 10, 38, direction), ("rash", "mid", "high", 4, 37, ""),
         ("rash", "end", "control", 3, 38, ""), ("itch", "end", "control", 1, 40, ""),
         ("itch", "end", "high", 2, 40, ""), (HOSTILE, "end", "control", 1, 40, "none"),
         (HOSTILE, "end", "high", 0, 40, "none")],
    )  # fmt: skip
    return [first, second]


def run(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ending:
        main(["pool", *map(str, arguments)])
    assert isinstance(ending.value.code, int)
    return ending.value.code


def test_studies_of_reactions_alone_are_pooled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pair(tmp_path)
    arguments = [tmp_path / "one", tmp_path / "two", "--out", tmp_path / "out", "--quiet"]
    assert run(*arguments) == 0
    assert "rash" in capsys.readouterr().out
    out = tmp_path / "out"
    events = pd.read_csv(out / "pooled_events.csv")
    studies = pd.read_csv(out / "pooled_events_studies.csv")
    assert list(events.columns) == EVENTS
    assert list(studies.columns) == EVENT_STUDIES
    assert list(events["reaction"]) == ["rash", HOSTILE]
    rash, silent = events.iloc[0], events.iloc[1]
    assert (rash["n_studies"], rash["n_patients"], rash["n_events"]) == (2, 194, 37)
    assert rash["predictive_or_q025"] < rash["or_q025"] < rash["or_median"] < 1
    assert rash["or_q975"] < rash["predictive_or_q975"]
    assert 0.95 < rash["p_benefit"] == pytest.approx(1 - rash["p_positive"])
    assert rash["p_benefit_new"] < rash["p_benefit"]
    assert np.isnan(silent["p_benefit"])
    assert np.isnan(silent["reml_or"])
    assert 0.4 < 1 - silent["p_positive"] < 0.9
    table = studies[studies["reaction"] == "rash"].set_index("study")
    # the last visit with every treated arm; then the last with one
    assert list(table["visit"]) == ["end", "mid"]
    assert list(table["arms"]) == ["low + high", "high"]
    assert list(table["treated_events"]) == [11, 4]
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "one study alone counts it in both arms: itch (two)" in page
    assert "Nothing was sampled" in page
    assert "Stat Med 34:984" in page
    assert "<script>alert" not in page
    assert page.count("<figure") == 2
    # no sampling: a second time gives the same bytes
    studies_again = [load_study(tmp_path / name) for name in ("one", "two")]
    again, _ = pool_events(shared_events(studies_again)[0][:1], prior_set("weak"), TAU)
    write_csv(again, tmp_path / "again.csv")
    lines = (out / "pooled_events.csv").read_bytes().splitlines()
    assert (tmp_path / "again.csv").read_bytes().splitlines() == lines[:2]


def test_exchanged_arms_turn_the_odds_ratio_round(tmp_path: Path) -> None:
    rows = [("rash", "end", "control", 9, 40, ""), ("rash", "end", "low", 0, 33, "")]
    other = [("rash", "end", "control", 0, 33, ""), ("rash", "end", "low", 9, 40, "")]
    found = []
    for name, own in (("a", rows), ("b", other)):
        studies = [reactions(tmp_path / f"{name}{k}", own) for k in range(2)]
        found.append(pool_events(shared_events(studies)[0], prior_set("weak"), TAU)[0].iloc[0])
    first, second = found
    assert first["mean"] == pytest.approx(-second["mean"], abs=1e-7)
    assert first["p_benefit"] == pytest.approx(second["p_positive"], abs=1e-8)
    for name in ("or_median", "mh_or", "predictive_or_median"):
        assert np.isnan(first[name]) or first[name] == pytest.approx(1 / second[name], rel=1e-6)


def test_the_prior_is_about_the_benefit_of_the_event(tmp_path: Path) -> None:
    """With counts that say nothing, the enthusiast's prior decides, whichever way benefit lies."""
    chances = {}
    for direction in ("lower", "higher", "none"):
        studies = [
            reactions(tmp_path / f"{direction}{k}", [
                ("x", "end", "control", 20, 40, direction), ("x", "end", "low", 20, 40, "")
            ])
            for k in range(2)
        ]  # fmt: skip
        row = pool_events(shared_events(studies)[0], prior_set("enthusiastic"), TAU)[0].iloc[0]
        chances[direction] = (row["p_benefit"], row["p_positive"])
    assert chances["lower"][0] == pytest.approx(chances["higher"][0], abs=1e-8)
    assert chances["lower"][0] > 0.5
    assert chances["higher"][1] == pytest.approx(chances["lower"][0], abs=1e-8)
    assert chances["none"][1] == pytest.approx(0.5, abs=1e-8)


def test_treated_arms_are_chosen_as_for_outcomes(tmp_path: Path) -> None:
    studies = pair(tmp_path)
    # the second study has a low arm, but counts nothing in it
    assert shared_events(studies, ["low"]) == ([], {"rash": "one", HOSTILE: "one"})
    rash = shared_events(studies, ["high"])[0]
    assert [own.arms for own in rash[0].studies] == [("high",), ("high",)]
    assert rash[0].studies[0].counts.events == (12, 5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--event-heterogeneity", "rhodes"), "is of standardised mean differences"),
        (("--outcome", "cough"), "nor a reaction; they share"),
        (("--week", "3"), "week 3: effects by week are of outcomes"),
        (("--prior", "external"), "external evidence of one study"),
    ],
)
def test_what_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    pair(tmp_path)
    out = ("--out", tmp_path / "out")
    assert run(tmp_path / "one", tmp_path / "two", *arguments, *out) == 2
    assert words in " ".join(capsys.readouterr().err.split())


def test_opposite_directions_are_refused_with_names(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"rash: .*\(one: lower, two: higher\)"):
        shared_events(pair(tmp_path, "higher"))


def test_classical_columns_are_those_of_metafor() -> None:
    """Catheter infections, with empty cells (metafor's ``dat.nielweise2007``)."""
    rows = pd.read_csv(METAFOR / "studies.csv").query("data == 'nielweise2007'")
    studies = tuple(
        StudyEvent(str(row.study), "end", 12.0, ("coated",), EventCounts(
            (int(row.events2), int(row.events1)), (int(row.n2), int(row.n1))))
        for row in rows.itertuples()
    )  # fmt: skip
    found = classical(SharedEvent("infection", -1, studies))
    answers = pd.read_csv(METAFOR / "answers.csv").query("data == 'nielweise2007'")
    expected = answers.set_index(["method", "quantity"])["value"]
    for name, method in (("mh", "MH"), ("reml", "REML+hksj")):
        for column, quantity in (("or", "estimate"), ("low", "ci_low"), ("high", "ci_high")):
            known = expected[method, quantity]
            assert np.log(found[f"{name}_{column}"]) == pytest.approx(known, rel=1e-7)
    assert found["reml_tau"] ** 2 == pytest.approx(expected["REML", "tau2"], rel=1e-6)
    assert found["reml_studies"] == len(rows)
