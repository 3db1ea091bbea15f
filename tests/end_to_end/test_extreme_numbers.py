"""Extreme numbers through audit and fit: accepted without a warning, or refused by their place."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tests.bundles import OUTCOME, SUMMARY, write_rows, write_toml
from tests.mutated_bundles import outcome_of

from bayesasthma.errors import StudyError
from bayesasthma.inference.adverse_fits import fit_adverse
from bayesasthma.inference.fitting import fit_table
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.effect_table import effects
from bayesasthma.study.bundle import load_study

FEW = SamplerOptions(draws=20, tune=50, chains=1, seed=1)


def bundle(
    folder: Path,
    means: Sequence[str] = ("20", "21", "20", "23"),
    sds: Sequence[str] = ("4", "4", "4", "4"),
    n: tuple[int, int] = (24, 27),
    events: tuple[int, int] | None = None,
    *,
    one_visit: bool = False,
) -> Path:
    """Two arms at a baseline and a visit (means and SDs in that order by arm), with a p-value."""
    weeks = {"end": 12} if one_visit else {"start": 0, "end": 12}
    write_toml(folder, {"placebo": n[0], "drug": n[1]}, weeks, None if one_visit else "start")
    score = ("score", "Score", "points", "", "higher", "1", "absolute", "")
    write_rows(folder / "outcomes.csv", OUTCOME, [score])
    cells = [(arm, visit) for arm in ("placebo", "drug") for visit in weeks]
    write_rows(
        folder / "summaries.csv",
        SUMMARY,
        [
            ("score", *cell, "", "", mean, sd)
            for cell, mean, sd in zip(cells, means, sds, strict=False)
        ],
    )
    columns = ("table", "kind", "outcome", "arm", "visit", "test", "p")
    test = ("Table 2", "between", "score", "", "end", "Student t", "0.03")
    write_rows(folder / "tests.csv", columns, [test])
    if events is not None:
        counts = [("end", "headache", arm, k) for arm, k in zip(("placebo", "drug"), events,
                                                                strict=True)]  # fmt: skip
        write_rows(folder / "adverse.csv", ("visit", "reaction", "arm", "events"), counts)
    return folder


TRILLION = 10**12
#: What the audit takes; those of two patients at two visits are for it alone.
ACCEPTED = {
    "SDs of a trillionth of the mean": {
        "means": ("1000000000.000", "1000000000.001", "1000000000.000", "1000000000.003"),
        "sds": ("0.001",) * 4,
    },
    "means of 1e15": {
        "means": ("1000000000000000", "1000000000000001", "1000000000000000", "1000000000000003")
    },
    "a trillion patients": {"n": (TRILLION, TRILLION), "events": (10**9, 10**9 + 5)},
    "a million patients": {"n": (10**6, 10**6), "events": (1000, 1100)},
    "no events": {"events": (0, 0), "one_visit": True},
    "two patients": {"n": (2, 2), "one_visit": True},
    "three patients": {"n": (3, 3), "events": (0, 3)},
    "an SD of zero": {"sds": ("4", "4", "0", "4")},
    "SDs of zero": {"sds": ("0.0",) * 4},
    "equal numbers": {"means": ("5",) * 4, "sds": ("5",) * 4},
    "means of zero": {"means": ("0",) * 4},
    "the smallest": {"means": ("1e-30",) * 4, "sds": ("1e-30",) * 4},
    "the largest": {"means": ("1e30",) * 4, "sds": ("1e30",) * 4},
}


@pytest.mark.parametrize("numbers", [*ACCEPTED.values(), {"n": (2, 2)}], ids=[*ACCEPTED, "n = 2"])
def test_the_audit_takes_them(numbers: dict, tmp_path: Path) -> None:
    assert outcome_of(bundle(tmp_path / "extreme", **numbers)) == "accepted"


@pytest.mark.parametrize(
    ("numbers", "place"),
    [
        ({"sds": ("1e-200", "4", "4", "4")}, "summaries.csv, row 2, column sd: found '1e-200'"),
        ({"sds": ("4", "1e150", "4", "4")}, "summaries.csv, row 3, column sd: found '1e150'"),
        ({"means": ("4", "4", "1e150", "4")}, "summaries.csv, row 4, column mean: found '1e150'"),
        ({"sds": ("4", "4", "4", "-4")}, "summaries.csv, row 5, column sd: found '-4'"),
        (
            {"means": ("20", "1e30", "20", "20")},
            "summaries.csv, row 3, column sd: found '4', expected an SD of at least 1e-15 times",
        ),
        (
            {"sds": ("4", "4e8", "4", "4")},
            "summaries.csv, row 2, column sd: found '4', expected an SD within a factor of",
        ),
        ({"n": (1, 24)}, "study.toml, column arms[1].n: found '1'"),
        ({"n": (24, 2 * TRILLION)}, "study.toml, column arms[2].n: found '2000000000000'"),
        ({"events": (0, 28)}, "adverse.csv, row 3, column events: found '28'"),
    ],
)
def test_others_are_refused_with_their_place(numbers: dict, place: str, tmp_path: Path) -> None:
    with pytest.raises(StudyError) as refused:
        load_study(bundle(tmp_path / "extreme", **numbers))
    assert place in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize("numbers", ACCEPTED.values(), ids=list(ACCEPTED))
def test_what_the_audit_takes_is_fitted(numbers: dict, tmp_path: Path) -> None:
    """Every estimand has its numbers; the probabilities are those of a direction or a size."""
    study = load_study(bundle(tmp_path / "extreme", **numbers))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = effects(fit_table(study, "longitudinal", FEW))
        assert len(table) > 0
        assert np.isfinite(table[["mean", "sd", "ci_low", "ci_high"]]).all(axis=None)
        spoken = table[table["estimand"].isin(["difference", "adjusted_difference"])]
        assert spoken["p_benefit"].notna().all()
        if "events" in numbers:
            for fit in fit_adverse(study, options=FEW):
                rates = adverse_effects(fit)
                rates = rates[rates["estimand"] != "number_needed_to_treat"]  # it has no mean
                assert np.isfinite(rates[["mean", "sd"]]).all(axis=None)
                contrasts = rates[rates["estimand"].isin(["risk_difference", "odds_ratio"])]
                assert contrasts["p_benefit"].between(0, 1).all()
