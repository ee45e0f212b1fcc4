"""Quality figures of one column in one window: missing share, distinct values, moments, quantiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.monitoring import ColumnType
from python_metrics.profiles import Profile

if TYPE_CHECKING:
    import pandas as pd

QUANTILES = {"p01": 0.01, "p05": 0.05, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p95": 0.95, "p99": 0.99}
NUMERICAL_STATISTICS = ("min", "max", "mean", "std", *QUANTILES)


def column_statistics(
    column: pd.Series[Any], present: pd.Series[Any], column_type: ColumnType
) -> dict[str, float | None]:
    """Figures by metric name; None where the window has no value to take them of.

    Args:
        column: the window's column, shape (rows,).
        present: its values that are neither missing nor infinite.
        column_type: moments and quantiles are given for numerical columns only.

    The standard deviation is that of the population (ddof 0), as in Evidently's normed distances;
    quantiles are linear between the two neighbours (numpy's default, Hyndman and Fan's type 7).
    """
    figures: dict[str, float | None] = {
        "missing_count": float(len(column) - len(present)),
        "missing_share": 1 - len(present) / len(column) if len(column) else None,
        "distinct_count": float(present.nunique()),
    }
    if column_type == "categorical":
        return figures
    if not len(present):
        return figures | dict.fromkeys(NUMERICAL_STATISTICS)
    values = present.to_numpy(dtype=float)
    quantiles = np.quantile(values, list(QUANTILES.values()))
    return figures | {
        "min": float(values.min()),
        "max": float(values.max()),
        "mean": float(values.mean()),
        "std": float(values.std()),
        **{name: float(value) for name, value in zip(QUANTILES, quantiles, strict=True)},
    }


def profile_statistics(profile: Profile) -> dict[str, float | None]:
    """The figures of column_statistics from a column's profile: quantiles to the bit, moments to rounding."""
    figures: dict[str, float | None] = {
        "missing_count": float(profile.n_missing),
        "missing_share": profile.missing_share,
        "distinct_count": float(profile.n_distinct),
    }
    if profile.type == "categorical":
        return figures
    if not profile.n_present:
        return figures | dict.fromkeys(NUMERICAL_STATISTICS)
    return figures | {
        "min": profile.minimum,
        "max": profile.maximum,
        "mean": profile.mean,
        "std": profile.std(),
        **dict(zip(QUANTILES, profile.quantiles(list(QUANTILES.values())).tolist(), strict=True)),
    }
