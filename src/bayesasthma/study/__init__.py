"""What a paper printed: studies, their bundles of files, how to read them. No statistics."""

from __future__ import annotations
