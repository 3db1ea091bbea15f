"""TOML text to plain data, whatever is in it: what cannot be used is one clear error."""

from __future__ import annotations

import math
import tomllib
from typing import Any

#: Tables and lists within one another that a file of ours may have: three are used.
DEEPEST = 20


def parse_toml(text: str) -> dict[str, Any]:
    """Read TOML, and refuse what is nested too deep or has a number that no computer holds.

    Raises
    ------
    ValueError
        Saying what is wrong; a `tomllib.TOMLDecodeError` also says where.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise
    except RecursionError:
        raise ValueError(f"lists within lists, more than {DEEPEST} deep") from None
    except ValueError:  # Python reads no decimal integer of more than 4,300 digits
        raise ValueError("a whole number of thousands of digits") from None
    level: list[Any] = [values]
    for _ in range(DEEPEST):
        level = [item for each in level for item in _within(each)]
        if any(_too_large(item) for item in level):
            raise ValueError("a number of more than 300 digits")
        if not level:
            return values
    raise ValueError(f"lists within lists, more than {DEEPEST} deep")


def _within(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _too_large(value: Any) -> bool:
    """Whether a whole number is beyond the range of a float."""
    if not isinstance(value, int):
        return False
    try:
        return not math.isfinite(float(value))
    except OverflowError:
        return True
