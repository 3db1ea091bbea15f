"""IQ: what is installed: versions, and files against the hashes that the installer recorded."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import platform
import re
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from bayesasthma.errors import BayesAsthmaError
from bayesasthma.validation.bench import Bench, answers
from bayesasthma.validation.items import Check, Finding

NAME = "bayesasthma"
#: A pin of a lock: name, version and perhaps a marker.
PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)\s*(?:;(?P<marker>[^\\]+))?")
#: Files of a package that no installer records: Python writes them.
WRITTEN_LATER = ("__pycache__",)


def checks() -> list[Check]:
    """Versions and files."""
    return [
        Check(
            "IQ-01",
            "R01",
            "Version of Python",
            f"in {_metadata('Requires-Python') or 'any'}",
            "none",
            "A version outside was never tested.",
            lambda _: python_version(platform.python_version(), _metadata("Requires-Python")),
        ),
        Check(
            "IQ-02",
            "R01",
            "Versions of all packages that bayesasthma requires, and that those require",
            "all installed, each in the allowed range",
            "none",
            "A version outside was never tested.",
            lambda _: package_versions(),
        ),
        Check(
            "IQ-03",
            "R02",
            "Versions against the lock of the release",
            "differences are named",
            "any difference",
            "Other versions in the allowed range are no fault; what they do to the numbers is "
            "checked under OQ.",
            lambda _: against_the_lock(),
        ),
        Check(
            "IQ-04",
            "R03",
            "SHA-256 of every installed file against the installer's record",
            "all equal, no file missing, no module added",
            "none",
            "One changed byte can change a number.",
            lambda _: unaltered(),
        ),
        Check(
            "IQ-05",
            "R03",
            "SHA-256 of the inputs of the bundled study against the release",
            "all equal",
            "none",
            "Committed answers are of these inputs.",
            unaltered_study,
        ),
    ]


def distribution() -> metadata.Distribution:
    """What the installer knows of this package.

    Raises
    ------
    BayesAsthmaError
        If it was not installed.
    """
    try:
        return metadata.distribution(NAME)
    except metadata.PackageNotFoundError:
        raise BayesAsthmaError("bayesasthma is run from files that were not installed") from None


def _metadata(name: str) -> str:
    try:
        return str(distribution().metadata.get(name) or "")
    except BayesAsthmaError:
        return ""


def python_version(version: str, allowed: str) -> Finding:
    """Whether a version of Python is allowed."""
    found = f"Python {version} ({platform.python_implementation()})"
    return Finding(found, bool(allowed) and SpecifierSet(allowed).contains(version, True))


def installed_version(name: str) -> str | None:
    """Version of an installed package, or None."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def required(name: str = NAME) -> dict[str, list[Requirement]]:
    """What a package requires on this machine, and what that requires, by normalised name."""
    found: dict[str, list[Requirement]] = {}
    waiting, seen = [(name, "")], set()
    while waiting:
        own = waiting.pop()
        if own in seen:
            continue
        seen.add(own)
        try:
            texts = metadata.requires(own[0]) or []
        except metadata.PackageNotFoundError:
            continue
        for item in map(Requirement, texts):
            if item.marker and not item.marker.evaluate({"extra": own[1]}):
                continue
            found.setdefault(_plain(item.name), []).append(item)
            waiting += [(item.name, extra) for extra in ("", *sorted(item.extras))]
    return found


def package_versions() -> Finding:
    """Whether everything required is installed in an allowed version."""
    wrong, needed = [], required()
    for name, items in sorted(needed.items()):
        version = installed_version(name)
        if version is None:
            wrong.append(f"{name} is not installed")
        wrong += [
            f"{name} {version} is not in {item.specifier}"
            for item in items
            if version is not None and not item.specifier.contains(version, True)
        ]
    if wrong or not needed:
        return Finding("; ".join(wrong) or "no requirement is known", passed=False)
    return Finding(f"{len(needed)} packages, all in the allowed ranges", passed=True)


