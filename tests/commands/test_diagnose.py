"""The command `diagnose`: saved fits by name or file, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.made_up_fits import table_fit

from bayesasthma.commands.cli import main
from bayesasthma.models.specification import table_spec
from bayesasthma.study.bundle import load_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder with one saved fit."""
    found = tmp_path_factory.mktemp("run")
    fit, spec = table_fit(load_study("liu2025")), table_spec("longitudinal")
    tree = fit.data.copy()
    record = {"spec": spec.record(), "study": "liu2025", "inputs": fit.study.checksums}
    tree.attrs["record"] = json.dumps(record, default=str)
    replace(fit, data=tree).save_as(found / "posterior" / "longitudinal-weak.nc")
    return found


def test_a_saved_fit_by_its_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as status:
        main(["diagnose", "longitudinal-weak", "--out", str(folder), "--json"])
    facts = json.loads(capsys.readouterr().out)
    assert status.value.code == 0
    (page,) = facts["pages"]
    assert page == str(folder / "diagnostics" / "longitudinal-weak.html")
    assert "<h1>longitudinal-weak</h1>" in Path(page).read_text(encoding="utf-8")
    assert facts["gate"] == {"longitudinal-weak": "pass"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["longitudinal-strong"], "no saved fit 'longitudinal-strong'"),
        (["nowhere.nc"], "no saved fit 'nowhere.nc'"),
        (["longitudinal-weak", "--prior", "weak"], "go with a model, not with the fit"),
    ],
)
def test_what_is_no_fit_exits_with_2(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as status:
        main(["diagnose", *arguments, "--out", str(folder)])
    assert status.value.code == 2
    message = capsys.readouterr().err
    assert said in message
    if "strong" in said:
        assert "there: longitudinal-weak" in message
        assert "independent, longitudinal, joint, adverse" in message
