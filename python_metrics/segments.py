"""Segments: the groups that a window's rows are compared by.

A frame and the segmentations of monitoring.yml go in, groups of row positions come out. Called by
python_metrics.monitor and python_metrics.truth.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

MISSING = "missing"
_WITHIN_KEY, _WITHIN_VALUE = ",", " / "


@dataclass(frozen=True)
class Grouping:
    """The rows of a frame by one segmentation.

    Attributes:
        key: the segmentation's columns, joined by a comma.
        values: the names of the groups, sorted; a missing value is the group "missing".
        codes: the group of each row as a position in `values`, shape (rows,).
    """

    key: str
    values: tuple[str, ...]
    codes: npt.NDArray[np.int64]


def segment_key(columns: Iterable[str]) -> str:
    """The name of a segmentation, as in metric_values.segment_key."""
    return _WITHIN_KEY.join(columns)


def group_rows(rows: pd.DataFrame, columns: tuple[str, ...]) -> Grouping | None:
    """The rows by one segmentation; None where the frame lacks a column of it."""
    if any(name not in rows.columns for name in columns):
        return None
    values: pd.Series[Any] = _words(rows[columns[0]])
    for name in columns[1:]:
        values = values.str.cat(_words(rows[name]), sep=_WITHIN_VALUE)
    names, codes = np.unique(values.to_numpy(dtype=str), return_inverse=True)
    return Grouping(segment_key(columns), tuple(map(str, names)), codes.astype(np.int64))


def _words(column: pd.Series[Any]) -> pd.Series[Any]:
    """Values as text; whole numbers without a fraction."""
    text = column.map(lambda value: f"{value:.15g}") if column.dtype.kind == "f" else column.astype("str")
    return text.where(column.notna(), MISSING)