def pins(lines: Iterable[str]) -> dict[str, str]:
    """Versions of a lock that are meant for this machine, by name."""
    found = {}
    environment = {str(k): str(v) for k, v in default_environment().items()}
    for line in lines:
        match = PIN.match(line)
        if match is None:
            continue
        marker = (match["marker"] or "").strip()
        item = Requirement(
            f"{match['name']}=={match['version']}" + (f"; {marker}" if marker else "")
        )
        if item.marker is None or item.marker.evaluate(environment):
            found[_plain(match["name"])] = match["version"]
    return found


def against_the_lock() -> Finding:
    """Which versions differ from the lock; none of them fails."""
    locked = pins(answers("lock").read_text(encoding="utf-8").splitlines())
    needed = sorted(set(locked) & set(required()))
    found = {name: installed_version(name) for name in needed}
    other = [f"{name} {found[name]} (lock {locked[name]})" for name in needed
             if found[name] not in (None, locked[name])]  # fmt: skip
    equal = sum(found[name] == locked[name] for name in needed)
    text = f"{equal} of {len(needed)} packages have the locked version"
    return Finding(f"{text}; others: {', '.join(other)}" if other else text, passed=bool(needed))


def _plain(name: str) -> str:
    """A package's name as indexes normalise it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def unaltered() -> Finding:
    """Whether the installed files are those of the wheel."""
    own = distribution()
    where = Path(__file__).resolve().parents[1]
    source = json.loads(own.read_text("direct_url.json") or "{}")
    if source.get("dir_info", {}).get("editable"):
        return Finding(
            f"editable install: the modules are a working copy ({where}), which no hash holds. "
            f"Fingerprint of its {fingerprint(where)}. Qualify an installation from a wheel.",
            passed=True,
        )
    return recorded(own, where)


def recorded(own: metadata.Distribution, package: Path) -> Finding:
    """Files of a distribution against its record, and modules that it does not record.

    Parameters
    ----------
    own : Distribution
    package : Path
        The folder that Python imports the package from.
    """
    # not `own.files`, which passes over files that are missing
    rows = list(csv.reader(io.StringIO(own.read_text("RECORD") or "")))
    hashed = [(row[0], *row[1].partition("=")[::2]) for row in rows if len(row) > 1 and row[1]]
    known = {Path(str(own.locate_file(name))).resolve() for name, _, _ in hashed}
    if not any(path.is_relative_to(package) for path in known):
        return Finding(f"{package} is not where the installer put bayesasthma", passed=False)
    wrong = []
    for name, mode, value in hashed:
        path = Path(str(own.locate_file(name)))
        if not path.is_file():
            wrong.append(f"{name} is missing")
        elif _digest(path.read_bytes(), mode) != value.rstrip("="):
            wrong.append(f"{name} is altered")
    wrong += [
        f"{path.relative_to(package.parent).as_posix()} is not of the release"
        for path in sorted(package.rglob("*"))
        if path.is_file()
        and not set(WRITTEN_LATER) & set(path.relative_to(package).parts)
        and path.resolve() not in known
    ]
    if wrong:
        rest = f" and {len(wrong) - 5} more" if len(wrong) > 5 else ""
        return Finding("; ".join(wrong[:5]) + rest, passed=False)
    return Finding(f"{len(hashed)} files equal to their record", passed=True)


def _digest(content: bytes, mode: str) -> str:
    digest = hashlib.new(mode, content).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def fingerprint(package: Path) -> str:
    """Number of modules of a folder, and the SHA-256 over their names and contents."""
    total = hashlib.sha256()
    paths = sorted(package.rglob("*.py"))
    for path in paths:
        total.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{len(paths)} modules: SHA-256 {total.hexdigest()[:16]}…"


def unaltered_study(bench: Bench) -> Finding:
    """Whether the bundled study is the one that the committed answers are of."""
    expected = json.loads((answers("liu2025") / "run.json").read_text("utf-8"))["checksums"]
    found = bench.study.checksums
    other = [name for name in sorted({*expected, *found}) if expected.get(name) != found.get(name)]
    if other:
        return Finding(f"{', '.join(other)}: not those of the release", passed=False)
    return Finding(f"{len(found)} files equal", passed=bool(found))


def versions() -> dict[str, str]:
    """Versions of the package and of all that it requires, for the report."""
    names = [NAME, *sorted(required())]
    return {name: installed_version(name) or "not installed" for name in names}
