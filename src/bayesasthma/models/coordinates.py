"""Coordinates in which parameters are sampled; the model and its posterior do not change.

NUTS takes steps as small as a posterior is narrow in any direction and as many as it is long in
another. Printed numbers of many patients pin combinations of parameters (a mean, a difference from
the control arm) and leave others as wide as their prior. So what is sampled is a parameter less the
part of it that other parameters determine, its *offset*, and correlated outcomes are mixed. Chains
start near the centres of the priors in these coordinates, whatever the printed numbers are.
"""

from __future__ import annotations

from math import log, pi
from typing import Any

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform


class Coordinates(Transform):  # type: ignore[misc]
    """A parameter as ``factor`` times the values sampled, plus its distribution's last input.

    Parameters
    ----------
    factor : ndarray, shape (outcome, outcome), optional
        Over the first axis: the Cholesky factor of a typical correlation between outcomes.
    """

    name = "coordinates"

    def __init__(self, factor: np.ndarray | None = None) -> None:
        self.factor = factor
        self.inverse = None if factor is None else np.linalg.inv(factor)
        self.log_det = 0.0 if factor is None else float(np.log(np.abs(np.linalg.det(factor))))

    def forward(self, value: Any, *inputs: Any) -> Any:
        """From the parameter to the values sampled."""
        return _first_axis(self.inverse, value - inputs[-1])

    def backward(self, value: Any, *inputs: Any) -> Any:
        """From the values sampled to the parameter."""
        return _first_axis(self.factor, value) + inputs[-1]

    def log_jac_det(self, value: Any, *_inputs: Any) -> Any:
        """Of `backward`; a constant."""
        if self.factor is None:
            return pt.zeros(())
        return self.log_det * value.size.astype("float64") / len(self.factor)


def _first_axis(matrix: np.ndarray | None, value: Any) -> Any:
    if matrix is None:
        return value
    flat = value.reshape((len(matrix), -1))
    return (pt.as_tensor(matrix) @ flat).reshape(value.shape)


class PartlyCentred(Transform):  # type: ignore[misc]
    """A normal parameter between its centred (1) and its non-centred (0) form, plus an offset.

    Of a distribution with inputs location ``m``, scale ``s``, offset ``b`` and centring ``c``: the
    parameter is ``(1 - c) m + s^(1 - c)`` times the value sampled, plus ``b``. Papaspiliopoulos,
    Roberts and Skold (2007), Statistical Science 22:59, say why either extreme can be slow: where
    the data say little, a centred parameter and its location narrow together; where they say much,
    a non-centred one must move against its location and scale to stay where it is.
    """

    name = "partly_centred"

    def forward(self, value: Any, *inputs: Any) -> Any:
        """From the parameter to the values sampled."""
        location, scale, offset, centring = inputs[-4:]
        return (value - offset - (1 - centring) * location) / scale ** (1 - centring)

    def backward(self, value: Any, *inputs: Any) -> Any:
        """From the values sampled to the parameter."""
        location, scale, offset, centring = inputs[-4:]
        return offset + (1 - centring) * location + scale ** (1 - centring) * value

    def log_jac_det(self, value: Any, *inputs: Any) -> Any:
        """Of `backward`, per value."""
        _location, scale, _offset, centring = inputs[-4:]
        return (1 - centring) * pt.log(scale) + 0.0 * value


def _normal_logp(value: Any, location: Any, scale: Any, *_coordinates: Any) -> Any:
    return -0.5 * (((value - location) / scale) ** 2 + log(2 * pi)) - pt.log(scale)


def _normal_random(
    location: np.ndarray,
    scale: np.ndarray,
    *coordinates: np.ndarray,
    rng: np.random.Generator,
    size: tuple[int, ...] | None,
) -> np.ndarray:
    shape = np.broadcast_shapes(location.shape, scale.shape, *(own.shape for own in coordinates))
    draws: np.ndarray = rng.normal(location, scale, size=shape if size is None else size)
    return draws


def offset_normal(
    name: str, location: Any, scale: Any, offset: Any, dims: tuple[str, ...], own: Coordinates
) -> Any:
    """``Normal(location, scale^2)``, sampled as its difference from ``offset``."""
    return pm.CustomDist(
        name,
        location,
        scale,
        offset,
        logp=_normal_logp,
        random=_normal_random,
        support_point=lambda _rv, _size, location, scale, offset: location + offset + 0.0 * scale,
        signature="(),(),()->()",
        dims=dims,
        transform=own,
    )


def centred_normal(
    name: str, location: Any, scale: Any, offset: Any, centring: Any, dims: tuple[str, ...]
) -> Any:
    """``Normal(location, scale^2)`` in the coordinates of `PartlyCentred`."""
    return pm.CustomDist(
        name,
        location,
        scale,
        offset,
        centring,
        logp=_normal_logp,
        random=_normal_random,
        # zero in these coordinates
        support_point=lambda _rv, _size, location, scale, offset, centring: (
            (1 - centring) * location + offset + 0.0 * scale
        ),
        signature="(),(),(),()->()",
        dims=dims,
        transform=PartlyCentred(),
    )


def offset_flat(name: str, offset: Any, dims: tuple[str, ...], own: Coordinates) -> Any:
    """An improper prior, flat, sampled as its difference from ``offset``; it has no draws."""
    return pm.CustomDist(
        name,
        offset,
        logp=lambda value, _offset: 0.0 * value,
        support_point=lambda _rv, _size, offset: offset,
        signature="()->()",
        dims=dims,
        transform=own,
    )
