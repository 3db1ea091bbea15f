"""How the kernel of the pooled model finds its data and its parameters by number.

The flat vector begins with what all studies have in common; then comes that of each study, in the
order of its own kernel (:mod:`bayesasthma.models.kernels.layout`), which it is handed as a slice.
"""

from __future__ import annotations

#: Names of the data, in the order of their numbers. ``step`` (week - 1,) are square roots of the
#: time between weeks in units of the reference lag, ``rest`` (week - 1,) how far a step's
#: coordinate is in units of the walk's scale, ``tau_step`` square roots of doublings of the weeks;
#: ``first_*`` (component,) the prior of the mean effect at the first week; ``heterogeneity`` three
#: numbers of its prior; ``study`` (study, entry) as below; ``unit`` (study,) the pooled unit in
#: each study's own; ``week`` (study x visit,) which week each follow-up visit is; ``whole``
#: (study,) whether its effects are sampled themselves, and ``basis`` (visit, visit) what contrasts
#: effects over visits; ``whitener`` the inverse of
#: :func:`bayesasthma.models.arm_contrasts.contrast_factor` of the most treated arms; ``near`` of
#: each study a path (visit,) close to its means, then coordinates (arm x visit,) of its SDs;
#: ``blocks`` the data of all studies' kernels, one after the other.
POOLED_DATA = (
    "sizes",
    "starts",
    "step",
    "rest",
    "tau_step",
    "first_location",
    "first_scale",
    "first_tail",
    "first_weight",
    "first_constant",
    "heterogeneity",
    "study",
    "unit",
    "week",
    "whole",
    "basis",
    "whitener",
    "near",
    "blocks",
)
(
    SIZES,
    STARTS,
    STEP,
    REST,
    TAU_STEP,
    FIRST_LOCATION,
    FIRST_SCALE,
    FIRST_TAIL,
    FIRST_WEIGHT,
    FIRST_CONSTANT,
    HETEROGENEITY,
    STUDY,
    UNIT,
    WEEK,
    WHOLE,
    BASIS,
    WHITENER,
    NEAR,
    BLOCKS,
) = range(len(POOLED_DATA))

#: Entries of ``sizes``; ``REFERENCE`` is the week at which the heterogeneity has its prior.
STUDIES, WEEKS, FAMILY, FLAT_FIRST, REFERENCE = range(5)

#: Families of the prior of the heterogeneity tau: a t distribution (tail 0: normal) of tau itself,
#: folded at 0; one of its logarithm; uniform up to a limit.
HALF, LOGARITHM, UNIFORM = range(3)
#: Entries of ``heterogeneity``: location, scale (of ``UNIFORM`` the limit), and one over the
#: degrees of freedom.
LOCATION, SCALE, TAIL = range(3)

#: Common parameters, in the order of the flat vector. Entries of ``starts`` are their places, -1 if
#: there is none: no walks of one week, no correlations of studies with one visit.
COMMON = (
    "mean_effect",
    "walk_scale",
    "heterogeneity",
    "heterogeneity_walk",
    "visit_correlation",
    "rho_location",
    "rho_scale",
)
MEAN, WALK_SCALE, TAU, TAU_WALK, KAPPA, RHO_LOCATION, RHO_SCALE = range(len(COMMON))

#: Entries of ``study``: where its parameters begin and how many they are, where its data begin and
#: end, the places of its effects and of its correlation among its parameters (-1: none), treated
#: arms, follow-up visits, and where its visits begin in ``week`` and in ``near``.
FROM, COUNT, DATA_FROM, DATA_TO, EFFECT, LOGIT_RHO, TREATED, FOLLOW_UP, WEEK_FROM, NEAR_FROM = (
    range(10)
)
