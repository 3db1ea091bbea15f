"""One bundle with hostile text in every label, through every output; reruns by another clock."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import re
import shutil
import time
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from tests.bundles import write_rows

import bayesasthma.reporting.reanalysis as main_job
from bayesasthma._files.output import PLAIN_NUMBER
from bayesasthma.commands.cli import main
from bayesasthma.errors import StudyError
from bayesasthma.inference.sampling import SamplerOptions
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.writing import TEMPLATES
from bayesasthma.study.bundle import load_study

pytestmark = pytest.mark.slow

FEW = SamplerOptions(draws=50, tune=100, chains=2, seed=3)
OPTIONS = ["--draws", "50", "--tune", "100", "--chains", "2", "--seed", "3"]
ARMS = ("Usual <script>alert('arm')</script>", "=cmd|' /C calc'!A0 & **bold**")
VISITS = ("[red]start[/red]", r"$\frac{x}{$ _12_ {{ 7*7 }}")
LABELS = (r"$\frac{x}{$ <img src=x onerror=alert(1)>", "[Score](http://x.example) `a` |b")
UNITS = ("[/] <u>", "+SUM(1) %")
REACTION = "-1+1|<u>rash</u>"
TITLE = "# <script>alert('title')</script> ![pic](http://x.example/a.png)"


def hostile_bundle(folder: Path) -> Path:
    """Two arms, a baseline and a visit, two outcomes, a reaction and p-values."""
    folder.mkdir()
    arms = "".join(
        f"[[arms]]\nid = '{id_}'\nlabel = '''{label}'''\nrole = '{role}'\nn = {n}\n"
        for id_, label, role, n in (
            ("+a", ARMS[0], "control", 18), ("b<b>", ARMS[1], "treatment", 19),
        )
    )  # fmt: skip
    visits = "".join(
        f"[[visits]]\nid = '{id_}'\nlabel = '''{label}'''\nweek = {week}\nbaseline = {base}\n"
        for id_, label, week, base in (
            ("v$0", VISITS[0], 0, "true"), ("[v1]", VISITS[1], 12, "false"),
        )
    )  # fmt: skip
    (folder / "study.toml").write_text(
        f'title = """{TITLE}"""\ncitation = \'=HYPERLINK("http://x.example") <u>2000</u>\'\n'
        f"design = 'Simulated {{% raw %}} <u>'\nrandomised = false\n{arms}{visits}",
        encoding="utf-8",
    )
    outcomes = [
        ("=o1", LABELS[0], UNITS[0], "@domain <u>", "higher", "3", "absolute", "=source <u>"),
        ("o[2]", LABELS[1], UNITS[1], "@domain <u>", "lower", "0.2", "relative", "`x` $y^$"),
    ]
    columns = (
        "outcome",
        "label",
        "unit",
        "domain",
        "direction",
        "mcid",
        "mcid_kind",
        "mcid_source",
    )
    write_rows(folder / "outcomes.csv", columns, outcomes)
    means = {"=o1": ("16.8", "17.2", "16.5", "18.7"), "o[2]": ("40.2", "42.3", "41.0", "31.5")}
    cells = [(arm, visit) for visit in ("v$0", "[v1]") for arm in ("+a", "b<b>")]
    write_rows(
        folder / "summaries.csv",
        ("outcome", "arm", "visit", "mean", "sd", "note"),
        [
            (outcome, *cell, mean, sd, "=note <u>")
            for outcome, sd in (("=o1", "4.3"), ("o[2]", "12.8"))
            for cell, mean in zip(cells, means[outcome], strict=True)
        ],
    )
    write_rows(
        folder / "tests.csv",
        ("table", "kind", "outcome", "arm", "visit", "test", "p"),
        [
            ("=Table <u>", "between", "=o1", "", "[v1]", "Student t", "0.5"),
            ("=Table <u>", "between", "o[2]", "", "[v1]", "", "*<0.01"),
            ("@Table [red]", "between", REACTION, "", "[v1]", "", "0.49"),
        ],
    )
    write_rows(
        folder / "adverse.csv",
        ("visit", "reaction", "severity", "arm", "events"),
        [("[v1]", REACTION, "=severe <u>", arm, n) for arm, n in (("+a", 3), ("b<b>", 1))],
    )
    write_rows(
        folder / "baseline.csv",
        ("variable", "level", "arm", "mean", "sd", "count", "source"),
        [
            ("@age <u>", "", "+a", "45.3", "8.4", "", "=source"),
            ("@age <u>", "", "b<b>", "44.1", "9.3", "", "=source"),
            ("-sex", "=male [red]", "+a", "", "", "10", ""),
            ("-sex", "=male [red]", "b<b>", "", "", "11", ""),
        ],
    )
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ReanalysisResults]:
    """The main job; without the model whose graph is compiled for each shape."""
    folder = tmp_path_factory.mktemp("hostile")
    study = load_study(hostile_bundle(folder / "trial"))
    with pytest.MonkeyPatch.context() as patch:
        without_graphs(patch)
        results = main_job.reanalyse(study, folder / "out", options=FEW)
    # commands of other tests add to the folder
    shutil.copytree(folder, folder.with_name("hostile-untouched"))
    return folder, results


def without_graphs(patch: pytest.MonkeyPatch) -> None:
    models = {k: v for k, v in main_job.TABLE_DEFAULTS.items() if k != "independent"}
    patch.setattr(main_job, "TABLE_DEFAULTS", {**models, "independent": None})
    patch.setattr(main_job, "prints_levels", lambda study: False)


class Page(HTMLParser):
    """What a browser would make of a page: its tags, scripts, attributes and texts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str]] = []
        self.scripts: list[tuple[str, str]] = []
        self.text = ""
        self._in_script = False
        self.feed(text)
        self.close()
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._in_script = tag == "script"
        if self._in_script:
            self.scripts.append((dict(attrs).get("type") or "", ""))

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script:
            kind, before = self.scripts[-1]
            self.scripts[-1] = (kind, before + data)
        else:
            self.text += data


