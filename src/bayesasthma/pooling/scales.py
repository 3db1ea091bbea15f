"""Priors of what the studies of a pooled model have in common; ``docs/pooling.md`` has reasons."""

from __future__ import annotations

#: Of ``walk_scale``, the SD of the mean effect's change over 24 weeks: log-normal, with this median
#: (standardised units) and SD of its logarithm.
WALK_MEDIAN, WALK_LOG_SD = 0.25, 0.5
#: Of ``heterogeneity_walk``, the SD of the change of log tau over a doubling of the time on
#: treatment (:func:`bayesasthma.pooling.model.doublings`): log-normal likewise.
TAU_WALK_MEDIAN, TAU_WALK_LOG_SD = 0.4, 0.5
#: Parameters of the beta prior of the correlation between a study's deviations at two visits.
VISIT_CORRELATION = 2.0
#: Typical logit of a study's correlation: normal. With the spread over studies, half-normal, the
#: correlation of one study has about the prior that its own analysis gives it: 0.7^2 + 0.4^2 is
#: 0.81^2.
RHO_LOCATION, RHO_LOCATION_SD, RHO_SPREAD = 0.45, 0.7, 0.4
