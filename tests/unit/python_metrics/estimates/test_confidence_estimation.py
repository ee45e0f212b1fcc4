"""Confidence-based estimation: scikit-learn's figures, known answers, and intervals that hold what a day realises."""

from __future__ import annotations

import numpy as np
import pytest

from python_metrics.estimates.confidence_estimation import (
    METRICS,
    ConfidenceEstimator,
    Figure,
    expected_figures,
    fit_confidence_estimator,
    realised_figures,
)
from python_metrics.estimates.predictive import Floats, TooFewRowsError


def labelled(seed: int, days: int, rows_a_day: int, day_deviation: float = 0.0) -> tuple[Floats, Floats, Floats]:
    """Probabilities of a model that is right about them, labels with an effect of the day in logits, days."""
    random = np.random.default_rng(seed)
    day = np.repeat(np.arange(days), rows_a_day)
    logit = random.normal(0.3, 1.5, len(day))
    shift = random.normal(0, day_deviation, days)[day]
    label = random.random(len(day)) < 1 / (1 + np.exp(-logit - shift))
    return 1 / (1 + np.exp(-logit)), label.astype(float), day.astype(float)


@pytest.fixture(scope="module")
def estimator() -> ConfidenceEstimator:
    return fit_confidence_estimator(*labelled(1, 20, 300), seed=0)


def test_realised_figures_are_scikit_learns_own() -> None:
    from sklearn import metrics

    random = np.random.default_rng(2)
    probability = np.round(random.random(500), 2)  # ties
    probability[:3] = [0.0, 1.0, 0.5]
    label = (random.random(500) < probability).astype(float)
    label[:2] = [1.0, 0.0]
    said = probability >= 0.5
    assert realised_figures(probability, label) == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(label, said),
            "precision": metrics.precision_score(label, said),
            "recall": metrics.recall_score(label, said),
            "log_loss": metrics.log_loss(label, probability),
            "roc_auc": metrics.roc_auc_score(label, probability),
            "positive_share": label.mean(),
        }
    )


def test_expected_figures_of_two_kinds_of_rows_follow_by_hand() -> None:
    # 60 rows at 0.8, 40 at 0.3: right 48 + 28 times of 100; 48 of 60 positives are hits; of 60 positives 48 are found.
    probability = np.repeat([0.8, 0.3], [60, 40])
    expected, _ = expected_figures(probability, probability, 0)
    assert expected["accuracy"] == pytest.approx(0.76)
    assert expected["precision"] == pytest.approx(0.8)
    assert expected["recall"] == pytest.approx(48 / 60)
    entropy = -0.6 * (0.8 * np.log(0.8) + 0.2 * np.log(0.2)) - 0.4 * (0.3 * np.log(0.3) + 0.7 * np.log(0.7))
    assert expected["log_loss"] == pytest.approx(entropy)
    # Pairs of different rows: positive at 0.8 over negative at 0.3 is right, equal probabilities are half right.
    itself = 60 * 0.8 * 0.2 + 40 * 0.3 * 0.7
    right = 48 * 28 + (48 * 12 - 60 * 0.16 + 12 * 28 - 40 * 0.21) / 2
    assert expected["roc_auc"] == pytest.approx(right / (60 * 40 - itself))


def test_certain_probabilities_give_certain_figures() -> None:
    probability = np.repeat([1.0, 0.0], 50)
    expected, noise = expected_figures(probability, probability, 0)
    assert expected == pytest.approx(
        {"accuracy": 1, "precision": 1, "recall": 1, "log_loss": 0, "roc_auc": 1, "positive_share": 0.5}, abs=1e-9
    )
    assert all(np.ptp(draws) == 0 for draws in noise.values())


