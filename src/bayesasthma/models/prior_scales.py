"""Prior scales of the longitudinal models, in baseline SDs, or on the log scale for SDs.

docs/models.md gives the reasons.
"""

from __future__ import annotations

#: Of the path that the arms have in common, at baseline and from visit to visit: so wide that it
#: shrinks nothing, for how all arms change together says nothing about a treatment.
PATH_SCALE = 20.0
IMBALANCE_SCALE = 1.0
LOG_SD_SCALE = 0.5
#: Medians; each outcome learns its own, log-normal about them with this SD of the logarithm.
LOG_SD_VISIT_SCALE, LOG_SD_CELL_SCALE = 0.25, 0.15
LOG_SCALE_SD = 0.4
#: Of a covariate's coefficient: baseline SDs per SD of the covariate, or for a level.
COEFFICIENT_SCALE = 1.0
#: Both parameters of the beta priors of ``pooling`` and ``constant_share``.
SHARE = 2.0
