"""Files of simulated studies: used as they were written or made again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bayesasthma.calibration.batches import Batch, load, save


@dataclass(frozen=True)
class Job:
    name: str = "job"

    def record(self) -> dict[str, Any]:
        return {"job": self.name}


def test_a_damaged_batch_is_made_again(tmp_path: Path) -> None:
    batch = Batch(Job(), 0, 1, "environment", "source")
    arrays = {"rank": np.arange(200), "truth": np.linspace(0, 1, 200)}
    save(tmp_path, batch, arrays)
    found = load(tmp_path, batch)
    assert found is not None
    assert set(found) == set(arrays)
    assert all(np.array_equal(found[name], arrays[name]) for name in arrays)
    file = tmp_path / batch.path
    raw = file.read_bytes()
    rng = np.random.default_rng(3)
    for place in rng.integers(len(raw), size=200):
        own = bytearray(raw)
        own[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(own)
        assert load(tmp_path, batch) is None
    for size in (0, 10, len(raw) - 1):
        file.write_bytes(raw[:size])
        assert load(tmp_path, batch) is None
    assert load(tmp_path, Batch(Job(), 0, 1, "environment", "another")) is None
