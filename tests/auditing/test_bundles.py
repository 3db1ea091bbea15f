"""The audit of other bundles: more arms, one visit, missing cells, no p-values, patients."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from bayesasthma.auditing import (
    CONTRADICTION,
    NOT_CHECKABLE,
    NOT_REPRODUCED,
    NOTE,
    REPRODUCED,
    UNUSUAL,
    WITHIN_ROUNDING,
    AuditResult,
    audit,
)
from bayesasthma.study.bundle import load_study

ARM = '[[arms]]\nid = "{0}"\nlabel = "{0}"\nrole = "{1}"\nn = {2}\n'
VISIT = '[[visits]]\nid = "{0}"\nlabel = "{0}"\nweek = {1}\nbaseline = {2}\n'


def write(
    folder: Path,
    *,
    arms: tuple[tuple[str, int], ...] = (("placebo", 20), ("drug", 22)),
    visits: tuple[tuple[str, int], ...] = (("start", 0), ("end", 12)),
    first: str | None = "start",
    extra: str = "",
    **files: str,
) -> AuditResult:
    """Write a bundle of CSV texts and audit it."""
    toml = 'title = "T"\ncitation = "C"\ndesign = "D"\nrandomised = true\n' + extra
    for i, (arm, n) in enumerate(arms):
        toml += ARM.format(arm, "treatment" if i else "control", n)
    for visit, week in visits:
        toml += VISIT.format(visit, week, str(visit == first).lower())
    (folder / "study.toml").write_text(toml)
    files.setdefault("outcomes", "outcome,label,unit,direction\nscore,Score,points,higher")
    for name, text in files.items():
        lines = [line.strip() for line in text.strip().splitlines()]
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return audit(load_study(folder))


LEVELS = """outcome,arm,visit,mean,sd
score,placebo,start,10.0,2.0
score,placebo,end,10.5,2.1
score,drug,start,10.2,2.2
score,drug,end,13.0,2.4"""


def test_without_p_values(tmp_path: Path) -> None:
    result = write(tmp_path, summaries=LEVELS)
    assert result.tests.empty
    assert result.counts().empty
    assert not result.alarming
    assert len(result.contrasts) == 2
    expected = stats.ttest_ind_from_stats(13.0, 2.4, 22, 10.5, 2.1, 20)
    assert result.contrasts["p"].iloc[1] == pytest.approx(expected.pvalue)
    assert "none" in repr(result)


def test_three_arms(tmp_path: Path) -> None:
    summaries = """outcome,arm,visit,mean,sd
    score,placebo,end,10.5,2.1
    score,low,end,11.5,2.0
    score,high,end,13.0,2.4"""
    rng = np.random.default_rng(0)

    def exact(n: int, mean: float, sd: float) -> np.ndarray:
        x = rng.normal(size=n)
        return mean + sd * (x - x.mean()) / x.std(ddof=1)

    data = [exact(20, 10.5, 2.1), exact(21, 11.5, 2.0), exact(22, 13.0, 2.4)]
    overall, pair = stats.f_oneway(*data).pvalue, stats.ttest_ind(data[2], data[0]).pvalue
    result = write(
        tmp_path,
        arms=(("placebo", 20), ("low", 21), ("high", 22)),
        visits=(("end", 12),),
        first=None,
        summaries=summaries,
        tests=f"""table,kind,outcome,arm,visit,p
        T,between,score,,end,{overall:.5f}
        T,between,score,high,end,{pair:.5f}
        T,between,score,low,end,0.99
        T,between,rash,,end,0.5
        T,within,score,low,end,0.2""",
        adverse="""visit,reaction,arm,events
        end,rash,placebo,5
        end,rash,low,3
        end,rash,high,1""",
    )
    verdicts = result.tests["verdict"].tolist()
    assert verdicts[:2] == [REPRODUCED, REPRODUCED]
    assert verdicts[2:] == [NOT_REPRODUCED, NOT_REPRODUCED, NOT_CHECKABLE]
    assert result.tests["test"].tolist()[0] == "one-way analysis of variance"
    table = [[5, 3, 1], [15, 18, 21]]
    assert result.tests["p_recomputed"][3] == pytest.approx(
        stats.chi2_contingency(table, correction=False).pvalue
    )
    assert result.contrasts["arm"].tolist() == ["low", "high"]


def test_missing_cells_cannot_be_checked(tmp_path: Path) -> None:
    summaries = "\n".join(LEVELS.splitlines()[:-1])
    result = write(
        tmp_path,
        summaries=summaries,
        tests="""table,kind,outcome,arm,visit,p
        T,between,score,,start,0.76
        T,between,score,,end,0.01
        T,within,score,drug,end,0.01
        T,between,exacerbations,,end,0.3""",
    )
    assert result.tests["verdict"].tolist()[1:] == [NOT_CHECKABLE] * 3
    assert result.tests["verdict"][0] in {REPRODUCED, WITHIN_ROUNDING}
    assert not result.tests["significance_changes"].any()
    assert len(result.contrasts) == 1


def test_printed_change_and_correlation_pin_the_paired_test(tmp_path: Path) -> None:
    tests = "table,kind,outcome,arm,visit,p\nT,within,score,drug,end,{}"
    p = 2 * stats.t.sf(2.8 / (2.5 / 22**0.5), 21)
    change = LEVELS.replace("mean,sd", "statistic,mean,sd").replace("start,", "start,level,")
    change = change.replace("end,", "end,level,") + "\nscore,drug,end,change,2.8,2.5"
    result = write(tmp_path, summaries=change, tests=tests.format(f"{p:.6f}"))
    assert result.tests["verdict"].tolist() == [REPRODUCED]
    (tmp_path / "other").mkdir()
    result = write(
        tmp_path / "other",
        summaries=LEVELS,
        correlations="outcome,arm,visit_1,visit_2,correlation\nscore,drug,end,start,0.5",
        tests=tests.format("0.2"),
    )
    # One correlation is not free any more, so the verdict is not about all of them.
    assert result.tests["verdict"].tolist() == [NOT_REPRODUCED]


def test_interaction_is_the_comparison_of_changes(tmp_path: Path) -> None:
    result = write(
        tmp_path,
        summaries=LEVELS,
        tests="""table,kind,outcome,arm,visit,p
        T,interaction,score,,end,0.01
        T,interaction,score,,end,0.9""",
    )
    # By hand: difference of changes at least 2.3 − 0.2, SDs of change at most the sums of SDs.
    assert result.tests["verdict"].tolist() == [
        "possible at some correlation",
        "impossible at any correlation",
    ]


def test_whole_variable_and_stated_welch(tmp_path: Path) -> None:
    welch = stats.ttest_ind_from_stats(13.0, 2.4, 22, 10.5, 2.1, 20, equal_var=False).pvalue
    chi2 = stats.chi2_contingency([[12, 8], [10, 12]], correction=False).pvalue
    result = write(
        tmp_path,
        summaries=LEVELS,
        baseline="""variable,level,arm,count
        sex,female,placebo,12
        sex,male,placebo,8
        sex,female,drug,10
        sex,male,drug,12""",
        tests=f"""table,kind,outcome,arm,visit,test,p
        T,between,score,,end,Welch,{welch:.6f}
        T1,between,sex,,start,chi-square,{chi2:.6f}""",
    )
    assert result.tests["verdict"].tolist() == [REPRODUCED, REPRODUCED]
    assert result.tests["test"].tolist() == ["Welch's t test", "χ² test"]


def test_patients_leave_no_rounding(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    rows, data = ["patient,arm,visit,score"], {"placebo": [], "drug": []}
    for i in range(16):
        arm = "drug" if i % 2 else "placebo"
        value = float(rng.normal(10 + (i % 2), 2))
        data[arm].append(value)
        rows.append(f"p{i},{arm},end,{value!r}")
    result = write(
        tmp_path,
        arms=(("placebo", 8), ("drug", 8)),
        visits=(("end", 12),),
        first=None,
        patients="\n".join(rows),
    )
    expected = stats.ttest_ind(data["drug"], data["placebo"]).pvalue
    row = result.contrasts.iloc[0]
    assert row["p_low"] == pytest.approx(expected)
    assert row["p_high"] == pytest.approx(expected)


def test_tallies(tmp_path: Path) -> None:
    result = write(
        tmp_path,
        summaries=LEVELS,
        extra='[[exclusions]]\ncriterion = "smoking"\nvariable = "smoking"\nlevel = "current"\n',
        baseline="""variable,level,arm,count,percent
        smoking,never,placebo,15,75.0
        smoking,current,placebo,2,12.0
        smoking,never,drug,20,90.9
        smoking,current,drug,0,0.0""",
        adverse="""visit,reaction,arm,events,percent
        start,rash,placebo,5,25.0
        end,rash,placebo,3,15.0
        start,rash,drug,1,4.5
        end,rash,drug,1,4.5""",
    )
    found = result.findings
    percent = found[(found["kind"] == "consistency") & (found["weight"] == CONTRADICTION)]
    assert percent["printed"].tolist() == ["12.0 %"]
    assert percent["expected"].tolist() == ["10.0 %"]
    sums = found[found["finding"].str.contains("add up to")]
    assert sums["arm"].tolist() == ["placebo", "drug"]
    assert found[found["kind"] == "exclusion"]["arm"].tolist() == ["placebo"]
    falls = found[found["kind"] == "monotone"]
    assert falls["arm"].tolist() == ["placebo"]
    assert falls["printed"].tolist() == ["5, 3"]


@pytest.mark.parametrize(
    ("mean", "sd", "kind"),
    [("24.5", "9.0", "range"), ("25.0", "1.5", "range"), ("7.25", "1.0", None)],
)
def test_scales(tmp_path: Path, mean: str, sd: str, kind: str | None) -> None:
    outcomes = "outcome,label,unit,direction,minimum,maximum\nscore,Score,points,higher,5,25"
    summaries = f"outcome,arm,visit,mean,sd\nscore,placebo,end,{mean},{sd}\nscore,drug,end,15.0,2.0"
    found = write(tmp_path, outcomes=outcomes, summaries=summaries).findings
    contradictions = found[found["weight"] == CONTRADICTION]["kind"].tolist()
    assert contradictions == ([kind] if kind else [])


def test_integer_scores(tmp_path: Path) -> None:
    outcomes = (
        "outcome,label,unit,direction,minimum,maximum,items\nscore,Score,points,higher,5,25,5"
    )
    summaries = """outcome,arm,visit,mean,sd
    score,placebo,end,15.02,2.00
    score,drug,end,15.05,0.20"""
    found = write(tmp_path, outcomes=outcomes, summaries=summaries).findings
    grim = found[found["kind"] == "grim"]
    # 20 whole scores move the mean in steps of 0.05, so 15.02 is none of theirs. 22 of them can
    # have the mean 331/22 = 15.05, but then the least possible SD is 0.21.
    assert grim["arm"].tolist() == ["placebo", "drug"]
    assert grim["finding"].str.contains("(GRIM)", regex=False).tolist() == [True, False]
    assert grim["finding"].str.contains("(GRIMMER)", regex=False).tolist() == [False, True]


def test_reference_sd_marks_standard_errors(tmp_path: Path) -> None:
    summaries = LEVELS.replace("2.0", "0.44").replace("2.2", "0.47")
    result = write(
        tmp_path,
        summaries=summaries,
        external="outcome,estimate,ci_low,ci_high,scale,citation\nscore,2.1,1.9,2.3,sd,X2020",
    )
    found = result.findings[result.findings["kind"] == "dispersion"]
    assert found["arm"].tolist() == ["placebo", "drug"]
    assert found["finding"].str.contains("Read as a standard error").all()
    assert found["expected"].tolist() == ["SD 1.9 to 2.3"] * 2


@pytest.mark.parametrize("tail", ["greater", "less"])
def test_a_one_sided_test_of_counts(tmp_path: Path, tail: str) -> None:
    exact = stats.fisher_exact([[5, 15], [1, 21]], alternative=tail).pvalue
    result = write(
        tmp_path,
        summaries=LEVELS,
        adverse="""visit,reaction,arm,events
        end,rash,placebo,5
        end,rash,drug,1""",
        tests=f"""table,kind,outcome,arm,visit,test,p
        T,between,rash,,end,one-sided Fisher's exact test,{exact:.3f}""",
    )
    (row,) = result.tests.to_dict("records")
    assert row["verdict"] == REPRODUCED
    assert row["p_recomputed"] == pytest.approx(exact)


