"""Mixed model for repeated measures (MMRM) by restricted maximum likelihood, from patients.

What a trial statistician runs on patient-level data, to set beside the posterior: one mean for each
arm and visit, covariates with the same effect at every visit, one unstructured covariance matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import optimize, stats

from bayesasthma.errors import UsageError
from bayesasthma.likelihood.correlation import cholesky_from_z, pairs, unpack_lower
from bayesasthma.models.design import Design
from bayesasthma.models.patient_series import PatientBlock

#: Step of numerical derivatives with respect to log SDs and Fisher z; tenfold for second ones.
STEP = 1e-4


@dataclass(frozen=True)
class RepeatedMeasures:
    """A fitted MMRM of one outcome, in the units of its block.

    Attributes
    ----------
    coefficients : ndarray, shape (arm * visit + covariate,)
        Means of the control arm by visit, of the next arm, …, then covariates.
    vcov : ndarray
        Their covariance matrix at the estimated ``covariance``.
    covariance : ndarray, shape (visit, visit)
        Of a patient's visits.
    minus_two_log_likelihood : float
        Minus twice the restricted log-likelihood.
    """

    coefficients: np.ndarray
    vcov: np.ndarray
    covariance: np.ndarray
    minus_two_log_likelihood: float
    _vcov_gradient: np.ndarray
    _parameter_vcov: np.ndarray

    def contrast(self, weights: np.ndarray, confidence: float = 0.95) -> dict[str, float]:
        """Estimate, standard error, Satterthwaite df and interval of ``weights @ coefficients``.

        Notes
        -----
        ``df = 2 v**2 / (g' A g)`` with ``v`` the variance of the contrast, ``g`` its gradient with
        respect to the covariance parameters and ``A`` their covariance matrix (Giesbrecht and Burns
        1985, Biometrics 41:477).
        """
        variance = float(weights @ self.vcov @ weights)
        gradient = np.einsum("i,pij,j->p", weights, self._vcov_gradient, weights)
        df = 2 * variance**2 / float(gradient @ self._parameter_vcov @ gradient)
        estimate, se = float(weights @ self.coefficients), float(np.sqrt(variance))
        half = float(stats.t.ppf(0.5 + confidence / 2, df)) * se
        p = 2 * float(stats.t.sf(abs(estimate / se), df))
        return {
            "estimate": estimate,
            "se": se,
            "df": df,
            "ci_low": estimate - half,
            "ci_high": estimate + half,
            "p": p,
        }


def repeated_measures(block: PatientBlock, outcome: int = 0) -> RepeatedMeasures:
    """Fit one outcome of a block of patients.

    Parameters
    ----------
    block : PatientBlock
    outcome : int
        Its position in the block.

    Returns
    -------
    RepeatedMeasures
        Visits missing at random are allowed for: the likelihood is that of the values seen.
    """
    visits = block.seen.shape[1]
    chosen = block.outcome == outcome

    def solve(parameters: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        return _restricted(block, chosen, covariance_of(parameters, visits))

    start = np.zeros(visits + len(pairs(visits)))
    start[:visits] = 0.5 * np.log(_pooled_variance(block, chosen))

    def objective(x: np.ndarray, /) -> float:
        return solve(x)[0] / 2

    found: Any = optimize.minimize(objective, start, method="BFGS", options={"gtol": 1e-6})
    best = np.asarray(found.x)
    value, coefficients, vcov = solve(best)
    gradient = np.stack(
        [
            (solve(best + step)[2] - solve(best - step)[2]) / (2 * STEP)
            for step in STEP * np.eye(len(best))
        ]
    )
    information = _hessian(objective, best)
    return RepeatedMeasures(
        coefficients,
        vcov,
        covariance_of(best, visits),
        value,
        gradient,
        np.linalg.inv(information),
    )


def repeated_measures_table(layout: Design) -> pd.DataFrame:
    """Fit every outcome of a patient-level design and tabulate it in outcome units.

    Parameters
    ----------
    layout : Design
        Of a study with patients.

    Returns
    -------
    DataFrame
        ``outcome, estimand, arm, visit, covariate, estimate, se, df, ci_low, ci_high, p``. The
        estimand is ``mean`` (at the patients' mean covariates), ``difference`` from the control
        arm, or ``covariate`` (per unit of a number, or against the first level).

    Raises
    ------
    UsageError
        If the design holds no patients.
    """
    if not layout.patients or layout.covariates is None:
        raise UsageError("repeated measures need patient-level data: a bundle with patients.csv")
    (block,) = layout.patients
    visits, names = len(layout.visits), layout.covariates.names
    size = len(layout.arms) * visits + len(names)
    unit = np.eye(size)
    rows: list[dict[str, object]] = []
    for k, outcome in enumerate(layout.outcomes):
        fit = repeated_measures(block, k)
        scale, centre = float(layout.scale[k]), float(layout.centre[k])
        for g, arm in enumerate(layout.arms):
            for t, visit in enumerate(layout.visits):
                own, control = unit[g * visits + t], unit[t]
                where = {"outcome": outcome, "arm": arm, "visit": visit}
                found = _natural(fit.contrast(own), scale, centre)
                rows.append({**where, "estimand": "mean", **found})
                if g:
                    found = _natural(fit.contrast(own - control), scale)
                    rows.append({**where, "estimand": "difference", **found})
        for c, name in enumerate(names):
            weights = unit[size - len(names) + c] / layout.covariates.scale[c]
            found = _natural(fit.contrast(weights), scale)
            rows.append({"outcome": outcome, "estimand": "covariate", "covariate": name, **found})
    columns = ["outcome", "estimand", "arm", "visit", "covariate"]
    return pd.DataFrame(rows, columns=[*columns, "estimate", "se", "df", "ci_low", "ci_high", "p"])


def _natural(contrast: dict[str, float], scale: float, centre: float = 0.0) -> dict[str, float]:
    """A contrast in outcome units."""
    moved = {name: centre + scale * contrast[name] for name in ("estimate", "ci_low", "ci_high")}
    return contrast | moved | {"se": scale * contrast["se"]}


def covariance_of(parameters: np.ndarray, visits: int) -> np.ndarray:
    """Covariance matrix from log SDs and partial correlations on Fisher's z scale."""
    lower = cholesky_from_z(unpack_lower(parameters[visits:], visits))
    factor = np.zeros((visits, visits))
    for i, row in enumerate(lower):
        factor[i, : i + 1] = row
    factor *= np.exp(parameters[:visits])[:, None]
    return np.asarray(factor @ factor.T)


def _pooled_variance(block: PatientBlock, chosen: np.ndarray) -> np.ndarray:
    squares = (block.root**2).sum(axis=-1) + (block.projection**2).sum(axis=-1)
    df = (block.seen * (block.n - 1)[:, None])[chosen].sum(axis=0)
    return np.asarray(squares[chosen].sum(axis=0) / np.maximum(df, 1))


def _restricted(
    block: PatientBlock, chosen: np.ndarray, covariance: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """Minus twice the restricted log-likelihood; generalised least squares and its covariance.

    Patterson and Thompson 1971, Biometrika 58:545.
    """
    visits, count = block.seen.shape[1], block.covariate_mean.shape[1]
    cells = (int(block.arm[chosen].max()) + 1) * visits
    information = np.zeros((cells + count, cells + count))
    score = np.zeros(cells + count)
    total, observations = 0.0, 0.0
    for s in np.flatnonzero(chosen):
        seen, n = np.flatnonzero(block.seen[s]), block.n[s]
        part = covariance[np.ix_(seen, seen)]
        precision = np.linalg.inv(part)
        # design of the means, and of the projections on each direction of the covariates
        design = np.zeros((1 + count, len(seen), cells + count))
        design[0, np.arange(len(seen)), int(block.arm[s]) * visits + seen] = np.sqrt(n)
        design[0, :, cells:] = np.sqrt(n) * block.covariate_mean[s]
        design[1:, :, cells:] = block.covariate_root[s][:, None, :]
        y = np.vstack([np.sqrt(n) * block.mean[s, seen], block.projection[s, seen].T])
        weighted = precision @ design
        information += np.einsum("cvi,cvj->ij", design, weighted)
        score += np.einsum("cvi,cv->i", weighted, y)
        root = block.root[s, seen]
        total += np.einsum("cv,vw,cw->", y, precision, y)
        total += np.einsum("vw,vc,wc->", precision, root, root)
        total += n * np.linalg.slogdet(part)[1]
        observations += n * len(seen)
    coefficients = np.linalg.solve(information, score)
    total += np.linalg.slogdet(information)[1] - float(coefficients @ score)
    total += (observations - cells - count) * np.log(2 * np.pi)
    return float(total), coefficients, np.linalg.inv(information)


def _hessian(function: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    """Second derivatives by central differences."""
    step = STEP * 10 * np.eye(len(x))
    return np.array(
        [
            [
                function(x + a + b)
                - function(x + a - b)
                - function(x - a + b)
                + function(x - a - b)
                for b in step
            ]
            for a in step
        ]
    ) / (4 * (STEP * 10) ** 2)
