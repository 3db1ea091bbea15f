"""The audit's findings ranked and folded: what is said of several cells alike is said once."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from bayesasthma.plots.style import outcome_name
from bayesasthma.study.study import Study

OPEN = "…"
#: A sentence ends where the next begins with a capital.
SENTENCE_END = re.compile(r"(?<=\.) (?=[A-Z])")


@dataclass(frozen=True)
class PrintedCell:
    """Where a finding points to in the paper.

    Attributes
    ----------
    place : str
        Table, outcome, arm, visit.
    printed, expected : str
    text : str
        The finding in full.
    """

    place: str
    printed: str
    expected: str
    text: str


@dataclass(frozen=True)
class FoldedFinding:
    """Findings that say the same of several cells; ``text`` leaves open in what they differ."""

    kind: str
    text: str
    cells: list[PrintedCell]

    @property
    def count(self) -> int:
        """How many findings were folded."""
        return len(self.cells)


def finding_text(study: Study, row: pd.Series) -> str:
    """An audit finding with the outcome, arm and visit that it is about before it."""
    where, text = _where(study, row), str(row["finding"])
    return f"{where}: {text}" if where and row["outcome"] else text


def _where(study: Study, row: pd.Series) -> str:
    """Labels of the outcome, arm and visit of a finding, of those that it has."""
    names = (
        str(labels["label"].get(row[column], row[column]))
        for column, labels in (
            ("outcome", study.outcomes),
            ("arm", study.arms),
            ("visit", study.visits),
        )
        if isinstance(row[column], str) and row[column]
    )
    return ", ".join(names)


def fold(study: Study, findings: pd.DataFrame) -> list[FoldedFinding]:
    """Fold findings of one weight: same kind, same words, the longest groups first.

    Parameters
    ----------
    study : Study
    findings : DataFrame
        Rows of ``findings.csv``.
    """
    groups: dict[tuple[str, str], list[pd.Series]] = {}
    for _, row in findings.iterrows():
        key = (str(row["kind"]), skeleton(study, str(row["finding"])))
        groups.setdefault(key, []).append(row)
    found = [
        FoldedFinding(kind, common([str(row["finding"]) for row in rows]),
                      [_cell(study, row) for row in rows])
        for (kind, _), rows in groups.items()
    ]  # fmt: skip
    return sorted(found, key=lambda item: -len(item.cells))


def skeleton(study: Study, text: str) -> str:
    """The first sentence of a finding without its numbers and names."""
    first = SENTENCE_END.split(text)[0]
    names = [
        *(str(label) for label in study.outcomes["label"]),
        *(outcome_name(study, str(name)) for name in study.outcomes.index),
        *(str(label) for label in study.arms["label"]),
        *(str(label) for label in study.visits["label"]),
    ]
    for name in sorted(set(names), key=len, reverse=True):
        first = first.replace(name, OPEN)
    return re.sub(r"[−+±-]?\d+(?:[.,]\d+)*", OPEN, first)


def common(texts: list[str]) -> str:
    """The text of one finding; of several, their first sentence with what differs left open."""
    if len(set(texts)) == 1:
        return texts[0]
    words = [SENTENCE_END.split(text)[0].split() for text in texts]
    start = _shared(words)
    end = _shared([own[start:][::-1] for own in words])
    middle = [own[start : len(own) - end] for own in words]
    if len({len(own) for own in middle}) == 1:
        between = [own[0] if len(set(own)) == 1 else OPEN for own in zip(*middle, strict=True)]
    else:
        between = [OPEN]
    kept: list[str] = []
    for word in [*words[0][:start], *between, *(words[0][len(words[0]) - end :])]:
        if word != OPEN or not kept or kept[-1] != OPEN:
            kept.append(word)
    return " ".join(kept)


def _shared(words: list[list[str]]) -> int:
    """How many words all lists begin with."""
    count = 0
    for own in zip(*words, strict=False):
        if len(set(own)) > 1:
            break
        count += 1
    return count


def _cell(study: Study, row: pd.Series) -> PrintedCell:
    table = str(row["table"]) if isinstance(row["table"], str) and row["table"] else ""
    return PrintedCell(
        ": ".join(part for part in (table, _where(study, row)) if part),
        _text(row["printed"]),
        _text(row["expected"]),
        finding_text(study, row),
    )


def _text(value: object) -> str:
    return "" if value is None or pd.isna(value) else str(value)  # type: ignore[call-overload]
