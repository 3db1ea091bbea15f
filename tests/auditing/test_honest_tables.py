"""A paper whose numbers come from real patients is never found wrong; a corrupted one is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bayesasthma.auditing import (
    IMPOSSIBLE,
    NOT_REPRODUCED,
    POSSIBLE,
    REPRODUCED,
    WITHIN_ROUNDING,
    AuditResult,
    audit,
)
from bayesasthma.study.study import Study

seeds = st.integers(0, 2**32 - 1)
FIELDS = ("mean", "mean_step", "sd", "sd_step", "n")
VISITS = ("start", "middle", "end")


def print_p(p: float, decimals: int = 2) -> dict[str, object]:
    least = 10.0**-decimals
    if p < least:
        return {"p": f"<{least:g}", "p_value": least, "p_operator": "<", "decimals": decimals}
    return {
        "p": f"{p:.{decimals}f}",
        "p_value": round(p, decimals),
        "p_operator": "=",
        "decimals": decimals,
    }


def honest_study(seed: int, outcomes: int = 2, arms: int = 2) -> Study:
    """Patients drawn, summarised, tested and printed as an honest paper would."""
    rng = np.random.default_rng(seed)
    names = [f"outcome{k}" for k in range(outcomes)]
    ids = ["control", *(f"arm{g}" for g in range(1, arms))]
    n = rng.integers(4, 40, arms)
    shape = (outcomes, arms, len(VISITS), 1)
    table = {field: np.full(shape, np.nan) for field in FIELDS}
    tests: list[dict[str, object]] = []
    for k, name in enumerate(names):
        decimals = int(rng.integers(0, 3))
        step = 10.0**-decimals
        level, slope = rng.normal(50, 20), rng.normal(0, 3)
        data = []
        for g in range(arms):
            person = rng.normal(0, rng.uniform(0.1, 8), (n[g], 1))
            noise = rng.normal(0, rng.uniform(2, 8), (n[g], len(VISITS)))
            data.append(level + slope * np.arange(len(VISITS)) * (1 + g) + person + noise)
            for field, value in (
                ("mean", np.round(data[g].mean(axis=0), decimals)),
                ("sd", np.round(data[g].std(axis=0, ddof=1), decimals)),
                ("mean_step", step),
                ("sd_step", step),
                ("n", n[g]),
            ):
                table[field][k, g, :, 0] = value
        where = {"table": "Table 2", "outcome": name, "test": "", "starred": False}
        for g in range(1, arms):
            for v, visit in enumerate(VISITS):
                p = stats.ttest_ind(data[g][:, v], data[0][:, v]).pvalue
                arm = ids[g] if arms > 2 else ""
                tests.append(where | print_p(p) | {"kind": "between", "arm": arm, "visit": visit})
        for g in range(arms):
            p = stats.ttest_rel(data[g][:, -1], data[g][:, 0]).pvalue
            tests.append(where | print_p(p) | {"kind": "within", "arm": ids[g], "visit": "end"})
    events = [rng.binomial(m, 0.3) for m in n]
    adverse = pd.DataFrame(
        {
            "visit": "end",
            "reaction": "rash",
            "arm": ids,
            "events": events,
            "n": n,
            "percent": np.round(100 * np.array(events) / n, 1),
            "percent_step": 0.1,
        }
    )
    if arms == 2:
        p = stats.fisher_exact([[e, m - e] for e, m in zip(events, n, strict=True)]).pvalue
        tests.append(
            {"table": "Table 3", "kind": "between", "outcome": "rash", "arm": "", "visit": "end"}
            | {"test": "Fisher exact", "starred": False}
            | print_p(p)
        )
    return Study(
        name="honest",
        title="A made-up paper",
        citation="",
        design="",
        randomised=True,
        arms=pd.DataFrame(
            {"label": ids, "role": ["control", *["treatment"] * (arms - 1)], "n": n},
            index=pd.Index(ids, name="arm"),
        ),
        visits=pd.DataFrame(
            {"label": VISITS, "week": [0.0, 4.0, 8.0]}, index=pd.Index(VISITS, name="visit")
        ),
        baseline_visit="start",
        outcomes=pd.DataFrame(
            {"label": names, "minimum": np.nan, "maximum": np.nan, "items": np.nan},
            index=pd.Index(names, name="outcome"),
        ),
        table=xr.Dataset(
            {f: (("outcome", "arm", "visit", "statistic"), v) for f, v in table.items()},
            coords={
                "outcome": names,
                "arm": ids,
                "visit": list(VISITS),
                "statistic": ["level"],
            },
        ),
        correlations=pd.DataFrame(columns=["outcome", "arm", "visit_1", "visit_2", "correlation"]),
        tests=pd.DataFrame(tests),
        baseline=pd.DataFrame(columns=["variable", "level", "arm", "mean", "sd", "count", "n"]),
        adverse=adverse,
        claims=pd.DataFrame(columns=["where", "refers_to", "value"]),
        external=pd.DataFrame(columns=["outcome", "estimate", "scale", "citation"]),
        patients=None,
        checksums={},
    )


def verdicts(result: AuditResult) -> pd.Series:
    return result.tests["verdict"]


@given(seeds, st.integers(2, 3))
@settings(max_examples=12)
def test_honest_papers_pass(seed: int, arms: int) -> None:
    result = audit(honest_study(seed, arms=arms))
    by_kind = dict(list(result.tests.groupby("kind")["verdict"]))
    assert set(by_kind["between"]) <= {REPRODUCED, WITHIN_ROUNDING}
    assert set(by_kind["within"]) == {POSSIBLE}
    if arms == 2:
        assert set(by_kind["adverse"]) == {REPRODUCED}
    assert not result.tests["significance_changes"].any()
    assert not result.alarming
    assert not (result.findings["weight"] == "contradiction").any()


def corrupted(study: Study) -> Study:
    """Every exact p moved by a third of the scale."""
    tests = study.tests.copy()
    tests["p_value"] = (tests["p_value"] + 0.35) % 0.9
    tests["p"] = tests["p_value"].map("{:.2f}".format)
    tests["p_operator"], tests["decimals"] = "=", 2
    return replace(study, tests=tests)


@pytest.mark.parametrize("seed", range(3))
def test_corrupted_papers_fail(seed: int) -> None:
    study = honest_study(seed, outcomes=6)
    fine = study.table.assign(
        mean_step=study.table["mean_step"] * 0, sd_step=study.table["sd_step"] * 0
    )
    result = audit(corrupted(replace(study, table=fine)))
    between = result.tests[result.tests["kind"] == "between"]
    assert set(between["verdict"]) == {NOT_REPRODUCED}
    assert set(verdicts(result)) <= {NOT_REPRODUCED, POSSIBLE, IMPOSSIBLE}


def swapped_arms(study: Study) -> Study:
    return replace(
        study, arms=study.arms.iloc[::-1], table=study.table.isel(arm=slice(None, None, -1))
    )


def other_unit(study: Study, factor: float) -> Study:
    fields = ("mean", "mean_step", "sd", "sd_step")
    return replace(study, table=study.table.assign({f: study.table[f] * factor for f in fields}))


@given(seeds, st.booleans(), st.floats(0.001, 1000))
@settings(max_examples=6)
def test_verdicts_do_not_depend_on_arm_order_or_unit(seed: int, wrong: bool, unit: float) -> None:
    study = honest_study(seed)
    study = corrupted(study) if wrong else study
    plain = audit(study).tests
    for other in (swapped_arms(study), other_unit(study, unit)):
        changed = audit(other).tests
        assert changed["verdict"].tolist() == plain["verdict"].tolist()
        assert changed["significance_changes"].tolist() == plain["significance_changes"].tolist()
        for column in ("p_recomputed", "p_low", "p_high"):
            np.testing.assert_allclose(changed[column], plain[column], rtol=1e-6, atol=1e-200)


def test_named_explanations_are_found() -> None:
    """Papers whose p-values were made by a known mistake are explained by that mistake."""
    study = honest_study(11, outcomes=8)
    # Printed SDs that are standard errors: the p-values then need the SDs times √n.
    sd, n = study.table["sd"], study.table["n"]
    shrunk = study.table.assign(sd=sd / np.sqrt(n), sd_step=study.table["sd_step"] / np.sqrt(n))
    result = audit(replace(study, table=shrunk))
    between = result.tests[(result.tests["kind"] == "between")]
    wrong = between[between["verdict"] == NOT_REPRODUCED]
    assert len(wrong) >= 12
    assert wrong["fits"].str.contains("the printed SDs are standard errors").all()
    finding = result.findings["finding"].str.startswith("Read as standard errors")
    assert finding.sum() == 1


def adjusted(study: Study) -> Study:
    tests = study.tests.copy()
    exact = audit(study).tests["p_recomputed"]
    between = tests["kind"] == "between"
    between &= tests["table"] == "Table 2"
    q = stats.false_discovery_control(exact[between])
    shown = pd.DataFrame([print_p(x, 3) for x in q], index=tests.index[between])
    tests.loc[between, shown.columns] = shown
    return replace(study, tests=tests)


def test_benjamini_hochberg_is_recognised() -> None:
    result = audit(adjusted(honest_study(5, outcomes=6)))
    wrong = result.tests[(result.tests["verdict"] == NOT_REPRODUCED)]
    assert len(wrong) >= 5
    assert wrong["fits"].str.contains("Benjamini–Hochberg over all between-arm tests").all()


def test_exchanged_p_values_are_recognised() -> None:
    study = honest_study(3, outcomes=4)
    exact = audit(study).tests
    between = exact[(exact["kind"] == "between")].sort_values("p_recomputed")
    first, last = between.index[0], between.index[-1]
    columns = ["p", "p_value", "p_operator", "decimals"]
    tests = study.tests.copy()
    tests.loc[[first, last], columns] = study.tests.loc[[last, first], columns].to_numpy()
    result = audit(replace(study, tests=tests)).tests
    assert result.loc[first, "verdict"] == NOT_REPRODUCED
    assert "p exchanged with that of" in result.loc[first, "fits"]
    assert "p exchanged with that of" in result.loc[last, "fits"]
