"""Segmentations: a window's rows by the columns, or pairs of columns, that their dataset's file names.

A frame and the segmentations go in, groups of its rows come out. Called by python_metrics.monitor and
python_metrics.performance.window_evaluation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.levels import levels
from python_metrics.segments.grouping import MISSING, Grouping, group_rows

if TYPE_CHECKING:
    import pandas as pd

_WITHIN_KEY, _WITHIN_VALUE = ",", " / "


def segment_key(columns: tuple[str, ...]) -> str:
    """The name of a segmentation, as in metric_values.segment_key."""
    return _WITHIN_KEY.join(columns)


def segment_groups(rows: pd.DataFrame, segmentations: tuple[tuple[str, ...], ...]) -> dict[str, Grouping]:
    """The rows by each segmentation, by its name; one that names a column which the frame lacks has no entry."""
    return {
        segment_key(columns): group_rows(_words(rows, columns))
        for columns in segmentations
        if all(name in rows.columns for name in columns)
    }


def _words(rows: pd.DataFrame, columns: tuple[str, ...]) -> pd.Series[Any]:
    if len(columns) == 1:
        return rows[columns[0]]
    first, *others = (_texts(rows[name]) for name in columns)
    for other in others:
        first = first.str.cat(other, sep=_WITHIN_VALUE)
    return first


def _texts(column: pd.Series[Any]) -> pd.Series[Any]:
    return levels(column).fillna(MISSING)
