"""Coverage of the headline interval when patients are not what the model takes them for."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from bayesasthma.calibration.cases import IRREGULAR_WEEKS
from bayesasthma.calibration.headline import CONFIDENCE, ancova, layout_for, posterior
from bayesasthma.calibration.scenarios import scenario_of
from bayesasthma.inference.graphs import CompiledGraphs
from bayesasthma.models.specification import table_spec

#: Simulated studies of a batch.
BATCH = 20
MCID = 0.5

#: Coverage of a 95 % interval from which to trust it, and below which to distrust it.
TRUST_FROM, DISTRUST_BELOW = 0.92, 0.85

COLUMNS = [
    "scenario", "title", "studies", "truth", "coverage", "coverage_low", "coverage_high",
    "bias", "width", "ancova_coverage", "ancova_width", "verdict",
]  # fmt: skip


@dataclass(frozen=True)
class MisspecificationJob:
    """Simulate the patients of a scenario, print their table and fit it as a user would.

    Attributes
    ----------
    scenario : str
    """

    scenario: str

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"misspecification-{self.scenario}"

    @property
    def group(self) -> str:
        """Jobs of one group share a compiled graph."""
        sizes = scenario_of(self.scenario).n
        return "longitudinal" if len(sizes[0]) == 1 else "longitudinal-unequal-weeks"

    @property
    def source(self) -> tuple[str, ...]:
        """Sources that its draws depend on."""
        return ("longitudinal", "calibration", "misspecification")

    def record(self) -> dict[str, Any]:
        """What determines its draws."""
        return {"misspecification": self.scenario}

    def batches(self, replicates: int) -> int:
        """How many batches hold so many studies."""
        return -(-replicates // BATCH)

    def batch(self, number: int, seed: int, graphs: CompiledGraphs) -> dict[str, np.ndarray]:
        """Posterior and frequentist intervals of one batch of studies."""
        scenario, spec = scenario_of(self.scenario), table_spec("longitudinal")
        # weeks of the calibrated case with unequal n, which has a compiled graph
        weeks = IRREGULAR_WEEKS if self.group != "longitudinal" else None
        layout = layout_for(scenario.n, scenario.unit, MCID * scenario.unit, weeks)
        per_fit = len(layout.outcomes)
        root = np.random.SeedSequence([seed, zlib.crc32(self.scenario.encode()), number])
        rows, facts = [], []
        for own in root.spawn(BATCH // per_fit):
            rng = np.random.default_rng(own)
            patients = scenario.patients(rng, per_fit)
            draws, fits = posterior(
                graphs,
                layout,
                patients,
                spec,
                int(rng.integers(2**31)),
                print_errors=scenario.print_errors,
            )
            tail = (1 - CONFIDENCE) / 2
            low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
            other = ancova(patients)
            rows.append(np.stack([draws.mean(axis=0), low, high, other.low, other.high], axis=-1))
            facts += [fit.facts for fit in fits]
        return {"values": np.concatenate(rows), "fits": np.array(facts)}


def summarise_scenario(name: str, values: np.ndarray) -> dict[str, Any]:
    """One row of ``misspecification.csv`` from the batches' values (study, 5).

    ``bias`` and widths are in baseline SDs; ``coverage_low`` and ``coverage_high`` are the 95 %
    Clopper-Pearson interval of a coverage estimated from so many studies.
    """
    scenario = scenario_of(name)
    truth, count = scenario.truth, len(values)
    mean, low, high, other_low, other_high = values.T
    covered = int(np.sum((low <= truth) & (truth <= high)))
    exact = stats.binomtest(covered, count).proportion_ci(0.95)
    coverage = covered / count
    verdict = "caution"
    if coverage >= TRUST_FROM:
        verdict = "trust"
    elif coverage < DISTRUST_BELOW:
        verdict = "distrust"
    return {
        "scenario": name,
        "title": scenario.title,
        "studies": count,
        "truth": truth / scenario.unit,
        "coverage": coverage,
        "coverage_low": exact.low,
        "coverage_high": exact.high,
        "bias": float(mean.mean() - truth) / scenario.unit,
        "width": float((high - low).mean()) / scenario.unit,
        "ancova_coverage": float(((other_low <= truth) & (truth <= other_high)).mean()),
        "ancova_width": float((other_high - other_low).mean()) / scenario.unit,
        "verdict": verdict,
    }


def misspecification_table(results: dict[str, np.ndarray]) -> pd.DataFrame:
    """The table that says when to distrust the package, one row per scenario."""
    return pd.DataFrame([summarise_scenario(name, own) for name, own in results.items()])[COLUMNS]
