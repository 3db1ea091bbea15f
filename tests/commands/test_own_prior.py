"""`quote --prior "normal(…)"`: what is asked of the library, and what is refused."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.made_up_fits import explorable_events, explorable_fit

from bayesasthma.commands.cli import main
from bayesasthma.comparison.normal_prior import NormalPrior
from bayesasthma.comparison.own_prior import quote_outcomes
from bayesasthma.inference import adverse_fits, fitting
from bayesasthma.models.specification import table_spec
from bayesasthma.study.bundle import load_study


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Fits made up instead of sampled; what was asked for."""
    seen: list[tuple[str, Any]] = []

    def fit_table(study: Any, spec: Any, *_: Any, outcomes: Any = None, **__: Any) -> Any:
        seen.append((spec.prior.name, outcomes))
        return replace(explorable_fit(study), prior=spec.prior.name)

    def fit_adverse(study: Any, prior: str, *_: Any, **__: Any) -> Any:
        seen.append((prior, None))
        return explorable_events(study)

    monkeypatch.setattr(fitting, "fit_table", fit_table)
    monkeypatch.setattr(adverse_fits, "fit_adverse", fit_adverse)
    return seen


def rows(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """What the command prints as JSON, having ended well."""
    with contextlib.suppress(SystemExit):
        main(["quote", "liu2025", *arguments, "--json", "--quiet", "--out", str(folder)])
    found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
    return found


def test_it_prints_what_the_library_says(
    tmp_path: Path, asked: list[tuple[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--outcome", "act", "--prior", "normal(0, 4)", "--threshold", "2")
    (row,) = rows(capsys, tmp_path, *arguments)
    fit = explorable_fit(load_study("liu2025"))
    spec = table_spec("longitudinal")
    wanted = quote_outcomes(fit, NormalPrior(0.0, 4.0), ["act"], spec=spec, threshold=2.0)
    assert row["statement"] == wanted["statement"].item()
    assert (row["method"], row["prior"]) == ("reweighted", "normal(0, 4)")
    assert asked == [("weak", None)]


def test_it_refits_one_outcome_where_draws_do_not_reach(
    tmp_path: Path, asked: list[tuple[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    (row,) = rows(capsys, tmp_path, "--outcome", "act", "--prior", "normal(-4, 0.5)")
    assert row["method"] == "refitted"
    assert asked == [("weak", None), ("reader", ["act"])]


def test_events_are_refitted_from_a_file_of_the_prior(
    tmp_path: Path, asked: list[tuple[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    found = rows(capsys, tmp_path, "--outcome", "local", "--prior", "normal(3, 0.1)")
    assert {row["method"] for row in found} == {"refitted"}
    names = [name for name, _ in asked]
    assert names[0] == "weak"
    assert Path(names[1]).read_text(encoding="utf-8").endswith("location = 3.0\nscale = 0.1\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prior", "normal(0, 2)"], "in the unit of one outcome or event"),
        (["--prior", "normal(0, two)", "--outcome", "act"], "scale 'two' is no number"),
        (["--prior", "normal(0, 1, sd)", "--margin", "2"], "--margin: not with a prior"),
        (["--prior", "normal(0, 1, sd)", "--outcome", "local"], "has no other unit"),
        (
            ["--prior", "normal(0, 1)", "--outcome", "local", "--estimand", "risk_ratio"],
            "by their risk difference",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused(
    tmp_path: Path,
    asked: list[tuple[str, Any]],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    said: str,
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["quote", "liu2025", *arguments, "--out", str(tmp_path)])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
    assert asked == []  # before anything is sampled
