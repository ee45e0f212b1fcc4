"""The metric rows of one window: drift and quality of every column, and the window's headline numbers.

Profiles of a window's columns and of the reference's go in, metric rows come out; nothing is read or written here. One
column that cannot be scored gets a status and never takes the others down.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from config.monitoring import MonitoredColumn
from core.errors import naming
from python_metrics.drift.drift_metrics import drift_metric
from python_metrics.metric_rows import MetricRow, Status
from python_metrics.profiles.profiles import Profile
from python_metrics.profiles.quality import profile_statistics

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reference:
    """The profile of each column of a reference; one it lacks has no entry."""

    reference_id: str
    profiles: Mapping[str, Profile]


def window_metrics(
    profiles: Mapping[str, Profile],
    row_count: int,
    reference: Reference,
    columns: tuple[MonitoredColumn, ...],
    rejections: dict[str, int],
    min_values: int,
) -> list[MetricRow]:
    """All metric rows of a window.

    Args:
        profiles: of the window's columns, by name (one that is absent gets status missing_column).
        row_count: rows of the window.
        reference: what drift is measured against.
        columns: features and prediction, each with its drift rule.
        rejections: rows kept out of the window, by rule.
        min_values: fewer present values than this are not scored for drift (status low_n).
    """
    metrics: list[MetricRow] = []
    missing_cells = 0
    for column in columns:
        profile = profiles.get(column.name)
        if profile is None:
            metrics += _missing_column(column)
            missing_cells += row_count
            continue
        missing_cells += profile.n_missing
        with naming(f"column {column.name}"):
            metrics += _quality(column, profile)
            metrics.append(drift_metric(column, profile, reference.profiles.get(column.name), min_values))
    return [*metrics, *_headlines(metrics, row_count, missing_cells, len(columns)), *_rejections(rejections)]


def _quality(column: MonitoredColumn, profile: Profile) -> list[MetricRow]:
    return [
        MetricRow(
            "quality",
            metric,
            value,
            status="ok" if value is not None else "empty",
            column_name=column.name,
            n_current=profile.n if metric.startswith("missing") else profile.n_present,
        )
        for metric, value in profile_statistics(profile).items()
    ]


def _missing_column(column: MonitoredColumn) -> list[MetricRow]:
    return [
        MetricRow("quality", "missing_share", None, status="missing_column", column_name=column.name),
        MetricRow(
            "drift",
            "drift_score",
            None,
            status="missing_column",
            column_name=column.name,
            method=column.drift.method,
            threshold=column.drift.threshold,
        ),
    ]


def _headlines(metrics: list[MetricRow], row_count: int, missing_cells: int, column_count: int) -> list[MetricRow]:
    scored = [row for row in metrics if row.metric == "drift_score" and row.status == "ok"]
    drifted = sum(bool(row.alert) for row in scored)
    cells = row_count * column_count
    nothing_scored: Status = "ok" if scored else "empty"
    return [
        MetricRow("quality", "row_count", float(row_count), n_current=row_count),
        MetricRow(
            "quality",
            "share_missing_values",
            missing_cells / cells if cells else None,
            status="ok" if cells else "empty",
            n_current=row_count,
        ),
        MetricRow("drift", "num_scored_columns", float(len(scored)), n_current=row_count),
        MetricRow(
            "drift",
            "num_drifted_columns",
            float(drifted) if scored else None,
            status=nothing_scored,
            n_current=row_count,
        ),
        MetricRow(
            "drift",
            "share_drifted_columns",
            drifted / column_count if scored else None,
            status=nothing_scored,
            n_current=row_count,
        ),
    ]


def _rejections(rejections: dict[str, int]) -> list[MetricRow]:
    return [
        MetricRow("quality", "rejected_count", float(count), segment_key="rejection_rule", segment_value=rule)
        for rule, count in rejections.items()
    ]
