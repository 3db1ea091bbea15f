"""The report's account of the proof: read from its tables, complete or not."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bayesasthma.calibration.proof import read_record, sections
from bayesasthma.reporting.shipped_proof import proof_folder
from bayesasthma.reporting.trust import trust


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The committed proof without the parts beyond its ranks."""
    proof = proof_folder()
    assert proof is not None
    for name in ("proof.json", "ranks.csv"):
        shutil.copy(proof / name, tmp_path)
    return tmp_path


def scenarios() -> pd.DataFrame:
    """Two scenarios, the better one first."""
    shared = {"coverage_low": 0.2, "coverage_high": 0.99, "ancova_coverage": 0.95}
    return pd.DataFrame(
        [
            {"title": "Normal", "coverage": 0.955, "verdict": "trust", **shared},
            {"title": "Errors as SDs", "coverage": 0.25, "verdict": "distrust", **shared},
        ]
    )


def test_ranks_alone_are_told_and_drawn(folder: Path) -> None:
    found = trust(folder)
    assert found is not None
    ranks = pd.read_csv(folder / "ranks.csv")
    assert len(found.cases) == ranks["case"].nunique()
    title, replicates, quantities, calibrated, coverage = found.cases[0]
    assert (title, replicates) == ("longitudinal, n = 18 / 19", "2,000")
    own = ranks[ranks["case"] == "longitudinal"].set_index("quantity")
    assert int(quantities) == len(own)
    assert int(calibrated) == (own["verdict"] == "calibrated").sum()
    assert coverage == f"{100 * own.loc['adjusted_difference[week48]', 'coverage_95']:.1f} %"
    assert [picture.name for picture in found.drawings] == ["proof_ranks"]
    assert not found.scenarios
    assert not found.sizes
    assert not found.claims
    assert set(found.missing) == set(sections()) - set(read_record(folder)["sections"])
    assert not found.stale


def test_sizes_are_those_of_the_default_model_in_its_own_unit(folder: Path) -> None:
    shared = {"coverage_low": 0.6, "coverage_high": 0.9}
    rows = [
        {"case": case, "size_from": low, "size_to": high, "studies": n, "coverage_95": p, **shared}
        for case in ("longitudinal", "longitudinal-own-unit")
        for low, high, n, p in ((0.0, 4.0, 9, 0.9), (4.0, np.inf, 7, 0.7))
    ]
    pd.DataFrame(rows).to_csv(folder / "sizes.csv", index=False)
    found = trust(folder)
    assert found is not None
    assert found.sizes == [("0 to 4", "90 % (60 to 90)"), ("over 4", "70 % (60 to 90)")]


def test_claims_are_set_out_by_their_probability(folder: Path) -> None:
    shared = {"subject": "", "quoted": 0.5, "true": 0.25, "true_low": 0.2, "true_high": 0.4}
    rows = [
        {
            "case": case,
            "claim": claim,
            "probability_from": low,
            "probability_to": high,
            "studies": studies,
            **(shared if studies else shared | dict.fromkeys(("true", "true_low"), np.nan)),
        }
        for case, claim in (
            ("adverse-per-visit", "benefit"),
            ("longitudinal", "benefit"),
            ("joint", "all_improve:primary"),
            ("longitudinal-own-unit", "benefit"),
        )
        for low, high, studies in ((0.0, 0.975, 40), (0.975, 1.0, 0))
    ]
    pd.DataFrame(rows).to_csv(folder / "reliability.csv", index=False)
    found = trust(folder)
    assert found is not None
    assert found.probabilities == ["0 to 0.975", "0.975 to 1"]
    assert found.claims == [
        ["P(benefit)", "adverse, per visit", "25.0 % (20 to 40; 40)", "–"],
        ["P(all primary outcomes improve)", "joint", "25.0 % (20 to 40; 40)", "–"],
        ["P(benefit)", "longitudinal, unit from the table", "25.0 % (20 to 40; 40)", "–"],
    ]
    assert [picture.name for picture in found.drawings] == ["proof_ranks", "proof_claims"]


def test_scenarios_stand_worst_first(folder: Path) -> None:
    scenarios().to_csv(folder / "misspecification.csv", index=False)
    found = trust(folder)
    assert found is not None
    assert found.scenarios == [
        ("Errors as SDs", "25 % (20 to 99)", "distrust"),
        ("Normal", "96 % (20 to 99)", "trust"),
    ]
    assert [picture.name for picture in found.drawings] == ["proof_ranks", "proof_scenarios"]


def test_no_proof_no_account(tmp_path: Path) -> None:
    assert trust(tmp_path) is None
