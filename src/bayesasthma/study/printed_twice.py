"""What a bundle says twice, compared: where both cannot be right, and what is still to fill in."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from bayesasthma.study._bundle_outcomes import DIRECTION_WORDS
from bayesasthma.study.implied_correlations import implied_correlations
from bayesasthma.study.instruments import ORDINAL, recognised
from bayesasthma.study.left_patients import left_in_words, left_patients
from bayesasthma.study.study import Study
from bayesasthma.study.template import unfinished

#: How much a remark weighs, most first: two numbers exclude each other; a reader should ask; it
#: matters for the analysis only; the bundle is not complete.
CONTRADICTION, QUESTION, NOTE, UNFINISHED = "contradiction", "question", "note", "unfinished"
WEIGHTS = (UNFINISHED, CONTRADICTION, QUESTION, NOTE)
_TOTAL = re.compile(r"\b(total|any|all|overall)\b", re.IGNORECASE)
#: Words that a total of all reactions may have beside these; another word says of what it is.
_OF_ALL = re.compile(
    r"(?:total|any|all|overall|adverse|side|effects?|events?|reactions?|aes?|teaes?|patients?|with|of"
    r"|at|least|one|treatment|emergent|number|no|n|the|\W)+",
    re.IGNORECASE,
)
_SLACK = 1e-9


@dataclass(frozen=True)
class Remark:
    """One thing that a bundle says twice, or has not said yet.

    Attributes
    ----------
    weight : str
        ``contradiction``, ``question``, ``note`` or ``unfinished``.
    file : str
        File of the bundle.
    line : int
        Of that file; 0 where none is known.
    outcome, arm, visit : str
        Ids, or blank.
    printed, expected : str
        What is printed, and what the rest of the bundle says it should be.
    text : str
        One sentence, with what it presumes.
    """

    weight: str
    file: str
    text: str
    line: int = 0
    outcome: str = ""
    arm: str = ""
    visit: str = ""
    printed: str = ""
    expected: str = ""

    @property
    def where(self) -> str:
        """File, line and ids on one line."""
        place = f"{self.file}, row {self.line}" if self.line else self.file
        ids = ", ".join(name for name in (self.outcome, self.arm, self.visit) if name)
        return f"{place} ({ids})" if ids else place


def printed_twice(study: Study, without: Collection[str] = ()) -> list[Remark]:
    """Everything in a bundle that does not go together, weightiest first; no sampling.

    Compared are: change against levels, an SD of change against the SDs of the levels, SD, SE and
    interval of one row, an interval against its mean, numbers of patients against the arm's, the
    direction against the instrument that a label names, totals against the reactions they add up,
    adjusted differences against the levels; patients who left; and what is left of a scaffold.

    Parameters
    ----------
    study : Study
    without : collection of str
        Checks to leave out: unfinished, changes, sds_of_change, spreads, intervals, sizes,
        directions, totals, differences, leaving.
    """
    checks: dict[str, Callable[[Study], Iterator[Remark]]] = {
        "unfinished": _unfinished,
        "changes": _changes,
        "sds_of_change": impossible_changes,
        "spreads": _spreads,
        "intervals": _intervals,
        "sizes": _sizes,
        "directions": _directions,
        "totals": _totals,
        "differences": _differences,
        "leaving": _leaving,
    }
    chosen = [check for name, check in checks.items() if name not in without]
    found = [remark for check in chosen for remark in check(study)]
    return sorted(found, key=lambda remark: WEIGHTS.index(remark.weight))


def _unfinished(study: Study) -> Iterator[Remark]:
    for file, text in unfinished(study):
        yield Remark(UNFINISHED, file, text)


def _level(study: Study, row: pd.Series, visit: str | None) -> pd.Series | None:
    frame = study.summaries
    own = frame[
        (frame["outcome"] == row["outcome"])
        & (frame["arm"] == row["arm"])
        & (frame["visit"] == visit)
        & (frame["statistic"] == "level")
    ]
    return own.iloc[0] if len(own) else None


def _trios(study: Study) -> Iterator[tuple[pd.Series, pd.Series, pd.Series]]:
    """Rows of change with the levels at baseline and visit that they are of."""
    frame = study.summaries
    if frame.empty:
        return
    for _, row in frame[frame["statistic"] == "change"].iterrows():
        first, last = _level(study, row, study.baseline_visit), _level(study, row, row["visit"])
        if first is not None and last is not None:
            yield row, first, last


def _same_patients(*rows: pd.Series) -> bool:
    return len({float(row["n"]) for row in rows}) == 1


def _remark(row: pd.Series, weight: str, text: str, printed: str, expected: str) -> Remark:
    return Remark(
        weight,
        "summaries.csv",
        text,
        int(row["line"]),
        str(row["outcome"]),
        str(row["arm"]),
        str(row["visit"]),
        printed,
        expected,
    )


def _changes(study: Study) -> Iterator[Remark]:
    """A mean change is the difference of the means, of the same patients and unadjusted."""
    for row, first, last in _trios(study):
        if not _same_patients(row, first, last):
            continue
        change = float(last["mean"]) - float(first["mean"])
        slack = sum(float(item["mean_step"]) for item in (row, first, last)) / 2
        if abs(float(row["mean"]) - change) > slack * (1 + 1e-6) + _SLACK:
            text = (
                f"the printed mean change is {row['mean']:g}, the levels differ by {change:.6g}: "
                "both hold only if the change is adjusted or not of the same patients"
            )
            yield _remark(row, QUESTION, text, f"{row['mean']:g}", f"{change:.6g}")


def impossible_changes(study: Study) -> Iterator[Remark]:
    """SDs of change that no correlation of the printed levels gives; models pass them over.

    ``|s_0 - s_t| <= s_d <= s_0 + s_t`` for the same patients. It is a contradiction where rounding
    cannot help and the three numbers of patients are equal, else a question.
    """
    for row, first, last in _trios(study):
        cell = {"outcome": row["outcome"], "arm": row["arm"], "statistic": "change"}
        found = study.table.sel(cell).sel(visit=row["visit"])
        sd, step = float(found["sd"]), float(found["sd_step"])
        levels = study.table.sel(cell | {"statistic": "level"})
        one, two = (levels.sel(visit=v) for v in (first["visit"], last["visit"]))
        s, u = float(one["sd"]), float(two["sd"])
        low, high = abs(s - u), s + u
        if low < sd < high or not np.isfinite([s, u, sd]).all():
            continue
        slack = (step + float(one["sd_step"]) + float(two["sd_step"])) / 2 + _SLACK
        certain = _same_patients(row, first, last) and not low - slack <= sd <= high + slack
        text = (
            f"no correlation of the same patients gives an SD of change of {sd:.4g}: with SDs of "
            f"{s:.4g} and {u:.4g} it lies between {low:.4g} and {high:.4g}"
        )
        expected = f"{low:.4g} to {high:.4g}"
        yield _remark(row, CONTRADICTION if certain else QUESTION, text, f"{sd:.4g}", expected)


def _spreads(study: Study) -> Iterator[Remark]:
    """SD, SE and interval of one row against each other, by Student's t or the normal."""
    for _, row in study.summaries.iterrows():
        if row["statistic"] == "geometric_mean":
            continue
        n = float(row["n"])
        ranges: dict[str, tuple[float, float]] = {}
        for name, factor in (("sd", 1.0), ("se", math.sqrt(n))):
            value, half = float(row[name]), float(row[f"{name}_step"]) / 2
            ranges[name] = ((value - half) * factor, (value + half) * factor)
        width, step = float(row["ci_high"]) - float(row["ci_low"]), float(row["ci_step"])
        # Normal quantiles in place of Student's are usual.
        share = 0.5 + float(row["ci_prob"]) / 2
        student, normal = float(special.stdtrit(n - 1, share)), float(special.ndtri(share))
        half = math.sqrt(n) / 2
        ranges["interval"] = ((width - step) * half / student, (width + step) * half / normal)
        known = {name: ends for name, ends in ranges.items() if np.isfinite(ends).all()}
        low, high = max(e[0] for e in known.values()), min(e[1] for e in known.values())
        if len(known) > 1 and low > high * (1 + 1e-6) + _SLACK:
            shown = "; ".join(
                f"{name.upper() if name != 'interval' else name}: {a:.4g} to {b:.4g}"
                for name, (a, b) in known.items()
            )
            text = f"SDs that follow for {n:g} patients do not meet ({shown})"
            yield _remark(row, QUESTION, text, shown, "one SD")


