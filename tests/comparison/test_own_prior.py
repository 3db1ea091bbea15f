"""Quotes under a reader's own prior: by the draws there are, or by a refit."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from tests.made_up_fits import explorable_events, explorable_fit

from bayesasthma.comparison.normal_prior import NormalPrior
from bayesasthma.comparison.own_prior import (
    COLUMNS,
    event_prior_file,
    prior_set_of,
    quote_events_under,
    quote_outcomes,
)
from bayesasthma.comparison.quotes import quote
from bayesasthma.errors import GateError, UsageError
from bayesasthma.inference.fitting import Fit
from bayesasthma.models.specification import TableSpec, table_spec
from bayesasthma.priors.distributions import EffectPrior
from bayesasthma.priors.named_sets import prior_set
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study

SPEC = table_spec("longitudinal")


@pytest.fixture(scope="module")
def study() -> Study:
    whole = load_study("liu2025")
    kept = ["act", "feno", "total_ige"]
    return replace(whole, outcomes=whole.outcomes.loc[kept], table=whole.table.sel(outcome=kept))


@pytest.fixture(scope="module")
def fit(study: Study) -> Fit:
    return explorable_fit(study)


def one(table: pd.DataFrame) -> str:
    (text,) = table["statement"]
    return str(text)


def test_a_statement_says_whose_prior_it_was_and_how(fit: Fit) -> None:
    found = quote_outcomes(fit, NormalPrior(0.0, 4.0), ["act"], spec=SPEC)
    assert list(found.columns) == COLUMNS
    text = one(found)
    assert "prior Normal(0, 4^2) of the benefit at each follow-up visit, in points" in text
    assert "by reweighting draws under weak, baseline means of the arms free" in text
    assert re.search(r"P\(benefit > 3 points\) 0\.\d+; P\(\|effect\| < 3 points\) 0\.\d+", text)
    assert found["method"].tolist() == ["reweighted"]
    assert found["prior"].tolist() == ["normal(0, 4)"]
    assert found["effective_draws"].item() > 400


def test_the_fitted_prior_gives_the_plain_quote_s_numbers(fit: Fit) -> None:
    """All draws weigh the same: estimate and interval to the digit, and probabilities as well."""
    scale = 2.0
    for outcome in ("act", "feno", "total_ige"):
        plain = one(quote(fit, outcome))
        own = one(quote_outcomes(fit, NormalPrior(0.0, scale, "sd"), [outcome], spec=SPEC))
        head = plain.partition(" (model ")[0]
        assert own.partition(" (model ")[0] == head


def test_visit_estimand_and_threshold_are_those_asked_for(fit: Fit) -> None:
    found = quote_outcomes(
        fit, NormalPrior(0.0, 0.9, "sd"), ["act"], spec=SPEC, visit="week12",
        estimand="difference_in_change", threshold=1.5,
    )  # fmt: skip
    assert found[["visit", "estimand"]].to_numpy().tolist() == [["week12", "difference_in_change"]]
    assert "difference in change from baseline" in one(found)
    assert "P(benefit > 1.5 points)" in one(found)
    for asked, said in (
        ({"visit": "week3"}, "no visit 'week3'"),
        ({"estimand": "share_improved"}, "cannot be put to 'share_improved'"),
        ({"threshold": -1.0}, "a number above 0"),
    ):
        with pytest.raises(UsageError, match=re.escape(said)):
            quote_outcomes(fit, NormalPrior(0.0, 4.0), ["act"], spec=SPEC, **asked)


def test_where_the_draws_do_not_reach_it_asks_for_a_refit(fit: Fit) -> None:
    narrow = NormalPrior(-4.0, 0.5)
    with pytest.raises(UsageError, match="it takes a refit"):
        quote_outcomes(fit, narrow, ["act"], spec=SPEC)
    asked: list[tuple[str, TableSpec]] = []

    def refit(name: str, spec: TableSpec) -> Fit:
        asked.append((name, spec))
        return replace(fit, prior="reader")

    found = quote_outcomes(fit, narrow, ["act"], spec=SPEC, refit=refit)
    assert found["method"].tolist() == ["refitted"]
    assert "by reweighting" not in one(found)
    assert "prior Normal(-4, 0.5^2) of the benefit" in one(found)
    ((name, spec),) = asked
    assert name == "act"
    own = spec.prior.effect(0.1, "act", unit=4.0)
    assert own == EffectPrior.normal(-1.0, 0.125)  # baseline SDs
    assert spec.prior.effect(0.1, "feno") == prior_set("weak").effect(0.1, "feno")


def test_a_fit_that_fails_is_not_quoted_unless_asked(fit: Fit) -> None:
    tree = fit.data.copy()
    stats = tree["sample_stats"].to_dataset()
    tree["sample_stats"] = stats.assign(diverging=stats["diverging"] | True)
    failing = replace(fit, data=tree)
    with pytest.raises(GateError):
        quote_outcomes(failing, NormalPrior(0.0, 4.0), ["act"], spec=SPEC)
    found = quote_outcomes(failing, NormalPrior(0.0, 4.0), ["act"], spec=SPEC, despite_gate=True)
    assert "The fit FAILS its diagnostics gate" in one(found)


def test_events_are_quoted_by_their_risk_difference(study: Study) -> None:
    fits = explorable_events(study)
    found = quote_events_under(fits, NormalPrior(0.0, 1.0), ["local"], threshold=0.05)
    assert len(found) == 2  # readings
    for text in found["statement"]:
        assert text.startswith("Local, 48 weeks, ")
        assert "percentage points (95 % CrI" in text
        assert "P(benefit: fewer)" in text
        assert "P(benefit > 5 percentage points)" in text
        assert "prior Normal(0, 1^2) of the log odds ratio of each event" in text
    with pytest.raises(UsageError, match="lies between 0 and 1"):
        quote_events_under(fits, NormalPrior(0.0, 1.0), ["local"], threshold=5.0)


def test_a_prior_of_events_is_the_same_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "reader.toml"
    path.write_text(event_prior_file(NormalPrior(-0.4, 0.355)), encoding="utf-8")
    # the package's own sign: minus the log odds ratio
    assert prior_set(path).log_odds("local") == EffectPrior.normal(0.4, 0.355)


def test_a_set_of_the_reader_replaces_what_was_said_of_the_outcome() -> None:
    first = prior_set_of(NormalPrior(1.0, 2.0), prior_set("external"), "act")
    second = prior_set_of(NormalPrior(0.0, 1.0, "mcid"), first, "act")
    assert second.effect(0.5, "act") == EffectPrior.normal(0.0, 0.5)
    assert second.family == "normal"
