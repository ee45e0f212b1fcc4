"""How far from 0 and 1 a probability is kept when its logarithm is taken: half the last decimal it was given with.

The reference's probabilities go in; one number comes out, which holds for the reference, for all windows and groups,
and for estimates alike. Called by python_metrics.monitor, python_metrics.estimates and
python_metrics.performance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

# As Evidently and scikit-learn keep all probabilities.
TINY = float(np.finfo(np.float64).eps)
# Of single precision no more decimals can be told.
_MOST_DECIMALS, _SINGLE_DECIMALS, _SINGLE_ROUNDING = 15, 5, 1e-7


def least_probability(probability: ArrayLike) -> float:
    """Half the last decimal that these probabilities have: 0.005 of two decimals, TINY of full precision.

    A 0 that was written with two decimals stands for anything below 0.005. Taken as 2.2e-16, one such row that comes
    true costs 36 nats, a hundred times the usual loss: one row would decide what the mean of its day is.

    Args:
        probability: between 0 and 1, shape (rows,); what is missing or infinite is left out. Probabilities that are all
            0 or 1 count as having one decimal.
    """
    values = np.unique(np.asarray(probability, dtype=np.float64))
    values = values[np.isfinite(values)]
    if not len(values):
        return TINY
    for decimals in range(1, _MOST_DECIMALS + 1):
        off = np.abs(np.round(values, decimals) - values)
        if float(off.max()) <= (_SINGLE_ROUNDING if decimals <= _SINGLE_DECIMALS else 0.0):
            return 0.5 * 10.0**-decimals
    return TINY
