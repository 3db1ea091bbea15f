"""Bayesian re-analysis of published mean ± SD tables of longitudinal trials.

Names are imported on first use: PyMC and nutpie take seconds to import, and most commands do
not need them.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

# Must be set before PyTensor is imported: with numba's fast-math the same seed gives other draws
# once the compilation cache is warm.
_FLAG = "numba__fastmath"
if _FLAG not in os.environ.get("PYTENSOR_FLAGS", ""):
    os.environ["PYTENSOR_FLAGS"] = ",".join(
        filter(None, [os.environ.get("PYTENSOR_FLAGS"), f"{_FLAG}=False"])
    )

try:
    __version__ = version("bayesasthma")
except PackageNotFoundError:  # run from a source tree that is not installed
    __version__ = "0+unknown"

_EXPORTS = {
    "load_study": "study.bundle",
    "bundled_studies": "study.bundle",
    "Study": "study.study",
    "StudyError": "errors",
    "UsageError": "errors",
    "GateError": "errors",
    "BayesAsthmaError": "errors",
    "SamplerOptions": "inference.sampling",
    "fit": "inference.named_models",
    "Fit": "inference.fitting",
    "AdverseFit": "inference.adverse_fits",
    "effects": "results.effect_table",
    "probability_of_benefit": "results.effect_table",
    "missing_patients": "results.missing_table",
    "tipping_points": "results.missing_table",
    "next_trial": "results.design_table",
    "left_patients": "study.left_patients",
    "adverse_effects": "results.adverse_table",
    "joint_effects": "results.joint_estimands",
    "BetaMixture": "results.beta_mixtures",
    "probability_less": "results.beta_mixtures",
    "exchangeable_rates": "results.rates",
    "LogitNormal": "results.rates",
    "BetaRates": "results.rates",
    "HalfNormal": "results.rates",
    "InverseGamma": "results.rates",
    "audit": "auditing",
    "compare": "comparison.posterior_beside_p",
    "quote": "comparison.quotes",
    "quote_events": "comparison.event_quotes",
    "pool": "reporting.pooled",
    "calibrate": "calibration",
    "Calibration": "calibration",
    "sensitivity": "specification_curve",
    "diagnose": "reporting.diagnostic_report.page",
    "report": "reporting.reanalysis",
    "reanalyse": "reporting.reanalysis",
    "validate": "validation.run",
}

__all__ = [*_EXPORTS, "__version__"]  # noqa: PLE0604

if TYPE_CHECKING:
    from bayesasthma.auditing import audit as audit
    from bayesasthma.calibration import Calibration as Calibration
    from bayesasthma.calibration import calibrate as calibrate
    from bayesasthma.comparison.event_quotes import quote_events as quote_events
    from bayesasthma.comparison.posterior_beside_p import compare as compare
    from bayesasthma.comparison.quotes import quote as quote
    from bayesasthma.errors import BayesAsthmaError as BayesAsthmaError
    from bayesasthma.errors import GateError as GateError
    from bayesasthma.errors import StudyError as StudyError
    from bayesasthma.errors import UsageError as UsageError
    from bayesasthma.inference.adverse_fits import AdverseFit as AdverseFit
    from bayesasthma.inference.fitting import Fit as Fit
    from bayesasthma.inference.named_models import fit as fit
    from bayesasthma.inference.sampling import SamplerOptions as SamplerOptions
    from bayesasthma.reporting.diagnostic_report.page import diagnose as diagnose
    from bayesasthma.reporting.pooled import pool as pool
    from bayesasthma.reporting.reanalysis import reanalyse as reanalyse
    from bayesasthma.reporting.reanalysis import report as report
    from bayesasthma.results.adverse_table import adverse_effects as adverse_effects
    from bayesasthma.results.beta_mixtures import BetaMixture as BetaMixture
    from bayesasthma.results.beta_mixtures import probability_less as probability_less
    from bayesasthma.results.design_table import next_trial as next_trial
    from bayesasthma.results.effect_table import effects as effects
    from bayesasthma.results.effect_table import probability_of_benefit as probability_of_benefit
    from bayesasthma.results.joint_estimands import joint_effects as joint_effects
    from bayesasthma.results.missing_table import missing_patients as missing_patients
    from bayesasthma.results.missing_table import tipping_points as tipping_points
    from bayesasthma.results.rates import BetaRates as BetaRates
    from bayesasthma.results.rates import HalfNormal as HalfNormal
    from bayesasthma.results.rates import InverseGamma as InverseGamma
    from bayesasthma.results.rates import LogitNormal as LogitNormal
    from bayesasthma.results.rates import exchangeable_rates as exchangeable_rates
    from bayesasthma.specification_curve import sensitivity as sensitivity
    from bayesasthma.study.bundle import bundled_studies as bundled_studies
    from bayesasthma.study.bundle import load_study as load_study
    from bayesasthma.study.left_patients import left_patients as left_patients
    from bayesasthma.study.study import Study as Study
    from bayesasthma.validation.run import validate as validate


def __getattr__(name: str) -> Any:
    """Import an exported name on first use."""
    if name not in _EXPORTS:
        raise AttributeError(f"module 'bayesasthma' has no attribute {name!r}")
    value = getattr(import_module(f"bayesasthma.{_EXPORTS[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Exported names."""
    return sorted(__all__)
