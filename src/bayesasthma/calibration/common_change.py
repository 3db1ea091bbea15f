"""Studies in which all patients improve alike and no treatment works: what an analysis makes of it.

A reader expects of a contrast of arms that it does not depend on what the arms have in common.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesasthma.calibration.headline import CONFIDENCE, ancova, layout_for, posterior
from bayesasthma.calibration.layouts import steps
from bayesasthma.calibration.scenarios import Scenario
from bayesasthma.inference.graphs import CompiledGraphs
from bayesasthma.models.specification import table_spec

#: Simulated studies of a batch.
BATCH = 20
#: Common improvement from the first follow-up visit on, in baseline SDs; the first is the one that
#: the others are compared with.
IMPROVEMENTS = (0.0, 1.0, 2.0, 3.0)
#: Patients of each arm.
SIZES = (10, 20, 50, 200)
#: True correlation between any two visits of a patient.
CORRELATIONS = (0.3, 0.6, 0.9)
#: Where the randomised study is tried, and where the model of the first edition was.
USUAL = 0.6
#: Half a baseline SD, as everywhere here; nothing is said of it.
MCID = 0.5

#: What is kept of each study: of the posterior, and of the analysis of covariance.
KEPT = (
    "mean", "low", "high", "p_benefit",
    "ancova_mean", "ancova_low", "ancova_high", "ancova_p",
)  # fmt: skip


@dataclass(frozen=True)
class CommonChangeJob:
    """Simulate studies without an effect; print their tables and fit them as a user would.

    Attributes
    ----------
    n : int
        Patients of each arm.
    rho : float
        Correlation between any two visits of a patient.
    improvement : float
        Of every patient at every follow-up visit, in baseline SDs; to the printed decimals of its
        outcome. Whatever it is, the patients, the rounding of the table and the sampler's seeds are
        the same.
    baseline : {"free", "common"}
        Arms of a cohort, or of a randomised study, whose model has them alike at baseline. The
        patients are the same, alike at baseline but for chance.
    """

    n: int
    rho: float
    improvement: float
    baseline: str = "free"

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"common-change-{self.baseline}-{self.n}-{self.rho:g}-{self.improvement:g}"

    @property
    def reference(self) -> CommonChangeJob:
        """The same studies without a common improvement."""
        return replace(self, improvement=IMPROVEMENTS[0])

    @property
    def group(self) -> str:
        """Jobs of one group share a compiled graph."""
        return "longitudinal" if self.baseline == "free" else "longitudinal-common"

    @property
    def source(self) -> tuple[str, ...]:
        """Sources that its draws depend on."""
        return ("longitudinal", "calibration", "common-change")

    def record(self) -> dict[str, Any]:
        """What determines its draws."""
        return {
            "common-change": self.baseline,
            "n": self.n,
            "rho": self.rho,
            "improvement": self.improvement,
        }

    def batches(self, replicates: int) -> int:
        """How many batches hold so many studies."""
        return -(-replicates // BATCH)

    def patients(self, rng: np.random.Generator, step: np.ndarray) -> np.ndarray:
        """Patients (study, arm, patient, visit) in baseline SDs; arms do not differ.

        Parameters
        ----------
        rng : numpy.random.Generator
        step : ndarray, shape (study,)
            Rounding unit of the printed means of each study.
        """
        sizes = ((self.n,), (self.n,))
        own = Scenario("null", "", np.asarray, (self.rho, self.rho), sizes)
        patients = own.patients(rng, len(step))
        # between two printed numbers it would be rounded away or up: noise that is not its doing
        improvement = np.round(self.improvement / step) * step
        patients[..., 1:] += improvement[:, None, None, None]
        return patients

    def generators(self, number: int, seed: int, count: int) -> list[np.random.Generator]:
        """Of one batch: the same at every improvement, with either model of the baseline."""
        cell = zlib.crc32(f"{self.n}, {self.rho:g}".encode())
        root = np.random.SeedSequence([seed, cell, number])
        return [np.random.default_rng(own) for own in root.spawn(count)]

    def batch(self, number: int, seed: int, graphs: CompiledGraphs) -> dict[str, np.ndarray]:
        """What is ``KEPT`` of one batch of studies (study, 8)."""
        spec = table_spec("longitudinal")
        layout = layout_for(((self.n,), (self.n,)), 1.0, MCID)
        if self.baseline == "common":
            layout = replace(layout, randomised=True)
        step, tail = steps(layout)[0].max(axis=(1, 2)), (1 - CONFIDENCE) / 2
        rows, facts = [], []
        for rng in self.generators(number, seed, BATCH // len(step)):
            patients = self.patients(rng, step)
            draws, fits = posterior(graphs, layout, patients, spec, int(rng.integers(2**31)))
            low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
            own = [draws.mean(axis=0), low, high, (draws > 0).mean(axis=0)]
            other = ancova(patients)
            own += [other.estimate, other.low, other.high, other.p]
            rows.append(np.stack(own, axis=-1))
            facts += [fit.facts for fit in fits]
        return {"values": np.concatenate(rows), "fits": np.array(facts)}


#: Every cell of the proof: a cohort at each correlation, a randomised study at the usual one.
GRID = tuple(
    CommonChangeJob(n, rho, improvement, baseline)
    for baseline, correlations in (("free", CORRELATIONS), ("common", (USUAL,)))
    for rho in correlations
    for n in SIZES
    for improvement in IMPROVEMENTS
)
