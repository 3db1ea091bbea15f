"""Within-patient correlation over visits: structures, their priors, and triangular algebra.

A correlation matrix is handled as nested lists of its lower triangle, ``m[i][j]`` with ``j <= i``,
whose entries are arrays over any batch. The same functions therefore serve NumPy draws and PyTensor
graphs: the caller names the array module (``xp``). Loops run over visits, never over the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = Any  # a NumPy array or a PyTensor variable
Lower = list[list[Array]]

STRUCTURES = ("unstructured", "exchangeable", "ar1", "exchangeable_ar1", "fixed")

#: Lag, in weeks, at which the autoregressive structures state their correlation.
REFERENCE_LAG_WEEKS = 24.0


@dataclass(frozen=True)
class CorrelationPrior:
    """Prior of the within-patient correlation of one outcome.

    The typical correlation is logit-normal, ``logit(rho) ~ Normal(location, scale)``: positive, as
    repeated measures of one patient are. The default puts its median at 0.61 and 97 % of its mass
    on 0.2 to 0.9. Anchors: one-year intraclass correlations of 0.87-0.88 for FEV1 and FEV1/FVC and
    0.79 for ACQ, 0.59-0.76 for ACT, and the values implied by the adjusted intervals of the ViDiAs
    trial (Thorax 2015;70:451): ACT 0.45-0.64, FEV1 % predicted 0.82-0.84.

    Parameters
    ----------
    structure : {"unstructured", "exchangeable", "ar1", "exchangeable_ar1", "fixed"}
        ``unstructured`` lets every partial correlation differ from the exchangeable pattern by
        ``Normal(0, deviation)`` on Fisher's z scale. ``ar1`` is ``rho ** (lag / 24 weeks)``.
        ``exchangeable_ar1`` adds a constant share of variance, ``w + (1 - w) phi ** (lag / 24)``,
        where ``w = u rho``, ``u ~ Beta(2, 2)``, and ``phi`` is such that the correlation at 24
        weeks is ``rho``.
        ``fixed`` sets every correlation to ``rho``.
    location, scale : float
        Mean and SD of ``logit(rho)``; dimensionless.
    deviation : float
        SD of the deviations of ``unstructured`` on Fisher's z scale.
    rho : float or None
        The value of ``fixed``.
    """

    structure: str = "unstructured"
    location: float = 0.45
    scale: float = 0.80
    deviation: float = 0.20
    rho: float | None = None

    def __post_init__(self) -> None:
        if self.structure not in STRUCTURES:
            raise ValueError(
                f"unknown correlation structure {self.structure!r}; one of {STRUCTURES}"
            )
        if (self.structure == "fixed") != (self.rho is not None):
            raise ValueError("rho is given with the structure 'fixed', and only there")
        if self.rho is not None and not 0 <= self.rho < 1:
            raise ValueError(f"a fixed rho lies in [0, 1), not {self.rho}")

    @classmethod
    def parse(cls, text: str) -> CorrelationPrior:
        """Read ``"unstructured"``, ``"ar1"``, …, or ``"fixed:0.6"``.

        Raises
        ------
        ValueError
            If the structure is unknown, or ``fixed`` lacks a number in [0, 1).
        """
        structure, colon, number = text.partition(":")
        structure = structure.strip().replace("-", "_")
        if structure == "fixed":
            try:
                return cls("fixed", rho=float(number))
            except ValueError as error:
                raise ValueError(f"{text!r}: write fixed:RHO with RHO in [0, 1)") from error
        if colon:
            raise ValueError(f"{text!r}: only 'fixed' takes a number")
        return cls(structure)

    @property
    def label(self) -> str:
        """The text that :meth:`parse` reads back."""
        if self.rho is None:
            return self.structure
        return f"fixed:{np.format_float_positional(self.rho, trim='-')}"


def pairs(size: int) -> list[tuple[int, int]]:
    """Index pairs ``(i, j)``, ``j < i``, of a strict lower triangle, row by row."""
    return [(i, j) for i in range(size) for j in range(i)]


def exchangeable_z(rho: Array, order: Array, xp: Any = np) -> Array:
    """Fisher z of the partial correlation of ``order`` when every correlation equals ``rho``.

    Given ``j`` earlier variables the partial correlation is ``rho / (1 + j rho)``.
    """
    return 0.5 * xp.log((1 + (order + 1) * rho) / (1 + (order - 1) * rho))


def unpack_lower(flat: Array, size: int) -> Lower:
    """Split ``flat[..., pair]`` into the strict lower triangle ``m[i][j]``."""
    entries = {pair: flat[..., k] for k, pair in enumerate(pairs(size))}
    return [[entries[i, j] for j in range(i)] for i in range(size)]


def cholesky_from_z(z: Lower, xp: Any = np) -> Lower:
    """Cholesky factor of the correlation matrix whose partial correlations are ``tanh(z)``.

    ``z[i][j]`` belongs to the correlation of ``i`` and ``j`` given the variables before ``j``
    (canonical partial correlations; Lewandowski, Kurowicka and Joe 2009, J Multivar Anal 100:1989).
    """
    factor: Lower = []
    for row_z in z:
        rest: Array = 1.0
        row = []
        for entry in row_z:
            partial = xp.tanh(entry)
            row.append(partial * rest)
            rest = rest * xp.sqrt(1 - partial**2)
        factor.append([*row, rest])
    return factor


def z_from_cholesky(factor: Lower, xp: Any = np) -> Lower:
    """Inverse of :func:`cholesky_from_z`."""
    z: Lower = []
    for i, row in enumerate(factor):
        rest: Array = 1.0
        entries = []
        for value in row[:i]:
            partial = value / xp.sqrt(rest)
            entries.append(xp.arctanh(partial))
            rest = rest - value**2
        z.append(entries)
    return z


def multiply_transpose(factor: Lower) -> Lower:
    """Lower triangle of ``factor @ factor.T``."""
    return [
        [sum(factor[i][k] * factor[j][k] for k in range(j + 1)) for j in range(i + 1)]
        for i in range(len(factor))
    ]


def cholesky(matrix: Lower, xp: Any = np) -> Lower:
    """Cholesky factor of a symmetric positive definite ``matrix`` given by its lower triangle."""
    factor: Lower = []
    for i, row in enumerate(matrix):
        out: list[Array] = []
        for j in range(i):
            inner = sum(out[k] * factor[j][k] for k in range(j))
            out.append((row[j] - inner) / factor[j][j])
        out.append(xp.sqrt(row[i] - sum(value**2 for value in out)))
        factor.append(out)
    return factor


def forward_substitute(factor: Lower, column: Sequence[Array], start: int = 0) -> list[Array]:
    """Solve ``factor @ x = column``, knowing that the first ``start`` entries are zero.

    ``column`` holds the entries from ``start`` on; so does the result.
    """
    solution: list[Array] = []
    for i in range(start, len(factor)):
        inner = sum(factor[i][start + k] * value for k, value in enumerate(solution))
        solution.append((column[i - start] - inner) / factor[i][i])
    return solution


def typical_correlation(
    prior: CorrelationPrior, parameters: dict[str, Array], xp: Any = np
) -> Array:
    """The ``rho`` of a structure: its correlation at 24 weeks, or at every lag if exchangeable."""
    if prior.structure == "fixed":
        return parameters["rho"]
    return 1 / (1 + xp.exp(-parameters["logit_rho"]))


def structured_z(
    prior: CorrelationPrior, parameters: dict[str, Array], weeks: np.ndarray, xp: Any = np
) -> Array:
    """Partial correlations over visits, on Fisher's z scale, from the parameters of a structure.

    Parameters
    ----------
    prior : CorrelationPrior
    parameters : dict
        ``logit_rho`` (batch), and ``z_deviation`` (batch, pair) for ``unstructured``, or
        ``constant_share`` (batch) for ``exchangeable_ar1``; ``rho`` for ``fixed``.
    weeks : ndarray
        Weeks of the visits, ascending.
    xp : module
        ``numpy`` or ``pytensor.tensor``.

    Returns
    -------
    array, shape (..., pair)
        In the order of :func:`pairs`.
    """
    size = len(weeks)
    rho = typical_correlation(prior, parameters, xp)
    if prior.structure in ("ar1", "exchangeable_ar1"):
        share: Array = parameters.get("constant_share", 0.0) * rho
        lags = np.abs(weeks[:, None] - weeks[None, :]) / REFERENCE_LAG_WEEKS
        phi = (rho - share) / (1 - share)
        matrix = [
            [share + (1 - share) * phi ** lags[i, j] for j in range(i)] + [1.0 + 0.0 * rho]
            for i in range(size)
        ]
        lower = z_from_cholesky(cholesky(matrix, xp), xp)
        return xp.stack([entry for row in lower for entry in row], axis=-1)
    order = np.array([j for _, j in pairs(size)], dtype=float)
    z = exchangeable_z(rho[..., None], order, xp)
    if prior.structure == "unstructured":
        z = z + prior.deviation * parameters["z_deviation"]
    return z
