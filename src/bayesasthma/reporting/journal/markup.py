"""Journal tables as HTML and as LaTeX, by great-tables."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesasthma.errors import UsageError
from bayesasthma.reporting.journal.latex import finished
from bayesasthma.reporting.journal.layout import JournalTable, printable

if TYPE_CHECKING:
    from great_tables import GT

#: Stands before the mark of a footnote until it is spelt as a superscript; `printable` text has no
#: character of private use, so that no label can hold it.
MARK = "\ue000"
#: Invisible; holds apart what great-tables would read as units ("{{x}}"), and equal group headings.
JOINER = "\u2060"

STYLE = """\
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem; background: #fff; color: #111; }
section { margin-bottom: 3rem; overflow-x: auto; }
.gt_table td, .gt_table th { vertical-align: top; }
.gt_title { font-weight: bold !important; }
sup { line-height: 0; }
@media print { body { margin: 0; max-width: none; } }
"""


def html_page(name: str, tables: Sequence[JournalTable]) -> str:
    """One self-contained page of tables; text from the study cannot become markup.

    Raises
    ------
    UsageError
        If great-tables is not installed.
    """
    parts = []
    for at, table in enumerate(tables, 1):
        made = _great_table(table, f"{name}-{at}").as_raw_html()
        made = re.sub(rf'<tr class="gt_group_heading_row">\s*<th[^>]*>{JOINER}+</th>\s*</tr>',
                      "", made)  # fmt: skip
        marked = re.sub(f"{MARK}([a-z])", r"<sup>\1</sup>", made.replace(JOINER, ""))
        parts.append(f"<section>\n{marked}\n</section>")
    title = html.escape(printable(tables[0].title if tables else name))
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(parts)
        + "\n</main>\n</body>\n</html>\n"
    )


def latex_source(name: str, tables: Sequence[JournalTable]) -> str:
    r"""Tables to be read into a document by ``\input``; text from the study cannot become commands.

    Raises
    ------
    UsageError
        If great-tables is not installed.
    """
    parts = []
    for at, table in enumerate(tables, 1):
        made = _great_table(table, f"{name}-{at}").as_latex(use_longtable=True)
        made = finished(made, table, empty=JOINER)
        made = re.sub(f"{MARK}([a-z])", r"\\textsuperscript{\1}", made.replace(JOINER, ""))
        parts.append(made)
    return "\n".join(parts)


def _great_table(table: JournalTable, identifier: str) -> GT:
    try:
        from great_tables import GT
    except ModuleNotFoundError as error:
        raise UsageError(
            "tables as HTML or LaTeX need great-tables; install bayesasthma[journal]"
        ) from error
    names = [f"c{i}" for i in range(len(table.columns))]
    data: dict[str, list[str]] = {
        "group": [_group(table, row.group) for row in table.rows],
        "label": [_text(row.label) for row in table.rows],
    }
    data |= {name: [_text(row.cells[i]) for row in table.rows] for i, name in enumerate(names)}
    heading: dict[str, Any] = {name: _heading(table, i) for i, name in enumerate(names, 1)}
    below = [
        i for i, row in enumerate(table.rows) if row.group is not None and table.groups[row.group]
    ]
    made = (
        GT(
            pd.DataFrame(data, dtype="str"),
            rowname_col="label",
            groupname_col="group",
            id=identifier,
        )
        .tab_header(title=_text(table.title))
        .tab_stubhead(label=_heading(table, 0))
        .cols_label(heading)
        .cols_align(align="center", columns=names)
        .tab_stub_indent(rows=below, indent=2)
    )
    for above, members in _spans(table, names):
        made = made.tab_spanner(label=_text(above), columns=members)
    for note, mark in table.notes.items():
        made = made.tab_source_note(f"{MARK}{mark} {_text(note)}")
    for remark in table.remarks:
        made = made.tab_source_note(_text(remark))
    return made.tab_options(
        table_font_size="9pt",
        heading_align="left",
        heading_title_font_size="11pt",
        heading_border_bottom_color="#111",
        column_labels_font_weight="bold",
        column_labels_border_bottom_color="#111",
        column_labels_border_top_color="#111",
        row_group_font_weight="bold",
        row_group_border_top_style="none",
        row_group_border_bottom_style="none",
        row_group_padding="3px",
        stub_border_style="none",
        table_body_hlines_style="none",
        table_body_border_top_color="#111",
        table_body_border_bottom_color="#111",
        table_border_top_style="none",
        table_border_bottom_style="none",
        source_notes_font_size="8pt",
        source_notes_padding="2px",
        data_row_padding="2px",
    )


def _text(text: str) -> str:
    """One printable line, braces held apart."""
    return printable(text).replace("{{", f"{{{JOINER}{{").replace("}}", f"}}{JOINER}}}")


def _heading(table: JournalTable, at: int) -> str:
    column = (table.stub, *table.columns)[at]
    mark = table.mark(column)
    return _text(column.heading) + (MARK + mark if mark else "")


def _group(table: JournalTable, at: int | None) -> str:
    """Heading of a group; equal ones are kept apart by characters that are taken out again."""
    return JOINER if at is None else _text(table.groups[at]) + JOINER * (at + 2)


def _spans(table: JournalTable, names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Headings over neighbouring columns."""
    spans: list[tuple[str, list[str]]] = []
    before = ""
    for column, name in zip(table.columns, names, strict=True):
        if column.above and column.above == before:
            spans[-1][1].append(name)
        elif column.above:
            spans.append((column.above, [name]))
        before = column.above
    return spans


#: What makes a file's text of its tables, by the format's name.
TEXTS: dict[str, Callable[[str, Sequence[JournalTable]], str]] = {
    "html": html_page,
    "latex": latex_source,
}
