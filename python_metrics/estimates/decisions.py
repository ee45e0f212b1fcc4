"""What a classifier has decided, row by row: as its predictions say, else at or above its threshold.

Rows of a window or of a reference go in, one boolean a row comes out. Called by python_metrics.estimates.estimates and
window_evaluation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from config.monitoring import DECISION, PREDICTION

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray


def decisions(rows: pd.DataFrame, threshold: float) -> NDArray[np.bool_]:
    """Whether each row was decided for 1, shape (rows,).

    Args:
        rows: with the prediction and, where predictions came with decisions, those; a missing one is the threshold's.
        threshold: the least probability that is decided for 1.
    """
    said = np.asarray(rows[PREDICTION].to_numpy(dtype=float) >= threshold)
    if DECISION not in rows:
        return said
    found = rows[DECISION].to_numpy(dtype=float, na_value=np.nan)
    return np.asarray(np.where(np.isfinite(found), found == 1, said))
