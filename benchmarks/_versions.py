"""Record of the tests at other versions: what `make test-lowest`, `test-python` and `wheels` write.

    python benchmarks/_versions.py tests lowest build/lowest build/lowest.xml [ARGUMENTS OF PYTEST]
    python benchmarks/_versions.py wheels 3.14

Each renews its part of ``results/versions.json`` and all of ``results/versions.md``.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "benchmarks" / "results" / "versions.json"
LOCKS = ("requirements.lock", "requirements-dev.lock")
ASK = """
import importlib.metadata, json, platform, sys
names = [platform.python_version()]
print(json.dumps(names + [importlib.metadata.version(name) for name in sys.argv[1:]]))
"""


def direct() -> list[str]:
    """Names of the packages that pyproject.toml asks for."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        wanted = tomllib.load(file)["project"]["dependencies"]
    return [re.split(r"[^\w.-]", text)[0] for text in wanted]


def tests(venv: Path, junit: Path, arguments: list[str]) -> dict[str, Any]:
    """What was run in an environment, and how it ended."""
    names = direct()
    python = venv / "bin" / "python"
    said = subprocess.run([python, "-c", ASK, *names], check=True, capture_output=True, text=True)
    version, *versions = json.loads(said.stdout)
    sums = dict.fromkeys(("tests", "failures", "errors", "skipped"), 0)
    seconds = 0.0
    for suite in ET.parse(junit).getroot().iter("testsuite"):  # noqa: S314 - pytest's own
        seconds += float(suite.get("time", 0))
        for name in sums:
            sums[name] += int(suite.get(name, 0))
    passed = sums["tests"] - sums["failures"] - sums["errors"] - sums["skipped"]
    return {
        "python": version,
        "arguments": " ".join(arguments),
        "passed": passed,
        **sums,
        "seconds": round(seconds),
        "versions": dict(zip(names, versions, strict=True)),
    }


def wheels(version: str) -> dict[str, Any]:
    """Whether every locked package has a wheel for a Python that need not be there."""
    found = {}
    for lock in LOCKS:
        command = [
            Path(sys.executable).with_name("uv"), "pip", "install", "--no-config", "--dry-run",
            "--python", sys.executable, "--python-version", version,
            "--target", ROOT / "build" / "no-such-folder", "--only-binary", ":all:",
            "--require-hashes", "--requirement", ROOT / lock,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            found[lock] = f"refused: {done.stderr.strip().splitlines()[-1]}"
        else:
            found[lock] = f"{len(re.findall(r'^ [+] ', done.stderr, re.MULTILINE))} packages"
    return found


def page(record: dict[str, Any]) -> str:
    """The record in Markdown."""
    lines = ["# The tests at other versions", ""]
    lines += [
        "Made by `make test-lowest`, `make test-python` and `make wheels`, which say how.",
        "",
    ]
    lines += ["| job | Python | arguments | tests | passed | failed | skipped | minutes |"]
    lines += ["|---|---|---|---:|---:|---:|---:|---:|"]
    jobs = record.get("tests", {})
    for name, job in jobs.items():
        lines.append(
            f"| {name} | {job['python']} | `{job['arguments']}` | {job['tests']} | "
            f"{job['passed']} | {job['failures'] + job['errors']} | {job['skipped']} | "
            f"{job['seconds'] / 60:.0f} |"
        )
    for name, job in jobs.items():
        versions = ", ".join(f"{own} {version}" for own, version in job["versions"].items())
        lines += ["", f"{name}: {versions}."]
    for version, found in record.get("wheels", {}).items():
        lines += ["", f"Wheels for Python {version} (Linux, this machine's processor):", ""]
        lines += [f"- `{lock}`: {text}" for lock, text in found.items()]
        if not any(job["python"].startswith(f"{version}.") for job in jobs.values()):
            lines += ["", f"No tests were run on Python {version}: there was no interpreter."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Add a run to the record."""
    kind, name, *rest = sys.argv[1:]
    record = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    own = record.setdefault(kind, {})
    own[name] = wheels(name) if kind == "wheels" else tests(Path(rest[0]), Path(rest[1]), rest[2:])
    RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    text = page(record)
    RECORD.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
