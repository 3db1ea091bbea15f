"""What an audit returns: plain frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from bayesasthma.auditing.verdicts import IMPOSSIBLE, VERDICTS


@dataclass(frozen=True)
class AuditResult:
    """Result of `audit`; every field but the name is a pandas frame.

    Attributes
    ----------
    study : str
        Name of the bundle.
    tests : DataFrame
        One row per printed p-value (`audit.csv`); see `bayesasthma.auditing.table.audit_table`.
    findings : DataFrame
        Findings about the tables and the text: kind, weight (contradiction, unusual, note),
        finding, table, outcome, arm, visit, printed, expected.
    contrasts : DataFrame
        Student's and Welch's t for every outcome and visit, whether or not a p is printed.
    multiplicity : DataFrame
        Benjamini–Hochberg and Holm adjusted printed and recomputed p-values, by family.
    anova : DataFrame
        Repeated-measures analysis of variance at several assumed correlations.
    balance : DataFrame
        Standardised baseline differences.
    readings : DataFrame
        How many p-values each alternative reading fits, among those not reproduced and among all
        others of the kind: a reading that explains one and breaks twenty explains nothing.
    rates : DataFrame
        Crude rate ratios of `rates.csv`; see `bayesasthma.auditing.rate_findings.rate_table`.
    """

    study: str
    tests: pd.DataFrame
    findings: pd.DataFrame
    contrasts: pd.DataFrame
    multiplicity: pd.DataFrame
    anova: pd.DataFrame
    balance: pd.DataFrame
    readings: pd.DataFrame
    rates: pd.DataFrame = field(default_factory=pd.DataFrame)

    def counts(self) -> pd.DataFrame:
        """Count the printed p-values by kind (rows) and verdict (columns).

        Returns
        -------
        DataFrame
            Verdicts in the order of `VERDICTS`, then `significance_changes`.
        """
        if self.tests.empty:
            return pd.DataFrame(columns=[*VERDICTS, "significance_changes"], dtype=int)
        table = pd.crosstab(self.tests["kind"], self.tests["verdict"])
        order = list(dict.fromkeys(self.tests["kind"]))
        table = table.reindex(index=order, columns=list(VERDICTS), fill_value=0)
        changes = self.tests.groupby("kind")["significance_changes"].sum()
        return table.assign(significance_changes=changes.reindex(order).astype(int))

    @property
    def alarming(self) -> bool:
        """Whether a printed p is impossible or a conclusion at 5 % changes (for `--strict`)."""
        if self.tests.empty:
            return False
        impossible = self.tests["verdict"] == IMPOSSIBLE
        return bool((impossible | self.tests["significance_changes"]).any())

    def __repr__(self) -> str:
        """Verdicts and findings in a line each."""
        verdicts = self.tests["verdict"].value_counts()
        parts = [f"{verdicts[v]} {v}" for v in VERDICTS if v in verdicts.index]
        changed = int(self.tests["significance_changes"].sum())
        return (
            f"AuditResult({self.study}: {len(self.tests)} printed p-values: "
            f"{', '.join(parts) or 'none'}; {changed} change significance; "
            f"{len(self.findings)} findings)"
        )
