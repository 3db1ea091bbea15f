"""Everything a run found, in one immutable object: what the report is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from bayesasthma.inference.adverse_fits import AdverseFit
from bayesasthma.inference.fitting import Fit
from bayesasthma.study.left_patients import LeftPatients
from bayesasthma.study.study import Study


@dataclass(frozen=True)
class ReanalysisResults:
    """Results of the main job.

    Attributes
    ----------
    study : Study
    table_fits : list of Fit
    adverse_fits : list of AdverseFit
    effects, adverse, comparison, diagnostics : DataFrame
        As written to the csv files of the same names.
    audit : AuditResult or None
    joint : DataFrame
        As written to ``joint.csv``; empty without a joint fit.
    left : LeftPatients or None
        Who is in no mean; None if nobody left.
    missing, tipping : DataFrame
        As written to ``missing.csv`` and ``missing_tipping.csv``; empty if nobody left.
    next_trial : DataFrame
        As written to ``design.csv``; empty without a finding that a trial could confirm.
    run : dict
        Versions, seed, options, checksums, timings.
    """

    study: Study
    table_fits: list[Fit]
    adverse_fits: list[AdverseFit]
    effects: pd.DataFrame
    adverse: pd.DataFrame
    comparison: pd.DataFrame
    diagnostics: pd.DataFrame
    audit: Any | None = None
    joint: pd.DataFrame = field(default_factory=pd.DataFrame)
    run: dict[str, Any] = field(default_factory=dict)
    left: LeftPatients | None = None
    missing: pd.DataFrame = field(default_factory=pd.DataFrame)
    tipping: pd.DataFrame = field(default_factory=pd.DataFrame)
    next_trial: pd.DataFrame = field(default_factory=pd.DataFrame)

    @property
    def passed(self) -> bool:
        """Whether every fit and every tabulated quantity passes the diagnostics gate."""
        tables = [self.diagnostics, self.effects, self.adverse, self.joint]
        return all((table["gate"] == "pass").all() for table in tables if len(table))
