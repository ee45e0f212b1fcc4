"""Performance figures: known answers, equality with Evidently's public API, and the cases where there is no figure."""

from __future__ import annotations

import math
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from python_metrics.performance.performance import (
    classification_performance,
    grouped_classification_performance,
    grouped_regression_performance,
    log_losses,
    regression_performance,
)
from python_metrics.segments.grouping import group_rows

REGRESSION = ("mae", "rmse", "mape", "bias", "p90_absolute_error", "r2")
CLASSIFICATION = ("log_loss", "roc_auc", "accuracy", "precision", "recall", "calibration_error")
# One of Evidently's reports takes a tenth of a second: a few examples, and no search for the smallest that fails.
FEW = settings(max_examples=8, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])


def evidently_regression(prediction: ArrayLike, label: ArrayLike) -> dict[str, float]:
    """The figures of Evidently's public API."""
    frame = pd.DataFrame({"label": np.asarray(label, dtype=float), "prediction": np.asarray(prediction, dtype=float)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import DataDefinition, Dataset, Regression, Report
        from evidently.metrics import MAE, MAPE, RMSE, MeanError, R2Score

        definition = DataDefinition(
            numerical_columns=["label", "prediction"],
            regression=[Regression(target="label", prediction="prediction")],
        )
        metrics = {
            "mae": MAE(error_distr=False),
            "rmse": RMSE(error_distr=False),
            "mape": MAPE(perc_error_plot=False),
            "bias": MeanError(error_plot=False),
            "r2": R2Score(),
        }
        return run_report(
            Report(list(metrics.values())), Dataset.from_pandas(frame, data_definition=definition), metrics
        )


def evidently_classification(probability: ArrayLike, label: ArrayLike, threshold: float | None) -> dict[str, float]:
    """The figures of Evidently's public API."""
    frame = pd.DataFrame({"label": np.asarray(label, dtype=int), "probability": np.asarray(probability, dtype=float)})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from evidently import BinaryClassification, DataDefinition, Dataset, Report
        from evidently.metrics import Accuracy, LogLoss, Precision, Recall, RocAuc

        definition = DataDefinition(
            numerical_columns=["probability"],
            categorical_columns=["label"],
            classification=[BinaryClassification(target="label", prediction_probas="probability")],
        )
        metrics = {
            "log_loss": LogLoss(),
            "roc_auc": RocAuc(),
            "accuracy": Accuracy(probas_threshold=threshold),
            "precision": Precision(probas_threshold=threshold),
            "recall": Recall(probas_threshold=threshold),
        }
        return run_report(
            Report(list(metrics.values())), Dataset.from_pandas(frame, data_definition=definition), metrics
        )


def run_report(report: Any, dataset: Any, metrics: dict[str, Any]) -> dict[str, float]:
    results = report.run(dataset, None).dict()["metrics"]
    values = {result["config"]["type"].rsplit(":", 1)[-1]: result["value"] for result in results}
    found = {name: values[type(metric).__name__] for name, metric in metrics.items()}
    return {name: float(value["mean"] if isinstance(value, dict) else value) for name, value in found.items()}


def assert_equal(ours: dict[str, float | None], theirs: dict[str, float]) -> None:
    for name, value in theirs.items():
        assert ours[name] == pytest.approx(value, rel=1e-9, abs=1e-9), name


@st.composite
def regressions(draw: st.DrawFn) -> tuple[list[float], list[float]]:
    """Labels that are not below zero and vary, as durations do: some zero, some tied, some tiny."""
    duration = st.one_of(st.floats(0.01, 500), st.sampled_from([0.0, 1.0, 12.5]))
    label = draw(st.lists(duration, min_size=12, max_size=40))
    label += [1.0, 30.0]
    prediction = draw(st.lists(st.floats(-50, 500), min_size=len(label), max_size=len(label)))
    return prediction, label


@st.composite
def classifications(draw: st.DrawFn) -> tuple[list[float], list[int]]:
    """Tied probabilities, impossible and certain ones; both classes and both answers are there.

    None is so near to 0 that 1 minus it is 1: Evidently's AUC is the mean of that of p and of 1 - p.
    """
    chance = st.one_of(st.integers(0, 10**6).map(lambda part: part / 10**6), st.sampled_from([0.0, 0.1, 0.5, 0.7, 1.0]))
    probability = [*draw(st.lists(chance, min_size=12, max_size=40)), 0.9, 0.1]
    label = [*draw(st.lists(st.integers(0, 1), min_size=len(probability) - 2, max_size=len(probability) - 2)), 1, 0]
    return probability, label


@FEW
@given(regressions())
def test_a_regression_has_evidentlys_figures(rows: tuple[list[float], list[float]]) -> None:
    assert_equal(regression_performance(*rows), evidently_regression(*rows))


@FEW
@given(classifications(), st.sampled_from([0.3, 0.5, 0.7]))
def test_a_classification_has_evidentlys_figures(rows: tuple[list[float], list[int]], threshold: float) -> None:
    assert_equal(classification_performance(*rows, threshold), evidently_classification(*rows, threshold))


def test_without_a_threshold_evidently_uses_a_half_as_well() -> None:
    rows = ([0.5, 0.49, 0.8, 0.2, 0.6, 0.5], [1, 1, 1, 0, 0, 0])
    assert_equal(classification_performance(*rows), evidently_classification(*rows, None))


def test_missing_and_infinite_values_are_left_out_as_by_evidently() -> None:
    random = np.random.default_rng(1)
    label = random.gamma(2, 6, 60)
    prediction = label + random.normal(0, 4, 60)
    whole = regression_performance(prediction, label)
    prediction, label = np.append(prediction, [3.0, np.nan, np.inf]), np.append(label, [np.nan, 4.0, 5.0])
    assert regression_performance(prediction, label) == whole
    assert_equal(whole, evidently_regression(prediction, label))


@pytest.mark.real_data
def test_real_trips_have_evidentlys_figures(real_months: Path) -> None:
    trips = pd.read_parquet(real_months / "green_tripdata_2022-02.parquet")
    trips = trips[trips["lpep_pickup_datetime"].dt.strftime("%Y-%m-%d") == "2022-02-20"]
    minutes = (trips["lpep_dropoff_datetime"] - trips["lpep_pickup_datetime"]).dt.total_seconds() / 60
    kept = minutes.between(0, 60)
    minutes, distance = minutes[kept], trips["trip_distance"][kept]
    assert (minutes == 0).any()  # Evidently's rule for labels of zero is at work
    prediction = 4 + 4 * np.minimum(distance, 20)
    assert_equal(regression_performance(prediction, minutes), evidently_regression(prediction, minutes))
    is_long, probability = minutes > 15, 1 / (1 + np.exp(3 - np.minimum(distance, 20)))
    assert_equal(classification_performance(probability, is_long), evidently_classification(probability, is_long, None))


def test_a_regression_by_hand() -> None:
    figures = regression_performance([11.0, 18.0, 33.0, 40.0], [10.0, 20.0, 30.0, 40.0])
    assert tuple(figures) == REGRESSION
    assert figures == {
        "mae": pytest.approx(1.5),
        "rmse": pytest.approx(math.sqrt(14 / 4)),
        "mape": pytest.approx(100 * (0.1 + 0.1 + 0.1 + 0) / 4),
        "bias": pytest.approx(0.5),  # it says too much
        "p90_absolute_error": pytest.approx(2.7),  # 0.7 of the way from 2 to 3
        "r2": pytest.approx(1 - 14 / 500),
    }


def test_a_classification_by_hand() -> None:
    figures = classification_performance([0.95, 0.65, 0.65, 0.15, 0.05], [1, 1, 0, 1, 0])
    assert tuple(figures) == CLASSIFICATION
    assert figures == {
        "log_loss": pytest.approx(-(2 * math.log(0.95) + math.log(0.65) + math.log(0.35) + math.log(0.15)) / 5),
        "roc_auc": pytest.approx((2 + 1.5 + 1) / 6),
        "accuracy": pytest.approx(3 / 5),
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        # Bins: 0.95 | 0.65, 0.65 | 0.15 | 0.05
        "calibration_error": pytest.approx((0.05 + abs(1.3 - 1) + 0.85 + 0.05) / 5),
    }


def test_a_calibration_bin_holds_its_lower_bound_and_the_last_one_also_1() -> None:
    # 0.5 and 0.59 share a bin: their errors +0.5 and -0.41 make up for each other. 1.0 is alone with 0.9.
    figures = classification_performance([0.5, 0.59, 1.0, 0.9], [0, 1, 1, 1])
    assert figures["calibration_error"] == pytest.approx((0.09 + 0.1) / 4)


def test_no_rows_give_no_figures() -> None:
    assert regression_performance([], []) == dict.fromkeys(REGRESSION)
    assert regression_performance([1.0, np.nan], [np.nan, 1.0]) == dict.fromkeys(REGRESSION)
    assert classification_performance([], []) == dict.fromkeys(CLASSIFICATION)


def test_r2_needs_labels_that_vary() -> None:
    assert regression_performance([1.0, 2.0], [0.1, 0.1])["r2"] is None
    assert regression_performance([0.1] * 3, [0.1] * 3)["r2"] is None  # their mean is not 0.1 in floating point
    assert regression_performance([1.0], [2.0])["r2"] is None
    assert regression_performance([1.0, 2.0], [1.0, 2.0])["r2"] == 1


def test_mape_needs_a_label_above_zero_and_none_below() -> None:
    assert regression_performance([1.0, 2.0], [0.0, 0.0])["mape"] is None
    assert regression_performance([1.0, 2.0], [2.0, -2.0])["mape"] is None
    assert regression_performance([1.0, 3.0], [0.0, 2.0])["mape"] == pytest.approx(75)  # the label of zero: 100 %


def test_figures_of_one_class_alone() -> None:
    negatives = classification_performance([0.2, 0.7], [0, 0])
    assert negatives["roc_auc"] is None
    assert negatives["recall"] is None
    assert negatives["precision"] == 0
    positives = classification_performance([0.2, 0.3], [1, 1])
    assert positives["roc_auc"] is None
    assert positives["precision"] is None
    assert positives["recall"] == 0


def test_what_overflows_is_told_from_what_is_undefined() -> None:
    figures = regression_performance([1e300, -1e300], [1.0, 2.0])
    assert figures["rmse"] == np.inf
    assert figures["r2"] == -np.inf
    assert figures["mae"] == pytest.approx(1e300)


def test_what_is_no_classification_is_refused() -> None:
    with pytest.raises(ValueError, match="label 2 was found: the labels of a binary classification are 0 and 1"):
        classification_performance([0.5, 0.5], [1, 2])
    with pytest.raises(ValueError, match=r"probability 1\.5 was found: probabilities are between 0 and 1"):
        classification_performance([1.5, 0.5], [1, 0])
    with pytest.raises(ValueError, match="give one of each per row"):
        regression_performance([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="probability nan was found"):
        log_losses([np.nan], [1])


@settings(max_examples=30)
@given(classifications())
def test_the_mean_of_the_log_losses_is_the_log_loss(rows: tuple[list[float], list[int]]) -> None:
    assert classification_performance(*rows)["log_loss"] == pytest.approx(log_losses(*rows).mean(), rel=1e-12)


def approximately(figures: dict[str, float | None]) -> dict[str, Any]:
    return {
        name: None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9) for name, value in figures.items()
    }


GROUPS = st.lists(st.sampled_from(["a", "b", "c", None, "zone 7"]), max_size=60)


@settings(max_examples=50, deadline=None)
@given(GROUPS, st.integers(0, 2**32 - 1))
def test_groups_have_the_figures_of_their_own_rows(groups: list[str | None], seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = len(groups)
    label = np.round(random.gamma(2, 6, rows))  # ties, and zeros
    prediction = label + np.round(random.normal(0, 4, rows))
    prediction[random.random(rows) < 0.2] = np.nan
    column = pd.Series(groups, dtype=object)
    grouping = group_rows(column)
    for group in grouped_regression_performance(prediction, label, grouping):
        mine = column.fillna("missing").to_numpy() == group.group
        assert group.n == np.isfinite(prediction[mine]).sum()
        expected = regression_performance(prediction[mine], label[mine])
        assert group.figures == approximately(expected)
        if group.n:
            errors = np.abs(prediction - label)[mine & np.isfinite(prediction)]
            assert group.figures["p90_absolute_error"] == pytest.approx(np.quantile(errors, 0.9), rel=1e-12, abs=1e-12)
    probability, positive = np.round(random.random(rows), 1), random.random(rows) < 0.4
    for group in grouped_classification_performance(probability, positive, grouping, 0.4):
        mine = column.fillna("missing").to_numpy() == group.group
        expected = classification_performance(probability[mine], positive[mine], 0.4)
        assert group.n == mine.sum() > 0
        assert group.figures == approximately(expected)


def test_a_group_without_a_usable_row_has_no_figures() -> None:
    grouping = group_rows(pd.Series(["a", "b", "c"]))
    first, empty, last = grouped_regression_performance([1.0, np.nan, 4.0], [2.0, 2.0, 2.0], grouping)
    assert (first.n, empty.n, last.n) == (1, 0, 1)
    assert empty.figures == dict.fromkeys(REGRESSION)
    assert last.figures["p90_absolute_error"] == 2
    *_, no_last = grouped_regression_performance([1.0, 2.0, np.nan], [2.0, 2.0, 2.0], grouping)
    assert no_last.figures == dict.fromkeys(REGRESSION)


def test_groups_are_named_by_the_text_of_their_value() -> None:
    grouping = group_rows(pd.Series(["b", None, "a", "b", np.nan, 7, "7"], dtype=object))
    assert grouping.names == ("7", "a", "b", "missing")
    assert [grouping.names[code] for code in grouping.codes] == ["b", "missing", "a", "b", "missing", "7", "7"]
    assert list(grouping.counts()) == [2, 1, 2, 2]
    assert group_rows(pd.Series([], dtype=object)).names == ()


def test_six_segmentations_of_a_day_take_milliseconds() -> None:
    random = np.random.default_rng(2)
    label = random.gamma(2, 6, 2500)
    prediction = label + random.normal(0, 4, 2500)
    groupings = [group_rows(pd.Series(random.integers(0, groups, 2500))) for groups in (2, 3, 5, 10, 20, 20)]
    costs = []
    for _ in range(7):
        start = time.process_time()
        for grouping in groupings:
            grouped_regression_performance(prediction, label, grouping)
        costs.append(time.process_time() - start)
    assert min(costs) < 0.015
