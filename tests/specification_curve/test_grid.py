"""The grid: what a file says, what is left out and why, and what a study can have of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bundles import changes_alone, one_visit

import bayesasthma as ba
from bayesasthma.specification_curve import default_grid, parse_grid, read_grid, study_grid
from bayesasthma.specification_curve.grid import (
    ADJUSTMENTS,
    AdverseChoices,
    Specification,
    TableChoices,
)
from bayesasthma.specification_curve.study_grid import default_for, grid_for, table_spec_of


@pytest.fixture(scope="module")
def study() -> ba.Study:
    return ba.load_study("liu2025")


def test_a_block_is_every_combination() -> None:
    grid = parse_grid("""
        [[block]]
        prior = ["weak", "sceptical"]
        correlation = ["unstructured", "fixed:0.3", "fixed:0.30"]
        adjustment = ["adjusted", "change"]
    """)
    assert len(grid.specifications) == 8
    assert len(grid.fits) == 4
    # 0.30 is 0.3: four combinations repeat others
    assert len(grid.removed) == 4
    assert all(item.reason.startswith("the same as") for item in grid.removed)


def test_a_choice_left_out_keeps_the_default() -> None:
    assert parse_grid("[[block]]").specifications == (Specification(),)
    assert Specification().fit == TableChoices()


def test_blocks_share_fits_and_repeat_nothing() -> None:
    grid = parse_grid("""
        [[block]]
        name = "one"
        adjustment = "adjusted"
        [[block]]
        name = "two"
        adjustment = ["adjusted", "difference"]
    """)
    assert len(grid.specifications) == 2
    assert len(grid.fits) == 1
    (removed,) = grid.removed
    assert removed.block == "two"
    assert removed.reason.endswith("of one")


def test_independent_has_no_correlation_and_only_the_difference() -> None:
    grid = parse_grid("""
        [[block]]
        model = "independent"
        correlation = ["unstructured", "ar1"]
        adjustment = ["adjusted", "difference"]
    """)
    (only,) = grid.specifications
    assert (only.fit.correlation, only.adjustment) == ("none", "difference")
    reasons = [item.reason for item in grid.removed]
    assert sum("compares each visit by itself" in reason for reason in reasons) == 2
    assert sum(reason.startswith("the same as") for reason in reasons) == 1


def test_the_conjugate_model_has_one_prior() -> None:
    grid = parse_grid("""
        [[adverse]]
        model = ["hierarchical", "independent"]
        prior = ["weak", "sceptical"]
    """)
    assert grid.adverse == (
        AdverseChoices("hierarchical", "weak"),
        AdverseChoices("hierarchical", "sceptical"),
        AdverseChoices("independent", "jeffreys"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[block]]\nprior = 'strong'", "block 1: prior = unknown prior set 'strong'"),
        ("[[block]]\nname = 'x'\nscael = 'log'", "x: unknown choice 'scael'; there are model"),
        ("[[block]]\ncorrelation = 'fixed:1.5'", "a number|fixed:RHO"),
        ("[[block]]\nrounding = 'yes'", "'yes'; write true or false"),
        ("[[block]]\nprior = []", "prior is empty"),
        ("[[block]]\ndispersion = ['sd', 'iqr']", "'iqr'; there are sd, se"),
        ("[block]\nprior = 'weak'", r"write \[\[block\]\], with two brackets"),
        ("[[blok]]", r"unknown key 'blok'; there are \[\[block\]\] and \[\[adverse\]\]"),
        ("", "it has no specification"),
        ("[[block]", "is not TOML"),
    ],
)
def test_what_is_wrong_is_said(text: str, message: str) -> None:
    with pytest.raises(ba.UsageError, match=message):
        parse_grid(text)


def test_every_problem_is_said_at_once() -> None:
    with pytest.raises(ba.UsageError) as caught:
        parse_grid("[[block]]\nprior = 'a'\nscale = 'b'\n[[adverse]]\nreading = 'c'")
    assert str(caught.value).count("\n") == 3


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ba.UsageError, match="cannot read the grid"):
        read_grid(tmp_path / "none.toml")


def test_the_default_grid_is_large_and_contains_the_default(study: ba.Study) -> None:
    grid = grid_for(default_grid(), study)
    assert len(grid) >= 300
    assert Specification() in grid.specifications
    assert AdverseChoices() in grid.adverse
    rho = {f"fixed:0.{i}" for i in range(1, 10)} | {"fixed:0"}
    assert rho <= {item.fit.correlation for item in grid.specifications}
    assert {item.fit.model for item in grid.specifications} == {
        "longitudinal", "independent", "joint",
    }  # fmt: skip


def test_a_study_or_a_prior_that_the_joint_model_cannot_have(
    study: ba.Study, tmp_path: Path
) -> None:
    grid = parse_grid("""
        [[block]]
        model = "joint"
        prior = ["weak", "empirical"]
        adjustment = "difference"
    """)
    held = grid_for(grid, study)
    assert [item.fit.prior for item in held.specifications] == ["weak"]
    assert [item.reason for item in held.removed] == ["the joint model takes normal prior sets"]
    small = grid_for(grid, ba.load_study(one_visit(tmp_path / "small")))
    assert not small.specifications
    assert any("at least two outcomes" in item.reason for item in small.removed)


def test_a_table_that_no_model_can_have_is_left_out_with_the_reason(
    study: ba.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_study: ba.Study) -> None:
        raise ba.UsageError("4 visits need at least 5 patients")

    monkeypatch.setattr(study_grid, "design", refuse)
    held = grid_for(parse_grid('[[block]]\nmodel = "joint"\n[[adverse]]'), study)
    assert [item.reason for item in held.removed] == ["4 visits need at least 5 patients"]
    assert held.adverse


def test_a_study_of_one_visit_has_the_difference_alone(tmp_path: Path) -> None:
    small = ba.load_study(one_visit(tmp_path / "small"))
    grid = grid_for(parse_grid("""
        [[block]]
        correlation = ["unstructured", "ar1"]
        adjustment = ["adjusted", "difference"]
        [[adverse]]
    """), small)  # fmt: skip
    (only,) = grid.specifications
    assert only.adjustment == "difference"
    assert not grid.adverse
    reasons = {item.reason for item in grid.removed}
    assert "the study has no baseline visit" in reasons
    assert "the study prints no adverse reactions" in reasons


BASELINES = """
    [[block]]
    baseline = ["design", "common", "free"]
    adjustment = ["adjusted", "change", "difference"]
