"""How functions of kernels are compiled, and a number that changes with what they do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np
from numba.core import config

from bayesasthma.models.kernels.parts import part

#: Exact IEEE arithmetic, and division by zero that gives an infinity instead of an exception.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": False}

#: Numba's settings that machine code depends on; it keeps code of other processors apart itself.
SETTINGS = ("OPT", "LOOP_VECTORIZE", "SLP_VECTORIZE", "BOUNDSCHECK", "LLVM_REFPRUNE_FLAGS")

PACKAGE = __name__.partition(".")[0]


def compiled(function: Any) -> Any:
    """Decorator of every function of a kernel: a `part`, deliberately without Numba's cache.

    Numba holds cached code of a function to be current as long as the function's own file is, even
    if a function that it calls in another file has changed. So only whole callbacks are cached, by
    :mod:`bayesasthma.models.kernels.callbacks`, under a :func:`code_salt`.
    """
    return part(OPTIONS, function)


def code_salt(*functions: Any) -> str:
    """Digest of all that the machine code of functions depends on.

    That is the bytecode of the functions and of all functions of this package that they call,
    however far, each one's options, Numba's settings, and the values of the globals that they read,
    which Numba compiles in as constants.
    Comments, names of files and line numbers make no difference.
    """
    seen: dict[str, str] = {}
    for function in functions:
        _visit(function, seen)
    settings = [(name, str(getattr(config, name))) for name in SETTINGS]
    facts = repr((sorted(seen.items()), sorted(OPTIONS.items()), settings))
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _visit(function: Any, seen: dict[str, str]) -> str:
    """Note a function and what it reaches; its name."""
    plain = getattr(function, "py_func", function)
    code = plain.__code__
    options = sorted(getattr(function, "targetoptions", {}).items())
    name = f"{plain.__module__}.{plain.__qualname__} {options}"
    if name in seen:
        return name
    seen[name] = ""  # met, in case it calls itself
    names = sorted(set(_names(code)))
    space = plain.__globals__
    found = [(own, _value(space[own], names, seen)) for own in names if own in space]
    cells = [_value(cell.cell_contents, names, seen) for cell in plain.__closure__ or ()]
    seen[name] = repr((_code(code, plain.__doc__), found, cells, plain.__defaults__))
    return name


def _value(value: Any, names: list[str], seen: dict[str, str]) -> Any:
    """What a function reads under a global name, as plain data."""
    found: Any = getattr(value, "__qualname__", type(value).__qualname__)
    if hasattr(value, "py_func") or (isinstance(value, FunctionType) and _ours(value.__module__)):
        found = _visit(value, seen)
    elif isinstance(value, ModuleType):
        own = [name for name in names if _ours(value.__name__) and hasattr(value, name)]
        found = [value.__name__, [_value(getattr(value, name), names, seen) for name in own]]
    elif isinstance(value, np.ndarray):
        found = (value.dtype.str, value.shape, value.tobytes())
    elif isinstance(value, tuple):
        found = tuple(_value(item, names, seen) for item in value)
    elif isinstance(value, (int, float, str, np.generic)):
        found = repr(value)
    return found


def _ours(module: str) -> bool:
    return module.partition(".")[0] == PACKAGE


def _names(code: CodeType) -> Iterator[str]:
    """Global names and attributes that code reads, nested functions' included."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _code(code: CodeType, docstring: str | None = None) -> Any:
    """Instructions and constants of code without its place in a file and without its docstring."""
    constants = [
        _code(item) if isinstance(item, CodeType) else repr(item)
        for item in code.co_consts
        if not (isinstance(item, str) and item == docstring)
    ]
    return (code.co_code, constants, code.co_names, code.co_varnames, code.co_freevars)
