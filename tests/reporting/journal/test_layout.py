"""Tables without markup: their shape, the marks of footnotes, text that every format can hold."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesasthma.reporting.journal.layout import (
    NOT_QUOTED,
    Column,
    JournalTable,
    Row,
    Rows,
    printable,
)


def table(*rows: Row, groups: tuple[str, ...] = ()) -> JournalTable:
    columns = (Column("A", "first"), Column("B"), Column("C", "second"), Column("D", "first"))
    return JournalTable("Title", Column("Stub"), columns, rows, groups)


def test_columns_with_the_same_note_share_its_mark() -> None:
    made = table()
    assert made.notes == {"first": "a", "second": "b"}
    assert [made.mark(column) for column in made.columns] == ["a", "", "b", "a"]


def test_a_row_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="'short': 3 cells, not 4"):
        table(Row("short", ("1", "2", "3")))
    with pytest.raises(ValueError, match="'lost': no group 0"):
        table(Row("lost", ("1", "2", "3", "4"), 0))


def test_a_withheld_row_makes_the_table_say_so() -> None:
    cells = ("1", "2", "3", "4")
    assert table(Row("fine", cells)).quoted
    assert not table(Row("fine", cells), Row("failed", ("1", NOT_QUOTED, "–", "–"))).quoted


def test_rows_stand_under_the_last_heading() -> None:
    rows = Rows()
    rows.add("before", ["1"])
    rows.begin("First")
    rows.add("within", ["2"])
    rows.begin("Second")
    rows.add("last", ["3"])
    assert [row.group for row in rows.rows] == [None, 0, 1]
    assert rows.groups == ["First", "Second"]


@given(st.text())
def test_printable_text_is_one_line_without_what_documents_cannot_hold(text: str) -> None:
    kept = printable(text)
    assert printable(kept) == kept
    assert kept == kept.strip(" ")
    assert "  " not in kept
    assert not {unicodedata.category(char) for char in kept} & {"Cc", "Cs", "Co", "Cn"}
    assert "\u2028" not in kept
    # nothing that can be read is lost
    letters = [char for char in text if unicodedata.category(char)[0] in "LNPS"]
    assert [char for char in kept if unicodedata.category(char)[0] in "LNPS"] == letters


def test_printable_keeps_words_apart() -> None:
    assert printable("a\tb\nc\x00d\ue000e  f") == "a b cde f"
