"""A meta-analytic-predictive prior: what the pooled studies say of the effect in a new one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.study.external_evidence import DIFFERENCE, RATIO, Z975

#: Weight of the vague component, and its SD in baseline SDs, as in the prior set ``external``.
ROBUST_WEIGHT, VAGUE_SD = 0.2, 2.0
#: Most components of the mixture.
MOST = 3
#: Of a mixture's criterion, per parameter: as ``automixfit`` of the R package RBesT 1.7 has it.
PENALTY = 6.0
#: EM stops when the mean log-density gains less than this, or after so many rounds.
GAIN, ROUNDS = 1e-7, 2_000

EXTERNAL_COLUMNS = [
    "outcome", "reaction", "estimate", "se", "ci_low", "ci_high", "scale", "citation", "note",
]  # fmt: skip
#: Columns of `map_prior.csv`.
MAP_COLUMNS = ["outcome", "week", "unit", "component", "weight", "mean", "sd"]


@dataclass(frozen=True)
class NormalMixture:
    """A mixture of normal distributions, largest weight first."""

    weight: tuple[float, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Log-density at ``x`` (place,)."""
        top = _log_terms(x, *(np.array(own) for own in (self.weight, self.mean, self.sd)))
        return np.asarray(np.logaddexp.reduce(top, axis=0))

    def moments(self) -> tuple[float, float]:
        """Mean and SD."""
        weight, mean, sd = (np.array(own) for own in (self.weight, self.mean, self.sd))
        centre = float((weight * mean).sum())
        return centre, float(np.sqrt((weight * (sd**2 + (mean - centre) ** 2)).sum()))


def fit_mixture(draws: np.ndarray, most: int = MOST) -> NormalMixture:
    """A mixture of at most ``most`` normal distributions of independent draws (draw,), by EM.

    As many components as the penalised likelihood asks for, ``-2 log L + 6 (3 k - 1)``.

    References
    ----------
    Schmidli et al. 2014, Biometrics 70:1023, section 2.3; EM: McLachlan and Peel 2000, Finite
    Mixture Models, section 3.2.
    """
    x = np.sort(np.asarray(draws, dtype=float).ravel())
    best, least = None, np.inf
    for count in range(1, most + 1):
        found = _em(x, count)
        criterion = -2 * float(found.log_density(x).sum()) + PENALTY * (3 * count - 1)
        if criterion >= least:
            break
        best, least = found, criterion
    assert best is not None
    return best


