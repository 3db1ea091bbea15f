"""The standard unit of pooled studies that print changes alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesasthma.pooling.data import Source, pooled_design
from bayesasthma.study.bundle import load_study

TRIALS = Path(__file__).parents[2] / "data" / "alogliptin"


def largest_sd(folder: Path) -> tuple[float, float]:
    """Degrees of freedom of all patients, and the largest SD of change pooled over arms."""
    table = pd.read_csv(folder / "summaries.csv")
    table["df"] = table["n"] - 1
    table["ss"] = table["df"] * table["n"] * table["se"] ** 2
    by_visit = table.groupby("visit")[["ss", "df"]].sum()
    arms = table.groupby("arm")["n"].max()
    return float((arms - 1).sum()), float(np.sqrt((by_visit["ss"] / by_visit["df"]).max()))


def test_the_largest_sd_of_a_change_stands_for_the_baseline_sd() -> None:
    names = ("NCT00286429", "NCT01318070")
    studies = [load_study(TRIALS / name) for name in names]
    design = pooled_design("hba1c", studies, {name: Source("hba1c") for name in names})
    weight, sd = np.array([largest_sd(TRIALS / name) for name in names]).T
    assert design.scale == pytest.approx(np.sqrt((weight * sd**2).sum() / weight.sum()), rel=1e-6)
    for own in design.studies:
        assert own.unit * own.design.scale[0] == pytest.approx(design.scale)
    # of units that differ, each study's own
    sources = {name: Source("hba1c") for name in names}
    other = studies[1].outcomes.assign(unit="mmol/mol")
    apart = pooled_design("hba1c", [studies[0], replace(studies[1], outcomes=other)], sources)
    for own, expected in zip(apart.studies, sd, strict=True):
        assert own.unit * own.design.scale[0] == pytest.approx(expected, rel=1e-6)
