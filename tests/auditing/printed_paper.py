"""A printed table in the making: simulated patients in, a bundle out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy import stats

from bayesasthma.study.bundle import load_study
from bayesasthma.study.study import Study

type Rng = np.random.Generator
ARM = '[[arms]]\nid = "{0}"\nlabel = "{0}"\nrole = "{1}"\nn = {2}\n'
VISIT = '[[visits]]\nid = "{0}"\nlabel = "{0}"\nweek = {1}\nbaseline = {2}\n'
METHODS = "[methods]\n"


@dataclass
class Paper:
    """A printed table in the making; `judged` says that its p can be recomputed."""

    arms: dict[str, int]
    judged: bool
    methods: str = ""
    design: str = "Randomised"
    rows: dict[str, list[str]] = field(default_factory=dict)

    def add(self, file: str, *cells: object) -> None:
        self.rows.setdefault(file, []).append(",".join(map(str, cells)))

    def mean(self, arm: str, visit: str, x: np.ndarray, statistic: str = "level") -> None:
        cells = ("score", arm, visit, statistic, len(x), f"{x.mean():.2f}", f"{x.std(ddof=1):.2f}")
        cells = (*cells, "")
        self.add("summaries", *cells)

    def test(self, kind: str, outcome: str, arm: str, visit: str, test: str, p: float) -> None:
        printed = f"{p:.3f}" if p >= 0.001 else "<0.001"
        self.add("tests", "T", kind, outcome, arm, visit, f'"{test}"', printed)

    def study(self, folder: Path) -> Study:
        text = f'title = "T"\ncitation = "C"\ndesign = "{self.design}"\nrandomised = true\n'
        for i, (arm, n) in enumerate(self.arms.items()):
            text += ARM.format(arm, "treatment" if i else "control", n)
        for i, visit in enumerate(("start", "end")):
            text += VISIT.format(visit, 12 * i, str(not i).lower())
        folder.mkdir(parents=True)
        (folder / "study.toml").write_text(text + METHODS + self.methods + "\n")
        (folder / "outcomes.csv").write_text("outcome,label,unit,direction\nscore,S,u,none\n")
        if "summaries" not in self.rows:
            for arm in self.arms:
                self.add("summaries", "score", arm, "start", "level", "", "10.0", "2.0", "")
        for file, rows in self.rows.items():
            (folder / f"{file}.csv").write_text("\n".join([HEADERS[file], *rows]) + "\n")
        return load_study(folder)


HEADERS = {
    "summaries": "outcome,arm,visit,statistic,n,mean,sd,note",
    "tests": "table,kind,outcome,arm,visit,test,p",
    "baseline": "variable,level,arm,count,percent,n",
    "adverse": "visit,reaction,arm,events,n,percent",
    "rates": "event,arm,visit,count,person_time",
}


def normal(rng: Rng, n: int, mean: float = 20.0, sd: float = 5.0) -> np.ndarray:
    return rng.normal(mean, sd, n)


def two(rng: Rng, judged: bool, **more: str) -> tuple[Paper, int, int]:
    a, b = (int(n) for n in rng.integers(12, 60, 2))
    return Paper({"control": a, "drug": b}, judged, **more), a, b


def before_after(rng: Rng, n: int, gain: float) -> tuple[np.ndarray, np.ndarray]:
    before = normal(rng, n)
    return before, 8 + 0.6 * before + gain + rng.normal(0, 3.5, n)


def least_squares_p(y: np.ndarray, *columns: np.ndarray) -> float:
    """p of the first column in an ordinary regression with an intercept."""
    x = np.column_stack([*columns, np.ones(len(y))])
    coefficients, *_ = np.linalg.lstsq(x, y, rcond=None)
    df = len(y) - x.shape[1]
    error = np.sum((y - x @ coefficients) ** 2) / df
    se = np.sqrt(error * np.linalg.inv(x.T @ x)[0, 0])
    return float(2 * stats.t.sf(abs(coefficients[0] / se), df))
