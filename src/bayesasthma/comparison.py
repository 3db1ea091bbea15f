"""Posterior beside p-value: what was printed, what the tables imply, what each model says."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesasthma.effect_table import HEADLINE, effects
from bayesasthma.fitting import Fit
from bayesasthma.frequentist import two_sample_t
from bayesasthma.study import Study

KEYS = ["outcome", "arm", "visit"]
POSTERIOR = ["mean", "ci_low", "ci_high", "p_benefit", "p_positive", "p_benefit_gt_mcid", "gate"]


def frequentist_table(study: Study) -> pd.DataFrame:
    """Student's and Welch's t test of every printed cell, treated against control.

    Parameters
    ----------
    study : Study

    Returns
    -------
    DataFrame
        One row per outcome, treated arm and visit with both levels: ``p_printed`` (text),
        ``p_recomputed`` (Student), ``estimate``, ``ci_low``, ``ci_high`` (Student, 95 %) and
        ``welch_p``.
    """
    level = study.table.sel(statistic="level", drop=True)
    control = level.sel(arm=study.control, drop=True)
    frames = []
    for arm in study.treatments:
        treated = level.sel(arm=arm, drop=True)
        mean1, sd1, n1, mean2, sd2, n2 = (
            table[name].transpose("outcome", "visit").to_numpy()
            for table in (treated, control)
            for name in ("mean", "sd", "n")
        )
        student = two_sample_t(mean1, sd1, n1, mean2, sd2, n2)
        welch = two_sample_t(mean1, sd1, n1, mean2, sd2, n2, equal_var=False)
        index = pd.MultiIndex.from_product(
            [level["outcome"].to_numpy(), level["visit"].to_numpy()], names=["outcome", "visit"]
        )
        frame = pd.DataFrame(
            {
                "p_recomputed": student.p.ravel(),
                "estimate": student.difference.ravel(),
                "ci_low": student.ci_low.ravel(),
                "ci_high": student.ci_high.ravel(),
                "welch_p": welch.p.ravel(),
            },
            index=index,
        ).reset_index()
        frames.append(frame[np.isfinite(frame["estimate"])].assign(arm=arm))
    table = pd.concat(frames, ignore_index=True)
    merged: pd.DataFrame = table.merge(_printed(study), on=KEYS, how="left")
    return merged


def _printed(study: Study) -> pd.DataFrame:
    """Printed between-arm p-values by outcome, arm and visit; a blank arm means the only one."""
    tests = study.tests[study.tests["kind"] == "between"]
    tests = tests[tests["outcome"].isin(study.outcomes.index)].copy()
    if len(study.treatments) == 1:
        tests["arm"] = study.treatments[0]
    tests = tests.drop_duplicates(KEYS)
    return tests[[*KEYS, "p"]].rename(columns={"p": "p_printed"})


def compare(fits: list[Fit] | Fit) -> pd.DataFrame:
    """Printed p, recomputed p, frequentist estimate and each model's posterior, side by side.

    Parameters
    ----------
    fits : Fit or list of Fit
        Of the same study; one per model. A model's columns are prefixed with its name and hold its
        headline: the baseline-adjusted difference where it has one (the difference in means at the
        baseline visit), else the difference in means.

    Returns
    -------
    DataFrame
        The columns of ``comparison.csv``.
    """
    fits = [fits] if isinstance(fits, Fit) else list(fits)
    study = fits[0].study
    table = frequentist_table(study)
    for fit in fits:
        table = table.merge(_headline(fit), on=KEYS, how="left")
    order = {name: i for i, name in enumerate(study.outcomes.index)}
    table.insert(0, "study", study.name)
    table.insert(4, "week", study.visits.loc[table["visit"], "week"].to_numpy())
    table = table.sort_values(
        ["outcome", "week", "arm"],
        key=lambda column: column.map(order) if column.name == "outcome" else column,
    )
    lead = ["study", *KEYS, "week", "p_printed", "p_recomputed", "estimate", "ci_low", "ci_high"]
    rest = [name for name in table.columns if name not in lead]
    return table[lead + rest].reset_index(drop=True)


def _headline(fit: Fit) -> pd.DataFrame:
    table = effects(fit)
    main = table[table["estimand"] == HEADLINE[fit.model]]
    missing = table[table["estimand"] == "difference"]
    done = set(main[KEYS].itertuples(index=False, name=None))
    extra = [key not in done for key in missing[KEYS].itertuples(index=False, name=None)]
    both = pd.concat([main, missing[np.array(extra, dtype=bool)]])
    renamed = {name: f"{fit.model}_{name}" for name in POSTERIOR}
    return both[[*KEYS, *POSTERIOR]].rename(columns=renamed)
