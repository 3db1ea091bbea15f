"""Read a study bundle: check everything, report every problem at once, return one `Study`."""

from __future__ import annotations

import tomllib
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesasthma.bundle_table import correlations, patient_rows, patient_table, summary_table
from bayesasthma.errors import StudyError, UsageError
from bayesasthma.sheets import Collector, Row, Sheet, parse_p, read_sheet, read_text
from bayesasthma.study import Study

DIRECTIONS = {"higher": 1, "lower": -1, "none": 0}
TEST_KINDS = ("between", "within", "interaction")

COLUMNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "outcomes.csv": (
        ("outcome", "label", "unit", "direction"),
        ("domain", "mcid", "mcid_kind", "mcid_source", "minimum", "maximum", "items"),
    ),
    "summaries.csv": (
        ("outcome", "arm", "visit", "mean"),
        ("statistic", "n", "sd", "se", "ci_low", "ci_high"),
    ),
    "correlations.csv": (("outcome", "arm", "visit_1", "visit_2", "correlation"), ()),
    "tests.csv": (("table", "kind", "outcome", "p"), ("arm", "visit", "test")),
    "baseline.csv": (("variable", "arm"), ("level", "mean", "sd", "count", "percent", "n")),
    "adverse.csv": (("visit", "reaction", "arm", "events"), ("severity", "n", "percent")),
    "claims.csv": (
        ("where", "refers_to", "value"),
        ("outcome", "arm", "visit", "statistic", "quote"),
    ),
    "external.csv": (
        ("estimate", "scale", "citation"),
        ("outcome", "reaction", "se", "ci_low", "ci_high"),
    ),
    "patients.csv": (("patient", "arm", "visit"), ()),
}


def bundled_studies() -> dict[str, Path]:
    """Folders of the bundled studies by name: inside the wheel, or ``data/`` of a source checkout."""
    found: dict[str, Path] = {}
    packaged = Path(str(files("bayesasthma"))) / "bundles"
    checkout = Path(__file__).resolve().parents[2] / "data"
    for root in (packaged, checkout):
        if root.is_dir():
            for folder in sorted(root.iterdir()):
                if (folder / "study.toml").is_file():
                    found.setdefault(folder.name, folder)
    return found


def load_study(path_or_name: str | Path = "liu2025") -> Study:
    """Read and check a bundle.

    Parameters
    ----------
    path_or_name : str or Path
        A bundle's folder, or the name of a bundled study.

    Returns
    -------
    Study

    Raises
    ------
    UsageError
        If there is no such folder or bundled study.
    StudyError
        If the bundle has problems; the error lists all of them.
    """
    bundled = bundled_studies()
    folder = Path(path_or_name)
    if not folder.is_dir():
        if str(path_or_name) not in bundled:
            raise UsageError(
                f"no folder and no bundled study {str(path_or_name)!r}; bundled: "
                f"{', '.join(bundled) or 'none'}"
            )
        folder = bundled[str(path_or_name)]
    collector, checksums = Collector(), {}
    study = _read(folder, collector, checksums)
    if collector.problems or study is None:
        raise StudyError(folder.resolve().name, collector.problems)
    return study


