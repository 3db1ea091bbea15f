"""Printed rows of each outcome and arm, standardised and grouped into blocks for the likelihood."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesasthma.errors import UsageError
from bayesasthma.likelihood.correlation import pairs
from bayesasthma.models.patient_series import (
    Covariates,
    PatientBlock,
    code_covariates,
    patient_block,
)
from bayesasthma.study.external_evidence import outcome_evidence
from bayesasthma.study.study import Study

FloatArray = np.ndarray


@dataclass(frozen=True)
class TableBlock:
    """Series (one outcome in one arm) that print the same rows.

    Attributes
    ----------
    outcome, arm : ndarray of int, shape (series,)
        Positions in :class:`Design`.
    functional : ndarray, shape (row, visit)
        What each row measures, as a linear function of a patient's visits: a level (a one), or a
        change from baseline (a one and a minus one).
    mean, sd, mean_step, sd_step, n : ndarray, shape (series, row)
        As printed, in standardised units (``n`` in patients); steps are rounding units.
    pinned : ndarray of bool, shape (pair,)
        Which sample partial correlations are published (or implied by a published SD of change).
    pinned_z : ndarray, shape (series, pair)
        Their values on Fisher's z scale; zero where latent.
    """

    outcome: np.ndarray
    arm: np.ndarray
    functional: FloatArray
    mean: FloatArray
    sd: FloatArray
    mean_step: FloatArray
    sd_step: FloatArray
    n: FloatArray
    pinned: np.ndarray
    pinned_z: FloatArray

    @property
    def rows(self) -> int:
        """Number of printed rows of each series."""
        return int(self.functional.shape[0])

    @property
    def levels_only(self) -> bool:
        """Whether every visit of the design is printed, as a level, in order."""
        return bool(
            self.functional.shape[0] == self.functional.shape[1]
            and np.array_equal(self.functional, np.eye(self.rows))
        )

    @property
    def balanced(self) -> bool:
        """Whether every series has the same number of patients in all its rows."""
        return bool(np.all(self.n == self.n[:, :1]))


@dataclass(frozen=True)
class Design:
    """What a model needs to know of a study: labels, units, and blocks of data.

    Attributes
    ----------
    outcomes, arms, visits : tuple of str
        Labels; the control arm first, visits by week.
    weeks : ndarray, shape (visit,)
    baseline : int or None
        Position of the baseline visit (always 0 if there is one).
    centre, scale : ndarray, shape (outcome,)
        Standardised = (value - centre) / scale: the mean over arms and the pooled SD at the first
        visit printed, which is the baseline where there is one.
    direction : ndarray of int, shape (outcome,)
        +1 if higher is better, -1 if lower is, 0 if neither is claimed.
    domain : tuple of str
        Domain of each outcome, blank where none is given.
    target : ndarray, shape (outcome,)
        MCID in baseline SDs (relative ones times the mean over all patients at the first visit
        printed: a prior favours no arm); NaN if none.
    n_arm : ndarray, shape (arm,)
    tables : tuple of TableBlock
    patients : tuple of PatientBlock
        One at most, of all outcomes; then there are no tables.
    covariates : Covariates
        Adjusted for, if there are patients.
    external : ndarray, shape (outcome, 2)
        External estimate of the treatment effect and its standard error, in baseline SDs; NaN if
        there is none.
    randomised : bool
        Whether patients were allocated to the arms at random.
    """

    outcomes: tuple[str, ...]
    arms: tuple[str, ...]
    visits: tuple[str, ...]
    weeks: FloatArray
    baseline: int | None
    centre: FloatArray
    scale: FloatArray
    direction: np.ndarray
    domain: tuple[str, ...]
    target: FloatArray
    n_arm: FloatArray
    tables: tuple[TableBlock, ...]
    patients: tuple[PatientBlock, ...] = ()
    covariates: Covariates | None = None
    external: FloatArray | None = None
    randomised: bool = False

    @property
    def follow_up(self) -> tuple[str, ...]:
        """Visits at which a treatment effect is estimated."""
        return self.visits if self.baseline is None else self.visits[1:]


def design(study: Study, outcomes: list[str] | None = None, *, as_table: bool = False) -> Design:
    """Standardise a study's tables (or patients) and group them into blocks.

    Parameters
    ----------
    study : Study
    outcomes : list of str, optional
        The outcomes to model, in this order; all by default.
    as_table : bool
        Of patients keep the means and SDs of the available cases of each visit alone.

    Raises
    ------
    UsageError
        If an outcome is unknown or there is none, the control arm prints nothing for one, or
        published correlations cannot be used (see :func:`_pins`).
    """
    known = list(study.outcomes.index)
    names = known if outcomes is None else list(outcomes)
    for name in names:
        if name not in known:
            raise UsageError(f"unknown outcome {name!r}; the study has {', '.join(known)}")
    if not names:
        raise UsageError(f"{study.name} prints no means and SDs: its events are for 'adverse'")
    arms, visits = list(study.arms.index), list(study.visits.index)
    baseline = visits.index(study.baseline_visit) if study.baseline_visit is not None else None
    if baseline not in (None, 0):
        raise UsageError("the baseline visit must be the first one")
    printed = _Printed(study)
    units = [_unit(printed, name) for name in names]
    centre, scale = (np.array(values) for values in zip(*units, strict=True))
    meta = study.outcomes.loc[names]
    target = meta["mcid"].to_numpy(dtype=float)
    relative = (meta["mcid_kind"] == "relative").to_numpy()
    reference = np.array([_usual_level(printed, name) for name in names])
    target = np.where(relative, target * np.abs(reference), target) / scale
    log = np.isin(names, study.log_outcomes)
    if log.any():
        ratio = np.where(relative, meta["mcid"], meta["mcid"] / np.exp(reference))
        own = log_threshold(ratio, meta["direction"].to_numpy(dtype=float))
        target = np.where(log, own / scale, target)
    evidence = [outcome_evidence(study, name) or (np.nan, np.nan) for name in names]
    with_patients = study.patients is not None and not as_table
    covariates = code_covariates(study) if with_patients else None
    return Design(
        outcomes=tuple(names),
        arms=tuple(arms),
        visits=tuple(visits),
        weeks=study.visits["week"].to_numpy(dtype=float),
        baseline=baseline,
        centre=centre,
        scale=scale,
        direction=meta["direction"].to_numpy(dtype=int),
        domain=tuple(str(name) for name in meta["domain"].fillna("")),
        target=target,
        n_arm=study.arms["n"].to_numpy(dtype=float),
        tables=() if with_patients else _table_blocks(study, printed, names, centre, scale),
        patients=()
        if covariates is None
        else (patient_block(study, names, centre, scale, covariates),),
        covariates=covariates,
        external=np.array(evidence).reshape(-1, 2) / scale[:, None],
        randomised=study.randomised,
    )


def identified_outcomes(layout: Design) -> list[str]:
    """Outcomes every mean and SD of which is printed as a level, so that a flat prior will do.

    A change from baseline does not tell its visit's SD:
    :mod:`bayesasthma.models.identification`.
    """
    printed = np.zeros((len(layout.outcomes), len(layout.arms), len(layout.visits)), dtype=bool)
    for table in layout.tables:
        for functional in table.functional:
            if functional.min() >= 0:
                printed[table.outcome, table.arm, np.argmax(functional)] = True
    for patients in layout.patients:
        np.logical_or.at(printed, (patients.outcome, patients.arm), patients.seen)
    whole = printed.all(axis=(1, 2))
    return [name for name, own in zip(layout.outcomes, whole, strict=True) if own]


def log_threshold(fraction: FloatArray, direction: FloatArray) -> FloatArray:
    """A relative benefit of ``fraction`` of the control arm's level, as a difference of logs.

    ``log(1 + fraction)`` where higher is better and ``-log(1 - fraction)`` where lower is, that is
    a ratio of geometric means of ``1 + fraction`` or ``1 - fraction``.
    """
    falls = np.asarray(direction) < 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(falls, -np.log1p(-np.asarray(fraction)), np.log1p(fraction))


class _Printed:
    """A study's table as plain arrays: looking a number up by label costs a thousand times as much.

    ``level`` and ``change``: by field, shape (outcome, arm, visit). An SD printed as 0 is one
    between 0 and half a unit of its last place: here the middle of these, with a step as wide.
    """

    def __init__(self, study: Study) -> None:
        table = study.table
        dims = ("outcome", "arm", "visit")
        labels = {
            "outcome": list(study.outcomes.index),
            "arm": list(study.arms.index),
            "visit": list(study.visits.index),
        }
        self.outcomes = {str(name): k for k, name in enumerate(labels["outcome"])}
        self._statistics = {
            statistic: {
                name: table[name].sel(statistic=statistic).sel(labels).transpose(*dims).to_numpy()
                for name in ("mean", "sd", "mean_step", "sd_step", "n")
            }
            for statistic in ("level", "change")
        }
        for fields in self._statistics.values():
            zero, step = fields["sd"] == 0, fields["sd_step"]
            fields["sd"] = np.where(zero, step / 4, fields["sd"])
            fields["sd_step"] = np.where(zero, step / 2, step)

    def cells(self, statistic: str, outcome: str) -> dict[str, FloatArray]:
        """Fields (arm, visit) of the levels, or of the changes, of an outcome."""
        k = self.outcomes[outcome]
        return {name: array[k] for name, array in self._statistics[statistic].items()}


def _unit(printed: _Printed, outcome: str) -> tuple[float, float]:
    """Centre and scale of an outcome: mean over arms and pooled SD at the first visit printed."""
    for statistic in ("level", "change"):
        cells = printed.cells(statistic, outcome)
        for visit in range(cells["mean"].shape[1]):
            mean, sd, n = (cells[name][:, visit] for name in ("mean", "sd", "n"))
            seen = np.isfinite(mean)
            if seen.any():
                pooled = np.sum((n[seen] - 1) * sd[seen] ** 2) / np.sum(n[seen] - 1)
                centre = float(mean[seen].mean()) if statistic == "level" else 0.0
                return centre, float(np.sqrt(pooled))
    raise UsageError(f"outcome {outcome!r} has no printed mean and SD")


def control_level(study: Study, outcome: str) -> float:
    """First printed level of the control arm, in the outcome's unit; NaN if none."""
    levels = study.table["mean"].sel(outcome=outcome, arm=study.control, statistic="level")
    finite = levels.to_numpy()[np.isfinite(levels.to_numpy())]
    return float(finite[0]) if len(finite) else float("nan")


