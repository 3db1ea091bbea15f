"""A wide table as a paper prints it, one column per arm, turned into a bundle."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bayesasthma.errors import StudyError, UsageError
from bayesasthma.study._bundle_medians import MEDIAN_VALUES
from bayesasthma.study._bundle_outcomes import DIRECTION_WORDS
from bayesasthma.study._draft import Arm, Draft, csv_of, header_of, name_arms, slug
from bayesasthma.study._printed_cells import parse_count, parse_value
from bayesasthma.study._printed_numbers import foreign_digits, parse_p
from bayesasthma.study._sheets import Collector, read_text
from bayesasthma.study._workbook import SUFFIX, open_workbook
from bayesasthma.study.instruments import recognised
from bayesasthma.study.template import TO_FILL_IN, write_files

#: Words that head the columns which are no arms, in any case.
COLUMNS = {
    "outcome": ("outcome", "outcomes", "variable", "measure", "parameter", "characteristic", ""),
    "visit": ("visit", "time", "timepoint", "time point", "when"),
    "unit": ("unit", "units"),
    "statistic": ("statistic",),
    "p": ("p", "p value", "p-value", "pvalue", "p values"),
    "note": ("note", "notes"),
}
#: What a cell without a number holds.
NOTHING = {"", "-", "–", "—", "na", "n/a", "nr", "nd", "n.d.", "n.a.", "…", "..."}
_SIZE = re.compile(r"[\s,;]*[(\[]?\s*\bn\s*=\s*(?P<n>[0-9]+)\s*[)\]]?\s*$", re.IGNORECASE)
_CHANGE = re.compile(r"^\s*(?:mean )?(?:change|difference|delta|[Δ∆])", re.IGNORECASE)
_UNITS = {"day": 1 / 7, "week": 1.0, "wk": 1.0, "month": 52 / 12, "mo": 52 / 12, "year": 52.0}
_WEEK = re.compile(
    r"(?:(?P<unit1>day|week|wk|month|mo|year)s?\.?\s*(?P<n1>[0-9]+(?:\.[0-9]+)?)"
    r"|(?P<n2>[0-9]+(?:\.[0-9]+)?)[\s-]*(?P<unit2>day|week|wk|month|mo|year)s?\b)",
    re.IGNORECASE,
)
_BASELINE = re.compile(
    r"\b(baseline|enrol?ment|before|pre-?treatment|randomi[sz]ation)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Line:
    """One row of the table, with the place of each of its cells."""

    number: int
    cells: list[str]
    place: Callable[[int], str]


#: What a row's label says of its numbers: medians, with quartiles or a range, or counts.
_MEDIAN = re.compile(r"\bmedian\b", re.IGNORECASE)
_RANGE = re.compile(r"(?<!interquartile )\brange\b", re.IGNORECASE)
_COUNTED = re.compile(r"\b(?:n|no\.?|number)\s*(?:\(\s*%\s*\)|,\s*%|/\s*N\b)", re.IGNORECASE)
_FORM = re.compile(
    r"[,;:]?\s*\b(?:median|mean|n|no\.?|number)\s*(?:\(\s*(?:iqr|range|sd|s\.d\.|sem?|%)\s*\)|,\s*%)\s*$",
    re.IGNORECASE,
)


#: Letters of the id of an event, which has no label of its own.
LONGEST = 70


def bundle_from_table(
    table: str | Path,
    folder: str | Path,
    *,
    decimal: str | None = None,
    value_is: str = "",
    control: str | None = None,
    randomised: bool | None = None,
) -> list[Path]:
    """Turn a table with one row per outcome and visit and one column per arm into a bundle.

    Cells are taken over as printed, and every row of ``summaries.csv`` says in ``source`` which
    cell it comes from. What the table does not say (title, citation, design, MCIDs) is left to fill
    in: `bayesasthma.study.printed_twice` names it.

    Parameters
    ----------
    table : str or Path
        Text with commas, semicolons or tabs between its cells, or a workbook (its first sheet). Its
        first row heads the columns: ``outcome``, ``visit`` (``Baseline``, ``Week 12``,
        ``6 months``, ``Change at week 12``), an arm with its size in each of the others
        (``Placebo (n = 20)``), and if need be ``unit``, ``statistic``, ``p`` and ``note``. A blank
        outcome is that of the row above.
    folder : str or Path
        Made if need be.
    decimal : {".", ","}, optional
        Decimal mark, if it has to be stated.
    value_is : {"sd", "se"}, optional
        What the number beside a mean is.
    control : str, optional
        Label of the control arm; by default the one that is called so, else the first.
    randomised : bool, optional
        Whether patients were allocated at random; to be filled in if not given.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    UsageError
        If the table cannot be read, or the folder is not empty.
    StudyError
        If cells are not what was expected; the error lists all of them. Nothing is written then.
    """
    path, collector = Path(table), Collector()
    if not path.is_file():
        raise UsageError(f"no file {str(table)!r}")
    draft = Draft(path.name, collector)
    lines = _read(path, collector, decimal)
    if len(lines) > 1:
        _header(draft, lines[0])
    elif not collector.problems:
        collector.add(path.name, None, "", "", "a header and at least one row")
    if not collector.problems:
        _rows(draft, lines[1:], decimal)
    if any(row["statistic"] == "change" for row in draft.summaries):
        draft.visits.setdefault("baseline", ("Baseline", 0.0))  # what the change is from
    if not collector.problems and not (draft.summaries or draft.adverse):
        collector.add(path.name, None, "", "", "at least one mean with its SD, SE or interval")
    if collector.problems:
        raise StudyError(path.name, collector.problems)
    name_arms(draft, control)
    texts = _texts(draft, header_of(draft, decimal, value_is, randomised))
    return write_files(Path(folder), texts)


def _texts(draft: Draft, header: str) -> dict[str, str]:
    """The files of the bundle, without those that the table has nothing for."""
    if all(not row["value_is"] for row in draft.summaries):
        for row in draft.summaries:
            del row["value_is"]
    texts = {"study.toml": header}
    if draft.summaries:
        texts["outcomes.csv"] = csv_of(list(draft.outcomes.values()))
        texts["summaries.csv"] = csv_of(draft.summaries)
    more = {"tests": draft.tests, "baseline": draft.baseline, "adverse": draft.adverse}
    texts |= {f"{name}.csv": csv_of(rows) for name, rows in more.items() if rows}
    return texts


def _read(path: Path, collector: Collector, decimal: str | None) -> list[Line]:
    if path.suffix.lower() == SUFFIX:
        book = open_workbook(path, collector, {})
        sheet = next(iter(book.sheets))
        rows = book.rows(sheet, decimal)
        return [
            Line(i, row, lambda k, i=i: f"{path.name}, sheet {sheet}, cell {_letters(k)}{i}")  # type: ignore[misc]
            for i, row in enumerate(rows, 1)
            if any(row)
        ]
    text = read_text(path, collector, {}) or ""
    first = text.partition("\n")[0]
    separator = "\t" if "\t" in first else ";" if ";" in first else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    found, start = [], 1
    for cells in reader:
        row = [re.sub(r"\s*[\r\n]+\s*", " ", cell).strip() for cell in cells]
        if any(row):
            at = start
            found.append(
                Line(at, row, lambda k, at=at: f"{path.name}, row {at}, column {k + 1}")  # type: ignore[misc]
            )
        start = reader.line_num + 1
    return found


def _letters(column: int) -> str:
    """Name of a column in a sheet, counted from 0."""
    name = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def _header(draft: Draft, line: Line) -> None:
    """Which columns there are, and the arms with their sizes."""
    for i, text in enumerate(line.cells):
        word = re.sub(r"\s+", " ", text.lower())
        kind = next((k for k, words in COLUMNS.items() if word in words), None)
        if kind is not None and kind not in draft.columns:
            draft.columns[kind] = i
        elif text:
            match = _SIZE.search(text)
            label = _SIZE.sub("", text).strip() if match else text
            if match is None or not label or int(match["n"]) < 2:
                expected = "an arm with its number of patients, such as Placebo (n = 20)"
                draft.collector.add(draft.file, line.number, text, text, expected)
            else:
                draft.arms.append(Arm(label, i, int(match["n"])))
    for kind in ("outcome", "visit"):
        if kind not in draft.columns:
            draft.collector.add(draft.file, line.number, kind, "", f"a column {kind}")
    if len(draft.arms) < 2 and not draft.collector.problems:
        expected = "a column for each of at least two arms, such as Placebo (n = 20)"
        draft.collector.add(draft.file, line.number, "", "", expected)


def _rows(draft: Draft, lines: list[Line], decimal: str | None) -> None:
    outcome, changes = "", []
    for line in lines:
        text = {kind: _at(line, i) for kind, i in draft.columns.items()}
        outcome = text["outcome"] or outcome
        if not any(_at(line, arm.column) for arm in draft.arms) and not text.get("p"):
            continue  # the heading of the rows below
        if not outcome:
            draft.collector.add(draft.file, line.number, "outcome", "", "the name of an outcome")
            continue
        change = bool(_CHANGE.search(text["visit"])) or text.get("statistic") == "change"
        visit = _visit(draft, line, text["visit"], change)
        if visit and _COUNTED.search(outcome):
            _counts(draft, line, outcome, visit, decimal)
            continue
        name = _outcome(draft, outcome, text.get("unit", ""))
        if visit is None:
            changes.append((line, name))
        elif visit:
            _cells(draft, line, name, visit, change, decimal)
    follow_up = [visit for visit, (_, week) in draft.visits.items() if week > 0]
    for line, name in changes:
        if len(follow_up) == 1:
            _cells(draft, line, name, follow_up[0], True, decimal)
        else:
            expected = "the visit of the change, such as Change at week 12"
            draft.collector.add(
                draft.file, line.number, "visit", line.cells[draft.columns["visit"]], expected
            )


def _at(line: Line, column: int) -> str:
    return line.cells[column] if column < len(line.cells) else ""


def _visit(draft: Draft, line: Line, text: str, change: bool) -> str | None:
    """Id of a visit; None for a change that names none, blank where the text is no visit."""
    words = (
        re.sub(r"\b(?:from|since) baseline\b", " ", text, flags=re.IGNORECASE) if change else text
    )
    match = _WEEK.search(words)
    if match:
        number = float(match["n1"] or match["n2"])
        week = round(number * _UNITS[(match["unit1"] or match["unit2"]).lower()], 1)
    elif change:
        return None
    elif _BASELINE.search(words):
        week = 0.0
    else:
        expected = "Baseline, or a time such as Week 12 or 6 months"
        draft.collector.add(draft.file, line.number, "visit", text, expected)
        return ""
    label = match.group().strip() if match else "Baseline"
    for name, (_, known) in draft.visits.items():
        if known == week:
            return name
    name = "baseline" if week == 0 else f"week{week:g}".replace(".", "_")
    draft.visits[name] = (label[0].upper() + label[1:], week)
    return name


def _outcome(draft: Draft, label: str, unit: str) -> str:
    """Id of an outcome, declared where it is new."""
    form, label = label, _FORM.sub("", label).strip() or label
    for name, row in draft.outcomes.items():
        if row["label"] == label:
            return name
    if _MEDIAN.search(form):
        draft.medians[label] = "range" if _RANGE.search(form) else "iqr"
    name = slug(label, {*draft.outcomes, "patient", "arm", "visit", "note", "source"})
    known = recognised(label)
    direction = DIRECTION_WORDS.get(known.direction if known else 0, "none")
    draft.outcomes[name] = {
        "outcome": name,
        "label": label,
        "unit": unit or f"{TO_FILL_IN}: unit",
        "domain": "",
        "direction": direction,
        "mcid": "",
        "mcid_kind": "",
        "mcid_source": "",
        "minimum": "",
        "maximum": "",
        "items": "",
        "note": "",
    }
    return name


def _cells(
    draft: Draft, line: Line, outcome: str, visit: str, change: bool, decimal: str | None
) -> None:
    """The cells of one row: a mean for each arm, and the p-value."""
    for arm in draft.arms:
        text = _at(line, arm.column)
        size = _SIZE.search(text)
        value = _SIZE.sub("", text).strip() if size else text
        if value.lower() in NOTHING:
            continue
        if (cell := parse_value(value, decimal)) is None:
            digits = foreign_digits(value)
            expected = "a mean with its SD, SE or interval, such as 16.8 ± 4.3" + (
                f", in the digits 0 to 9, not {digits!r}" if digits else _hint(value, decimal)
            )
            draft.collector.add(draft.file, line.number, arm.label, text, expected)
            continue
        beside = draft.medians.get(draft.outcomes[outcome]["label"], "")
        median = cell.stated in MEDIAN_VALUES or bool(beside)
        draft.summaries.append(
            {
                "outcome": outcome,
                "arm": arm.label,
                "visit": visit,
                "statistic": "median" if median else "change" if change else "level",
                "n": size["n"] if size else "",
                "value": value,
                "value_is": (cell.stated or beside) if median else "",
                "note": _at(line, draft.columns["note"]) if "note" in draft.columns else "",
                "source": line.place(arm.column),
            }
        )
    _p(draft, line, outcome, visit, change, decimal)


def _p(
    draft: Draft, line: Line, outcome: str, visit: str, change: bool, decimal: str | None
) -> None:
    """The p-value at the end of a row."""
    if "p" not in draft.columns or _at(line, draft.columns["p"]).lower() in NOTHING:
        return
    text = _at(line, draft.columns["p"])
    if parse_p(text, decimal=decimal) is None:
        expected = "a p-value such as 0.02, <0.01 or NS, or a blank"
        draft.collector.add(draft.file, line.number, "p", text, expected)
        return
    draft.tests.append(
        {
            "table": f"{draft.file}, change" if change else draft.file,
            "kind": "between",
            "outcome": outcome,
            "arm": "",
            "visit": visit,
            "test": "",
            "p": text,
            "source": line.place(draft.columns["p"]),
        }
    )


def _counts(draft: Draft, line: Line, label: str, visit: str, decimal: str | None) -> None:
    """The cells of a row that its label calls counts: into baseline.csv or adverse.csv."""
    name = slug(_FORM.sub("", label).strip(" ,;:") or label, set(draft.outcomes), LONGEST)
    first = draft.visits[visit][1] == 0
    for arm in draft.arms:
        text = _at(line, arm.column)
        if text.lower() in NOTHING:
            continue
        if parse_count(text, decimal) is None:
            expected = "a count such as 10, 10/18, 10 (55.6) or 10/18 (55.6%)"
            draft.collector.add(draft.file, line.number, arm.label, text, expected)
            continue
        source = line.place(arm.column)
        row = {"arm": arm.label, "source": source}
        if first:
            draft.baseline.append({"variable": name, "count": text} | row)
        else:
            draft.adverse.append({"visit": visit, "reaction": name, "events": text} | row)
    _p(draft, line, name, "" if first else visit, False, decimal)


def _hint(text: str, decimal: str | None) -> str:
    if "," in text and decimal is None:
        return " (or --decimal , where commas are decimal ones)"
    if re.fullmatch(r"[0-9]+\s*(/[^(]*)?\([0-9.]+\s*%?\)", text):
        return " (counts go into baseline.csv or adverse.csv)"
    return ""