def _read(folder: Path, collector: Collector, checksums: dict[str, str]) -> Study | None:
    header = _header(folder, collector, checksums)
    sheets: dict[str, Sheet | None] = {}
    for name, (required, optional) in COLUMNS.items():
        path = folder / name
        sheets[name] = (
            read_sheet(
                path, required, optional, collector, checksums, open_ended=name == "patients.csv"
            )
            if path.exists()
            else None
        )
    if not (folder / "outcomes.csv").exists():
        collector.add("outcomes.csv", None, "", "", "this file in the bundle")
    if not (folder / "summaries.csv").exists() and not (folder / "patients.csv").exists():
        collector.add("summaries.csv", None, "", "", "this file (or patients.csv) in the bundle")
    if header is None or (outcome_sheet := sheets["outcomes.csv"]) is None:
        return None
    arms, visits = header["arms"], header["visits"]
    outcomes = _outcomes(outcome_sheet)
    known = (set(outcomes.index), list(arms.index), list(visits.index))
    base = header["baseline_visit"]
    patients = None
    if (sheet := sheets["patients.csv"]) is not None:
        patients = patient_rows(sheet, list(outcomes.index), known[1], known[2])
    if (sheet := sheets["summaries.csv"]) is not None:
        table = summary_table(sheet, outcomes, arms, visits, base)
        if patients is not None:
            collector.add(
                "summaries.csv", None, "", "", "either summaries.csv or patients.csv, not both"
            )
    elif patients is not None:
        table = patient_table(patients, outcomes, arms, visits)
    else:
        return None
    _require_data(outcomes, table, outcome_sheet, collector)
    return Study(
        name=folder.resolve().name,
        title=header["title"],
        citation=header["citation"],
        design=header["design"],
        randomised=header["randomised"],
        arms=arms,
        visits=visits,
        baseline_visit=base,
        outcomes=outcomes,
        table=table,
        correlations=correlations(sheets["correlations.csv"], *known),
        tests=_tests(sheets["tests.csv"], known[1], known[2]),
        baseline=_baseline(sheets["baseline.csv"], arms),
        adverse=_adverse(sheets["adverse.csv"], arms, known[2]),
        claims=_plain(sheets["claims.csv"], "claims.csv", ("where", "refers_to", "value")),
        external=_external(sheets["external.csv"], known[0]),
        patients=patients,
        checksums=checksums,
        methods=header["methods"],
        exclusions=header["exclusions"],
    )


def _header(
    folder: Path, collector: Collector, checksums: dict[str, str]
) -> dict[str, Any] | None:
    """Read ``study.toml``."""
    name = "study.toml"
    path = folder / name
    if not path.exists():
        collector.add(name, None, "", "", "this file in the bundle")
        return None
    text = read_text(path, collector, checksums)
    if text is None:
        return None
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        collector.add(name, None, "", "", f"valid TOML ({error})")
        return None
    before = len(collector.problems)

    def bad(column: str, value: object, expected: str) -> None:
        collector.add(name, None, column, "" if value is None else str(value), expected)

    for key in ("title", "citation"):
        if not isinstance(raw.get(key), str) or not raw[key].strip():
            bad(key, raw.get(key), "a text")
    if not isinstance(raw.get("randomised"), bool):
        bad("randomised", raw.get("randomised"), "true or false")
    arms = [a for a in raw.get("arms", []) if isinstance(a, dict)]
    visits = [v for v in raw.get("visits", []) if isinstance(v, dict)]
    for label, items, least in (("arms", arms, 2), ("visits", visits, 1)):
        ids = [str(item.get("id", "")) for item in items]
        if len(items) < least:
            bad(label, len(items), f"at least {least} [[{label}]] tables")
        for item in ids:
            if not item or ids.count(item) > 1:
                bad(f"{label}.id", item, "an id, each once")
    for arm in arms:
        if arm.get("role") not in ("control", "treatment"):
            bad("arms.role", arm.get("role"), "control or treatment")
        n = arm.get("n")
        if not isinstance(n, int) or isinstance(n, bool) or n < 2:
            bad("arms.n", n, "a whole number of at least 2")
    if arms and sum(arm.get("role") == "control" for arm in arms) != 1:
        bad("arms.role", None, "exactly one arm with the role control")
    weeks = [visit.get("week") for visit in visits]
    for week in weeks:
        if not isinstance(week, (int, float)) or isinstance(week, bool) or not np.isfinite(week):
            bad("visits.week", week, "a number of weeks")
    numeric = [week for week in weeks if isinstance(week, (int, float))]
    if any(later <= earlier for earlier, later in zip(numeric, numeric[1:], strict=False)):
        bad("visits.week", numeric, "weeks in ascending order, each once")
    bases = [str(visit.get("id")) for visit in visits if visit.get("baseline") is True]
    if len(bases) > 1 or (bases and visits and bases[0] != str(visits[0].get("id"))):
        bad("visits.baseline", ", ".join(bases), "at most one baseline visit, the first")
    if len(collector.problems) > before:
        return None
    arms = sorted(arms, key=lambda arm: arm["role"] != "control")
    return {
        "title": raw["title"].strip(),
        "citation": raw["citation"].strip(),
        "design": str(raw.get("design", "")).strip(),
        "randomised": raw["randomised"],
        "arms": pd.DataFrame(
            {
                "label": [str(arm.get("label", arm["id"])) for arm in arms],
                "role": [arm["role"] for arm in arms],
                "n": [arm["n"] for arm in arms],
            },
            index=pd.Index([str(arm["id"]) for arm in arms], name="arm"),
        ),
        "visits": pd.DataFrame(
            {
                "label": [str(visit.get("label", visit["id"])) for visit in visits],
                "week": [float(visit["week"]) for visit in visits],
            },
            index=pd.Index([str(visit["id"]) for visit in visits], name="visit"),
        ),
        "baseline_visit": bases[0] if bases else None,
        "methods": dict(raw.get("methods", {})),
        "exclusions": pd.DataFrame(raw.get("exclusions", [])),
    }


