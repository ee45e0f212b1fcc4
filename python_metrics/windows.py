"""The metric rows of one window: drift and quality of every column, and the window's headline numbers.

A window's rows and the reference's go in, metric rows come out; nothing is read or written here. One
column that cannot be scored gets a status and never takes the others down.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from pipeline.monitoring import MonitoredColumn
from python_metrics.drift import drift_score, present_values
from python_metrics.quality import column_statistics

if TYPE_CHECKING:
    import pandas as pd

log = logging.getLogger(__name__)

Status = Literal["ok", "low_n", "one_group", "empty", "constant", "missing_column", "error"]


@dataclass(frozen=True)
class MetricRow:
    """A row of monitoring.metric_values, without the parts that are the same for the whole window.

    `value` is a finite number exactly when `status` is ok.
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
        """The values in the order of the attributes, as they are copied into the database."""
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


@dataclass(frozen=True)
class Reference:
    """The present values of each column of a reference, and which columns do not vary; one it lacks has no entry."""

    reference_id: str
    present: dict[str, pd.Series[Any]]
    constant: frozenset[str]


def make_reference(reference_id: str, rows: pd.DataFrame) -> Reference:
    """A reference from its rows, one column each, missing values left out."""
    # Sorted: no score hangs on the order, and one of them need not sort the reference for every window.
    present = {str(name): present_values(rows[name]).sort_values() for name in rows.columns}
    return Reference(
        reference_id, present, frozenset(name for name, values in present.items() if values.nunique() == 1)
    )


def window_metrics(
    rows: pd.DataFrame,
    reference: Reference,
    columns: tuple[MonitoredColumn, ...],
    rejections: dict[str, int],
    min_values: int,
) -> list[MetricRow]:
    """All metric rows of a window.

    Args:
        rows: the window's rows, with the monitored columns (one that is absent gets status missing_column).
        reference: what drift is measured against.
        columns: features and prediction, each with its drift rule.
        rejections: rows kept out of the window, by rule.
        min_values: fewer present values than this are not scored for drift (status low_n).
    """
    metrics: list[MetricRow] = []
    missing_cells = 0
    for column in columns:
        if column.name not in rows.columns:
            metrics += _missing_column(column)
            missing_cells += len(rows)
            continue
        values = rows[column.name]
        present = present_values(values)
        missing_cells += len(values) - len(present)
        metrics += _quality(column, values, present)
        expected, is_constant = reference.present.get(column.name), column.name in reference.constant
        metrics.append(drift_metric(column, present, expected, min_values, is_constant=is_constant))
    return [*metrics, *_headlines(metrics, len(rows), missing_cells, len(columns)), *_rejections(rejections)]


def _quality(column: MonitoredColumn, values: pd.Series[Any], present: pd.Series[Any]) -> list[MetricRow]:
    return [
        MetricRow(
            "quality",
            metric,
            value,
            status="ok" if value is not None else "empty",
            column_name=column.name,
            n_current=len(values) if metric.startswith("missing") else len(present),
        )
        for metric, value in column_statistics(values, present, column.type).items()
    ]


def drift_metric(
    column: MonitoredColumn,
    present: pd.Series[Any],
    expected: pd.Series[Any] | None,
    min_values: int,
    *,
    is_constant: bool,
) -> MetricRow:
    """The drift score of one column, or why there is none.

    Args:
        column: with its drift rule.
        present: present values of the window, shape (n_current,).
        expected: present values of the reference, shape (n_reference,); None where it lacks the column.
        min_values: fewer present values than this are not scored (status low_n).
        is_constant: whether the reference's values do not vary.
    """
    rule = column.drift
    value: float | None = None
    alert: bool | None = None
    status: Status = "ok"
    if expected is None:
        status = "missing_column"
    elif not len(present) or not len(expected):
        status = "empty"
    elif len(present) < min_values:
        status = "low_n"
    elif column.type == "numerical" and is_constant:
        status = "constant"  # there is no spread to measure a distance in
    else:
        try:
            score = drift_score(expected, present, column.type, rule.method, rule.threshold)
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
        n_reference=None if expected is None else len(expected),
        n_current=len(present),
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
