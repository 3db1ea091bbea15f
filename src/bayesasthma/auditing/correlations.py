"""Within-patient correlations that the printed within-arm p-values imply."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from bayesasthma.auditing.dispersion import reference_ranges
from bayesasthma.auditing.findings import NOTE, UNUSUAL, Finding
from bayesasthma.auditing.sentences import signed

if TYPE_CHECKING:
    from bayesasthma.study.study import Study

# Scale of `external.csv` that marks a published within-patient correlation.
CORRELATION_SCALES = ("correlation",)


def correlation_findings(study: Study, table: pd.DataFrame) -> Iterator[Finding]:
    """Within-arm p-values that need a negative correlation, or none that was ever published.

    Parameters
    ----------
    study : Study
        Its `external` may hold published correlations.
    table : DataFrame
        The audit table with `rho_low` and `rho_high`.
    """
    published = {
        o: (low, high, c) for o, low, high, c in reference_ranges(study, CORRELATION_SCALES)
    }
    for row in table[table["rho_low"].notna()].to_dict("records"):
        low, high = float(row["rho_low"]), float(row["rho_high"])
        where = {name: row[name] for name in ("table", "outcome", "arm", "visit")}
        needs = (
            f"The printed p needs a within-patient correlation of {signed(low)} to {signed(high)}"
        )
        if high < 0:
            yield Finding(
                "correlation",
                UNUSUAL,
                f"{needs}: patients with higher values before would have had lower ones after.",
                printed=row["p_printed"],
                expected="a positive correlation",
                **where,
            )
        elif row["outcome"] in published:
            least, greatest, citation = published[row["outcome"]]
            if high < least or low > greatest:
                yield Finding(
                    "correlation",
                    NOTE,
                    f"{needs}; published ones are {signed(least)} to {signed(greatest)} "
                    f"({citation}).",
                    printed=row["p_printed"],
                    expected=f"{signed(least)} to {signed(greatest)}",
                    **where,
                )