def test_mean_outside_the_scale() -> None:
    study = load_study("liu2025")
    table = study.table.copy(deep=True)
    table["mean"].loc[{"outcome": "act", "arm": "AIT", "visit": "week48"}] = 26.0
    found = audit(replace(study, table=table)).findings
    outside = found[(found["kind"] == "range") & (found["weight"] == CONTRADICTION)]
    assert outside["outcome"].tolist() == ["act"]
    assert outside["visit"].tolist() == ["week48"]


def test_claims(tmp_path: Path) -> None:
    adverse = """visit,reaction,arm,events,percent
    end,rash,placebo,5,25.0
    end,rash,drug,1,4.5"""
    claims = """where,refers_to,value,outcome,arm,visit,statistic
    text,right,42,,,,n
    text,wrong,21,,drug,,n
    text,more,23,,drug,,n
    text,right,10.5,score,placebo,end,mean
    text,right,11,score,placebo,end,mean
    text,right,10.48,score,placebo,end,mean
    text,wrong,10.3,score,placebo,end,mean
    text,wrong,10.7,score,placebo,end,mean
    text,right,2.4,score,drug,end,sd
    text,right,25,rash,placebo,end,percent
    text,wrong,6,rash,placebo,end,events
    text,right,increase,score,drug,end,direction
    text,wrong,decrease,score,drug,end,direction
    text,wrong,decrease,score,placebo,end,direction
    text,right,0.01,score,,end,p
    text,right,<0.05,score,,end,p
    text,wrong,0.02,score,,end,p
    text,right,0.20,score,drug,end,p
    text,right,significant,score,,end,significance
    text,wrong,significant,score,drug,end,significance
    text,unknown,0.5,score,placebo,end,p"""
    result = write(
        tmp_path,
        summaries=LEVELS,
        adverse=adverse,
        claims=claims,
        tests="""table,kind,outcome,arm,visit,p
        T,between,score,,end,*0.01
        T,within,score,drug,end,0.2""",
    )
    text = result.findings[result.findings["kind"] == "text"]
    wrong = [line.split(",")[2] for line in claims.splitlines() if ",wrong," in line]
    assert text[text["weight"] == CONTRADICTION]["printed"].tolist() == wrong
    assert text[text["weight"] == NOTE]["printed"].tolist() == ["0.5"]
    # more patients than the tables have may be those who were not analysed
    assert text[text["weight"] == UNUSUAL]["printed"].tolist() == ["23"]