def _intervals(study: Study) -> Iterator[Remark]:
    """A mean stands in the middle of its interval; a geometric one in that of the logarithms."""
    for _, row in study.summaries.iterrows():
        ends = np.array([float(row["ci_low"]), float(row["mean"]), float(row["ci_high"])])
        steps = np.array([float(row["ci_step"]), float(row["mean_step"]), float(row["ci_step"])])
        if np.isfinite(ends).all() and (text := _lopsided(ends, steps, row["statistic"])):
            yield _remark(row, QUESTION, text, f"{ends[0]:g} to {ends[2]:g}", "equal distances")


def _lopsided(ends: np.ndarray, steps: np.ndarray, statistic: str = "") -> str:
    """Says how far a mean is from the middle of its interval, if further than rounding allows."""
    log = statistic == "geometric_mean"
    low, high = ends - steps / 2, ends + steps / 2
    if log:
        if (low <= 0).any():
            return ""
        low, high = np.log(low), np.log(high)
    # least and greatest of (upper distance - lower distance)
    least = low[2] - 2 * high[1] + low[0]
    greatest = high[2] - 2 * low[1] + high[0]
    slack = 1e-9 * float(np.abs(ends).max() + 1)
    if least - slack <= 0 <= greatest + slack:
        return ""
    scale = " on the log scale" if log else ""
    below, above = ends[1] - ends[0], ends[2] - ends[1]
    return (
        f"the ends of the interval are {below:.4g} below and {above:.4g} above: not equally far"
        f"{scale}, so that it is no interval of Student's t about this mean"
    )


