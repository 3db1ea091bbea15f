"""A picture of the report: a figure as PNG bytes, for a page and for a phone, with its words."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

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


def draw(name: str, section: str, alt: str, caption: str, figure: Draw, *args: Any) -> Picture:
    """Draw a figure twice, ``figure(*args)`` for a page and ``narrow=True`` for a phone."""
    wide, size = _png(figure(*args), WIDE_DPI)
    narrow, narrow_size = _png(figure(*args, narrow=True), NARROW_DPI)
    return Picture(name, section, alt, caption, wide, size, narrow, narrow_size)


def single(name: str, section: str, alt: str, caption: str, figure: Figure) -> Picture:
    """A figure that serves page and phone alike."""
    wide, size = _png(figure, WIDE_DPI)
    return Picture(name, section, alt, caption, wide, size)


def _png(figure: Figure, dpi: int) -> tuple[bytes, tuple[int, int]]:
    stream = io.BytesIO()
    # no software version in the file: the same results give the same bytes
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    width, height = figure.get_size_inches() * dpi
    return stream.getvalue(), (int(width), int(height))


def _uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
