"""`bayesasthma validate` as a user runs it: whole, and with something broken on purpose."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

import pytest

from bayesasthma.commands.cli import main
from bayesasthma.validation import bench, installed, run
from bayesasthma.validation.items import Check, Finding
from bayesasthma.validation.report import as_record, validation_page

WAS_PLANNED = run.planned


def only(*names: str) -> Callable[[bool], list[Check]]:
    return lambda _quick=False: [check for check in WAS_PLANNED() if check.id in names]


def validated(out: Path, *arguments: str) -> tuple[int, dict[str, object]]:
    """Exit status, and the record that was written."""
    with pytest.raises(SystemExit) as ending:
        main(["validate", "--out", str(out), *arguments])
    record = json.loads((out / "validation.json").read_text("utf-8"))
    return int(ending.value.code or 0), record


def failed(record: dict[str, object]) -> list[str]:
    items = record["items"]
    assert isinstance(items, list)
    return [item["id"] for item in items if item["verdict"] == "FAILED"]


@pytest.mark.slow
def test_a_quick_run_passes_and_leaves_nothing_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "validation"
    status, record = validated(out, "--quick")
    said = capsys.readouterr()
    assert status == 0, said.out
    assert record["verdict"] == "PASSED"
    assert {path.name for path in out.iterdir()} == {"validation.html", "validation.json"}
    for check in WAS_PLANNED(quick=True):
        assert f"{check.id} PASSED" in said.err
    assert "PASSED (quick)" in said.out
    page = (out / "validation.html").read_text("utf-8")
    assert "This is no full qualification" in page
    assert "Not tested: R15." in page
    traced = {own["id"]: own["verdict"] for own in record["traceability"]}  # type: ignore[attr-defined]
    assert traced.pop("R15") == "NOT TESTED"
    assert set(traced.values()) == {"PASSED"}


def fake_wheel(site: Path) -> tuple[Distribution, Path]:
    """A small package as an installer leaves it, with its record."""
    contents = {
        "bayesasthma/__init__.py": b"__version__ = '1'\n",
        "bayesasthma/bundles/liu2025/summaries.csv": b"outcome,arm\n",
        "bayesasthma-1.dist-info/METADATA": b"Name: bayesasthma\nVersion: 1\n",
    }
    lines = []
    for name, content in contents.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(content)}")
    lines += ["bayesasthma/__pycache__/__init__.pyc,,", "bayesasthma-1.dist-info/RECORD,,"]
    folder = site / "bayesasthma-1.dist-info"
    (folder / "RECORD").write_text("\n".join(lines) + "\n")
    cache = site / "bayesasthma" / "__pycache__"
    cache.mkdir()
    (cache / "__init__.pyc").write_bytes(b"written by Python")
    return PathDistribution(folder), site / "bayesasthma"


def altered(site: Path) -> None:
    path = site / "bayesasthma/bundles/liu2025/summaries.csv"
    path.write_bytes(path.read_bytes().replace(b"arm", b"arn"))


def removed(site: Path) -> None:
    (site / "bayesasthma/__init__.py").unlink()


def added(site: Path) -> None:
    (site / "bayesasthma/more.py").write_text("x = 1\n")


@pytest.mark.parametrize(
    ("change", "named"),
    [(altered, "summaries.csv is altered"), (removed, "__init__.py is missing"),
     (added, "more.py is not of the release")],
)  # fmt: skip
def test_an_altered_package_fails_by_name(
    change: Callable[[Path], None],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    own, package = fake_wheel(tmp_path / "site")
    monkeypatch.setattr(installed, "unaltered", lambda: installed.recorded(own, package))
    monkeypatch.setattr(run, "planned", only("IQ-04", "IQ-05"))
    status, record = validated(tmp_path / "whole")
    assert (status, failed(record)) == (0, [])
    change(tmp_path / "site")
    status, record = validated(tmp_path / "altered")
    assert (status, failed(record)) == (1, ["IQ-04"])
    said = capsys.readouterr()
    assert "IQ-04 FAILED" in said.out
    assert named in said.out
    page = (tmp_path / "altered" / "validation.html").read_text("utf-8")
    assert "FAILED" in page
    assert named in page


def test_a_package_from_elsewhere_is_not_the_installed_one(tmp_path: Path) -> None:
    own, _ = fake_wheel(tmp_path / "site")
    assert not installed.recorded(own, tmp_path / "elsewhere").passed


@pytest.mark.parametrize(
    ("name", "table", "column", "file"),
    [
        ("OQ-50", "liu2025", "mean", "effects.csv"),
        ("OQ-60", "liu2025", "p_recomputed", "audit.csv"),
        ("OQ-06", "published", "consistent", "granularity.csv"),
    ],
)
def test_an_altered_answer_fails_by_name(
    name: str,
    table: str,
    column: str,
    file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import pandas as pd

    shutil.copytree(bench.answers(table), tmp_path / table, ignore=shutil.ignore_patterns("fig*"))
    was = bench.answers
    monkeypatch.setattr(bench, "answers", lambda own: tmp_path / own if own == table else was(own))
    monkeypatch.setattr(run, "planned", only(name, "OQ-05"))
    status, record = validated(tmp_path / "whole")
    assert (status, failed(record)) == (0, [])
    cells = pd.read_csv(tmp_path / table / file, dtype=str, keep_default_na=False)
    old = cells.loc[3, column]
    cells.loc[3, column] = {"True": "False", "False": "True"}.get(old) or f"{float(old) + 0.5:.6g}"
    cells.to_csv(tmp_path / table / file, index=False)
    status, record = validated(tmp_path / "altered")
    assert (status, failed(record)) == (1, [name])


WRONG_CONSTANT = """
import sys
from bayesasthma.models.kernels import {module}
{module}.{name} *= 1.001
from bayesasthma.commands.cli import main
from bayesasthma.validation import bench, run
from bayesasthma.validation.graph_densities import CASES, graph_densities

