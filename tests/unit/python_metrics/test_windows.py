"""The metric rows of a window: values known beforehand, and a status for everything that has none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from config.drift_methods import ColumnType
from config.monitoring import MonitoredColumn
from config.rules import DriftRule
from python_metrics.metric_rows import MetricRow
from python_metrics.profiles.profiles import profiles_of
from python_metrics.windows import Reference
from python_metrics.windows import window_metrics as metrics_of_profiles

WASSERSTEIN = DriftRule(method="wasserstein", threshold=0.1)
JENSEN_SHANNON = DriftRule(method="jensenshannon", threshold=0.1)


def column(name: str, column_type: ColumnType = "numerical", drift: DriftRule | None = None) -> MonitoredColumn:
    default = WASSERSTEIN if column_type == "numerical" else JENSEN_SHANNON
    return MonitoredColumn(name=name, type=column_type, drift=drift or default)


def reference(**columns: Any) -> pd.DataFrame:
    return pd.DataFrame(columns)


def window_metrics(
    rows: pd.DataFrame,
    expected: pd.DataFrame,
    columns: tuple[MonitoredColumn, ...],
    rejections: dict[str, int],
    min_values: int,
) -> list[MetricRow]:
    compared = Reference("r", profiles_of(expected, columns))
    return metrics_of_profiles(profiles_of(rows, columns), len(rows), compared, columns, rejections, min_values)


def by_key(rows: list[MetricRow]) -> dict[tuple[str, str, str], MetricRow]:
    return {(row.column_name, row.segment_value, row.metric): row for row in rows}


SPREAD = [float(value) for value in range(100)]


def test_a_window_like_its_reference_scores_zero() -> None:
    rows = by_key(
        window_metrics(pd.DataFrame({"x": SPREAD}), reference(x=SPREAD), (column("x"),), {"too_long": 3}, min_values=5)
    )
    drift = rows["x", "", "drift_score"]
    assert (drift.value, drift.alert, drift.threshold, drift.method) == (0.0, False, 0.1, "wasserstein")
    assert (drift.n_reference, drift.n_current) == (100, 100)
    assert rows["x", "", "mean"].value == 49.5
    assert rows["x", "", "std"].value == pytest.approx(math.sqrt((100**2 - 1) / 12))
    assert rows["x", "", "p25"].value == 24.75
    assert rows["x", "", "distinct_count"].value == 100
    assert rows["", "", "row_count"].value == 100
    assert rows["", "", "num_drifted_columns"].value == 0
    assert rows["", "", "share_missing_values"].value == 0
    assert rows["", "too_long", "rejected_count"].value == 3


def test_shares_count_cells_and_all_monitored_columns() -> None:
    frame = pd.DataFrame({"x": [*SPREAD[:50], *[np.nan] * 50], "y": [value + 500 for value in SPREAD]})
    rows = by_key(window_metrics(frame, reference(x=SPREAD, y=SPREAD), (column("x"), column("y")), {}, 5))
    assert rows["x", "", "missing_share"].value == 0.5
    assert rows["", "", "share_missing_values"].value == 0.25
    assert rows["x", "", "drift_score"].n_current == 50
    assert rows["", "", "num_drifted_columns"].value == 2
    assert rows["", "", "share_drifted_columns"].value == 1.0


@pytest.mark.parametrize(
    ("values", "expected", "status"),
    [
        ([], SPREAD, "empty"),
        ([np.nan] * 60, SPREAD, "empty"),
        ([np.inf] * 60, SPREAD, "empty"),
        (SPREAD[:4], SPREAD, "low_n"),
        (SPREAD, [7.0] * 100, "constant"),
        (SPREAD, [np.nan] * 100, "empty"),
    ],
)
def test_what_cannot_be_scored_gets_a_status_and_no_value(
    values: list[float], expected: list[float], status: str
) -> None:
    frame = pd.DataFrame({"x": pd.Series(values, dtype="float64")})
    row = by_key(window_metrics(frame, reference(x=expected), (column("x"),), {}, 5))["x", "", "drift_score"]
    assert (row.status, row.value, row.alert) == (status, None, None)


def test_a_column_that_fails_leaves_the_others_alone(caplog: pytest.LogCaptureFixture) -> None:
    # Kolmogorov and Smirnov's test refuses categories: Evidently raises.
    levels = ["a", "b", "c"] * 20
    columns = (column("broken", "categorical", DriftRule(method="ks", threshold=0.1)), column("x"))
    frame = pd.DataFrame({"broken": levels, "x": SPREAD[:60]})
    rows = by_key(window_metrics(frame, reference(broken=levels, x=SPREAD[:60]), columns, {}, 5))
    assert rows["broken", "", "drift_score"].status == "error"
    assert rows["broken", "", "drift_score"].value is None
    assert rows["x", "", "drift_score"].value == 0.0
    assert rows["", "", "num_scored_columns"].value == 1
    assert "broken" in caplog.text


def test_a_column_that_the_window_lacks_is_named() -> None:
    rows = by_key(
        window_metrics(pd.DataFrame({"x": SPREAD}), reference(x=SPREAD, y=SPREAD), (column("x"), column("y")), {}, 5)
    )
    assert rows["y", "", "drift_score"].status == "missing_column"
    assert rows["y", "", "missing_share"].status == "missing_column"
    assert rows["", "", "share_missing_values"].value == 0.5
    assert rows["x", "", "drift_score"].status == "ok"


def test_a_column_that_the_reference_lacks_is_named() -> None:
    rows = by_key(window_metrics(pd.DataFrame({"x": SPREAD}), reference(y=SPREAD), (column("x"),), {}, 5))
    assert rows["x", "", "drift_score"].status == "missing_column"
    assert rows["x", "", "mean"].value == 49.5


def test_an_empty_window_counts_nothing_and_says_so() -> None:
    frame = pd.DataFrame({"x": pd.Series([], dtype="float64"), "zone": pd.Series([], dtype="float64")})
    columns = (column("x"), column("zone", "categorical"))
    rows = by_key(window_metrics(frame, reference(x=SPREAD, zone=SPREAD), columns, {"rule": 0}, 5))
    assert rows["", "", "row_count"].value == 0
    assert rows["", "", "num_scored_columns"].value == 0
    for metric in ("num_drifted_columns", "share_drifted_columns", "share_missing_values"):
        assert (rows["", "", metric].value, rows["", "", metric].status) == (None, "empty")


def test_a_value_stands_exactly_where_the_status_is_ok() -> None:
    frame = pd.DataFrame({"x": [np.nan, np.inf, 1.0], "zone": [1.0, np.nan, 2.0]})
    for row in window_metrics(
        frame, reference(x=SPREAD, zone=SPREAD), (column("x"), column("zone", "categorical"), column("gone")), {}, 2
    ):
        assert (row.value is not None) == (row.status == "ok"), row
        assert row.value is None or math.isfinite(row.value), row


def test_a_category_never_seen_before_is_scored() -> None:
    frame = pd.DataFrame({"zone": [9.0] * 60})
    row = by_key(window_metrics(frame, reference(zone=[1.0] * 60), (column("zone", "categorical"),), {}, 5))
    assert row["zone", "", "drift_score"].value == pytest.approx(math.sqrt(math.log(2)))
    assert ("zone", "", "mean") not in row
