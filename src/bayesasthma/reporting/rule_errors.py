"""Type I error of a decision rule, as far as the proof that ships with the package has it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from bayesasthma.calibration.cases import PAPER
from bayesasthma.calibration.proof import stale
from bayesasthma.comparison.decision_rules import Rule
from bayesasthma.inference.fitting import Fit
from bayesasthma.reporting.shipped_proof import proof_folder
from bayesasthma.reporting.wording import listed

#: Rules of the proof's table, as it names them.
KNOWN = {Rule(0.975): "P(benefit) > 0.975", Rule(0.8, "mcid"): "P(benefit > MCID) > 0.8"}
#: True correlation of the studies that sizes are looked up among.
RHO = 0.6


def rule_error(rule: Rule, fit: Fit, folder: Path | None = None) -> str:
    """What the proof says of a rule where the treatment does nothing, in sentences.

    Parameters
    ----------
    rule : Rule
    fit : Fit
        Of the model ``longitudinal``, whose prior set and sizes are compared with the proof's.
    folder : Path, optional
        Of the proof; the one that ships with the package by default.
    """
    folder = folder or proof_folder()
    nothing = "Its type I error is not known"
    if folder is None or not (folder / "operating.csv").is_file():
        return f"{nothing}: no proof is at hand."
    table = pd.read_csv(folder / "operating.csv", keep_default_na=False)
    own = table[(table["rule"] == KNOWN.get(rule, "")) & (table["prior"] == fit.prior)]
    own = own[own["benefit"] == 0]
    if own.empty or fit.model != "longitudinal":
        priors = [name for name in dict.fromkeys(table["prior"]) if name]
        return (
            f"{nothing}: the committed proof has {listed(list(KNOWN.values()))} of the model "
            f"longitudinal under {listed(priors)}; another rule has to be tried on simulated "
            "trials before it is relied on."
        )
    row = own.iloc[0]
    sizes = [int(n) for n in fit.study.arms["n"]]
    mcid = " (an MCID of half a baseline SD)" if rule.size == "mcid" else ""
    text = (
        f"Its type I error in the committed proof is {100 * row['rate']:.1f} % ± "
        f"{100 * row['error']:.1f} %: of {row['studies']} simulated trials of "
        f"{listed(list(PAPER))} "
        f"patients{mcid} without any effect, by outcome and visit, prior {fit.prior}."
    )
    if sorted(sizes) == sorted(PAPER):
        text += " These are this study's sizes."
    else:
        text += f" This study has other sizes ({listed(sizes)})"
        near = _nearest(rule, fit, folder)
        text += f"; {near}." if near else ", at which the rule was not tried."
    if any(name in ("operating", "common-change") for name in stale(folder)):
        text += " The package's source has changed since."
    return text


def _nearest(rule: Rule, fit: Fit, folder: Path) -> str:
    """The rate at the size nearest to the study's, where the proof varies it; else blank."""
    path = folder / "common_change.csv"
    if rule != Rule(0.975) or fit.prior != "weak" or not path.is_file():
        return ""
    table = pd.read_csv(path)
    kind = fit.baseline or "free"
    table = table[(table["improvement"] == 0) & (table["rho"] == RHO)]
    table = table[table["baseline"] == (kind if kind in set(table["baseline"]) else "free")]
    if table.empty:
        return ""
    n = float(fit.study.arms["n"].mean())
    row = table.iloc[int((table["n"] / n).map(lambda ratio: max(ratio, 1 / ratio)).argmin())]
    return (
        f"the nearest that was tried, {int(row['n'])} patients an arm, gave "
        f"{100 * row['type_1']:.0f} % ± {100 * row['type_1_error']:.0f} % ({row['studies']} trials)"
    )
