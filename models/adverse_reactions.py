"""Fit the adverse-reaction models to the bundled study, under both readings of its counts.

Study   liu2025, Table 5: local, mild systemic and severe systemic reactions at 12, 24 and 48 weeks
Models  independent (conjugate beta-binomial, Jeffreys prior) and hierarchical (beta-binomial,
        log odds ratios pooled over reaction types)
Priors  weak, unless another set is named: python models/adverse_reactions.py sceptical
"""

from __future__ import annotations

import sys
from pathlib import Path

import bayesasthma as ba


def main() -> None:
    """Load, fit, print."""
    prior = sys.argv[1] if len(sys.argv) > 1 else "weak"
    study = ba.load_study("liu2025")
    print(study)

    folder = Path("reports") / study.name
    fits = ba.fit(study, model="adverse", prior=prior, folder=folder / "posterior", progress=print)
    assert isinstance(fits, list)
    print("diagnostics:", *ba.diagnose(fits, folder))
    for fit in fits:
        print(f"\n{fit.label}: {'gate passed' if fit.gate.passed else fit.gate.failures}")
        table = ba.adverse_effects(fit)
        shown = table[table["estimand"].isin(["rate", "risk_difference"])]
        columns = [
            "reaction",
            "visit",
            "arm",
            "estimand",
            "median",
            "ci_low",
            "ci_high",
            "p_benefit",
        ]
        print(shown[columns].to_string(index=False, float_format="{:.2f}".format))


if __name__ == "__main__":
    main()
