"""Designs with made-up numbers, of any shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesasthma.models.design import Design, TableBlock


def block(
    rng: np.random.Generator,
    series: list[tuple[int, int]],
    functional: np.ndarray,
    *,
    pinned: tuple[int, ...] = (),
    balanced: bool = True,
    step: float = 0.1,
) -> TableBlock:
    """A block of the series given as (outcome, arm), with correlations published of some pairs."""
    rows, count = len(functional), len(series)
    pairs = rows * (rows - 1) // 2
    n = np.broadcast_to(rng.integers(20, 60, (count, 1)).astype(float), (count, rows)).copy()
    if not balanced:
        n -= rng.integers(0, 9, (count, rows))
    known = np.isin(np.arange(pairs), pinned)
    return TableBlock(
        outcome=np.array([k for k, _ in series]),
        arm=np.array([g for _, g in series]),
        functional=functional,
        mean=rng.normal(0, 0.5, (count, rows)),
        sd=rng.uniform(0.7, 1.3, (count, rows)),
        # some numbers are printed exactly
        mean_step=step * (rng.random((count, rows)) < 0.8),
        sd_step=step * (rng.random((count, rows)) < 0.8),
        n=n,
        pinned=known,
        pinned_z=np.where(known, rng.normal(0.5, 0.2, (count, pairs)), 0.0),
    )


def made_up(
    outcomes: int = 2,
    arms: int = 2,
    visits: int = 3,
    *,
    baseline: bool = True,
    tables: list[dict[str, Any]] | None = None,
    seed: int = 0,
    **options: Any,
) -> Design:
    """A design whose first outcomes benefit by a rise, the last by neither rise nor fall.

    Parameters
    ----------
    tables : list of dict, optional
        Arguments of `block`; by default one that prints every cell as a level, with ``options``.
    """
    rng = np.random.default_rng(seed)
    names = [f"outcome {k}" for k in range(outcomes)]
    whole = {
        "series": [(k, g) for k in range(outcomes) for g in range(arms)],
        "functional": np.eye(visits),
    }
    blocks = [block(rng, **own) for own in tables or [whole | options]]
    return Design(
        outcomes=tuple(names),
        arms=tuple(f"arm {g}" for g in range(arms)),
        visits=tuple(f"visit {t}" for t in range(visits)),
        weeks=np.cumsum(rng.uniform(3, 20, visits)),
        baseline=0 if baseline else None,
        centre=np.zeros(outcomes),
        scale=rng.uniform(1, 5, outcomes),
        direction=np.where(np.arange(outcomes) == outcomes - 1, 0, 1),
        domain=("",) * outcomes,
        target=np.where(np.arange(outcomes) == 0, 0.4, np.nan),
        n_arm=rng.integers(20, 60, arms).astype(float),
        tables=tuple(blocks),
        external=np.where(np.arange(outcomes)[:, None] == 0, [[0.3, 0.2]], np.nan),
        randomised=False,
    )
