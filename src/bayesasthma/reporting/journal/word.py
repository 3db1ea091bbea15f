"""Journal tables as a Word document, by python-docx."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bayesasthma.errors import UsageError
from bayesasthma.reporting.journal.layout import UPRIGHT, JournalTable, printable

if TYPE_CHECKING:
    from docx.document import Document
    from docx.table import _Cell, _Row
    from docx.text.paragraph import Paragraph

#: Sizes in points; page and margins in centimetres (A4).
TEXT, SMALL, TITLE = 9, 8, 11
SHORT_SIDE, LONG_SIDE, MARGIN = 21.0, 29.7, 2.0


def word_document(name: str, tables: Sequence[JournalTable]) -> bytes:
    """A document of tables, one a page: titles, headings repeated on each page, footnotes.

    Raises
    ------
    UsageError
        If python-docx is not installed.
    """
    try:
        import docx
        from docx.shared import Pt
    except ModuleNotFoundError as error:
        raise UsageError("tables as DOCX need python-docx; install bayesasthma[journal]") from error
    document = docx.Document()
    properties = document.core_properties
    properties.author = "bayesasthma"
    properties.title = printable(tables[0].title if tables else name)
    properties.comments = ""
    properties.language = "en"
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Times New Roman", Pt(TEXT)
    normal.paragraph_format.space_after = Pt(0)
    for at, table in enumerate(tables):
        width = _page(document, table, first=at == 0)
        _title(document, table)
        _grid(document, table, width)
        _notes(document, table)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def _page(document: Document, table: JournalTable, *, first: bool) -> float:
    """A section with the page turned as the table needs it; the width of its text in cm."""
    from docx.enum.section import WD_ORIENT, WD_SECTION
    from docx.shared import Cm

    section = document.sections[0] if first else document.add_section(WD_SECTION.NEW_PAGE)
    turned = len(table.columns) > UPRIGHT
    width, height = (LONG_SIDE, SHORT_SIDE) if turned else (SHORT_SIDE, LONG_SIDE)
    section.orientation = WD_ORIENT.LANDSCAPE if turned else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Cm(width), Cm(height)
    section.left_margin = section.right_margin = Cm(MARGIN)
    section.top_margin = section.bottom_margin = Cm(MARGIN)
    return width - 2 * MARGIN


def _title(document: Document, table: JournalTable) -> None:
    from docx.shared import Pt

    paragraph = document.add_paragraph()
    run = paragraph.add_run(printable(table.title))
    run.bold, run.font.size = True, Pt(TITLE)
    paragraph.paragraph_format.space_after = Pt(4)
    paragraph.paragraph_format.keep_with_next = True


def _grid(document: Document, table: JournalTable, width: float) -> None:
    from docx.enum.table import WD_TABLE_ALIGNMENT
    from docx.shared import Cm

    columns = (table.stub, *table.columns)
    spanned = any(column.above for column in columns)
    heads = 2 if spanned else 1
    count = heads + len(table.rows) + len([g for g in _beginnings(table) if g is not None])
    grid = document.add_table(rows=count, cols=len(columns))
    grid.alignment = WD_TABLE_ALIGNMENT.CENTER
    grid.autofit = False
    cells = [list(row.cells) for row in grid.rows]  # looked up once: each look walks the table
    total = sum(column.width for column in columns)
    for at, column in enumerate(columns):
        grid.columns[at].width = Cm(width * column.width / total)
        for row in cells:
            row[at].width = Cm(width * column.width / total)
    if spanned:
        _spans(cells[0], table)
    for at, column in enumerate(columns):
        _write(
            cells[heads - 1][at],
            column.heading,
            bold=True,
            centred=at > 0,
            mark=table.mark(column),
        )
    _body(cells[heads:], table)
    for at, row in enumerate(grid.rows):
        _keep(row, heading=at < heads)
    for at, side, thickness in ((0, "top", 8), (heads - 1, "bottom", 6), (-1, "bottom", 8)):
        for cell in cells[at]:
            _border(cell, side, thickness)


def _body(cells: list[list[_Cell]], table: JournalTable) -> None:
    """Headings of groups over all columns, and rows."""
    rows = iter(cells)
    for begins, row in zip(_beginnings(table), table.rows, strict=True):
        if begins is not None:
            line = next(rows)
            merged = line[0].merge(line[-1])
            _write(merged, begins, bold=True).paragraph_format.keep_with_next = True
        line = next(rows)
        indent = bool(row.group is not None and table.groups[row.group])
        _write(line[0], row.label, indent=indent)
        for cell, text in zip(line[1:], row.cells, strict=True):
            _write(cell, text, centred=True)


def _beginnings(table: JournalTable) -> list[str | None]:
    """By row the heading that begins above it, if one does."""
    found: list[str | None] = []
    before: int | None = None
    for row in table.rows:
        new = row.group is not None and row.group != before and table.groups[row.group] != ""
        found.append(table.groups[row.group] if new and row.group is not None else None)
        before = row.group
    return found


def _spans(cells: list[_Cell], table: JournalTable) -> None:
    """Headings over neighbouring columns, in the first row."""
    at = 1
    while at <= len(table.columns):
        above, end = table.columns[at - 1].above, at
        while end < len(table.columns) and table.columns[end].above == above:
            end += 1
        if above:
            cell = cells[at].merge(cells[end])
            _write(cell, above, bold=True, centred=True)
            _border(cell, "bottom", 4)
        at = end + 1


def _write(
    cell: _Cell,
    text: str,
    *,
    bold: bool = False,
    centred: bool = False,
    indent: bool = False,
    mark: str = "",
) -> Paragraph:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Cm, Pt

    paragraph: Paragraph = cell.paragraphs[0]
    for other in cell.paragraphs[1:]:  # merging leaves one of each cell
        element = other._element  # noqa: SLF001 (python-docx's own way to its XML)
        element.getparent().remove(element)
    _runs(paragraph, text, mark, bold=bold)
    if centred:
        paragraph.alignment = WD_ALIGN_PARAGRAPH.CENTER
    if indent:
        paragraph.paragraph_format.left_indent = Cm(0.3)
    paragraph.paragraph_format.space_before = paragraph.paragraph_format.space_after = Pt(1)
    return paragraph


def _runs(paragraph: Paragraph, text: str, mark: str, *, bold: bool = False) -> None:
    """Text, then the mark of a footnote as a superscript."""
    paragraph.add_run(printable(text)).bold = bold
    if mark:
        run = paragraph.add_run(mark)
        run.bold, run.font.superscript = bold, True


def _notes(document: Document, table: JournalTable) -> None:
    from docx.shared import Pt

    texts = [(mark, note) for note, mark in table.notes.items()]
    for mark, text in [*texts, *(("", remark) for remark in table.remarks)]:
        paragraph = document.add_paragraph()
        if mark:
            paragraph.add_run(mark).font.superscript = True
            paragraph.add_run(" ")
        paragraph.add_run(printable(text))
        for run in paragraph.runs:
            run.font.size = Pt(SMALL)
        paragraph.paragraph_format.space_before = Pt(2)


def _border(cell: _Cell, side: str, eighths: int) -> None:
    """Draw one side of a cell, so many eighths of a point thick."""
    properties = cell._element.get_or_add_tcPr()  # noqa: SLF001
    borders = properties.find(_name("tcBorders"))
    if borders is None:
        borders = _element("tcBorders")
        after = [_name(tag) for tag in ("shd", "noWrap", "tcMar", "textDirection", "vAlign")]
        at = next((i for i, child in enumerate(properties) if child.tag in after), len(properties))
        properties.insert(at, borders)
    found = borders.find(_name(side))
    if found is None:
        found = _element(side)
        # the schema has top before bottom
        borders.insert(0 if side == "top" else len(borders), found)
    for key, value in {
        "val": "single",
        "sz": str(eighths),
        "space": "0",
        "color": "000000",
    }.items():
        found.set(_name(key), value)


def _keep(row: _Row, *, heading: bool) -> None:
    """Keep a row on one page; a heading stands on every page of its table."""
    properties = row._tr.get_or_add_trPr()  # noqa: SLF001
    properties.append(_element("cantSplit"))
    if heading:
        properties.append(_element("tblHeader"))


def _element(tag: str) -> Any:
    from docx.oxml import OxmlElement

    return OxmlElement(f"w:{tag}")


def _name(tag: str) -> str:
    from docx.oxml.ns import qn

    return qn(f"w:{tag}")
