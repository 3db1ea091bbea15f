"""Installation and operational qualification: that an installation computes what it should."""

from __future__ import annotations
