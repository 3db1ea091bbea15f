"""Prior correlation of several arms' contrasts with one control: arms are exchangeable.

If the means of all arms, the control's too, vary alike and independently about a common one, a
contrast with the control has twice an arm's variance, and two such contrasts share half of theirs.
So every contrast, of treated arms with each other too, has one and the same prior (Higgins and
Whitehead 1996, Stat Med 15:2733; Lu and Ades 2004, Stat Med 23:3105, for trials of several arms).
Independent contrasts would hold the control's mean against all the others.
"""

from __future__ import annotations

from typing import Any

import numpy as np

#: Correlation between two arms' contrasts with the same control.
SHARED = 0.5


def contrast_factor(treated: int) -> np.ndarray:
    """Cholesky factor (treated, treated) of the correlation of contrasts: ones and a half."""
    correlation = SHARED + (1 - SHARED) * np.eye(treated)
    factor: np.ndarray = np.linalg.cholesky(correlation)
    return factor


def whiten(contrasts: Any, treated: int, xp: Any = np) -> Any:
    """Standardised contrasts (..., treated, k) to independent ones, over the last axis but one."""
    if treated == 1:
        return contrasts
    inverse = np.linalg.inv(contrast_factor(treated))
    return xp.matmul(inverse if xp is np else xp.as_tensor(inverse), contrasts)


def correlate(independent: Any, treated: int, xp: Any = np) -> Any:
    """The inverse of `whiten`."""
    if treated == 1:
        return independent
    factor = contrast_factor(treated)
    return xp.matmul(factor if xp is np else xp.as_tensor(factor), independent)


def log_determinant(treated: int) -> float:
    """Logarithm of the determinant of the correlation of contrasts."""
    return float(2 * np.log(np.diag(contrast_factor(treated))).sum())


def given_others(contrasts: np.ndarray) -> tuple[np.ndarray, float]:
    """What the other arms' contrasts lead to expect of each, and the share of variance left.

    Standardised contrasts (..., treated, k); the expectations have their shape.
    """
    treated = contrasts.shape[-2]
    expected: np.ndarray = (contrasts.sum(axis=-2, keepdims=True) - contrasts) * (
        SHARED / (1 + (treated - 2) * SHARED) if treated > 1 else 0.0
    )
    return expected, float(1 / np.linalg.inv(SHARED + (1 - SHARED) * np.eye(treated))[0, 0])
