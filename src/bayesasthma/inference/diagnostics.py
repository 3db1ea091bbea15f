"""The gate: whether a fit, and every quantity quoted from it, may be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.inference import convergence

R_HAT_MAX = 1.01
ESS_MIN = 400.0
BFMI_MIN = 0.3


@dataclass(frozen=True)
class Gate:
    """Verdict on one fit.

    Attributes
    ----------
    fit : str
        Label of the fit.
    sampled : bool
        False for closed-form posteriors, whose draws are independent.
    divergences, tree_depth_reached : int
        Number of transitions; both must be 0.
    bfmi : float
        Smallest energy Bayesian fraction of missing information over chains (Betancourt 2016).
    r_hat : float
        Largest rank-normalised split R-hat (Vehtari et al. 2021, Bayesian Anal 16:667).
    ess_bulk, ess_tail : float
        Smallest over parameters.
    worst : str
        The parameter with the smallest bulk ESS.
    parameters : int
        How many scalars were checked.
    """

    fit: str
    sampled: bool
    divergences: int
    tree_depth_reached: int
    bfmi: float
    r_hat: float
    ess_bulk: float
    ess_tail: float
    worst: str
    parameters: int

    @property
    def failures(self) -> tuple[str, ...]:
        """What fails, in words; empty when the gate is passed."""
        found = []
        if self.divergences:
            found.append(f"{self.divergences} divergent transition{'s' * (self.divergences > 1)}")
        if self.tree_depth_reached:
            deep = self.tree_depth_reached
            found.append(f"{deep} transition{'s' * (deep > 1)} at the maximum tree depth")
        if self.bfmi < BFMI_MIN:
            found.append(f"E-BFMI {self.bfmi:.2f} below {BFMI_MIN}")
        if not self.r_hat <= R_HAT_MAX:
            found.append(f"R-hat {self.r_hat:.3f} above {R_HAT_MAX}")
        if not self.ess_bulk >= ESS_MIN:
            found.append(f"bulk ESS {self.ess_bulk:.0f} below {ESS_MIN:.0f} ({self.worst})")
        if not self.ess_tail >= ESS_MIN:
            found.append(f"tail ESS {self.ess_tail:.0f} below {ESS_MIN:.0f}")
        return tuple(found)

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return not self.failures


def check(label: str, data: xr.DataTree) -> Gate:
    """Run the gate over every parameter of a fit.

    Parameters
    ----------
    label : str
    data : DataTree
        With ``posterior`` (chain, draw, ...) and, if it was sampled, ``sample_stats``.

    Returns
    -------
    Gate
    """
    posterior = data["posterior"].to_dataset()
    varying = {
        str(name): _varying(array) for name, array in posterior.items() if array.dtype.kind == "f"
    }
    checked = {
        name: convergence.diagnose(draws) for name, draws in varying.items() if draws.shape[2]
    }
    smallest = {name: float(np.min(bulk)) for name, (_, bulk, _) in checked.items()}
    worst = min(smallest, key=lambda name: smallest[name])
    stats = data["sample_stats"].to_dataset() if "sample_stats" in data else xr.Dataset()
    bfmi = _energy_bfmi(stats)
    return Gate(
        fit=label,
        sampled=bool(stats),
        divergences=int(stats["diverging"].sum()) if stats else 0,
        tree_depth_reached=int(stats["maxdepth_reached"].sum()) if stats else 0,
        bfmi=bfmi,
        # infinite for one chain, which nothing can be compared with
        r_hat=float(np.max([np.max(r_hat) for r_hat, _, _ in checked.values()]))
        if posterior.sizes["chain"] > 1
        else float("inf"),
        ess_bulk=float(np.min(list(smallest.values()))),
        ess_tail=float(np.min([np.min(tail) for _, _, tail in checked.values()])),
        worst=worst,
        parameters=sum(draws.shape[2] for draws in varying.values()),
    )


def check_outcomes(
    label: str, data: xr.DataTree, series: Mapping[str, Sequence[str]]
) -> dict[str, Gate]:
    """Run the gate for each outcome of a model whose posterior factorises over outcomes.

    There, slow mixing of one outcome's parameters says nothing of another's. What cannot be
    attributed counts for every outcome: parameters without a dimension of outcomes, and unless
    outcomes were sampled apart, divergences, tree depth and energy, which belong to the sampler.

    Parameters
    ----------
    label : str
    data : DataTree
        As for :func:`check`; ``posterior`` has a coordinate ``outcome``.
    series : mapping of str to sequence of str
        Dimensions that hold several positions per outcome, and the outcome of each position.

    Returns
    -------
    dict of str to Gate
        By outcome.
    """
    posterior = data["posterior"].to_dataset()
    gates = {}
    for outcome in map(str, posterior["outcome"].values):
        own = posterior.sel(outcome=[outcome]).isel(
            {dim: np.flatnonzero(np.array(of) == outcome) for dim, of in series.items()},
            missing_dims="ignore",
        )
        stats = data["sample_stats"].to_dataset()
        if "outcome" in stats.dims:
            stats = stats.sel(outcome=outcome)
        parts = {"posterior": own, "sample_stats": stats}
        gates[outcome] = check(f"{label} {outcome}", xr.DataTree.from_dict(parts))
    return gates


def _varying(array: xr.DataArray) -> np.ndarray:
    """Draws (chain, draw, quantity) of what has draws and varies.

    A fixed correlation and the diagonal of a correlation matrix do not vary, and a cell that is not
    printed has no draws: neither has anything to converge.
    """
    values = array.transpose("chain", "draw", ...).to_numpy()
    draws = values.reshape((*values.shape[:2], -1))
    kept = ~convergence.constant(draws) & ~np.isnan(draws).all(axis=(0, 1))
    return np.asarray(draws[:, :, kept])


def _energy_bfmi(stats: xr.Dataset) -> float:
    """Smallest E-BFMI over chains: mean squared energy step over the energy's variance.

    Of outcomes sampled apart, the smallest over outcomes.
    """
    if "energy" not in stats:
        return float("inf")
    energy = stats["energy"].transpose("chain", "draw", ...).to_numpy()
    return float(np.min(np.mean(np.diff(energy, axis=1) ** 2, axis=1) / np.var(energy, axis=1)))


def mark(frame: pd.DataFrame, gate: Gate) -> pd.DataFrame:
    """Add the column ``gate``: ``pass`` where the fit and the row's own diagnostics pass."""
    own = (
        (frame["r_hat"].fillna(1.0) <= R_HAT_MAX)
        & (frame["ess_bulk"].fillna(np.inf) >= ESS_MIN)
        & (frame["ess_tail"].fillna(np.inf) >= ESS_MIN)
    )
    return frame.assign(gate=np.where(own & gate.passed, "pass", "fail"))


def mark_outcomes(frame: pd.DataFrame, gates: Mapping[str, Gate]) -> pd.DataFrame:
    """:func:`mark` with the gate of each row's outcome."""
    parts = [mark(own, gates[str(outcome)]) for outcome, own in frame.groupby("outcome")]
    return pd.concat(parts).loc[frame.index] if parts else frame.assign(gate="")


def diagnostics_frame(gates: list[Gate]) -> pd.DataFrame:
    """One row per fit: the columns of ``diagnostics.csv``."""
    return pd.DataFrame(
        [
            {
                "fit": gate.fit,
                "sampled": gate.sampled,
                "parameters": gate.parameters,
                "divergences": gate.divergences,
                "tree_depth_reached": gate.tree_depth_reached,
                "bfmi": gate.bfmi,
                "r_hat": gate.r_hat,
                "ess_bulk": gate.ess_bulk,
                "ess_tail": gate.ess_tail,
                "worst": gate.worst,
                "gate": "pass" if gate.passed else "fail",
                "failures": "; ".join(gate.failures),
            }
            for gate in gates
        ]
    )