@pytest.mark.parametrize("day_deviation", [0.0, 0.4])
def test_intervals_hold_held_out_days(day_deviation: float) -> None:
    held: dict[Figure, list[bool]] = {metric: [] for metric in METRICS}
    estimator = fit_confidence_estimator(*labelled(10, 20, 200, day_deviation), seed=0)
    probability, label, days = labelled(30, 100, 200, day_deviation)
    for day in range(100):
        rows = days == day
        realised = realised_figures(probability[rows], label[rows])
        for metric, interval in estimator.estimate(probability[rows], seed=day).items():
            assert interval.low <= interval.value <= interval.high
            held[metric].append(interval.low <= realised[metric] <= interval.high)
    for metric, outcomes in held.items():
        assert len(outcomes) == 100
        assert 0.88 <= np.mean(outcomes) <= 1, metric


def test_overconfident_probabilities_are_calibrated_and_right_ones_are_left_alone(
    estimator: ConfidenceEstimator,
) -> None:
    assert estimator.calibration is None
    probability, label, days = labelled(3, 20, 300)
    odds = probability / (1 - probability)
    overconfident = odds**3 / (1 + odds**3)
    fitted = fit_confidence_estimator(overconfident, label, days, seed=0)
    assert fitted.calibration is not None
    probability, label, _ = labelled(4, 1, 5000)
    odds = probability / (1 - probability)
    overconfident = odds**3 / (1 + odds**3)
    realised = realised_figures(overconfident, label)
    for metric, interval in fitted.estimate(overconfident, seed=0).items():
        assert interval.low < realised[metric] < interval.high, metric
    # As they are, they promise far more than they keep.
    naive, _ = expected_figures(overconfident, overconfident, 0)
    assert naive["accuracy"] > realised["accuracy"] + 0.08


def test_a_metric_without_a_value_is_left_out(estimator: ConfidenceEstimator) -> None:
    assert set(estimator.estimate(np.full(100, 0.2), seed=0)) == {"accuracy", "recall", "log_loss", "roc_auc"}
    assert set(estimator.estimate(np.full(100, 0.7), seed=0)) == set(METRICS)


def test_the_same_seed_gives_the_same_numbers_in_any_order(estimator: ConfidenceEstimator) -> None:
    probability = labelled(5, 1, 400)[0]
    first = estimator.estimate(probability, seed=1)
    assert estimator.estimate(probability.copy(), seed=1) == first
    assert estimator.estimate(probability, seed=2) != first
    for metric, other in estimator.estimate(probability[::-1], seed=1).items():
        one = first[metric]
        assert (other.value, other.low, other.high) == pytest.approx((one.value, one.low, one.high), rel=1e-6)


def test_more_rows_narrow_the_interval_without_a_step(estimator: ConfidenceEstimator) -> None:
    def width(rows: int) -> float:
        accuracy = estimator.estimate(labelled(6, 1, rows)[0], seed=0)["accuracy"]
        return accuracy.high - accuracy.low

    assert width(4800) < 0.5 * width(300)
    assert width(5200) == pytest.approx(width(4800), rel=0.1)


def test_bad_input_is_named(estimator: ConfidenceEstimator) -> None:
    probability, label, days = labelled(7, 5, 120)
    with pytest.raises(TooFewRowsError, match="0 labelled rows of 600"):
        fit_confidence_estimator(probability, np.full(600, np.nan), days, seed=0)
    with pytest.raises(TooFewRowsError, match="600 labelled rows of 600, 600 of them positive"):
        fit_confidence_estimator(probability, np.ones(600), days, seed=0)
    with pytest.raises(ValueError, match=r"labels must be 0 or 1, \[2\.0\] were found"):
        fit_confidence_estimator(probability, label * 2, days, seed=0)
    with pytest.raises(ValueError, match="one entry a row each, they have 600, 600 and 3"):
        fit_confidence_estimator(probability, label, days[:3], seed=0)
    with pytest.raises(ValueError, match="1 of 600 probabilities are not numbers between 0 and 1"):
        estimator.estimate(np.where(np.arange(600) == 3, 1.5, probability), seed=0)
    with pytest.raises(TooFewRowsError, match="the window has 29 rows"):
        estimator.estimate(probability[:29], seed=0)
