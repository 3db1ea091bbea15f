"""What each printed p is about, with what else could stand behind it and what may be otherwise."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesasthma.auditing.labels import holds_no_moments, text_of
from bayesasthma.auditing.percentages import denominators, percent_fits
from bayesasthma.auditing.subjects import (
    Cells,
    Counts,
    Crosstab,
    Groups,
    Interaction,
    PrintedChange,
    Subject,
    Summary,
    counts_by_arm,
    rates_of,
    summary,
)

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

NO_MOMENTS = "the table holds medians or quartiles, from which no test of means follows"
#: Denominators of a percentage that are tried in all combinations of the arms.
COMBINATIONS = 25
#: Words of a note, often a footnote of the table, on whom a row's numbers are of.
_OTHER_PATIENTS = re.compile(
    r"\b\d+\s+(?:of\s+\d+\s+)?(?:patients|participants|subjects|children|adults|people)\b"
    r"|\b(?:missing|available|completers|per[ -]protocol|imputed)\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True)
class Covariance:
    """What an analysis of covariance on baseline needs, by arm, the control first.

    Attributes
    ----------
    before, after : tuple of Summary
        Baseline, and the visit (or the change from baseline, where `after_is_change`).
    change : tuple of Summary or None
        Changes with their SDs, where the table prints them beside both levels.
    arm : int
        Compared with arm 0.
    """

    before: tuple[Summary, ...]
    after: tuple[Summary, ...]
    change: tuple[Summary, ...] | None
    arm: int


@dataclass(frozen=True)
class Tested:
    """The subject of a printed p and its surroundings.

    Attributes
    ----------
    kind : str
        between, within, interaction, baseline or adverse.
    subject : Subject or None
        What the p should follow from; None where the tables lack it.
    others : tuple of (Subject, str)
        What it may be of instead, each with words to tell it by.
    arms : Groups or None
        All arms of the study at that visit, where `subject` holds two of more.
    covariance : tuple of Covariance
        Analyses of covariance on baseline that the tables allow.
    doses : tuple of float or None
        Numbers in the arms' ids or labels, for a test of trend.
    doubts : tuple of str
        Why a p that does not follow is not held against the paper.
    by_interval : bool
        The SDs come from printed intervals.
    of_others : bool
        The printed numbers are not those of the patients tested: nothing follows from them.
    logarithms : bool
        The numbers are of logarithms: geometric means are printed.
    """

    kind: str
    subject: Subject | None
    others: tuple[tuple[Subject, str], ...] = ()
    arms: Groups | None = None
    covariance: tuple[Covariance, ...] = ()
    doses: tuple[float, ...] | None = None
    doubts: tuple[str, ...] = ()
    by_interval: bool = False
    of_others: bool = False
    logarithms: bool = False


def tested(study: Study, cells: Cells, kind: str, outcome: str, arm: str, visit: str) -> Tested:
    """Find what a printed p is about.

    Parameters
    ----------
    study : Study
        The bundle.
    cells : Cells
        Its table.
    kind : str
        between, within or interaction, as in ``tests.csv``.
    outcome, arm, visit : str
        As in ``tests.csv``; the last two may be empty.
    """
    arms = [study.control, arm] if arm and arm != study.control else cells.arms
    if outcome in study.outcomes.index:
        found = _of_outcome(study, cells, kind, outcome, arm, visit, arms)
        found = replace(found, logarithms=outcome in cells.logarithms)
    elif not study.rates.empty and outcome in set(study.rates["event"]):
        found = _of_rates(study, outcome, visit, arms)
    elif outcome in set(study.adverse["reaction"]):
        found = _of_reaction(study, outcome, visit, arms)
    elif not study.medians.empty and outcome in set(study.medians["outcome"]):
        return Tested(kind, None, doubts=(NO_MOMENTS,))
    else:
        variable, _, level = outcome.partition(":")
        rows = study.baseline[study.baseline["variable"] == variable]
        if rows.empty:
            return Tested(kind, None)
        found = _of_characteristic(rows, level, arms)
    return replace(found, doses=_doses(study, arms)) if len(arms) > 2 else found


def _of_outcome(
    study: Study, cells: Cells, kind: str, outcome: str, arm: str, visit: str, arms: list[str]
) -> Tested:
    if outcome in cells.without_moments or _median_printed(study, outcome, arm, visit):
        return Tested(kind, None, doubts=(NO_MOMENTS,))
    at = visit or str(study.visits.index[-1])
    doubts = []
    if not visit and len(study.follow_up) > 1:
        doubts.append("the row names no visit, and there are several")
    if re.search(r"cross-?\s?over", study.design, re.IGNORECASE):
        doubts.append("in a crossover the same patients are in both arms")
    if kind == "within":
        return _within(cells, outcome, arm, at, doubts)
    if kind == "interaction":
        return _interaction(study, cells, outcome, at, arms, doubts, visit)
    return _between(study, cells, outcome, at, arms, doubts)


def _median_printed(study: Study, outcome: str, arm: str, visit: str) -> bool:
    """Whether a median is printed of the cells that a p is about."""
    frame = study.medians
    if frame.empty:
        return False
    rows = frame[frame["outcome"] == outcome]
    rows = rows[rows["visit"] == visit] if visit else rows
    return bool((rows["arm"].isin([arm, study.control]) if arm else rows["arm"] != "").any())


def _of_rates(study: Study, event: str, visit: str, arms: list[str]) -> Tested:
    """Events in person-time; a p that names no visit is of the only row there is."""
    visits = set(study.rates.loc[study.rates["event"] == event, "visit"])
    if visit not in visits and len(visits) == 1:
        visit = str(next(iter(visits)))
    subject = rates_of(study, event, visit, arms)
    also = set(study.adverse["reaction"])
    doubts = ("patients with the event are counted as well",) if event in also else ()
    return Tested("adverse", subject, doubts=doubts)


def _noted(cells: Cells, outcome: str, arms: list[str], visit: str) -> list[str]:
    """A note beside a mean may say that it is of other patients than the row's number."""
    if any(_OTHER_PATIENTS.search(note) for note in cells.notes(outcome, arms, visit)):
        return ["by the note of a row its numbers may be of other patients"]
    return []


