"""Text of table cells, and the study's labels for its ids."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from bayesasthma.study.study import Study


def text_of(value: object) -> str:
    """Turn a cell into text, empty where it is missing."""
    return "" if pd.isna(value) else str(value).strip()  # type: ignore[call-overload]


#: Words beside numbers that are neither means nor SDs.
_NO_MOMENTS = re.compile(r"\b(medians?|iqr|quartiles?|interquartile|geometric)\b", re.IGNORECASE)


def holds_no_moments(*texts: object) -> bool:
    """Whether a label or note says that a row's numbers are medians, quartiles or the like."""
    return any(_NO_MOMENTS.search(text_of(text)) for text in texts)


def labels(study: Study) -> dict[str, str]:
    """Labels of the study's outcomes, arms and visits by their ids."""
    found: dict[str, str] = {}
    for frame in (study.outcomes, study.arms, study.visits):
        found |= {str(i): text_of(label) for i, label in frame["label"].items() if text_of(label)}
    return found
