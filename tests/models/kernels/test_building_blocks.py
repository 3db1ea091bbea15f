"""What kernels are made of: special functions, blocks of data, salts of cached code."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special

from bayesasthma.models.kernels import data as layout
from bayesasthma.models.kernels.compiling import code_salt
from bayesasthma.models.kernels.special import digamma, log_beta, log_sigmoid, sigmoid


def test_special_functions() -> None:
    x = np.concatenate([np.geomspace(1e-8, 1e8, 4001), np.linspace(1.4, 1.5, 501)])
    found = np.array([digamma(own) for own in x])
    exact = special.digamma(x)
    # relative but for its root at 1.46
    np.testing.assert_allclose(found, exact, rtol=1e-13, atol=1e-14)
    for own in (-800.0, -3.0, 0.0, 2.0, 800.0):
        assert sigmoid(own) == pytest.approx(special.expit(own), rel=1e-14)
        assert log_sigmoid(own) == pytest.approx(special.log_expit(own), rel=1e-14)
    assert log_beta(0.3, 7.0) == pytest.approx(special.betaln(0.3, 7.0), rel=1e-13)


def test_a_block_of_data_is_read_as_it_was_written() -> None:
    rng = np.random.default_rng(2)
    arrays = [rng.random(3), np.arange(4), rng.random((2, 3)), rng.random((2, 3, 4)), 2.5, 7,
              np.arange(6).reshape(2, 3), np.zeros((0, 3)), np.array([True, False])]  # fmt: skip
    block = layout.pack(arrays)
    data = (block, block.view(np.float64))
    readers = [layout.vector, layout.integers, layout.matrix, layout.cube, layout.scalar,
               layout.integer, layout.integer_matrix, layout.matrix, layout.integers]  # fmt: skip
    for number, (read, array) in enumerate(zip(readers, arrays, strict=True)):
        np.testing.assert_array_equal(read(data, number), array)
        for axis, length in enumerate(np.shape(array)):
            assert layout.length(data, number, axis) == length
    with pytest.raises(ValueError, match="kernel"):
        layout.pack(["text"])


CALLEE = "def inner(x):\n    {note}return {factor} * x + shift\n"
CALLER = "def outer(x):\n    return inner(x) + sum([inner(y) for y in (x, x)])\n"


def salt(factor: float = 2.0, shift: float = 1.0, note: str = "") -> str:
    space: dict[str, Any] = {"__name__": "bayesasthma.made_up", "shift": shift}
    exec(CALLEE.format(factor=factor, note=note), space)
    exec(CALLER, space)
    return code_salt(space["outer"])


def test_cached_code_is_not_used_once_a_function_that_it_calls_has_changed() -> None:
    assert salt() == salt(note="# a comment\n    ")
    documented = salt(note='"""A docstring."""\n    ')
    assert documented == salt(note='"""Another docstring."""\n    ')
    assert len({salt(), salt(factor=3.0), salt(shift=2.0)}) == 3
