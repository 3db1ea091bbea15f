"""Figures become pictures, over several processes or one, with the same bytes."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from bayesasthma.plots.style import panels
from bayesasthma.reporting import captioned_figure
from bayesasthma.reporting.captioned_figure import (
    SVG_LIMIT,
    WIDE_DPI,
    draw,
    paint,
    single,
    svg_bytes,
)


def figure(height: float, *, narrow: bool = False) -> Figure:
    own, axes = panels(3, narrow=narrow, wide_columns=3)
    for axis in axes:
        axis.plot([0, 1], [0, height], label="a line")
        axis.set_xlabel("a long label\nof two lines")
        axis.set_title("title")
    own.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left")
    own.supxlabel("shared", fontsize=8.5)
    return own


def one_panel(*, narrow: bool = False) -> Figure:
    own, (axis,) = panels(1, narrow=narrow, wide_columns=1)
    axis.plot([0, 1], marker="o")
    return own


def noisy(seed: int) -> Figure:
    """Too many points for an SVG."""
    own, axes = panels(3, narrow=False, wide_columns=3)
    for axis in axes:
        axis.plot(np.random.default_rng(seed).normal(size=20_000), linewidth=0.5)
    return own


def test_few_points_make_an_svg_of_the_page_and_many_a_png() -> None:
    _, (light, heavy) = paint(
        [
            single("one", "sampler", "alt <text>", "caption", figure, 2.0),
            single("two", "sampler", "alt", "caption", noisy, 1),
        ]
    )
    assert (light.wide.suffix, heavy.wide.suffix) == ("svg", "png")
    assert light.narrow is None
    assert svg_bytes(figure(2.0)) < SVG_LIMIT < svg_bytes(noisy(1))
    root = ET.fromstring(light.wide.content)
    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == "alt <text>"
    assert "a long label" in " ".join(root.itertext())
    assert light.wide.size == (round(9.6 * 96), round(2.45 * 96))
    assert 'class="for-both' in light.markup
    assert "alt &lt;text&gt;" in light.markup
    assert 'src="data:image/png;base64,' in heavy.markup


def test_a_png_of_few_colours_shows_what_savefig_writes() -> None:
    _, (picture,) = paint([single("one", "sampler", "alt", "caption", noisy, 2)])
    stream = io.BytesIO()
    noisy(2).savefig(stream, format="png", dpi=WIDE_DPI)
    whole, own = (
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=float)
        for data in (stream.getvalue(), picture.wide.content)
    )
    assert own.shape == whole.shape
    assert picture.wide.size == (own.shape[1], own.shape[0])
    assert np.abs(own - whole).mean() < 2
    assert len(picture.wide.content) < 0.6 * len(stream.getvalue())


def test_pictures_do_not_depend_on_who_draws_them(monkeypatch: pytest.MonkeyPatch) -> None:
    drawings = [draw(f"figure{k}", "effects", "alt", "caption", figure, 1.0 + k) for k in range(3)]
    value, apart = paint(drawings, lambda: "here")
    assert value == "here"
    monkeypatch.setattr(
        captioned_figure,
        "side_by_side",
        lambda tasks, here: (here(), [task() for task in tasks]),
    )
    _, alone = paint(drawings)
    assert alone == apart
    assert [picture.name for picture in apart] == ["figure0", "figure1", "figure2"]
    sheets = [sheet for picture in apart for sheet in (picture.wide, picture.narrow)]
    assert len({sheet.content for sheet in sheets if sheet is not None}) == 6


def test_ids_and_classes_of_a_page_are_all_different() -> None:
    # more sheets than there are letters
    drawings = [draw(f"figure{k}", "effects", "alt", "caption", one_panel) for k in range(14)]
    _, pictures = paint(drawings)
    ids = [
        element.attrib["id"]
        for picture in pictures
        for sheet in (picture.wide, picture.narrow)
        if sheet is not None
        for element in ET.fromstring(sheet.content).iter()
        if "id" in element.attrib
    ]
    assert len(ids) == len(set(ids)) > 100
