"""Whether a table tells every mean and SD, which a flat prior needs."""

from __future__ import annotations

import numpy as np

from bayesasthma.errors import UsageError
from bayesasthma.models.design import Design
from bayesasthma.models.specification import TableSpec


def whole_table(design: Design) -> bool:
    """Whether one block prints every cell of the design, as a level and in order."""
    if len(design.tables) != 1 or design.patients:
        return False
    (table,) = design.tables
    series = table.outcome * len(design.arms) + table.arm
    count = len(design.outcomes) * len(design.arms)
    return table.levels_only and np.array_equal(series, np.arange(count))


def require_identified(design: Design, spec: TableSpec) -> None:
    """Refuse a flat prior where the table leaves a mean or an SD open.

    A level tells both of its cell. A change from baseline does not: with a flat prior of its
    logarithm the SD of a visit could be 0 beside any printed SD of change.

    Raises
    ------
    UsageError
        Names the first cell that is not printed as a level.
    """
    printed = np.zeros((len(design.outcomes), len(design.arms), len(design.visits)), dtype=bool)
    for table in design.tables:
        for functional in table.functional:
            if functional.min() >= 0:
                printed[table.outcome, table.arm, np.argmax(functional)] = True
    for patients in design.patients:
        np.logical_or.at(printed, (patients.outcome, patients.arm), patients.seen)
    if not printed.all():
        k, g, t = np.argwhere(~printed)[0]
        raise UsageError(
            f"the prior set {spec.prior.name!r} is flat and {design.outcomes[k]}, "
            f"{design.arms[g]}, {design.visits[t]} is not printed as a level: use a proper prior "
            "set such as 'weak'"
        )
