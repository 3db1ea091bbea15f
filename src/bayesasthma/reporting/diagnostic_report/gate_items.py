"""The diagnostics gate item by item: what was found, what it means, what to do when it fails."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesasthma.inference.diagnostics import BFMI_MIN, ESS_MIN, R_HAT_MAX, Gate


@dataclass(frozen=True)
class GateItem:
    """One check of the gate.

    Attributes
    ----------
    name, found, limit : str
        As printed; ``found`` is "–" where the check does not apply.
    passed : bool
    meaning : str
        What the number says, and why a failure makes the draws untrustworthy.
    remedy : str
        What to do when it fails.
    """

    name: str
    found: str
    limit: str
    passed: bool
    meaning: str
    remedy: str


def gate_items(gate: Gate, worst: str = "") -> list[GateItem]:
    """Every check of a fit's gate, those of the sampler first; ``worst`` has the smallest ESS."""
    sampler = _sampler(gate) if gate.sampled else []
    longer = (
        "Draw more: `--draws 6000 --tune 2000`. If more draws do not help in proportion, "
        "the chains "
        "do not mix: look at the traces of the parameter named, and at the fixes above."
    )
    if not gate.sampled:
        longer = "Draw more: these draws are independent, so that `--draws` alone decides."
    return [
        *sampler,
        GateItem(
            "R-hat",
            f"{gate.r_hat:.4f}" if np.isfinite(gate.r_hat) else "one chain",
            f"at most {R_HAT_MAX:g}",
            gate.r_hat <= R_HAT_MAX,
            "Largest over all scalars: by how much chains that began apart still disagree (ranks, "
            "split chains, the larger of bulk and tails; Vehtari et al. 2021). Above the "
            "limit they "
            "have not found one distribution, and means and intervals depend on where they began.",
            "Run four chains and a longer warm-up (`--chains 4 --tune 2000`). If two chains "
            "stay in "
            "different places there are two modes: simplify the model or doubt a cell of the "
            "table.",
        ),
        GateItem(
            "bulk ESS",
            f"{gate.ess_bulk:,.0f} ({worst or gate.worst})",
            f"at least {ESS_MIN:.0f}",
            gate.ess_bulk >= ESS_MIN,
            "Smallest over all scalars: how many independent draws would tell the middle of the "
            "posterior as precisely. With fewer than 400 R-hat and standard errors are themselves "
            "unreliable.",
            longer,
        ),
        GateItem(
            "tail ESS",
            f"{gate.ess_tail:,.0f}",
            f"at least {ESS_MIN:.0f}",
            gate.ess_tail >= ESS_MIN,
            "The same for the tails, which ends of intervals and probabilities near 0 and 1 "
            "rest on.",
            longer,
        ),
    ]


def _sampler(gate: Gate) -> list[GateItem]:
    return [
        GateItem(
            "divergent transitions",
            str(gate.divergences),
            "none",
            gate.divergences == 0,
            "Places where the posterior bends so sharply that the simulated trajectory left it. "
            "Chains then avoid that region, and every number may be biased, whatever R-hat says.",
            "Divergent posteriors are sampled again in smaller steps by themselves. If some are "
            "left: ask for a higher acceptance rate in Python "
            "(`SamplerOptions(target_accept=0.998)`), "
            "a simpler `--correlation exchangeable` or `--variance common`; look where they lie.",
        ),
        GateItem(
            "transitions at the maximum tree depth",
            str(gate.tree_depth_reached),
            "none",
            gate.tree_depth_reached == 0,
            "Trajectories that were cut off before they turned round: not wrong, but the draws are "
            "alike, and slow directions may be missed.",
            "A longer warm-up (`--tune 2000`), so that the steps suit the posterior; or in Python "
            "`SamplerOptions(max_depth=12)`.",
        ),
        GateItem(
            "E-BFMI",
            f"{gate.bfmi:.2f}",
            f"at least {BFMI_MIN:g}",
            gate.bfmi >= BFMI_MIN,
            "Smallest over chains: whether the energy changes enough from draw to draw to visit "
            "heavy tails (Betancourt 2016, arXiv:1604.00695). Low values mean that they are "
            "visited "
            "too rarely.",
            "A longer warm-up; a proper prior set (weak) instead of a flat one, whose tails are "
            "longest.",
        ),
    ]
