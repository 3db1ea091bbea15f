"""Whole models without PyMC: log-densities with gradients, compiled once and kept on disk."""

from __future__ import annotations
