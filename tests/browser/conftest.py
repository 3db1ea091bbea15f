"""A rendered report in Debian's Chromium: one page for all tests, with hostile labels in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from tests.made_up_fits import explorable_events, explorable_fit, table_fit

from bayesasthma.auditing import audit
from bayesasthma.comparison.posterior_beside_p import compare
from bayesasthma.inference.diagnostics import diagnostics_frame
from bayesasthma.reporting import write_report
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.results.adverse_table import adverse_effects
from bayesasthma.results.effect_table import effects
from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study

#: Executables that are Chromium, as distributions name it.
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
#: Short, for figures carry it too.
HOSTILE = "</script><img src=x onerror='hacked=1'>\"&"


@dataclass
class Heard:
    """What a page said and asked for."""

    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def hostile_study() -> Study:
    """Three outcomes of the bundled study, with labels that try to break out."""
    whole = load_study("liu2025")
    kept = ["act", "feno", "total_ige"]
    outcomes = whole.outcomes.loc[kept].copy()
    outcomes.loc["act", "label"] = f"Control {HOSTILE}"
    outcomes.loc["total_ige", "unit"] = "kU/L \u2028 <b>"
    arms = whole.arms.assign(label=["AIT <!--<script>", 'Omalizumab + AIT "><b>'])
    return replace(
        whole,
        outcomes=outcomes,
        arms=arms,
        table=whole.table.sel(outcome=kept),
        citation=f"Liu et al. {HOSTILE}",
    )


@pytest.fixture(scope="session")
def results() -> ReanalysisResults:
    """A report's results, made up: the draws of the longitudinal fit can be explored."""
    study = hostile_study()
    fits = [table_fit(study, "independent"), explorable_fit(study)]
    events = explorable_events(study)
    return ReanalysisResults(
        study=study,
        table_fits=fits,
        adverse_fits=list(events),
        effects=pd.concat([effects(fit) for fit in fits], ignore_index=True),
        adverse=pd.concat([adverse_effects(fit) for fit in events], ignore_index=True),
        comparison=compare(fits, audit=audit(study)),
        diagnostics=diagnostics_frame([fit.gate for fit in [*fits, *events]]),
        run={"seed": 1, "versions": {"numpy": np.__version__}, "checksums": study.checksums},
    )


@pytest.fixture(scope="session")
def address(results: ReanalysisResults, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the rendered report."""
    folder = tmp_path_factory.mktemp("report")
    write_report(results, folder)
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium. One that is missing is an error: these tests are skipped nowhere."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.fail(
            "no Chromium was found: install it ('apt-get install chromium' on Debian and Ubuntu), "
            "or run 'make test', which leaves the browser tests out"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def heard() -> Heard:
    """Filled by `page`; every test ends with none of either, checked there."""
    return Heard()


@pytest.fixture
def page(browser: Browser, address: str, heard: Heard) -> Iterator[Page]:
    """The report on a desktop; that it complains of nothing and asks for nothing is checked."""
    yield from opened(browser, address, heard)


def opened(browser: Browser, address: str, heard: Heard, **options: object) -> Iterator[Page]:
    """The report in a context of its own."""
    size = {"viewport": {"width": 1280, "height": 900}} | options
    context = browser.new_context(**size)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.on(
        "console",
        lambda message: (
            heard.complaints.append(message.text) if message.type in ("error", "warning") else None
        ),
    )
    page.on("pageerror", lambda error: heard.complaints.append(str(error)))
    page.on("request", lambda request: heard.requests.append(request.url))
    page.goto(address)
    yield page
    assert heard.complaints == []
    plain = address.partition("#")[0]
    asked = [url for url in heard.requests if not url.startswith(("data:", plain))]
    assert asked == []
    assert page.evaluate("window.hacked") is None
    context.close()


def screenshots() -> Path | None:
    """Where to keep pictures of the page, if anywhere."""
    import os

    folder = os.environ.get("BAYESASTHMA_SCREENSHOTS")
    return Path(folder) if folder else None
