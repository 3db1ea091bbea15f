"""Agreement of the package's fits, default draws and seed, with the answers in Stan.

``python -m benchmarks.stan.compare`` (some minutes) fits every study of the answers and writes to
``benchmarks/results``

- ``stan_agreement.csv``: a row a model, quantity and summary with how far the two sides are apart,
  in Monte Carlo errors of both (``z``) and in posterior SDs;
- ``stan_agreement.json``: versions, the same over all and by study, and the comparisons that are
  farthest apart;
- ``stan_agreement.md``: the same as a page.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from benchmarks.stan.data import studies
from scipy import stats
from tests.stan_answers import FIT, STATISTICS, apart, beside

from bayesasthma import __version__
from bayesasthma.inference.adverse_fits import AdverseFit, fit_adverse
from bayesasthma.inference.fitting import Fit, fit_table
from bayesasthma.inference.sampling import SamplerOptions, versions
from bayesasthma.models.specification import table_spec
from bayesasthma.study.study import Study
from bayesasthma.validation.second_implementation import ENTRY, answers, runs

RESULTS = Path(__file__).resolve().parents[1] / "results"
OPTIONS = SamplerOptions()
#: Comparisons listed one by one.
FARTHEST = 10


def fits(study: Study, model: str, prior: str, part: pd.DataFrame) -> dict[str, Fit | AdverseFit]:
    """Our fits of what one study's answers are about, by outcome or reading."""
    if model == "hierarchical":
        found = fit_adverse(study, prior, OPTIONS, readings=list(part["reading"].unique()))
        return {own.spec.reading: own for own in found if own.spec.model == model}
    outcomes = list(part["outcome"].unique())
    return dict.fromkeys(
        outcomes, fit_table(study, table_spec(model, prior), OPTIONS, outcomes=outcomes)
    )


def comparisons() -> pd.DataFrame:
    """Every summary of every answer beside ours: a row each, ``z`` and ``sds`` apart."""
    known, expected, found = studies(), answers(), []
    for (study, model, prior), part in expected.groupby(["study", "model", "prior"], sort=False):
        own = fits(known[str(study)], str(model), str(prior), part)
        for name, fit in own.items():
            assert fit.gate.passed, (study, model, prior, name, fit.gate.failures)
            rows = part[(part["outcome"] == name) | (part["reading"] == name)]
            both = beside(fit, rows, name)
            assert both["mean_own"].notna().all(), both[both["mean_own"].isna()][ENTRY]
            for statistic in STATISTICS:
                differ = both[f"{statistic}_own"] - both[statistic]
                found.append(
                    both[[*FIT, "kind", *ENTRY]].assign(
                        statistic=statistic,
                        stan=both[statistic],
                        own=both[f"{statistic}_own"],
                        z=apart(both, statistic),
                        sds=differ / both["sd"],
                    )
                )
        print(study, model, prior, flush=True)
    return pd.concat(found, ignore_index=True)


def digest(z: pd.Series, sds: pd.Series) -> dict[str, float]:
    """Of many distances: what a standard normal would have 0, 1 and 0.05 of, and the largest."""
    return {
        "comparisons": len(z),
        "mean_z": round(float(z.mean()), 3),
        "sd_z": round(float(z.std(ddof=1)), 3) if len(z) > 1 else np.nan,
        "share_beyond_1.96": round(float((z.abs() > stats.norm.ppf(0.975)).mean()), 4),
        "largest_z": round(float(z.abs().max()), 2),
        "largest_sds": round(float(sds.abs().max()), 3),
    }


def page(record: dict[str, Any]) -> str:
    """Overall and by study, as Markdown."""
    lines = ["# The package's fits beside the second implementation in Stan", ""]
    lines += [
        "Distances in Monte Carlo errors of both sides (z: mean 0, SD 1 and 5 % beyond ±1.96 if",
        "nothing but chance parts them) and in posterior SDs. `python -m benchmarks.stan.compare`",
        "writes this page.",
    ]
    kinds = {
        "posterior mean": "mean",
        "posterior SD": "sd",
        "2.5 % quantile": "q025",
        "median": "q50",
        "97.5 % quantile": "q975",
    }
    for title, rows in (
        ("summary", {label: record["all"][own] for label, own in kinds.items()}),
        ("kind, means and SDs", record["by_kind"]),
        ("study, model, prior", record["by_study"]),
    ):
        head = [title, "comparisons", "mean z", "SD of z", "beyond ±1.96", "largest z"]
        lines += ["", f"| {' | '.join([*head, 'largest, SDs'])} |", "|---" * 7 + "|"]
        for label, own in rows.items():
            share = f"{100 * own['share_beyond_1.96']:.1f} %"
            numbers = [f"{own['comparisons']:,}", f"{own['mean_z']:.2f}", f"{own['sd_z']:.2f}"]
            last = [share, f"{own['largest_z']:.1f}", f"{own['largest_sds']:.2f}"]
            lines.append(f"| {' | '.join([label, *numbers, *last])} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fit, compare, write."""
    table = comparisons()
    groups = table.groupby(["model", "kind", "quantity", "statistic"], sort=False)
    rows = [
        dict(zip(("model", "kind", "quantity", "statistic"), key, strict=True))
        | digest(part["z"], part["sds"])
        for key, part in groups
    ]
    pd.DataFrame(rows).to_csv(RESULTS / "stan_agreement.csv", index=False, lineterminator="\n")
    order = table["z"].abs().sort_values(ascending=False).index[:FARTHEST]
    farthest = table.loc[order].round({"stan": 5, "own": 5, "z": 2, "sds": 3})
    settings = runs()
    record: dict[str, Any] = {
        "bayesasthma": __version__,
        "options": OPTIONS.record(),
        "versions": versions(),
        "stan": {key: settings[key] for key in ("stan", "rstan", "r", "seed", "programs")},
        "all": {own: digest(part["z"], part["sds"]) for own, part in table.groupby("statistic")},
        "by_study": {
            f"{study}, {model}, {prior}": digest(part["z"], part["sds"])
            for (study, model, prior), part in table.groupby(
                ["study", "model", "prior"], sort=False
            )
        },
        "by_kind": {
            f"{model}, {kind}": digest(part["z"], part["sds"])
            for (model, kind), part in table[table["statistic"].isin(["mean", "sd"])].groupby(
                ["model", "kind"], sort=False
            )
        },
        "farthest": [
            {key: own for key, own in row.items() if own != ""}
            for row in farthest.to_dict(orient="records")
        ],
    }
    text = json.dumps(record, indent=1) + "\n"
    (RESULTS / "stan_agreement.json").write_text(text, encoding="utf-8")
    (RESULTS / "stan_agreement.md").write_text(page(record), encoding="utf-8")
    print(page(record))


if __name__ == "__main__":
    main()
