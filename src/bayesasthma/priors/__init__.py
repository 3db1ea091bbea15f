"""Prior distributions, the named sets of them, and sets read from a file."""

from __future__ import annotations
