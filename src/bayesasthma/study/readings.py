"""Readings of a printed table: on the log scale, and with standard errors printed as SDs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.errors import UsageError
from bayesasthma.study._bundle_moments import on_log_scale
from bayesasthma.study._bundle_table import patient_table
from bayesasthma.study.study import Study

#: Domains whose outcomes are positive and skewed: the log scale is theirs by default.
SKEWED_DOMAINS = ("inflammation", "ige")


@dataclass(frozen=True)
class Reading:
    """How the numbers of a table are read.

    Attributes
    ----------
    scale : {"identity", "log"}
        ``log``: patients are log-normal, and the table is turned into means and SDs of logarithms.
    dispersion : {"sd", "se"}
        ``se``: what is printed as SDs are standard errors of the means.
    log_outcomes, se_outcomes : tuple of str
        For which outcomes; empty for the log scale of outcomes of the domains inflammation and IgE,
        and for standard errors of all outcomes.
    """

    scale: str = "identity"
    dispersion: str = "sd"
    log_outcomes: tuple[str, ...] = ()
    se_outcomes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, known in (("scale", ("identity", "log")), ("dispersion", ("sd", "se"))):
            if getattr(self, name) not in known:
                raise UsageError(
                    f"unknown {name} {getattr(self, name)!r}; there are {', '.join(known)}"
                )
        if (self.log_outcomes and self.scale != "log") or (
            self.se_outcomes and self.dispersion != "se"
        ):
            raise UsageError("outcomes are named only for the scale 'log' and the dispersion 'se'")

    @classmethod
    def parse(cls, scale: str | None = None, dispersion: str | None = None) -> Reading:
        """Read ``"identity"``, ``"log"`` or ``"log:feno,eos"``, and ``"sd"``, ``"se:fev1"``, ….

        Raises
        ------
        UsageError
            If a word is unknown.
        """
        (word, log), (printed, se) = (
            _split(text) for text in (scale or "identity", dispersion or "sd")
        )
        return cls(word, printed, log, se)

    @property
    def label(self) -> str:
        """Short name, fit for file names; empty for the table as printed."""
        parts = []
        if self.scale == "log":
            parts.append("_".join(["log", *self.log_outcomes]))
        if self.dispersion == "se":
            parts.append("_".join(["se", *self.se_outcomes]))
        return "-".join(parts)


def _split(text: str) -> tuple[str, tuple[str, ...]]:
    word, colon, names = text.partition(":")
    found = tuple(name.strip() for name in names.split(",") if name.strip())
    if colon and not found:
        raise UsageError(f"{text!r}: name outcomes after the colon")
    return word.strip(), found


def skewed_outcomes(study: Study) -> tuple[str, ...]:
    """Outcomes of the domains inflammation and IgE whose printed means are all positive."""
    domain = study.outcomes["domain"].fillna("").str.lower()
    level = study.table["mean"].sel(statistic="level")
    return tuple(
        str(name)
        for name in study.outcomes.index[domain.isin(SKEWED_DOMAINS)]
        if not bool((level.sel(outcome=name) <= 0).any()) and name not in study.log_outcomes
    )


def read_as(study: Study, reading: Reading) -> Study:
    """The study as a reading has it; everything downstream needs no more than the new study.

    Parameters
    ----------
    study : Study
    reading : Reading

    Returns
    -------
    Study
        ``table``, ``correlations`` and ``outcomes`` changed (a log outcome's ``unit`` is
        ``"log UNIT"`` and its ``scale`` ``"log"``; its MCID is kept as printed); ``reading`` names
        what was done, and so do the checksums, so that fits of different readings are kept apart.
        The study itself if the reading is of the table as printed.

    Raises
    ------
    UsageError
        If the reading names unknown outcomes, the study has none that suit the log scale, a mean is
        not positive, a change from baseline is printed where the level is not, or standard errors
        are asked of patient-level data.
    """
    if not reading.label:
        return study
    if study.reading:
        raise UsageError(f"the study is read as {study.reading!r} already")
    known = [str(name) for name in study.outcomes.index]
    for name in (*reading.log_outcomes, *reading.se_outcomes):
        if name not in known:
            raise UsageError(f"unknown outcome {name!r}; the study has {', '.join(known)}")
    if reading.dispersion == "se":
        study = _from_standard_errors(study, reading.se_outcomes or tuple(known))
    if reading.scale == "log":
        names = reading.log_outcomes or skewed_outcomes(study)
        if not names:
            raise UsageError(
                "no outcome of the domains inflammation and IgE suits the log scale; name outcomes"
            )
        study = _to_logs(study, names)
    return replace(
        study, reading=reading.label, checksums={**study.checksums, "reading": reading.label}
    )


def _from_standard_errors(study: Study, names: tuple[str, ...]) -> Study:
    """SDs ``s sqrt(n)`` of what is printed as ``s``."""
    if study.patients is not None:
        raise UsageError("patient-level data print no dispersions to be read as standard errors")
    table = study.table.copy(deep=True)
    printed = [name for name in names if name not in study.log_outcomes]
    chosen = table["outcome"].isin(printed)
    factor = (table["n"] ** 0.5).where(chosen, 1.0)
    for name in ("sd", "sd_step"):
        table[name] = (table[name] * factor).transpose(*study.table[name].dims)
    return replace(study, table=table)


def _to_logs(study: Study, names: tuple[str, ...]) -> Study:
    if already := [name for name in names if name in study.log_outcomes]:
        raise UsageError(f"{already[0]} is printed as geometric means: it is on the log scale now")
    outcomes = on_log_scale(study.outcomes, list(names))
    if study.patients is not None:
        return _log_patients(study, names, outcomes)
    table, correlations = study.table.copy(deep=True), study.correlations
    pairs = []
    for name in names:
        pairs.append(_log_correlations(study, name))
        _log_table(table, name)
    kept = correlations[~correlations["outcome"].isin(list(names))]
    correlations = pd.concat([kept, *pairs], ignore_index=True) if pairs else kept
    return replace(study, outcomes=outcomes, table=table, correlations=correlations)


def _log_patients(study: Study, names: tuple[str, ...], outcomes: pd.DataFrame) -> Study:
    patients = study.patients
    assert patients is not None
    for name in names:
        if (patients[name] <= 0).any():
            raise UsageError(f"{name}: a value that is not positive has no logarithm")
        patients[name] = np.log(patients[name])
    table = patient_table(patients, outcomes, study.arms, study.visits)
    return replace(study, outcomes=outcomes, patients=patients, table=table)


def _log_table(table: xr.Dataset, name: str) -> None:
    """Turn one outcome's levels into moments of logarithms, in place, and drop its changes."""
    own = {"outcome": name}
    level, change = {**own, "statistic": "level"}, {**own, "statistic": "change"}
    cells = {field: table[field].sel(level).to_numpy() for field in table.data_vars}
    printed = np.isfinite(cells["mean"])
    if (cells["mean"][printed] <= 0).any():
        raise UsageError(f"{name}: a mean that is not positive has no log-normal distribution")
    if (np.isfinite(table["mean"].sel(change).to_numpy()) & ~printed).any():
        raise UsageError(
            f"{name}: a change from baseline is printed where the level is not, and a change has "
            "no logarithm; leave the outcome on its own scale"
        )
    mean, sd, mean_step, sd_step = log_moments(
        *(cells[field] for field in ("mean", "sd", "mean_step", "sd_step"))
    )
    for field, values in (
        ("mean", mean),
        ("sd", sd),
        ("mean_step", mean_step),
        ("sd_step", sd_step),
    ):
        table[field].loc[level] = values
        table[field].loc[change] = np.nan


