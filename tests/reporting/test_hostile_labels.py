"""Labels that are formulas, tags or markup elsewhere are labels here."""

from __future__ import annotations

import re
from dataclasses import replace

import matplotlib as mpl
import pytest

import bayesasthma as ba
from bayesasthma.plots.style import STYLE, blank
from bayesasthma.reporting.writing import inert_markdown, page_environment

HOSTILE = r"$\frac{x}{$"


def test_a_label_with_dollar_signs_is_drawn_as_it_is() -> None:
    """Without the setting matplotlib raises: the text is no formula that it can read."""
    with mpl.rc_context(STYLE):
        figure = blank(3, 2)
        figure.subplots().set_title(HOSTILE)
        figure.canvas.draw()
    with mpl.rc_context({**STYLE, "text.parse_math": True}):
        figure = blank(3, 2)
        figure.subplots().set_title(HOSTILE)
        with pytest.raises(ValueError, match="frac"):
            figure.canvas.draw()


def test_figures_of_a_study_with_hostile_labels() -> None:
    from tests.made_up_fits import table_fit

    from bayesasthma.plots import style
    from bayesasthma.plots.trajectories import trajectories

    study = ba.load_study("liu2025")
    outcomes, arms = study.outcomes.copy(), study.arms.copy()
    outcomes["label"] = [f"{HOSTILE} {i}" for i in range(len(outcomes))]
    arms["label"] = [f"{HOSTILE} {i}" for i in range(len(arms))]
    fit = table_fit(replace(study, outcomes=outcomes, arms=arms))
    assert style.arm_name(fit.study, fit.study.control).startswith("$")
    trajectories(fit).canvas.draw()


def test_the_summary_has_no_html_of_a_label() -> None:
    assert inert_markdown("<script>x</script> <0.01 < 3") == "&lt;script>x&lt;/script> <0.01 < 3"
    assert inert_markdown("![a](http://x)") == "![a]\\(http://x)"
    assert inert_markdown(3) == 3
    plain = page_environment().overlay(autoescape=False)  # as for every file but HTML
    plain.finalize = inert_markdown
    assert plain.from_string("{{ x }}").render(x="<b>") == "&lt;b>"


def test_no_template_writes_an_attribute_within_an_expression() -> None:
    """Expressions are escaped: a class written in one has quotes in its name, and no style."""
    from bayesasthma.reporting.writing import TEMPLATES

    for template in TEMPLATES.iterdir():
        if template.name.endswith(".html.j2"):
            found = re.findall(r"\{\{[^}]*' \w+=\"[^}]*\}\}", template.read_text(encoding="utf-8"))
            assert not found, f"{template.name}: {found}"
