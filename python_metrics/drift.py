"""Drift scores: Evidently's statistical tests on one column of a window and of the reference.

The only module that imports Evidently. It calls the same registered tests that Evidently's own report
calls, without the report's plots, which take four fifths of its time; a test holds the two equal.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.monitoring import ColumnType

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
    test, feature_type = _test(method, column_type)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries below, about themselves; the score says what matters
        result = test(reference, current, feature_type, threshold)
    value = float(result.drift_score)
    if not np.isfinite(value):
        raise ArithmeticError(f"{method} gives {value} for these values")
    return DriftScore(value, bool(result.drifted))


@cache
def _test(method: str, column_type: ColumnType) -> tuple[Any, Any]:
    """Evidently's registered test, and its own word for the type of column."""
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries that Evidently imports
        from evidently.legacy.calculations.stattests.registry import get_registered_stattest
        from evidently.legacy.core import ColumnType as EvidentlyType

    feature_type = {"numerical": EvidentlyType.Numerical, "categorical": EvidentlyType.Categorical}[column_type]
    return get_registered_stattest(method, feature_type), feature_type
