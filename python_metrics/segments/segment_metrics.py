"""Quality and drift by segment: rows, missing cells and the prediction's drift of every group of a window.

Profiles of the groups of a window and of the reference's predictions go in, metric rows come out; nothing is read or
written here. A group with too few rows on either side gets a status. Called by python_metrics.monitor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from config.monitoring import PREDICTION, MonitoredColumn
from python_metrics.drift.drift_metrics import drift_metric
from python_metrics.metric_rows import MetricRow
from python_metrics.profiles.profiles import Profile, profiles_of
from python_metrics.segments.grouping import Grouping

if TYPE_CHECKING:
    import pandas as pd

ReferenceGroups = Mapping[str, Mapping[str, Profile]]


def reference_groups(
    predictions: pd.Series[Any], prediction: MonitoredColumn, groupings: Mapping[str, Grouping]
) -> dict[str, dict[str, Profile]]:
    """The profiles of the reference's predictions by segmentation and group.

    Args:
        predictions: shape (n_reference,).
        prediction: their column.
        groupings: the groups of the same rows, by segmentation.
    """
    frame = predictions.to_frame(prediction.name)
    return {
        key: {
            name: profiles_of(frame[grouping.codes == place], [prediction])[prediction.name]
            for place, name in enumerate(grouping.names)
        }
        for key, grouping in groupings.items()
    }


def segment_metrics(
    key: str,
    groups: Mapping[str, Mapping[str, Profile]],
    columns: tuple[MonitoredColumn, ...],
    reference: ReferenceGroups,
    min_rows: int,
) -> list[MetricRow]:
    """All quality and drift rows of the groups of one segmentation.

    Args:
        key: name of the segmentation.
        groups: profiles of the window's groups, by group and column; a column that the rows lack has none.
        columns: features and, as the last, the prediction, if there is one.
        reference: the reference's predictions, from `reference_groups`.
        min_rows: a group with fewer rows, in the window or in the reference, gets status low_n.
    """
    prediction = columns[-1]
    known = reference.get(key)
    metrics: list[MetricRow] = []
    for value, profiles in groups.items():
        count = max(profile.n for profile in profiles.values())
        enough = count >= min_rows
        missing = sum(profiles[column.name].n_missing if column.name in profiles else count for column in columns)
        share = missing / (count * len(columns)) if enough else None
        of_group = [
            MetricRow("quality", "row_count", float(count), n_current=count),
            MetricRow("quality", "share_missing_values", share, status="ok" if enough else "low_n", n_current=count),
        ]
        if prediction.name == PREDICTION and prediction.name in profiles:
            expected = None if known is None else known.get(value)
            of_group.append(_drift(prediction, profiles[prediction.name], expected, min_rows))
        metrics += [replace(row, segment_key=key, segment_value=value) for row in of_group]
    return metrics


def _drift(column: MonitoredColumn, profile: Profile, expected: Profile | None, min_rows: int) -> MetricRow:
    if expected is None or min(profile.n_present, expected.n_present) >= min_rows:
        return drift_metric(column, profile, expected, min_rows)
    return MetricRow(
        "drift",
        "drift_score",
        None,
        status="low_n",
        column_name=column.name,
        method=column.drift.method,
        threshold=column.drift.threshold,
        n_reference=expected.n_present,
        n_current=profile.n_present,
    )