def _log_terms(x: np.ndarray, weight: np.ndarray, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    z = (x - mean[:, None]) / sd[:, None]
    return np.asarray(
        np.log(weight)[:, None] - 0.5 * (z**2 + np.log(2 * np.pi)) - np.log(sd)[:, None]
    )


def _em(x: np.ndarray, count: int) -> NormalMixture:
    centre, spread = float(np.median(x)), float(x.std())
    # predictive distributions are symmetric with heavy tails: components begin on one centre
    mean = centre + 0.1 * spread * (np.arange(count) - (count - 1) / 2)
    sd = spread * 2.0 ** (np.arange(count) - (count - 1) / 2)
    weight, before = np.full(count, 1 / count), -np.inf
    for _ in range(ROUNDS):
        terms = _log_terms(x, weight, mean, sd)
        total = np.logaddexp.reduce(terms, axis=0)
        share = np.exp(terms - total)
        size = np.maximum(share.sum(axis=1), 1e-12)
        weight, mean = size / size.sum(), (share * x).sum(axis=1) / size
        variance = (share * (x - mean[:, None]) ** 2).sum(axis=1) / size
        sd = np.sqrt(np.maximum(variance, (1e-3 * spread) ** 2))
        level = float(total.mean())
        if level - before < GAIN:
            break
        before = level
    order = np.argsort(-weight)
    return NormalMixture(*(tuple(map(float, own[order])) for own in (weight, mean, sd)))


def map_table(data: xr.Dataset, week: float) -> tuple[NormalMixture, pd.DataFrame]:
    """Mixture of the predictive effect at a week, and its rows with the robust component.

    Returns
    -------
    mixture : NormalMixture
        Of the informative part, in the unit of the effects.
    table : DataFrame
        The columns of ``map_prior.csv``: components of the whole, weights summing to 1.
    """
    draws = data["predictive_effect"].sel(week=week).to_numpy().ravel()
    mixture = fit_mixture(draws)
    vague = VAGUE_SD * float(data.attrs["scale"])
    rows = [
        (f"informative {k + 1}", (1 - ROBUST_WEIGHT) * weight, mean, sd)
        for k, (weight, mean, sd) in enumerate(
            zip(mixture.weight, mixture.mean, mixture.sd, strict=True)
        )
    ]
    rows.append(("vague", ROBUST_WEIGHT, 0.0, vague))
    table = pd.DataFrame(rows, columns=["component", "weight", "mean", "sd"])
    table = table.assign(outcome=data.attrs["outcome"], week=week, unit=data.attrs["unit"])
    return mixture, table[MAP_COLUMNS]


def external_rows(found: Mapping[str, tuple[NormalMixture, xr.Dataset, float]]) -> pd.DataFrame:
    """Rows of ``external.csv`` of a new study, by outcome: mixture, dataset and week.

    The predictive distribution as one normal distribution, which is what that file holds. With
    ``--prior external:0.8`` the vague component has the weight 0.2. Outcomes that were pooled in
    baseline SDs have no row: a file states effects in the outcome's unit.
    """
    rows = []
    for outcome, (mixture, data, week) in found.items():
        if float(data.attrs["scale"]) == 1.0 and data.attrs["unit"] == "baseline SD":
            continue
        mean, sd = mixture.moments()
        row: dict[str, object] = {"outcome": outcome, "estimate": mean, "se": sd}
        row["scale"] = DIFFERENCE
        if data.attrs["log"]:
            ends = np.exp([mean - Z975 * sd, mean + Z975 * sd])
            row |= {"estimate": np.exp(mean), "se": np.nan, "scale": RATIO}
            row |= {"ci_low": ends[0], "ci_high": ends[1]}
        studies = ", ".join(map(str, data["study"].to_numpy()))
        row["citation"] = f"pooled from {studies}"
        row["note"] = f"predictive effect in a new study at week {week:g}; use external:0.8"
        rows.append(row)
    return pd.DataFrame(rows).reindex(columns=EXTERNAL_COLUMNS)


def prior_toml(found: Mapping[str, tuple[NormalMixture, xr.Dataset, float]]) -> str:
    """A prior set as ``--prior FILE.toml`` reads it: by outcome, informative and vague part.

    The informative part is one normal distribution with the mixture's mean and SD, for such a file
    holds two components.
    """
    names = sorted({str(name) for _, data, _ in found.values() for name in data["study"].values})
    lines = [
        'name = "map"',
        f"justification = {_text('Predictive effects in a new study, with a vague component')}",
        f"source = {_text('pooled from ' + ', '.join(names))}",
    ]
    for outcome, (mixture, data, _) in found.items():
        mean, sd = mixture.moments()
        sign = float(data.attrs["direction"]) or 1.0
        standard = data.attrs["unit"] == "baseline SD"
        parts = [(sign * mean, sd, 1 - ROBUST_WEIGHT)]
        parts.append((0.0, VAGUE_SD * float(data.attrs["scale"]), ROBUST_WEIGHT))
        lines += ["", f"[outcome.{_text(outcome)}]", f'unit = "{"sd" if standard else "outcome"}"']
        for location, scale, weight in parts:
            lines.append(f"[[outcome.{_text(outcome)}.component]]")
            lines += [f"location = {location:.6g}", f"scale = {scale:.6g}", f"weight = {weight:g}"]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A TOML string."""
    return json.dumps(value, ensure_ascii=True)


def map_week(data: xr.Dataset, asked: Sequence[float]) -> float:
    """The week that a prior is made of: the last asked for, else the last pooled."""
    weeks = data["week"].to_numpy()
    return float(max(asked)) if asked else float(weeks[-1])
