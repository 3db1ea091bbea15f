"""What the correlation between outcomes adds, over batches of draws."""

from __future__ import annotations

import numpy as np
import pytest

from bayesasthma.likelihood.between_outcomes import between_outcomes_logp

#: Numbers of outcomes and arms that no axis of one or two could be taken for.
N = np.array([[12.0, 9.0, 8.0], [12.0, 10.0, 8.0], [7.0, 10.0, 8.0]])


@pytest.mark.parametrize("batch", [(2,), (2, 4)])
def test_one_table_at_many_correlations(batch: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(*N.shape, 5))
    rho = rng.uniform(-0.3, 0.8, batch)[..., None, None]
    q = rho + (1 - rho) * np.eye(3)
    added = between_outcomes_logp(x, q, N)
    assert added.shape == (*batch, *x.shape)
    for at in np.ndindex(batch):
        np.testing.assert_allclose(added[at], between_outcomes_logp(x, q[at], N))