def _lopsided(cells: Cells, outcome: str, arms: list[str], visit: str, statistic: str) -> list[str]:
    found = [cells.interval(outcome, arm, visit, statistic) for arm in arms]
    if any(i is not None and i.lopsided for i in found):
        return ["no SD follows from an interval whose ends are not equally far from its mean"]
    return []


def _between(
    study: Study, cells: Cells, outcome: str, visit: str, arms: list[str], doubts: list[str]
) -> Tested:
    levels, changes = (cells.groups(outcome, arms, visit, s) for s in ("level", "change"))
    subject = levels or changes
    if subject is None:
        return Tested("between", None)
    doubts = doubts + _lopsided(cells, outcome, arms, visit, subject.statistic)
    doubts += _noted(cells, outcome, arms, visit)
    others: tuple[tuple[Subject, str], ...] = ()
    if levels is not None and changes is not None:
        others = ((changes, "of the printed changes"),)
    elif levels is not None and any(cells.get(outcome, a, visit, "change") for a in arms):
        doubts.append("changes are printed beside the levels, though not for all arms")
    intervals = [cells.interval(outcome, a, visit, subject.statistic) for a in arms]
    by_interval = all(own is not None and own.alone for own in intervals)
    if re.search(r"cluster", study.design, re.IGNORECASE) and not by_interval:
        doubts.append("patients were allocated in clusters, which the SDs do not show")
    everyone = None
    if len(arms) == 2 < len(cells.arms):
        everyone = cells.groups(outcome, cells.arms, visit, subject.statistic)
    return Tested(
        "between",
        subject,
        others,
        everyone,
        _covariance(cells, outcome, visit, arms),
        doubts=tuple(doubts),
        by_interval=by_interval,
    )


