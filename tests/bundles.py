"""Small bundles of simulated patients, written to a folder, for any test that reads one."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OUTCOME = ("outcome", "label", "unit", "domain", "direction", "mcid", "mcid_kind", "mcid_source")
SUMMARY = ("outcome", "arm", "visit", "statistic", "n", "mean", "sd")


def write_rows(path: Path, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([columns, *rows])


def write_toml(
    folder: Path,
    arms: Mapping[str, int],
    weeks: Mapping[str, float],
    baseline: str | None,
    extra: str = "",
) -> None:
    """Write ``study.toml``; the first arm is the control."""
    lines = [
        'title = "Simulated patients"',
        'citation = "Nobody, 2000."',
        'design = "Simulated"',
        "randomised = true",
        extra,
    ]
    for i, (arm, n) in enumerate(arms.items()):
        role = "treatment" if i else "control"
        lines += ["[[arms]]", f'id = "{arm}"', f'label = "{arm.title()}"', f'role = "{role}"']
        lines += [f"n = {n}"]
    for visit, week in weeks.items():
        lines += ["[[visits]]", f'id = "{visit}"', f'label = "Week {week:g}"', f"week = {week}"]
        lines += [f"baseline = {str(visit == baseline).lower()}"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "study.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def simulate(
    rng: np.random.Generator, n: int, mean: Sequence[float], sd: float, correlation: float
) -> np.ndarray:
    """Patients by visits, multivariate normal, exchangeable correlation."""
    visits = len(mean)
    shared = np.full((visits, visits), correlation) + (1 - correlation) * np.eye(visits)
    # by Cholesky: singular vectors of equal singular values are whatever the machine finds
    return rng.multivariate_normal(np.asarray(mean), sd**2 * shared, n, method="cholesky")


def one_visit(folder: Path, seed: int = 0) -> Path:
    """Two arms, one visit, no baseline; means and SDs to one decimal."""
    rng = np.random.default_rng(seed)
    write_toml(folder, {"placebo": 24, "drug": 27}, {"end": 12}, None)
    write_rows(
        folder / "outcomes.csv", OUTCOME, [("score", "Score", "points", "", "higher", "", "", "")]
    )
    rows = []
    for arm, n, mean in (("placebo", 24, 20.0), ("drug", 27, 23.0)):
        patients = simulate(rng, n, [mean], 4.0, 0.0)[:, 0]
        rows.append(
            ("score", arm, "end", "", "", f"{patients.mean():.1f}", f"{patients.std(ddof=1):.1f}")
        )
    write_rows(folder / "summaries.csv", SUMMARY, rows)
    return folder


def three_arms(folder: Path, seed: int = 0) -> Path:
    """Three arms, three visits, two outcomes, n that differs by cell and rows of change.

    `symptoms` has levels and changes from baseline in every arm, at the same n, so that each
    printed SD of change gives a correlation with baseline. `flow` has levels alone; the high dose
    has no cell at week 8, and the control loses patients.
    """
    rng = np.random.default_rng(seed)
    arms = {"control": 25, "low": 24, "high": 26}
    visits = {"start": 0, "week4": 4, "week8": 8}
    write_toml(folder, arms, visits, "start")
    outcomes = [
        ("symptoms", "Symptoms", "points", "symptoms", "lower", "0.5", "absolute", "assumed"),
        ("flow", "Peak flow", "l/min", "lung function", "higher", "0.1", "relative", "assumed"),
    ]
    write_rows(folder / "outcomes.csv", OUTCOME, outcomes)
    rows: list[tuple[object, ...]] = []
    for shift, (arm, n) in enumerate(arms.items()):
        values = simulate(rng, n, [3.0, 2.6 - 0.3 * shift, 2.4 - 0.4 * shift], 1.0, 0.6)
        change = values - values[:, :1]
        for t, visit in enumerate(visits):
            rows.append(_summary("symptoms", arm, visit, "level", values[:, t], 2))
            if t:
                rows.append(_summary("symptoms", arm, visit, "change", change[:, t], 2))
        values = simulate(rng, n, [300.0, 310.0 + 10 * shift, 315.0 + 12 * shift], 60.0, 0.8)
        for t, visit in enumerate(visits):
            if (arm, visit) == ("high", "week8"):
                continue
            stay = n - 2 * t if arm == "control" else n
            rows.append(_summary("flow", arm, visit, "level", values[:stay, t], 0))
    write_rows(folder / "summaries.csv", SUMMARY, rows)
    adverse = [
        (visit, "headache", arm, events)
        for visit in ("week4", "week8")
        for arm, events in (("control", 4), ("low", 3), ("high", 1))
    ]
    write_rows(folder / "adverse.csv", ("visit", "reaction", "arm", "events"), adverse)
    return folder


def complete(folder: Path, seed: int = 0) -> Path:
    """Two arms, three visits, five outcomes of the same patients, every cell printed as a level.

    Two domains of two outcomes with a direction each, and an outcome without one. Patients who do
    well on one outcome do well on the others.
    """
    rng = np.random.default_rng(seed)
    arms, visits = {"control": 22, "active": 25}, {"start": 0, "week6": 6, "week12": 12}
    write_toml(folder, arms, visits, "start")
    outcomes = [
        ("symptoms", "Symptoms", "points", "control", "lower", "0.5", "absolute", "assumed"),
        ("score", "Score", "points", "control", "higher", "", "", ""),
        ("flow", "Peak flow", "l/min", "lung function", "higher", "", "", ""),
        ("volume", "Volume", "l", "lung function", "higher", "", "", ""),
        ("marker", "Marker", "U/l", "blood", "none", "", "", ""),
    ]
    write_rows(folder / "outcomes.csv", OUTCOME, outcomes)
    levels = {"symptoms": (3, -1), "score": (18, 3), "flow": (300, 60), "volume": (2.5, 0.6)}
    rows: list[tuple[object, ...]] = []
    for shift, (arm, n) in enumerate(arms.items()):
        shared = simulate(rng, n, [0.0, 0.0, 0.0], 0.6, 0.7)
        for outcome, (level, unit) in (levels | {"marker": (100, 30)}).items():
            gain = np.array([0.0, 0.3, 0.5]) * shift * (outcome != "marker")
            own = simulate(rng, n, [0.0, 0.0, 0.0], 0.8, 0.6)
            values = level + unit * (own + gain + shared * (outcome != "marker"))
            for t, visit in enumerate(visits):
                rows.append(_summary(outcome, arm, visit, "level", values[:, t], 3))
    write_rows(folder / "summaries.csv", SUMMARY, rows)
    return folder


def _summary(
    outcome: str, arm: str, visit: str, statistic: str, values: np.ndarray, decimals: int
) -> tuple[object, ...]:
    mean, sd = values.mean(), values.std(ddof=1)
    printed = (f"{mean:.{decimals}f}", f"{sd:.{decimals}f}")
    return (outcome, arm, visit, statistic, len(values), *printed)


def patient_level(folder: Path, seed: int = 0, *, missing: float = 0.1) -> Path:
    """Patients of two arms at a baseline and two visits, two outcomes, some values missing."""
    rng = np.random.default_rng(seed)
    arms, visits = {"control": 20, "active": 22}, {"start": 0, "week6": 6, "week12": 12}
    write_toml(folder, arms, visits, "start")
    outcomes = [
        ("symptoms", "Symptoms", "points", "", "lower", "", "", ""),
        ("flow", "Peak flow", "l/min", "", "higher", "", "", ""),
    ]
    write_rows(folder / "outcomes.csv", OUTCOME, outcomes)
    rows: list[tuple[object, ...]] = []
    for shift, (arm, n) in enumerate(arms.items()):
        symptoms = simulate(rng, n, [3.0, 2.5 - 0.4 * shift, 2.3 - 0.5 * shift], 1.0, 0.6)
        flow = simulate(rng, n, [300.0, 310.0, 315.0 + 20 * shift], 60.0, 0.8)
        for i in range(n):
            for t, visit in enumerate(visits):
                cells = [
                    "" if t and rng.random() < missing else f"{value:.3f}"
                    for value in (symptoms[i, t], flow[i, t])
                ]
                rows.append((f"{arm}{i + 1}", arm, visit, *cells))
    write_rows(folder / "patients.csv", ("patient", "arm", "visit", "symptoms", "flow"), rows)
    return folder


def changes_alone(folder: Path, seed: int = 0, *, randomised: bool) -> Path:
    """Two arms at a baseline and two visits: `score` as changes alone, `flow` as levels."""
    rng = np.random.default_rng(seed)
    arms, visits = {"control": 20, "active": 22}, {"start": 0, "week6": 6, "week12": 12}
    write_toml(folder, arms, visits, "start")
    file = folder / "study.toml"
    said = f"randomised = {str(randomised).lower()}"
    file.write_text(file.read_text(encoding="utf-8").replace("randomised = true", said))
    outcomes = [
        ("score", "Score", "points", "", "higher", "", "", ""),
        ("flow", "Peak flow", "l/min", "", "higher", "", "", ""),
    ]
    write_rows(folder / "outcomes.csv", OUTCOME, outcomes)
    rows: list[tuple[object, ...]] = []
    for arm, n in arms.items():
        score = simulate(rng, n, [18.0, 19.0, 20.0], 3.0, 0.6)
        flow = simulate(rng, n, [300.0, 310.0, 315.0], 60.0, 0.8)
        for t, visit in enumerate(visits):
            rows.append(_summary("flow", arm, visit, "level", flow[:, t], 0))
            if t:
                rows.append(_summary("score", arm, visit, "change", score[:, t] - score[:, 0], 2))
    write_rows(folder / "summaries.csv", SUMMARY, rows)
    return folder
