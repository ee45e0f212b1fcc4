"""Direct loss estimation: known answers, determinism, and intervals that hold what a day realises."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.estimate_accuracy import day_errors
from benchmarks.scored_months import LINEAR, fitted, in_month, read_month, trained, tutorial_rows
from python_metrics.estimates.loss_estimation import LossEstimator, fit_loss_estimator
from python_metrics.estimates.predictive import Floats, TooFewRowsError

FEATURES = ["distance", "zone", "passengers"]


@dataclass(frozen=True)
class Rows:
    features: pd.DataFrame
    prediction: Floats
    label: Floats
    days: np.ndarray[tuple[int], np.dtype[np.int64]]

    def at(self, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Rows:
        return Rows(
            self.features[chosen].reset_index(drop=True), self.prediction[chosen], self.label[chosen], self.days[chosen]
        )

    @property
    def mae(self) -> float:
        return float(np.abs(self.prediction - self.label).mean())


def trips(seed: int, days: int, rows_a_day: int, day_deviation: float = 0.5, zone_two: float = 0.5) -> Rows:
    """Days of a model that knows the distance only; zone 2 is four times as noisy, each day has its own pace."""
    random = np.random.default_rng(seed)
    rows = days * rows_a_day
    day = np.repeat(np.arange(days), rows_a_day)
    zone = np.where(random.random(rows) < zone_two, 2.0, 1.0)
    distance = random.gamma(2.0, 2.0, rows)
    noise = random.normal(0, 1, rows) * np.where(zone == 2, 4.0, 1.0)
    label = 3 * distance + noise * np.exp(random.normal(0, 0.1 * day_deviation, days))[day]
    label += random.normal(0, day_deviation, days)[day]
    passengers = random.integers(1, 6, rows).astype(float)
    passengers[::17] = np.nan
    features = pd.DataFrame({"distance": distance, "zone": zone, "passengers": passengers})
    return Rows(features, 3 * distance, label, day)


def estimator_of(rows: Rows, seed: int = 0) -> LossEstimator:
    return fit_loss_estimator(rows.features, rows.prediction, rows.label, rows.days, seed=seed)


@pytest.fixture(scope="module")
def reference() -> Rows:
    return trips(1, 20, 300)


@pytest.fixture(scope="module")
def estimator(reference: Rows) -> LossEstimator:
    return estimator_of(reference)


def test_a_constant_error_is_estimated_exactly() -> None:
    random = np.random.default_rng(1)
    features = pd.DataFrame({"x": random.normal(0, 1, 600)})
    prediction = random.normal(10, 2, 600)
    estimator = fit_loss_estimator(features, prediction, prediction - 2.5, np.arange(600) // 60, seed=0)
    estimate = estimator.estimate(features[:100], prediction[:100], seed=0)
    assert estimate.mae.value == pytest.approx(2.5, abs=1e-9)
    assert (estimate.mae.low, estimate.mae.high) == pytest.approx((2.5, 2.5), abs=1e-6)
    assert (estimate.rmse.low, estimate.rmse.value, estimate.rmse.high) == pytest.approx((2.5, 2.5, 2.5), abs=1e-6)


def test_a_perfect_model_has_no_error_to_estimate() -> None:
    x = np.arange(600.0)
    estimate = fit_loss_estimator(pd.DataFrame({"x": x}), x, x, x // 60, seed=0).estimate(
        pd.DataFrame({"x": x[:50]}), x[:50], seed=0
    )
    assert (estimate.mae.low, estimate.mae.value, estimate.mae.high) == (0, 0, 0)
    assert (estimate.rmse.low, estimate.rmse.value, estimate.rmse.high) == (0, 0, 0)


def test_the_error_of_each_row_is_that_of_its_kind(estimator: LossEstimator) -> None:
    # The mean absolute value of a normal variable is its deviation times the root of 2 / pi; the day's own shift adds.
    window = trips(2, 1, 2000, day_deviation=0)
    estimate = estimator.estimate(window.features, window.prediction, seed=0)
    noisy = window.features["zone"].to_numpy() == 2
    expected = np.sqrt(2 / np.pi) * np.sqrt(np.array([1 + 0.25, 16 + 0.25]))
    found = [estimate.expected_absolute_error[~noisy].mean(), estimate.expected_absolute_error[noisy].mean()]
    assert found == pytest.approx(expected, rel=0.08)
    assert estimate.mae.value == pytest.approx(estimate.expected_absolute_error.mean())
    assert estimate.n == 2000


def test_the_estimate_follows_the_mix_of_rows(estimator: LossEstimator) -> None:
    for share in (0.1, 0.9):
        window = trips(3, 1, 2000, day_deviation=0.2, zone_two=share)
        estimate = estimator.estimate(window.features, window.prediction, seed=0)
        assert estimate.mae.value == pytest.approx(window.mae, rel=0.1)
        assert estimate.mae.low < window.mae < estimate.mae.high
        rmse = float(np.sqrt(((window.prediction - window.label) ** 2).mean()))
        assert estimate.rmse.low < rmse < estimate.rmse.high


def test_intervals_hold_held_out_days(estimator: LossEstimator) -> None:
    new = trips(20, 120, 150)
    held, width = [], []
    for day in range(120):
        window = new.at(new.days == day)
        mae = estimator.estimate(window.features, window.prediction, seed=day).mae
        held.append(mae.low <= window.mae <= mae.high)
        width.append(mae.high - mae.low)
    assert 0.85 <= np.mean(held) <= 0.99
    assert np.mean(width) < 1.2  # the mean absolute error is about 2


def test_without_days_of_their_own_pieces_of_the_rows_stand_for_days(reference: Rows) -> None:
    estimator = fit_loss_estimator(
        reference.features, reference.prediction, reference.label, np.zeros(len(reference.label)), seed=0
    )
    assert estimator.effects["absolute"].degrees == 9
    window = trips(4, 1, 1000)
    mae = estimator.estimate(window.features, window.prediction, seed=0).mae
    assert mae.low < window.mae < mae.high


def test_days_widen_the_interval_and_rows_narrow_it() -> None:
    calm, restless = estimator_of(trips(5, 20, 300, day_deviation=0)), estimator_of(trips(5, 20, 300, day_deviation=2))

    def width(estimator: LossEstimator, rows: int) -> float:
        window = trips(6, 1, rows)
        mae = estimator.estimate(window.features, window.prediction, seed=0).mae
        return mae.high - mae.low

    assert width(restless, 300) > 2 * width(calm, 300)
    assert width(calm, 4800) < 0.6 * width(calm, 300)
    # From 5,000 rows on a part is drawn and scaled: there is no step.
    assert width(calm, 5200) == pytest.approx(width(calm, 4800), rel=0.1)


def test_the_same_input_and_seed_give_the_same_numbers(reference: Rows, estimator: LossEstimator) -> None:
    window = trips(7, 1, 500)
    first = estimator.estimate(window.features, window.prediction, seed=3)
    again = estimator_of(reference).estimate(window.features, window.prediction, seed=3)
    assert (again.mae, again.rmse) == (first.mae, first.rmse)
    assert np.array_equal(again.expected_absolute_error, first.expected_absolute_error)
    assert estimator.estimate(window.features, window.prediction, seed=4).mae != first.mae


def test_neither_the_order_of_rows_nor_of_columns_matters(estimator: LossEstimator) -> None:
    window = trips(8, 1, 500)
    order = np.random.default_rng(0).permutation(500)
    first = estimator.estimate(window.features, window.prediction, seed=0)
    shuffled = estimator.estimate(window.features.iloc[order, ::-1], window.prediction[order], seed=0)
    for one, other in ((first.mae, shuffled.mae), (first.rmse, shuffled.rmse)):
        assert (other.value, other.low, other.high) == pytest.approx((one.value, one.low, one.high), rel=1e-9)
    assert np.array_equal(shuffled.expected_absolute_error, first.expected_absolute_error[order])


def test_rows_without_a_label_are_left_out(reference: Rows) -> None:
    kept = np.arange(len(reference.label)) % 3 > 0
    hidden = Rows(reference.features, reference.prediction, np.where(kept, reference.label, np.nan), reference.days)
    window = trips(9, 1, 200)
    one, other = estimator_of(hidden), estimator_of(reference.at(kept))
    assert one.n_reference == other.n_reference == kept.sum()
    assert (
        one.estimate(window.features, window.prediction, seed=0).mae
        == other.estimate(window.features, window.prediction, seed=0).mae
    )


def test_bad_input_is_named(reference: Rows, estimator: LossEstimator) -> None:
    with pytest.raises(TooFewRowsError, match="0 labelled rows of 6000"):
        estimator_of(Rows(reference.features, reference.prediction, np.full(6000, np.nan), reference.days))
    with pytest.raises(TooFewRowsError, match="the window has 29 rows, its error is estimated from 30 on"):
        estimator.estimate(reference.features[:29], reference.prediction[:29], seed=0)
    with pytest.raises(ValueError, match="the features zone are not among the columns distance, passengers"):
        estimator.estimate(reference.features.drop(columns="zone"), reference.prediction, seed=0)
    with pytest.raises(ValueError, match="1 of 6000 predictions are not finite"):
        estimator.estimate(reference.features, np.where(np.arange(6000) == 7, np.nan, reference.prediction), seed=0)
    with pytest.raises(ValueError, match="one entry a row each, they have 6000, 6000, 6000 and 5"):
        estimator_of(Rows(reference.features, reference.prediction, reference.label, reference.days[:5]))


@pytest.mark.real_data
def test_february_of_the_tutorial_is_estimated_closely(real_months: Path) -> None:
    model = trained(LINEAR, tutorial_rows(read_month(real_months, "2022-01")))
    february = in_month(model.score(tutorial_rows(read_month(real_months, "2022-02"))), "2022-02")
    errors = day_errors(fitted(model.features, model.reference), february)
    assert len(errors) == 28
    assert (errors["estimated"] - errors["realised"]).abs().mean() < 0.13  # minutes; the peer misses by 0.22
    assert errors["estimated"].corr(errors["realised"]) > 0.91
    assert errors["realised"].between(errors["low"], errors["high"]).mean() >= 0.85
