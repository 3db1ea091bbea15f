"""Fit all outcomes of the bundled study in one hierarchy: what holds for several at once.

Study   liu2025: AIT (n = 18) against omalizumab + AIT (n = 19), ten outcomes at 0, 12, 24, 48 weeks
Model   joint: as longitudinal; benefits pooled within domains, a patient's outcomes correlated
Priors  weak, unless another set is named: python models/joint.py sceptical
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
    fit = ba.fit(study, model="joint", prior=prior, folder=folder / "posterior", progress=print)
    assert isinstance(fit, ba.Fit)
    print("gate:", "passed" if fit.gate.passed else "; ".join(fit.gate.failures))
    print("diagnostics:", *ba.diagnose(fit, folder))

    table = ba.joint_effects(fit)
    last = table[(table["visit"] == study.follow_up[-1]) & (table["estimand"] != "rank")]
    columns = ["estimand", "outcomes", "subject", "m", "mean", "ci_low", "ci_high"]
    shown = last[[*columns, "p_benefit", "if_independent"]]
    print(shown.to_string(index=False, float_format="{:.3f}".format, na_rep=""))


if __name__ == "__main__":
    main()