def _usual_level(printed: _Printed, outcome: str) -> float:
    """Mean over the patients of all arms at the first visit that prints levels; NaN if none."""
    level = printed.cells("level", outcome)
    for visit in range(level["mean"].shape[1]):
        mean, n = (level[name][:, visit] for name in ("mean", "n"))
        seen = np.isfinite(mean)
        if seen.any():
            return float(np.average(mean[seen], weights=n[seen]))
    return float("nan")


def _table_blocks(
    study: Study, printed: _Printed, names: list[str], centre: FloatArray, scale: FloatArray
) -> tuple[TableBlock, ...]:
    """Group the series by the rows they print and the correlations published for them."""
    visits = list(study.visits.index)
    groups: dict[tuple[object, ...], list[tuple[int, int, dict[str, FloatArray]]]] = defaultdict(
        list
    )
    for k, name in enumerate(names):
        cells = {statistic: printed.cells(statistic, name) for statistic in ("level", "change")}
        for g, arm in enumerate(study.arms.index):
            level, change = (np.isfinite(cells[own]["mean"][g]) for own in ("level", "change"))
            rows = [
                (t, "level" if level[t] else "change")
                for t in range(len(visits))
                if level[t] or change[t]
            ]
            if not rows:
                continue
            values = {
                field: np.array([float(cells[own][field][g, t]) for t, own in rows])
                for field in ("mean", "sd", "mean_step", "sd_step", "n")
            }
            if np.any(values["n"] - 1 < len(rows)):
                raise UsageError(
                    f"{name}, {arm}: {len(rows)} visits need at least {len(rows) + 1} patients at "
                    f"each, found {int(values['n'].min())}"
                )
            sd = {own: cells[own]["sd"][g] for own in cells}
            pinned, pinned_z = _pins(study, name, str(arm), rows, sd)
            values["pinned_z"] = pinned_z
            levels = np.array([statistic == "level" for _, statistic in rows])
            values["mean"] = (values["mean"] - np.where(levels, centre[k], 0.0)) / scale[k]
            for field in ("sd", "mean_step", "sd_step"):
                values[field] = values[field] / scale[k]
            groups[(tuple(rows), tuple(pinned))].append((k, g, values))
    return tuple(
        _stack(rows, pinned, members, len(visits))  # type: ignore[arg-type]
        for (rows, pinned), members in groups.items()
    )


