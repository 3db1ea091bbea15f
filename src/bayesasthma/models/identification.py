"""Whether a table tells every mean, which a flat prior needs."""

from __future__ import annotations

import numpy as np

from bayesasthma.errors import UsageError
from bayesasthma.models.design import Design
from bayesasthma.models.moments import constrained
from bayesasthma.models.specification import TableSpec


def whole_table(design: Design) -> bool:
    """Whether one block prints every cell of the design, as a level and in order."""
    if len(design.tables) != 1 or design.patients:
        return False
    (table,) = design.tables
    series = table.outcome * len(design.arms) + table.arm
    count = len(design.outcomes) * len(design.arms)
    return table.levels_only and np.array_equal(series, np.arange(count))


def prints_levels(design: Design) -> bool:
    """Whether every outcome has a printed level (or patients), and not changes alone."""
    found = {int(k) for patients in design.patients for k in patients.outcome}
    for table in design.tables:
        if table.functional.min(axis=1).max() >= 0:
            found |= {int(k) for k in table.outcome}
    return len(found) == len(design.outcomes)


def require_identified(design: Design, spec: TableSpec) -> None:
    """Refuse a flat prior where the table leaves a mean open.

    Raises
    ------
    UsageError
        Names the first mean that no printed level or change tells.
    """
    shape = (len(design.arms), len(design.visits))
    for k, outcome in enumerate(design.outcomes):
        known = _functionals(design, k)
        if not prints_levels(design):
            # changes leave the level that all arms share open: that keeps a proper prior
            known = np.concatenate([known, _first_visit(shape)])
        if constrained(design, spec):
            # all arms have the control arm's mean at baseline
            known[:, 0, 0] = known[..., 0].sum(axis=1)
            known[:, 1:, 0] = 0.0
        used = np.ones(shape, dtype=bool)
        if constrained(design, spec):
            used[1:, 0] = False
        rows = known.reshape(len(known), -1)
        for g, t in np.argwhere(used):
            if _adds(rows, g * shape[1] + t):
                raise UsageError(
                    f"the prior set {spec.prior.name!r} is flat and no printed level or change "
                    f"tells the mean of {outcome}, {design.arms[g]}, {design.visits[t]}: use a "
                    "proper prior set such as 'weak'"
                )


def _functionals(design: Design, outcome: int) -> np.ndarray:
    """What the rows printed of an outcome measure, as functions of its means (row, arm, visit)."""
    rows = [np.zeros((0, len(design.arms), len(design.visits)))]
    for table in design.tables:
        for s in np.flatnonzero(table.outcome == outcome):
            rows.append(np.zeros((table.rows, *rows[0].shape[1:])))
            rows[-1][:, table.arm[s]] = table.functional
    for patients in design.patients:
        for s in np.flatnonzero(patients.outcome == outcome):
            seen = np.flatnonzero(patients.seen[s])
            rows.append(np.zeros((len(seen), *rows[0].shape[1:])))
            rows[-1][np.arange(len(seen)), patients.arm[s], seen] = 1.0
    return np.concatenate(rows)


def _first_visit(shape: tuple[int, int]) -> np.ndarray:
    """The mean over the arms at the first visit, as one functional."""
    row = np.zeros((1, *shape))
    row[0, :, 0] = 1 / shape[0]
    return row


def _adds(rows: np.ndarray, cell: int) -> bool:
    """Whether a cell's mean is no combination of the rows."""
    own = np.zeros((1, rows.shape[1]))
    own[0, cell] = 1.0
    return bool(np.linalg.matrix_rank(np.vstack([rows, own])) > np.linalg.matrix_rank(rows))
