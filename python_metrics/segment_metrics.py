"""Quality and drift by segment: rows, missing cells and the prediction's drift of every group of a window.

A window's rows, their groups and the reference's predictions by group go in, metric rows come out; nothing is
read or written here. A group with too few rows on either side gets a status. Called by python_metrics.monitor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.monitoring import MonitoredColumn
from python_metrics.drift import present_values
from python_metrics.grouping import Grouping
from python_metrics.windows import MetricRow, drift_metric

if TYPE_CHECKING:
    import pandas as pd

ReferenceGroups = Mapping[str, Mapping[str, "pd.Series[Any]"]]


def reference_groups(
    predictions: pd.Series[Any], groupings: Mapping[str, Grouping]
) -> dict[str, dict[str, pd.Series[Any]]]:
    """The reference's present predictions by segmentation and group.

    Args:
        predictions: shape (n_reference,).
        groupings: the groups of the same rows, by segmentation.
    """
    return {
        key: {
            name: present_values(predictions.iloc[grouping.codes == place]).sort_values()
            for place, name in enumerate(grouping.names)
        }
        for key, grouping in groupings.items()
    }


def segment_metrics(
    rows: pd.DataFrame,
    key: str,
    grouping: Grouping,
    columns: tuple[MonitoredColumn, ...],
    reference: ReferenceGroups,
    min_rows: int,
) -> list[MetricRow]:
    """All quality and drift rows of the groups of one segmentation.

    Args:
        rows: the window's rows with the monitored columns.
        key: name of the segmentation.
        grouping: their groups.
        columns: features and, as the last, the prediction.
        reference: the reference's predictions, from `reference_groups`.
        min_rows: a group with fewer rows, in the window or in the reference, gets status low_n.
    """
    counts = grouping.counts()
    names = [column.name for column in columns if column.name in rows.columns]
    absent = len(columns) - len(names)
    missing_cells = rows[names].isna().to_numpy().sum(axis=1) + absent
    missing = np.bincount(grouping.codes, weights=missing_cells, minlength=len(grouping.names))
    prediction = columns[-1]
    known = reference.get(key)
    metrics: list[MetricRow] = []
    for position, value in enumerate(grouping.names):
        count = int(counts[position])
        enough = count >= min_rows
        share = float(missing[position]) / (count * len(columns)) if enough else None
        of_group = [
            MetricRow("quality", "row_count", float(count), n_current=count),
            MetricRow("quality", "share_missing_values", share, status="ok" if enough else "low_n", n_current=count),
        ]
        if prediction.name in rows.columns:
            present = present_values(rows[prediction.name].iloc[grouping.codes == position])
            of_group.append(_drift(prediction, present, None if known is None else known.get(value), min_rows))
        metrics += [replace(row, segment_key=key, segment_value=value) for row in of_group]
    return metrics


def _drift(
    column: MonitoredColumn, present: pd.Series[Any], expected: pd.Series[Any] | None, min_rows: int
) -> MetricRow:
    if expected is None or min(len(present), len(expected)) >= min_rows:
        constant = expected is not None and expected.nunique() == 1
        return drift_metric(column, present, expected, min_rows, is_constant=constant)
    return MetricRow(
        "drift",
        "drift_score",
        None,
        status="low_n",
        column_name=column.name,
        method=column.drift.method,
        threshold=column.drift.threshold,
        n_reference=len(expected),
        n_current=len(present),
    )
