"""What a printed p-value is about: the numbers of the tables that it should follow from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bayesasthma.auditing.labels import holds_no_moments, labels, text_of
from bayesasthma.auditing.printed_intervals import PrintedInterval, printed_intervals
from bayesasthma.frequentist import Range, Rounded, rounded, rounded_sd

if TYPE_CHECKING:
    from bayesasthma.study.study import Study


@dataclass(frozen=True)
class Summary:
    """Mean, SD and number of patients of one cell, as printed."""

    mean: Rounded
    sd: Rounded
    n: float

    @property
    def complete(self) -> bool:
        """Whether nothing is missing and there is an SD to speak of."""
        return bool(np.isfinite(self.mean.value) and np.isfinite(self.sd.value) and self.n > 1)

    def __str__(self) -> str:
        """Mean ± SD with the digits that were printed."""
        return f"{shown(self.mean)} ± {shown(self.sd)}"


def shown(number: Rounded) -> str:
    """Text of a number with as many decimals as its rounding step has."""
    step = float(number.step)
    decimals = max(0, round(-np.log10(step))) if step > 0 else 6
    text = f"{float(number.value):.{decimals}f}"
    return text if step > 0 else f"{float(number.value):g}"


def summary(mean: float, mean_step: float, sd: float, sd_step: float, n: float) -> Summary:
    """Summary of one cell from its printed numbers and their rounding steps."""
    return Summary(rounded(mean, mean_step), rounded_sd(sd, sd_step), float(n))


@dataclass(frozen=True)
class Groups:
    """Independent groups compared on a mean, the control first.

    `statistic` is "level", or "change" where the means are of changes from baseline.
    """

    groups: tuple[Summary, ...]
    statistic: str = "level"


@dataclass(frozen=True)
class Change:
    """One arm's change between two visits.

    Attributes
    ----------
    before, after : Summary
        The two visits.
    correlation : Range or None
        Within-patient correlation, where the bundle has one.
    change : Summary or None
        The change itself with its SD, where the paper prints it.
    series : tuple of Summary
        All visits of the arm, for a repeated-measures analysis.
    """

    before: Summary
    after: Summary
    correlation: Range | None = None
    change: Summary | None = None
    series: tuple[Summary, ...] = ()


@dataclass(frozen=True)
class PrintedChange:
    """One arm's change from baseline where the paper prints it without the levels."""

    change: Summary


@dataclass(frozen=True)
class Interaction:
    """Change compared between arms, the control first."""

    arms: tuple[Change, ...]


@dataclass(frozen=True)
class Counts:
    """Patients with an event, or in a category, in each group; the control first."""

    events: tuple[float, ...]
    n: tuple[float, ...]


@dataclass(frozen=True)
class Crosstab:
    """Patients by arm and category of a variable: `counts[arm][category]`, the control first."""

    counts: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Rates:
    """Events in person-time in each arm, the control first; a patient may have several."""

    events: tuple[float, ...]
    time: tuple[Rounded, ...]

    def __str__(self) -> str:
        """``40 in 29.4 against 22 in 31.0``."""
        pairs = zip(self.events, self.time, strict=True)
        return " against ".join(f"{e:g} in {shown(t)}" for e, t in pairs)


type Subject = Groups | Change | PrintedChange | Interaction | Counts | Crosstab | Rates


