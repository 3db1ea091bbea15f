"""Whether every example bundle, fitted with default draws, gives its known truth back.

    python benchmarks/examples.py                # some minutes
    python benchmarks/examples.py six-arms       # prints some of them, and writes nothing

Fits each bundle of data/examples with the models of the main job and compares every row of
truth.csv with its posterior: the distance in posterior SDs, whether the 95 % interval holds it, and
the distances of all truths of a fit at once, which a χ² has if the posterior is right. Writes
benchmarks/results/examples.csv (a row per truth and fit) and examples.json (versions, options,
checksums of the bundles, the χ² of every fit). A test holds both against the bundles and the bounds
of data/examples/README.md.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from bayesasthma import __version__
from bayesasthma.inference.adverse_fits import AdverseFit, fit_adverse
from bayesasthma.inference.fitting import Fit, fit_table
from bayesasthma.inference.sampling import SamplerOptions, versions
from bayesasthma.models.design import design
from bayesasthma.models.outcome_groups import unsuitable
from bayesasthma.reporting.reanalysis import prints_levels
from bayesasthma.results.effect_table import estimand_draws, headlines
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study

HERE = Path(__file__).parent
EXAMPLES = HERE.parent / "data" / "examples"
RESULTS = HERE / "results"
OPTIONS = SamplerOptions()
#: Counts of the examples are of new patients at each visit.
READING = "per_visit"


def fits_of(study: Study) -> list[Fit | AdverseFit]:
    """The fits of the main job, of the counts in the reading they were simulated in."""
    found: list[Fit | AdverseFit] = []
    if not study.outcomes.empty:
        models = ["independent"] if prints_levels(study) else []
        models.append("longitudinal")
        models += ["joint"] if unsuitable(design(study)) is None else []
        found += [fit_table(study, model, OPTIONS, progress=print) for model in models]
    if not study.adverse.empty:
        found += fit_adverse(study, options=OPTIONS, readings=(READING,), progress=print)
    return found


def draws_of(fit: Fit | AdverseFit, row: dict[str, Any]) -> np.ndarray | None:
    """Posterior draws, chain by draw, of what a row of truth.csv is the truth of.

    Arms of the examples have one population at baseline, so that every contrast a fit leads with
    has the same truth.
    """
    if isinstance(fit, AdverseFit):
        if row["subject"] not in fit.data["posterior"]["reaction"].to_numpy():
            return None
        rate = fit.data["posterior"]["rate"].sel(reaction=row["subject"], visit=row["visit"])
        effect = rate.sel(arm=row["arm"]) - rate.isel(arm=0)
        return np.asarray(effect.transpose("chain", "draw"))
    names = headlines(fit)
    if row["subject"] not in names:
        return None
    estimand = names[row["subject"]]
    effect = estimand_draws(fit, [estimand])[estimand]
    where = {"outcome": row["subject"], "arm": row["arm"], "visit": row["visit"]}
    values: xr.DataArray = effect.sel(where)
    return np.asarray(values.transpose("chain", "draw"))


def compare(
    example: str, fit: Fit | AdverseFit, truth: pd.DataFrame
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Every truth beside its posterior in one fit, and all of them at once."""
    rows, kept = [], []
    for row in truth.to_dict("records"):
        draws = draws_of(fit, row)
        if draws is None:
            continue
        flat = draws.ravel()
        low, high = np.quantile(flat, [0.025, 0.975])
        mean, sd = float(flat.mean()), float(flat.std())
        kept.append(flat)
        rows.append(
            row
            | {"fit": fit.label, "mean": mean, "sd": sd, "ci_low": low, "ci_high": high}
            | {"z": (mean - row["truth"]) / sd, "covered": low <= row["truth"] <= high}
            | {"gate": "passed" if fit.gate.passed else "failed"}
        )
    together = np.array(kept)
    off = together.mean(axis=1) - [row["truth"] for row in rows]
    chi2 = float(off @ np.linalg.solve(np.atleast_2d(np.cov(together)), off))
    p = float(stats.chi2.sf(chi2, len(rows)))
    joint = {"example": example, "fit": fit.label, "truths": len(rows), "chi2": chi2, "p": p}
    return rows, joint


def main(chosen: list[str]) -> None:
    """Fit the examples, print and (where all were fitted) write what was found."""
    truth = pd.read_csv(EXAMPLES / "truth.csv")
    rows: list[dict[str, Any]] = []
    record: dict[str, Any] = {
        "versions": {"bayesasthma": __version__, **versions()},
        "options": OPTIONS.record(),
        "checksums": {},
        "fits": [],
    }
    names = list(dict.fromkeys(truth["example"]))
    for example in chosen or names:
        study = load_study(EXAMPLES / example)
        record["checksums"][example] = study.checksums
        for fit in fits_of(study):
            own, joint = compare(example, fit, truth[truth["example"] == example])
            rows += own
            record["fits"].append(joint)
            print(f"{example}, {fit.label}: χ² {joint['chi2']:.2f} of {joint['truths']}")
    table = pd.DataFrame(rows)
    print(table.round(3).to_string(index=False))
    print(f"{int(table['covered'].sum())} of {len(table)} truths inside their 95 % interval")
    if not chosen:
        table.to_csv(
            RESULTS / "examples.csv", index=False, float_format="%.6g", lineterminator="\n"
        )
        text = json.dumps(record, indent=1, ensure_ascii=False) + "\n"
        (RESULTS / "examples.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
