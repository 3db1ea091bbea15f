"""What is planned covers every requirement, and each check notices what it is there for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from bayesasthma.validation import (
    agreement,
    bench,
    drawn_priors,
    equivalent_data,
    frequentist_answers,
    installed,
    kernels_against_graphs,
    likelihoods,
    machine,
    released_audit,
    reproducible,
)
from bayesasthma.validation.bench import Bench
from bayesasthma.validation.graph_densities import CASES, Densities, kernel_densities
from bayesasthma.validation.items import PASSED, Check, Item, requirements
from bayesasthma.validation.run import done, planned

ROOT = Path(__file__).parents[2]
CHECKS = {check.id: check for check in planned()}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Bench]:
    own = Bench(tmp_path)
    yield own
    own.close()


def test_every_requirement_has_a_check_and_every_check_a_requirement() -> None:
    known = {own.id: own for own in requirements()}
    assert len(known) == len(requirements())
    assert {check.requirement for check in planned()} == set(known)
    for check in planned():
        assert check.id.startswith(known[check.requirement].part)
        assert check.tested
        assert check.expected
        assert check.tolerance
        assert check.reason


def test_ids_are_of_one_check_each() -> None:
    assert len(CHECKS) == len(planned())
    assert all(re.fullmatch(r"(IQ|OQ)-\d\d", name) for name in CHECKS)


def test_a_quick_run_leaves_out_graphs_joint_model_and_other_studies() -> None:
    left = {check.id for check in planned()} - {check.id for check in planned(quick=True)}
    assert left == {
        check.id
        for check in planned()
        if check.requirement == "R15"
        or "joint" in check.tested
        or (check.requirement == "R18" and "liu2025" not in check.tested)
    }


def test_the_page_has_the_requirements() -> None:
    text = (ROOT / "docs" / "validate.md").read_text("utf-8")
    for own in requirements():
        assert f"| {own.id} | {own.part} | {own.text} |" in text


def item(name: str, place: Bench) -> Item:
    found = done(CHECKS[name], place)
    assert found.found
    return found


#: Checks that sample nothing, and nothing larger than one outcome.
QUICK = [
    "IQ-01",
    "IQ-02",
    "IQ-03",
    "IQ-04",
    "IQ-05",
    "IQ-10",
    "IQ-20",
    "IQ-21",
    "IQ-22",
    "IQ-23",
    "IQ-24",
    "IQ-25",
    "IQ-26",
    "OQ-01",
    "OQ-02",
    "OQ-03",
    "OQ-04",
    "OQ-05",
    "OQ-06",
    "OQ-07",
    "OQ-10",
    "OQ-11",
    "OQ-12",
    "OQ-13",
    "OQ-14",
    "OQ-15",
    "OQ-24",
    "OQ-40",
    "OQ-41",
    "OQ-42",
    "OQ-60",
    "OQ-61",
    "OQ-72",
    "OQ-75",
    "OQ-82",
    "OQ-83",
    "OQ-84",
]


@pytest.mark.parametrize("name", QUICK)
def test_this_installation_passes(name: str, place: Bench) -> None:
    found = item(name, place)
    assert found.verdict == PASSED, found.found


def off(function: Any, factor: float = 1.001) -> Any:
    """The function, its answer a little larger."""
    return lambda *given, **named: factor * function(*given, **named)


def turned(_function: Any) -> Any:
    return lambda *_given, **_named: True


def another_p(p: float, *_: Any) -> Any:
    from bayesasthma.frequentist import printed_p

    return printed_p(p + 0.2, "=", 3)


def in_place(pieces: Any, path: Path) -> None:
    with path.open("wb") as file:
        for piece in pieces:
            file.write(piece)
            file.flush()


#: A defect by the check that must notice it: module, name, and what stands in its place.
DEFECTS: dict[str, tuple[Any, str, Any]] = {
    "IQ-05": (installed, "answers", lambda _: Path("/nowhere")),
    "IQ-23": (machine.os, "access", lambda *_: False),
    "IQ-24": (machine, "ROOM", 10**18),
    "OQ-03": (frequentist_answers, "change_sd", off(frequentist_answers.change_sd)),
    "OQ-04": (
        frequentist_answers, "benjamini_hochberg", off(frequentist_answers.benjamini_hochberg)
    ),
    "OQ-05": (frequentist_answers, "holm", lambda p: 2 * p),
    "OQ-06": (frequentist_answers, "grim", turned(None)),
    "OQ-07": (frequentist_answers, "printed_p", another_p),
    "OQ-11": (likelihoods, "log_partial_jacobian", lambda *_: 0.0),
    "OQ-12": (likelihoods, "log_kibble", off(likelihoods.log_kibble, 1.0001)),
    "OQ-13": (likelihoods, "integrated", off(likelihoods.integrated)),
    "OQ-14": (likelihoods, "integrated", off(likelihoods.integrated)),
    "OQ-15": (likelihoods, "concentration", off(likelihoods.concentration)),
    "OQ-41": (drawn_priors, "LOG_SD_SCALE", 0.55),
    "OQ-60": (released_audit, "SIX_DIGITS", -1.0),
    "OQ-72": (equivalent_data, "EXCHANGED", [0, 1]),
    "OQ-82": (reproducible, "read_whole", lambda path: path),
    "OQ-83": (reproducible, "write_bytes", in_place),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_noticed(name: str, place: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    module, attribute, instead = DEFECTS[name]
    monkeypatch.setattr(module, attribute, instead)
    found = item(name, place)
    assert not found.passed, found.found


def test_an_error_is_a_failure(place: Bench) -> None:
    def broken(_: Bench) -> Any:
        raise RuntimeError("no such thing")

    found = done(Check("OQ-99", "R01", "nothing", "nothing", "none", "none", broken), place)
    assert not found.passed
    assert found.found == "ended with RuntimeError: no such thing"


def test_python_outside_the_range_fails() -> None:
    assert installed.python_version("3.13.1", ">=3.12,<3.15").passed
    assert not installed.python_version("3.11.9", ">=3.12,<3.15").passed
    assert not installed.python_version("3.13.1", "").passed


def test_a_missing_or_wrong_package_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    version = installed.installed_version
    for own in (None, "0.1"):
        monkeypatch.setattr(
            installed, "installed_version", lambda n, own=own: own if n == "scipy" else version(n)
        )
        found = installed.package_versions()
        assert not found.passed
        assert "scipy" in found.found


def test_other_versions_than_the_lock_are_named_and_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    version = installed.installed_version
    monkeypatch.setattr(
        installed, "installed_version", lambda name: "9.9.9" if name == "scipy" else version(name)
    )
    found = installed.against_the_lock()
    assert found.passed
    assert "scipy 9.9.9 (lock " in found.found


def test_pins_are_those_of_this_machine() -> None:
    lines = [
        "a==1.0 \\", "    --hash=sha256:00", "b-c==2 ; python_full_version < '3' \\",
        "B_d==3 ; python_full_version >= '3' \\", "# e==4",
    ]  # fmt: skip
    assert installed.pins(lines) == {"a": "1.0", "b-d": "3"}


def test_a_clock_before_the_release_fails() -> None:
    from datetime import UTC, datetime

    assert not machine.clock(datetime(2020, 1, 1, tzinfo=UTC)).passed
    assert machine.clock(datetime.now(UTC)).passed


def test_a_graph_that_says_otherwise_is_noticed(place: Bench) -> None:
    case = CASES["independent"]
    same = kernel_densities(case, place.study)
    place.__dict__["graphs"] = {"independent": same}
    assert kernels_against_graphs.same_density(place, "independent").passed
    for other in (
        Densities(same.values + 1e-5, same.gradients),
        Densities(same.values, same.gradients + 1e-5 * np.abs(same.gradients).max()),
        Densities(same.values * np.nan, same.gradients),
    ):
        place.__dict__["graphs"] = {"independent": other}
        assert not kernels_against_graphs.same_density(place, "independent").passed


def test_another_verdict_of_the_audit_is_named() -> None:
    table = pd.DataFrame({"verdict": ["reproduced", "not reproduced"], "p": [0.1234567, 0.5]})
    assert released_audit.same_table(table, table.assign(p=[0.123457, 0.5])).passed
    found = released_audit.same_table(table, table.assign(verdict="reproduced"))
    assert not found.passed
    assert "row 2, verdict" in found.found
    assert not released_audit.same_table(table, table.assign(p=[0.1235, 0.5])).passed
    assert not released_audit.same_table(table, table.iloc[:1]).passed


class TestAgreement:
    def table(self, **changes: Any) -> pd.DataFrame:
        row = {
            "found": 1.0, "expected": 1.02, "error_found": 0.01, "error_expected": 0.01,
            "scale": 1.0, "label": "it",
        }  # fmt: skip
        return pd.DataFrame([row, row | changes])

    def test_within_errors_passes(self) -> None:
        found = agreement.apart(self.table(), ["label"])
        assert found.finding().passed
        assert found.errors == pytest.approx(0.02 / np.hypot(0.01, 0.01))

    @pytest.mark.parametrize(
        "changes",
        [
            {"found": 1.1},
            {"found": np.nan},
            {"error_found": np.nan},
            {"error_found": 0.0, "error_expected": 0.0},
            {"error_found": 0.1, "found": 1.02},
        ],
        ids=["beyond", "no number", "no error known", "no error", "too few draws"],
    )
    def test_else_it_fails(self, changes: dict[str, float]) -> None:
        assert not agreement.apart(self.table(**changes), ["label"]).finding().passed

    def test_nothing_to_compare_is_no_agreement(self) -> None:
        assert not agreement.apart(self.table().iloc[:0], ["label"]).finding().passed
        assert not agreement.close(np.array([]), np.array([]), [], 1.0).passed
        assert not agreement.verdicts([], [], []).passed

    def test_numbers_are_close_or_not(self) -> None:
        one = np.array([1.0, 200.0])
        assert agreement.close(one, one * (1 + 1e-12), ["a", "b"], 1e-10).passed
        found = agreement.close(one, np.array([1.0, 201.0]), ["a", "b"], 1e-3)
        assert not found.passed
        assert "(b)" in found.found
        assert not agreement.close(one, one * np.nan, ["a", "b"], 1e9).passed

    def test_draws_of_another_posterior_are_told(self) -> None:
        rng = np.random.default_rng(3)
        dims = ("chain", "draw", "outcome")
        first, second = (
            xr.DataArray(rng.normal(size=(4, 1000, 2)), {"outcome": ["a", "b"]}, dims)
            for _ in range(2)
        )
        same = agreement.apart(agreement.same_posterior("x", first, second), ["label"])
        assert same.finding().passed
        other = second + xr.DataArray([0.0, 0.3], dims="outcome")
        found = agreement.apart(agreement.same_posterior("x", first, other), ["label"])
        assert not found.finding().passed
        assert "b" in found.where

    def test_quantiles_are_judged_by_the_share_of_draws_below(self) -> None:
        rng = np.random.default_rng(4)
        draws = xr.DataArray(
            rng.normal(size=(4, 2000, 1)), {"outcome": ["a"]}, ("chain", "draw", "outcome")
        )
        for bound, passes in ((-1.96, True), (-1.6, False)):
            at = xr.DataArray([bound], {"outcome": ["a"]}, "outcome")
            table = agreement.level("x", draws, at, 0.025)
            assert agreement.apart(table, ["label"]).finding().passed is passes


def test_committed_answers_are_found_by_name() -> None:
    for name in bench.ANSWERS:
        assert bench.answers(name).exists()
