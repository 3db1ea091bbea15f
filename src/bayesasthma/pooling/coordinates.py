"""In what units, and from where, the coordinates of a pooled design are measured.

None changes a result: the kernel's density counts their determinants. They are guesses, from what
is printed, of what the posterior will know.
"""

from __future__ import annotations

import numpy as np

from bayesasthma.likelihood.correlation import REFERENCE_LAG_WEEKS
from bayesasthma.models.design import Design
from bayesasthma.models.prior_scales import LOG_SD_CELL_SCALE
from bayesasthma.pooling.data import PooledDesign, PooledStudy
from bayesasthma.pooling.scales import WALK_MEDIAN

#: Standard error, in the standard unit, below which a study's effects are sampled themselves.
PRECISE = 0.025


def walk_shares(design: PooledDesign) -> np.ndarray:
    """For each step of the mean effect (week - 1,), the share of it that the walk has to say.

    The variance of what the studies with a visit at its end say, over that and the walk's own. A
    step that these know well is to be sampled itself, for the walk's scale moves with it.
    """
    precision = np.zeros(len(design.weeks))
    for own in design.studies:
        for week in own.weeks:
            precision[design.weeks.index(week)] += 1 / _variance(own)
    walk = WALK_MEDIAN**2 * np.diff(design.weeks) / REFERENCE_LAG_WEEKS
    found: np.ndarray = 1 / (1 + walk * precision[1:])
    return found


def sampled_themselves(design: PooledDesign) -> np.ndarray:
    """Whether a study's effects are sampled themselves (study,).

    Where its standard error is small beside the heterogeneity, deviations must move against the
    heterogeneity; where it is not, effects themselves make a funnel.
    """
    variance = np.array([_variance(own) for own in design.studies])
    return ((variance < PRECISE**2) & (len(variance) > 1)).astype(int)


def contrasts(visits: int) -> np.ndarray:
    """Orthonormal contrasts of visits (visit, visit) in the columns after the first.

    Each is of one visit with the mean of those before it (Helmert), so that those of fewer visits
    are the leading part.
    """
    found = np.triu(np.ones((visits, visits)))
    place = np.arange(1, visits)
    found[place, place] = -place
    found[:, 1:] /= np.sqrt(place * (place + 1))
    return found


def near_means(design: Design) -> np.ndarray:
    """A path (visit,) of the mean of all arms near the printed ones, in the study's own unit."""
    size = len(design.visits)
    total, weight = np.zeros(size), np.zeros(size)
    changes, change_weight = np.zeros(size), np.zeros(size)
    for table in design.tables:
        for row, functional in enumerate(table.functional):
            visit = int(np.flatnonzero(functional > 0)[0])
            n = table.n[:, row]
            into, of = (total, weight) if functional.min() >= 0 else (changes, change_weight)
            into[visit] += (n * table.mean[:, row]).sum()
            of[visit] += n.sum()
    for patients in design.patients:
        n = patients.n[:, None] * patients.seen
        total += (n * patients.mean).sum(axis=0)
        weight += n.sum(axis=0)
    level = np.where(weight > 0, total / np.maximum(weight, 1), 0.0)
    later = level[0] + changes / np.maximum(change_weight, 1)
    found: np.ndarray = np.where((weight > 0) | (change_weight == 0), level, later)
    return found


def near_spreads(design: Design) -> np.ndarray:
    """Coordinates (arm, visit) of the SDs that a study prints of levels; 0 where it does not.

    As :mod:`bayesasthma.models.kernels.spreads` has them at a typical scale of cells and the arms'
    mean.
    """
    log_sd = np.zeros((len(design.arms), len(design.visits)))
    for table in design.tables:
        for row, functional in enumerate(table.functional):
            if functional.min() >= 0:
                visit = int(np.flatnonzero(functional > 0)[0])
                log_sd[table.arm, visit] = np.log(table.sd[:, row])
    rest = 1 - _cell_centring(design.n_arm)[:, None]
    return (log_sd - rest * log_sd.mean(axis=0)) / LOG_SD_CELL_SCALE**rest


def _variance(own: PooledStudy) -> float:
    """Of a study's adjusted difference in the standard unit; baseline correlation of a half."""
    n = own.design.n_arm
    return float(0.75 * (1 / n[0] + 1 / n[1:].mean()) / own.unit**2)


def _cell_centring(n: np.ndarray) -> np.ndarray:
    """That of :mod:`bayesasthma.models.kernels.spreads`."""
    found: np.ndarray = LOG_SD_CELL_SCALE**2 / (LOG_SD_CELL_SCALE**2 + 0.5 / (n - 1))
    return found
