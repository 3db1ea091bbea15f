"""Simulation-based calibration of the pooled model: ranks of the truth among posterior draws.

    python -m benchmarks.pool_calibration --replicates 200

Each replicate draws the common parameters and those of every study from their priors, then tables
by their exact sampling distribution, rounds and pools them, and notes the rank of each truth among
thinned draws (Talts et al. 2018, arXiv:1804.06788). Written to
`benchmarks/results/pool_calibration.csv` and `.json`.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from bayesasthma.inference.remedies import sample_closely
from bayesasthma.inference.sampling import SamplerOptions, versions
from bayesasthma.likelihood.tables import draw_table
from bayesasthma.models.design import Design, TableBlock
from bayesasthma.models.kernels.longitudinal_model import kernel_model
from bayesasthma.models.moments import Moments, moments, row_moments
from bayesasthma.models.prior_draws import prior_draws
from bayesasthma.pooling.data import PooledDesign, PooledStudy
from bayesasthma.pooling.model import PooledSpec, pooled_model

RESULTS = Path(__file__).parent / "results"
#: Studies of a replicate: weeks, the first that of baseline; patients by arm; whether randomised;
#: whether changes alone are printed. Of a randomised study these are levels without a baseline, as
#: `bayesasthma.pooling.data.changes_as_levels` has them.
LAYOUTS: tuple[dict[str, Any], ...] = (
    {"weeks": (0.0, 12.0, 24.0), "n": (30, 32), "randomised": True, "change": False},
    {"weeks": (0.0, 4.0, 12.0), "n": (60, 55), "randomised": False, "change": False},
    {"weeks": (0.0, 12.0, 24.0), "n": (45, 45), "randomised": True, "change": True},
    {"weeks": (0.0, 12.0, 24.0), "n": (80, 40, 41), "randomised": True, "change": False},
)
#: Rounding unit of printed numbers, in baseline SDs; the first study's SDs of change are printed.
STEP = 0.05
DRAWS, TUNE, THIN = 1000, 400, 10


def empty_design(layout: dict[str, Any], pinned_z: float = 0.0) -> Design:
    """A study's design without numbers."""
    weeks = np.array(layout["weeks"][1:] if layout["change"] else layout["weeks"])
    n = np.array(layout["n"], dtype=float)
    size, arms = len(weeks), len(n)
    functional = np.eye(size)
    rows = len(functional)
    count = rows * (rows - 1) // 2
    block = TableBlock(
        outcome=np.zeros(arms, dtype=int),
        arm=np.arange(arms),
        functional=functional,
        mean=np.zeros((arms, rows)),
        sd=np.ones((arms, rows)),
        mean_step=np.full((arms, rows), STEP),
        sd_step=np.full((arms, rows), STEP),
        n=np.broadcast_to(n[:, None], (arms, rows)).copy(),
        pinned=np.zeros(count, dtype=bool),
        pinned_z=np.full((arms, count), pinned_z),
    )
    return Design(
        outcomes=("y",),
        arms=tuple(f"arm {g}" for g in range(arms)),
        visits=tuple(f"week {week:g}" for week in weeks),
        weeks=weeks,
        baseline=None if layout["change"] else 0,
        centre=np.zeros(1),
        scale=np.ones(1),
        direction=np.ones(1, dtype=int),
        domain=("",),
        target=np.full(1, np.nan),
        n_arm=n,
        tables=(block,),
        external=np.full((1, 2), np.nan),
        randomised=layout["randomised"],
    )


def pooled(designs: list[Design]) -> PooledDesign:
    """Studies in one unit."""
    studies = tuple(
        PooledStudy(
            f"study {i}",
            own,
            tuple(own.weeks[0 if own.baseline is None else 1 :]),
            1.0,
            int(own.n_arm.sum()),
        )
        for i, own in enumerate(designs)
    )
    weeks = tuple(sorted({week for own in studies for week in own.weeks}))
    return PooledDesign("y", "y", studies, weeks, 1.0, "SD", 1, float("nan"), 0.5)


def draw_truth(design: PooledDesign, spec: PooledSpec, seed: int) -> dict[str, Any]:
    """Common parameters and effects from their priors, as `docs/pooling.md` writes them."""
    rng = np.random.default_rng([seed, 1])
    weeks = np.array(design.weeks)
    omega = np.exp(rng.normal(np.log(0.25), 0.5))
    steps = omega * np.sqrt(np.diff(weeks) / 24) * rng.standard_normal(len(weeks) - 1)
    mean = rng.normal(0, 2) + np.concatenate([[0.0], np.cumsum(steps)])
    at_reference, kappa = float(spec.heterogeneity.rvs(1, rng)[0]), rng.beta(2, 2)
    phi = np.exp(rng.normal(np.log(0.4), 0.5))
    steps = phi * np.sqrt(np.diff(np.log2(1 + weeks))) * rng.standard_normal(len(weeks) - 1)
    path = np.concatenate([[0.0], np.cumsum(steps)])
    tau = at_reference * np.exp(path - path[design.weeks.index(design.reference_week)])
    location, spread = rng.normal(0.45, 0.7), abs(rng.normal(0, 0.4))
    effects, logits = [], []
    for own in design.studies:
        treated, visits = len(own.design.arms) - 1, len(own.weeks)
        arms = 0.5 + 0.5 * np.eye(treated)
        over = kappa + (1 - kappa) * np.eye(visits)
        noise = rng.standard_normal((treated, visits))
        deviation = np.linalg.cholesky(arms) @ noise @ np.linalg.cholesky(over).T
        at = [design.weeks.index(week) for week in own.weeks]
        effects.append(mean[at] + tau[at] * deviation)
        logits.append(rng.normal(location, spread))
    return {
        "mean_effect": mean, "walk_scale": omega, "heterogeneity": tau, "heterogeneity_walk": phi,
        "visit_correlation": kappa, "rho_location": location, "rho_scale": spread,
        "effects": effects, "logits": logits,
    }  # fmt: skip


