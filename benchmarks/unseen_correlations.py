"""What the correlations that a table does not print cost: interval widths on simulated studies.

Patients of two arms (18 and 19, as in the bundled study) at weeks 0, 12, 24 and 48 are simulated
with one true correlation between any two visits, and analysed four times: as printed means and SDs,
with the correlations with baseline (as SDs of change give them), with all correlations, and as
patients. Each simulated study is one outcome of a bundle, so that four fits do for all.

    python benchmarks/unseen_correlations.py     # writes benchmarks/results and docs/figures

"""

from __future__ import annotations

import argparse
import csv
import tempfile
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

import bayesasthma as ba
from bayesasthma.plots import interval_width
from bayesasthma.plots.information import relative_widths

ROOT = Path(__file__).parents[1]
CORRELATIONS, REPLICATES, SEED = (0.2, 0.4, 0.6, 0.8, 0.9), 8, 20250711
SIZES = {"control": 18, "treated": 19}
WEEKS = {"week0": 0, "week12": 12, "week24": 24, "week48": 48}
EFFECT = (0.0, 0.3, 0.5, 0.5)  # in SDs


def simulate() -> pd.DataFrame:
    """Patients: a row per patient and visit, a column per simulated study."""
    rng = np.random.default_rng(SEED)
    index = pd.MultiIndex.from_tuples(
        [
            (f"{arm}{i + 1}", arm, visit)
            for arm, n in SIZES.items()
            for i in range(n)
            for visit in WEEKS
        ],
        names=["patient", "arm", "visit"],
    )
    columns = {}
    for correlation in CORRELATIONS:
        matrix = np.full((4, 4), correlation) + (1 - correlation) * np.eye(4)
        for replicate in range(REPLICATES):
            arms = [
                rng.multivariate_normal(g * np.array(EFFECT), matrix, n)
                for g, n in enumerate(SIZES.values())
            ]
            name = f"r{100 * correlation:.0f}_{replicate}"
            columns[name] = np.concatenate([values.ravel() for values in arms])
    return pd.DataFrame(columns, index)


def bundle(folder: Path, patients: pd.DataFrame, information: str) -> Path:
    """Write what is known of the patients as a bundle."""
    folder.mkdir()
    lines = ['title = "Simulated"', 'citation = "None"', "randomised = true"]
    for i, (arm, n) in enumerate(SIZES.items()):
        role = "treatment" if i else "control"
        lines += ["[[arms]]", f'id = "{arm}"', f'role = "{role}"', f"n = {n}"]
    for visit, week in WEEKS.items():
        baseline = str(week == 0).lower()
        lines += ["[[visits]]", f'id = "{visit}"', f"week = {week}", f"baseline = {baseline}"]
    (folder / "study.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    header = ("outcome", "label", "unit", "direction")
    write(folder / "outcomes.csv", header, [(k, k, "SD", "higher") for k in patients])
    if information == "patients":
        patients.reset_index().to_csv(folder / "patients.csv", index=False)
        return folder
    grouped = patients.groupby(["arm", "visit"], sort=False)
    mean, sd = grouped.mean(), grouped.std()
    write(
        folder / "summaries.csv",
        ("outcome", "arm", "visit", "mean", "sd"),
        [(k, *cell, mean.loc[cell, k], sd.loc[cell, k]) for k in patients for cell in mean.index],
    )
    if information != "summary":
        rows = []
        for outcome in patients:
            for arm in SIZES:
                r = patients[outcome].xs(arm, level="arm").unstack("visit").corr()
                pairs = list(combinations(WEEKS, 2))  # those with baseline first
                known = pairs if information == "correlations" else pairs[: len(WEEKS) - 1]
                rows += [(outcome, arm, a, b, r.loc[a, b]) for a, b in known]
        header = ("outcome", "arm", "visit_1", "visit_2", "correlation")
        write(folder / "correlations.csv", header, rows)
    return folder


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])


def main() -> None:
    """Simulate, fit four times, write the widths and the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=1000)
    options = ba.SamplerOptions(draws=parser.parse_args().draws, tune=1000, chains=4, seed=1)
    patients, rows = simulate(), []
    with tempfile.TemporaryDirectory() as temporary:
        for information in ("summary", "baseline", "correlations", "patients"):
            study = ba.load_study(bundle(Path(temporary) / information, patients, information))
            fit = ba.fit(study, "longitudinal", rounding=False, options=options)
            assert isinstance(fit, ba.Fit)
            table = ba.effects(fit)
            last = table[
                (table["estimand"] == "adjusted_difference") & (table["visit"] == "week48")
            ]
            for row in last.itertuples():
                correlation, replicate = row.outcome.removeprefix("r").split("_")
                width = row.ci_high - row.ci_low
                rows.append((int(correlation) / 100, int(replicate), information, width, row.gate))
            print(information, fit.seconds, fit.gate.failures or "gate passed", flush=True)
    columns = ["correlation", "replicate", "information", "width", "gate"]
    widths = pd.DataFrame(rows, columns=columns)
    results, figures = ROOT / "benchmarks" / "results", ROOT / "docs" / "figures"
    for folder in (results, figures):
        folder.mkdir(parents=True, exist_ok=True)
    widths.to_csv(results / "unseen_correlations.csv", index=False, float_format="%.4f")
    interval_width(widths).savefig(figures / "unseen_correlations.svg", metadata={"Date": None})
    print(np.exp(np.log(relative_widths(widths)).groupby("correlation").mean()).round(3))


if __name__ == "__main__":
    main()
