"""nutpie without ArviZ, which it imports for a conversion that this package does not use."""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


def import_nutpie() -> Any:
    """The module ``nutpie``; ArviZ, whose import takes seconds, is left until something uses it.

    nutpie converts a trace with it unless the raw one is asked for.
    """
    if "nutpie" in sys.modules or "arviz" in sys.modules:
        return import_module("nutpie")
    later = ModuleType("arviz")
    later.__getattr__ = lambda name: getattr(import_module("arviz"), name)  # type: ignore[method-assign]
    sys.modules["arviz"] = later
    try:
        return import_module("nutpie")
    finally:
        # others get the module itself
        if sys.modules.get("arviz") is later:
            del sys.modules["arviz"]
