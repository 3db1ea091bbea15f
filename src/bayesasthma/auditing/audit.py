"""The audit: every check on one study, assembled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pandas as pd

from bayesasthma.auditing.alternatives import STANDARD_ERRORS
from bayesasthma.auditing.balance import balance_findings, balance_table
from bayesasthma.auditing.claims import claim_findings
from bayesasthma.auditing.contrasts import anova_table, contrast_table
from bayesasthma.auditing.correlations import correlation_findings
from bayesasthma.auditing.dispersion import dispersion_findings
from bayesasthma.auditing.explanations import readings_table, tried_readings
from bayesasthma.auditing.findings import UNUSUAL, Finding, findings_frame
from bayesasthma.auditing.interval_findings import interval_findings
from bayesasthma.auditing.median_findings import median_findings
from bayesasthma.auditing.printed_tests import printed_tests
from bayesasthma.auditing.rate_findings import rate_findings, rate_table
from bayesasthma.auditing.read_once import read_once
from bayesasthma.auditing.result import AuditResult
from bayesasthma.auditing.said_twice import said_twice
from bayesasthma.auditing.scales import scale_findings
from bayesasthma.auditing.stars import star_findings
from bayesasthma.auditing.subjects import Cells
from bayesasthma.auditing.table import audit_table, multiplicity_table
from bayesasthma.auditing.tallies import tally_findings
from bayesasthma.auditing.whole_tables import whole_table_findings

if TYPE_CHECKING:
    from bayesasthma.study.study import Study


def audit(study: Study) -> AuditResult:
    """Check every printed number of a study that can be checked.

    Parameters
    ----------
    study : Study
        Any bundle; whatever it lacks is left out.

    Returns
    -------
    AuditResult
        Verdict on each printed p-value, findings about the tables and the text, and the
        frequentist estimates behind them. ``docs/audit.md`` explains each check.
    """
    study = read_once(study)
    cells = Cells(study)
    tests = printed_tests(study, cells)
    tried = tried_readings(study, cells, tests)
    table = audit_table(study, cells, tests, tried)
    balance = balance_table(study, cells)
    readings = readings_table(tests, tried, table["verdict"])
    findings = [
        *tally_findings(study),
        *scale_findings(study, cells),
        *star_findings(tests),
        *claim_findings(study, cells, tests),
        *said_twice(study),
        *dispersion_findings(study, cells),
        *balance_findings(study, cells, balance),
        *correlation_findings(study, table),
        *interval_findings(study, cells, tests, table),
        *rate_findings(study),
        *median_findings(study),
        *whole_table_findings(study, cells, tests, table),
        *_standard_error_findings(readings),
    ]
    return AuditResult(
        study=study.name,
        tests=table,
        findings=findings_frame(findings),
        contrasts=contrast_table(study, cells),
        multiplicity=multiplicity_table(tests, table),
        anova=anova_table(study, cells),
        balance=balance,
        readings=readings,
        rates=rate_table(study),
    )


def _standard_error_findings(readings: pd.DataFrame) -> Iterator[Finding]:
    """Weigh what reading the SDs as standard errors would mend against what it would break."""
    rows = readings[readings["reading"] == STANDARD_ERRORS].set_index("kind")
    mended = {kind: row for kind, row in rows.iterrows() if row["fits_unreproduced"] > 0}
    if not mended:
        return
    mends = " and ".join(
        f"{row['fits_unreproduced']} of the {row['unreproduced']} {kind}-arm p-values that are not "
        "reproduced"
        for kind, row in mended.items()
    )
    keeps = " and ".join(
        f"{row['fits_others']} of the {row['others']} other {kind}-arm ones"
        for kind, row in rows.iterrows()
        if kind in {"between", "within"} and row["others"]
    )
    yield Finding(
        "dispersion",
        UNUSUAL,
        f"Read as standard errors, the printed SDs would fit {mends}, but only {keeps}.",
    )
