"""Simulation-based calibration, coverage under misspecification, and operating characteristics."""

from __future__ import annotations

from bayesasthma.calibration.procedure import Calibration, calibrate

__all__ = ["Calibration", "calibrate"]
