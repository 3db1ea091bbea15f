"""Remarks on the printed SDs: when they are made, of what, and in which words."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.bundles import OUTCOME, SUMMARY, write_rows, write_toml

from bayesasthma.auditing.dispersion import dispersion_findings
from bayesasthma.auditing.findings import NOTE, UNUSUAL, Finding
from bayesasthma.auditing.subjects import Cells
from bayesasthma.study.bundle import load_study

WEEKS = {"start": 0, "middle": 12, "end": 24}
RISING, FALLING = ("2.0", "2.1", "2.2"), ("3.0", "2.9", "2.8")
#: Equal to no other at the first visit, falling to the second alone.
UNEVEN = ("4.0", "3.9", "4.1")


def remarks(
    folder: Path,
    sds: dict[tuple[str, str], tuple[str, ...]],
    baseline: str | None = "start",
    reference: tuple[object, ...] = (),
) -> list[Finding]:
    """Findings on a table with these SDs of each outcome and arm, the first arm being control."""
    write_toml(folder, {arm: 20 for _, arm in sds}, WEEKS, baseline)
    outcomes = dict.fromkeys(outcome for outcome, _ in sds)
    write_rows(
        folder / "outcomes.csv",
        OUTCOME,
        [(own, own.title(), "points", "", "higher", "", "", "") for own in outcomes],
    )
    write_rows(
        folder / "summaries.csv",
        SUMMARY,
        [
            (outcome, arm, visit, "", "", "10.0", sd)
            for (outcome, arm), own in sds.items()
            for visit, sd in zip(WEEKS, own, strict=False)
        ],
    )
    if reference:
        columns = ("outcome", "estimate", "ci_low", "ci_high", "scale", "citation")
        write_rows(folder / "external.csv", columns, [reference])
    study = load_study(folder)
    return list(dispersion_findings(study, Cells(study)))


@pytest.mark.parametrize(
    ("fourth", "printed"), [(UNEVEN, ["3 of 4"]), (UNEVEN[:2], []), (FALLING, ["4 of 4"])]
)
def test_sds_that_fall_in_most_of_four_whole_series(
    tmp_path: Path, fourth: tuple[str, ...], printed: list[str]
) -> None:
    steeper, later = ("5.0", "4.8", "4.6"), ("6.0", "5.9", "5.8")
    sds = {("one", "a"): FALLING, ("one", "b"): steeper, ("two", "a"): later, ("two", "b"): fourth}
    found = remarks(tmp_path, sds)
    assert [own.printed for own in found] == printed
    assert all(own.weight == NOTE and "a chance of about 0.17" in own.finding for own in found)


def test_half_of_the_series_may_fall(tmp_path: Path) -> None:
    sds = {("one", "a"): FALLING, ("one", "b"): RISING, ("two", "a"): FALLING, ("two", "b"): UNEVEN}
    assert remarks(tmp_path, sds) == []


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (("2.0", "2.1", "2.2"), "in 3 of 3 cells, at every visit for One; about 0."),
        (("2.0", "2.1", "2.3"), None),
    ],
)
def test_three_equal_sds_of_two_arms(
    tmp_path: Path, other: tuple[str, ...], said: str | None
) -> None:
    found = remarks(tmp_path, {("one", "a"): RISING, ("one", "b"): other})
    assert len(found) == (said is not None)
    for own in found:
        assert (own.weight, own.arm, own.printed) == (UNUSUAL, "b", "3")
        assert str(said) in own.finding


@pytest.mark.parametrize("baseline", ["start", None])
@pytest.mark.parametrize(("ends", "span"), [((4.4, 5.0), "4.4 to 5"), (("", ""), "4.5")])
def test_a_published_sd_is_held_against_that_of_the_baseline_or_first_visit(
    tmp_path: Path, baseline: str | None, ends: tuple[object, object], span: str
) -> None:
    sds = {("one", "a"): RISING, ("one", "b"): ("2.3", "2.3", "2.2")}
    found = remarks(tmp_path, sds, baseline, ("one", 4.5, *ends, "sd", "Nobody 2000"))
    (one,) = found
    assert (one.arm, one.visit, one.expected) == ("a", baseline or "start", f"SD {span}")
    assert f"published ones are {span} (Nobody 2000)" in one.finding
