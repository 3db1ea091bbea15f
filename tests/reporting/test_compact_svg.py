"""A compact SVG draws what Matplotlib's does, in fewer bytes, and holds nothing that runs."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree as ET

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayesasthma.plots.style import blank, tip
from bayesasthma.reporting.captioned_figure import SVG_SETTINGS
from bayesasthma.reporting.compact_svg import _coordinates, compact, letters

HOSTILE = "</title><script>alert(1)</script>"


def raw() -> str:
    figure = blank(4, 3)
    axis = figure.subplots()
    axis.plot([0, 1, 2, 3], [0, 2, 1, 3], "o-", color="#0072B2", label=HOSTILE)
    axis.fill_between([0, 1, 2], [0, 1, 0], [1, 2, 1], alpha=0.2)
    axis.set_ylabel("points")
    axis.legend()
    tip(axis, 1.0, 2.0, f"at 1: 2 {HOSTILE}")
    stream = io.StringIO()
    with mpl.rc_context(SVG_SETTINGS):
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return stream.getvalue()


@pytest.fixture(scope="module")
def both() -> tuple[str, str]:
    whole = raw()
    return whole, compact(whole, "zq", "a figure")


def test_smaller_with_the_same_words(both: tuple[str, str]) -> None:
    whole, small = both
    assert len(small) < 0.5 * len(whole)
    texts = [
        [element.text for element in ET.fromstring(text).iter() if element.tag.endswith("text")]
        for text in both
    ]
    assert texts[0] == texts[1]
    # nothing drawn is lost
    for tag in ("path", "use", "text"):
        assert len(re.findall(rf"<{tag}\b", small)) == len(re.findall(rf"<{tag}\b", whole))


def test_every_reference_is_met_and_every_name_is_its_own(both: tuple[str, str]) -> None:
    root = ET.fromstring(both[1])
    ids = {e.attrib["id"] for e in root.iter() if "id" in e.attrib}
    asked = set(re.findall(r"url\(#([^)]+)\)", both[1]))
    asked |= {e.attrib["href"][1:] for e in root.iter() if "href" in e.attrib}
    assert asked == ids
    classes = {name for e in root.iter() for name in e.attrib.get("class", "").split()}
    assert all(name.startswith("zq") for name in ids | classes)
    styled = set(re.findall(r"\.(zq\d+)\{", both[1]))
    assert classes == styled


def test_tooltips_tell_and_nothing_runs(both: tuple[str, str]) -> None:
    root = ET.fromstring(both[1])
    titles = [e.text for e in root.iter() if e.tag.endswith("title")]
    assert titles == [f"at 1: 2 {HOSTILE}"]
    assert not [e for e in root.iter() if e.tag.endswith("script")]
    assert "<script" not in both[1]


numbers = st.floats(-2000, 2000, allow_nan=False).map(lambda x: float(f"{x:.5f}"))


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=8))
def test_paths_keep_a_tenth_of_a_point(points: list[tuple[float, float]]) -> None:
    path = "M " + " \nL ".join(f"{x:.5f} {y:.5f}" for x, y in points) + " \nz \n"
    short = _coordinates(path)
    assert short.startswith("M")
    assert short.endswith("z")
    found = [float(text) for text in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", short)]
    assert len(found) == 2 * len(points)
    for value, (x, y) in zip(zip(found[::2], found[1::2], strict=True), points, strict=True):
        assert value == pytest.approx((x, y), abs=0.051)


def test_prefixes_of_letters_never_repeat() -> None:
    names = [letters(k) for k in range(1500)]
    assert len(set(names)) == len(names)
    assert all(name.isalpha() for name in names)
