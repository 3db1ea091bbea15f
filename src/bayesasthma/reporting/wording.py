"""Numbers and short phrases as the report prints them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bayesasthma.comparison.quotes import decimals
from bayesasthma.plots.style import pretty_unit
from bayesasthma.results.summaries import format_probability

MINUS = "−"


def number(value: float, places: int) -> str:
    """A number with a true minus sign; "n/a" if it is not finite."""
    if not np.isfinite(value):
        return "n/a"
    text = f"{value:.{places}f}"
    return text.replace("-", MINUS) if float(text) else text.lstrip("-")


def interval(mean: float, low: float, high: float, places: int) -> str:
    """``2.7 (1.3 to 4.2)``."""
    return f"{number(mean, places)} ({number(low, places)} to {number(high, places)})"


def estimate(row: pd.Series) -> str:
    """Mean and interval of a row of ``effects.csv``, to two digits of its posterior SD."""
    places = decimals(float(row["sd"]))
    return interval(float(row["mean"]), float(row["ci_low"]), float(row["ci_high"]), places)


def chance(p: Any, ess: Any) -> str:
    """A probability that a share of draws estimates, to the digits that its error carries."""
    p, ess = float(p), float(ess)
    if not np.isfinite(p) or not np.isfinite(ess):
        return "n/a"
    smoothed = (p * ess + 0.5) / (ess + 1)
    return format_probability(p, float(np.sqrt(smoothed * (1 - smoothed) / ess)))


def p_value(p: Any) -> str:
    """A recomputed p-value to two significant digits."""
    p = float(p)
    if not np.isfinite(p):
        return ""
    if p < 0.0001:
        return "< 0.0001"
    return f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def mcid_text(mcid: Any, kind: Any, unit: str) -> str:
    """``20 %`` or ``0.5 points``; empty if there is none."""
    if not np.isfinite(float(mcid)):
        return ""
    gap = "\N{NO-BREAK SPACE}"
    if kind == "relative":
        return f"{100 * float(mcid):g}{gap}%"
    return f"{mcid:g}{gap}{pretty_unit(unit)}"


def percent(value: float) -> str:
    """A share of draws or patients as a whole percentage; never 0 or 100 %."""
    if value < 0.01:
        return "< 1 %"
    return "> 99 %" if value > 0.99 else f"{100 * value:.0f} %"


def listed(items: Sequence[object], last: str = "and") -> str:
    """``a, b and c``."""
    words = [str(item) for item in items]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """``1 outcome``, ``2 outcomes``."""
    return f"{count} {noun if count == 1 else nouns or noun + 's'}"
