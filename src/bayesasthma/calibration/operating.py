"""Type-I error and power of decision rules on the posterior, beside the tests of a trial."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from bayesasthma.calibration.cases import PAPER
from bayesasthma.calibration.headline import ancova, layout_for, posterior, t_test
from bayesasthma.calibration.scenarios import EFFECT, Scenario
from bayesasthma.inference.graphs import CompiledGraphs
from bayesasthma.models.specification import table_spec

BATCH = 20
PRIORS = ("reference", "weak", "sceptical", "enthusiastic")
#: True benefits at every follow-up visit, in baseline SDs: none, the MCID, twice the MCID.
BENEFITS = (0.0, 0.5, 1.0)
MCID = 0.5
ONE_SIDED = 0.025

COLUMNS = ["prior", "benefit", "rule", "studies", "rate", "error"]


@dataclass(frozen=True)
class OperatingJob:
    """Simulate trials of one true benefit; apply every rule under one prior set.

    Attributes
    ----------
    prior : str
    benefit : float
        In baseline SDs. The same patients are analysed under each prior set.
    """

    prior: str
    benefit: float

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"operating-{self.prior}-{self.benefit:g}"

    @property
    def group(self) -> str:
        """Jobs of one group share a compiled graph."""
        return "longitudinal-flat" if self.prior == "reference" else "longitudinal"

    @property
    def source(self) -> tuple[str, ...]:
        """Sources that its draws depend on."""
        return ("longitudinal", "calibration", "operating")

    def record(self) -> dict[str, Any]:
        """What determines its draws."""
        return {"operating": self.prior, "benefit": self.benefit}

    def batches(self, replicates: int) -> int:
        """How many batches hold so many studies."""
        return -(-replicates // BATCH)

    def batch(self, number: int, seed: int, graphs: CompiledGraphs) -> dict[str, np.ndarray]:
        """Probabilities and p-values (study, 4) of one batch of trials."""
        spec = table_spec("longitudinal", self.prior)
        layout = layout_for(((PAPER[0],), (PAPER[1],)), 1.0, MCID)
        per_fit = len(layout.outcomes)
        shift = self.benefit * (EFFECT > 0) - EFFECT
        root = np.random.SeedSequence([seed, zlib.crc32(f"{self.benefit:g}".encode()), number])
        rows, facts = [], []
        for own in root.spawn(BATCH // per_fit):
            rng = np.random.default_rng(own)
            patients = Scenario("normal", "").patients(rng, per_fit)
            patients[:, 1] += shift
            draws, fits = posterior(graphs, layout, patients, spec, int(rng.integers(2**31)))
            rows.append(
                np.stack(
                    [
                        (draws > 0).mean(axis=0),
                        (draws > MCID).mean(axis=0),
                        t_test(patients).p,
                        ancova(patients).p,
                    ],
                    axis=-1,
                )
            )
            facts += [fit.facts for fit in fits]
        return {"values": np.concatenate(rows), "fits": np.array(facts)}


def operating_table(results: dict[tuple[str, float], np.ndarray]) -> pd.DataFrame:
    """Share of trials in which each rule declares a benefit, with its Monte Carlo error.

    At a benefit of 0 the rate is the type-I error; elsewhere it is the power (for the MCID rule at
    a benefit equal to the MCID, the rate at which a benefit of just the MCID passes).
    """
    rows = []
    for (prior, benefit), values in results.items():
        decisions = {
            "P(benefit) > 0.975": values[:, 0] > 0.975,
            "P(benefit > MCID) > 0.8": values[:, 1] > 0.8,
            "t test, one-sided p < 0.025": values[:, 2] < ONE_SIDED,
            "ANCOVA, one-sided p < 0.025": values[:, 3] < ONE_SIDED,
        }
        for rule, decided in decisions.items():
            rate = float(decided.mean())
            rows.append(
                {
                    "prior": "" if "p <" in rule else prior,
                    "benefit": benefit,
                    "rule": rule,
                    "studies": len(values),
                    "rate": rate,
                    "error": float(np.sqrt(rate * (1 - rate) / len(values))),
                }
            )
    table = pd.DataFrame(rows)[COLUMNS]
    # the tests know no prior: once per benefit
    return table.drop_duplicates(["prior", "benefit", "rule"]).reset_index(drop=True)
