"""Plumbing: result files written whole or not at all, source files read as code."""

from __future__ import annotations
