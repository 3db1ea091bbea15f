"""Saved fits taken up again: what was fitted, from the record that a fit carries."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import xarray as xr

from bayesasthma._files.sealed import BrokenSealError
from bayesasthma.errors import UsageError
from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.event_groups import event_groups
from bayesasthma.inference.fitting import Fit
from bayesasthma.inference.named_models import PRINTED
from bayesasthma.inference.saved_fits import read_whole, record_of
from bayesasthma.likelihood.correlation import CorrelationPrior
from bayesasthma.models.adverse_counts import READINGS, AdverseSpec, counts
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.priors.distributions import Component, EffectPrior, OwnPrior, PriorSet
from bayesasthma.study.implied_correlations import with_implied_correlations
from bayesasthma.study.readings import Reading, read_as
from bayesasthma.study.study import Study


def spec_of(fit: Fit) -> TableSpec:
    """The specification of a fit: the one on record, else its model's with its prior set."""
    facts = record_of(fit.data).get("spec")
    if not isinstance(facts, dict):
        return table_spec(fit.model, fit.prior)
    known = {
        **facts,
        "prior": prior_from(facts["prior"]),
        "correlation": CorrelationPrior(**facts["correlation"]),
    }
    return TableSpec(**known)


def prior_from(facts: dict[str, Any]) -> PriorSet:
    """The prior set that ``dataclasses.asdict`` made plain data of."""
    own = {
        name: tuple(
            OwnPrior(
                EffectPrior(tuple(Component(**part) for part in item["prior"]["components"])),
                item["unit"],
                item["of"],
            )
            for item in facts[name]
        )
        for name in ("effects", "log_odds_ratios")
    }
    return PriorSet(**{**facts, **own})


def saved_labels(folder: Path) -> list[str]:
    """Names of the fits kept in a folder."""
    return sorted(path.stem for path in folder.glob("*.nc"))


def read_fit(path: Path, study: Study) -> Fit | AdverseFit:
    """A saved fit with its draws, whatever its source and versions were.

    Parameters
    ----------
    path : Path
        Of the netCDF file; its name is the fit's label.
    study : Study
        The study as printed; the reading of the fit is found from its label.

    Raises
    ------
    UsageError
        If the file is missing, damaged, is not a fit, is one of another study, or holds what no
        version that this one knows wrote.
    """
    try:
        data = read_whole(path)
    except (OSError, BrokenSealError) as error:
        raise UsageError(f"{path}: no saved fit can be read ({error})") from error
    record = record_of(data)
    if record.get("study") != study.name:
        raise UsageError(
            f"{path}: a fit of the study {record.get('study')!r}, not of {study.name!r}"
        )
    try:
        if isinstance(record.get("spec"), str):
            return _events(path, data, record, study)
        return _means(path, data, record, study)
    except UsageError:
        raise
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # another version's record or arrays, or a stranger's
        raise UsageError(
            f"{path}: no fit as this version writes them ({type(error).__name__}: {error}); fit "
            "again"
        ) from error


def _means(path: Path, data: xr.DataTree, record: dict[str, Any], study: Study) -> Fit:
    """A fit of means and SDs."""
    posterior = data["posterior"].to_dataset() if "posterior" in data.children else xr.Dataset()
    if "mean" not in posterior or not isinstance(record.get("spec"), dict):
        raise UsageError(
            f"{path}: holds refits of single outcomes under other priors, no whole fit"
        )
    fit = Fit(study, path.stem, record["spec"]["model"], record["spec"]["prior"]["name"], data, {})
    outcomes = [str(name) for name in posterior["mean"]["outcome"].to_numpy()]
    reading = path.stem.removeprefix(spec_of(fit).label).removeprefix("-")
    read = _read(study, reading, path)
    return replace(
        fit,
        study=read,
        resumed=True,
        baseline=str(record.get("baseline", "")),
        left_out=tuple(name for name in read.outcomes.index if name not in outcomes)
        if spec_of(fit).prior.flat
        else (),
    )


def inputs_changed(fit: Fit | AdverseFit) -> bool:
    """Whether files of the study have changed since the fit was made."""
    inputs = record_of(fit.data).get("inputs")
    return inputs is not None and inputs != fit.study.checksums


def _read(study: Study, label: str, path: Path) -> Study:
    """The study as the reading has it whose label ends the name of a fit."""
    scale = dispersion = None
    printed = False
    for part in filter(None, label.split("-")):
        word, _, rest = part.partition("_")
        names = _names(rest, [str(name) for name in study.outcomes.index])
        if names is None or word not in ("log", "se", PRINTED):
            raise UsageError(f"{path}: the name of the fit tells no reading of the table ({label})")
        asked = ":".join(filter(None, [word, ",".join(names)]))
        if word == "log":
            scale = asked
        elif word == "se":
            dispersion = asked
        else:
            printed = True
    read = read_as(with_implied_correlations(study) if printed else study,
                   Reading.parse(scale, dispersion))  # fmt: skip
    return replace(read, reading=label) if printed else read


def _names(text: str, known: list[str]) -> list[str] | None:
    """Names joined by underscores, which may be within a name too; None if they are not known."""
    if not text:
        return []
    for name in sorted(known, key=len, reverse=True):
        if text == name or text.startswith(f"{name}_"):
            rest = _names(text[len(name) + 1 :], known)
            if rest is not None:
                return [name, *rest]
    return None


def _events(path: Path, data: xr.DataTree, record: dict[str, Any], study: Study) -> AdverseFit:
    prior = prior_from(record["prior"])
    for group in event_groups(study):
        for reading in READINGS:
            spec = AdverseSpec("hierarchical", reading, prior)
            if "-".join(filter(None, [spec.label, group.name])) == path.stem:
                found = counts(group.study, reading)
                return AdverseFit(group.study, spec, found, data, {}, True, group.name)
    raise UsageError(f"{path}: no group of events of {study.name} has this name")
