"""The metric rows of one window: drift and quality of every column, and the window's headline numbers.

Profiles of a window's columns and of the reference's go in, metric rows come out; nothing is read or written here. One
column that cannot be scored gets a status and never takes the others down.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pipeline.errors import naming
from pipeline.monitoring import MonitoredColumn
from python_metrics.profile_drift import drift_score
from python_metrics.profiles import Profile, profile_of
from python_metrics.quality import profile_statistics
from python_metrics.stored_figures import is_out_of_range, stored_values

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

Status = Literal["ok", "low_n", "one_group", "empty", "constant", "missing_column", "out_of_range", "error"]


@dataclass(frozen=True)
class MetricRow:
    """A row of monitoring.metric_values, without the parts that are the same for the whole window.

    A `value` that cannot be stored becomes a status when the row is written.
    """

    layer: str
    metric: str
    value: float | None
    status: Status = "ok"
    column_name: str = ""
    method: str = ""
    segment_key: str = ""
    segment_value: str = ""
    threshold: float | None = None
    alert: bool | None = None
    n_reference: int | None = None
    n_current: int | None = None
    lower_bound: float | None = None
    upper_bound: float | None = None
    p_value: float | None = None

    def fields(self) -> tuple[object, ...]:
        """The values in the order of the attributes, as they are copied into the database.

        There is a value exactly where the status is ok, and it is one that can be stored.
        """
        row = stored_values(vars(self))
        if row["value"] is None and self.status == "ok":
            if self.value is not None and is_out_of_range(self.value):
                row["status"] = "out_of_range"  # past its threshold or not, that is known
            else:
                row |= {"status": "error", "alert": None}
        return tuple(row.values())


@dataclass(frozen=True)
class Reference:
    """The profile of each column of a reference; one it lacks has no entry."""

    reference_id: str
    profiles: Mapping[str, Profile]


def profiles_of(rows: pd.DataFrame, columns: Sequence[MonitoredColumn]) -> dict[str, Profile]:
    """The profiles of rows, of those columns that they have, rounded as the profiles of days are."""
    return {
        column.name: profile_of(rounded(rows[column.name], column), column.type)
        for column in columns
        if column.name in rows.columns
    }


def rounded(values: pd.Series[float], column: MonitoredColumn) -> pd.Series[float]:
    """A column's values at the precision that its profiles are stored with."""
    return values if column.decimals is None else values.astype(float).round(column.decimals)


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


def drift_metric(column: MonitoredColumn, profile: Profile, expected: Profile | None, min_values: int) -> MetricRow:
    """The drift score of one column, or why there is none.

    Args:
        column: with its drift rule.
        profile: of the window.
        expected: of the reference; None where it lacks the column.
        min_values: fewer present values than this are not scored (status low_n).
    """
    rule = column.drift
    value: float | None = None
    alert: bool | None = None
    status: Status = "ok"
    if expected is None:
        status = "missing_column"
    elif not profile.n_present or not expected.n_present:
        status = "empty"
    elif profile.n_present < min_values:
        status = "low_n"
    elif column.type == "numerical" and expected.n_distinct == 1:
        status = "constant"  # there is no spread to measure a distance in
    else:
        try:
            score = drift_score(expected, profile, column.type, rule.method, rule.threshold)
            value, alert = score.value, score.is_drifted
        except Exception as error:  # whatever a statistical test raises is this column's matter alone
            log.warning("%s: %s could not be scored: %s: %s", column.name, rule.method, type(error).__name__, error)
            status = "error"
    return MetricRow(
        "drift",
        "drift_score",
        value,
        status=status,
        column_name=column.name,
        method=rule.method,
        threshold=rule.threshold,
        alert=alert,
        n_reference=None if expected is None else expected.n_present,
        n_current=profile.n_present,
    )


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
