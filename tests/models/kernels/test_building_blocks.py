"""What kernels are made of: special functions, blocks of data, salts of cached code."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest
from numba.core import config
from scipy import special

from bayesasthma.models.kernels import data as layout
from bayesasthma.models.kernels import special as own
from bayesasthma.models.kernels.borrowing import borrowing, returning
from bayesasthma.models.kernels.compiling import code_salt


def called(function: Any) -> Any:
    """A function of kernels, compiled for calls from Python."""
    return numba.njit(error_model="numpy")(function.py_func)


def test_special_functions() -> None:
    x = np.concatenate([np.geomspace(1e-8, 1e8, 4001), np.linspace(1.4, 1.5, 501)])
    digamma, sigmoid = called(own.digamma), called(own.sigmoid)
    log_sigmoid, log_beta = called(own.log_sigmoid), called(own.log_beta)
    found = np.array([digamma(each) for each in x])
    exact = special.digamma(x)
    # relative but for its root at 1.46
    np.testing.assert_allclose(found, exact, rtol=1e-13, atol=1e-14)
    for logit in (-800.0, -3.0, 0.0, 2.0, 800.0):
        assert sigmoid(logit) == pytest.approx(special.expit(logit), rel=1e-14)
        assert log_sigmoid(logit) == pytest.approx(special.log_expit(logit), rel=1e-14)
    assert log_beta(0.3, 7.0) == pytest.approx(special.betaln(0.3, 7.0), rel=1e-13)


def test_a_block_of_data_is_read_as_it_was_written() -> None:
    rng = np.random.default_rng(2)
    arrays = [rng.random(3), np.arange(4), rng.random((2, 3)), rng.random((2, 3, 4)), 2.5, 7,
              np.arange(6).reshape(2, 3), np.zeros((0, 3)), np.array([True, False])]  # fmt: skip
    block = layout.pack(arrays)
    data = (block, block.view(np.float64))
    readers = [layout.vector, layout.integers, layout.matrix, layout.cube, layout.scalar,
               layout.integer, layout.integer_matrix, layout.matrix, layout.integers]  # fmt: skip
    length = called(layout.length)
    for number, (reader, array) in enumerate(zip(readers, arrays, strict=True)):
        read = called(reader)
        np.testing.assert_array_equal(read(data, number), array)
        for axis, entries in enumerate(np.asarray(array).shape):
            assert length(data, number, axis) == entries
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


def test_cached_code_is_not_used_once_an_option_has_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def function(x: Any) -> Any:
        return x

    salts = {code_salt(borrowing(function)), code_salt(returning(function))}
    monkeypatch.setattr(config, "SLP_VECTORIZE", "other")
    assert len(salts | {code_salt(borrowing(function))}) == 3
