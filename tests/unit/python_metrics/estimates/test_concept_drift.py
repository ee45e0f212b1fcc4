"""Concept drift: a changed relation is found on one day, another mix of rows is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.estimate_accuracy import day_tests
from benchmarks.scored_months import LINEAR, fitted, read_month, trained, tutorial_rows
from python_metrics.estimates.concept_drift import ConceptDrift, concept_drift, confidence_drift
from python_metrics.estimates.confidence_estimation import ConfidenceEstimator, fit_confidence_estimator
from python_metrics.estimates.loss_estimation import LossEstimator, fit_loss_estimator
from python_metrics.estimates.predictive import Floats, TooFewRowsError
from tests.unit.python_metrics.estimates.test_loss_estimation import Rows, trips


@pytest.fixture(scope="module")
def estimator() -> LossEstimator:
    rows = trips(1, 20, 300)
    return fit_loss_estimator(rows.features, rows.prediction, rows.label, rows.days, seed=0)


def drift_of(estimator: LossEstimator, rows: Rows, factor: float = 1.0) -> ConceptDrift:
    return concept_drift(estimator, rows.features, rows.prediction, rows.label * factor, seed=0)


def test_a_new_day_of_the_same_relation_is_seldom_alarming(estimator: LossEstimator) -> None:
    new = trips(40, 150, 150)
    p_values = np.array([drift_of(estimator, new.at(new.days == day)).p_value for day in range(150)])
    assert (p_values < 0.01).mean() <= 0.03
    # And it is a test: neither blind nor stuck.
    assert 0.01 <= (p_values < 0.1).mean() <= 0.2


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9, 1.0])
def test_another_mix_of_rows_is_no_concept_drift(estimator: LossEstimator, share: float) -> None:
    # The realised error moves from 0.9 to 3.2 with the share of the noisy zone; what the inputs say moves with it.
    found = drift_of(estimator, trips(50, 1, 2000, day_deviation=0.2, zone_two=share))
    assert found.p_value > 0.05
    assert found.effect_size is not None
    assert abs(found.effect_size) < 0.2


def test_longer_durations_at_equal_inputs_are_found(estimator: LossEstimator) -> None:
    found = drift_of(estimator, trips(51, 1, 2000), 1.15)
    assert found.p_value < 0.01
    assert found.bias_p_value < 0.01
    # 15 % of a mean of 12 is 1.8 that the predictions now lack; a day's own shift is 0.5.
    assert found.bias_excess == pytest.approx(-1.8, abs=0.8)
    assert found.excess > 0
    assert found.n == 2000


def test_a_drop_of_the_error_is_found_too(estimator: LossEstimator) -> None:
    rows = trips(52, 1, 2000, day_deviation=0)
    leaked = Rows(rows.features, rows.prediction, (rows.prediction + rows.label) / 2, rows.days)
    found = drift_of(estimator, leaked)
    assert found.excess < 0
    assert found.effect_size is not None
    assert found.effect_size < 0
    assert found.excess_p_value < 0.01
    assert found.bias_p_value > 0.05


def test_effect_size_is_the_excess_in_deviations_of_a_row(estimator: LossEstimator) -> None:
    found = drift_of(estimator, trips(53, 1, 500), 1.1)
    assert found.effect_size == pytest.approx(found.excess / estimator.residual_std)
    assert found.p_value == min(1.0, 2 * min(found.excess_p_value, found.bias_p_value))


def test_rows_without_a_label_are_left_out_and_too_few_are_refused(estimator: LossEstimator) -> None:
    rows = trips(54, 1, 400)
    hidden = Rows(rows.features, rows.prediction, np.where(np.arange(400) < 300, rows.label, np.nan), rows.days)
    assert drift_of(estimator, hidden) == drift_of(estimator, rows.at(np.arange(400) < 300))
    few = Rows(rows.features, rows.prediction, np.where(np.arange(400) < 29, rows.label, np.nan), rows.days)
    with pytest.raises(TooFewRowsError, match="29 labelled rows of 400, concept drift is tested from 30 on"):
        drift_of(estimator, few)


def test_the_order_of_rows_does_not_matter(estimator: LossEstimator) -> None:
    rows = trips(55, 1, 400)
    order = np.random.default_rng(0).permutation(400)
    shuffled = Rows(rows.features.iloc[order], rows.prediction[order], rows.label[order], rows.days)
    one, other = drift_of(estimator, rows), drift_of(estimator, shuffled)
    assert (other.excess, other.bias_excess) == pytest.approx((one.excess, one.bias_excess), abs=1e-9)
    assert other.p_value == pytest.approx(one.p_value, rel=1e-6)


def test_a_constant_error_that_stays_is_no_drift_and_one_that_grows_is() -> None:
    x = np.random.default_rng(2).normal(0, 1, 600)
    features = pd.DataFrame({"x": x})
    estimator = fit_loss_estimator(features, x, x - 2.5, np.arange(600) // 60, seed=0)
    assert concept_drift(estimator, features, x, x - 2.5, seed=0).p_value > 0.1
    assert concept_drift(estimator, features, x, x - 2.6, seed=0).p_value < 1e-6


@pytest.fixture(scope="module")
def sample_days(sample_dir: Path) -> pd.DataFrame:
    """The linear model's test on each day of the generated February, by day."""
    model = trained(LINEAR, tutorial_rows(read_month(sample_dir, "2022-01")))
    scored = model.score(tutorial_rows(read_month(sample_dir, "2022-02")))
    return day_tests(fitted(model.features, model.reference), scored).set_index("day")


