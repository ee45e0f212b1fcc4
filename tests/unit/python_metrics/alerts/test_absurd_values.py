"""Finite values that are absurd: what is said of a window that holds them can be stored, or is a status."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from config.monitoring import MonitoredColumn
from config.rules import DriftRule
from python_metrics.alerts.column_alarms import ColumnFamily
from python_metrics.alerts.day_alarms import Decided, alarm_of, scores_of
from python_metrics.alerts.series_signals import Series, decide_series, fit_series
from python_metrics.alerts.signals import Day, decide, fit_null
from python_metrics.comparisons.comparisons import _metric_rows, _Reference
from python_metrics.estimates.estimates import estimate_metrics, make_estimator
from python_metrics.incidents.moves import largest_moves
from python_metrics.metric_rows import MetricRow
from python_metrics.performance.tasks import task_of
from python_metrics.performance.usual_loss import usual_loss
from python_metrics.performance.window_evaluation import EvaluationRules, KnownReference, evaluate_window
from python_metrics.profiles.profiles import profile_of, profiles_of
from python_metrics.segments.grouping import group_rows
from python_metrics.segments.segments import segment_groups
from python_metrics.stored_figures import LARGEST, stored_values
from python_metrics.windows import Reference, window_metrics

GREATEST = float(np.finfo(float).max)
ABSURD = {
    "one huge": [1e200],
    "one nearly infinite": [1e308],
    "their sum is infinite": [1e308, 1e308, GREATEST],
    "their difference is infinite": [GREATEST, -GREATEST],
    "denormal": [5e-324, -5e-324],
    "huge and denormal": [-1e200, 5e-324],
}
absurd = pytest.mark.parametrize("strange", ABSURD.values(), ids=ABSURD.keys())
# Numbers overflow here by design; the command line shows no such warning.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
PREDICTION = MonitoredColumn(name="prediction", type="numerical", drift=DriftRule(method="wasserstein", threshold=0.1))
ROWS = 1200


def usual(seed: int = 0, rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    feature = random.gamma(2.0, 3.0, rows)
    return pd.DataFrame(
        {
            "feature": feature,
            "prediction": feature * 2 + random.normal(0, 1, rows),
            "label": feature * 2 + random.normal(0, 1, rows),
            "place": np.where(np.arange(rows) % 2, "north", "south"),
            "day": np.arange(rows) * 10 // rows,
        }
    )


def with_strange(frame: pd.DataFrame, column: str, strange: Sequence[float]) -> pd.DataFrame:
    values = frame[column].to_numpy(copy=True)
    values[100 : 100 + len(strange)] = strange
    return frame.assign(**{column: values})


def check(rows: Sequence[MetricRow]) -> None:
    """Each row can be written; what is missing says why, and the headlines are there."""
    assert rows
    for row in rows:
        fields = dict(zip(MetricRow.__dataclass_fields__, row.fields(), strict=True))
        assert (fields["value"] is not None) == (fields["status"] == "ok"), fields
        for name in ("value", "lower_bound", "upper_bound", "p_value", "threshold"):
            value = fields[name]
            assert value is None or abs(float(str(value))) <= LARGEST, fields


@absurd
@pytest.mark.parametrize("is_in_reference", [False, True])
def test_drift_and_quality_of_a_window(strange: list[float], is_in_reference: bool) -> None:
    window = with_strange(usual(1), "prediction", strange)
    before = with_strange(usual(0), "prediction", strange) if is_in_reference else usual(0)
    reference = Reference("r", profiles_of(before, [PREDICTION]))
    rows = window_metrics(profiles_of(window, [PREDICTION]), len(window), reference, (PREDICTION,), {}, 50)
    check(rows)
    by_name = {row.metric: row for row in rows}
    # The rest of what is said of the window stands.
    assert by_name["row_count"].fields()[2] == ROWS
    assert by_name["p50"].fields()[3] == "ok"
    assert by_name["missing_share"].value == 0
    if not is_in_reference and max(map(abs, strange)) == 1e200:
        assert by_name["std"].fields()[3] == "out_of_range"
        assert by_name["drift_score"].alert is True


@absurd
def test_comparisons_of_summed_profiles(strange: list[float]) -> None:
    current = profile_of(with_strange(usual(1), "prediction", strange)["prediction"], "numerical")
    for reference in (profile_of(usual(0)["prediction"], "numerical"), current):
        check(_metric_rows(PREDICTION, _Reference(reference), current, 50))
    assert largest_moves(profile_of(usual(0)["prediction"], "numerical"), current)


@absurd
@pytest.mark.parametrize("column", ["prediction", "label", "feature"])
@pytest.mark.parametrize("is_in_reference", [False, True])
def test_estimates_and_what_labels_say(strange: list[float], column: str, is_in_reference: bool) -> None:
    window = with_strange(usual(1), column, strange)
    before = with_strange(usual(0), column, strange) if is_in_reference else usual(0)
    estimator = make_estimator("regression", before, ("feature",), "label", before["day"])
    groups = segment_groups(window, (("place",),))
    check(estimate_metrics(window, groups, estimator, "regression", 100))
    prediction, label = (before[name].to_numpy() for name in ("prediction", "label"))
    known = np.isfinite(prediction - label)
    task = task_of("regression")
    losses = task.losses(prediction[known], label[known])
    usual_losses = usual_loss(losses, before["day"][known].to_numpy(), task.same_loss(label[known]))
    residuals = profile_of(pd.Series((prediction - label)[known]), "numerical")
    rules = EvaluationRules((("place",),), 100, 0.01, PREDICTION)
    groups = {"place": group_rows(before["place"][known])}
    reference = KnownReference(groups, losses, residuals, usual_losses, None)
    rows = evaluate_window(window, window["label"].to_numpy(), task, rules, reference, estimator, seed=1)
    check(rows)
    found = {row.metric: row for row in rows if not row.segment_key}
    assert found["label_count"].value == ROWS
    assert {"mae", "rmse", "bias", "loss_excess", "residual_drift"} <= found.keys()
    gaps = {row.metric: row for row in rows if row.layer == "fairness"}
    assert gaps.keys() == {"loss_gap", "bias_gap", "worst_ratio"}


def day(place: int, strange: Sequence[float] = ()) -> Day:
    frame = usual(place, 300)
    if strange:
        frame = with_strange(frame, "prediction", strange)
    profiles = {name: profile_of(frame[name], "numerical") for name in ("feature", "prediction")}
    return Day(date(2024, 1, 1) + timedelta(days=place), len(frame), 0, profiles)


@absurd
@pytest.mark.parametrize("is_in_reference", [False, True])
def test_the_decision_about_a_day(strange: list[float], is_in_reference: bool) -> None:
    reference = [day(place, strange if is_in_reference and place == 20 else ()) for place in range(42)]
    null = fit_null(reference, ["feature"], "prediction", budget=1 / 30, rows=300)
    assert null is not None
    for today in (day(42, strange), day(43)):
        decision = decide(null, today, [])
        decided = Decided(decision, today.rows, [one.date for one in reference])
        alarm = stored_values(asdict(alarm_of(decided, ColumnFamily.named, 30)))
        # An incident has a threshold_ratio.
        assert alarm["threshold_ratio"] is not None
        assert decision.threshold_ratio is not None
        assert math.isfinite(decision.threshold_ratio)
        for score in scores_of(decision, ColumnFamily.named):
            assert all(
                not isinstance(value, float) or abs(value) <= LARGEST for value in stored_values(vars(score)).values()
            )


@absurd
@pytest.mark.parametrize("is_in_reference", [False, True])
def test_the_decision_about_a_series(strange: list[float], is_in_reference: bool) -> None:
    random = np.random.default_rng(0)
    days = [date(2024, 1, 1) + timedelta(days=place) for place in range(42)]
    # What is stored is at most so large.
    strange = [float(np.clip(value, -LARGEST, LARGEST)) for value in strange]
    values = random.normal(3, 0.2, 42)
    if is_in_reference:
        values[10 : 10 + len(strange)] = strange
    series = [
        Series("bias", "number", values, np.full(42, 300.0)),
        Series("mae", "positive", abs(values), np.full(42, 300.0)),
    ]
    null = fit_series(days, series, budget=1 / 90)
    today = {"bias": strange[0], "mae": abs(strange[0])}
    decision = decide_series(null, date(2024, 2, 12), today, {"bias": 300.0, "mae": 300.0}, [])
    assert decision.threshold_ratio is None or math.isfinite(decision.threshold_ratio)