def _value(number: Any) -> float:
    return number.value if number is not None else float("nan")


def _outcomes(sheet: Sheet) -> pd.DataFrame:
    records: dict[str, dict[str, Any]] = {}
    for row in sheet:
        outcome = row.required("outcome")
        row.required("label")
        direction = row.choice("direction", DIRECTIONS)
        mcid = row.number("mcid", above=0)
        kind = row.choice("mcid_kind", ("absolute", "relative"), blank=True)
        if mcid is not None and not kind:
            row.bad("mcid_kind", "absolute or relative, since there is an mcid")
        low, high = row.number("minimum"), row.number("maximum")
        if low is not None and high is not None and low.value >= high.value:
            row.bad("maximum", f"a number above the minimum, {low.value:g}")
        items = row.number("items", low=1, whole=True)
        if outcome is None:
            continue
        if outcome in records:
            row.bad("outcome", "each outcome once")
        records[outcome] = {
            "label": row.text("label"),
            "unit": row.text("unit"),
            "domain": row.text("domain"),
            "direction": DIRECTIONS.get(direction or "none", 0),
            "mcid": _value(mcid),
            "mcid_kind": (kind or "") if mcid is not None else "",
            "mcid_source": row.text("mcid_source"),
            "minimum": _value(low),
            "maximum": _value(high),
            "items": _value(items),
        }
    if not records:
        sheet_problem = Row(sheet.file, 1, {}, sheet.rows[0].collector) if sheet.rows else None
        if sheet_problem is not None:
            sheet_problem.bad("outcome", "at least one outcome")
    frame = pd.DataFrame.from_dict(records, orient="index")
    frame.index.name = "outcome"
    return frame


def _require_data(
    outcomes: pd.DataFrame, table: xr.Dataset, sheet: Sheet, collector: Collector
) -> None:
    for row in sheet:
        outcome = row.text("outcome")
        if outcome in outcomes.index and not np.isfinite(table["mean"].sel(outcome=outcome)).any():
            collector.add(sheet.file, row.line, "outcome", outcome, "data for this outcome")


def _frame(records: list[dict[str, Any]], columns: Collection[str]) -> pd.DataFrame:
    return pd.DataFrame(records, columns=list(columns))


def _plain(sheet: Sheet | None, name: str, required: tuple[str, ...]) -> pd.DataFrame:
    columns = [*COLUMNS[name][0], *COLUMNS[name][1], "note", "source"]
    if sheet is None:
        return _frame([], columns)
    for row in sheet:
        for column in required:
            row.required(column)
    return _frame([{column: row.text(column) for column in columns} for row in sheet], columns)


def _tests(sheet: Sheet | None, arms: list[str], visits: list[str]) -> pd.DataFrame:
    columns = ["table", "kind", "outcome", "arm", "visit", "test", "p"]
    columns += ["p_value", "p_operator", "starred", "decimals", "note", "source"]
    records = []
    for row in sheet or ():
        row.choice("kind", TEST_KINDS)
        row.required("outcome")
        row.choice("arm", arms, blank=True)
        row.choice("visit", visits, blank=True)
        if row.text("kind") == "within" and not row.text("arm"):
            row.bad("arm", "the arm of a within-arm test")
        printed = parse_p(row.text("p"))
        if printed is None:
            row.bad("p", "a p-value such as 0.02, <0.01 or *0.02, from 0 to 1")
            continue
        records.append(
            {column: row.text(column) for column in columns}
            | {
                "p_value": printed.value,
                "p_operator": printed.operator,
                "starred": printed.starred,
                "decimals": printed.decimals,
            }
        )
    return _frame(records, columns)


