"""Drift scores: Evidently's statistical tests on one column of a window and of the reference.

The same registered tests that Evidently's own report calls, without the report's plots, which take four
fifths of its time; a test holds the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.monitoring import ColumnType
from python_metrics.evidently_adapter import statistical_test

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DriftScore:
    """A finite score, and whether it passes the threshold in the direction of its method."""

    value: float
    is_drifted: bool


def present_values(column: pd.Series[Any]) -> pd.Series[Any]:
    """What Evidently compares: the column without missing values and infinities."""
    present = column.dropna()
    return present[np.isfinite(present.to_numpy())] if present.dtype.kind == "f" else present


def drift_score(
    reference: pd.Series[Any], current: pd.Series[Any], column_type: ColumnType, method: str, threshold: float
) -> DriftScore:
    """Score the present values of a window's column against those of the reference.

    Args:
        reference: present values, shape (n_reference,), at least one.
        current: present values, shape (n_current,), at least one.
        column_type: how Evidently treats the column.
        method: Evidently's name of the test, one of pipeline.monitoring.METHODS.
        threshold: a distance drifts at or above it, a p-value below it.

    Raises:
        ArithmeticError: the method gives no finite score for these values.
    """
    value, is_drifted = statistical_test(reference, current, column_type, method, threshold)
    if not np.isfinite(value):
        raise ArithmeticError(f"{method} gives {value} for these values")
    return DriftScore(value, is_drifted)
