"""Which group each row belongs to: what the figures by segment share.

One column of a window's rows goes in, group names and a code per row come out. Made once per segmentation, used by
python_metrics.performance.performance, python_metrics.segments.fairness and python_metrics.performance.attribution.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from core.levels import level

if TYPE_CHECKING:
    from numpy.typing import NDArray

MISSING = "missing"


@dataclass(frozen=True, eq=False)
class Grouping:
    """Rows by group.

    Attributes:
        names: of the groups, sorted, shape (groups,).
        codes: index into `names` for each row, shape (rows,).
    """

    names: tuple[str, ...]
    codes: NDArray[np.intp]

    def counts(self) -> NDArray[np.intp]:
        """Rows per group, shape (groups,)."""
        return np.bincount(self.codes, minlength=len(self.names))


def group_rows(values: pd.Series[Any]) -> Grouping:
    """Group rows by the level of their value; missing values and infinities are the group `missing`.

    Args:
        values: one value per row, shape (rows,). Values with the same level are one group.
    """
    if values.dtype.kind == "f":
        values = values.where(np.isfinite(values))
    codes, found = pd.factorize(values)
    texts = [level(value) for value in np.asarray(found)]
    if (codes < 0).any():
        texts.append(MISSING)  # the code of a missing value is -1, the last one
    names, places = np.unique(np.array(texts, dtype=object), return_inverse=True)
    return Grouping(tuple(names.tolist()), np.asarray(places, dtype=np.intp)[codes])


def one_group(rows: int) -> Grouping:
    """All rows in one group without a name."""
    return Grouping(("",), np.zeros(rows, dtype=np.intp))
