"""A commented scaffold of a bundle, to be filled in from a paper."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pandas as pd

from bayesasthma.errors import UsageError
from bayesasthma.study.bundle import COLUMNS
from bayesasthma.study.study import Study

#: What a title and the like begin with where they are not known yet.
TO_FILL_IN = "TO FILL IN"
EXAMPLE_TITLE, EXAMPLE_CITATION = "Title of the paper", "First author et al. Journal, year."

STUDY = """\
# One study. Texts stand in quotes; lines that begin with # are comments.
# Every number below, and in the CSV files beside this one, is an example to be replaced.
title = "Title of the paper"
citation = "First author et al. Journal, year."
design = "Randomised, double-blind, two parallel groups, 24 weeks"
randomised = true
# Where the paper prints decimal commas:
# decimal = ","
# Where the number beside a mean in one cell (summaries.csv, column value) is a standard error:
# value_is = "se"
# Columns of patients.csv that the models adjust for (optional; only with patient-level data):
# covariates = ["age", "sex"]

# One [[arms]] table per arm. Exactly one is the control: an effect is always treatment - control.
# n is the number of patients; a row of a CSV file may give another n of its own.
[[arms]]
id = "control"
label = "Placebo"
role = "control"
n = 20

[[arms]]
id = "active"
label = "Active treatment"
role = "treatment"
n = 21

# One [[visits]] table per visit, in the order of the weeks. The baseline, if any, comes first.
[[visits]]
id = "baseline"
label = "Baseline"
week = 0
baseline = true

[[visits]]
id = "week24"
label = "24 weeks"
week = 24

# What the paper says of its methods (optional; the audit reads it).
[methods]
between = "Student t"
categorical = ["chi-square", "Fisher exact"]
alpha = 0.05
primary = ["act"]

# Exclusion criteria that Table 1 can be read against (optional): a variable of baseline.csv and a
# level of it.
[[exclusions]]
criterion = "active smoking"
variable = "smoking"
level = "current"
"""

#: Example rows, by file and column. A file without any is written with its header alone.
ROWS: dict[str, list[dict[str, str]]] = {
    "outcomes.csv": [
        {
            "outcome": "act",
            "label": "Asthma Control Test (ACT)",
            "unit": "points",
            "direction": "higher",
            "domain": "control and quality of life",
            "mcid": "3",
            "mcid_kind": "absolute",
            "mcid_source": "Schatz 2009 (PMID 19767070)",
            "minimum": "5",
            "maximum": "25",
            "items": "5",
        }
    ],
    "summaries.csv": [
        {"outcome": "act", "arm": arm, "visit": visit, "statistic": "level", "mean": mean, "sd": sd}
        for arm, visit, mean, sd in (
            ("control", "baseline", "16.5", "4.1"),
            ("active", "baseline", "16.3", "4.0"),
            ("control", "week24", "17.9", "4.2"),
            ("active", "week24", "19.6", "3.9"),
        )
    ],
    "tests.csv": [
        {"table": "Table 2", "kind": "between", "outcome": "act", "visit": "week24", "p": "0.19"}
    ],
    "baseline.csv": [
        {"variable": "smoking", "level": "current", "arm": arm, "count": count, "percent": percent}
        for arm, count, percent in (("control", "0", "0.0"), ("active", "0", "0.0"))
    ],
    "adverse.csv": [
        {"visit": "week24", "reaction": "local", "arm": arm, "events": events, "percent": percent}
        for arm, events, percent in (("control", "4", "20.0"), ("active", "2", "9.5"))
    ],
    "differences.csv": [],
    "correlations.csv": [],
    "rates.csv": [],
    "missing.csv": [],
    "claims.csv": [],
    "external.csv": [],
}

GUIDE = """\
# A study bundle

Fill in `study.toml` and the CSV files, then run `bayesasthma study check` on this folder: it names
what is still an example or to be filled in. `study.toml`, `outcomes.csv` and `summaries.csv` (or
`patients.csv`) are needed; the others may be deleted.

- Copy numbers as they are printed: `1.50` is not `1.5`, since the last place tells the rounding.
- Decimals have a point, unless `study.toml` says `decimal = ","`. In one cell the number beside a
  mean is its SD, unless `study.toml` says `value_is = "se"` or the row's `value_is` says otherwise;
  two numbers in brackets are a confidence interval.
- A cell is blank where nothing is printed; a row is left out where a whole cell of the table is
  missing.
- `note` and `source` (such as "Table 2") may be added to any file.