def _baseline(sheet: Sheet | None, arms: pd.DataFrame) -> pd.DataFrame:
    columns = ["variable", "level", "arm", "mean", "sd", "count", "percent", "n"]
    columns += ["mean_step", "sd_step", "percent_step", "note", "source"]
    records = []
    seen: set[tuple[str, str, str]] = set()
    for row in sheet or ():
        row.required("variable")
        arm = row.choice("arm", list(arms.index))
        mean, sd = row.number("mean"), row.number("sd", above=0)
        percent = row.number("percent", low=0, high=100)
        n = row.number("n", low=1, whole=True)
        size = n.value if n is not None else float(arms.loc[arm, "n"]) if arm else float("inf")
        count = row.number("count", low=0, high=size, whole=True)
        if not any(row.text(name) for name in ("mean", "count", "percent")):
            row.bad("", "a mean, a count or a percentage")
        key = (row.text("variable"), row.text("level"), row.text("arm"))
        if key in seen:
            row.bad("variable", "each variable, level and arm once")
        seen.add(key)
        records.append(
            {name: row.text(name) for name in ("variable", "level", "arm", "note", "source")}
            | {
                "mean": _value(mean),
                "sd": _value(sd),
                "count": _value(count),
                "percent": _value(percent),
                "n": size,
                "mean_step": mean.step if mean else 0.0,
                "sd_step": sd.step if sd else 0.0,
                "percent_step": percent.step if percent else 0.0,
            }
        )
    return _frame(records, columns)


def _adverse(sheet: Sheet | None, arms: pd.DataFrame, visits: list[str]) -> pd.DataFrame:
    columns = ["visit", "reaction", "severity", "arm", "events", "n", "percent", "percent_step"]
    columns += ["note", "source"]
    records = []
    seen: set[tuple[str, str, str]] = set()
    for row in sheet or ():
        row.required("reaction")
        arm = row.choice("arm", list(arms.index))
        visit = row.choice("visit", visits)
        n = row.number("n", low=1, whole=True)
        size = n.value if n is not None else float(arms.loc[arm, "n"]) if arm else float("inf")
        row.required("events")
        events = row.number("events", low=0, high=size, whole=True)
        percent = row.number("percent", low=0, high=100)
        key = (row.text("reaction"), row.text("visit"), row.text("arm"))
        if key in seen:
            row.bad("reaction", "each visit, reaction and arm once")
        seen.add(key)
        if arm is None or visit is None or events is None:
            continue
        records.append(
            {name: row.text(name) for name in columns}
            | {
                "events": int(events.value),
                "n": int(size),
                "percent": _value(percent),
                "percent_step": percent.step if percent else 0.0,
            }
        )
    return _frame(records, columns)


def _external(sheet: Sheet | None, outcomes: Collection[str]) -> pd.DataFrame:
    columns = ["outcome", "reaction", "estimate", "se", "ci_low", "ci_high", "scale", "citation"]
    columns += ["note", "source"]
    records = []
    for row in sheet or ():
        row.choice("outcome", sorted(outcomes), blank=True)
        if bool(row.text("outcome")) == bool(row.text("reaction")):
            row.bad("outcome", "an outcome or a reaction, one of the two")
        row.required("estimate")
        row.required("citation")
        numbers = {name: row.number(name) for name in ("estimate", "se", "ci_low", "ci_high")}
        if numbers["se"] is None and (numbers["ci_low"] is None or numbers["ci_high"] is None):
            row.bad("se", "a standard error, or both ends of an interval")
        records.append(
            {name: row.text(name) for name in columns}
            | {name: _value(number) for name, number in numbers.items()}
        )
    return _frame(records, columns)
