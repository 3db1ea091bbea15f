"""Where chains of a kernel begin: near the printed means.

Where all patients change by many SDs, a chain that begins at no change has a long way to go, with
steps that are far too large or far too small on it; some do not arrive. The means are found in a
few gradients by quasi-Newton steps, everything else staying where chains begin anyway.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import optimize

from bayesasthma.models.kernels.model import KernelModel

#: Parameters of population means.
MEANS = ("baseline_level", "visit_step", "imbalance", "effect", "location")
#: Most iterations of the search: it needs some thirty, and need not arrive.
ITERATIONS = 300
#: Stands for a log-density that is not finite.
IMPOSSIBLE = 1e100


def near_the_means(model: KernelModel) -> KernelModel:
    """The same model with chains that begin near its conditional mode in the means.

    Each still begins uniformly within 1 of that in every coordinate.

    Parameters
    ----------
    model : KernelModel
        The other parameters are held at its own start.
    """
    centre = model.initial_point()
    ends = np.cumsum([0, *(variable.size for variable in model.free)])
    places = {
        variable.name: np.arange(start, stop)
        for variable, start, stop in zip(model.free, ends[:-1], ends[1:], strict=True)
        if variable.name in MEANS
    }
    if not places:
        return model
    chosen = np.concatenate(list(places.values()))

    def falls(means: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the log-density, and its gradient, by the means."""
        point = centre.copy()
        point[chosen] = means
        value, gradient, status = model.value_and_gradient(point)
        if status or not np.isfinite(value):
            return IMPOSSIBLE, np.zeros_like(means)
        return -value, -gradient[chosen]

    found = optimize.minimize(
        falls, centre[chosen], jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}
    )
    if not np.isfinite(found.x).all() or found.fun >= IMPOSSIBLE:
        return model
    centre[chosen] = found.x
    begin = {
        variable.name: centre[places[variable.name]].reshape(variable.shape)
        for variable in model.free
        if variable.name in places
    }
    return replace(model, start={**model.start, **begin})
