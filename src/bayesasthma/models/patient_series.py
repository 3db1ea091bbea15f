"""Patient-level data: sufficient statistics by outcome, arm and set of visits seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from bayesasthma.errors import UsageError
from bayesasthma.study.study import Study


@dataclass(frozen=True)
class Covariates:
    """Baseline covariates of the patients, coded for a linear predictor.

    Attributes
    ----------
    names : tuple of str
        ``name`` of a numeric covariate, ``name: level`` of each but the first level of another.
    scale : ndarray, shape (covariate,)
        SD of a numeric covariate, 1 for a level: what one unit of ``values`` is worth.
    values : DataFrame
        Index patient; centred at the mean of all patients and divided by ``scale``, so that means
        are those of a population with the study's own mixture of covariates.
    """

    names: tuple[str, ...]
    scale: np.ndarray
    values: pd.DataFrame


@dataclass(frozen=True)
class PatientBlock:
    """Sufficient statistics of patients who share an outcome, an arm and the visits seen.

    Regressing the values of ``n`` patients on an intercept and their covariates, by Householder
    triangularisation, splits them into independent normal pieces: the means, a projection on each
    covariate, and what is left.

    Attributes
    ----------
    outcome, arm : ndarray of int, shape (series,)
    seen : ndarray of bool, shape (series, visit)
    n : ndarray, shape (series,)
    mean : ndarray, shape (series, visit)
        Standardised; this and what follows is zero at visits not seen.
    projection : ndarray, shape (series, visit, covariate)
        On the columns of ``covariate_root``: mean ``covariate_root @ coefficient``, covariance that
        of the visits.
    root : ndarray, shape (series, visit, visit)
        Lower-triangular ``F`` with ``F F'`` the remaining sums of squares and products.
    covariate_mean : ndarray, shape (series, covariate)
    covariate_root : ndarray, shape (series, covariate, covariate)
        Upper-triangular ``R`` with ``R' R`` the covariates' sums of squares and products about
        their mean.
    """

    outcome: np.ndarray
    arm: np.ndarray
    seen: np.ndarray
    n: np.ndarray
    mean: np.ndarray
    projection: np.ndarray
    root: np.ndarray
    covariate_mean: np.ndarray
    covariate_root: np.ndarray

    @property
    def statistics(self) -> np.ndarray:
        """What is observed, shape (series, visit, 1 + covariate + visit): all but covariates."""
        return np.concatenate([self.mean[..., None], self.projection, self.root], axis=-1)


def code_covariates(study: Study) -> Covariates:
    """The covariates that ``study.toml`` names, coded.

    Raises
    ------
    UsageError
        If a covariate is a combination of the others, so that no coefficient of it is identified.
    """
    patients = study.patients
    if patients is None or not study.covariates:
        empty = pd.DataFrame() if patients is None else patients[["patient"]].drop_duplicates()
        index = empty.set_index("patient") if len(empty) else empty
        return Covariates((), np.ones(0), index)
    table = patients.drop_duplicates("patient").set_index("patient")[list(study.covariates)]
    columns: dict[str, pd.Series] = {}
    scale = []
    for name in table:
        values = table[name]
        if pd.api.types.is_numeric_dtype(values):
            sd = float(values.std())
            columns[str(name)] = (values - values.mean()) / sd
            scale.append(sd)
            continue
        for level in sorted(values.unique())[1:]:
            indicator = (values == level).astype(float)
            columns[f"{name}: {level}"] = indicator - indicator.mean()
            scale.append(1.0)
    coded = pd.DataFrame(columns)
    if np.linalg.matrix_rank(coded.to_numpy()) < coded.shape[1]:
        raise UsageError(f"the covariates {', '.join(columns)} determine one another: drop one")
    return Covariates(tuple(columns), np.array(scale), coded)


def patient_block(
    study: Study, names: list[str], centre: np.ndarray, scale: np.ndarray, covariates: Covariates
) -> PatientBlock:
    """Group patients by outcome, arm and visits seen; keep sufficient statistics.

    Parameters
    ----------
    study : Study
    names : list of str
        Outcomes.
    centre, scale : ndarray, shape (outcome,)
        Standardised = (value - centre) / scale.
    covariates : Covariates
    """
    assert study.patients is not None
    visits, arms = list(study.visits.index), list(study.arms.index)
    size, count = len(visits), len(covariates.names)
    series: list[tuple[np.ndarray | float, ...]] = []
    for k, name in enumerate(names):
        wide = study.patients.pivot(index=["arm", "patient"], columns="visit", values=name)
        values = (wide.reindex(columns=visits).to_numpy(dtype=float) - centre[k]) / scale[k]
        arm_of = np.array([arms.index(arm) for arm in wide.index.get_level_values("arm")])
        x = covariates.values.loc[wide.index.get_level_values("patient")].to_numpy(dtype=float)
        there = np.isfinite(values)
        keys = np.column_stack([arm_of, there])
        for key in np.unique(keys[there.any(axis=1)], axis=0):
            members = (keys == key).all(axis=1)
            seen = key[1:].astype(bool)
            y = values[members][:, seen]
            both = np.column_stack([x[members] - x[members].mean(axis=0), y - y.mean(axis=0)])
            upper = np.zeros((both.shape[1], both.shape[1]))
            triangle = np.linalg.qr(both, mode="r")
            upper[: len(triangle)] = triangle
            mean, projection, root = np.zeros(size), np.zeros((size, count)), np.zeros((size, size))
            mean[seen] = y.mean(axis=0)
            projection[seen] = upper[:count, count:].T
            root[np.ix_(seen, seen)] = upper[count:, count:].T
            row = (k, key[0], seen, len(y), mean, projection, root)
            series.append((*row, x[members].mean(axis=0), upper[:count, :count]))
    columns = [np.stack(column) for column in zip(*series, strict=True)]
    outcome, arm, seen, n, *rest = columns
    return PatientBlock(outcome, arm, seen, n.astype(float), *rest)
