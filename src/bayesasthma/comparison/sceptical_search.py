"""The search for critical sceptical priors: by reweighting, from refits where that cannot reach."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from bayesasthma.comparison.reverse_bayes import (
    LEVELS,
    EffectDraws,
    Key,
    Reweighted,
    critical_scale,
)
from bayesasthma.comparison.sceptics_outlook import Outlook, outlook

#: Refits of an outcome and arm at most.
ROUNDS = 6
#: How far apart prior SDs may be, as a factor, that one refit between them is to answer for: it
#: reaches down to about 0.6 of its own, where draws run out, and up to 1.4, where weights grow.
REACHED = 1.9

NOT_REACHED = "not convincing under the fitted prior"
UNRESOLVED = "needs a refit"

COLUMNS = ["outcome", "arm", "visit", "level", "sd", "pareto_k", "ess", "method"]

Target = tuple[Key, int, float]
#: Draws under sceptical priors of given SDs, each of one outcome and arm, the other arms' priors as
#: they are; without those it cannot give.
Refit = Callable[[Mapping[Key, float]], Mapping[Key, EffectDraws]]


def sceptical_scales(
    fits: Mapping[Key, EffectDraws],
    levels: Sequence[float] = LEVELS,
    refit: Refit | None = None,
    rounds: int = ROUNDS,
) -> pd.DataFrame:
    """How narrow a prior about 0 must be for P(benefit) to fall below each level.

    By reweighting the fit where its Pareto k allows, else by refitting close to the answer and
    reweighting from there.

    Parameters
    ----------
    fits : mapping of EffectDraws
        By outcome and arm.
    levels : sequence of float
    refit : callable, optional
        Gives draws under other prior SDs; without it what cannot be reweighted is left open.
    rounds : int
        Refits at most of each outcome and arm; a round refits all that are open.

    Returns
    -------
    DataFrame
        Columns ``outcome, arm, visit, level, sd, pareto_k, ess, method``; ``sd`` is in the draws'
        unit, NaN where P(benefit) is below the level under the fitted prior already, or where no
        reliable answer was found (``method`` says which).
    """
    search = _Search()
    targets: list[Target] = []
    for key, draws in fits.items():
        own = [(key, visit, level) for visit in range(draws.benefit.shape[1]) for level in levels]
        reached = [t for t in own if (draws.benefit[:, t[1]] > 0).mean() >= t[2]]
        for target in own:
            search.found[target] = (float("nan"), float("nan"), float("nan"), NOT_REACHED)
        search.seek(draws, reached)
        if opened := [target for target in reached if target in search.open]:
            search.expect(draws, opened)
        targets += own
    for _ in range(rounds if refit is not None else 0):
        if refit is None or not search.open:
            break
        for key, draws in refit(_proposals(search.open)).items():
            opened = [target for target in search.open if target[0] == key]
            search.seek(draws, opened)
            search.correct(draws, [target for target in opened if target in search.open])
    rows = [
        (*key, fits[key].visits[visit], level, *search.found[key, visit, level])
        for key, visit, level in targets
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


@dataclass(frozen=True)
class _Search:
    """Targets solved so far, and where to look next for those that are open."""

    found: dict[Target, tuple[float, float, float, str]] = field(default_factory=dict)
    open: dict[Target, float] = field(default_factory=dict)
    outlooks: dict[Key, Outlook] = field(default_factory=dict)

    def seek(self, draws: EffectDraws, targets: Sequence[Target]) -> None:
        """Solve targets of one outcome and arm from one set of draws, or leave them open."""
        states: dict[float, Reweighted] = {}
        for target in targets:
            _, visit, level = target
            scale, state = critical_scale(draws, visit, level, states)
            ess = float(state.ess[visit])
            if np.isfinite(scale) and state.reliable(visit):
                self.found[target] = (scale, state.pareto_k, ess, draws.method)
                self.open.pop(target, None)
            else:
                self.found[target] = (float("nan"), state.pareto_k, ess, UNRESOLVED)
                self.open.setdefault(target, draws.scale)

    def expect(self, draws: EffectDraws, targets: Sequence[Target]) -> None:
        """Where to look first, from the draws of the fit."""
        for target in targets:
            key, visit, level = target
            if key not in self.outlooks:
                self.outlooks[key] = outlook(draws)
            self.open[target] = self.outlooks[key].scale_at(visit, level)

    def correct(self, draws: EffectDraws, targets: Sequence[Target]) -> None:
        """Where to look next, from the draws of a refit."""
        for target in targets:
            key, visit, level = target
            self.open[target] = self.outlooks[key].beside(draws, visit, level)


def _proposals(guesses: Mapping[Target, float]) -> dict[Key, float]:
    """A prior SD for each outcome and arm: amid as many open targets as one refit may answer."""
    by_key: dict[Key, list[float]] = {}
    for (key, _, _), scale in guesses.items():
        by_key.setdefault(key, []).append(scale)
    chosen = {}
    for key, own in by_key.items():
        near = max(
            ([scale for scale in own if low <= scale <= REACHED * low] for low in sorted(own)),
            key=len,
        )
        # three digits: a refit's identity hangs on its scale and has to be the same everywhere
        chosen[key] = float(f"{np.sqrt(min(near) * max(near)):.3g}")
    return chosen