def simulate(
    design: Design, effect: np.ndarray, logit: float, spec: PooledSpec, seed: int
) -> Design:
    """A study's table: nuisance parameters from their priors, numbers drawn and rounded."""
    kernel = kernel_model(design, spec.table)
    named = prior_draws(kernel.free, design, spec.table, 1, seed)
    parameters = {**named, "effect": effect[None, None], "logit_rho": np.array([[logit]])}
    moment: Moments = moments(parameters, design, spec.table)
    (table,) = design.tables
    mean, sd = draw_table(
        np.random.default_rng([seed, 2]), *row_moments(table, moment, design), table.n
    )
    printed = [STEP * np.round(own[0] / STEP) for own in (mean, sd)]
    if (printed[1] <= 0).any():
        raise FloatingPointError("an SD was rounded to 0")
    return replace(design, tables=(replace(table, mean=printed[0], sd=printed[1]),))


def replicate(seed: int) -> dict[str, float]:
    """Ranks of the truths among thinned posterior draws, each in (0, 1)."""
    spec = PooledSpec()
    chosen = [LAYOUTS[k] for k in np.random.default_rng(seed).permutation(4)[: 3 + seed % 2]]
    designs = [empty_design(layout) for layout in chosen]
    truth = draw_truth(pooled(designs), spec, seed)
    designs = [
        simulate(own, effect, logit, spec, 1000 * seed + i)
        for i, (own, effect, logit) in enumerate(
            zip(designs, truth["effects"], truth["logits"], strict=True)
        )
    ]
    design = pooled(designs)
    options = SamplerOptions(
        draws=DRAWS, tune=TUNE, chains=2, seed=seed, target_accept=0.95, cores=1
    )
    tree = sample_closely(pooled_model(design, spec), options)
    posterior = tree["posterior"].to_dataset()
    thinned = posterior.isel(draw=slice(None, None, THIN))
    found: dict[str, float] = {"divergences": float(tree["sample_stats"]["diverging"].sum())}
    rng = np.random.default_rng([seed, 3])

    def rank(name: str, draws: Any, value: float) -> None:
        flat = np.asarray(draws).ravel()
        below = (flat < value).sum() + rng.random()
        found[name] = float(below / (flat.size + 1))

    for k, week in enumerate(design.weeks):
        for name in ("mean_effect", "heterogeneity"):
            rank(f"{name} {week:g}", thinned[name].isel(week=k), truth[name][k])
    scalars = "walk_scale", "heterogeneity_walk", "visit_correlation", "rho_location", "rho_scale"
    for name in scalars:
        if name in thinned:
            rank(name, thinned[name], truth[name])
    for i in range(len(design.studies)):
        effect = thinned[f"s{i}_effect"].transpose("chain", "draw", ...).to_numpy()[:, :, 0]
        rank(f"effect of study {i}", effect[:, :, 0, -1], truth["effects"][i][0, -1])
        rank(f"rho of study {i}", thinned[f"s{i}_logit_rho"], truth["logits"][i])
    return found


def summary(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Kolmogorov-Smirnov p of each quantity's ranks, and the coverage of its 90 % interval."""
    found = {}
    for name in frame.columns.drop(["replicate", "cpu_seconds", "divergences"]):
        ranks = frame[name].dropna().to_numpy()
        found[name] = {
            "n": len(ranks),
            "ks_p": float(stats.kstest(ranks, "uniform").pvalue),
            "coverage_90": float(((ranks > 0.05) & (ranks < 0.95)).mean()),
        }
    return found


def main() -> None:
    """Run replicates; write ranks and a summary after each, for it may be stopped at any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--replicates", type=int, default=200)
    parser.add_argument("--out", type=Path, default=RESULTS)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, float]] = []
    for seed in range(asked.replicates):
        start = time.process_time()
        found = replicate(seed)
        rows.append({"replicate": seed, "cpu_seconds": time.process_time() - start, **found})
        frame = pd.DataFrame(rows)
        frame.to_csv(asked.out / "pool_calibration.csv", index=False, float_format="%.5g")
        quantities = summary(frame)
        least = min(quantities, key=lambda name: quantities[name]["ks_p"])
        record = {
            "replicates": len(frame),
            "draws": DRAWS,
            "tune": TUNE,
            "thin": THIN,
            "cpu_seconds": round(float(frame["cpu_seconds"].sum()), 1),
            "divergences": int(frame["divergences"].sum()),
            "smallest_ks_p": {least: quantities[least]["ks_p"], "of": len(quantities)},
            "versions": versions(),
            "quantities": quantities,
        }
        text = json.dumps(record, indent=1)
        (asked.out / "pool_calibration.json").write_text(text + "\n", encoding="utf-8")
        print(f"replicate {seed}: {rows[-1]['cpu_seconds']:.1f} s, {least} {quantities[least]}")


if __name__ == "__main__":
    main()
