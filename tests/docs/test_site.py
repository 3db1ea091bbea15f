"""The site: built without a warning, complete, and without any request."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import pytest
from mkdocs.exceptions import PluginError

import bayesasthma

ROOT = Path(__file__).parents[2]


class Addresses(HTMLParser):
    """What a page loads by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.loaded += [given[name] or "" for name in ("src", "srcset", "poster") if name in given]
        if tag == "link":
            self.loaded.append(given.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    return folder


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hooks", ROOT / "docs" / "site" / "hooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_page_is_there(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").is_file()
    for page in ("index", "calibration/index", "reports/liu2025/summary", "CHANGELOG"):
        assert (site / f"{page}.html").is_file()
    assert (site / "calibration" / "figures" / "reliability.png").is_file()


def test_no_page_loads_anything_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        text = page.read_text("utf-8")
        outside = [at for at in Addresses(text).loaded if re.match(r"(?:[a-z]+:)?//", at)]
        assert not outside, page
        assert "unpkg" not in text
    for sheet in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", sheet.read_text("utf-8"))


def test_formulas_are_drawn_without_a_script(site: Path) -> None:
    text = (site / "likelihood.html").read_text("utf-8")
    assert text.count("<math ") > 50
    for page in site.rglob("*.html"):
        assert "arithmatex" not in page.read_text("utf-8"), page


def test_every_public_name_is_explained(site: Path) -> None:
    text = (site / "api.html").read_text("utf-8")
    for name in bayesasthma.__all__:
        if name != "__version__":
            path = f"bayesasthma.{bayesasthma._EXPORTS[name]}"
            assert re.search(rf'id="{re.escape(path)}(?:\.\w+)?\.{name}"', text), name
    assert not re.search(r":(?:func|class):", text)


def test_a_page_can_be_searched_without_a_server(site: Path) -> None:
    assert "Wishart" in (site / "search" / "search_index.js").read_text("utf-8")
    text = (site / "index.html").read_text("utf-8")
    assert "site/javascripts/iframe-worker.js" in text
    assert (site / "site" / "javascripts" / "iframe-worker.js").is_file()


def test_links_hold_in_the_repository(hooks: ModuleType) -> None:
    pages = [ROOT / path for path in hooks.ELSEWHERE] + sorted((ROOT / "docs").glob("*.md"))
    found = 0
    for page in pages:
        found += len(hooks.linked(page.relative_to(ROOT).as_posix(), page.read_text("utf-8")))
    assert found > 40


def test_a_link_to_nothing_is_refused(hooks: ModuleType) -> None:
    with pytest.raises(
        PluginError, match=r"docs/faq\.md: the link to nothing\.md leads to no file"
    ):
        hooks.linked("docs/faq.md", "See [this](nothing.md).")
    assert hooks.linked("docs/faq.md", "`[code](nothing.md)` and [web](https://x.org)") == {}
    given = hooks.linked("docs/faq.md", "[proof](../calibration/README.md#made)")
    assert given == {"../calibration/README.md#made": "calibration/README.md"}