def _sizes(study: Study) -> Iterator[Remark]:
    """No cell has more patients than its arm."""
    sizes = {str(arm): float(n) for arm, n in study.arms["n"].items()}
    frames = {
        "summaries.csv": (study.summaries, "outcome"),
        "adverse.csv": (study.adverse, "reaction"),
        "baseline.csv": (study.baseline, "variable"),
    }
    for file, (frame, subject) in frames.items():
        for row in frame.to_dict("records"):
            n, arm = float(row["n"]), str(row["arm"])
            if math.isfinite(n) and n > sizes.get(arm, math.inf):
                yield Remark(
                    CONTRADICTION,
                    file,
                    f"{n:g} patients of an arm that has {sizes[arm]:g} in study.toml",
                    int(row.get("line", 0)),
                    str(row[subject]),
                    arm,
                    str(row.get("visit", "")),
                    f"{n:g}",
                    f"at most {sizes[arm]:g}",
                )


def _directions(study: Study) -> Iterator[Remark]:
    """The direction of a known instrument; a label that says "higher is worse" is believed."""
    for outcome, row in study.outcomes.iterrows():
        known = recognised(str(row["label"]))
        if known is None:
            continue
        said = int(row["direction"])
        if known.direction == ORDINAL:
            text = (
                f"{known.name} is of ordered categories: a difference of means presumes equal "
                "steps; counts of a category or better can stand in adverse.csv"
            )
            yield Remark(QUESTION, "outcomes.csv", text, outcome=str(outcome))
        elif said and said != known.direction:
            expected, printed = DIRECTION_WORDS[known.direction], DIRECTION_WORDS[said]
            text = f"on the {known.name} {expected} is better; the bundle says {printed}"
            yield Remark(
                QUESTION,
                "outcomes.csv",
                text,
                outcome=str(outcome),
                printed=printed,
                expected=expected,
            )


