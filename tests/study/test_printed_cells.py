"""Cells as papers print them: whatever the style, value and decimals come back."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bayesasthma.study._printed_cells import parse_count, parse_value
from bayesasthma.study._printed_numbers import Number, parse_number, parse_p

MINUSES = ["-", "\N{MINUS SIGN}", "\N{EN DASH}", "\ufe63"]
#: Decimal mark that the bundle states, mark as printed, separators of thousands that go with it.
MARKS = [
    (None, ".", ["", "\N{THIN SPACE}", "\N{NO-BREAK SPACE}", " ", "'"]),
    (None, "·", ["", "\N{NARROW NO-BREAK SPACE}"]),
    (".", ".", ["", ",", "\N{THIN SPACE}"]),
    (",", ",", ["", ".", "\N{NARROW NO-BREAK SPACE}"]),
    (",", "·", [""]),
]


@st.composite
def numbers(draw: st.DrawFn, *, positive: bool = False) -> tuple[int, int]:
    """Digits and decimals of a number."""
    low = 1 if positive else -(10**8)
    return draw(st.integers(low, 10**8)), draw(st.integers(0, 4))


def typeset(digits: int, places: int, mark: str, group: str, minus: str = "-") -> str:
    whole, rest = divmod(abs(digits), 10**places)
    text = f"{whole:,}".replace(",", group)
    if places:
        text += f"{mark}{rest:0{places}d}"
    return (minus if digits < 0 else "") + text


def same(number: Number | None, digits: int, places: int) -> bool:
    return (
        number is not None
        and math.isclose(number.value, digits / 10**places)
        and number.step == float(f"1e-{places}")
    )


@given(numbers(), st.sampled_from(MARKS), st.data())
def test_a_number_in_any_style_is_read_back(
    number: tuple[int, int], style: tuple[str | None, str, list[str]], data: st.DataObject
) -> None:
    decimal, mark, groups = style
    group, minus = data.draw(st.sampled_from(groups)), data.draw(st.sampled_from(MINUSES))
    text = typeset(*number, mark, group, minus)
    assert same(parse_number(text, decimal), *number), text


@given(numbers(), numbers(positive=True), st.sampled_from(MARKS), st.data())
def test_a_mean_and_sd_in_one_cell_are_read_back(
    mean: tuple[int, int],
    sd: tuple[int, int],
    style: tuple[str | None, str, list[str]],
    data: st.DataObject,
) -> None:
    decimal, mark, groups = style
    group = data.draw(st.sampled_from(groups))
    minus = data.draw(st.sampled_from(MINUSES))
    pattern, stated = data.draw(
        st.sampled_from(
            [
                *[
                    (p, "")
                    for p in ("{} ± {}", "{}±{}", "{} +/- {}", "{} ({})", "{}({})", "{} [{}]")
                ],
                *[("{} (SD {})", "sd"), ("{} (SE: {})", "se"), ("{} (±{})", ""), ("{} ± {}*", "")],
                *[("{} (SEM = {})†", "se"), ("{}* ({})", "")],
            ]
        )
    )
    text = pattern.format(typeset(*mean, mark, group, minus), typeset(*sd, mark, group))
    cell = parse_value(text, decimal)
    assert cell is not None, text
    assert same(cell.middle, *mean)
    assert same(cell.spread, *sd)
    assert (cell.interval, cell.stated) == (None, stated)


@given(numbers(), numbers(), numbers(), st.sampled_from(MARKS), st.data())
def test_an_interval_is_read_back_or_refused(
    mean: tuple[int, int],
    low: tuple[int, int],
    high: tuple[int, int],
    style: tuple[str | None, str, list[str]],
    data: st.DataObject,
) -> None:
    decimal, mark, groups = style
    group = data.draw(st.sampled_from(groups))
    minus = data.draw(st.sampled_from(MINUSES))
    between = data.draw(st.sampled_from([" to ", "; ", ", ", " - ", "–", "-", ","]))
    front, level = data.draw(st.sampled_from([("", None), ("95% CI ", 0.95), ("90 % CI: ", 0.9)]))
    brackets = data.draw(st.sampled_from(["()", "[]"]))
    ends = [typeset(*end, mark, group, minus) for end in (low, high)]
    inside = f"{brackets[0]}{front}{between.join(ends)}{brackets[1]}"
    text = f"{typeset(*mean, mark, group, minus)} {inside}"
    cell = parse_value(text, decimal)
    if between in {" to ", "; "}:
        assert cell is not None, text
    assume(cell is not None)
    assert cell is not None
    if between == decimal == "," and cell.interval is None:
        # (0,0) of a paper with decimal commas is one number
        assert same(cell.middle, *mean)
        assert parse_number(",".join(ends), decimal) == cell.spread
        return
    assert cell.interval is not None, text
    assert same(cell.middle, *mean)
    assert same(cell.interval[0], *low)
    assert same(cell.interval[1], *high)
    assert cell.ci_prob == level


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("16.8 [15.1, 18.5]", 15.1, 18.5),
        ("16.8 (15.1 to 18.5)", 15.1, 18.5),
        ("16.8 (15.1\N{EN DASH}18.5)", 15.1, 18.5),
        ("-0.20 (-0.36--0.04)", -0.36, -0.04),
        ("\N{MINUS SIGN}0.2 (\N{MINUS SIGN}0.4\N{EN DASH}\N{MINUS SIGN}0.1)", -0.4, -0.1),
        ("1.29, 95% CI -0.20 to 2.78", -0.20, 2.78),
    ],
)
def test_intervals_as_papers_print_them(text: str, low: float, high: float) -> None:
    cell = parse_value(text)
    assert cell is not None
    assert cell.interval is not None
    assert [end.value for end in cell.interval] == [low, high]


@pytest.mark.parametrize(
    ("text", "decimal"),
    [
        ("16.8", None),
        ("16.8 (15,18)", None),  # 15 to 18, or 15.18
        ("12 (10,234)", None),
        ("12 (1,234, 567, 890)", "."),
        ("16.8 ± 4.3", ","),
        ("16,8 ± 4,3", None),
        ("١٦.٨ ± 4.3", None),
        ("16.8 ± 4.3 (15.1 to 18.5)", None),
        ("16.8 ± ", None),
        ("(4.3)", None),
        ("a (b)", None),
        ("", None),
    ],
)
def test_what_cannot_be_told_apart_is_not_guessed(text: str, decimal: str | None) -> None:
    assert parse_value(text, decimal) is None


@given(st.integers(0, 500), st.integers(1, 500), st.integers(0, 3), st.data())
def test_counts_with_their_percentages_are_read_back(
    count: int, n: int, places: int, data: st.DataObject
) -> None:
    percent = f"{100 * count / (count + n):.{places}f}"
    form = data.draw(
        st.sampled_from(
            [
                *("{c}", "{c}/{n}", "{c} / {n}", "{c} of {n}", "{c}/{n} ({p}%)", "{c}/{n} ({p})"),
                *("{c} ({p}%)", "{c} ({p})", "{c} [{p} %]", "{p}% ({c}/{n})", "{c}/{n}, {p}%"),
                *("{c} ({p}%)*", "{c}({p}%)"),
            ]
        )
    )
    cell = parse_count(form.format(c=count, n=count + n, p=percent))
    assert cell is not None
    assert cell.count.value == count
    assert (cell.n is not None) == ("{n}" in form)
    assert cell.n is None or cell.n.value == count + n
    assert (cell.percent is not None) == ("{p}" in form)
    if cell.percent is not None:
        assert cell.percent.value == float(percent)
        assert cell.percent.step == float(f"1e-{places}")


@pytest.mark.parametrize(
    ("text", "value", "operator", "starred"),
    [
        ("NS", 0.05, ">", False),
        ("n.s.", 0.05, ">", False),
        ("p = NS", 0.05, ">", False),
        ("not significant", 0.05, ">", False),
        ("0.12 (NS)", 0.12, "=", False),
        ("\N{LESS-THAN OR EQUAL TO}0.001", 0.001, "<", False),
        ("<= .001", 0.001, "<", False),
        ("\N{GREATER-THAN OR EQUAL TO}0.05", 0.05, ">", False),
        ("P<0.001\N{DAGGER}", 0.001, "<", False),
        ("\N{DOUBLE DAGGER}0.04*", 0.04, "=", True),
        ("p = .03", 0.03, "=", False),
        ("P-value: 0.03", 0.03, "=", False),
        ("0·03", 0.03, "=", False),
        ("<0·0001", 0.0001, "<", False),
        ("<\N{THIN SPACE}0.01**", 0.01, "<", True),
    ],
)
def test_p_values_as_papers_print_them(
    text: str, value: float, operator: str, starred: bool
) -> None:
    parsed = parse_p(text)
    assert parsed is not None
    assert (parsed.value, parsed.operator, parsed.starred) == (value, operator, starred)


def test_ns_refers_to_the_level_that_the_paper_states() -> None:
    parsed = parse_p("NS", alpha=0.01)
    assert parsed is not None
    assert (parsed.value, parsed.operator, parsed.decimals) == (0.01, ">", 2)


@given(st.integers(0, 10_000), st.sampled_from(["=", "<", ">", "≤", "≥", ""]), st.booleans())
def test_p_values_in_any_style_are_read_back(digits: int, operator: str, leading: bool) -> None:
    text = f"{digits / 10_000:.4f}"
    text = text if leading or digits == 10_000 else text.removeprefix("0")
    asked = {"≤": "<", "≥": ">", "": "="}.get(operator, operator)
    for decimal, mark in ((None, "."), (None, "·"), (",", ",")):
        parsed = parse_p(f"P {operator} {text.replace('.', mark)}†", decimal=decimal)
        if (asked == "<" and digits == 0) or (asked == ">" and digits == 10_000):
            assert parsed is None
            continue
        assert parsed is not None
        assert (parsed.value, parsed.operator, parsed.decimals) == (digits / 10_000, asked, 4)


def test_the_cells_that_the_documentation_shows_are_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "bundles.md").read_text("utf-8")
    parts = re.split(r"^#+ ", page, flags=re.MULTILINE)[1:]
    means, counts, p_values = (
        next(part for part in parts if part.startswith(title))
        for title in ("Means", "Counts", "p-values")
    )
    rows = [line.split("|")[1] for line in means.splitlines() if line.startswith("| `")]
    shown = [cell for row in rows for cell in re.findall(r"`([0-9][^`]*)`", row)]
    assert len(shown) >= 12
    assert all(parse_value(cell) is not None for cell in shown), shown
    shown = re.findall(r"`([0-9][^`]*)`", counts)
    assert len(shown) >= 6
    assert all(parse_count(cell) is not None for cell in shown), shown
    shown = re.findall(r"`([^`]*[0-9][^`]*)`", p_values.partition("`≤`")[0])[1:]
    assert len(shown) >= 6
    assert all(parse_p(cell) is not None for cell in shown), shown


@pytest.mark.parametrize(
    "text", ["9" * 4300 + "x", "1 " * 2000 + "x", "1/" + "1" * 3000, "1 (" * 900, "1" + " - " * 900]
)
def test_endless_cells_take_no_time(text: str) -> None:
    start = time.process_time()
    assert parse_number(text) is None
    assert parse_value(text) is None
    assert parse_count(text) is None
    assert parse_p(text) is None
    assert time.process_time() - start < 1


def test_a_p_value_beyond_floats() -> None:
    assert parse_p("5e-2424") is None
    assert parse_p("1e-300") is not None
