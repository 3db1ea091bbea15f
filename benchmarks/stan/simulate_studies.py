"""Simulate the two studies of the validation that are neither printed nor examples elsewhere.

``python -m benchmarks.stan.simulate_studies`` writes them anew, byte by byte as committed.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from bayesasthma.validation.second_implementation import folder

STUDIES = folder() / "studies"
WEEKS = {"start": 0, "week4": 4, "week12": 12}
#: SDs and correlations of the patients: they spread as time goes by.
SDS = np.array([1.8, 2.0, 2.3])
CORRELATIONS = np.array([[1.0, 0.7, 0.5], [0.7, 1.0, 0.65], [0.5, 0.65, 1.0]])

HEADER = """\
# Simulated: no patient, no paper. benchmarks/stan/simulate_studies.py makes it.
title = "{title}"
citation = "Simulated data ({name}), bayesasthma validation."
design = "Simulated patients, parallel groups"
randomised = {randomised}
"""
OUTCOMES = """\
outcome,label,unit,domain,direction,mcid,mcid_kind,mcid_source
pain,Pain score,points,,lower,1,absolute,assumed for the example
"""


def write(
    home: Path,
    name: str,
    title: str,
    arms: dict[str, tuple[int, list[float]]],
    rows: list[tuple[str, str]],
    seed: int,
    *,
    randomised: bool,
) -> None:
    """One bundle: patients of every arm about its means, and what the table prints of them.

    Parameters
    ----------
    arms : dict
        Patients and population means (visit) by arm, the control first.
    rows : list of (visit, statistic)
    """
    rng = np.random.default_rng(seed)
    folder = home / name
    folder.mkdir(parents=True, exist_ok=True)
    lines = [HEADER.format(title=title, name=name, randomised=str(randomised).lower())]
    for i, (arm, (n, _)) in enumerate(arms.items()):
        role = "treatment" if i else "control"
        label = arm.replace("_", " ").capitalize()
        lines.append(f'[[arms]]\nid = "{arm}"\nlabel = "{label}"\nrole = "{role}"\nn = {n}\n')
    for visit, week in WEEKS.items():
        base = "baseline = true\n" if week == 0 else ""
        label = f"{week} weeks" if week else "Baseline"
        lines.append(f'[[visits]]\nid = "{visit}"\nlabel = "{label}"\nweek = {week}\n{base}')
    (folder / "study.toml").write_text("\n".join(lines), encoding="utf-8")
    (folder / "outcomes.csv").write_text(OUTCOMES, encoding="utf-8")
    root = np.linalg.cholesky(CORRELATIONS) * SDS[:, None]
    with (folder / "summaries.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["outcome", "arm", "visit", "statistic", "n", "mean", "sd"])
        for arm, (n, mean) in arms.items():
            level = np.array(mean) + rng.standard_normal((n, 3)) @ root.T
            values = {"level": level, "change": level - level[:, :1]}
            for visit, statistic in rows:
                own = values[statistic][:, list(WEEKS).index(visit)]
                printed = [f"{own.mean():.1f}", f"{own.std(ddof=1):.1f}"]
                writer.writerow(["pain", arm, visit, statistic, n, *printed])


def simulate(home: Path) -> None:
    """Write both into a folder."""
    write(
        home,
        "changes-beside-levels",
        "Simulated example: three arms, levels and SDs of change at two visits",
        {
            "control": (14, [6.0, 5.8, 5.6]),
            "low_dose": (12, [6.0, 5.2, 4.6]),
            "high_dose": (16, [6.0, 4.6, 3.6]),
        },
        [(v, "level") for v in WEEKS] + [(v, "change") for v in ("week4", "week12")],
        seed=20260101,
        randomised=True,
    )
    write(
        home,
        "baseline-then-changes",
        "Simulated example: a cohort, levels at baseline and changes from it",
        {"control": (15, [5.4, 5.3, 5.2]), "active": (13, [6.3, 5.0, 4.4])},
        [("start", "level"), ("week4", "change"), ("week12", "change")],
        seed=20260102,
        randomised=False,
    )


if __name__ == "__main__":
    simulate(STUDIES)
