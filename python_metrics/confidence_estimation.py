"""Placeholder until merged."""

from __future__ import annotations

from typing import Any

from python_metrics.predictive import Interval, TooFewRowsError


class ConfidenceEstimator:
    def estimate(self, probability: Any, seed: int) -> dict[str, Interval]:
        raise TooFewRowsError("x")


def fit_confidence_estimator(probability: Any, label: Any, days: Any, *, seed: int) -> ConfidenceEstimator:
    raise TooFewRowsError("x")
