"""Functions of kernels as parts: optimised and made into machine code in whole callbacks alone.

Numba optimises each function with all that it calls and turns it into machine code, however deep
in a chain of calls, though its own code is never run; and it compiles a function anew for each
constant that it is called with. Both together are most of the time of compiling a kernel.
"""

from __future__ import annotations

from typing import Any, cast

import numba
from numba.core import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler


class _NoMachineCode:
    @staticmethod
    def set_env(_name: str, _environment: Any) -> None:
        """Note nothing."""


_NO_MACHINE_CODE = _NoMachineCode()


class _PartLibrary(JITCodeLibrary):
    """Code to be linked into that of others."""

    def _optimize_final_module(self) -> None:
        """Left to the callback."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._finalized = True

    def get_pointer_to_function(self, _name: str) -> int:
        """There is none."""
        return 0

    @property
    def codegen(self) -> Any:
        """Where Numba would note the function's constant objects; kernels have none."""
        return _NO_MACHINE_CODE


class _PartCompiler(Compiler):
    """Numba's compiler, into a `_PartLibrary`."""

    def __init__(self, typing: Any, target: Any, _library: Any, *rest: Any) -> None:
        own: Any = _PartLibrary
        super().__init__(typing, target, own(target.codegen(), "part"), *rest)  # type: ignore[no-untyped-call]


def part(options: dict[str, Any], function: Any) -> Any:
    """A function that callbacks may call, and parts, but not Python."""
    wrappers = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
    njit: Any = numba.njit
    made = njit(pipeline_class=_PartCompiler, **wrappers, **options)(function)
    template, plain = made.get_call_template, cast(Any, types.unliteral)

    def of_types(args: Any, keywords: Any) -> Any:
        return template([plain(own) for own in args], keywords)

    made.get_call_template = of_types
    return made