def check_inert(page: Page) -> None:
    """No script but the project's own, no handler, nothing from elsewhere, no tag of a label."""
    own = [
        file.read_text(encoding="utf-8").strip()
        for file in TEMPLATES.iterdir()
        if file.name.endswith(".js")
    ]
    for kind, script in page.scripts:
        if kind == "application/json":
            json.loads(script)
        else:
            assert kind == ""
            left = script
            for text in own:
                left = left.replace(text, "")
            assert not left.strip()
    assert not {"u", "iframe", "object", "embed", "link", "base"} & page.tags
    for name, value in page.attributes:
        assert not name.startswith("on"), (name, value)
        if name in {"src", "href", "xlink:href", "action"}:
            assert "x.example" not in value, value
            assert not re.match(r"(?i)\s*(javascript|vbscript|https?):", value) or (
                "x.example" not in value and name == "href"
            ), value


def flat(text: str) -> str:
    return " ".join(text.split())


def test_the_report_shows_labels_and_runs_none(run: tuple[Path, ReanalysisResults]) -> None:
    page = Page((run[0] / "out" / "report.html").read_text(encoding="utf-8"))
    check_inert(page)
    for label in (*ARMS, VISITS[1], *LABELS, flat(TITLE)):
        assert label in page.text, label
    assert "49" not in {word for word in page.text.split() if word == "{{49}}"}


