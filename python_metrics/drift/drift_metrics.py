"""The drift metric of one column: its score against a reference, or why there is none.

Two profiles go in, a metric row comes out. A column that cannot be scored gets a status and takes nothing else down.
Called by whoever compares windows or groups with a reference.
"""

from __future__ import annotations

import logging

from config.monitoring import MonitoredColumn
from python_metrics.drift.profile_drift import drift_score
from python_metrics.metric_rows import MetricRow, Status
from python_metrics.profiles.profiles import Profile

log = logging.getLogger(__name__)


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
