"""Analysis of variance from published summaries: one-way and repeated measures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class AnovaEffect:
    """One line of an analysis of variance.

    Attributes
    ----------
    f, df1, df2, p : float
        F statistic, its degrees of freedom, and p without a sphericity correction.
    epsilon : float
        Greenhouse–Geisser ε, 1 for effects without repeated measures.
    p_gg : float
        p with both degrees of freedom multiplied by ε.
    """

    f: float
    df1: float
    df2: float
    p: float
    epsilon: float = 1.0
    p_gg: float = float("nan")


@dataclass(frozen=True)
class RepeatedMeasuresAnova:
    """Arm × time analysis of variance; `arm` and `interaction` are None for a single arm."""

    arm: AnovaEffect | None
    time: AnovaEffect
    interaction: AnovaEffect | None


def f_p_value(f: ArrayLike, df1: ArrayLike, df2: ArrayLike) -> FloatArray:
    """Upper tail of the F distribution, accurate far into the tail."""
    f, df1, df2 = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (f, df1, df2)))
    with np.errstate(invalid="ignore"):
        x = np.where(np.isinf(f), 0.0, df2 / (df2 + df1 * f))
    return np.asarray(special.betainc(df2 / 2, df1 / 2, x))


def one_way_anova(means: ArrayLike, sds: ArrayLike, n: ArrayLike) -> AnovaEffect:
    """One-way analysis of variance of independent groups from their summaries.

    Parameters
    ----------
    means, sds, n : array_like, shape (group,)
        Summaries of at least two groups.

    Returns
    -------
    AnovaEffect
        With two groups, F is the square of Student's t.
    """
    means, sds, n = (np.asarray(a, dtype=float) for a in (means, sds, n))
    groups, total = len(means), float(n.sum())
    grand = float((n * means).sum() / total)
    between = float((n * (means - grand) ** 2).sum() / (groups - 1))
    within = float(((n - 1) * sds**2).sum() / (total - groups))
    return _effect(between, within, groups - 1, total - groups)


def _effect(ms: float, error: float, df1: float, df2: float, epsilon: float = 1.0) -> AnovaEffect:
    no_error = float("inf") if ms > 0 else float("nan")
    f = ms / error if error > 0 else no_error
    p = float(f_p_value(f, df1, df2))
    return AnovaEffect(f, df1, df2, p, epsilon, float(f_p_value(f, df1 * epsilon, df2 * epsilon)))


def compound_symmetry(correlation: float, visits: int) -> FloatArray:
    """Correlation matrix with one correlation between any two visits.

    Parameters
    ----------
    correlation : float
        In [−1/(visits − 1), 1], outside which no such matrix exists.
    visits : int
        Number of visits.

    Raises
    ------
    ValueError
        If the matrix would not be positive semidefinite.
    """
    if visits > 1 and not -1 / (visits - 1) - 1e-12 <= correlation <= 1 + 1e-12:
        raise ValueError(
            f"{visits} visits cannot all be correlated by {correlation:g}; "
            f"the correlation must lie between {-1 / (visits - 1):.3g} and 1."
        )
    return (1 - correlation) * np.eye(visits) + correlation * np.ones((visits, visits))


def repeated_measures_anova(
    means: ArrayLike, sds: ArrayLike, n: ArrayLike, correlation: ArrayLike
) -> RepeatedMeasuresAnova:
    """Arm × time analysis of variance from means and SDs, with an assumed correlation.

    The sample covariance of arm g is taken as ``S_g = D(sd_g) R D(sd_g)``; pooled over arms,
    everything the patient-level analysis needs follows from it: the subject error is
    ``1'S1 / T`` on N − G degrees of freedom and the within-subject error ``tr(C'SC) / (T − 1)`` on
    (N − G)(T − 1), with C orthonormal contrasts. Sums of squares are type III (the time effect
    weights the arms equally), as SPSS prints them. ε after Greenhouse & Geisser 1959
    (Psychometrika 24:95): ``tr(C'SC)² / ((T − 1) tr((C'SC)²))``.

    Parameters
    ----------
    means, sds : array_like, shape (arm, visit)
        Summaries; every patient seen at every visit. At least two visits.
    n : array_like, shape (arm,)
        Patients per arm.
    correlation : float or array_like, shape (visit, visit) or (arm, visit, visit)
        One correlation between any two visits (compound symmetry), or correlation matrices.

    Returns
    -------
    RepeatedMeasuresAnova
        Effects of arm (constant over visits), time and arm × time.

    Raises
    ------
    ValueError
        For fewer than two visits or an impossible compound-symmetry correlation.
    """
    means, sds = np.atleast_2d(means).astype(float), np.atleast_2d(sds).astype(float)
    n = np.atleast_1d(n).astype(float)
    arms, visits = means.shape
    if visits < 2:
        raise ValueError("Repeated measures need at least two visits.")
    r = np.asarray(correlation, dtype=float)
    if r.ndim == 0:
        r = compound_symmetry(float(r), visits)
    r = np.broadcast_to(r, (arms, visits, visits))
    weight = ((n - 1) / (n.sum() - arms))[:, None, None]
    s = np.sum(weight * r * sds[:, :, None] * sds[:, None, :], axis=0)
    contrasts = _orthonormal_contrasts(visits)
    error = contrasts.T @ s @ contrasts
    trace = float(np.trace(error))
    squared = float(np.sum(error**2))
    epsilon = trace**2 / ((visits - 1) * squared) if squared > 0 else 1.0
    df_subject, df_time = float(n.sum() - arms), float(visits - 1)
    ms_within = max(trace, 0.0) / df_time

    unweighted = means.mean(axis=0) @ contrasts
    ss_time = float(unweighted @ unweighted) / float(np.sum(1 / n) / arms**2)
    time = _effect(ss_time / df_time, ms_within, df_time, df_subject * df_time, epsilon)
    if arms == 1:
        return RepeatedMeasuresAnova(None, time, None)

    averages = means.mean(axis=1)
    grand = float((n * averages).sum() / n.sum())
    ss_arm = visits * float((n * (averages - grand) ** 2).sum())
    ms_subject = float(s.sum()) / visits
    arm = _effect(ss_arm / (arms - 1), ms_subject, float(arms - 1), df_subject)

    pattern = (means - (n[:, None] * means).sum(axis=0) / n.sum()) @ contrasts
    ss_interaction = float((n[:, None] * pattern**2).sum())
    df1 = (arms - 1) * df_time
    interaction = _effect(ss_interaction / df1, ms_within, df1, df_subject * df_time, epsilon)
    return RepeatedMeasuresAnova(arm, time, interaction)


def _orthonormal_contrasts(visits: int) -> FloatArray:
    """Helmert contrasts scaled to unit length, shape (visit, visit − 1)."""
    matrix = np.zeros((visits, visits - 1))
    for j in range(visits - 1):
        matrix[: j + 1, j] = 1
        matrix[j + 1, j] = -(j + 1)
    return matrix / np.sqrt(np.sum(matrix**2, axis=0))
