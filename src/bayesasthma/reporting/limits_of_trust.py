"""What limits trust in one outcome, beyond what limits it in the whole study."""

from __future__ import annotations

import pandas as pd

from bayesasthma.auditing import IMPOSSIBLE, NOT_REPRODUCED, NOTE
from bayesasthma.plots.specifications import CHOICE_NAMES
from bayesasthma.reporting.curve_section import range_row
from bayesasthma.reporting.limitations import NOTABLE_IMBALANCE, standardised_imbalance
from bayesasthma.reporting.results import ReanalysisResults
from bayesasthma.reporting.wording import plural
from bayesasthma.specification_curve import Sensitivity
from bayesasthma.study.study import Study

#: Short words of an audit's findings, by kind.
KINDS = {
    "dispersion": "SDs unlike published ones",
    "range": "scores at the end of the scale",
    "correlation": "a printed p needs an unusual correlation",
    "text": "text and tables disagree",
}


def limits_of_trust(
    results: ReanalysisResults, curve: Sensitivity | None, outcome: str, arm: str, visit: str
) -> list[str]:
    """Short phrases: audit, imbalance, printed p-values, and what choice moves the headline most.

    Empty if nothing is known to the disadvantage of this outcome alone.
    """
    found = [*_audit(results, outcome), *_imbalance(results.study, outcome)]
    found += _printed(results, outcome)
    row = range_row(curve, "outcome", outcome, arm, visit)
    if row is not None and turned(row):
        choice = str(row["moved_most_by"])
        found.append(f"the direction hangs on choices: {CHOICE_NAMES.get(choice, choice)}")
    return found


def turned(row: pd.Series) -> bool:
    """Whether some specification puts the probability on the other side of one half."""
    return bool(row["p_low"] < 0.5 < row["p_high"])


def _audit(results: ReanalysisResults, outcome: str) -> list[str]:
    if results.audit is None or results.audit.findings.empty:
        return []
    findings = results.audit.findings
    own = findings[(findings["outcome"] == outcome) & (findings["weight"] != NOTE)]
    return [KINDS[kind] for kind in dict.fromkeys(own["kind"]) if kind in KINDS]


def _imbalance(study: Study, outcome: str) -> list[str]:
    size = standardised_imbalance(study).get(outcome, 0.0)
    if study.randomised or size < NOTABLE_IMBALANCE:
        return []
    return [f"arms {size:.2f} SD apart at baseline"]


def _printed(results: ReanalysisResults, outcome: str) -> list[str]:
    if results.audit is None or results.audit.tests.empty:
        return []
    own = results.audit.tests
    own = own[own["outcome"] == outcome]
    missed = int(own["verdict"].isin([NOT_REPRODUCED, IMPOSSIBLE]).sum())
    changed = int(own["significance_changes"].astype(bool).sum())
    found = []
    if missed:
        found.append(f"{missed} of {len(own)} printed p not reproduced")
    if changed:
        found.append(f"{plural(changed, 'conclusion')} would change")
    return found
