"""Densities of a printed table, of patients and between outcomes; correlations. No study."""

from __future__ import annotations
