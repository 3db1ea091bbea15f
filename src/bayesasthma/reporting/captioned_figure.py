"""A picture of the report: a figure as PNG bytes, for a page and for a phone, with its words."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from bayesasthma.dispatch.side_by_side import nothing, side_by_side

WIDE_DPI, NARROW_DPI = 125, 180

Draw = Callable[..., Figure]


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
    wide, narrow : bytes
        PNG for a page and for a phone; ``narrow`` is empty if one serves both.
    size, narrow_size : (int, int)
        Pixels across and down.
    """

    name: str
    section: str
    alt: str
    caption: str
    wide: bytes
    size: tuple[int, int]
    narrow: bytes = b""
    narrow_size: tuple[int, int] = (0, 0)

    @property
    def wide_uri(self) -> str:
        """The wide picture as a ``data:`` address."""
        return _uri(self.wide)

    @property
    def narrow_uri(self) -> str:
        """The narrow picture as a ``data:`` address."""
        return _uri(self.narrow)


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

    def picture(self, drawn: list[tuple[bytes, tuple[int, int]]]) -> Picture:
        """The picture, of PNGs and sizes in the order of `sheets`."""
        (wide, size), (narrow, narrow_size) = (*drawn, (b"", (0, 0)))[:2]
        return Picture(
            self.name, self.section, self.alt, self.caption, wide, size, narrow, narrow_size
        )

    def sheets(self) -> list[Callable[[], tuple[bytes, tuple[int, int]]]]:
        """What is to be drawn: for a page, then for a phone if that is another figure."""
        found = [lambda: encoded(self.wide(), WIDE_DPI)]
        if (narrow := self.narrow) is not None:
            found.append(lambda: encoded(narrow(), NARROW_DPI))
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
    sheets = [drawing.sheets() for drawing in drawings]
    value, drawn = side_by_side([sheet for own in sheets for sheet in own], here)
    left = iter(drawn)
    pictures = [
        drawing.picture([next(left) for _ in own])
        for drawing, own in zip(drawings, sheets, strict=True)
    ]
    return value, pictures


def encoded(figure: Figure, dpi: int) -> tuple[bytes, tuple[int, int]]:
    """A figure as PNG, and its pixels across and down."""
    stream = io.BytesIO()
    if (engine := figure.get_layout_engine()) is not None:
        # saving would draw everything once for the layout alone, and throw the drawing away
        figure.dpi = dpi
        engine.execute(figure)
        figure.set_layout_engine("none")
    # no software version in the file: the same results give the same bytes
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    width, height = figure.get_size_inches() * dpi
    return stream.getvalue(), (int(width), int(height))


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