def log_moments(
    mean: np.ndarray, sd: np.ndarray, mean_step: np.ndarray, sd_step: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean and SD of the logarithms of log-normal patients, by matching moments.

    ``sd_log^2 = log(1 + sd^2 / mean^2)``, ``mean_log = log(mean) - sd_log^2 / 2`` (Higgins, White
    and Anzures-Cabrera 2008, Stat Med 27:6072, doi 10.1002/sim.3427, method 1). Rounding units are
    carried over by the delta method: the variances of the uniform errors of mean and SD add up, the
    result is again given as the width of a uniform error, and the errors of the two logarithmic
    moments are taken as independent.

    Parameters
    ----------
    mean, sd : ndarray
        Of the patients, in outcome units; ``mean`` positive.
    mean_step, sd_step : ndarray
        Units of the last printed place.

    Returns
    -------
    mean_log, sd_log, mean_log_step, sd_log_step : ndarray
        Natural logarithms; no unit.
    """
    with np.errstate(invalid="ignore"):
        square = (sd / mean) ** 2
        variance = np.log1p(square)
        log_sd = np.sqrt(variance)
        log_mean = np.log(mean) - variance / 2
        # derivatives with respect to the mean and the SD
        by_mean = (1 + 2 * square) / (mean * (1 + square))
        by_sd = -sd / (mean**2 + sd**2)
        sd_by_mean = -square / (mean * (1 + square) * log_sd)
        sd_by_sd = sd / ((mean**2 + sd**2) * log_sd)
    return (
        log_mean,
        log_sd,
        np.hypot(by_mean * mean_step, by_sd * sd_step),
        np.hypot(sd_by_mean * mean_step, sd_by_sd * sd_step),
    )


def log_correlation(correlation: float, first: float, second: float) -> float:
    """Correlation of logarithms of two log-normal variables.

    ``log(1 + r c1 c2) / sqrt(log(1 + c1^2) log(1 + c2^2))``, the inverse of the moment formula of
    the bivariate log-normal; ``first`` and ``second`` are the coefficients of variation.

    Raises
    ------
    UsageError
        If no bivariate log-normal distribution has that correlation.
    """
    inside = 1 + correlation * first * second
    result = np.nan
    if inside > 0:
        result = np.log(inside) / np.sqrt(np.log1p(first**2) * np.log1p(second**2))
    if not -1 < result < 1:
        raise UsageError(
            f"no log-normal patients have a correlation of {correlation:.3g} at coefficients of "
            f"variation {first:.3g} and {second:.3g}; leave the outcome on its own scale"
        )
    return float(result)


def _log_correlations(study: Study, name: str) -> pd.DataFrame:
    """Published correlations of one outcome, and those its SDs of change imply, of logarithms."""
    rows = []
    base = study.baseline_visit
    for arm in study.arms.index:
        table = study.table.sel(outcome=name, arm=arm)
        level, change = table.sel(statistic="level"), table["sd"].sel(statistic="change")
        sd = {str(v): float(level["sd"].sel(visit=v)) for v in study.visits.index}
        cv = {v: s / float(level["mean"].sel(visit=v)) for v, s in sd.items()}
        known: dict[tuple[str, str], float] = {}
        for visit, last in sd.items():
            moved = float(change.sel(visit=visit))
            if base is not None and visit != base and np.isfinite(moved) and np.isfinite(cv[visit]):
                first_sd = sd[base]
                if abs(first_sd - last) < moved < first_sd + last:  # else no correlation gives it
                    known[base, visit] = (first_sd**2 + last**2 - moved**2) / (2 * first_sd * last)
        published = study.correlations
        own = published[(published["outcome"] == name) & (published["arm"] == arm)]
        for first, second, value in zip(
            own["visit_1"], own["visit_2"], own["correlation"], strict=True
        ):
            known[str(first), str(second)] = float(value)
        for (first, second), value in known.items():
            rows.append(
                {
                    "outcome": name,
                    "arm": arm,
                    "visit_1": first,
                    "visit_2": second,
                    "correlation": log_correlation(value, cv[first], cv[second]),
                }
            )
    return pd.DataFrame(rows, columns=["outcome", "arm", "visit_1", "visit_2", "correlation"])
