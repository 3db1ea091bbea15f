"""The patient likelihood as one PyTensor operation with its own gradient, quick to compile."""

from __future__ import annotations

from typing import Any

import numba
from pytensor.link.numba.dispatch.basic import (
    numba_njit,
    register_funcify_default_op_cache_key,
)

from bayesasthma.models.graph_ops._kernel_logp import KernelLogp, source_salt
from bayesasthma.models.kernels.patient_groups import group_logp


class PatientLogp(KernelLogp):
    """Log-density per group of patients; the last three inputs are data."""

    compiled = staticmethod(numba.njit(group_logp, cache=True))
    gradients = 4


@register_funcify_default_op_cache_key(PatientLogp)  # type: ignore[no-untyped-call, untyped-decorator]
def _funcify(_op: PatientLogp, **_kwargs: Any) -> Any:
    return numba_njit(group_logp), source_salt(group_logp)


def fast_patient_logp(
    statistics: Any, mu: Any, log_sigma: Any, z: Any, expected: Any, n: Any, seen: Any
) -> Any:
    """Log-density (group,) of the statistics of a block of patients, quick to compile."""
    result: Any = PatientLogp()(mu, log_sigma, z, expected, statistics, n, seen)
    return result[0]
