"""Reports whose figures are made but not rendered, for tests of what stands around the figures.

Laying figures out and writing them takes most of the time of a report. Where their words are looked
at, those are in the page nevertheless.
"""

from __future__ import annotations

import html

import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from bayesasthma.reporting import captioned_figure
from bayesasthma.reporting.captioned_figure import Sheet
from bayesasthma.reporting.diagnostic_report import page


def words(figure: Figure, _dpi: int, _prefix: str = "", _alt: str = "") -> Sheet:
    """The texts of a figure in place of the figure."""
    texts = [own.get_text() for own in figure.findobj(Text)]
    content = f'<svg class="words"><desc>{html.escape(" ".join(texts))}</desc></svg>'
    return Sheet(content.encode(), "svg", (1, 1))


def leave_unrendered(patch: pytest.MonkeyPatch) -> None:
    """Until the patch is undone, figures of reports and diagnostic pages are their words."""
    patch.setattr(captioned_figure, "_sheet", words)
    patch.setattr(page, "as_png", words)
