"""Printed differences beside ours; medians and rates as printed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from tests.bundles import write_toml

from bayesasthma.auditing import audit
from bayesasthma.comparison.printed_differences import printed_differences
from bayesasthma.reporting.printed_section import printed_section
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study

EFFECTS = pd.DataFrame(
    [
        ("score", "t", "end", model, "weak", estimand, mean, sd, mean - 2 * sd, mean + 2 * sd)
        for model, estimand, mean, sd in (
            ("independent", "difference", 1.9, 0.6),
            ("longitudinal", "difference", 1.8, 0.5),
            ("longitudinal", "adjusted_difference", 2.1, 0.4),
        )
    ],
    columns=[
        "outcome", "arm", "visit", "model", "prior", "estimand", "mean", "sd", "ci_low", "ci_high",
    ],
)  # fmt: skip


@pytest.fixture
def study(tmp_path: Path) -> Study:
    write_toml(tmp_path, {"c": 30, "t": 32}, {"start": 0, "end": 12}, "start")
    means = "".join(f"score,{arm},{v},,10 (2),\n" for arm in "ct" for v in ("start", "end"))
    texts = {
        "outcomes": "outcome,label,unit,direction\n"
        "score,Score,points,higher\nfeno,FeNO,ppb,lower\n",
        "summaries": f"outcome,arm,visit,statistic,value,value_is\n{means}"
        "feno,c,end,median,41.8 (23.4–68.0),iqr\nfeno,t,end,median,39 (9),iqr\n",
        "differences": "outcome,arm,visit,adjusted_for,value\n"
        "score,t,end,baseline,2.0 (1.02 to 2.98)\nscore,t,end,none,1.0 (SE 0.5)\n"
        "score,t,start,none,0.1 (-0.9 to 1.1)\n",
        "rates": "event,arm,visit,count,person_time,ratio,ci_low,ci_high\n"
        "exacerbation,c,end,80,58.2,,,\nexacerbation,t,end,51,59.6,0.62,0.44,0.88\n",
    }
    for name, text in texts.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return load_study(tmp_path)


def results_of(study: Study) -> ReanalysisResults:
    found: Any = SimpleNamespace(study=study, effects=EFFECTS, audit=audit(study))
    return cast("ReanalysisResults", found)


def test_ours_is_the_same_contrast_of_the_richest_model(study: Study) -> None:
    rows = printed_differences(study, EFFECTS)
    assert rows["estimand"].tolist() == ["adjusted_difference", "difference", ""]
    assert rows["model"].tolist() == ["longitudinal", "longitudinal", ""]
    assert rows["printed_se"].tolist() == pytest.approx([0.5, 0.5, 0.5102], abs=1e-3)
    assert rows["distance"].tolist()[:2] == pytest.approx([0.2, 1.6], abs=1e-3)
    assert rows["sd_ratio"].tolist()[:2] == pytest.approx([0.8, 1.0], abs=1e-3)
    assert rows["printed_low"].tolist()[1] == pytest.approx(1 - 1.96 * 0.5, abs=1e-3)
    assert np.isnan(rows["distance"].iloc[2])


def test_a_model_of_single_visits_has_the_difference_in_means(study: Study) -> None:
    alone = EFFECTS[EFFECTS["model"] == "independent"]
    rows = printed_differences(study, alone)
    assert rows["estimand"].tolist() == ["difference", "difference", ""]


def test_the_section(study: Study) -> None:
    found = printed_section(results_of(study))
    assert found is not None
    assert found.differences[0][3:] == [
        "for baseline", "2.00 (1.02 to 2.98)", "2.10 (1.30 to 2.90)",
        "baseline-adjusted, longitudinal", "0.20", "0.80",
    ]  # fmt: skip
    assert found.differences[2][5:] == ["–", "no fit has it", "–", "–"]
    assert found.medians == [
        ["FeNO", "ppb", found.medians[0][2], "41.8 (IQR 23.4 to 68.0)", "39 (IQR 9 wide)"]
    ]
    (rate,) = found.rates
    assert rate[2:4] == ["51 in 59.6; 80 in 58.2", "0.62 (0.44 to 0.88)"]
    assert rate[4] == "0.62 (0.44 to 0.88)"


def test_no_section_where_nothing_of_the_kind_is_printed(study: Study) -> None:
    bare = replace(
        study,
        differences=study.differences.iloc[:0],
        medians=study.medians.iloc[:0],
        rates=study.rates.iloc[:0],
    )
    assert printed_section(results_of(bare)) is None
