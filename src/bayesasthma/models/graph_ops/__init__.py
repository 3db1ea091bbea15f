"""Densities of the likelihood as operations of a PyTensor graph, each one compiled loop."""

from __future__ import annotations