def _covariance(cells: Cells, outcome: str, visit: str, arms: list[str]) -> tuple[Covariance, ...]:
    """Analyses of covariance of the two arms, and of all arms together."""
    if cells.baseline is None or visit == cells.baseline or len(arms) != 2:
        return ()
    found = []
    for members in [arms] if len(cells.arms) == 2 else [cells.arms, arms]:
        before = cells.groups(outcome, members, cells.baseline)
        level, change = (cells.groups(outcome, members, visit, s) for s in ("level", "change"))
        after = level or change
        if before is None or after is None:
            continue
        sizes = [{g.n for g in cell} for cell in zip(before.groups, after.groups, strict=True)]
        if any(len(n) > 1 for n in sizes):
            continue
        with_sd = change.groups if level is not None and change is not None else None
        place = members.index(arms[1])
        found.append(Covariance(before.groups, after.groups, with_sd, place))
    return tuple(found)


def _within(cells: Cells, outcome: str, arm: str, visit: str, doubts: list[str]) -> Tested:
    if not arm:
        return Tested("within", None)
    change = cells.change(outcome, arm, visit)
    printed = cells.get(outcome, arm, visit, "change")
    if change is None:
        doubts = doubts + _lopsided(cells, outcome, [arm], visit, "change")
        subject = PrintedChange(printed) if printed is not None else None
        return Tested("within", subject, doubts=tuple(doubts))
    if printed is not None:
        doubts = doubts + _lopsided(cells, outcome, [arm], visit, "change")
    elif change.before.n != change.after.n:
        doubt = (
            f"{change.before.n:g} patients are in the one mean and {change.after.n:g} in the "
            "other; a paired test is of those seen twice, whose own means are not printed"
        )
        return Tested("within", change, doubts=(doubt, *doubts), of_others=True)
    return Tested("within", change, doubts=tuple(doubts))


def _interaction(
    study: Study,
    cells: Cells,
    outcome: str,
    visit: str,
    arms: list[str],
    doubts: list[str],
    named: str,
) -> Tested:
    changes = cells.groups(outcome, arms, visit, "change")
    if not named and len(study.visits) > 2:
        doubts = [*doubts, "an interaction over several visits hangs on all their correlations"]
    if changes is not None:
        doubts = doubts + _lopsided(cells, outcome, arms, visit, "change")
        return Tested("interaction", changes, doubts=tuple(doubts))
    found = tuple(c for a in arms if (c := cells.change(outcome, a, visit)) is not None)
    if len(found) != len(arms) or len(found) != 2:
        return Tested("interaction", None)
    if any(c.before.n != c.after.n for c in found):
        doubts = [*doubts, "the numbers of patients differ between the visits"]
    return Tested("interaction", Interaction(found), doubts=tuple(doubts))


def _of_reaction(study: Study, reaction: str, visit: str, arms: list[str]) -> Tested:
    rows = study.adverse[study.adverse["reaction"] == reaction]
    rows = rows[rows["visit"] == visit] if visit else rows
    if len(set(rows["visit"])) > 1:
        return Tested("adverse", None, doubts=("the row names no visit, and there are several",))
    return _counted("adverse", rows, "events", arms)


