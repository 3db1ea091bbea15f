"""Model in, posterior out: compiled graphs, sampling, diagnostics, fits saved and resumed."""

from __future__ import annotations
