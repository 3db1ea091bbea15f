"""How many patients of each arm are not in the table at a visit: as printed, or as stated."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.errors import UsageError
from bayesasthma.study.study import Study

#: Where the numbers come from.
OF_THE_TABLE, OF_THE_FILE, STATED = "the table's n", "missing.csv", "--missing"
#: What asks for the numbers of the bundle by name.
PRINTED = "printed"


@dataclass(frozen=True)
class LeftPatients:
    """Patients who started, and how many of them a visit's mean leaves out.

    Attributes
    ----------
    left : DataArray (outcome, arm, visit)
        Patients without a value, at the visits other than the baseline; NaN where the arm prints
        nothing of that outcome at that visit.
    started : DataArray (outcome, arm)
        Patients whom the mean is wanted of.
    source : str
        ``the table's n``, ``missing.csv`` or ``--missing``.
    """

    left: xr.DataArray
    started: xr.DataArray
    source: str

    @property
    def share(self) -> xr.DataArray:
        """Share of those who started that has no value (outcome, arm, visit)."""
        return (self.left / self.started).transpose("outcome", "arm", "visit")

    @property
    def any(self) -> bool:
        """Whether anybody left."""
        return bool((self.left > 0).any())


def left_patients(study: Study, said: str | None = None) -> LeftPatients | None:
    """Patients who left, from ``--missing``, else ``missing.csv``, else the table's numbers.

    Parameters
    ----------
    study : Study
    said : str, optional
        What ``--missing`` says, such as ``"control=0,1,3; active=0,0,1"``: by arm (id or label)
        the number who had left by each visit after the baseline; ``5%`` for a share; ``of 21``
        after the numbers where more patients started than ``study.toml`` says. ``"printed"`` is
        what the bundle itself says.

    Returns
    -------
    LeftPatients or None
        None if nobody left, or no mean is printed after the baseline.

    Raises
    ------
    UsageError
        If ``said`` is not of this form, the numbers fall over visits or leave nobody, or the table
        prints more patients than would be left.
    """
    if study.outcomes.empty or not study.follow_up:
        if said is not None and said != PRINTED:
            raise UsageError(f"--missing: {study.name} prints no means after a baseline")
        return None
    if said is not None and said.strip() != PRINTED:
        found = _stated(study, said)
    elif not study.missing.empty:
        found = _of_file(study)
    else:
        found = _of_table(study)
    return found if found.any else None


def fault(
    left: Sequence[float], started: float, printed: Sequence[float]
) -> tuple[int, str] | None:
    """What is wrong with the numbers of one arm, and at which visit; None if nothing is.

    Parameters
    ----------
    left : sequence of float
        Patients who had left by each visit after the baseline.
    started : float
        Patients of the arm.
    printed : sequence of float
        Patients that the table has at each of these visits, infinity where it does not say.
    """
    before = 0.0
    for place, (count, seen) in enumerate(zip(left, printed, strict=True)):
        if not count >= 0:
            return place, "a number of at least 0"
        if count < before:
            return place, f"at least {before:g}, since who has left does not come back"
        if count >= started:
            return place, f"fewer than the {started:g} patients who started"
        if math.isfinite(seen) and count > started - seen + 1e-9:
            return place, (
                f"at most {started - seen:g}: summaries.csv has {seen:g} of {started:g} patients "
                "at that visit"
            )
        before = count
    return None


def printed_numbers(table: xr.Dataset, arm: str, size: float, visits: Sequence[str]) -> list[float]:
    """Largest number of patients, below the arm's, that an outcome has at each visit.

    Infinity where there is none: a blank cell stands for the arm's own number.
    """
    own = table["n"].where(table["mean"].notnull()).sel(arm=arm, visit=list(visits))
    most = own.transpose("visit", ...).to_numpy().reshape(len(visits), -1)
    stated = np.where(most < size, most, -np.inf).max(axis=1)  # a NaN is below nothing
    return [float(n) if n >= 0 else math.inf for n in stated]


def _cells(study: Study) -> xr.DataArray:
    """Patients of every printed mean (outcome, arm, visit); NaN where none is printed."""
    counts = study.table["n"].where(study.table["mean"].notnull()).max("statistic")
    labels = {"outcome": list(study.outcomes.index), "arm": list(study.arms.index)}
    chosen: xr.DataArray = counts.sel(labels).transpose("outcome", "arm", "visit")
    return chosen


def _sizes(study: Study, cells: xr.DataArray) -> xr.DataArray:
    """The arm's patients, or the largest number of a cell if that is more (outcome, arm)."""
    sizes = xr.DataArray(study.arms["n"].to_numpy(dtype=float), {"arm": cells["arm"]}, "arm")
    most: xr.DataArray = cells.max("visit").fillna(0)
    larger: xr.DataArray = sizes.where(most <= sizes, most)
    return larger.transpose("outcome", "arm")


def _of_table(study: Study) -> LeftPatients:
    cells = _cells(study)
    started = _sizes(study, cells)
    left = started - cells.sel(visit=study.follow_up)
    return LeftPatients(left.transpose("outcome", "arm", "visit"), started, OF_THE_TABLE)


