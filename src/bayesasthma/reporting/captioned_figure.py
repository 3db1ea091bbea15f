"""A picture of the report: a figure as SVG or PNG, for a page and for a phone, with its words."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import matplotlib as mpl
import numpy as np
from markupsafe import Markup
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path
from matplotlib.text import Text
from PIL import Image

from bayesasthma.dispatch.side_by_side import nothing, side_by_side
from bayesasthma.reporting.compact_svg import compact, letters

WIDE_DPI, NARROW_DPI = 125, 180
#: Colours of a PNG. Edges of letters and lines need some; more are not seen, and weigh.
COLOURS = 64
#: Bytes that an SVG may be expected to have; beyond, a PNG of the same figure is smaller.
SVG_LIMIT = 66_000
#: Bytes of an SVG, as `compact` leaves it: of a point, of a path or marker, of a piece of text.
POINT, PATH, WORDS = 10, 42, 90
NO_MARKER = {"None", "none", "", " ", None}
SVG_SETTINGS: Any = {"svg.fonttype": "none", "svg.hashsalt": "bayesasthma"}

Draw = Callable[..., Figure]


@dataclass(frozen=True)
class Sheet:
    """A figure as it stands in a page or a file.

    Attributes
    ----------
    content : bytes
    suffix : str
        ``svg`` or ``png``, whichever is smaller within a page.
    size : (int, int)
        Pixels across and down.
    """

    content: bytes
    suffix: str
    size: tuple[int, int]

    def markup(self, alt: str, name: str) -> Markup:
        """The element that shows it, of the class ``name``, which asks for nothing elsewhere."""
        if self.suffix == "svg":
            text = self.content.decode().replace('class="', f'class="{name} ', 1)
            return Markup(text)  # noqa: S704
        data = base64.b64encode(self.content).decode("ascii")
        width, height = self.size
        return Markup(  # noqa: S704
            f'<img class="{name}" src="data:image/png;base64,{data}" alt="{html.escape(alt)}" '
            f'width="{width}" height="{height}" decoding="async">'
        )


@dataclass(frozen=True)
class Picture:
    """A figure of the report.

    Attributes
    ----------
    name : str
        Of its file, without the suffix.
    section : str
        Where in the report it stands.
    alt, caption : str
        What a reader who cannot see it is told, and what stands below it.
    wide : Sheet
        For a page.
    narrow : Sheet or None
        For a phone; None if one serves both.
    """

    name: str
    section: str
    alt: str
    caption: str
    wide: Sheet
    narrow: Sheet | None = None

    @property
    def markup(self) -> Markup:
        """What shows it: one sheet, or two of which a page shows the one that suits its width."""
        if self.narrow is None:
            return self.wide.markup(self.alt, "for-both")
        wide, narrow = (
            sheet.markup(self.alt, name)
            for sheet, name in ((self.wide, "for-page"), (self.narrow, "for-phone"))
        )
        return wide + narrow


@dataclass(frozen=True)
class Drawing:
    """A figure of the report that is still to be drawn.

    Attributes
    ----------
    name, section, alt, caption : str
        See `Picture`.
    wide : callable
        Makes the figure for a page.
    narrow : callable or None
        Makes the one for a phone; None if the same serves both.
    """

    name: str
    section: str
    alt: str
    caption: str
    wide: Callable[[], Figure]
    narrow: Callable[[], Figure] | None = None

    def picture(self, drawn: list[Sheet]) -> Picture:
        """The picture, of sheets in the order of `sheets`."""
        return Picture(self.name, self.section, self.alt, self.caption, *drawn)

    def sheets(self, first: int) -> list[Callable[[], Sheet]]:
        """What is to be drawn: for a page, then for a phone if that is another figure.

        ``first`` is the place of the first of them among all sheets of the page.
        """
        found = [lambda: _sheet(self.wide(), WIDE_DPI, letters(first), self.alt)]
        if (narrow := self.narrow) is not None:
            found.append(lambda: _sheet(narrow(), NARROW_DPI, letters(first + 1), self.alt))
        return found


def draw(name: str, section: str, alt: str, caption: str, figure: Draw, *args: Any) -> Drawing:
    """A figure in two forms, ``figure(*args)`` for a page and ``narrow=True`` for a phone."""
    wide, narrow = partial(figure, *args), partial(figure, *args, narrow=True)
    return Drawing(name, section, alt, caption, wide, narrow)


def single(name: str, section: str, alt: str, caption: str, figure: Draw, *args: Any) -> Drawing:
    """A figure that serves page and phone alike, ``figure(*args)``."""
    return Drawing(name, section, alt, caption, partial(figure, *args))


def paint[T](
    drawings: Sequence[Drawing],
    here: Callable[[], T] = nothing,  # type: ignore[assignment]
) -> tuple[T, list[Picture]]:
    """Draw figures over this machine's cores, and do something else in this process meanwhile.

    Returns
    -------
    value
        Of ``here``.
    pictures : list of Picture
        In the order of the drawings.
    """
    sheets = [drawing.sheets(2 * place) for place, drawing in enumerate(drawings)]
    value, drawn = side_by_side([sheet for own in sheets for sheet in own], here)
    left = iter(drawn)
    pictures = [
        drawing.picture([next(left) for _ in own])
        for drawing, own in zip(drawings, sheets, strict=True)
    ]
    return value, pictures


def _sheet(figure: Figure, dpi: int, prefix: str, alt: str) -> Sheet:
    """The figure as SVG, or as PNG where that is smaller."""
    canvas = FigureCanvasAgg(figure)
    if (engine := figure.get_layout_engine()) is not None:
        # saving would draw everything once for the layout alone, and throw the drawing away
        figure.dpi = dpi
        engine.execute(figure)
        figure.set_layout_engine("none")
    if svg_bytes(figure) <= SVG_LIMIT:
        width, height = figure.get_size_inches() * 96
        return Sheet(_svg(figure, prefix, alt).encode(), "svg", (round(width), round(height)))
    figure.dpi = dpi
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    image = Image.fromarray(pixels).convert("RGB")
    stream = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
    return Sheet(stream.getvalue(), "png", image.size)


def svg_bytes(figure: Figure) -> int:
    """About how many bytes a figure has as SVG, from what is to be drawn."""
    total = 0
    for line in figure.findobj(Line2D):
        if line.get_marker() not in NO_MARKER:
            total += PATH * _points(line.get_path())
        if line.get_linestyle() not in NO_MARKER:
            path = line.get_path().cleaned(line.get_transform(), simplify=True)
            total += PATH + POINT * _points(path)
    for item in figure.findobj(Collection):
        total += sum(PATH + POINT * _points(path) for path in item.get_paths())
        total += PATH * np.asarray(item.get_offsets()).shape[0]
    return total + WORDS * len(figure.findobj(Text))


def _points(path: Path) -> int:
    return int(np.asarray(path.vertices).shape[0])


def _svg(figure: Figure, prefix: str, alt: str) -> str:
    stream = io.StringIO()
    with mpl.rc_context(SVG_SETTINGS):
        # no date in the file: the same results give the same bytes
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return compact(stream.getvalue(), prefix, alt)
