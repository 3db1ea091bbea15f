"""The patient likelihood with its gradient, in one loop over groups of patients.

It computes what :func:`bayesasthma.likelihood.tables.patient_logp` computes. Tests hold both
against each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

LOG_2PI = float(np.log(2 * np.pi))


def group_logp(  # noqa: C901, PLR0912, PLR0915
    mu: Any,
    log_sigma: Any,
    z: Any,
    expected: Any,
    statistics: Any,
    n: Any,
    seen: Any,
) -> Any:
    """Log-density per group, and its gradient with respect to the first four arguments.

    Shapes (group, visit), (group, pair), (group, covariate); ``statistics`` are those of
    :class:`bayesasthma.models.patient_series.PatientBlock`. With ``u`` the whitened columns of
    statistics, ``C`` the correlation of the visits seen (one on the diagonal elsewhere), ``W`` its
    inverse and ``T`` the sum of ``u u'``, the log-density is ``-tr(W T)/2 - n log det(C)/2`` and
    what does not involve ``C``; its derivative with respect to ``C`` is ``(W T W - n W)/2``.
    """
    groups, visits = mu.shape
    count = expected.shape[1]
    columns = 1 + count + visits
    value = np.zeros(groups)
    mu_, log_sigma_ = np.zeros((groups, visits)), np.zeros((groups, visits))
    z_, expected_ = np.zeros(z.shape), np.zeros((groups, count))
    L, P = np.zeros((visits, visits)), np.zeros((visits, visits + 1))
    t = np.zeros((visits, visits))
    K, V, W = np.zeros((visits, visits)), np.zeros((visits, visits)), np.zeros((visits, visits))
    T, WT = np.zeros((visits, visits)), np.zeros((visits, visits))
    G, L_ = np.zeros((visits, visits)), np.zeros((visits, visits))
    u = np.zeros((visits, columns))
    for s in range(groups):
        k = 0
        for i in range(visits):
            P[i, 0] = 1.0
            for j in range(i):
                t[i, j] = np.tanh(z[s, k])
                L[i, j] = t[i, j] * P[i, j]
                P[i, j + 1] = P[i, j] / np.cosh(z[s, k])
                k += 1
            L[i, i] = P[i, i]
        # Cholesky factor K of C, its inverse V, and W = V' V
        total = 0.0
        for i in range(visits):
            for j in range(i + 1):
                entry = 0.0
                for h in range(j + 1):
                    entry += L[i, h] * L[j, h]
                entry = entry * seen[s, i] * seen[s, j] if i != j else 1.0
                for h in range(j):
                    entry -= K[i, h] * K[j, h]
                K[i, j] = np.sqrt(entry) if i == j else entry / K[j, j]
            total -= n[s] * (np.log(K[i, i]) + seen[s, i] * (log_sigma[s, i] + 0.5 * LOG_2PI))
        for j in range(visits):
            for i in range(j, visits):
                entry = 1.0 if i == j else 0.0
                for h in range(j, i):
                    entry -= K[i, h] * V[h, j]
                V[i, j] = entry / K[i, i]
        for i in range(visits):
            for j in range(visits):
                entry = 0.0
                for h in range(max(i, j), visits):
                    entry += V[h, i] * V[h, j]
                W[i, j] = entry
        for i in range(visits):
            inverse = seen[s, i] * np.exp(-log_sigma[s, i])
            u[i, 0] = np.sqrt(n[s]) * (statistics[s, i, 0] - mu[s, i]) * inverse
            for c in range(count):
                u[i, 1 + c] = (statistics[s, i, 1 + c] - expected[s, c]) * inverse
            for c in range(1 + count, columns):
                u[i, c] = statistics[s, i, c] * inverse
        for i in range(visits):
            for j in range(visits):
                entry = 0.0
                for c in range(columns):
                    entry += u[i, c] * u[j, c]
                T[i, j] = entry
        for i in range(visits):
            for j in range(visits):
                entry = 0.0
                for h in range(visits):
                    entry += W[i, h] * T[h, j]
                WT[i, j] = entry
            total -= 0.5 * WT[i, i]
        value[s] = total
        for i in range(visits):
            inverse = seen[s, i] * np.exp(-log_sigma[s, i])
            log_sigma_[s, i] = WT[i, i] - n[s] * seen[s, i]
            for c in range(1 + count):
                entry = 0.0
                for h in range(visits):
                    entry += W[i, h] * u[h, c]
                if c == 0:
                    mu_[s, i] = np.sqrt(n[s]) * inverse * entry
                else:
                    expected_[s, c - 1] += inverse * entry
            for j in range(visits):
                entry = -n[s] * W[i, j]
                for h in range(visits):
                    entry += WT[i, h] * W[h, j]
                G[i, j] = entry * seen[s, i] * seen[s, j]
        k = 0
        for i in range(visits):
            for j in range(i + 1):
                entry = 0.0
                for h in range(j, visits):
                    entry += G[i, h] * L[h, j]
                L_[i, j] = entry
            rest = L_[i, i]
            for j in range(i - 1, -1, -1):
                # d tanh = sech^2 dz, d sech = -tanh sech dz
                sech = P[i, j + 1] / P[i, j]
                z_[s, k + j] = P[i, j] * sech * (L_[i, j] * sech - rest * t[i, j])
                rest = L_[i, j] * t[i, j] + rest * sech
            k += i
    return value, mu_, log_sigma_, z_, expected_
