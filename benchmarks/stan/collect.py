"""Summarise the draws of the Stan runs into the answers that ship with the package.

``python -m benchmarks.stan.collect FOLDER`` reads what ``run.R`` wrote there, and writes
``stan_answers.csv`` (a row a parameter or estimand) and ``stan_runs.json`` (settings, versions,
diagnostics, checksums of programs and bundles).
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from benchmarks.stan.data import Run, studies
from tests.stan_answers import summary

HERE = Path(__file__).resolve().parent

#: Labels of one entry of a quantity: some of arm, visit, visit_b and reaction.
Labels = dict[str, str]
COLUMNS = [
    "study", "model", "prior", "baseline", "outcome", "reading", "kind", "quantity",
    "arm", "visit", "visit_b", "reaction",
    "mean", "sd", "q025", "q50", "q975", "p_positive",
    "mcse_mean", "mcse_sd", "mcse_q025", "mcse_q50", "mcse_q975",
    "ess_bulk", "ess_tail", "r_hat",
]  # fmt: skip
DIFFERENCES = ("difference", "standardised_difference")
MOMENTS = ("mean", "sd", "correlation")
#: Parameters that a flat prior has no use for: the program draws them from their own prior.
POOLING = (
    "pooling", "log_sd_level", "log_sd_visit", "log_sd_visit_scale", "log_sd_cell_scale",
)  # fmt: skip
PARAMETERS = (
    *POOLING, "baseline_level", "visit_step", "imbalance", "effect", "log_sd", "logit_rho",
    "z_deviation", "level", "overdispersion",
)  # fmt: skip


def program_hash(program: str) -> str:
    """SHA-256 of a Stan program without comments and white space."""
    text = (HERE / f"{program}.stan").read_text(encoding="utf-8")
    code = re.sub(r"\s+", " ", re.sub(r"//[^\n]*", "", text)).strip()
    return hashlib.sha256(code.encode()).hexdigest()


def grid(**dims: list[str]) -> list[Labels]:
    """Labels of every entry of an array with these dimensions, the first one fastest, as in R."""
    found: list[Labels] = [{}]
    for name, labels in reversed(dims.items()):
        found = [{name: label} | rest for rest in found for label in labels]
    return found


def table_labels(labels: Mapping[str, Any]) -> dict[str, list[Labels]]:
    """Labels of every quantity of ``longitudinal.stan``."""
    arms, visits, follow_up = (list(labels[name]) for name in ("arm", "visit", "follow_up"))
    treated, later = arms[1:], visits[1:]
    pairs = [
        {"visit": visits[i], "visit_b": visits[j]} for i in range(len(visits)) for j in range(i)
    ]
    return {
        "visit_step": grid(visit=later),
        "imbalance": grid(arm=treated, visit=visits[:1]),
        "effect": grid(arm=treated, visit=follow_up),
        "log_sd_visit": grid(visit=visits),
        "log_sd": grid(arm=arms, visit=visits),
        "z_deviation": pairs,
        "mean": grid(arm=arms, visit=visits),
        "sd": grid(arm=arms, visit=visits),
        "correlation": pairs,
        "difference": grid(arm=treated, visit=visits),
        "standardised_difference": grid(arm=treated, visit=visits),
        "adjusted_difference": grid(arm=treated, visit=later),
        "difference_in_change": grid(arm=treated, visit=later),
        "area_under_follow_up": grid(arm=treated, visit=visits[-1:]),
        "change": grid(arm=arms, visit=later),
        "share_improved": grid(arm=arms, visit=later),
    }


def count_labels(labels: Mapping[str, Any]) -> dict[str, list[Labels]]:
    """Labels of every quantity of ``adverse.stan``."""
    arms, reactions = list(labels["arm"]), list(labels["reaction"])
    cells = [dict(zip(("reaction", "arm", "visit"), cell, strict=True)) for cell in labels["cell"]]
    return {
        "level": grid(reaction=reactions),
        "log_odds_ratio": grid(reaction=reactions, arm=arms[1:]),
        "arm_rate": grid(reaction=reactions, arm=arms),
        "rate": cells,
        "risk_difference": cells,
    }


def quantities(run: Run, labels: Mapping[str, Any]) -> Callable[[str], tuple[str, Labels] | None]:
    """From a column of draws (``effect[1,2]``) to its name and labels; None if it says nothing."""
    adverse = bool(run.reading)
    known = count_labels(labels) if adverse else table_labels(labels)
    seen: dict[str, int] = {}

    def of(column: str) -> tuple[str, Labels] | None:
        name = column.split("[", maxsplit=1)[0].rstrip("_")
        position = seen.get(name, 0)
        seen[name] = position + 1
        if labels.get("flat") and name in POOLING:
            return None
        if name == "share_improved" and not labels.get("has_mcid"):
            return None
        own = known.get(name, [{}])[position]
        # arms that are alike at baseline have no difference there
        first = own.get("visit") == labels.get("visit", [None])[0]
        if name in DIFFERENCES and labels["baseline"] == "common" and first:
            return None
        if name == "risk_difference" and own["arm"] == labels["arm"][0]:
            return None
        return name, own

    return of


def rows(
    folder: Path, run: Run, labels: Mapping[str, Any], chains: int
) -> Iterator[dict[str, Any]]:
    """One row a quantity of one run."""
    draws = pd.read_csv(folder / f"{run.name}.draws.csv.gz")
    of = quantities(run, labels)
    for column in draws.columns:
        if (found := of(column)) is None:
            continue
        name, own = found
        kind = "parameter" if name in PARAMETERS else "moment" if name in MOMENTS else "estimand"
        yield {
            **asdict(run),
            "baseline": labels["baseline"],
            "kind": kind,
            "quantity": name,
            **own,
            **summary(draws[column].to_numpy().reshape(chains, -1)),
        }


def main() -> None:
    """Write both files."""
    folder = Path(sys.argv[1])
    record = json.loads((folder / "runs.json").read_text(encoding="utf-8"))
    table, done = [], []
    common: dict[str, Any] = {}
    for name, own in record.items():
        labels = own.pop("labels")
        if not (path := folder / f"{name}.sampler.json").exists():
            print(f"{name}: not sampled yet")
            continue
        run, sampler = Run(**own), json.loads(path.read_text(encoding="utf-8"))
        kept = list(rows(folder, run, labels, sampler["chains"]))
        table += kept
        fixed = ("stan", "rstan", "r", "chains", "warmup", "draws", "seed", "acceptance")
        common |= {key: sampler.pop(key) for key in fixed}
        sampler.pop("cores")
        worst = {
            "largest_r_hat": round(max(row["r_hat"] for row in kept), 4),
            "smallest_ess_bulk": round(min(row["ess_bulk"] for row in kept)),
            "smallest_ess_tail": round(min(row["ess_tail"] for row in kept)),
        }
        done.append(own | {"baseline": labels["baseline"]} | sampler | worst)
    frame = pd.DataFrame(table).reindex(columns=COLUMNS)
    frame.to_csv(
        folder() / "stan_answers.csv", index=False, float_format="%.6g", lineterminator="\n"
    )
    settings = common | {
        "programs": {f"{name}.stan": program_hash(name) for name in ("longitudinal", "adverse")},
        "studies": {name: study.checksums for name, study in studies().items()},
        "runs": done,
    }
    text = json.dumps(settings, indent=1) + "\n"
    (folder() / "stan_runs.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