class Cells:
    """The study's table as plain arrays, for quick and forgiving look-up."""

    def __init__(self, study: Study) -> None:
        table = study.table.transpose("outcome", "arm", "visit", "statistic")
        self._index = {
            name: {str(v): i for i, v in enumerate(table[name].values)}
            for name in ("outcome", "arm", "visit", "statistic")
        }
        self._values = {
            name: np.asarray(table[name].values, dtype=float)
            for name in ("mean", "mean_step", "sd", "sd_step", "n")
        }
        self._arm_n = study.arms["n"].astype(float).to_dict()
        self._correlations = study.correlations
        self._intervals = printed_intervals(study)
        self._notes: dict[tuple[str, str], list[tuple[str, str]]] = {}
        if "note" in study.summaries:
            rows = study.summaries[["outcome", "visit", "arm", "note"]]
            for outcome, visit, arm, note in rows.itertuples(index=False):
                if words := text_of(note):
                    self._notes.setdefault((outcome, visit), []).append((arm, words))
        columns = [c for c in ("label", "unit", "note") if c in study.outcomes]
        #: Outcomes whose rows are medians or the like: no check of means and SDs is made of them.
        self.without_moments = {
            str(row[0])
            for row in study.outcomes[columns].itertuples()
            if holds_no_moments(*row[1:])
        }
        #: Outcomes printed as geometric means, of which the table has logarithms.
        self.logarithms = set(study.log_outcomes)
        self.visits = [str(v) for v in study.visits.index]
        self.arms = [str(a) for a in study.arms.index]
        self.baseline = study.baseline_visit
        self.names = labels(study)
        # a cell is asked for again and again: by its own p-values and by those of other visits
        self._found: dict[tuple[str, str, str, str], Summary | None] = {}
        self._series: dict[tuple[str, str], tuple[Summary, ...]] = {}

    def name(self, *ids: str) -> str:
        """Labels of ids, separated by commas."""
        return ", ".join(self.names.get(i, i) for i in ids if i)

    def get(self, outcome: str, arm: str, visit: str, statistic: str = "level") -> Summary | None:
        """One cell, or None where the table lacks it or a part of it, or holds medians."""
        key = (outcome, arm, visit, statistic)
        if key not in self._found:
            self._found[key] = self._read(*key)
        return self._found[key]

    def _read(self, outcome: str, arm: str, visit: str, statistic: str) -> Summary | None:
        if outcome in self.without_moments:
            return None
        try:
            at = (
                self._index["outcome"][outcome],
                self._index["arm"][arm],
                self._index["visit"][visit],
                self._index["statistic"][statistic],
            )
        except KeyError:
            return None
        values = {name: float(array[at]) for name, array in self._values.items()}
        n = values["n"] if np.isfinite(values["n"]) else self._arm_n[arm]
        cell = summary(
            values["mean"],
            np.nan_to_num(values["mean_step"]),
            values["sd"],
            np.nan_to_num(values["sd_step"]),
            n,
        )
        return cell if cell.complete else None

    def groups(
        self, outcome: str, arms: list[str], visit: str, statistic: str = "level"
    ) -> Groups | None:
        """Compare an outcome between arms at one visit; None if a cell is missing."""
        cells = [self.get(outcome, arm, visit, statistic) for arm in arms]
        found = tuple(cell for cell in cells if cell is not None)
        return Groups(found, statistic) if len(found) == len(arms) > 1 else None

    def interval(
        self, outcome: str, arm: str, visit: str, statistic: str = "level"
    ) -> PrintedInterval | None:
        """The interval that is printed with a cell, if one is."""
        return self._intervals.get((outcome, arm, visit, statistic))

    def notes(self, outcome: str, arms: list[str], visit: str) -> list[str]:
        """Notes beside the printed cells of the given arms."""
        return [note for arm, note in self._notes.get((outcome, visit), ()) if arm in arms]

    def change(self, outcome: str, arm: str, visit: str) -> Change | None:
        """Follow an outcome from baseline to `visit` in one arm; None if a cell is missing."""
        if self.baseline is None or visit == self.baseline:
            return None
        before, after = self.get(outcome, arm, self.baseline), self.get(outcome, arm, visit)
        if before is None or after is None:
            return None
        return Change(
            before,
            after,
            self._correlation(outcome, arm, self.baseline, visit),
            self.get(outcome, arm, visit, "change"),
            self._every_visit(outcome, arm),
        )

    def _every_visit(self, outcome: str, arm: str) -> tuple[Summary, ...]:
        if (outcome, arm) not in self._series:
            series = [self.get(outcome, arm, visit) for visit in self.visits]
            self._series[outcome, arm] = tuple(cell for cell in series if cell is not None)
        return self._series[outcome, arm]

    def _correlation(self, outcome: str, arm: str, first: str, second: str) -> Range | None:
        frame = self._correlations
        if frame.empty:
            return None
        pair = ((frame["visit_1"] == first) & (frame["visit_2"] == second)) | (
            (frame["visit_1"] == second) & (frame["visit_2"] == first)
        )
        rows = frame[(frame["outcome"] == outcome) & (frame["arm"] == arm) & pair]
        if rows.empty:
            return None
        values = rows["correlation"].astype(float)
        return Range(np.asarray(values.min()), np.asarray(values.max()))


def counts_by_arm(frame: pd.DataFrame, column: str, arms: list[str]) -> Counts | None:
    """Read the counts of the given arms from rows with columns arm, `column` and n."""
    by_arm = frame.drop_duplicates("arm").set_index("arm")
    if len(frame) == 0 or any(arm not in by_arm.index for arm in arms):
        return None
    rows = by_arm.loc[arms]
    events, n = rows[column].astype(float), rows["n"].astype(float)
    if events.isna().any() or n.isna().any():
        return None
    return Counts(tuple(events), tuple(n))


def rates_of(study: Study, event: str, visit: str, arms: list[str]) -> Rates | None:
    """Events and person-time of the given arms; None where an arm has no row."""
    frame = study.rates
    if frame.empty:
        return None
    rows = frame[(frame["event"] == event) & (frame["visit"] == visit)].set_index("arm")
    if any(arm not in rows.index for arm in arms):
        return None
    rows = rows.loc[arms]
    times = zip(rows["person_time"], rows["person_time_step"], strict=True)
    return Rates(tuple(map(float, rows["count"])), tuple(rounded(t, step) for t, step in times))
