"""The drift metrics of one column: its score against a reference, or why there is none, and the binned ones.

Profiles go in, metric rows come out. A column that cannot be scored gets a status and takes nothing else down.
Called by whoever compares windows or groups with a reference.
"""

from __future__ import annotations

import logging

from config.monitoring import MonitoredColumn
from python_metrics.drift.binned_drift import BinnedScores
from python_metrics.drift.profile_drift import drift_score
from python_metrics.metric_rows import MetricRow, Status
from python_metrics.profiles.profiles import Profile

log = logging.getLogger(__name__)


def drift_metric(
    column: MonitoredColumn, profile: Profile, expected: Profile | None, min_values: int, layer: str = "drift"
) -> MetricRow:
    """The drift score of one column, or why there is none.

    Args:
        column: with its drift rule.
        profile: of the window.
        expected: of the reference; None where it lacks the column.
        min_values: fewer present values than this are not scored (status low_n).
        layer: whose row it is.
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
        layer,
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


def binned_metrics(
    column_name: str, scores: BinnedScores | None, n_reference: int, n_current: int, layer: str = "drift"
) -> list[MetricRow]:
    """The two scores beside it that one absurd value cannot change; None of a side without rows to compare."""
    found = (None, None) if scores is None else (float(scores.jensenshannon[0]), float(scores.psi[0]))
    return [
        MetricRow(
            layer,
            f"binned_{metric}",
            value,
            status="empty" if value is None else "ok",
            column_name=column_name,
            n_reference=n_reference,
            n_current=n_current,
        )
        for metric, value in zip(("jensenshannon", "psi"), found, strict=True)
    ]
