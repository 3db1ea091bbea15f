"""Draws as a page carries them: thinned, 12 bits each, two characters of base64."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesasthma.inference.convergence import ess_bulk

if TYPE_CHECKING:
    from bayesasthma.comparison.importance import FloatArray
    from bayesasthma.comparison.reweighting import Subject

#: Draws that the page carries, evenly spaced over each chain.
DRAWS = 2000
#: Steps of a packed number: two characters of base64 are 12 bits.
STEPS = 4095


def packed(subject: Subject, chains: int, draws: int = DRAWS) -> Subject:
    """A subject with the draws that a page carries: thinned, and rounded to 12 bits.

    Parameters
    ----------
    subject : Subject
        Its columns hold chain after chain.
    chains : int
    draws : int
        To keep, at most; a multiple of the chains.
    """
    length = subject.draws // chains
    kept = min(draws // chains, length)
    index = (np.arange(kept) * length) // kept
    columns = {}
    for name, values in subject.columns.items():
        few = values.reshape(chains, length)[:, index].ravel()
        low, high, steps = _steps(few)
        columns[name] = low + steps * (high - low) / STEPS
    names = [name for own in subject.effects for name in own]
    each = np.stack([columns[name].reshape(chains, kept) for name in names], axis=-1)
    efficiency = float(min(np.nanmin(ess_bulk(each)) / (chains * kept), 1.0))
    return replace(subject, columns=columns, efficiency=efficiency)


def _steps(values: FloatArray) -> tuple[float, float, np.ndarray]:
    """Ends of the range, and each value's step on it."""
    low, high = float(values.min()), float(values.max())
    if high == low:
        return low, high, np.zeros(len(values), dtype=int)
    return low, high, np.rint((values - low) / (high - low) * STEPS).astype(int)


def encoded(values: FloatArray) -> list[Any]:
    """Ends of the range and the steps as base64, two characters each."""
    low, high, steps = _steps(values)
    pairs = np.zeros((len(steps) + len(steps) % 2), dtype=np.uint32)
    pairs[: len(steps)] = steps
    triples = (pairs[0::2] << 12) | pairs[1::2]
    three = np.stack([triples >> 16, triples >> 8, triples], axis=1) & 0xFF
    text = base64.b64encode(three.astype(np.uint8).tobytes()).decode("ascii")
    return [low, high, text[: 2 * len(steps)]]
