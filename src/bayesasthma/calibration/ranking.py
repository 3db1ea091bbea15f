"""Simulation-based calibration of one case, batch by batch."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from bayesasthma.calibration.cases import Case
from bayesasthma.calibration.quantities import kept
from bayesasthma.inference.graphs import CompiledGraphs

#: Replicates of a batch: a batch is saved when it is done.
BATCH = 50


@dataclass(frozen=True)
class RankJob:
    """Draw parameters, patients and their table, fit, and rank the truth in the posterior.

    Attributes
    ----------
    case : Case
    """

    case: Case

    @property
    def name(self) -> str:
        """Of its folder."""
        return self.case.name

    @property
    def group(self) -> str:
        """Jobs of one group share a compiled graph."""
        parts = [self.case.model]
        if any(len(own) > 1 for own in self.case.n):
            parts.append("unequal")
        if self.case.weeks is not None:
            parts.append("weeks")
        return "-".join(parts)

    @property
    def source(self) -> tuple[str, ...]:
        """Sources that its draws depend on."""
        return (self.case.model, "calibration", "ranking")

    def record(self) -> dict[str, Any]:
        """What determines its draws."""
        return self.case.record()

    def batches(self, replicates: int) -> int:
        """How many batches hold so many replicates."""
        return -(-replicates // BATCH)

    def batch(self, number: int, seed: int, graphs: CompiledGraphs) -> dict[str, np.ndarray]:
        """Ranks and moments (quantity, replicate, field) of one batch, and its diagnostics."""
        problem = problem_of(self.case)
        fits = BATCH // problem.replicates_per_fit
        root = np.random.SeedSequence([seed, zlib.crc32(self.case.name.encode()), number])
        prior = problem.prior(max(fits, 2), int(root.generate_state(1)[0]))
        names: list[str] = []
        parts, facts = [], []
        for i, own in enumerate(root.spawn(fits)):
            rng = np.random.default_rng(own)
            study, truth = problem.simulate(prior.isel(fit=i), rng)
            own_seed = int(rng.integers(2**31))
            draws, sampled = problem.fit(graphs, study, own_seed)
            names, values = kept(truth, draws, own_seed, problem.ranked_entry(number * fits + i))
            parts.append(values)
            facts += [one.facts for one in sampled]
        return {
            "names": np.array(names),
            "values": np.concatenate(parts, axis=1).astype(np.float32),
            "fits": np.array(facts),
        }


@lru_cache(maxsize=4)
def problem_of(case: Case) -> Any:
    """The problem of a case; it keeps its model between batches."""
    if case.model == "adverse":
        from bayesasthma.calibration.adverse_problem import AdverseProblem

        return AdverseProblem(case)
    if case.model == "joint":
        from bayesasthma.calibration.joint_problem import JointProblem

        return JointProblem(case)
    from bayesasthma.calibration.table_problem import TableProblem

    return TableProblem(case)
