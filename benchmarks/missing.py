"""Patients who left by a known rule: the effect over all who started, its bias and coverage.

Patients of a randomised study (60 and 60; weeks 0, 12, 24 and 48; unit SDs, any two visits
correlated 0.6) leave for good, more of them under the treatment. What would have been of them is
known, and so is the effect over all who started. The printed table has the means of those still
there; each simulated study is one outcome of a bundle, so that one fit does for all of a rule.

    python benchmarks/missing.py     # writes benchmarks/results/missing.csv
"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

import bayesasthma as ba
from bayesasthma.results.leaver_cells import LeaverCell, leaver_cells
from bayesasthma.study.left_patients import LeftPatients, left_patients

ROOT = Path(__file__).parents[1]
SIZE, SEED, DELTA, CORRELATION = 60, 20250711, 1.0, 0.6
WEEKS = {"week0": 0, "week12": 12, "week24": 24, "week48": 48}
MEANS = np.array([[0.0, 0.1, 0.2, 0.2], [0.0, 0.4, 0.7, 0.9]])
#: Chance of leaving after each visit, by arm.
HAZARD = np.array([0.05, 0.10])
#: How patients leave and what becomes of them.
RULES = {
    "alike": "leave at random and go on as the others",
    "worse": f"leave at random, of both arms, and are worse by {DELTA:g} SD from then on",
    "jump to reference": "leave at random; those treated have the control's mean from then on",
    "copy increments in reference": (
        "leave at random; those treated keep their effect and change as the control from then on"
    ),
    "copy reference": (
        "leave at random; those treated follow the control arm, given what was seen of them"
    ),
    "by the last value": "leave the likelier the worse they were last, and go on as the others",
}
ALIKE, WORSE = "alike", "worse"


def correlation() -> np.ndarray:
    """Of a patient's values."""
    return CORRELATION + (1 - CORRELATION) * np.eye(len(WEEKS))


def simulate(rule: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float, float]:
    """One study: values and who is gone (arm, patient, visit); realised and population truth.

    The truths are differences between the arms at the last visit over all who started: with the
    share that left in this study, and with the share expected to leave.
    """
    factor = np.linalg.cholesky(correlation())
    noise = rng.normal(size=(2, SIZE, len(WEEKS))) @ factor.T
    values = MEANS[:, None, :] + noise
    last = np.full((2, SIZE), len(WEEKS) - 1)  # the last visit seen
    for visit in range(len(WEEKS) - 1):
        chance = np.broadcast_to(HAZARD[:, None], last.shape)
        if rule == "by the last value":
            odds = chance / (1 - chance) * np.exp(-1.0 * noise[..., visit])
            chance = odds / (1 + odds)
        leaves = (rng.random(last.shape) < chance) & (last > visit)
        last = np.where(leaves, visit, last)
    gone = np.arange(len(WEEKS)) > last[..., None]
    end = len(WEEKS) - 1
    shares = np.array([[(last[g] == d).mean() for d in range(end)] for g in range(2)])
    expected = HAZARD[:, None] * (1 - HAZARD[:, None]) ** np.arange(end)
    truths = [effect(rule, own) for own in (shares, expected)]
    return values, gone, truths[0], truths[1]


def effect(rule: str, shares: np.ndarray) -> float:
    """Effect at the last visit over all who started, by shares (arm, last visit seen)."""
    own = MEANS[1] - MEANS[0]
    whole = float(own[-1])
    if rule == "worse":
        return whole - DELTA * float(shares[1].sum() - shares[0].sum())
    kept = {
        "jump to reference": np.zeros(len(own) - 1),
        "copy increments in reference": own[:-1],
        "copy reference": np.array([_carried(own, d) for d in range(len(own) - 1)]),
    }
    if rule not in kept:
        return whole
    return whole * (1 - float(shares[1].sum())) + float(shares[1] @ kept[rule])


def _carried(own: np.ndarray, last: int) -> float:
    """What a copied reference leaves of the effect of those last seen at a visit."""
    matrix = correlation()
    seen = slice(0, last + 1)
    return float(np.linalg.solve(matrix[seen, seen], matrix[seen, -1]) @ own[seen])


