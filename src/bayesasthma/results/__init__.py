"""Draws in, statements out: treatment effects, joint statements, rates, their summaries."""

from __future__ import annotations
