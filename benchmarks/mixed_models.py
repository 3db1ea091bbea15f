"""Default fits of three public trials beside mixed models by REML, and what makes the difference.

    python benchmarks/mixed_models.py            # some ten minutes: graphs are compiled

Of each trial in tests/reference/trials: the default; without pooling of effects over visits;
without pooling of SDs; and with one SD for both arms, a wide prior of the correlations and no
pooling at all, which leaves nothing but the prior sets' own width. Writes
benchmarks/results/mixed_models.csv: estimates, their distance in REML's standard errors, the ratio
of posterior SD to standard error, and P(benefit).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pymc as pm
import xarray as xr

from bayesasthma.inference.assembly import natural_moments
from bayesasthma.inference.sampling import SamplerOptions, compile_model, sample
from bayesasthma.likelihood.correlation import CorrelationPrior
from bayesasthma.models import longitudinal
from bayesasthma.models.design import design
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.results.estimands import adjusted_difference
from bayesasthma.study.bundle import load_study

HERE = Path(__file__).parent
TRIALS = HERE.parent / "tests" / "reference" / "trials"
OPTIONS = SamplerOptions(draws=1500, tune=800, chains=2, cores=1)
WIDE = CorrelationPrior(location=0, scale=1.5, deviation=1.0)
#: A share of nearly 0 and scales of 3 (on the log scale of SDs) switch pooling off.
NO_EFFECTS = {"pooling": 0.001}
NO_SDS = {"log_sd_visit_scale": 3.0, "log_sd_cell_scale": 3.0}
VARIANTS: dict[str, tuple[TableSpec, dict[str, float]]] = {
    "default": (table_spec("longitudinal"), {}),
    "default, no pooling of effects": (table_spec("longitudinal"), NO_EFFECTS),
    "default, no pooling of SDs": (table_spec("longitudinal"), NO_SDS),
    "weak, common SD, wide correlation, no pooling": (
        table_spec("longitudinal", "weak", WIDE, variance="common"),
        NO_EFFECTS | {"log_sd_visit_scale": 3.0},
    ),
}


def rows(trial: str, label: str, reference: pd.DataFrame) -> list[dict[str, Any]]:
    """One row per follow-up visit of a trial."""
    spec, fixed = VARIANTS[label]
    layout = design(load_study(TRIALS / trial))
    model = longitudinal.build(layout, spec)
    dims = model.named_vars_to_dims
    values = {
        name: np.full([len(model.coords[dim]) for dim in dims[name]], value)
        for name, value in fixed.items()
    }
    tree = sample(compile_model(pm.do(model, values) if values else model), OPTIONS)
    draws = tree["posterior"].to_dataset()
    for name, value in values.items():
        whole = np.broadcast_to(value, (OPTIONS.chains, OPTIONS.draws, *value.shape))
        draws[name] = (("chain", "draw", *dims[name]), whole)
    n = xr.DataArray(layout.n_arm, {"arm": list(layout.arms)}, "arm")
    moments = natural_moments(draws, layout, spec)
    effect = adjusted_difference(moments, layout.visits[0], n).isel(arm=0, outcome=0)
    found = []
    for visit in effect["visit"].to_numpy():
        x = effect.sel(visit=visit).to_numpy().ravel()
        known = reference[reference["visit"] == visit].iloc[0]
        found.append(
            {
                "trial": trial,
                "variant": label,
                "visit": visit,
                "mean": x.mean(),
                "sd": x.std(),
                "mixed_model": known["estimate"],
                "se": known["se"],
                "distance": (x.mean() - known["estimate"]) / known["se"],
                "sd_ratio": x.std() / known["se"],
                "p_benefit": (layout.direction[0] * x > 0).mean(),
                "p_benefit_mixed_model": known["p_benefit"],
            }
        )
    return found


def main() -> None:
    """Fit every variant of every trial."""
    known = pd.read_csv(TRIALS / "mixed_models.csv")
    found: list[dict[str, Any]] = []
    for trial in known["trial"].unique():
        for label in VARIANTS:
            found += rows(trial, label, known[known["trial"] == trial])
            print(pd.DataFrame(found[-4:]).round(3).to_string(index=False), flush=True)
    path = HERE / "results" / "mixed_models.csv"
    pd.DataFrame(found).to_csv(path, index=False, float_format="%.4g", lineterminator="\n")


if __name__ == "__main__":
    main()
