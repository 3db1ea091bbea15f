"""Fit the default model to the bundled study: every outcome, treatment effects at every visit.

Study   liu2025: AIT (n = 18) against omalizumab + AIT (n = 19), ten outcomes at 0, 12, 24, 48 weeks
Model   longitudinal: exact likelihood of the printed means and SDs, unseen correlations latent
Priors  weak, unless another set is named: python models/longitudinal.py sceptical
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
    fit = ba.fit(
        study, model="longitudinal", prior=prior, folder=folder / "posterior", progress=print
    )
    assert isinstance(fit, ba.Fit)
    print("gate:", "passed" if fit.gate.passed else "; ".join(fit.gate.failures))
    print("diagnostics:", *ba.diagnose(fit, folder))

    for statement in ba.quote(fit, despite_gate=True)["statement"]:
        print("-", statement)


if __name__ == "__main__":
    main()