GEOMETRIC = """outcome,arm,visit,statistic,n,mean,cv
score,placebo,start,geometric_mean,20,40.2,80
score,drug,start,geometric_mean,22,41.0,75
score,placebo,end,geometric_mean,20,38.5,82
score,drug,end,geometric_mean,22,25.3,70"""


def test_claims_on_geometric_means_are_held_against_the_printed_ones(tmp_path: Path) -> None:
    claims = """where,refers_to,value,outcome,arm,visit,statistic
    text,right,25.3,score,drug,end,mean
    text,right,25,score,drug,end,mean
    text,wrong,27.1,score,drug,end,mean
    text,right,decrease,score,drug,end,direction
    text,wrong,increase,score,drug,end,direction
    text,unknown,3.1,score,drug,end,sd"""
    text = write(tmp_path, summaries=GEOMETRIC, claims=claims).findings
    text = text[text["kind"] == "text"]
    contradicted = text[text["weight"] == CONTRADICTION]
    assert contradicted["printed"].tolist() == ["27.1", "increase"]
    assert contradicted["expected"].tolist() == ["25.3", "41.0 → 25.3"]
    assert text[text["weight"] == NOTE]["printed"].tolist() == ["3.1"]


def test_a_test_of_geometric_means_is_of_logarithms(tmp_path: Path) -> None:
    """Judged where it says so; held against nobody where it does not."""
    tests = """table,kind,outcome,arm,visit,test,p
    T,between,score,,end,t test of log-transformed values,0.83
    T,between,score,,end,Student t,0.83"""
    found = write(tmp_path, summaries=GEOMETRIC, tests=tests).tests
    assert found["verdict"].tolist() == [NOT_REPRODUCED, NOT_CHECKABLE]
    assert "the test of logarithms" in found["assumes"][0]
    assert "geometric means are printed" in found["explanation"][1]