def _stack(
    rows: tuple[tuple[int, str], ...],
    pinned: tuple[bool, ...],
    members: list[tuple[int, int, dict[str, FloatArray]]],
    visit_count: int,
) -> TableBlock:
    functional = np.zeros((len(rows), visit_count))
    for row, (visit, statistic) in enumerate(rows):
        functional[row, visit] = 1.0
        if statistic == "change":
            functional[row, 0] = -1.0

    def field(name: str) -> FloatArray:
        return np.stack([values[name] for _, _, values in members])

    return TableBlock(
        outcome=np.array([k for k, _, _ in members]),
        arm=np.array([g for _, g, _ in members]),
        functional=functional,
        mean=field("mean"),
        sd=field("sd"),
        mean_step=field("mean_step"),
        sd_step=field("sd_step"),
        n=field("n"),
        pinned=np.array(pinned, dtype=bool),
        pinned_z=field("pinned_z"),
    )


def _pins(
    study: Study,
    outcome: str,
    arm: str,
    rows: list[tuple[int, str]],
    sd: dict[str, FloatArray],
) -> tuple[list[bool], FloatArray]:
    """Sample partial correlations that are published, on Fisher's z scale.

    A printed SD of change beside both levels gives the sample correlation with baseline,
    ``(s0^2 + st^2 - sd^2) / (2 s0 st)`` (Cochrane Handbook, 16.1.3.2); an SD that no correlation
    gives is passed over, and named by :mod:`bayesasthma.study.printed_twice`. ``correlations.csv``
    gives others. The partial correlation of rows ``i`` and ``j`` given the rows before ``j``
    follows when all correlations among those rows are known; else the published number cannot be
    used exactly. ``sd`` holds the printed SDs (visit) of levels and of changes.
    """
    visits = list(study.visits.index)
    known = np.full((len(rows), len(rows)), np.nan)
    np.fill_diagonal(known, 1.0)
    position = {visits[t]: i for i, (t, statistic) in enumerate(rows) if statistic == "level"}
    base = study.baseline_visit
    if base in position:
        first = float(sd["level"][visits.index(base)])
        for visit, i in position.items():
            change, last = (float(sd[own][visits.index(visit)]) for own in ("change", "level"))
            # else it is not printed, or no correlation gives it
            if visit != base and abs(first - last) < change < first + last:
                known[i, position[base]] = (first**2 + last**2 - change**2) / (2 * first * last)
    published = study.correlations
    published = published[(published["outcome"] == outcome) & (published["arm"] == arm)]
    records: Any = published.itertuples(index=False)
    for record in records:
        if record.visit_1 in position and record.visit_2 in position:
            i, j = sorted((position[record.visit_1], position[record.visit_2]), reverse=True)
            known[i, j] = float(record.correlation)
    known = np.where(np.isnan(known), known.T, known)
    pinned, z = [], []
    for i, j in pairs(len(rows)):
        block = known[np.ix_([*range(j + 1), i], [*range(j + 1), i])]
        usable = bool(np.isfinite(block).all())
        if np.isfinite(known[i, j]) and not usable:
            raise UsageError(
                f"correlations.csv, {outcome}, {arm}: the correlation of {visits[rows[i][0]]} and "
                f"{visits[rows[j][0]]} can be used only together with those of both with every "
                "earlier visit"
            )
        pinned.append(usable)
        z.append(float(np.arctanh(_partial(block))) if usable else 0.0)
    return pinned, np.array(z)


def _partial(block: FloatArray) -> float:
    """Correlation of the last two variables given the others."""
    precision = np.linalg.inv(block)
    return float(-precision[-1, -2] / np.sqrt(precision[-1, -1] * precision[-2, -2]))
