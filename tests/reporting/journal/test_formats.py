"""HTML, LaTeX and DOCX: every text arrives as it is, and none becomes markup."""

from __future__ import annotations

import io
import re
import sys
from html.parser import HTMLParser

import docx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bayesasthma.errors import UsageError
from bayesasthma.reporting.journal.latex import SYMBOLS
from bayesasthma.reporting.journal.layout import Column, JournalTable, Row, printable
from bayesasthma.reporting.journal.markup import html_page, latex_source
from bayesasthma.reporting.journal.word import word_document

HOSTILE = [
    "<script>alert(1)</script>", "</td></tr></table>", '" onload="x', "&amp; &lt;", "a & b",
    r"\input{/etc/passwd}", r"\write18{ls}", "50 % $x_1^2$ #1 {a}", "{{m^2}}", "}}{{", "~^", "[x]",
    "]]>", "**bold**", "−1 ± 2", "10⁹/L", "a\x00b\x1fc", "line\nbreak\ttab", "\ue000a", "", "  ",
    "\u2060", "\\\\", "%", "'quoted' \"twice\"", "µg·m⁻³ ≥ ½", "日本語", "🫁",
]  # fmt: skip
TEXT = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(max_size=12),
    st.text(alphabet=r"\{}[]$&#%_^~<>/\"'`-*|=:;ab1", max_size=12),
)


@st.composite
def tables(draw: st.DrawFn) -> JournalTable:
    """Tables of every shape, their texts hostile."""
    count = draw(st.integers(1, 7))
    above = draw(st.sampled_from(["", draw(TEXT)]))
    columns = tuple(
        Column(draw(TEXT), draw(TEXT), above if 0 < i < 3 else "") for i in range(count)
    )
    groups = tuple(draw(st.lists(TEXT, max_size=3)))
    rows = [Row(draw(TEXT), tuple(draw(TEXT) for _ in columns))]
    for group in range(len(groups)):
        rows += [
            Row(draw(TEXT), tuple(draw(TEXT) for _ in columns), group)
            for _ in range(draw(st.integers(1, 2)))
        ]
    remarks = tuple(draw(st.lists(TEXT, max_size=2)))
    return JournalTable(draw(TEXT), Column(draw(TEXT)), columns, tuple(rows), groups, remarks)


def plain(text: str) -> str:
    """Text as it is to arrive; a joiner that is invisible anyway may be lost."""
    return printable(text).replace("\u2060", "")


