"""What a file of priors is read as: its source, formula, components and bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from bayesasthma.errors import UsageError
from bayesasthma.priors.distributions import Component, EffectPrior, PriorSet
from bayesasthma.priors.named_sets import prior_set

HEAD = 'name = "mine"\njustification = "Agreed on."\n'
EFFECT = "[effect]\nlocation = 0.0\nscale = 0.3\n"


def read(folder: Path, text: str) -> PriorSet:
    path = folder / "mine.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return prior_set(str(path))


@pytest.mark.parametrize(
    ("line", "source"), [('source = "A meeting."\n', "A meeting."), ("", "mine.toml")]
)
def test_the_source_is_what_the_file_says_or_its_name(
    tmp_path: Path, line: str, source: str
) -> None:
    assert read(tmp_path, line + EFFECT).source == source


@pytest.mark.parametrize(
    ("text", "formula"),
    [
        (
            "[log_odds_ratio]\nlocation = -0.5\nscale = 0.7\n",
            "benefit ~ Normal(0, 2^2) baseline SDs; log OR ~ Normal(-0.5, 0.7^2)",
        ),
        (
            EFFECT + "[reaction.local]\nlocation = 0.0\nscale = 1.0\n",
            (
                "benefit ~ Normal(0, 0.3^2) baseline SDs; log OR ~ Normal(0, 1.5^2); "
                "log OR of local ~ Normal(0, 1^2)"
            ),
        ),
        (
            "[outcome.act]\nlocation = 1.0\nscale = 2.0\ndf = 0.5\nunit = 'outcome'\n",
            (
                "benefit ~ Normal(0, 2^2) baseline SDs; "
                "benefit of act ~ t(1, 2, df 0.5) outcome units; log OR ~ Normal(0, 1.5^2)"
            ),
        ),
        (
            (
                "[[effect.component]]\nweight = 0.25\nlocation = 0.0\nscale = 0.1\n"
                "[[effect.component]]\nweight = 0.75\nlocation = 1.0\nscale = 0.5\ndf = 3\n"
            ),
            (
                "benefit ~ 0.25 Normal(0, 0.1^2) + 0.75 t(1, 0.5, df 3) baseline SDs; "
                "log OR ~ Normal(0, 1.5^2)"
            ),
        ),
    ],
    ids=["ratio alone", "a reaction", "an outcome", "a mixture"],
)
def test_the_formula_says_each_prior(tmp_path: Path, text: str, formula: str) -> None:
    assert read(tmp_path, text).formula == formula


@pytest.mark.parametrize(
    "parts",
    [
        "component = 3\n",
        "[[effect.component]]\nweight = 1.0\nlocation = 0.0\nscale = 0.1\n",
    ],
)
def test_a_mixture_has_two_components(tmp_path: Path, parts: str) -> None:
    text = parts if parts.startswith("[[") else "[effect]\n" + parts
    with pytest.raises(UsageError, match="expected 2 tables"):
        read(tmp_path, text)


def test_a_location_is_finite_though_degrees_of_freedom_need_not_be(tmp_path: Path) -> None:
    assert read(tmp_path, EFFECT + "df = inf\n").effects[0].prior.is_normal
    with pytest.raises(UsageError, match="location = inf: expected a number"):
        read(tmp_path, EFFECT.replace("location = 0.0", "location = inf"))


@pytest.mark.parametrize("weights", [(), (0.5,), (0.5, 0.4), (0.5, 0.3, 0.2)])
def test_weights_of_one_or_two_components_sum_to_1(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        EffectPrior(tuple(Component(0.0, 1.0, weight=weight) for weight in weights))


def test_the_other_trial_may_have_all_the_weight() -> None:
    assert prior_set("external:1").external_weight == 1
    assert prior_set("external:0").external_weight == 0
    with pytest.raises(UsageError, match="between 0 and 1"):
        prior_set("external:1.01")
