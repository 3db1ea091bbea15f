"""What the site needs beyond Markdown: pages from elsewhere in the repository, links, formulas."""

from __future__ import annotations

import posixpath
import re
from html import unescape
from pathlib import Path
from typing import TYPE_CHECKING

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
#: Pages of the site that lie outside ``docs/``; the README is its first page.
ELSEWHERE = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "calibration/README.md",
    "reports/liu2025/summary.md",
)
FENCE = re.compile(r"^( *)(`{3,}|~{3,}).*?^\1\2 *$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
#: A link or an image: text, target, title.
LINK = re.compile(r"(!?\[(?:[^\[\]]|\[[^\]]*\])*\])\(([^()\s]+)((?:\s+\"[^\"]*\")?)\)")
MATH = re.compile(
    r'<(?P<tag>span|div) class="arithmatex">\\(?P<open>[(\[])(?P<tex>.*?)\\[)\]]</(?P=tag)>',
    re.DOTALL,
)


def site_path(path: str) -> str:
    """Where a file of the repository stands on the site."""
    if path == "README.md":
        return "index.md"
    return path.removeprefix("docs/")


def repository_path(site: str) -> str:
    """Where a file of the site stands in the repository."""
    if site == "index.md":
        return "README.md"
    return site if site in ELSEWHERE or not (ROOT / "docs" / site).exists() else f"docs/{site}"


def linked(path: str, text: str) -> dict[str, str]:
    """By target of a relative link, as written, the file of the repository that it names."""
    found = {}
    for match in LINK.finditer(without_code(text)):
        target = match[2].partition("#")[0]
        if not target or re.match(r"[a-z]+:", target):
            continue
        file = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
        if file.startswith("../") or not (ROOT / file).is_file():
            raise PluginError(f"{path}: the link to {match[2]} leads to no file")
        found[match[2]] = file
    return found


def without_code(text: str) -> str:
    """Markdown with its code blanked out, every other character where it was."""
    blank = lambda found: re.sub(r"\S", " ", found[0])  # noqa: E731
    return CODE.sub(blank, FENCE.sub(blank, text))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages from elsewhere, and every file that a page links to."""
    for path in ELSEWHERE:
        _add(files, config, path)
    for page in list(files.documentation_pages()):
        path = repository_path(page.src_uri)
        for file in linked(path, page.content_string).values():
            if files.get_file_from_path(site_path(file)) is None:
                if file.endswith(".md"):
                    raise PluginError(f"{path}: links to {file}, which is no page of the site")
                _add(files, config, file)
    return files


def _add(files: Files, config: MkDocsConfig, path: str) -> None:
    files.append(File.generated(config, site_path(path), abs_src_path=str(ROOT / path)))


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links that hold in the repository into links that hold on the site."""
    del config, files
    site = page.file.src_uri
    targets = linked(repository_path(site), markdown)
    shown = without_code(markdown)
    parts, at = [], 0
    for match in LINK.finditer(shown):
        if match[2] in targets:
            start, end = match.span(2)
            anchor = match[2].partition("#")[2]
            there = posixpath.relpath(site_path(targets[match[2]]), posixpath.dirname(site) or ".")
            parts += [markdown[at:start], there + (f"#{anchor}" if anchor else "")]
            at = end
    return "".join([*parts, markdown[at:]])


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn formulas into MathML, which browsers draw by themselves, and roles into plain code."""
    del config, files

    def drawn(match: re.Match[str]) -> str:
        display = "block" if match["open"] == "[" else "inline"
        try:
            made = convert(unescape(match["tex"]).strip(), display=display)
        except Exception as error:
            raise PluginError(f"{page.file.src_uri}: {match['tex']!r}: {error}") from error
        # the converter's tilde is a letter, without the room that a relation has
        return str(made).replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")

    return re.sub(r":(?:func|class|meth|mod|attr):(?=<code)", "", MATH.sub(drawn, html))
