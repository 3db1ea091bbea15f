"""What is done about draws that fail their gate: smaller steps if they diverged, else more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

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


def sample_closely(compiled: Any, options: SamplerOptions, patients: float = 0) -> xr.DataTree:
    """Sample, and again in smaller steps if draws diverged: the remedy that the gate asks for.

    Parameters
    ----------
    compiled, options, patients
        As :func:`bayesasthma.inference.sampling.sample` takes them.

    Returns
    -------
    DataTree
        Of the last time; as many draws as asked for, whether or not they pass the gate. The
        attribute `AGAIN` says what was done; there is none if no draw diverged at first.
    """
    note = ""
    tree = sample(compiled, options, patients)
    for _ in range(REPEATS):
        diverged = int(np.sum(tree["sample_stats"]["diverging"]))
        again = repeated(options, diverged=True, short=False)
        if not diverged or again.target_accept == options.target_accept:
            break
        options = again
        note += f"{diverged} diverged; again at acceptance {options.target_accept:g}: "
        tree = sample(compiled, options, patients)
    if note:
        left = int(np.sum(tree["sample_stats"]["diverging"]))
        tree.attrs[AGAIN] = note + (f"{left} diverged" if left else "none diverged")
    return tree