"""


def test_a_cohort_has_the_baseline_free_and_no_other(study: ba.Study) -> None:
    assert not study.randomised
    grid = grid_for(parse_grid(BASELINES), study)
    assert [(item.fit.baseline, item.adjustment) for item in grid.specifications] == [
        ("design", "adjusted"), ("design", "change"), ("design", "difference"),
    ]  # fmt: skip
    reasons = [item.reason for item in grid.removed]
    assert len(reasons) == 6
    assert sum("patients were not allocated at random" in reason for reason in reasons) == 3
    assert sum(reason.startswith("the same as") for reason in reasons) == 3
    # the reason goes with what it is about
    for item in grid.removed:
        assert ("baseline common" in item.choices) == ("not allocated" in item.reason)


def test_arms_that_start_alike_have_one_adjustment(study: ba.Study) -> None:
    trial = replace(study, randomised=True)
    grid = grid_for(parse_grid(BASELINES), trial)
    assert [(item.fit.baseline, item.adjustment) for item in grid.specifications] == [
        ("design", "adjusted"),
        ("free", "adjusted"), ("free", "change"), ("free", "difference"),
    ]  # fmt: skip
    assert len(grid.fits) == 2
    assert len(grid.removed) == 5
    assert all(item.reason.startswith("the same as") for item in grid.removed)
    assert [table_spec_of(fit).baseline for fit in grid.fits] == [None, "free"]


def test_the_default_grid_has_both_baselines_of_a_trial(study: ba.Study) -> None:
    for randomised, expected in ((True, {"design", "free"}), (False, {"design"})):
        grid = grid_for(default_grid(), replace(study, randomised=randomised))
        assert {item.fit.baseline for item in grid.specifications} == expected
        assert Specification() in grid.specifications


def test_the_independent_model_and_one_visit_have_no_baseline_to_choose(
    study: ba.Study, tmp_path: Path
) -> None:
    text = """
        [[block]]
        model = ["independent", "longitudinal"]
        baseline = ["common", "free"]
        adjustment = "difference"
    """
    trial = grid_for(parse_grid(text), replace(study, randomised=True))
    assert [(item.fit.model, item.fit.baseline) for item in trial.specifications] == [
        ("independent", "design"), ("longitudinal", "design"), ("longitudinal", "free"),
    ]  # fmt: skip
    # the difference between arms that start alike is the adjusted one; of one visit there is one
    assert [item.adjustment for item in trial.specifications] == [
        "difference", "adjusted", "difference",
    ]  # fmt: skip
    single = grid_for(parse_grid(text), ba.load_study(one_visit(tmp_path / "one")))
    assert [(item.fit.model, item.fit.baseline) for item in single.specifications] == [
        ("independent", "design"), ("longitudinal", "design"),
    ]  # fmt: skip


def test_the_default_of_changes_alone(tmp_path: Path) -> None:
    both = ba.load_study(changes_alone(tmp_path / "both", randomised=False))
    alone = replace(
        both, outcomes=both.outcomes.loc[["score"]], table=both.table.sel(outcome=["score"])
    )
    assert default_for(both) == Specification()  # an outcome has its baseline printed
    assert default_for(alone) == Specification(TableChoices(), "change")
    assert default_for(replace(alone, randomised=True)) == Specification()
    for study in (both, alone, replace(alone, randomised=True)):
        grid = grid_for(default_grid(), study)
        assert default_for(study) in grid.specifications


choices = st.fixed_dictionaries(
    {
        "prior": st.lists(
            st.sampled_from(["weak", "sceptical", "reference"]), min_size=1, max_size=3
        ),
        "correlation": st.lists(
            st.sampled_from(["ar1", "fixed:0.5", "exchangeable"]), min_size=1, max_size=3
        ),
        "rounding": st.lists(st.booleans(), min_size=1, max_size=2),
        "adjustment": st.lists(st.sampled_from(sorted(ADJUSTMENTS)), min_size=1, max_size=3),
    }
)


@settings(max_examples=40)
@given(st.lists(choices, min_size=1, max_size=2))
def test_no_specification_twice_and_none_lost(blocks: list[dict[str, list[object]]]) -> None:
    text = ""
    for block in blocks:
        text += "[[block]]\n"
        for key, values in block.items():
            written = ", ".join(str(v).lower() if isinstance(v, bool) else f'"{v}"' for v in values)
            text += f"{key} = [{written}]\n"
    grid = parse_grid(text)
    total = sum(
        len(b["prior"]) * len(b["correlation"]) * len(b["rounding"]) * len(b["adjustment"])
        for b in blocks
    )
    assert len(set(grid.specifications)) == len(grid.specifications)
    assert len(grid.specifications) + len(grid.removed) == total
