"""The densities of the likelihood as compiled kernels with gradients."""

from __future__ import annotations
