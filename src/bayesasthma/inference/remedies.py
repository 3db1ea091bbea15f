"""What is done about draws that fail their gate: smaller steps if they diverged, else more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from bayesasthma.inference.diagnostics import R_HAT_MAX, check
from bayesasthma.inference.sampling import SamplerOptions, sample

#: What fails its gate is sampled again, once or twice: with this many times the draws, if it has
#: not converged (R-hat depends on the effective draws of a chain, however many chains there are;
#: chains of the same seed start in the same modes); at the next of these acceptance rates, if it
#: diverged. Smaller steps may need trees of this depth.
MORE, CLOSER, DEEPER = 2, (0.98, 0.998), 12
#: Times that it is sampled again.
REPEATS = 2
#: The attribute, also of a saved fit, that says what was sampled again, and why.
AGAIN = "sampled_again"


def repeated(options: SamplerOptions, *, diverged: bool, short: bool) -> SamplerOptions:
    """Options for sampling again what failed its gate with these."""
    smaller = [rate for rate in CLOSER if diverged and rate > options.target_accept]
    return replace(
        options,
        draws=MORE * options.draws if short else options.draws,
        max_depth=max(options.max_depth, DEEPER),
        target_accept=smaller[0] if smaller else options.target_accept,
    )


def sample_closely(
    compiled: Any, options: SamplerOptions, patients: float = 0, *, longer: bool = False
) -> xr.DataTree:
    """Sample, and again in smaller steps if draws diverged: the remedy that the gate asks for.

    Parameters
    ----------
    compiled, options, patients
        As :func:`bayesasthma.inference.sampling.sample` takes them.
    longer : bool
        Whether what has not converged is sampled again with more draws. Fewer draws than the
        default are asked for to have a look, and stay as few.

    Returns
    -------
    DataTree
        Of the last time, whether or not it passes the gate. The attribute `AGAIN` says what was
        done; there is none if nothing was amiss at first.
    """
    judged = longer and options.draws >= SamplerOptions.draws and options.chains > 1
    note = ""
    tree = sample(compiled, options, patients)
    for _ in range(REPEATS):
        diverged = int(np.sum(tree["sample_stats"]["diverging"]))
        r_hat = check("", tree).r_hat if judged and not diverged else 0.0
        again = repeated(options, diverged=diverged > 0, short=r_hat > R_HAT_MAX)
        if again == replace(options, max_depth=again.max_depth):
            break
        if diverged:
            note += f"{diverged} diverged; again at acceptance {again.target_accept:g}: "
        else:
            note += f"R-hat {r_hat:.3f}; again with {again.draws} draws a chain: "
        options = again
        tree = sample(compiled, options, patients)
    if note:
        left = int(np.sum(tree["sample_stats"]["diverging"]))
        tree.attrs[AGAIN] = note + (f"{left} diverged" if left else "none diverged")
    return tree