| file | one row per | columns (needed ones in bold) |
|---|---|---|
"""

WHAT = {
    "outcomes.csv": "outcome; `direction` is higher, lower or none (which way is better)",
    "summaries.csv": (
        "outcome, arm and visit; `statistic` is level, change (from baseline), geometric_mean or "
        "median; `value` as printed (`16.8 ± 4.3`, `16.8 (15.1 to 18.5)`), or mean with one of "
        "sd, se and an interval (`ci_low`, `ci_high`; `ci_prob` if not 0.95)"
    ),
    "differences.csv": (
        "printed difference between a treated arm and the control; `adjusted_for` is baseline (an "
        "analysis of covariance on the outcome's baseline), none, or what else"
    ),
    "correlations.csv": "pair of visits: a published within-patient correlation",
    "tests.csv": (
        "printed p-value, as printed (`<0.01`, `*0.02`, `NS`); `kind` is between, within or "
        "interaction"
    ),
    "baseline.csv": "row of Table 1 and arm; `value` as printed (`45.3 ± 8.4`, `10/18 (55.6%)`)",
    "adverse.csv": (
        "visit, reaction and arm: patients with the reaction, as printed (`4`, `4/20 (20.0%)`)"
    ),
    "rates.csv": (
        "event and arm, with the number of events and the person-time; `rate` is per `per` (1 if "
        "blank) of that time, `ratio` the arm's rate over the control's"
    ),
    "missing.csv": (
        "arm and visit after the baseline: the number of patients who had left by then, of "
        "`started` (the arm's n if blank)"
    ),
    "claims.csv": "statement about a result in the text",
    "external.csv": "piece of evidence from elsewhere, on an outcome or a reaction",
    "patients.csv": (
        "patient and visit, with a column per outcome (and per covariate that `study.toml` names): "
        "in place of summaries.csv"
    ),
}


def write_template(folder: str | Path) -> list[Path]:
    """Write a bundle of example rows, which passes the check as it is.

    Parameters
    ----------
    folder : str or Path
        Made if need be.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    UsageError
        If the folder is not empty, is a file, or cannot be written to; then nothing is left in it.
    """
    texts = {"study.toml": STUDY}
    texts |= {name: _csv(name, rows) for name, rows in ROWS.items()}
    return write_files(Path(folder), texts)


def write_files(folder: Path, texts: dict[str, str]) -> list[Path]:
    """Write a bundle's files and the guide to them into a new or empty folder.

    Raises
    ------
    UsageError
        If the folder is not empty, is a file, or cannot be written to; then nothing is left in it.
    """
    existed = folder.exists()
    if existed and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{str(folder)!r} exists and is not an empty folder")
    texts = texts | {"README.md": GUIDE + "".join(_described(name) for name in COLUMNS)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        _undo(folder, texts, existed)
        raise UsageError(f"cannot write to {str(folder)!r}: {error.strerror}") from error
    return [folder / name for name in texts]


def unfinished(study: Study) -> list[tuple[str, str]]:
    """Where a bundle still has a scaffold's examples, or a text to be filled in: file and words."""
    found = []
    if study.title == EXAMPLE_TITLE or study.citation == EXAMPLE_CITATION:
        found.append(("study.toml", "title or citation is the scaffold's example"))
    texts = {"title": study.title, "citation": study.citation, "design": study.design}
    texts |= {f"label of {arm}": str(label) for arm, label in study.arms["label"].items()}
    found += [
        ("study.toml", f"{name}: {text}")
        for name, text in texts.items()
        if text.startswith(TO_FILL_IN)
    ]
    for outcome, row in study.outcomes.iterrows():
        texts = {name: str(row.get(name) or "") for name in ("label", "unit")}
        found += [
            ("outcomes.csv", f"{outcome}, {name}: {text}")
            for name, text in texts.items()
            if text.startswith(TO_FILL_IN)
        ]
    frames = {
        "summaries.csv": study.summaries,
        "tests.csv": study.tests,
        "baseline.csv": study.baseline,
        "adverse.csv": study.adverse,
    }
    for file, frame in frames.items():
        rows = [row for row in ROWS[file] if len(frame) and _among(row, frame)]
        if rows and len(rows) == len(ROWS[file]):
            found.append((file, f"{len(rows)} rows are the scaffold's examples"))
    return found


def _among(row: dict[str, str], frame: pd.DataFrame) -> bool:
    """Whether a frame has a row of these texts and numbers."""
    same = pd.Series(True, index=frame.index)
    for name, text in row.items():
        if name not in frame:
            return False
        numeric = pd.api.types.is_numeric_dtype(frame[name])
        same &= frame[name] == (float(text) if numeric else text)
    return bool(same.any())


def _undo(folder: Path, names: Iterable[str], existed: bool) -> None:
    """Leave no half of a bundle behind."""
    with suppress(OSError):
        for name in names:
            (folder / name).unlink(missing_ok=True)
        if not existed:
            folder.rmdir()


def _csv(name: str, rows: list[dict[str, str]]) -> str:
    # No example has a comma or a quote in it, and the test of the scaffold would find one.
    columns = [*COLUMNS[name][0], *COLUMNS[name][1], "source"]
    lines = [columns, *([row.get(column, "") for column in columns] for row in rows)]
    return "".join(",".join(line) + "\n" for line in lines)


def _described(name: str) -> str:
    required, optional = COLUMNS[name]
    columns = [f"**{column}**" for column in required] + list(optional)
    return f"| `{name}` | {WHAT[name]} | {', '.join(columns)} |\n"
