"""Figures before they are written: what no table may hold becomes a status, for every store alike."""

from __future__ import annotations

import math

import numpy as np
import pytest

from python_metrics.metric_rows import MetricRow
from python_metrics.stored_figures import LARGEST, LEAST, stored, stored_values


def written(value: float | None, **more: object) -> dict[str, object]:
    # `more` are fields of several types, each given by its name.
    row = MetricRow("drift", "drift_score", value, threshold=0.1, alert=True, **more)  # type: ignore[arg-type]
    return dict(zip(MetricRow.__dataclass_fields__, row.fields(), strict=True))


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (math.inf, "out_of_range"),
        (-math.inf, "out_of_range"),
        (1e200, "out_of_range"),
        (-np.finfo(float).max, "out_of_range"),
        (math.nan, "error"),
        (None, "error"),
    ],
)
def test_a_figure_that_cannot_be_stored_is_a_status(value: float | None, status: str) -> None:
    row = written(value)
    assert (row["value"], row["status"]) == (None, status)
    # That it is past its threshold is known of a figure that is too large, and of no other.
    assert row["alert"] is (True if status == "out_of_range" else None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.25, 0.25), (LARGEST, LARGEST), (-LARGEST, -LARGEST), (5e-324, 0.0), (-LEAST / 2, 0.0), (LEAST, LEAST)],
)
def test_other_figures_are_written_as_they_are(value: float, expected: float) -> None:
    row = written(value)
    assert (row["value"], row["status"], row["alert"]) == (expected, "ok", True)


def test_a_reason_that_is_known_is_kept() -> None:
    assert written(None, status="low_n")["status"] == "low_n"


def test_bounds_and_p_values_are_missing_where_they_are_no_numbers() -> None:
    row = written(1.0, lower_bound=-math.inf, upper_bound=1e300, p_value=math.nan)
    assert (row["lower_bound"], row["upper_bound"], row["p_value"], row["status"]) == (None, None, None, "ok")


def test_whatever_is_stored_can_be_squared_added_and_divided() -> None:
    assert math.isfinite(LARGEST**2 * 1e12**2)
    assert math.isfinite(LARGEST / LEAST)
    assert LEAST * LEAST > 0
    assert stored(None) is None


def test_other_values_of_a_row_stay() -> None:
    row = {"score": np.float64(math.inf), "name": "x", "firing": True, "rows": 10**200, "none": None}
    assert stored_values(row) == row | {"score": None}
