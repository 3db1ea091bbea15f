"""What the calibration that ships with the package says about the models of a report."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pandas as pd

from bayesasthma.calibration.cases import CASES
from bayesasthma.calibration.proof import stale

#: The quantity a reader asks about first, by model.
HEADLINES = {
    "longitudinal": "adjusted_difference[week48]",
    "joint": "adjusted_difference[week48]",
    "independent": "difference[week48]",
    "adverse": "risk_difference[severe_systemic, week48]",
}


@dataclass(frozen=True)
class Trust:
    """The proof in brief.

    Attributes
    ----------
    cases : list of tuple
        Title, replicates, quantities, how many of them are calibrated, and the coverage of the 95 %
        interval of the headline quantity, as text.
    scenarios : list of tuple
        What is wrong with the patients, coverage with its interval, verdict; as text, the worst
        first.
    stale : bool
        Whether the package's source has changed since.
    """

    cases: list[tuple[str, str, str, str, str]]
    scenarios: list[tuple[str, str, str]]
    stale: bool


def proof_folder() -> Path | None:
    """The proof in the wheel, or ``calibration/`` of a source checkout; None if there is none."""
    packaged = Path(str(files("bayesasthma"))) / "proof"
    checkout = Path(__file__).resolve().parents[3] / "calibration"
    return next((own for own in (packaged, checkout) if (own / "proof.json").is_file()), None)


def trust(folder: Path | None = None) -> Trust | None:
    """Read the proof; None if there is none."""
    folder = folder or proof_folder()
    if folder is None or not (folder / "ranks.csv").is_file():
        return None
    ranks = pd.read_csv(folder / "ranks.csv")
    cases = []
    for case in CASES:
        own = ranks[ranks["case"] == case.name]
        if own.empty:
            continue
        last = own[own["quantity"].str.startswith(HEADLINES[case.model].partition("[")[0] + "[")]
        exact = last[last["quantity"] == HEADLINES[case.model]]
        headline = exact if len(exact) else last.tail(1)
        cases.append(
            (
                case.title,
                f"{own['replicates'].max():,}",
                str(len(own)),
                str(int((own["verdict"] == "calibrated").sum())),
                f"{100 * headline['coverage_95'].iloc[0]:.1f} %",
            )
        )
    return Trust(cases, _scenarios(folder / "misspecification.csv"), bool(stale(folder)))


def _scenarios(path: Path) -> list[tuple[str, str, str]]:
    if not path.is_file():
        return []
    table = pd.read_csv(path).sort_values("coverage", kind="stable")
    return [
        (
            str(row["title"]),
            (
                f"{100 * row['coverage']:.0f} % ({100 * row['coverage_low']:.0f} to "
                f"{100 * row['coverage_high']:.0f})"
            ),
            str(row["verdict"]),
        )
        for _, row in table.iterrows()
    ]
