"""`--baseline`: labels and fingerprints of fits, and where there is nothing to choose."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from tests.bundles import changes_alone, one_visit

from bayesasthma.errors import UsageError
from bayesasthma.inference import fitting
from bayesasthma.inference.fitting import Fit, baseline_of, fit_table
from bayesasthma.inference.named_models import fit
from bayesasthma.models.design import design
from bayesasthma.models.specification import Baseline, table_spec
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return load_study(changes_alone(tmp_path_factory.mktemp("c") / "study", randomised=False))


@pytest.fixture(scope="module")
def trial(cohort: Study) -> Study:
    return replace(cohort, randomised=True)


@pytest.fixture
def records(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What fits would be kept under; nothing is sampled."""
    kept: list[dict[str, Any]] = []

    def instead(_label: str, record: dict[str, Any], *_others: Any) -> Any:
        kept.append(record)
        return xr.DataTree(), {}, False

    monkeypatch.setattr(fitting, "run_or_resume", instead)
    return kept


def fitted(study: Study, baseline: Baseline | None, model: str = "longitudinal") -> Fit:
    return fit_table(study, table_spec(model, baseline=baseline))


def test_saying_what_the_design_says_is_saying_nothing(
    cohort: Study, trial: Study, records: list[dict[str, Any]]
) -> None:
    for study, own in ((cohort, "free"), (trial, "common")):
        plain, named = fitted(study, None), fitted(study, own)  # type: ignore[arg-type]
        assert plain.label == named.label == "longitudinal-weak"
        assert plain.baseline == named.baseline == own
        assert records[-1] == records[-2]  # so that one resumes the other


def test_another_baseline_has_a_label_and_a_fingerprint_of_its_own(
    cohort: Study, trial: Study, records: list[dict[str, Any]]
) -> None:
    for study, other in ((cohort, "common"), (trial, "free")):
        plain, named = fitted(study, None), fitted(study, other)  # type: ignore[arg-type]
        assert named.label == f"longitudinal-weak-{other}_baseline"
        assert named.baseline == other != plain.baseline
        assert records[-1] != records[-2]


def test_choices_of_the_command_reach_the_fit(trial: Study, records: list[dict[str, Any]]) -> None:
    found = fit(trial, "longitudinal", "sceptical", baseline="free")
    assert isinstance(found, Fit)
    assert found.label == "longitudinal-sceptical-free_baseline"
    assert records[0]["spec"]["baseline"] == "free"


@pytest.mark.parametrize("baseline", ["common", "free"])
def test_there_is_nothing_to_choose_without_a_baseline(
    trial: Study, tmp_path: Path, records: list[dict[str, Any]], baseline: Baseline
) -> None:
    with pytest.raises(UsageError, match=f"'{baseline}': the model 'independent' looks at each"):
        fitted(trial, baseline, "independent")
    single = load_study(one_visit(tmp_path / "one"))
    with pytest.raises(UsageError, match=f"'{baseline}': the study has no baseline visit"):
        fitted(single, baseline)
    assert not records


def test_what_a_fit_takes_the_baseline_for(cohort: Study, trial: Study, tmp_path: Path) -> None:
    plain = table_spec("longitudinal")
    assert baseline_of(plain, design(cohort)) == "free"
    assert baseline_of(plain, design(trial)) == "common"
    assert baseline_of(table_spec("longitudinal", baseline="free"), design(trial)) == "free"
    assert baseline_of(table_spec("joint"), design(trial)) == "common"
    assert baseline_of(table_spec("independent"), design(trial)) == ""
    assert baseline_of(plain, design(load_study(one_visit(tmp_path / "one")))) == ""
