"""The models: study design and specification in, PyMC model out."""

from __future__ import annotations