def test_diagnostic_pages_run_nothing(run: tuple[Path, ReanalysisResults]) -> None:
    folder, results = run
    written = list((folder / "out" / "diagnostics").glob("*.html"))
    assert len(written) == len(results.table_fits) + len(results.adverse_fits) > 2
    for path in written:
        check_inert(Page(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", ["summary.md", "checklists.md"])
def test_markdown_opens_no_tag_and_no_link(name: str, run: tuple[Path, ReanalysisResults]) -> None:
    text = (run[0] / "out" / name).read_text(encoding="utf-8")
    assert not re.search(r"<(script|img|u|b)\b", text)
    assert "](http://x.example" not in text
    if name == "summary.md":
        assert r"$\frac{x}{$" in text


def test_figures_are_drawn_with_texts_alone(run: tuple[Path, ReanalysisResults]) -> None:
    figures = list((run[0] / "out" / "figures").iterdir())
    assert len(figures) > 5
    drawings = [path for path in figures if path.suffix == ".svg"]
    assert drawings
    said = ""
    for path in drawings:
        for element in ET.parse(path).iter():
            tag = element.tag.rpartition("}")[2]
            assert tag not in {"script", "foreignObject", "image", "a", "u"}
            assert not [name for name in element.attrib if name.startswith("on")]
            said += element.text or ""
    assert r"$\frac{x}{$" in said


def test_no_cell_of_a_csv_is_computed(run: tuple[Path, ReanalysisResults]) -> None:
    files = list((run[0] / "out").rglob("*.csv"))
    assert {"effects.csv", "adverse.csv", "comparison.csv", "audit.csv"} <= {f.name for f in files}
    neutralised = 0
    for path in files:
        for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"))):
            for cell in row:
                assert not re.match(r"[=+\-@\t\r]", cell) or PLAIN_NUMBER.fullmatch(cell), cell
                neutralised += cell == "'=o1"
    assert neutralised > 10


def said_by(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> str:  # fmt: skip
    """What a command prints in the folder of the run, the fits of which it reads."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "400")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--out", "out"])
    said = capsys.readouterr()
    assert ended.value.code in {0, 1}, said.err  # the gate of so few draws may fail
    assert "sampling" not in said.err
    assert said.out.replace("\n", "").isprintable()
    return said.out


def test_the_console_prints_labels_as_they_are(
    run: tuple[Path, ReanalysisResults],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = said_by(["audit", "trial"], run[0], capsys, monkeypatch)
    for label in (LABELS[0], "@Table [red]", VISITS[1]):
        assert label in text
    said_by(["audit", "trial", "--inspect-sr"], run[0], capsys, monkeypatch)
    text = said_by(["fit", "longitudinal", "trial", *OPTIONS], run[0], capsys, monkeypatch)
    assert "=o1" in text


@pytest.mark.parametrize("form", ["text", "markdown", "latex", "json"])
def test_quotes_are_texts(
    form: str,
    run: tuple[Path, ReanalysisResults],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = ["quote", "trial", "--despite-gate", "--format", form, *OPTIONS]
    text = said_by(asked, run[0], capsys, monkeypatch)
    if form == "json":
        assert json.loads(text)
    elif form == "latex":
        assert r"\frac" not in text
        assert not re.search(r"(?<!\\)[$&#_]", re.sub(r"\$[<>|]\$", "", text))
    elif form == "markdown":
        assert not re.search(r"(?<!\\)\]\(", text)
        assert not re.search(r"(?<!\\)<(script|img|u)\b", text)
    else:
        assert LABELS[0] in text


def test_tables_for_a_paper_hold_texts(
    run: tuple[Path, ReanalysisResults],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    said_by(["tables", "trial"], run[0], capsys, monkeypatch)
    made = {path.name: path for path in (run[0] / "out" / "tables").iterdir()}
    assert {path.suffix for path in made.values()} == {".docx", ".tex", ".html"}
    shown: dict[str, str] = dict.fromkeys((".docx", ".tex", ".html"), "")
    for path in made.values():
        if path.suffix == ".docx":
            with zipfile.ZipFile(path) as archive:
                assert not [name for name in archive.namelist() if "vba" in name.lower()]
                tree = ET.fromstring(archive.read("word/document.xml"))
            names = {element.tag.rpartition("}")[2] for element in tree.iter()}
            assert not {"instrText", "fldSimple", "hyperlink", "object", "altChunk"} & names
            shown[".docx"] += "".join(tree.itertext())
        elif path.suffix == ".tex":
            shown[".tex"] += path.read_text(encoding="utf-8")
        else:
            page = Page(path.read_text(encoding="utf-8"))
            assert not page.scripts
            check_inert(page)
            shown[".html"] += page.text
    assert r"\frac" not in shown[".tex"]
    assert r"\textbackslash" in shown[".tex"]
    for kind in (".docx", ".html"):
        for label in (*ARMS, *LABELS):
            assert flat(label) in flat(shown[kind]), (kind, label)


@pytest.mark.parametrize("sign", ["\u202e", "\u2067", "\x1b[31m", "\x00", "\x07", "\x9b"])
@pytest.mark.parametrize("file", ["study.toml", "outcomes.csv", "adverse.csv", "tests.csv"])
def test_signs_that_are_no_text_are_refused_by_name(file: str, sign: str, tmp_path: Path) -> None:
    path = hostile_bundle(tmp_path / "trial") / file
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("<u>", f"<u>{sign}", 1), encoding="utf-8")
    with pytest.raises(StudyError) as refused:
        load_study(tmp_path / "trial")
    said = [problem for problem in refused.value.problems if problem.file == file]
    assert said[0].row is not None
    assert said[0].value == f"U+{ord(sign[0]):04X}"
    assert str(refused.value).replace("\n", "").isprintable()


def again(folder: Path) -> tuple[ReanalysisResults, list[str]]:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        without_graphs(patch)
        results = main_job.reanalyse(
            load_study(folder / "trial"), folder / "out", options=FEW, progress=said.append
        )
    return results, said


@pytest.fixture
def own_copy(run: tuple[Path, ReanalysisResults], tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    shutil.copytree(run[0].with_name("hostile-untouched"), folder)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but the record of when the run was."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "run.json"
    }


@pytest.mark.parametrize("years", [10, -10])
def test_files_of_another_time_are_used_as_they_are(years: int, own_copy: Path) -> None:
    """As after a clock that was set back, or forth: nothing is judged by the time of a file."""
    then = time.time() + years * 365.25 * 86_400
    for path in own_copy.rglob("*"):
        os.utime(path, (then, then))
    before = contents(own_copy)
    results, said = again(own_copy)
    assert [fit.label for fit in results.table_fits if not fit.resumed] == []
    assert "nothing has changed: keeping tables, figures and report" in said
    assert contents(own_copy) == before
    # what has changed is told from what has not by content
    table = own_copy / "trial" / "summaries.csv"
    table.write_text(table.read_text(encoding="utf-8").replace("16.8", "16.9"), encoding="utf-8")
    os.utime(table, (0, 0))
    with pytest.raises(Stopped):
        again_until_sampling(own_copy)


class Stopped(Exception):  # noqa: N818
    """A fit was about to be sampled."""


def again_until_sampling(folder: Path) -> None:
    def stop(message: str) -> None:
        if "sampling" in message:
            raise Stopped

    main_job.reanalyse(load_study(folder / "trial"), folder / "out", options=FEW, progress=stop)


def test_a_process_whose_clock_was_set_back(
    own_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(own_copy)
    real = time.time

    class Past(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
            return dt.datetime(1999, 1, 1, tzinfo=tz)

    monkeypatch.setattr(time, "time", lambda: real() - 20 * 365.25 * 86_400)
    monkeypatch.setattr(main_job, "datetime", Past)
    results, said = again(own_copy)
    assert "nothing has changed: keeping tables, figures and report" in said
    assert [fit.label for fit in results.table_fits if not fit.resumed] == []
    assert contents(own_copy) == before
    assert json.loads((own_copy / "out" / "run.json").read_text())["started"].startswith("1999")
