"""The specification curve of the bundled study: every defensible choice, fitted.

Study   liu2025: AIT (n = 18) against omalizumab + AIT (n = 19), ten outcomes at 0, 12, 24, 48 weeks
Grid    priors x correlations x scales x readings of the tables x baseline adjustments; another one
        with: python models/sensitivity.py my_grid.toml
Cores   all of them; fits that are finished are kept, and a rerun resumes
"""

from __future__ import annotations

import sys
from pathlib import Path

import bayesasthma as ba


def main() -> None:
    """Fit every specification; print the range of each conclusion and what moves it."""
    grid = sys.argv[1] if len(sys.argv) > 1 else None
    study = ba.load_study("liu2025")
    folder = Path("reports") / study.name

    fit = ba.fit(study, folder=folder / "posterior", progress=print)
    assert isinstance(fit, ba.Fit)
    kept = folder / "posterior" / "sensitivity"
    curve = ba.sensitivity(study, grid, folder=kept, fit=fit, progress=print)
    curve.write(folder)
    print("diagnostics of the default:", *ba.diagnose(fit, folder))

    last = curve.ranges[curve.ranges["visit"] == study.follow_up[-1]]
    for row in last.to_dict(orient="records"):
        span = f"{row['p_low']:.3f} to {row['p_high']:.3f} (default {row['p_default']:.3f})"
        most = row["moved_most_by"]
        print(f"- {row['outcome']}: P({row['probability']}) {span}, moved most by the {most}")


if __name__ == "__main__":
    main()
