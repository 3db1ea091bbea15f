"""Small studies of one outcome, for tests of pooling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from tests.bundles import OUTCOME, SUMMARY, write_rows, write_toml

from bayesasthma.study.bundle import load_study

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bayesasthma.study.study import Study


def one_visit_study(
    folder: Path, n: int, difference: float, sd: float = 10.0, direction: str = "higher"
) -> Study:
    """Two arms, one visit and no baseline; numbers with so many digits that nothing is rounded."""
    folder.mkdir()
    write_toml(folder, {"control": n, "active": n}, {"end": 12}, None)
    row = ("score", "Score", "points", "", direction, "", "", "")
    write_rows(folder / "outcomes.csv", OUTCOME, [row])
    write_rows(
        folder / "summaries.csv",
        SUMMARY,
        [
            ("score", "control", "end", "level", n, "50.000000", f"{sd:.6f}"),
            ("score", "active", "end", "level", n, f"{50 + difference:.6f}", f"{sd:.6f}"),
        ],
    )
    return load_study(folder)


def patient_study(
    folder: Path, n: int, effect: Sequence[float], seed: int, missing: float = 0.0
) -> Study:
    """Patients of two arms at a baseline and two visits; treated ones differ by ``effect``."""
    folder.mkdir()
    rng = np.random.default_rng(seed)
    visits = {"start": 0, "week12": 12, "week24": 24}
    write_toml(folder, {"control": n, "active": n}, visits, "start")
    row = ("score", "Score", "points", "", "higher", "", "", "")
    write_rows(folder / "outcomes.csv", OUTCOME, [row])
    factor = np.linalg.cholesky(0.6 + 0.4 * np.eye(3))
    rows = []
    for arm, shift in (("control", np.zeros(3)), ("active", np.array([0.0, *effect]))):
        values = 50 + 10 * (rng.standard_normal((n, 3)) @ factor.T) + shift
        for i, patient in enumerate(values):
            rows += [
                (f"{arm}{i}", arm, visit, "" if t and rng.random() < missing else f"{value:.6f}")
                for t, (visit, value) in enumerate(zip(visits, patient, strict=True))
            ]
    write_rows(folder / "patients.csv", ("patient", "arm", "visit", "score"), rows)
    return load_study(folder)


def table_study(
    folder: Path,
    n: int = 40,
    *,
    change_sd: float | None = None,
    swapped: bool = False,
    unit: str = "points",
    times: float = 1.0,
) -> Study:
    """Levels at a baseline and week 12 of two arms; with SDs of change if ``change_sd`` is one."""
    folder.mkdir()
    arms = ["control", "active"]
    write_toml(folder, dict.fromkeys(arms, n), {"start": 0, "week12": 12}, "start")
    row = ("score", "Score", unit, "", "higher", "", "", "")
    write_rows(folder / "outcomes.csv", OUTCOME, [row])
    means = {"control": (50.0, 52.0), "active": (51.0, 56.0)}
    if swapped:
        means = {"control": means["active"], "active": means["control"]}
    rows: list[tuple[object, ...]] = []
    for arm in arms:
        for visit, mean in zip(("start", "week12"), means[arm], strict=True):
            cell = (f"{times * mean:.4f}", f"{times * 10:.4f}")
            rows.append(("score", arm, visit, "level", n, *cell))
        if change_sd is not None:
            cell = (f"{times * (means[arm][1] - means[arm][0]):.4f}", f"{times * change_sd:.4f}")
            rows.append(("score", arm, "week12", "change", n, *cell))
    write_rows(folder / "summaries.csv", SUMMARY, rows)
    return load_study(folder)
