"""Functions of kernels that own no memory, and so need not count references to it.

Within them, arrays are views of what their caller holds; they allocate nothing. A kernel of many
small arrays otherwise spends most of its time on counting references to these.
"""

from __future__ import annotations

from typing import Any

from bayesasthma.models.kernels import data
from bayesasthma.models.kernels.compiling import OPTIONS
from bayesasthma.models.kernels.parts import part

#: A function counts references as its caller does unless it says so; what allocates, or returns an
#: array, must.
BORROWING: dict[str, Any] = {**OPTIONS, "_nrt": False}
RETURNING: dict[str, Any] = {**OPTIONS, "_nrt": True}


def borrowing(function: Any) -> Any:
    """Decorator like :func:`bayesasthma.models.kernels.compiling.compiled`."""
    return part(BORROWING, function)


def returning(function: Any) -> Any:
    """Decorator of a function that returns an array; it counts references, whoever calls it."""
    return part(RETURNING, function)


vector = returning(data.vector.py_func)
matrix = returning(data.matrix.py_func)
cube = returning(data.cube.py_func)
integers = returning(data.integers.py_func)
integer_matrix = returning(data.integer_matrix.py_func)