def test_a_claim_disagrees_only_where_nothing_it_may_mean_agrees(tmp_path: Path) -> None:
    """Rounding hides a small change, drop-outs another, and a p may be of either visit."""
    claims = """where,refers_to,value,outcome,arm,visit,statistic
    text,hidden by rounding,increase,score,placebo,end,direction
    text,not significant?,no change,score,drug,end,direction
    text,either arm,0.02,score,,end,p
    text,either arm,significant,score,,end,significance
    text,neither,0.5,score,,end,p"""
    summaries = """outcome,arm,visit,n,mean,sd
    score,placebo,start,20,10.1,2.0
    score,placebo,end,20,10.0,2.1
    score,drug,start,22,10.2,2.4
    score,drug,end,22,12.4,2.4"""
    tests = """table,kind,outcome,arm,visit,p
    T,between,score,,start,0.90
    T,between,score,,end,0.02
    T,interaction,score,,end,0.30"""
    text = write(tmp_path, summaries=summaries, claims=claims, tests=tests).findings
    text = text[text["kind"] == "text"]
    assert text["printed"].tolist() == ["0.5", "no change"]
    assert text["weight"].tolist() == [CONTRADICTION, UNUSUAL]


def test_stars(tmp_path: Path) -> None:
    result = write(
        tmp_path,
        summaries=LEVELS,
        tests="""table,kind,outcome,arm,visit,p
        T,between,score,,start,*0.76
        T,between,score,,end,<0.01
        U,between,score,,end,<0.01""",
    )
    marks = result.findings[result.findings["kind"] == "text"]
    assert marks["printed"].tolist() == ["*0.76", "<0.01"]
    # A star declares significance: 0.76 starred, recomputed not significant.
    assert result.tests["significance_changes"].tolist() == [True, False, False]


