"""Fits read back from their files are the fits that were saved."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from tests.made_up_fits import table_fit

import bayesasthma as ba
from bayesasthma.inference.fitting import Fit
from bayesasthma.inference.reopened import inputs_changed, prior_from, read_fit, spec_of
from bayesasthma.inference.saved_fits import save
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.priors.distributions import EffectPrior, OwnPrior
from bayesasthma.priors.named_sets import prior_set, registry
from bayesasthma.study.readings import Reading, read_as
from bayesasthma.study.study import Study


@pytest.fixture(scope="module")
def study() -> Study:
    return ba.load_study("liu2025")


def saved(fit: Fit, spec: TableSpec, folder: Path, label: str) -> Path:
    tree = fit.data.copy()
    record = {
        "spec": spec.record(),
        "study": fit.study.name,
        "inputs": fit.study.checksums,
        "baseline": "free",
    }
    tree.attrs["record"] = json.dumps(record, default=str)
    path = folder / f"{label}.nc"
    replace(fit, data=tree).save_as(path)
    return path


OWN = replace(
    prior_set("external:0.3"),
    effects=(OwnPrior(EffectPrior.normal(1.0, 2.0), "mcid", "act"),),
    log_odds_ratios=(OwnPrior(EffectPrior.normal(0.0, 1.0)),),
)


@pytest.mark.parametrize("prior", [*registry(), OWN], ids=lambda prior: prior.name)
def test_prior_sets_come_back_from_plain_data(prior) -> None:
    assert prior_from(json.loads(json.dumps(asdict(prior), default=str))) == prior


def test_a_fit_comes_back_with_its_specification(study: Study, tmp_path: Path) -> None:
    spec = table_spec("longitudinal", "sceptical", "exchangeable", "common", baseline="free")
    fit = table_fit(study)
    back = read_fit(saved(fit, spec, tmp_path, spec.label), study)
    assert isinstance(back, Fit)
    assert spec_of(back) == spec
    assert (back.model, back.prior, back.baseline) == ("longitudinal", "sceptical", "free")
    assert back.gate.ess_bulk == fit.gate.ess_bulk
    assert not inputs_changed(back)
    assert inputs_changed(replace(back, study=replace(study, checksums={"study.toml": "x"})))


@pytest.mark.parametrize(
    ("scale", "dispersion"),
    [("log", None), ("log:total_ige,feno", None), (None, "se:fev1_fvc,fev1"), ("log:feno", "se")],
)
def test_the_reading_is_found_from_the_name(
    study: Study, tmp_path: Path, scale: str | None, dispersion: str | None
) -> None:
    read = read_as(study, Reading.parse(scale, dispersion))
    spec = table_spec("longitudinal")
    path = saved(table_fit(read), spec, tmp_path, f"{spec.label}-{read.reading}")
    back = read_fit(path, study)
    assert back.study.reading == read.reading
    assert back.study.log_outcomes == read.log_outcomes
    assert not inputs_changed(back)


def test_what_is_no_fit_is_refused_by_name(study: Study, tmp_path: Path) -> None:
    with pytest.raises(ba.UsageError, match="no saved fit can be read"):
        read_fit(tmp_path / "longitudinal-weak.nc", study)
    (tmp_path / "cut.nc").write_bytes(b"CDF")
    with pytest.raises(ba.UsageError, match=r"cut\.nc: no saved fit"):
        read_fit(tmp_path / "cut.nc", study)
    spec = table_spec("longitudinal")
    path = saved(table_fit(study), spec, tmp_path, "longitudinal-weak-perhaps")
    with pytest.raises(ba.UsageError, match="tells no reading of the table"):
        read_fit(path, study)
    with pytest.raises(ba.UsageError, match="of the study 'liu2025', not of 'other'"):
        read_fit(path, replace(study, name="other"))
    refits = xr.DataTree.from_dict({"posterior": xr.Dataset({"effect": ("x", np.zeros(3))})})
    refits.attrs["record"] = json.dumps({"study": study.name, "spec": spec.record()})
    save(refits, tmp_path / "refits.nc")
    with pytest.raises(ba.UsageError, match="refits of single outcomes"):
        read_fit(tmp_path / "refits.nc", study)