def test_planted_changes_of_the_relation_are_found(sample_days: pd.DataFrame) -> None:
    # Fares rise while durations stay: the model says too much. Before that, distances come in kilometres.
    for day in ("2022-02-10", "2022-02-11", "2022-02-12"):
        assert sample_days["p_value"][day] < 0.01
        assert sample_days["bias_excess"][day] > 1
    assert sample_days["p_value"]["2022-02-08"] < 0.01


def test_planted_shifts_of_the_inputs_are_not_found(sample_days: pd.DataFrame) -> None:
    # Slices of an index of days written out; mypy wants integers in a slice.
    weekend_like, zone_outage = sample_days["2022-02-14":"2022-02-18"], sample_days["2022-02-21":"2022-02-22"]  # type: ignore[misc]
    assert len(weekend_like) == 5
    assert len(zone_outage) == 2
    assert (pd.concat([weekend_like, zone_outage])["p_value"] > 0.01).all()
    clean = [f"2022-02-{day:02}" for day in (1, 2, 4, 5, 6, 7, 9, 13, 19, 20, 23, 25, 27, 28)]
    assert (sample_days["p_value"][clean] > 0.01).all()


def labelled(seed: int, rows: int, spread: float = 1.5, shift: float = 0.0) -> tuple[Floats, Floats]:
    """Probabilities of a model that is right about them, and labels of which `shift` (in logits) it knows nothing."""
    random = np.random.default_rng(seed)
    logit = random.normal(0, spread, rows)
    label = random.random(rows) < 1 / (1 + np.exp(-logit - shift))
    return 1 / (1 + np.exp(-logit)), label.astype(float)


@pytest.fixture(scope="module")
def classifier() -> ConfidenceEstimator:
    return fit_confidence_estimator(*labelled(60, 6000), np.arange(6000) // 300, seed=0)


def test_a_classifiers_changed_relation_is_found(classifier: ConfidenceEstimator) -> None:
    found = confidence_drift(classifier, *labelled(61, 2000, shift=0.6), seed=0)
    assert found.p_value < 0.01
    assert found.bias_excess > 0.05
    turned = labelled(62, 2000)
    found = confidence_drift(classifier, turned[0], 1 - turned[1], seed=0)
    assert found.excess_p_value < 0.01
    assert found.excess > 0
    assert found.bias_p_value > 0.05


def test_a_classifiers_other_mix_is_not_found(classifier: ConfidenceEstimator) -> None:
    p_values = [confidence_drift(classifier, *labelled(70 + seed, 500, spread=3), seed=0).p_value for seed in range(60)]
    assert np.mean(np.array(p_values) < 0.01) <= 0.04
    assert np.mean(np.array(p_values) < 0.5) >= 0.1