def bundle(folder: Path, rule: str, replicates: int) -> tuple[Path, pd.DataFrame]:
    """Write the tables of those still there as one bundle; the truth by outcome."""
    rng = np.random.default_rng([SEED, list(RULES).index(rule)])
    folder.mkdir()
    lines = ['title = "Simulated"', 'citation = "None"', "randomised = true"]
    arms = ("control", "treated")
    for arm, role in zip(arms, ("control", "treatment"), strict=True):
        lines += ["[[arms]]", f'id = "{arm}"', f'role = "{role}"', f"n = {SIZE}"]
    for visit, week in WEEKS.items():
        baseline = str(week == 0).lower()
        lines += ["[[visits]]", f'id = "{visit}"', f"week = {week}", f"baseline = {baseline}"]
    (folder / "study.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows, truth = [], {}
    for replicate in range(replicates):
        values, gone, *truths = simulate(rule, rng)
        name = f"r{replicate}"
        truth[name] = truths
        for g, arm in enumerate(arms):
            for t, visit in enumerate(WEEKS):
                seen = values[g, ~gone[g, :, t], t]
                rows.append((name, arm, visit, len(seen), seen.mean(), seen.std(ddof=1)))
    write(folder / "summaries.csv", ("outcome", "arm", "visit", "n", "mean", "sd"), rows)
    header = ("outcome", "label", "unit", "direction")
    write(folder / "outcomes.csv", header, [(k, k, "SD", "higher") for k in truth])
    return folder, pd.DataFrame(truth, index=["realised", "expected"]).T


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def assumptions(cell: LeaverCell) -> dict[str, np.ndarray]:
    """Draws of the effect over all who started, by what is assumed of those who left."""
    worse = cell.effect - DELTA * cell.weight("both")
    return {ALIKE: cell.effect, WORSE: worse} | cell.reference_based


def judged(fit: ba.Fit, left: LeftPatients, truth: pd.Series, drawn: bool) -> pd.DataFrame:
    """Error, width and coverage of every study at the last visit, by assumption."""
    rows = [
        (
            name,
            float(draws.mean()) - truth[cell.outcome],
            *np.quantile(draws, [0.025, 0.975]),
            truth[cell.outcome],
        )
        for cell in leaver_cells(fit, left, uncertain=drawn)
        if cell.visit == list(WEEKS)[-1]
        for name, draws in assumptions(cell).items()
    ]
    table = pd.DataFrame(rows, columns=["assumed", "error", "low", "high", "truth"])
    table["covered"] = (table["low"] <= table["truth"]) & (table["truth"] <= table["high"])
    table["width"] = table["high"] - table["low"]
    own = table.groupby("assumed", sort=False)
    return pd.DataFrame(
        {
            "bias": own["error"].mean(),
            "bias_se": own["error"].sem(),
            "coverage": own["covered"].mean(),
            "width": own["width"].mean(),
            "studies": own.size(),
        }
    ).reset_index()


def main() -> None:
    """Simulate and fit by rule; write bias and coverage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--replicates", type=int, default=60)
    parser.add_argument("--draws", type=int, default=400)
    asked = parser.parse_args()
    options = ba.SamplerOptions(draws=asked.draws, tune=300, chains=2, seed=1)
    found = []
    with tempfile.TemporaryDirectory() as temporary:
        for rule in RULES:
            path, truth = bundle(Path(temporary) / rule.replace(" ", "_"), rule, asked.replicates)
            study = ba.load_study(path)
            fit = ba.fit(study, "longitudinal", "reference", rounding=False, options=options)
            left = left_patients(study)
            assert isinstance(fit, ba.Fit)
            assert left is not None
            for drawn, of in ((False, "realised"), (True, "expected")):
                own = judged(fit, left, truth[of], drawn)
                own.insert(0, "shares", "drawn" if drawn else "known")
                own.insert(0, "rule", rule)
                found.append(own)
            print(rule, fit.seconds, fit.gate.failures or "gate passed", flush=True)
            table = pd.concat(found)
            results = ROOT / "benchmarks" / "results" / "missing.csv"
            table.to_csv(results, index=False, float_format="%.3f")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
