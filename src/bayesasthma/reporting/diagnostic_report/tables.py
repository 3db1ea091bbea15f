"""Tables of a diagnostic page: ArviZ's summary by block, blocks, and the sampler's statistics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.inference.diagnostics import BFMI_MIN
from bayesasthma.reporting.diagnostic_report.scalars import (
    Quantity,
    block_table,
    draws_of,
    values_of,
)
from bayesasthma.results.printed_digits import rounded, supported_decimals

SAMPLE = ("chain", "draw")
#: Columns of ArviZ's summary, as headings.
HEADINGS = {
    "mean": "mean",
    "sd": "SD",
    "eti95_lb": "2.5 %",
    "eti95_ub": "97.5 %",
    "ess_bulk": "bulk ESS",
    "ess_tail": "tail ESS",
    "r_hat": "R-hat",
    "mcse_mean": "MCSE of the mean",
    "mcse_sd": "MCSE of the SD",
}


def summary_rows(
    data: xr.DataTree, scalars: pd.DataFrame, leading: Sequence[Quantity]
) -> list[tuple[str, list[list[str]]]]:
    """ArviZ's summary of the headline effects and of the worst scalar of every block.

    Returns
    -------
    list of (str, list of list of str)
        Title of a group, and its rows: label, then the columns of `HEADINGS`.
    """
    worst = []
    for row in block_table(scalars).to_dict("records"):
        own = scalars[scalars["label"] == row["worst"]].iloc[0]
        draws = draws_of(data, "posterior", str(own["block"]), int(own["position"]))
        assert draws is not None
        worst.append(Quantity(str(row["worst"]), "", draws))
    return [
        ("Headline effects at the last visit", _summary(leading)),
        ("Of every block the scalar with the fewest effective draws", _summary(worst)),
    ]


def _summary(chosen: Sequence[Quantity]) -> list[list[str]]:
    import arviz as az

    if not chosen:
        return []
    tree = xr.DataTree.from_dict({"posterior": values_of(chosen, [item.draws for item in chosen])})
    table = az.summary(tree, ci_prob=0.95, ci_kind="eti", round_to="none")
    return [
        [item.label, *(_number(name, row) for name in HEADINGS)]
        for item, (_, row) in zip(chosen, table.iterrows(), strict=True)
    ]


def _number(name: str, row: pd.Series) -> str:
    value = float(row[name])
    if name.startswith("ess"):
        return f"{value:,.0f}"
    if name == "r_hat":
        return f"{value:.4f}"
    if name.startswith("mcse"):
        return f"{value:.2g}"
    return rounded(value, supported_decimals(float(row["mcse_mean"]))).replace("-", "−")


def sampler_rows(data: xr.DataTree) -> tuple[str, list[list[str]]] | None:
    """The sampler's statistics by chain, or by outcome where outcomes were sampled apart.

    Returns
    -------
    (str, list of list of str), or None for draws that no sampler made
        What a row is of; label, divergences, transitions at the maximum depth, leapfrog steps a
        draw, step size, E-BFMI.
    """
    if "sample_stats" not in data.children:
        return None
    stats = data["sample_stats"].to_dataset()
    per = "outcome" if "outcome" in stats.dims else "chain"
    rows = []
    for label in stats[per].to_numpy() if per in stats.coords else range(stats.sizes[per]):
        own = stats.sel({per: label}) if per in stats.coords else stats.isel({per: label})
        rows.append(
            [
                str(label),
                *(f"{int(own[name].sum())}" if name in own else "–"
                  for name in ("diverging", "maxdepth_reached")),
                f"{float(own['n_steps'].mean()):.0f}" if "n_steps" in own else "–",
                f"{float(own['step_size'].mean()):.2g}" if "step_size" in own else "–",
                _bfmi(own),
            ]
        )  # fmt: skip
    return per, rows


def _bfmi(stats: xr.Dataset) -> str:
    if "energy" not in stats:
        return "–"
    energy = np.atleast_2d(stats["energy"].to_numpy())
    found = float(np.min(np.mean(np.diff(energy, axis=1) ** 2, axis=1) / np.var(energy, axis=1)))
    return f"{found:.2f}" + (" (low)" if found < BFMI_MIN else "")
