"""A kernel's two functions as C callbacks for nutpie, whose machine code is kept on disk.

nutpie calls ``int logp(size_t n, const double *x, double *gradient, double *value, const void
*data)`` and ``int expand(size_t n, size_t expanded, const double *x, double *out, const void
*data)``. 0 is success; of ``logp`` a positive number marks a point that cannot be evaluated, which
ends a transition as divergent, and a negative one ends the chain; of ``expand`` any other number
ends the chain.
"""

from __future__ import annotations

from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

import numba
import numpy as np
from numba import carray, types  # type: ignore[attr-defined]

from bayesasthma.models.kernels.compiling import OPTIONS, code_salt

#: Answers of callbacks, as nutpie's own have them.
RAISED, GRADIENT_NOT_FINITE, VALUE_NOT_FINITE, EXPAND_RAISED = 1, 3, 4, -2

_NUMBERS = types.CPointer(types.float64)  # type: ignore[no-untyped-call]
_LOGP = types.int32(types.uint64, _NUMBERS, _NUMBERS, _NUMBERS, types.voidptr)
_EXPAND = types.int32(types.uint64, types.uint64, _NUMBERS, _NUMBERS, types.voidptr)


class Callbacks(NamedTuple):
    """Compiled callbacks; ``address`` and ``ctypes`` of each are what is of use."""

    logp: Any
    expand: Any


@cache
def callbacks(name: str, value_and_gradient: Any, expand: Any) -> Callbacks:
    """The callbacks of a kernel, from disk unless they, or what they call, have changed.

    Parameters
    ----------
    name : str
        Of the kernel, for the names of the files.
    value_and_gradient : compiled function of (x, gradient, data)
        Returns the log-density, and overwrites ``gradient``.
    expand : compiled function of (x, out, data)
        Overwrites ``out``.
    """
    return Callbacks(
        _callback(_logp, _LOGP, f"{name}-logp", value_and_gradient),
        _callback(_expand, _EXPAND, f"{name}-expand", expand),
    )


def _callback(template: Any, signature: Any, name: str, kernel: Any) -> Any:
    """A template as a callback of one kernel.

    Numba names the file of cached code after the function's qualified name, and holds the code to
    be current while the file of the function (here the template's) is unchanged. The salt in the
    name stands for all other code.
    """
    function = FunctionType(template.__code__, {**globals(), "_kernel": kernel}, template.__name__)
    function.__qualname__ = f"{name}-{code_salt(kernel)}"
    return numba.cfunc(signature, cache=True, **OPTIONS)(function)


def _kernel(_x: Any, _out: Any, _data: Any) -> Any:
    """Stands for a kernel in the templates."""
    raise NotImplementedError


def _logp(size: Any, x_: Any, gradient_: Any, value_: Any, data_: Any) -> Any:
    try:
        dim = int(size)
        x, gradient, value = carray(x_, (dim,)), carray(gradient_, (dim,)), carray(value_, (1,))
        words = carray(data_, (1,), np.int64)[0]
        data = (carray(data_, (words,), np.int64), carray(data_, (words,), np.float64))
        found = _kernel(x, gradient, data)
        value[0] = found
        for i in range(dim):
            if not np.isfinite(gradient[i]):
                return GRADIENT_NOT_FINITE
        if not np.isfinite(found):
            return VALUE_NOT_FINITE
    except Exception:  # noqa: BLE001  # an exception would otherwise be printed and then ignored
        return RAISED
    return 0


def _expand(size: Any, expanded: Any, x_: Any, out_: Any, data_: Any) -> Any:
    try:
        x, out = carray(x_, (int(size),)), carray(out_, (int(expanded),))
        words = carray(data_, (1,), np.int64)[0]
        data = (carray(data_, (words,), np.int64), carray(data_, (words,), np.float64))
        _kernel(x, out, data)
    except Exception:  # noqa: BLE001
        return EXPAND_RAISED
    return 0
