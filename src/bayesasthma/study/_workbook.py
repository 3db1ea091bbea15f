"""Excel workbooks: one sheet per file of a bundle, every cell as the text that it shows."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bayesasthma.errors import UsageError
from bayesasthma.study._sheets import Collector, Given

SUFFIX = ".xlsx"
#: Sheets that stand for study.toml: pairs of key and value, or one row per table.
PAIRS, TABLES = ("study", "methods"), ("arms", "visits", "exclusions")
_FIXED = re.compile(r"(?:#,##)?[#0]*0(?:\.(?P<places>0+))?(?P<percent>%)?(?:_[ )])?")
_DATE = "a number or a text: Excel made a date of what was typed (format the cell as text first)"


@dataclass
class Workbook:
    """The cells of a workbook.

    Attributes
    ----------
    name : str
        File name.
    sheets : dict
        By name: the rows of each, as openpyxl has them with values.
    formulas : dict
        The same with formulas in place of values.
    collector : Collector
    """

    name: str
    sheets: dict[str, list[Any]]
    formulas: dict[str, list[Any]]
    collector: Collector = field(repr=False)

    def rows(self, sheet: str, decimal: str | None = None) -> list[list[str]]:
        """Texts of a sheet; problems go to the collector."""
        found = []
        for row, written in zip(self.sheets[sheet], self.formulas[sheet], strict=True):
            texts = []
            for cell, formula in zip(row, written, strict=True):
                text, problem = cell_text(cell, decimal)
                if cell.value is None and formula.value is not None:
                    problem = "a value: the workbook was never saved by a program that computes it"
                if problem:
                    shown = str(cell.value if cell.value is not None else formula.value)
                    where = f"{self.name}, sheet {sheet}"
                    self.collector.add(where, cell.row, cell.column_letter, shown, problem)
                texts.append(text)
            found.append(texts)
        return found

    def as_csv(self, sheet: str, decimal: str | None = None) -> Given:
        """A sheet as the text of a CSV file; line numbers are those of the sheet."""
        rows = self.rows(sheet, decimal)
        width = max((i for row in rows for i, text in enumerate(row, 1) if text), default=0)
        file = io.StringIO(newline="")
        csv.writer(file, lineterminator="\n").writerows(row[:width] for row in rows)
        return Given(f"{self.name}, sheet {sheet}", file.getvalue())


def open_workbook(path: Path, collector: Collector, checksums: dict[str, str]) -> Workbook:
    """Read a workbook with openpyxl.

    Raises
    ------
    UsageError
        If openpyxl is not installed, or the file is no workbook.
    """
    try:
        import openpyxl
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{path.name}: workbooks need openpyxl; install bayesasthma[excel], or save each sheet "
            "as CSV (UTF-8)"
        ) from error
    try:
        raw = path.read_bytes()
        books = [openpyxl.load_workbook(io.BytesIO(raw), data_only=only) for only in (True, False)]
    except Exception as error:
        raise UsageError(f"{path.name} is not a readable workbook ({error})") from error
    checksums[path.name] = hashlib.sha256(raw).hexdigest()
    values, formulas = ({s.title: list(s.iter_rows()) for s in book.worksheets} for book in books)
    return Workbook(path.name, values, formulas, collector)


def cell_text(cell: Any, decimal: str | None = None) -> tuple[str, str]:
    """Text of a cell as the sheet shows it, and what was expected where there is none.

    A number has the decimals of its format (``16.0`` where it shows so), or more where it has more.
    """
    value = cell.value
    if value is None:
        return "", ""
    if isinstance(value, str):
        problem = "a value, not an error of the sheet" if cell.data_type == "e" else ""
        return re.sub(r"[\r\n\t]+", " ", value).strip(), problem
    if isinstance(value, bool):
        return str(value).lower(), ""
    if not isinstance(value, int | float):
        return "", _DATE
    text = f"{value:.15g}"
    match = _FIXED.fullmatch(cell.number_format.split(";")[0])
    if match:
        shown = value * 100 if match["percent"] else value
        rounded = f"{shown:.{len(match['places'] or '')}f}"
        text = (
            rounded if abs(float(rounded) - shown) < 1e-9 * max(1, abs(shown)) else f"{shown:.15g}"
        )
        text += match["percent"] or ""
    return text.replace(".", decimal or "."), ""


def header_text(book: Workbook) -> Given | None:
    """The sheets study, arms, visits, methods and exclusions as one TOML text; None without."""
    named = {name.strip().lower(): name for name in book.sheets}
    if "study" not in named:
        return None
    lines: list[str] = []
    for kind in PAIRS:
        if kind not in named:
            continue
        lines += [f"[{kind}]"] if kind != "study" else []
        for row in book.rows(named[kind]):
            if len(row) > 1 and row[0] and row[1] and row[0].lower() != "key":
                lines.append(f"{row[0]} = {_toml(row[0], row[1])}")
        if kind == "study":
            lines.append("")
    tables: list[str] = []
    for kind in TABLES:
        rows = [row for row in book.rows(named[kind]) if any(row)] if kind in named else []
        for row in rows[1:]:
            pairs = [(k, v) for k, v in zip(rows[0], row, strict=True) if k and v]
            tables += [f"[[{kind}]]", *(f"{k} = {_toml(k, v)}" for k, v in pairs)]
    return Given(f"{book.name}, sheet study", "\n".join([*lines, *tables]) + "\n")


def _toml(key: str, text: str) -> str:
    """A value of the header: a number, a flag, a list (texts between semicolons) or a text."""
    if text.lower() in {"true", "yes"}:
        return "true"
    if text.lower() in {"false", "no"}:
        return "false"
    if key in {"n", "week", "alpha"} and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", text):
        return text
    if key in {"primary", "categorical", "covariates"} or ";" in text:
        return "[" + ", ".join(_quoted(item.strip()) for item in text.split(";")) + "]"
    return _quoted(text)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
