"""Confidence-based estimation of several classes: known answers, intervals that hold what a day realises, drift."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from python_metrics.estimates.class_estimation import METRICS, ClassEstimator, fit_class_estimator
from python_metrics.estimates.class_predictions import Classes, ClassPredictions
from python_metrics.estimates.predictive import Floats, TooFewRowsError
from python_metrics.estimates.probabilities import TINY

NAMES = ("blue", "green", "red")
CLASSES = Classes(NAMES, {name: name for name in NAMES}, None)


def said_of(given: Floats) -> ClassPredictions:
    return CLASSES.read(pd.DataFrame(given, columns=list(NAMES)))


def drawn(random: np.random.Generator, share: Floats) -> Floats:
    return np.asarray((random.random(len(share))[:, None] > share.cumsum(axis=1)).sum(axis=1), dtype=float)


def labelled(seed: int, days: int, rows_a_day: int) -> tuple[ClassPredictions, Floats, Floats]:
    """A model that is right about its probabilities, labels, and days."""
    random = np.random.default_rng(seed)
    given = random.dirichlet([2, 1, 0.5], days * rows_a_day)
    return said_of(given), drawn(random, given), np.repeat(np.arange(float(days)), rows_a_day)


def sharpened(given: Floats) -> Floats:
    """Probabilities of a model that is too sure of itself."""
    return np.asarray(given**3 / (given**3).sum(axis=1, keepdims=True))


def realised(said: ClassPredictions, label: Floats) -> dict[str, float]:
    assert said.probabilities is not None
    came_true = said.probabilities[np.arange(len(label)), label.astype(int)]
    return {"log_loss": float(-np.log(came_true).mean()), "accuracy": float((said.decided == label).mean())}


@pytest.fixture(scope="module")
def estimator() -> ClassEstimator:
    return fit_class_estimator(*labelled(1, 20, 200), seed=0, least=TINY)


def test_what_is_expected_of_probabilities_that_are_right_follows_by_hand(estimator: ClassEstimator) -> None:
    given = np.tile([[0.7, 0.2, 0.1]], (100, 1))
    assert estimator.calibration is None
    found = estimator.estimate(said_of(given), seed=0)
    entropy = -(0.7 * np.log(0.7) + 0.2 * np.log(0.2) + 0.1 * np.log(0.1))
    assert (found["accuracy"].value, found["log_loss"].value) == pytest.approx((0.7, entropy))
    assert all(one.low < one.value < one.high for one in found.values())


def test_intervals_hold_what_days_realise(estimator: ClassEstimator) -> None:
    held = dict.fromkeys(METRICS, 0)
    for seed in range(100):
        said, label, _ = labelled(100 + seed, 1, 150)
        found, came = estimator.estimate(said, seed=seed), realised(said, label)
        for figure in METRICS:
            held[figure] += found[figure].low <= came[figure] <= found[figure].high
    assert min(held.values()) >= 90


def test_a_model_that_is_too_sure_is_calibrated_on_its_reference() -> None:
    random = np.random.default_rng(3)
    given = random.dirichlet([2, 1, 1], 6_000)
    label = drawn(random, given)
    too_sure = said_of(sharpened(given))
    fitted = fit_class_estimator(too_sure, label, np.repeat(np.arange(20.0), 300), seed=0, least=TINY)
    assert fitted.calibration is not None
    other = random.dirichlet([1, 1, 2], 20_000)
    window = said_of(sharpened(other))
    found, came = fitted.estimate(window, seed=0), realised(window, drawn(random, other))
    assert window.probabilities is not None
    said_by_itself = float(window.probabilities.max(axis=1).mean())
    assert abs(found["accuracy"].value - came["accuracy"]) < 0.02 < said_by_itself - came["accuracy"]
    assert found["log_loss"].value == pytest.approx(came["log_loss"], rel=0.05)


def test_the_same_rows_in_another_order_give_the_same_interval(estimator: ClassEstimator) -> None:
    said, _, _ = labelled(4, 1, 300)
    order = np.random.default_rng(0).permutation(300)
    assert said.probabilities is not None
    one, other = estimator.estimate(said, seed=1), estimator.estimate(said_of(said.probabilities[order]), seed=1)
    for figure in METRICS:
        assert vars(one[figure]) == pytest.approx(vars(other[figure]), abs=1e-9)


def test_labels_that_have_nothing_to_do_with_probabilities_are_concept_drift(estimator: ClassEstimator) -> None:
    said, label, _ = labelled(5, 1, 200)
    sound = estimator.concept_drift(said, label, seed=0)
    assert sound.p_value > 0.01
    changed = estimator.concept_drift(said, np.random.default_rng(0).integers(0, 3, 200).astype(float), seed=0)
    assert changed.p_value < 1e-3
    assert changed.excess > 0 < changed.bias_excess
    assert changed.n == 200


def test_a_reference_of_few_rows_or_of_one_class_teaches_nothing(estimator: ClassEstimator) -> None:
    said, label, days = labelled(6, 4, 100)
    with pytest.raises(TooFewRowsError, match="the reference has 400 labelled rows of 3 classes"):
        fit_class_estimator(said, label, days, seed=0, least=TINY)
    said, label, days = labelled(6, 10, 100)
    with pytest.raises(TooFewRowsError, match="1000 labelled rows of 1 classes"):
        fit_class_estimator(said, np.zeros(1000), days, seed=0, least=TINY)
    with pytest.raises(TooFewRowsError, match="the window has 20 rows"):
        estimator.estimate(said[np.arange(1000) < 20], seed=0)


def test_a_class_that_the_reference_lacks_keeps_its_probability() -> None:
    random = np.random.default_rng(8)
    given = sharpened(random.dirichlet([2, 2, 0.2], 3_000))
    label = drawn(random, random.dirichlet([2, 2, 0.2], 3_000))
    label[label == 2] = 0
    fitted = fit_class_estimator(said_of(given), label, np.repeat(np.arange(10.0), 300), seed=0, least=TINY)
    assert fitted.calibration is not None
    assert fitted.calibration[2] is None
    assert np.isfinite(fitted.estimate(said_of(given), seed=0)["log_loss"].value)
