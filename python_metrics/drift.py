"""What a drift score is, and which values of a column count.

How scores are computed is python_metrics.profile_drift's, from profiles; Evidently's own tests, which define them, are
python_metrics.evidently_adapter's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

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
