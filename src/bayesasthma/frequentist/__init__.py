"""Classical tests and consistency checks from published summaries (NumPy and SciPy only)."""

from __future__ import annotations

from bayesasthma.frequentist.ancova import (
    ancova,
    ancova_p_range,
    cross_products,
    cross_products_range,
)
from bayesasthma.frequentist.anova import (
    AnovaEffect,
    RepeatedMeasuresAnova,
    compound_symmetry,
    one_way_anova,
    repeated_measures_anova,
)
from bayesasthma.frequentist.contingency import (
    ExactP,
    cochran_armitage,
    fisher_freeman_halton,
)
from bayesasthma.frequentist.counts import (
    barnard_exact,
    chi2_test,
    contingency_chi2,
    fisher_exact,
    mid_p,
)
from bayesasthma.frequentist.granularity import (
    bhatia_davis_sd,
    debit,
    grim,
    grim_power,
    grimmer,
    printed_interval,
)
from bayesasthma.frequentist.multiplicity import benjamini_hochberg, holm
from bayesasthma.frequentist.person_time import (
    RateRatio,
    doubled_rate_p,
    e_test,
    exact_rate_ratio,
    rates_chi2,
    wald_rate_ratio,
)
from bayesasthma.frequentist.printed import Range, Rounded, printed_p, rounded, rounded_sd
from bayesasthma.frequentist.proportions import Interval, newcombe_interval, wilson_interval
from bayesasthma.frequentist.reachable import (
    change_variance_range,
    implied_correlation_range,
    paired_p_range,
    statistic_p_range,
    student_p_range,
    welch_p_range,
)
from bayesasthma.frequentist.reachable_anova import (
    one_way_p_range,
    repeated_measures_p_range,
    spread_range,
    within_subject_error_range,
)
from bayesasthma.frequentist.repeated_measures import (
    RepeatedMeasures,
    repeated_measures,
    repeated_measures_table,
)
from bayesasthma.frequentist.t_tests import (
    TTest,
    change_sd,
    one_sample_t,
    paired_smd,
    paired_t,
    pooled_sd,
    t_test_from_estimate,
    two_sample_t,
    two_sided_p,
    welch_df,
)

__all__ = [
    "AnovaEffect",
    "ExactP",
    "Interval",
    "Range",
    "RateRatio",
    "RepeatedMeasures",
    "RepeatedMeasuresAnova",
    "Rounded",
    "TTest",
    "ancova",
    "ancova_p_range",
    "barnard_exact",
    "benjamini_hochberg",
    "bhatia_davis_sd",
    "change_sd",
    "change_variance_range",
    "chi2_test",
    "cochran_armitage",
    "compound_symmetry",
    "contingency_chi2",
    "cross_products",
    "cross_products_range",
    "debit",
    "doubled_rate_p",
    "e_test",
    "exact_rate_ratio",
    "fisher_exact",
    "fisher_freeman_halton",
    "grim",
    "grim_power",
    "grimmer",
    "holm",
    "implied_correlation_range",
    "mid_p",
    "newcombe_interval",
    "one_sample_t",
    "one_way_anova",
    "one_way_p_range",
    "paired_p_range",
    "paired_smd",
    "paired_t",
    "pooled_sd",
    "printed_interval",
    "printed_p",
    "rates_chi2",
    "repeated_measures",
    "repeated_measures_anova",
    "repeated_measures_p_range",
    "repeated_measures_table",
    "rounded",
    "rounded_sd",
    "spread_range",
    "statistic_p_range",
    "student_p_range",
    "t_test_from_estimate",
    "two_sample_t",
    "two_sided_p",
    "wald_rate_ratio",
    "welch_df",
    "welch_p_range",
    "wilson_interval",
    "within_subject_error_range",
]
