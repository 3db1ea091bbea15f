"""Data of a kernel: arrays of any shapes in one block of memory, found by number.

A block is one array of 8-byte words: how many it has, then for each array five words (where it
begins, and up to four lengths), then the arrays, floating-point numbers and integers alike. It
contains no addresses; a callback is handed the address of the block.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from bayesasthma.models.kernels.compiling import compiled

#: Words of the table of contents for each array: where it begins, and its lengths.
ENTRY = 5
LENGTHS = ENTRY - 1


def pack(arrays: Iterable[Any]) -> np.ndarray:
    """Arrays as one block, numbered in their order; booleans become integers.

    Raises
    ------
    ValueError
        If an array has more than four axes, or neither numbers nor booleans.
    """
    found = [_words(np.asarray(array)) for array in arrays]
    start = 1 + ENTRY * len(found)
    block = np.zeros(start + sum(words.size for words, _ in found), dtype=np.int64)
    block[0] = block.size
    for k, (words, shape) in enumerate(found):
        entry = 1 + ENTRY * k
        block[entry] = start
        block[entry + 1 : entry + ENTRY] = [*shape, *[1] * (LENGTHS - len(shape))]
        block[start : start + words.size] = words
        start += words.size
    block.flags.writeable = False
    return block


def _words(array: np.ndarray) -> tuple[np.ndarray, tuple[int, ...]]:
    if array.ndim > LENGTHS or array.dtype.kind not in "fiub":
        raise ValueError(f"no kernel takes an array of {array.ndim} axes of {array.dtype}")
    own = np.float64 if array.dtype.kind == "f" else np.int64
    return np.ascontiguousarray(array, dtype=own).reshape(-1).view(np.int64), array.shape


# What follows is for kernels: ``data`` is a pair of views of the block, as integers and as
# floating-point numbers. Nothing is checked: a wrong number or kind reads nonsense.


@compiled
def length(data: Any, number: int, axis: int) -> Any:
    """Length of an axis of an array; 1 beyond its last axis."""
    return data[0][2 + ENTRY * number + axis]


@compiled
def scalar(data: Any, number: int) -> Any:
    """A floating-point number."""
    return data[1][data[0][1 + ENTRY * number]]


@compiled
def vector(data: Any, number: int) -> Any:
    """An array of floating-point numbers with one axis."""
    start = data[0][1 + ENTRY * number]
    return data[1][start : start + length(data, number, 0)]


@compiled
def matrix(data: Any, number: int) -> Any:
    """An array of floating-point numbers with two axes."""
    start = data[0][1 + ENTRY * number]
    rows, columns = length(data, number, 0), length(data, number, 1)
    return data[1][start : start + rows * columns].reshape((rows, columns))


@compiled
def cube(data: Any, number: int) -> Any:
    """An array of floating-point numbers with three axes."""
    start = data[0][1 + ENTRY * number]
    a, b, c = length(data, number, 0), length(data, number, 1), length(data, number, 2)
    return data[1][start : start + a * b * c].reshape((a, b, c))


@compiled
def integer(data: Any, number: int) -> Any:
    """An integer."""
    return data[0][data[0][1 + ENTRY * number]]


@compiled
def integers(data: Any, number: int) -> Any:
    """An array of integers with one axis."""
    start = data[0][1 + ENTRY * number]
    return data[0][start : start + length(data, number, 0)]


@compiled
def integer_matrix(data: Any, number: int) -> Any:
    """An array of integers with two axes."""
    start = data[0][1 + ENTRY * number]
    rows, columns = length(data, number, 0), length(data, number, 1)
    return data[0][start : start + rows * columns].reshape((rows, columns))
