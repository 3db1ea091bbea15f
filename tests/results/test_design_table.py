"""The table of new trials, from made-up draws; its section, figure and command."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests import bundles
from tests.made_up_fits import explorable_fit, table_fit

import bayesasthma as ba
from bayesasthma.commands.cli import main
from bayesasthma.errors import UsageError
from bayesasthma.inference.fitting import Fit
from bayesasthma.plots import assurance_curves
from bayesasthma.reporting.next_trial_section import (
    next_trial_drawings,
    next_trial_section,
    size_text,
)
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.results.assurance import NewTrial
from bayesasthma.results.design_table import COLUMNS, MANY_SIZES, SIZES, findings, next_trial
from bayesasthma.results.effect_table import effects


@pytest.fixture(scope="module")
def fit() -> Fit:
    study = ba.load_study("liu2025")
    kept = ["act", "feno", "total_ige"]
    return explorable_fit(
        replace(study, outcomes=study.outcomes.loc[kept], table=study.table.sel(outcome=kept)),
        draws=250,
    )


def test_rows(fit: Fit) -> None:
    table = next_trial(fit)
    assert list(table.columns) == COLUMNS
    assert set(table["outcome"]) == {"act", "feno"}  # IgE has nothing to confirm
    assert len(table) == 2 * len(SIZES)
    assert set(table["visit"]) == {"week48"}
    plain = effects(fit, estimands=["adjusted_difference"]).set_index(["outcome", "visit"])
    for row in table.itertuples():
        assert row.limit == plain.loc[(row.outcome, "week48"), "p_benefit"]
        assert row.assurance <= row.limit + 1e-9
        assert row.assurance_sceptical <= row.assurance + 1e-9


def test_assurance_is_the_mean_power_over_draws(fit: Fit) -> None:
    (finding,) = findings(fit, "act")
    trial = NewTrial(100)
    error = finding.sd * trial.unit_error
    exact = stats.nct.sf(trial.critical, trial.freedom, finding.benefit / error).mean()
    row = next_trial(fit, outcome="act", n=[100]).iloc[0]
    assert row["assurance"] == pytest.approx(exact, abs=1e-3)
    mean, sd = finding.benefit.mean(), np.sqrt(np.mean(finding.sd**2))
    at_mean = stats.nct.sf(trial.critical, trial.freedom, mean / (sd * trial.unit_error))
    assert row["power_at_mean"] == pytest.approx(at_mean, abs=1e-3)
    assert 0 < row["assurance_mcse"] < 0.02


def test_sd_of_a_patient_about_the_regression(fit: Fit) -> None:
    """Equal SDs in both arms and at both visits would give s sqrt(1 - r^2)."""
    (finding,) = findings(fit, "act")
    moments = fit.moments.sel(outcome="act")
    sd = moments["sd"].sel(visit=["baseline", "week48"])
    rho = float(moments["correlation"].sel(visit="week48", visit_b="baseline").mean())
    assert finding.correlation == pytest.approx(rho)
    expected = np.sqrt((sd.sel(visit="week48") ** 2).mean("arm") * (1 - rho**2))
    assert finding.sd.mean() == pytest.approx(float(expected.mean()), rel=0.05)
    assert (finding.sd <= np.sqrt((sd.sel(visit="week48") ** 2).mean("arm")).to_numpy()).all()


def test_a_margin_makes_success_likelier(fit: Fit) -> None:
    plain, margin = (next_trial(fit, outcome="act", margin=m) for m in (0.0, 1.0))
    assert (margin["assurance"] > plain["assurance"]).all()
    (finding,) = findings(fit, "act")
    assert margin["limit"].iloc[0] == pytest.approx(np.mean(finding.benefit > -1.0))
    assert margin["n_80"].iloc[0] < plain["n_80"].iloc[0]


def test_without_a_baseline_it_is_a_t_test(tmp_path: Path) -> None:
    study = ba.load_study(bundles.one_visit(tmp_path / "one"))
    fit = table_fit(study, "independent")
    table = next_trial(fit, n=[40])
    assert set(table["analysis"]) == {"t test"}
    (finding,) = findings(fit)
    sd = fit.moments["sd"].isel(outcome=0, visit=0).transpose("chain", "draw", "arm").to_numpy()
    np.testing.assert_allclose(finding.sd, np.hypot(sd[..., 0], sd[..., 1]) / np.sqrt(2))
    assert table["correlation"].isna().all()


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"outcome": "acq"}, "no outcome 'acq'"),
        ({"outcome": "total_ige"}, "no direction of 'total_ige'"),
        ({"visit": "baseline"}, "no visit 'baseline' after the baseline"),
        ({"n": [3]}, "from 4 to 100000"),
        ({"n": []}, "at least one number"),
        ({"margin": -1.0}, "a number of at least 0"),
        ({"level": 1.0}, "a probability between 0 and 1"),
    ],
)
def test_what_is_no_trial(fit: Fit, asked: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        next_trial(fit, **asked)  # type: ignore[arg-type]


def test_the_section_has_every_finding(fit: Fit) -> None:
    table = next_trial(fit, n=MANY_SIZES)
    nothing = [pd.DataFrame() for _ in range(4)]
    results = ReanalysisResults(fit.study, [fit], [], *nothing, next_trial=table)
    (part,) = next_trial_section(results)
    assert [row[0] for row in part.rows] == ["ACT, 48 weeks", "FeNO, 48 weeks"]
    assert part.sizes == ["50", "100", "200"]
    assert all(len(row) == 7 for row in part.rows)
    (drawing,) = next_trial_drawings(results)
    assert drawing.section == "next_trial"
    assert next_trial_section(replace(results, next_trial=pd.DataFrame())) == []
    assert next_trial_drawings(replace(results, next_trial=pd.DataFrame())) == []


def test_patients_in_words() -> None:
    assert [size_text(n) for n in (47.0, np.inf, np.nan)] == ["47", "never", "> 100,000"]


def test_figure(fit: Fit) -> None:
    for narrow in (False, True):
        figure = assurance_curves(fit.study, next_trial(fit, n=MANY_SIZES), narrow=narrow)
        assert len(figure.axes) == 2
        for axis in figure.axes:
            curves = [line for line in axis.lines if len(np.asarray(line.get_xdata())) > 10]
            assert all(len(np.asarray(line.get_xdata())) == len(MANY_SIZES) for line in curves)
            assert len(curves) == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--margin", "1"], "name it with --outcome"),
        (["--n", "50,x"], "whole numbers of patients"),
        (["--n", "2"], "from 4 to 100000"),
        (["--outcome", "act", "--visit", "never"], "no visit 'never'"),
    ],
)
def test_the_command_refuses_before_it_fits(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["design", "liu2025", *options, "--out", str(tmp_path / "out")])
    assert ending.value.code == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out" / "posterior").exists()