bench.Bench.ask_graphs = lambda self: None
graphs = lambda self: {{"adverse": graph_densities(CASES["adverse"], self.study)}}
bench.Bench.graphs = property(graphs)
run.planned = lambda quick=False, was=run.planned: [c for c in was() if c.id in sys.argv[2:]]
main(["validate", "--out", sys.argv[1]])
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "name", "checks"),
    [("independent", "LOG_2PI", ["OQ-10"]), ("adverse", "LEVEL_SCALE", ["OQ-34"])],
)
def test_a_wrong_constant_of_compiled_code_fails_by_name(
    module: str, name: str, checks: Sequence[str], tmp_path: Path
) -> None:
    out = tmp_path / "validation"
    done = subprocess.run(
        [sys.executable, "-c", WRONG_CONSTANT.format(module=module, name=name), str(out), *checks,
         "OQ-05"],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    record = json.loads((out / "validation.json").read_text("utf-8"))
    assert failed(record) == list(checks)
    assert len(record["items"]) == 2


def test_the_report_of_hostile_findings_is_inert(tmp_path: Path) -> None:
    def hostile(_: bench.Bench) -> Finding:
        raise RuntimeError("<script>alert(1)</script>\x1b[31m" + "x" * 10_000)

    check = Check("OQ-05", "R12", "it", "nothing", "none", "none", hostile)
    found = run.run_checks([check], tmp_path)
    page = validation_page(found)
    assert found.verdict == "FAILED"
    assert "<script>alert" not in page
    assert "&lt;script&gt;" in page
    assert "default-src 'none'" in page
    assert not any(sign in page for sign in ("\x1b", "http://", "https://", "src=", "x" * 3_000))
    assert "\x1b" not in json.dumps(as_record(found), ensure_ascii=False)


def test_a_folder_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as ending:
        main(["validate", "--out", str(tmp_path / "file" / "sub")])
    assert ending.value.code == 2
