"""p-values as papers print them: one parser for tests, claims and whoever else reads one."""

from __future__ import annotations

from bayesasthma.study._printed_numbers import PrintedP, parse_p

__all__ = ["PrintedP", "parse_p"]
