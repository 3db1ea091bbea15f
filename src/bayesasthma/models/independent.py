"""The analytic benchmark: every visit by itself, no pooling and no correlations.

Under ``reference`` with one SD over the arms the posterior of a difference in means is Student's t;
with one SD per arm it is the Behrens-Fisher distribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from bayesasthma.errors import UsageError
from bayesasthma.likelihood.correlation import Array
from bayesasthma.likelihood.tables import log_constant, table_logp
from bayesasthma.models.design import Design
from bayesasthma.models.mixture_data import mixture_data
from bayesasthma.models.mixtures import single_mixture
from bayesasthma.models.moments import effect_prior, effect_priors
from bayesasthma.models.prior_scales import IMBALANCE_SCALE, LOG_SD_SCALE, PATH_SCALE
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


def _location(model: pm.Model) -> Any:
    centre, scale = model["location_centre"], model["location_scale"]
    if "location_tail" not in model:
        return pm.Normal("location", centre, scale, dims="cell")
    tail, weight, constant = (model[f"location_{n}"] for n in ("tail", "weight", "constant"))
    return single_mixture("location", centre, scale, tail, weight, constant, ("cell",))


def build(design: Design, spec: TableSpec) -> pm.Model:
    """The PyMC model: ``location`` is a mean, or for treated cells a difference from control."""
    printed = cells(design)
    groups = sd_groups(printed, spec)
    size = len(printed.mean)
    coords = {
        "cell": range(size),
        "sd_group": range(int(groups.max()) + 1),
        "moment": ["mean", "sd"],
    }
    with pm.Model(coords=coords, check_bounds=False) as model:
        for name, value in data(design, spec).items():
            pm.Data(name, value, shape=value.shape)
        if spec.prior.flat:
            parameters: dict[str, Any] = {
                "location": pm.Flat("location", dims="cell"),
                "log_sd": pm.Flat("log_sd", dims="sd_group"),
            }
        else:
            parameters = {
                "location": _location(model),
                "log_sd": pm.Normal("log_sd", 0, LOG_SD_SCALE, dims="sd_group"),
            }
        mean, log_sd = moments(parameters, printed, spec)
        error: Any = np.zeros((size, 2))
        if spec.rounding:
            score = pm.Normal("rounding_0", 0, 1, dims=("cell", "moment"))
            error = 0.5 * pt.erf(score / np.sqrt(2)) * model["step_0"]

        def logp(value: Any, mean: Any, log_sd: Any, error: Any, n: Any, constant: Any) -> Any:
            exact = (value + error)[..., None]
            return table_logp(
                exact[..., 0, :],
                exact[..., 1, :],
                mean[..., None],
                log_sd[..., None],
                mean[..., None][..., :0],
                mean[..., None][..., :0],
                n,
                constant,
                np.zeros((size, 0)),
                np.zeros(0, dtype=bool),
                np.zeros((size, 0)),
                balanced=True,
                xp=pt,
            )[..., 0]

        pm.CustomDist(
            "table_0",
            mean,
            log_sd,
            error,
            model["n_0"],
            model["constant_0"],
            logp=logp,
            signature="(),(),(m),(r),(r)->(m)",
            observed=model["printed_0"],
            dims=("cell", "moment"),
        )
    return model
