"""Figures become pictures, over several processes or one, with the same bytes."""

from __future__ import annotations

import io

import pytest
from matplotlib.figure import Figure

from bayesasthma.plots.style import panels
from bayesasthma.reporting import captioned_figure
from bayesasthma.reporting.captioned_figure import WIDE_DPI, draw, paint, single


def figure(height: float, *, narrow: bool = False) -> Figure:
    own, axes = panels(3, narrow=narrow, wide_columns=3)
    for axis in axes:
        axis.plot([0, 1], [0, height], label="a line")
        axis.set_xlabel("a long label\nof two lines")
        axis.set_title("title")
    own.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left")
    own.supxlabel("shared", fontsize=8.5)
    return own


def test_a_picture_is_what_savefig_writes() -> None:
    _, (picture,) = paint([single("one", "sampler", "alt", "caption", figure, 2.0)])
    stream = io.BytesIO()
    figure(2.0).savefig(stream, format="png", dpi=WIDE_DPI, metadata={"Software": None})
    assert picture.wide == stream.getvalue()
    assert picture.narrow == b""
    assert picture.size == (round(9.6 * WIDE_DPI), round(2.45 * WIDE_DPI))


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
    assert len({picture.wide for picture in apart} | {picture.narrow for picture in apart}) == 6
