"""What the model of single visits reads off a study, and its moments: no graph.

Shared by the graph of :mod:`bayesasthma.models.independent` and by its kernel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesasthma.errors import UsageError
from bayesasthma.likelihood.correlation import Array
from bayesasthma.likelihood.tables import log_constant
from bayesasthma.models.design import Design
from bayesasthma.models.mixture_data import mixture_data
from bayesasthma.models.moments import effect_prior, effect_priors
from bayesasthma.models.prior_scales import IMBALANCE_SCALE, PATH_SCALE
from bayesasthma.models.specification import TableSpec
from bayesasthma.priors.distributions import EffectPrior


@dataclass(frozen=True)
class Cells:
    """Printed levels, one entry per outcome, arm and visit; standardised.

    Attributes
    ----------
    outcome, arm, visit, reference : ndarray of int, shape (cell,)
        ``reference`` is the position of the control arm's cell at the same visit, or -1.
    mean, sd, mean_step, sd_step, n : ndarray, shape (cell,)
    """

    outcome: np.ndarray
    arm: np.ndarray
    visit: np.ndarray
    reference: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    mean_step: np.ndarray
    sd_step: np.ndarray
    n: np.ndarray


def cells(design: Design) -> Cells:
    """Collect the printed levels of a design.

    Raises
    ------
    UsageError
        If the study prints no level (only changes from baseline).
    """
    found: dict[tuple[int, int, int], tuple[float, ...]] = {}
    for table in design.tables:
        for row, functional in enumerate(table.functional):
            if functional.min() < 0:
                continue
            visit = int(np.flatnonzero(functional)[0])
            for s, (k, g) in enumerate(zip(table.outcome, table.arm, strict=True)):
                found[int(k), int(g), visit] = tuple(
                    float(field[s, row])
                    for field in (
                        table.mean,
                        table.sd,
                        table.mean_step,
                        table.sd_step,
                        table.n,
                    )
                )
    if not found:
        raise UsageError("the model 'independent' needs printed levels; this study has none")
    keys = sorted(found)
    position = {key: i for i, key in enumerate(keys)}
    values = np.array([found[key] for key in keys])
    index = np.array(keys)
    return Cells(
        outcome=index[:, 0],
        arm=index[:, 1],
        visit=index[:, 2],
        reference=np.array([position.get((k, 0, t), -1) if g else -1 for k, g, t in keys]),
        mean=values[:, 0],
        sd=values[:, 1],
        mean_step=values[:, 2],
        sd_step=values[:, 3],
        n=values[:, 4],
    )


def sd_groups(printed: Cells, spec: TableSpec) -> np.ndarray:
    """Which log SD each cell uses: one per cell, or one per outcome and visit."""
    if spec.variance == "by_arm":
        return np.arange(len(printed.mean))
    key = np.stack([printed.outcome, printed.visit], axis=-1)
    return np.unique(key, axis=0, return_inverse=True)[1].reshape(-1)


def moments(parameters: dict[str, Array], printed: Cells, spec: TableSpec) -> tuple[Array, Array]:
    """Mean and log SD of every cell, standardised; works on draws and on PyTensor variables."""
    location, log_sd = parameters["location"], parameters["log_sd"]
    contrast = printed.reference >= 0
    base = np.where(contrast, printed.reference, 0)
    mean = location + location[..., base] * contrast
    return mean, log_sd[..., sd_groups(printed, spec)]


def data(design: Design, spec: TableSpec) -> dict[str, np.ndarray]:
    """Everything that another study of the same shape, or other prior scales, would change.

    Returns
    -------
    dict of ndarray
        ``printed_0``, ``step_0`` (cell, moment), ``n_0``, ``constant_0`` (cell, 1), and unless the
        prior is flat ``location_centre``, ``location_scale`` (cell,); of a mixture these and
        ``location_tail``, ``location_weight``, ``location_constant`` (cell, component).
    """
    printed = cells(design)
    values = {
        "printed_0": np.stack([printed.mean, printed.sd], axis=-1),
        "step_0": np.stack([printed.mean_step, printed.sd_step], axis=-1),
        "n_0": np.asarray(printed.n, dtype=float)[:, None],
        "constant_0": log_constant(printed.n[:, None] - 1),
    }
    if not spec.prior.flat:
        values |= {f"location_{name}": value for name, value in _priors(design, spec, printed)}
    return values


def _priors(design: Design, spec: TableSpec, printed: Cells) -> list[tuple[str, np.ndarray]]:
    """Hyperparameters of each cell's mean or difference, by name."""
    contrast = printed.reference >= 0
    follow_up = contrast & (printed.visit != design.baseline)
    spread = np.where(contrast, IMBALANCE_SCALE, PATH_SCALE)
    if spec.prior.family == "mixture":
        effects = effect_priors(design, spec)
        priors = [
            effects[k] if effect else EffectPrior.normal(0.0, float(scale))
            for k, effect, scale in zip(printed.outcome, follow_up, spread, strict=True)
        ]
        values = mixture_data(priors, 1)
        return [("centre" if name == "location" else name, value) for name, value in values.items()]
    centre, scale = effect_prior(design, spec)
    return [
        ("centre", np.where(follow_up, centre[printed.outcome], 0.0)),
        ("scale", np.where(follow_up, scale[printed.outcome], spread)),
    ]
