"""Forest plot of a pooled reaction: each study's counts alone and in the pool, mean, new study."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from bayesasthma.inference.event_groups import DIRECTION_NAMES
from bayesasthma.plots.forest import ROWS, forest_of_rows
from bayesasthma.plots.style import STYLE

#: Sign of a benefit of log odds ratios, by the direction of the event.
SIGNS = {name: float(sign) for sign, name in DIRECTION_NAMES.items()}


def event_tau(row: pd.Series) -> str:
    """``0.39 (0.05 to 1.2)`` of tau's posterior, on the log scale: median and 95 % interval."""
    return f"{row['tau_median']:.2f} ({row['tau_q025']:.2f} to {row['tau_q975']:.2f})"


def event_rows(row: pd.Series, studies: pd.DataFrame) -> pd.DataFrame:
    """What a forest shows of a reaction, from top to bottom, in log odds ratios.

    Parameters
    ----------
    row : Series
        Of ``pooled_events.csv``.
    studies : DataFrame
        Rows of ``pooled_events_studies.csv`` of the same reaction.

    Returns
    -------
    DataFrame
        As of :func:`bayesasthma.plots.forest.forest_rows`; the middles are medians.
    """
    names = ("or_median", "or_q025", "or_q975", "woolf_or", "woolf_low", "woolf_high")
    rows = [
        ("study", str(own["study"]), own["control_n"] + own["treated_n"],
         *(float(np.log(own[name])) for name in names))
        for own in studies.to_dict("records")
    ]  # fmt: skip
    none = (np.nan,) * 3
    mean = (float(np.log(row[name])) for name in names[:3])
    new = (float(np.log(row[f"predictive_{name}"])) for name in names[:3])
    rows.append(("mean", "Mean effect", row["n_patients"], *mean, *none))
    rows.append(("new", "A new study", np.nan, *new, *none))
    return pd.DataFrame(rows, columns=ROWS)


@mpl.rc_context(STYLE)
def event_forest(row: pd.Series, studies: pd.DataFrame, *, narrow: bool = False) -> Figure:
    """Forest plot of the odds ratios of one reaction; see `event_rows`.

    Parameters
    ----------
    row, studies
        As for `event_rows`.
    narrow : bool
        For a phone.
    """
    how = xr.Dataset(
        attrs={"kind": "reaction", "log": 1, "mcid": np.nan, "unit": "log odds ratio",
               "direction": SIGNS[str(row["direction"])], "label": str(row["reaction"])}
    )  # fmt: skip
    title = f"{row['reaction']}. τ {event_tau(row)} on the log scale"
    alone = "counts alone (Woolf)"
    return forest_of_rows(event_rows(row, studies), how, title, alone=alone, narrow=narrow)
