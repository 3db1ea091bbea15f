"""How the joint kernel finds its data by number; its parameters are among those of `layout`."""

from __future__ import annotations

from bayesasthma.models.kernels.layout import BLOCK_DATA, DATA

#: Names of the data beside those of the longitudinal kernel, which they follow; there is one block.
#: ``groups`` is the number of groups, ``member`` (outcome,) each outcome's; see
#: :class:`bayesasthma.models.outcome_groups.OutcomeGroups` and
#: :func:`bayesasthma.models.joint_data.data`.
JOINT_DATA = (
    "groups",
    "member",
    "directed",
    "sign",
    "pooled",
    "general_share_prior",
    "domain_share_prior",
    "deviation_prior",
)
_FIRST = len(DATA) + len(BLOCK_DATA)
(
    GROUPS,
    MEMBER,
    DIRECTED,
    SIGN,
    POOLED,
    GENERAL_SHARE_PRIOR,
    DOMAIN_SHARE_PRIOR,
    DEVIATION_PRIOR,
) = range(_FIRST, _FIRST + len(JOINT_DATA))
