"""The posterior beside p values, scepticism, priors and specifications; sentences to quote."""

from __future__ import annotations