def test_imbalance(tmp_path: Path) -> None:
    result = write(tmp_path, summaries=LEVELS.replace("10.2", "11.5"))
    imbalance = result.findings[result.findings["kind"] == "imbalance"]
    assert imbalance["outcome"].tolist() == ["score"]
    expected = 1.5 / np.sqrt((2.0**2 + 2.2**2) / 2)
    assert result.balance["standardised"].tolist() == pytest.approx([expected])
    assert "not randomised" not in imbalance["finding"].iloc[0]
    # sampling error: how often arms of 20 and 22 patients that are alike differ by as much
    error = np.sqrt(1 / 20 + 1 / 22)
    share = 2 * stats.norm.sf(expected / error)
    assert share == pytest.approx(0.02, abs=0.005)
    (finding,) = imbalance["finding"]
    assert finding == (
        "The arms differ at baseline by +0.71 SD in Score; between randomised arms it is sampling "
        f"error, and arms of this size differ by as much in {100 * share:.0f} % of studies."
    )


def test_an_imbalance_that_chance_hardly_gives(tmp_path: Path) -> None:
    result = write(tmp_path, summaries=LEVELS.replace("10.2", "13.5"))
    (finding,) = result.findings.loc[result.findings["kind"] == "imbalance", "finding"]
    assert finding.endswith("differ by as much in fewer than 1 % of studies.")


def test_an_imbalance_between_arms_that_were_not_randomised(tmp_path: Path) -> None:
    write(tmp_path, summaries=LEVELS.replace("10.2", "11.5"))
    cohort = audit(replace(load_study(tmp_path), randomised=False))
    (finding,) = cohort.findings.loc[cohort.findings["kind"] == "imbalance", "finding"]
    assert finding == (
        "The arms differ at baseline by +0.71 SD in Score; the study was not randomised."
    )
