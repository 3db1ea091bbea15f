"""The explorer in a browser: what the functions behind the command say, and usable by anyone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

import numpy as np
import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from tests.browser.conftest import HOSTILE, Heard, opened, screenshots

from bayesasthma.comparison.normal_prior import NormalPrior, parse_normal
from bayesasthma.comparison.reader_quotes import statement
from bayesasthma.comparison.reweighting import Quantity, answer
from bayesasthma.reporting.explorer_entries import Entry, event_entries, outcome_entries
from bayesasthma.reporting.results import ReanalysisResults

NO_CURVE = "no specification curve has been run"
STATES = 50
WRONG = "A prior needs a centre, and an SD above 0."
SET = """hash => new Promise(done => {
  addEventListener("hashchange", () => setTimeout(done), { once: true });
  location.hash = hash;
})"""


@dataclass(frozen=True)
class State:
    """What a reader has chosen."""

    entry: Entry
    index: int
    prior: NormalPrior | None
    threshold: float | str

    @property
    def quantity(self) -> Quantity:
        return self.entry.quantities[self.index]

    @property
    def hash(self) -> str:
        own = {"outcome": self.entry.id, "arm": self.quantity.arm, "visit": self.quantity.visit}
        own["effect"] = self.quantity.estimand
        if self.prior is not None:
            own["prior"] = f"normal({self.prior.location:.6g},{self.prior.scale:.6g})"
        if self.threshold != "mcid":
            own["threshold"] = f"{self.threshold:.6g}"
        return f"explorer?{urlencode(own)}"


def six(value: float) -> float:
    """As the page reads a number."""
    return float(f"{value:.6g}")


@pytest.fixture(scope="module")
def entries(results: ReanalysisResults) -> list[Entry]:
    curve = f"{NO_CURVE}"
    return [*outcome_entries(results, curve), *event_entries(results, curve)]


def random_state(entries: list[Entry], rng: np.random.Generator) -> State:
    entry = entries[rng.integers(len(entries))]
    index = int(rng.integers(len(entry.quantities)))
    kind = rng.choice(["report", "preset", "own"], p=[0.1, 0.3, 0.6])
    prior = None
    if kind == "preset":
        prior = entry.presets[rng.integers(len(entry.presets))].prior
    elif kind == "own":
        scale = entry.subject.scale * np.exp(rng.uniform(-2.3, 0.7))
        prior = NormalPrior(six(scale * rng.normal(0, 0.5)), six(scale))
    threshold: float | str = "mcid"
    if rng.random() < 0.7:
        spread = float(np.std(entry.subject.values(entry.quantities[index])))
        threshold = six(spread * rng.uniform(0.1, 4))
    return State(entry, index, prior, threshold)


def test_it_says_what_the_command_says_in_random_states(page: Page, entries: list[Entry]) -> None:
    rng = np.random.default_rng(20250711)
    quoted = refused = 0
    for number in range(STATES):
        state = random_state(entries, rng)
        page.evaluate(SET, f"{state.hash}&n={number}")
        own = answer(state.entry.subject, state.quantity, state.prior, state.threshold)
        if own.reliable:
            words = state.entry.words[state.index]
            said = statement(words, state.quantity, own, state.prior, state.threshold)
            assert page.locator("#x-quote").text_content() == said
            expect(page.locator("#x-refusal")).to_be_hidden()
            quoted += 1
        else:
            refusal = page.locator("#x-refusal").text_content() or ""
            assert "do not reach this prior" in refusal
            assert f"{own.ess:.0f} effective draws" in refusal
            expect(page.locator("#x-quote")).to_be_hidden()
            refused += 1
        command = page.locator("#x-command").text_content() or ""
        assert command.startswith("bayesasthma quote liu2025 --outcome ")
        if state.prior is None:
            assert "--prior" not in command
        else:
            typed = command.partition('--prior "')[2].rstrip('"')
            assert parse_normal(typed) == state.prior
    assert quoted > 25
    assert refused > 3


def test_choices_move_the_posterior_and_are_kept_in_the_address(page: Page) -> None:
    before = page.locator("#x-effect").text_content()
    curve = page.locator("#x-plot .x-posterior").get_attribute("d")
    page.locator("#x-location").fill("-1")
    page.locator("#x-scale").fill("2.5")
    expect(page.locator("#x-effect")).not_to_have_text(before or "")
    assert page.locator("#x-plot .x-posterior").get_attribute("d") != curve
    assert page.locator("#x-preset").input_value() == "own"
    expect(page).to_have_url(re.compile(re.escape("normal%28-1%2C2.5%29")))
    said = page.locator("#x-quote").text_content()
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator("#x-quote")).to_have_text(said or "")


def test_presets_and_the_report_s_own_prior(page: Page) -> None:
    reported = page.locator("#x-quote").text_content() or ""
    assert "prior weak," in reported
    page.locator("#x-preset").select_option(label="sceptical")
    assert "by reweighting draws under weak" in (page.locator("#x-quote").text_content() or "")
    assert "Worth" in (page.locator("#x-worth").text_content() or "")
    page.locator("#x-preset").select_option("report")
    assert page.locator("#x-quote").text_content() == reported


def test_a_prior_that_makes_no_sense_is_told(page: Page) -> None:
    for wrong in ("0", "-1", ""):
        page.locator("#x-scale").fill(wrong)
        expect(page.locator("#x-refusal")).to_have_text(
            "A prior needs a centre, and an SD above 0."
        )
        expect(page.locator("#x-quote")).to_be_hidden()
    page.locator("#x-scale").fill("3")
    expect(page.locator("#x-refusal")).to_be_hidden()


@pytest.mark.parametrize(
    "wrong",
    [
        "outcome=nothing&visit=never",
        "outcome=act&prior=normal(0,-1)",
        "outcome=act&prior=<script>&threshold=-3",
        "outcome=feno&visit=week48&effect=change&threshold=1e999&prior=normal(0,1",
    ],
)
def test_a_faulty_address_is_no_error(page: Page, wrong: str) -> None:
    page.evaluate(SET, f"explorer?{wrong}")
    assert "prior weak," in (page.locator("#x-quote").text_content() or "")


def test_labels_are_text(page: Page) -> None:
    first = page.locator("#x-entry option").first.text_content()
    assert first == f"Control {HOSTILE}"
    assert HOSTILE in (page.locator("#x-quote").text_content() or "")
    assert page.locator("#explorer img").count() == 0


def test_it_is_usable_by_keyboard_alone(page: Page) -> None:
    page.locator("#x-entry").focus()
    reached = []
    for _ in range(14):
        reached.append(page.evaluate("document.activeElement.id"))
        page.keyboard.press("Tab")
    for name in ("entry", "visit", "estimand", "preset", "location", "scale", "slider", "mcid",
                 "copy", "copy-link", "command"):  # fmt: skip
        assert f"x-{name}" in reached
    page.locator("#x-slider").focus()
    before = page.locator("#x-beyond").text_content()
    for _ in range(25):
        page.keyboard.press("ArrowLeft")
    expect(page.locator("#x-beyond")).not_to_have_text(before or "")
    assert (page.locator("#x-slider").get_attribute("aria-valuetext") or "").endswith("points")
    page.locator("#x-copy").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#x-copied")).to_have_text("Statement copied.")


def violations(page: Page) -> list[str]:
    """What axe-core finds in the explorer."""
    found = Axe().run(page, context="#explorer")
    return [
        f"{rule['id']}: {', '.join(str(node['target']) for node in rule['nodes'])}"
        for rule in found["violations"]
    ]


@pytest.fixture(params=["desktop", "dark", "phone", "phone in the dark"])
def anywhere(
    request: pytest.FixtureRequest, browser: Browser, address: str, heard: Heard
) -> Iterator[Page]:
    options: dict[str, object] = {}
    if "dark" in request.param:
        options["color_scheme"] = "dark"
    if "phone" in request.param:
        options |= {"viewport": {"width": 360, "height": 740}, "has_touch": True}
    for page in opened(browser, address, heard, **options):
        if (folder := screenshots()) is not None:
            name = request.param.replace(" ", "-")
            page.locator("#explorer").screenshot(path=folder / f"explorer-{name}.png")
        yield page


def test_no_barrier_that_axe_core_knows(anywhere: Page) -> None:
    assert violations(anywhere) == []
    anywhere.evaluate(SET, "explorer?outcome=act&visit=week48&prior=normal(-9,0.2)")
    expect(anywhere.locator("#x-refusal")).to_be_visible()
    assert violations(anywhere) == []


def test_nothing_is_wider_than_the_screen(anywhere: Page) -> None:
    wide = anywhere.evaluate(
        """() => [...document.querySelectorAll("#explorer *")].filter(own => {
          const box = own.getBoundingClientRect();
          return box.width && box.right > document.documentElement.clientWidth + 1;
        }).map(own => own.id || own.tagName)"""
    )
    assert wide == []


def test_on_paper_the_answer_stands_without_the_controls(page: Page) -> None:
    page.emulate_media(media="print")
    for name in ("entry", "scale", "slider", "copy"):
        expect(page.locator(f"#x-{name}")).to_be_hidden()
    for name in ("effect", "plot", "quote", "command"):
        expect(page.locator(f"#x-{name}")).to_be_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")
    if (folder := screenshots()) is not None:
        page.locator("#explorer").screenshot(path=folder / "explorer-print.png")
