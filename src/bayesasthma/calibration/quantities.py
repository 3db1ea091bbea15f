"""Scalar quantities of many replicates: names, ranks and the statistics kept of each."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import xarray as xr

#: By name: draws (chain, draw, replicate).
Quantities = dict[str, np.ndarray]

#: A rank is among this many thinned draws: 0 to 63.
RANK_DRAWS = 63

#: What is kept of each quantity of each replicate.
KEPT = ("truth", "mean", "sd", "rank", "pit", "ess")


def labelled(arrays: dict[str, xr.DataArray], replicate: str | None) -> Quantities:
    """Split arrays (chain, draw, [replicate], ...) into named scalars.

    A name reads ``difference[week48]``. Symmetric matrices lose their diagonal and upper half, and
    a dimension of one label loses the label.

    Parameters
    ----------
    arrays : dict of DataArray
    replicate : str or None
        The dimension whose entries are replicates; None if a fit is one replicate.
    """
    found: Quantities = {}
    for name, array in arrays.items():
        sample = ("chain", "draw", replicate) if replicate in array.dims else ("chain", "draw")
        rest = [dim for dim in array.dims if dim not in sample]
        values = array.transpose(*sample, *rest).to_numpy()
        if replicate not in array.dims:
            values = values[:, :, None]
        labels = [
            [str(label) for label in array[dim].to_numpy()]
            if dim in array.coords
            else [str(i) for i in range(array.sizes[dim])]
            for dim in rest
        ]
        symmetric = rest[-2:] == ["visit", "visit_b"]
        for index in itertools.product(*(range(len(own)) for own in labels)):
            if symmetric and index[-2] <= index[-1]:
                continue
            own = [labels[i][j] for i, j in enumerate(index) if len(labels[i]) > 1]
            key = f"{name}[{', '.join(own)}]" if own else name
            position: tuple[Any, ...] = (..., *index)
            found[key] = values[position]
    return found


def kept(
    truth: Quantities, draws: Quantities, seed: int, chosen: int | None = None
) -> tuple[list[str], np.ndarray]:
    """Ranks and moments of every quantity.

    Parameters
    ----------
    truth, draws : Quantities
    seed : int
        Breaks ties.
    chosen : int, optional
        Keep this one of the entries that are otherwise replicates: entries of a fit that share
        parameters are not independent.

    Returns
    -------
    names : list of str
    values : ndarray, shape (quantity, replicate, len(KEPT))
        ``rank`` is the number among ``RANK_DRAWS`` evenly thinned draws below the truth, ``pit``
        the share of all draws below it, ties broken at random; NaN where the truth is not finite.
    """
    names = [name for name in draws if name in truth]

    def stacked(values: Quantities) -> np.ndarray:
        own = [values[name] for name in names]
        if chosen is not None:
            own = [v[..., [chosen]] if v.shape[-1] > 1 else v for v in own]
        return np.stack(own)

    stack = stacked(draws)  # (quantity, chain, draw, replicate)
    true = stacked(truth)[:, 0, 0]
    flat = stack.reshape(stack.shape[0], -1, stack.shape[-1])
    thinned = flat[:, np.linspace(0, flat.shape[1] - 1, RANK_DRAWS).round().astype(int)]
    # a share that rounds to 1 ties with the truth: its rank is any of those that the tie spans
    chance = np.random.default_rng(seed).random(true.shape)

    def rank(among: np.ndarray) -> np.ndarray:
        below = (among < true[:, None]).sum(axis=1)
        tied = (among == true[:, None]).sum(axis=1)
        return np.asarray(below + np.floor(chance * (tied + 1)))

    columns = (
        true,
        flat.mean(axis=1),
        flat.std(axis=1, ddof=1),
        rank(thinned),
        (rank(flat) + 0.5) / (flat.shape[1] + 1),
        effective_size(stack),
    )
    values = np.stack(columns, axis=-1)
    values[~np.isfinite(true)] = np.nan
    return names, values


def effective_size(stack: np.ndarray) -> np.ndarray:
    """Effective sample size of the mean, shape (quantity, replicate), as Vehtari et al. (2021) do.

    Geyer's initial monotone sequence of autocorrelations over split chains, for all quantities at
    once (Bayesian Analysis 16:667, section 3); draws are not rank-normalised.

    Parameters
    ----------
    stack : ndarray, shape (quantity, chain, draw, replicate)
    """
    half = stack.shape[2] // 2
    split = np.concatenate([stack[:, :, :half], stack[:, :, -half:]], axis=1)
    chains = split.shape[1]
    centred = split - split.mean(axis=2, keepdims=True)
    spectrum = np.fft.rfft(centred, n=2 * half, axis=2)
    lagged = np.fft.irfft(np.abs(spectrum) ** 2, n=2 * half, axis=2)[:, :, :half] / half
    within = lagged[:, :, 0] * half / (half - 1)  # (quantity, chain, replicate)
    pooled = within.mean(axis=1)
    total = pooled * (half - 1) / half + split.mean(axis=2).var(axis=1, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = 1 - (pooled[:, None] - lagged.mean(axis=1) * half / (half - 1)) / total[:, None]
    rho[:, 0] = 1.0
    even = rho[:, : rho.shape[1] // 2 * 2]
    paired = even[:, 0::2] + even[:, 1::2]
    positive = np.logical_and.accumulate(paired > 0, axis=1)
    monotone = np.minimum.accumulate(np.where(positive, paired, 0.0), axis=1)
    tau = np.maximum(2 * monotone.sum(axis=1) - 1, 1 / np.log10(chains * half))
    return np.asarray(chains * half / tau)


def split_r_hat(stack: np.ndarray) -> np.ndarray:
    """Split R-hat (Gelman et al. 2013, Bayesian Data Analysis, 11.4), shape (quantity, replicate).

    Parameters
    ----------
    stack : ndarray, shape (quantity, chain, draw, replicate)
    """
    half = stack.shape[2] // 2
    split = np.concatenate([stack[:, :, :half], stack[:, :, -half:]], axis=1)
    within = split.var(axis=2, ddof=1).mean(axis=1)
    between = split.mean(axis=2).var(axis=1, ddof=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt((half - 1) / half + between / within))
