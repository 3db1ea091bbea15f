"""What the first edition read and wrote: bundles are read, fits are refused by name and renewed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from tests.inference.test_saved_fits import small_fit

import bayesasthma as ba
from bayesasthma._files.sealed import write_sealed
from bayesasthma.commands.cli import main
from bayesasthma.errors import UsageError
from bayesasthma.inference.fitting import run_or_resume
from bayesasthma.inference.reopened import read_fit
from bayesasthma.inference.saved_fits import save
from bayesasthma.models.design import design
from bayesasthma.models.specification import table_spec

OLD = Path(__file__).parents[1] / "reference" / "first_edition"
LABEL = "longitudinal-weak"


def renewed(folder: Path) -> tuple[xr.DataTree, list[str]]:
    """The fit that a run with the fits of a folder uses, and what it says."""
    study = ba.load_study(OLD / "small_trial")
    record = {
        "spec": table_spec("longitudinal").record(),
        "options": {"draws": 20, "tune": 20, "chains": 2, "seed": 1, "target_accept": 0.95},
        "study": study.name,
        "inputs": study.checksums,
        "outcomes": list(study.outcomes.index),
    }
    said: list[str] = []
    return run_or_resume(LABEL, record, lambda _: small_fit(), folder, said.append)[0], said


def test_the_bundle_is_read_as_it_was() -> None:
    study = ba.load_study(OLD / "small_trial")
    assert list(study.outcomes.index) == ["act", "feno"]
    assert study.table["mean"].sel(
        outcome="feno", arm="OMA_AIT", visit="week12", statistic="level"
    ) == pytest.approx(31.5)
    assert (len(study.tests), len(study.adverse), len(study.external)) == (12, 6, 2)
    # what that edition's fit had of it, the design of today has too
    with h5py.File(OLD / "posterior" / f"{LABEL}.nc") as file:
        then, checksums = file["constant_data"], json.loads(file.attrs["record"])["inputs"]
        layout = design(study)
        for name, now in (("centre", layout.centre), ("scale", layout.scale), ("n", layout.n_arm)):
            np.testing.assert_allclose(then[name][()], now, rtol=1e-12)
    assert checksums == study.checksums


def test_the_bundle_passes_the_check_and_the_audit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for command in ("study check", "audit"):
        with pytest.raises(SystemExit) as ended:
            main([*command.split(), str(OLD / "small_trial")])
        assert ended.value.code == 0, capsys.readouterr().err


def test_the_fit_is_refused_by_name_and_renewed(tmp_path: Path) -> None:
    path = tmp_path / f"{LABEL}.nc"
    shutil.copy(OLD / "posterior" / path.name, path)
    with pytest.raises(UsageError, match=rf"{path.name}.*saved by an earlier version"):
        read_fit(path, ba.load_study(OLD / "small_trial"))
    tree, said = renewed(tmp_path)
    assert len(said) == 1
    assert f"{path.name} is not used: it does not end with its checksum" in said[0]
    assert "saved by an earlier version" in said[0]
    assert tree["posterior"].identical(small_fit()["posterior"])
    assert renewed(tmp_path)[1] == [
        f"{LABEL}: inputs, options and versions unchanged, using the saved fit"
    ]


@pytest.mark.parametrize("rewritten", [False, True])
def test_nor_is_it_used_with_a_checksum(tmp_path: Path, rewritten: bool) -> None:
    """As it was (compressed), or as the edition between wrote fits: sealed, of another version."""
    old, path = OLD / "posterior" / f"{LABEL}.nc", tmp_path / f"{LABEL}.nc"
    if rewritten:
        with xr.open_datatree(old, engine="h5netcdf") as tree:
            save(tree.load(), path)
    else:
        write_sealed(old.read_bytes(), path)
    _, said = renewed(tmp_path)
    assert f"{path.name} is not used: it " in said[0]
    if rewritten:
        assert "made from other specification" in said[0] or "other versions" in said[0]
