"""The specification curve: every defensible way of reading a study, fitted and set side by side."""

from __future__ import annotations

from bayesasthma.specification_curve.curve import (
    Sensitivity,
    load_sensitivity,
    range_text,
    sensitivity,
)
from bayesasthma.specification_curve.grid import Grid, default_grid, parse_grid, read_grid
from bayesasthma.specification_curve.run import CURVE_OPTIONS, curve_options

__all__ = [
    "CURVE_OPTIONS",
    "Grid",
    "Sensitivity",
    "curve_options",
    "default_grid",
    "load_sensitivity",
    "parse_grid",
    "range_text",
    "read_grid",
    "sensitivity",
]
