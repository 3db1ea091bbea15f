"""Numbers as printed, and the reading of one file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesasthma.study._printed_numbers import why_not_a_number
from bayesasthma.study._sheets import Collector, Sheet, parse_number, parse_p, read_sheet


@given(st.integers(-(10**9), 10**9), st.integers(0, 6))
def test_the_step_is_the_last_printed_place(digits: int, places: int) -> None:
    printed = (
        str(Decimal(digits).scaleb(-places)) if places == 0 else f"{digits / 10**places:.{places}f}"
    )
    number = parse_number(printed)
    assert number is not None
    assert number.value == float(printed)
    assert number.step == float(f"1e-{places}")


@given(st.integers(-(10**6), 10**6), st.integers(0, 4), st.integers(0, 5))
def test_trailing_zeros_change_the_step_and_not_the_value(
    digits: int, places: int, zeros: int
) -> None:
    printed = f"{digits / 10**places:.{places}f}"
    longer = printed + ("." if places == 0 and zeros else "") + "0" * zeros
    short, long = parse_number(printed), parse_number(longer)
    assert short is not None
    assert long is not None
    assert long.value == short.value
    assert long.step == pytest.approx(short.step * 10.0**-zeros, rel=1e-12)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_of_a_usable_size_is_read_back(value: float) -> None:
    number = parse_number(repr(value))
    if value and not 1e-30 <= abs(value) <= 1e30:
        assert number is None
        return
    if number is None:  # its last digit stands too far behind the point
        assert abs(value) < 1e-10
        return
    assert number.value == value
    assert number.step >= 0


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6))
def test_rounding_stays_within_half_a_step(value: float) -> None:
    number = parse_number(f"{value:.2f}")
    assert number is not None
    assert abs(number.value - value) <= number.step / 2 * (1 + 1e-6)


@pytest.mark.parametrize(
    ("printed", "value", "step"),
    [
        ("16.8", 16.8, 0.1),
        ("0.040", 0.04, 0.001),
        ("17", 17.0, 1.0),
        ("17.", 17.0, 1.0),
        (".5", 0.5, 0.1),
        ("1.50e2", 150.0, 1.0),
        ("2e3", 2000.0, 1000.0),
        ("+3", 3.0, 1.0),
        ("\N{MINUS SIGN}1.2", -1.2, 0.1),
        (" 4.0 ", 4.0, 0.1),
    ],
)
def test_printed_numbers(printed: str, value: float, step: float) -> None:
    number = parse_number(printed)
    assert number is not None
    assert (number.value, number.step) == (value, step)


@pytest.mark.parametrize(
    "text",
    [
        *("", "abc", "1,5", "1.2.3", "1e", "--1", "nan", "inf", "-inf", "1e999", "0x10", "1_000"),
        *("٣", "4.0 ± 1.0", "16.7%", "<5", "10 00", "1e99999"),
    ],
)
def test_what_is_no_number(text: str) -> None:
    assert parse_number(text) is None
    assert why_not_a_number(text).startswith("a")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("16,8", "point"),
        ("16.٨", "digits 0 to 9, not '٨'"),
        ("16.8 ± 4.3", "column each"),
        ("16.7%", "percent sign"),
        ("<0.1", "bound"),
        ("NA", "blank"),
        ("1e999", "finite"),
        ("inf", "finite"),
    ],
)
def test_the_likely_reason_is_named(text: str, hint: str) -> None:
    assert hint in why_not_a_number(text)


@given(
    st.integers(0, 1000),
    st.sampled_from(["", "<", ">", "="]),
    st.sampled_from(["", "*", "**"]),
    st.booleans(),
)
def test_printed_p_values(thousandths: int, operator: str, stars: str, before: bool) -> None:
    number = f"{thousandths / 1000:.3f}"
    text = stars + operator + number if before else operator + number + stars
    parsed = parse_p(text)
    if (operator == "<" and thousandths == 0) or (operator == ">" and thousandths == 1000):
        assert parsed is None
        return
    assert parsed is not None
    assert parsed.value == thousandths / 1000
    assert parsed.operator == (operator or "=")
    assert parsed.starred == bool(stars)
    assert parsed.decimals == 3


@pytest.mark.parametrize(
    "text", ["", "N", "*", "<", "1.1", "-0.1", ">1", "<0", "≤0", "2%", "0,02", "0.0٢", "s.n."]
)
def test_what_is_no_p_value(text: str) -> None:
    assert parse_p(text) is None


@pytest.mark.parametrize("text", ["p = 0.02", "P<0.02", "p=0.02*", "* <0.02", "0.02 *", ".02"])
def test_p_values_as_sentences_have_them(text: str) -> None:
    parsed = parse_p(text)
    assert parsed is not None
    assert parsed.value == 0.02
    assert parsed.decimals == 2


def read(tmp_path: Path, text: str | bytes) -> tuple[Sheet | None, list[str], Collector]:
    path = tmp_path / "x.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    collector = Collector()
    sheet = read_sheet(path, ("a", "b"), ("c",), collector, {})
    return sheet, [str(problem) for problem in collector.problems], collector


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    sheet, problems, _ = read(tmp_path, 'a,b\n\n1,"two\nlines"\n,,\n3,4\n')
    assert problems == []
    assert sheet is not None
    assert [row.line for row in sheet] == [3, 6]
    assert sheet.rows[0].text("b") == "two\nlines"


@pytest.mark.parametrize(
    "text", ["a,b\r\n1,2\r\n", "a,b\r1,2\r", "\ufeffa,b\n1,2", "a,b,,\n1,2,,\n", "a , b\n 1,2 \n"]
)
def test_what_spreadsheets_leave_behind_is_read(tmp_path: Path, text: str) -> None:
    sheet, problems, _ = read(tmp_path, text)
    assert problems == []
    assert sheet is not None
    assert [(row.text("a"), row.text("b")) for row in sheet] == [("1", "2")]


def test_a_missing_column_is_reported_once_and_the_others_are_read(tmp_path: Path) -> None:
    sheet, problems, collector = read(tmp_path, "a,c\n1,2\n3,4\n")
    assert len(problems) == 1
    assert "column b" in problems[0]
    assert sheet is not None
    for row in sheet:
        row.required("b")
        row.number("a", high=2)
    assert [(p.row, p.column) for p in collector.problems] == [(1, "b"), (3, "a")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("a;b\n1;2\n", "commas"),
        ("a\tb\n1\t2\n", "commas"),
        ("a,b,d\n1,2,3\n", "a column among"),
        ("a,b,a\n1,2,3\n", "each column once"),
        ("a,b\n1\n", "2 cells"),
        ("a,b\n1,2,3\n", "decimal comma"),
        ('a,b\n1,"2\n', "well-formed CSV"),
        (b"a,b\n1,\xe9\n", "UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-8"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, text: str | bytes, words: str) -> None:
    _, problems, _ = read(tmp_path, text)
    assert len(problems) == 1
    assert words in problems[0]
    assert str(tmp_path) not in problems[0]


def test_a_misspelled_column_is_suggested(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("outcome,meen\n1,2\n")
    collector = Collector()
    read_sheet(path, ("outcome", "mean"), (), collector, {})
    assert any("did you mean 'mean'?" in str(problem) for problem in collector.problems)
