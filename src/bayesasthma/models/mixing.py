"""Sample the outcomes' means in coordinates in which they are close to independent.

Correlated outcomes make a narrow posterior that NUTS crosses in small steps. A fixed linear map of
what is sampled undoes a typical correlation; the model and its posterior do not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytensor.tensor as pt
from pymc.logprob.transforms import Transform


class MixedOutcomes(Transform):  # type: ignore[misc]
    """A parameter whose first axis is ``outcome``, as ``factor`` times the values sampled.

    Parameters
    ----------
    factor : ndarray, shape (outcome, outcome)
        Cholesky factor of a typical correlation between outcomes.
    """

    name = "mixed"

    def __init__(self, factor: np.ndarray) -> None:
        self.factor, self.inverse = factor, np.linalg.inv(factor)
        self.log_det = float(np.log(np.abs(np.linalg.det(factor))))

    def forward(self, value: Any, *_inputs: Any) -> Any:
        """From the parameter to the values sampled."""
        return _first_axis(self.inverse, value)

    def backward(self, value: Any, *_inputs: Any) -> Any:
        """From the values sampled to the parameter."""
        return _first_axis(self.factor, value)

    def log_jac_det(self, value: Any, *_inputs: Any) -> Any:
        """Of `backward`; a constant."""
        return self.log_det * value.size.astype("float64") / len(self.factor)


def _first_axis(matrix: np.ndarray, value: Any) -> Any:
    flat = value.reshape((len(matrix), -1))
    return (pt.as_tensor(matrix) @ flat).reshape(value.shape)
