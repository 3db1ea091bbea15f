"""Where the files of a bundle are: in a folder, or in the sheets of a workbook."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bayesasthma.study._sheets import Collector, Given
from bayesasthma.study._workbook import SUFFIX, Workbook, header_text, open_workbook

__all__ = ["SUFFIX", "Source", "open_source"]
HEADER = "study.toml"


@dataclass(frozen=True)
class Source:
    """A bundle's files, some of which may be sheets of a workbook.

    Attributes
    ----------
    name : str
        Of the study.
    folder : Path
    book : Workbook or None
    collector : Collector
    """

    name: str
    folder: Path
    book: Workbook | None
    collector: Collector

    def header(self) -> Path | Given | None:
        """``study.toml``, or the sheets of the workbook that stand for it; None without either."""
        given = header_text(self.book) if self.book is not None else None
        path = self.folder / HEADER
        return given or (path if path.exists() else None)

    def files(self, names: list[str], decimal: str | None) -> dict[str, Path | Given]:
        """Those of the named files that there are: all sheets, or all in the folder."""
        if self.book is None:
            return {name: self.folder / name for name in names if (self.folder / name).exists()}
        by_file = {sheet.strip().lower().removesuffix(".csv"): sheet for sheet in self.book.sheets}
        return {
            name: self.book.as_csv(by_file[stem], decimal)
            for name in names
            if (stem := name.removesuffix(".csv")) in by_file
        }


def open_source(
    path: Path, names: list[str], collector: Collector, checksums: dict[str, str]
) -> Source:
    """The files of a folder, of a workbook, or of a folder with a workbook and none of ``names``.

    Beside files a workbook is something else, such as a supplement, and not looked at.
    """
    if path.is_file():
        book = open_workbook(path, collector, checksums)
        return Source(path.resolve().stem, path.parent, book, collector)
    books = sorted(p for p in path.glob(f"*{SUFFIX}") if not p.name.startswith("~$"))
    if any((path / name).exists() for name in names) or not books:
        return Source(path.resolve().name, path, None, collector)
    if len(books) > 1:
        found = ", ".join(book.name for book in books)
        collector.add(books[1].name, None, "", "", f"one workbook in the folder, not {found}")
    first = open_workbook(books[0], collector, checksums)
    return Source(path.resolve().name, path, first, collector)