class Page(HTMLParser):
    """Rows of cells and the tags of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.rows: list[list[str]] = []
        self.marks: list[str] = []
        self.inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in {"meta", "br"}:
            self.inside.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.inside.pop() == tag

    def handle_data(self, data: str) -> None:
        if "sup" in self.inside:
            self.marks.append(data)
        elif {"td", "th"} & set(self.inside):
            self.rows[-1][-1] += data


TAGS = {
    "html", "head", "meta", "title", "style", "body", "main", "section", "div", "table", "thead",
    "tbody", "tfoot", "tr", "th", "td", "sup", "span", "colgroup", "col",
}  # fmt: skip


def lines(table: JournalTable) -> list[list[str]]:
    """Rows of a table with the headings of its groups, as they are to be read."""
    found: list[list[str]] = []
    before = None
    for row in table.rows:
        if row.group is not None and row.group != before and plain(table.groups[row.group]):
            found.append([plain(table.groups[row.group])])
        before = row.group
        found.append([plain(row.label), *map(plain, row.cells)])
    return found


@settings(max_examples=30)
@given(tables())
def test_html_holds_the_texts_and_nothing_else(table: JournalTable) -> None:
    page = Page(html_page("effects", [table]))
    assert set(page.tags) <= TAGS
    assert not {name for name in page.attributes if name.startswith("on")}
    assert not {"src", "href", "srcset", "action"} & page.attributes
    body = [[cell.strip() for cell in row] for row in page.rows]
    expected = [[cell.strip() for cell in line] for line in lines(table)]
    notes = [[plain(text).strip()] for text in (*table.notes, *table.remarks)]
    tail = [*expected, *notes]
    headings = [plain(column.heading).strip() for column in (table.stub, *table.columns)]
    # a heading over others stands in a row of its own, and those without one reach into it
    headed = body[-len(tail) - 2 if any(c.above for c in table.columns) else -len(tail) - 1 :]
    assert headed[len(headed) - len(tail) :] == tail
    above = headed[: len(headed) - len(tail)]
    assert set(headings) <= {cell.strip() for row in above for cell in row}


#: Commands that a table may hold; `\\text...` and accents stand for characters.
COMMANDS = {
    "begin", "end", "begingroup", "endgroup", "fontsize", "selectfont", "setlength", "tabcolsep",
    "LTcapwidth", "LTpost", "LTleft", "LTright", "linewidth", "dimexpr", "relax", "raggedright",
    "centering", "arraybackslash", "caption", "large", "toprule", "midrule", "bottomrule",
    "cmidrule", "endhead", "endfirsthead", "addlinespace", "multicolumn", "textbf", "hspace",
    "noindent", "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater",
    "textsuperscript", "textsubscript",
}  # fmt: skip
FROM_SYMBOLS = {name for text in SYMBOLS.values() for name in re.findall(r"\\([a-zA-Z]+)", text)}
SPELT = {
    r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^",
    r"\textless{}": "<", r"\textgreater{}": ">",
    **{f"\\{char}": char for char in "&%$#_{}"},
}  # fmt: skip
#: Characters whose LaTeX is also that of other characters.
QUOTE = "\N{LEFT SINGLE QUOTATION MARK}"
SAME = str.maketrans({"–": "--", "—": "---", "’": "'", QUOTE: "`", "“": "``", "”": "''"})


def read_latex(text: str) -> str:
    """The characters that a cell of LaTeX stands for."""
    known = {latex: chr(code) for code, latex in SYMBOLS.items() if code not in SAME}
    known |= SPELT
    pattern = "|".join(re.escape(key) for key in sorted(known, key=len, reverse=True))
    return re.sub(pattern, lambda found: known[found[0]], text)


@settings(max_examples=30)
@given(tables())
def test_latex_holds_the_texts_and_no_other_command(table: JournalTable) -> None:
    source = latex_source("effects", [table])
    live = "\n".join(line for line in source.split("\n") if not line.startswith("%"))
    live = live.replace(r"\\", "\n")  # only great-tables' own ends of rows are left as two
    assert set(re.findall(r"\\([a-zA-Z]+)", live)) <= COMMANDS | FROM_SYMBOLS
    assert not re.search(r"(?<!\\)[#^_]", live)
    bare = re.sub(r"\\[{}%$&]", "", live)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert "%" not in bare
    _, _, rows = source.partition("\\endhead")
    rows, _, _ = rows.partition("\\bottomrule")
    found = []
    for line in rows.replace("\\addlinespace[2.5pt]", "").split("\n"):
        if not line.strip():
            continue
        assert line.endswith((" \\\\", " \\\\*"))
        own = line.rpartition(" \\\\")[0]
        heading = re.fullmatch(r"\\multicolumn\{\d+\}\{l\}\{\\textbf\{(.*)\}\}", own)
        cells = [heading[1]] if heading else re.split(r"(?<!\\) & ", own)
        cells[0] = re.sub(r"^(\{\})?(\\hspace\*\{[^}]*\})?", "", cells[0])
        found.append([read_latex(cell).strip() for cell in cells])
    assert found == [[cell.translate(SAME).strip() for cell in line] for line in lines(table)]


@settings(max_examples=30)
@given(tables())
@example(
    JournalTable("x", Column("s"), tuple(Column(str(i)) for i in range(7)), (Row("r", ("–",) * 7),))
)
def test_word_reads_back_as_it_was_written(table: JournalTable) -> None:
    document = docx.Document(io.BytesIO(word_document("effects", [table])))
    assert document.core_properties.title == printable(table.title)
    (grid,) = document.tables
    spanned = any(column.above for column in table.columns)
    found = []
    for row in grid.rows[1 + spanned :]:
        # a merged cell is one cell, seen once a column
        elements = dict.fromkeys(cell._tc for cell in row.cells)
        texts = {cell._tc: cell.text for cell in row.cells}
        found.append([texts[element] for element in elements])
    expected = []
    before = None
    for row in table.rows:
        if row.group is not None and row.group != before and table.groups[row.group]:
            expected.append([printable(table.groups[row.group])])
        before = row.group
        expected.append([printable(row.label), *map(printable, row.cells)])
    assert found == expected
    heads = [cell.text for cell in grid.rows[int(spanned)].cells]
    assert heads == [
        printable(column.heading) + table.mark(column) for column in (table.stub, *table.columns)
    ]
    texts = [paragraph.text for paragraph in document.paragraphs]
    assert texts[0] == printable(table.title)
    marked = [f"{mark} {printable(note)}" for note, mark in table.notes.items()]
    assert texts[1:] == [*marked, *map(printable, table.remarks)]
    for at, row in enumerate(grid.rows):
        heading = "tblHeader" in row._tr.xml
        assert heading == (at <= int(spanned))
    (section,) = document.sections
    assert (section.page_width > section.page_height) == (len(table.columns) > 5)


def test_several_tables_stand_one_a_page() -> None:
    one = JournalTable("First", Column("s"), (Column("a"),), (Row("r", ("1",)),))
    two = JournalTable("Second", Column("s"), tuple(map(Column, "abcdefg")), ())
    document = docx.Document(io.BytesIO(word_document("effects", [one, two])))
    assert len(document.tables) == len(document.sections) == 2
    assert [p.text for p in document.paragraphs if p.text][:2] == ["First", "Second"]
    assert html_page("effects", [one, two]).count("<table") == 2
    assert latex_source("effects", [one, two]).count("\\begin{longtable}") == 2
    assert latex_source("effects", [one, two]).count("\\begin{landscape}") == 1


@pytest.mark.parametrize(
    ("package", "make"),
    [("great_tables", html_page), ("great_tables", latex_source), ("docx", word_document)],
)
def test_a_missing_library_is_named(
    package: str, make: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    table = JournalTable("x", Column("s"), (Column("a"),), (Row("r", ("1",)),))
    with pytest.raises(UsageError, match=r"install bayesasthma\[journal\]"):
        make("effects", [table])  # type: ignore[operator]