def _totals(study: Study) -> Iterator[Remark]:
    """A row that adds up other reactions would be counted as one more kind of reaction."""
    frame = study.adverse
    if frame.empty:
        return
    counts = frame.pivot_table(
        index=["visit", "arm"], columns="reaction", values="events", aggfunc="first"
    )
    for name in counts.columns:
        others = counts.drop(columns=name)
        total, parts = counts[name], others.sum(axis=1, min_count=others.shape[1])
        both = total.notna() & parts.notna()
        if others.shape[1] < 2 or not both.any():
            continue
        words = str(name).replace("_", " ")
        named = bool(_TOTAL.search(words) and _OF_ALL.fullmatch(words))
        equal = bool((total[both] == parts[both]).all() and (total[both] > 0).any())
        if named or (equal and both.sum() >= 4):
            text = f"{name} looks like the total of the other reactions"
            tail = ": the models would count its patients twice; leave the row out"
            yield Remark(NOTE, "adverse.csv", text + tail, outcome=str(name))
        if named:
            yield from _any_reaction(str(name), total[both], parts, others.max(axis=1))


def _any_reaction(
    name: str, total: pd.Series, parts: pd.Series, largest: pd.Series
) -> Iterator[Remark]:
    """Patients with any reaction: at least those of the commonest, at most all together."""
    cells: Any = total.items()
    for (visit, arm), events in cells:
        key = (visit, arm)
        most, least = float(parts[key]), float(largest[key])
        if least <= float(events) <= most:
            continue
        yield Remark(
            CONTRADICTION if float(events) < least else QUESTION,
            "adverse.csv",
            f"{events:g} patients with any reaction, where single ones have up to {least:g} and "
            f"all together {most:g} (presuming that these are all kinds)",
            outcome=name,
            arm=str(arm),
            visit=str(visit),
            printed=f"{events:g}",
            expected=f"{least:g} to {most:g}",
        )


def _differences(study: Study) -> Iterator[Remark]:
    """Printed differences against their own interval, and against the levels they adjust."""
    for row in study.differences.to_dict("records"):
        ends = np.array([float(row[name]) for name in ("ci_low", "estimate", "ci_high")])
        steps = np.array([float(row[name]) for name in ("ci_step", "estimate_step", "ci_step")])
        place = {name: str(row[name]) for name in ("outcome", "arm", "visit")}
        if np.isfinite(ends).all() and (text := _lopsided(ends, steps)):
            yield Remark(QUESTION, "differences.csv", text, int(row["line"]), **place)
    seen: set[tuple[str, int]] = set()
    for row in implied_correlations(study).to_dict("records"):
        file = "differences.csv" if row["implied_by"] == "difference" else "tests.csv"
        key = (file, int(row["line"]))
        if key in seen and file == "differences.csv":
            continue
        seen.add(key)
        place = {name: str(row[name]) for name in ("outcome", "arm")} | {"visit": row["visit_2"]}
        said = f"its {row['implied_by']} implies a within-patient correlation"
        if not math.isnan(float(row["low"])):
            said += f" of {row['low']:.2f} to {row['high']:.2f}"
            said += " (--correlation printed takes it)" if row["used"] else f": {row['reason']}"
        else:
            said = f"no correlation follows: {row['reason']}"
        yield Remark(NOTE, file, said, key[1], **place)


def _leaving(study: Study) -> Iterator[Remark]:
    """What a table of those who stayed can hide."""
    found = left_patients(study)
    if found is None:
        return
    share = found.share.sel(arm=[study.control, *study.treatments]).to_numpy()
    # the cell of a treated arm and the control that leaves out most patients
    lost = np.nan_to_num(share[:, 1:] + share[:, :1])
    if not lost.max() > 0.0:
        return
    k, g, t = np.unravel_index(int(lost.argmax()), lost.shape)
    outcome, arm = str(found.share["outcome"].to_numpy()[k]), study.treatments[int(g)]
    visit = study.follow_up[int(t)]
    text = (
        f"{left_in_words(study, found, outcome, visit, arm)} are in no mean at that visit: a table "
        "of those who stayed cannot show how the others did; the report asks how much worse they "
        "would have had to do (--missing)"
    )
    yield Remark(NOTE, "summaries.csv", text, outcome=outcome, visit=visit)
