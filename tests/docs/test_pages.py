"""The pages' commands, code and figures: run, parsed, or found where the page says they are."""

from __future__ import annotations

import doctest
import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer

from bayesasthma.commands.cli import app, main

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
#: A figure's evidence: the file that it stands in, and the words there.
EVIDENCE = re.compile(r"<!-- (?P<file>[\w./-]+): (?P<words>.*?) -->", re.DOTALL)
#: Commands that take no fit, or a finished one, and are run as they stand.
QUICK = ("audit", "prior", "tables", "study check", "study list")


def blocks(kind: str) -> list[tuple[str, str]]:
    """Page and text of each block of a kind."""
    return [
        (page.name, match["text"])
        for page in PAGES
        for match in BLOCK.finditer(page.read_text("utf-8"))
        if match["kind"] == kind
    ]


def commands() -> list[tuple[str, str]]:
    return [
        (page, line)
        for page, text in blocks("sh")
        if page != "tutorial.md"  # has a test of its own, which follows it
        for line in text.splitlines()
    ]


def parse(words: list[str]) -> None:
    """Parse a command's arguments as the command line does, without running it."""
    context = typer.main.get_command(app).make_context("bayesasthma", list(words))
    while hasattr(context.command, "resolve_command"):
        left = [*context._protected_args, *context.args]
        name, command, rest = context.command.resolve_command(context, left)
        context = command.make_context(name, rest, parent=context)


def test_there_are_commands_to_try() -> None:
    assert {page for page, _ in commands()} >= {"howto.md", "tables.md"}
    assert {page for page, _ in blocks("pycon")} >= {"howto.md", "benefit.md"}


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_command_is_one_that_there_is(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)
    assert words[0] == "bayesasthma", page
    parse(words[1:])


def test_a_command_that_there_is_not_is_noticed() -> None:
    with pytest.raises(typer._click.exceptions.UsageError):
        parse(["quote", "--nonsense", "3"])


@pytest.mark.parametrize(
    ("page", "line"), [item for item in commands() if item[1].split(" ", 1)[1].startswith(QUICK)]
)
def test_commands_without_a_fit_run_as_they_stand(
    page: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "reports" / "liu2025"
    run.mkdir(parents=True)
    for path in (ROOT / "reports" / "liu2025").iterdir():
        if path.suffix in {".csv", ".json"}:
            shutil.copy(path, run)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(shlex.split(line, comments=True)[1:])
    assert not caught.value.code, page


@pytest.mark.parametrize("page", sorted({page for page, _ in blocks("pycon")}))
def test_code_gives_what_the_page_shows(page: str) -> None:
    text = "\n".join(text for name, text in blocks("pycon") if name == page)
    example = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
    assert example.examples
    shown: list[str] = []
    runner = doctest.DocTestRunner(verbose=False)
    result = runner.run(example, out=shown.append)
    assert result.failed == 0, "".join(shown)


def words_of(path: Path) -> str:
    """Text of a file with ordinary blanks."""
    return path.read_text("utf-8").replace("\N{NO-BREAK SPACE}", " ")


def evidence() -> list[tuple[str, str, str]]:
    return [
        (page.name, match["file"], match["words"])
        for page in PAGES
        for match in EVIDENCE.finditer(page.read_text("utf-8"))
    ]


def test_every_figure_stands_where_the_page_says() -> None:
    """A renewed report or proof that says otherwise fails here: then mend the page."""
    found = evidence()
    assert {page for page, _, _ in found} >= {"faq.md", "benefit.md"}
    assert len(found) > 25
    missing = [
        f"{page}: {words!r} is not in {file}"
        for page, file, words in found
        if words not in words_of(ROOT / file)
    ]
    assert not missing, "\n".join(missing)


def test_the_figures_before_their_evidence_are_those_of_it() -> None:
    """The last figure of the sentence before a comment is one of the figures in it."""
    for page in PAGES:
        text = page.read_text("utf-8")
        for match in EVIDENCE.finditer(text):
            before = EVIDENCE.sub("", text[max(0, match.start() - 400) : match.start()])
            figures = re.findall(r"\d[\d,]*(?:\.\d+)?", before)
            assert figures, match["words"]
            assert figures[-1].replace(",", "") in match["words"].replace(",", ""), (
                page.name, figures[-1], match["words"],
            )  # fmt: skip