def _of_characteristic(rows: pd.DataFrame, level: str, arms: list[str]) -> Tested:
    """A row of Table 1, or a variable of several categories as a whole."""
    levels = rows["level"].map(text_of)
    names = list(dict.fromkeys(levels))
    if level or len(names) == 1:
        rows = rows[levels == level] if level else rows
        texts = rows.filter(["variable", "level", "note"]).to_numpy()
        medians = "median" in rows and rows["median"].notna().any()
        if medians or any(holds_no_moments(*row) for row in texts):
            return Tested("baseline", None, doubts=(NO_MOMENTS,))
        found = _counted("baseline", rows, "count", arms)
        return found if found.subject is not None else Tested("baseline", _means(rows, arms))
    by_level = [counts_by_arm(rows[levels == name], "count", arms) for name in names]
    known = [c for c in by_level if c is not None]
    if len(known) < len(names):
        return Tested("baseline", None)
    counts = np.array([c.events for c in known]).T
    sizes = np.array([c.n for c in known]).T
    doubts = []
    totals = counts.sum(axis=1)
    if (totals > sizes.max(axis=1)).any():
        doubts.append("patients are in more than one category")
    elif (totals < sizes.min(axis=1)).any():
        doubts.append("the categories leave patients out")
    subject: Subject = Crosstab(tuple(tuple(map(float, row)) for row in counts))
    others: tuple[tuple[Subject, str], ...] = ()
    if len(names) == 2 and (totals <= sizes.max(axis=1)).all():
        subject = Counts(tuple(map(float, counts[:, 0])), tuple(map(float, totals)))
        if doubts:
            others = ((known[0], "of all patients of the arms"),)
    elif doubts and (totals < sizes.min(axis=1)).all():
        rest = np.column_stack([counts, sizes.min(axis=1) - totals])
        whole = Crosstab(tuple(tuple(map(float, row)) for row in rest))
        others = ((whole, "with the patients left out as a category"),)
    return Tested("baseline", subject, others, doubts=tuple(doubts))


def _counted(kind: str, rows: pd.DataFrame, column: str, arms: list[str]) -> Tested:
    """Counts of patients, with every other number of patients that the percentages allow."""
    counts = counts_by_arm(rows, column, arms)
    if counts is None or not all(np.isfinite(counts.n)):
        return Tested(kind, None)
    by_arm = rows.drop_duplicates("arm").set_index("arm").loc[arms]
    percents = list(zip(by_arm["percent"], by_arm["percent_step"], strict=True))
    arguments = [
        (events, n, float(percent), float(step))
        for events, n, (percent, step) in zip(counts.events, counts.n, percents, strict=True)
    ]
    choices = [denominators(*a) or [int(a[1])] for a in arguments]
    doubts = []
    if not all(percent_fits(*a) for a in arguments):
        doubts.append("the printed percentages have other denominators than the patients' numbers")
    others: list[tuple[Subject, str]] = []
    if prod(len(c) for c in choices) <= COMBINATIONS:
        sizes = [tuple(map(float, n)) for n in product(*choices)]
        others = [
            (Counts(counts.events, n), f"with {', '.join(f'{m:g}' for m in n)} patients")
            for n in sizes
            if n != counts.n
        ]
    else:
        doubts.append("the percentages are too coarse to tell their denominators")
    return Tested(kind, counts, tuple(others), doubts=tuple(doubts))


def _means(rows: pd.DataFrame, arms: list[str]) -> Groups | None:
    by_arm = {row["arm"]: row for row in reversed(rows.to_dict("records"))}
    if any(arm not in by_arm for arm in arms):
        return None
    groups = []
    for row in (by_arm[arm] for arm in arms):
        cell = summary(
            row["mean"], row.get("mean_step", 0.0), row["sd"], row.get("sd_step", 0.0), row["n"]
        )
        if not cell.complete:
            return None
        groups.append(cell)
    return Groups(tuple(groups))


def _doses(study: Study, arms: list[str]) -> tuple[float, ...] | None:
    """One number in each arm's label or id; an arm without one has dose 0 if it is the control."""
    labels = study.arms["label"].map(text_of).to_dict()
    for texts in ([labels[a] for a in arms], arms):
        numbers = [_NUMBER.findall(text) for text in texts]
        if not numbers[0] and arms[0] == study.control:
            numbers[0] = ["0"]
        if all(len(n) == 1 for n in numbers):
            doses = tuple(float(n[0]) for n in numbers)
            return doses if len(set(doses)) > 1 else None
    return None