def _of_file(study: Study) -> LeftPatients:
    rows = {(str(row["arm"]), str(row["visit"])): row for row in study.missing.to_dict("records")}
    left = {
        str(arm): [float(rows[str(arm), visit]["left"]) for visit in study.follow_up]
        for arm in study.arms.index
    }
    started = {
        str(arm): float(rows[str(arm), study.follow_up[0]]["started"]) for arm in study.arms.index
    }
    return _same_for_all(study, left, started, OF_THE_FILE)


def _same_for_all(
    study: Study, left: dict[str, list[float]], started: dict[str, float], source: str
) -> LeftPatients:
    """Numbers of the arms as numbers of every outcome; NaN where a mean is not printed."""
    cells = _cells(study)
    arms = [str(arm) for arm in study.arms.index]
    sizes = xr.DataArray([started[arm] for arm in arms], {"arm": cells["arm"]}, "arm")
    counts = xr.DataArray(
        [left[arm] for arm in arms],
        {"arm": cells["arm"], "visit": study.follow_up},
        ("arm", "visit"),
    )
    there = cells.sel(visit=study.follow_up).notnull()
    return LeftPatients(
        counts.where(there).transpose("outcome", "arm", "visit"),
        sizes.broadcast_like(cells.isel(visit=0, drop=True)).transpose("outcome", "arm"),
        source,
    )


_ONE_ARM = re.compile(r"(?P<numbers>[^=]*?)(?:\bof\s+(?P<started>\d+))?\s*")


def _stated(study: Study, said: str) -> LeftPatients:
    """What the option says; ``control=0,1,3; active=0,0,1 of 21``."""
    arms = {str(arm): str(label) for arm, label in study.arms["label"].items()}
    ids = {label: arm for arm, label in arms.items()} | {arm: arm for arm in arms}
    left: dict[str, list[float]] = {}
    started: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in said.split(";"))):
        name, mark, rest = (piece.strip() for piece in part.rpartition("="))
        arm = ids.get(name)
        if not mark or arm is None:
            raise UsageError(
                f"--missing {part!r}: ARM=NUMBERS with ARM among {', '.join(arms)}, such as "
                f"{_example(study)!r}"
            )
        if arm in left:
            raise UsageError(f"--missing: {name!r} twice")
        left[arm], started[arm] = _numbers(study, arm, part, rest)
    if absent := [arm for arm in arms if arm not in left]:
        zeros = ",".join("0" for _ in study.follow_up)
        raise UsageError(
            f"--missing {said!r}: no numbers of {', '.join(absent)}; {absent[0]}={zeros} if nobody "
            "left"
        )
    return _same_for_all(study, left, started, STATED)


def _example(study: Study) -> str:
    visits = study.follow_up
    arms = [study.control, study.treatments[0]]
    return "; ".join(f"{arm}={','.join(str(k) for k in range(len(visits)))}" for arm in arms)


def _numbers(study: Study, arm: str, part: str, text: str) -> tuple[list[float], float]:
    """Patients of an arm who had left by each visit, and who started."""
    found = _ONE_ARM.fullmatch(text)
    size = float(study.arms["n"].to_dict()[arm])
    started = float(found["started"]) if found and found["started"] else size
    if started < size:
        raise UsageError(
            f"--missing {part!r}: of {started:g} patients, where study.toml says that {size:g} "
            f"were in {arm}"
        )
    visits = study.follow_up
    words = [word.strip() for word in (found["numbers"] if found else text).split(",")]
    if len(words) != len(visits):
        raise UsageError(
            f"--missing {part!r}: {len(visits)} number{'s' * (len(visits) > 1)}, one for each of "
            f"{', '.join(visits)}, found {len(words)}"
        )
    numbers = [_one(word, part, started) for word in words]
    wrong = fault(numbers, started, printed_numbers(study.table, arm, size, visits))
    if wrong is not None:
        place, expected = wrong
        raise UsageError(f"--missing {part!r}: at {visits[place]} {words[place]}; {expected}")
    return numbers, started


def _one(word: str, part: str, started: float) -> float:
    """A whole number of patients, or a share of those who started."""
    if re.fullmatch(r"\d{1,9}", word):
        return float(word)
    if re.fullmatch(r"\d{1,3}(\.\d+)?\s*%", word):
        return float(word.removesuffix("%")) / 100 * started
    raise UsageError(
        f"--missing {part!r}: {word!r} is no number of patients; a whole number, or a share such "
        "as 5%"
    )


def left_in_words(study: Study, left: LeftPatients, outcome: str, visit: str, arm: str) -> str:
    """``1 of 18 (AIT) and 4 of 19 (Omalizumab + AIT)``: control and one treated arm."""
    parts = []
    for own in (study.control, arm):
        count = float(left.left.sel(outcome=outcome, arm=own, visit=visit))
        total = float(left.started.sel(outcome=outcome, arm=own))
        shown = f"{count:.0f}" if abs(count - round(count)) < 1e-6 else f"about {count:.1f}"
        parts.append(f"{shown} of {total:.0f} ({study.arms['label'][own]})")
    return " and ".join(parts)


def missing_frame(records: list[dict[str, object]]) -> pd.DataFrame:
    """Rows of ``missing.csv``, typed; an empty frame has the same columns."""
    types = {"arm": "str", "visit": "str", "left": "float64", "started": "float64"}
    types |= {"line": "int64", "note": "str", "source": "str"}
    return pd.DataFrame(records, columns=list(types)).astype(types)
