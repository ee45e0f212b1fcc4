"""What a classifier has decided: as its predictions say, else at its threshold; on the log of a deployed one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score

from benchmarks.peers.loans import parted_by_id, read_loans
from config.monitoring import DECISION, PREDICTION, Model
from python_metrics.estimates.confidence_estimation import Figure, fit_confidence_estimator, realised_figures
from python_metrics.estimates.decisions import decisions
from python_metrics.performance.performance import classification_performance, grouped_classification_performance
from python_metrics.segments.grouping import group_rows
from python_metrics.store import rules_hash
from tests.monitoring import green_trips


@pytest.fixture(scope="module")
def loans(real_log: Callable[..., Path]) -> pd.DataFrame:
    """A year of decided loans with the label."""
    _, rows = parted_by_id(read_loans(real_log("loans")))
    return rows.assign(**{PREDICTION: rows["y_pred_proba"], "day": rows["timestamp"].str[:10]})


def generated(rows: int = 4000, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    probability = random.beta(2, 2, rows).round(2)
    return pd.DataFrame(
        {
            PREDICTION: probability,
            "label": (random.random(rows) < probability).astype(float),
            "day": np.arange(rows) // 200,
        }
    )


def test_at_the_threshold_a_row_is_decided_for_1() -> None:
    rows = pd.DataFrame({PREDICTION: [0.64, 0.65, 0.66, np.nan]})
    assert decisions(rows, 0.65).tolist() == [False, True, True, False]


@pytest.mark.parametrize("kind", [[True, None, False, None], [1.0, np.nan, 0.0, np.nan]])
def test_a_decision_that_came_with_the_prediction_wins(kind: list[object]) -> None:
    rows = pd.DataFrame({PREDICTION: [0.1, 0.7, 0.9, 0.2], DECISION: kind})
    assert decisions(rows, 0.5).tolist() == [True, True, False, False]


def test_the_deployed_model_decides_as_its_log_says(loans: pd.DataFrame) -> None:
    assert (decisions(loans, 0.65) == (loans["y_pred"] == 1)).all()
    assert (decisions(loans.assign(**{DECISION: loans["y_pred"] == 1}), 0.5) == (loans["y_pred"] == 1)).all()


def test_the_figures_of_every_day_are_scikit_learns(loans: pd.DataFrame) -> None:
    grouping = group_rows(loans["day"])
    decided = decisions(loans, 0.65)
    found = grouped_classification_performance(loans[PREDICTION], loans["repaid"], grouping, decided=decided)
    at_half = grouped_classification_performance(loans[PREDICTION], loans["repaid"], grouping)
    assert len(found) > 300
    gaps = []
    for day, half in zip(found, at_half, strict=True):
        rows = loans[loans["day"] == day.group]
        said, outcome = rows["y_pred"], rows["repaid"]
        assert day.figures["accuracy"] == pytest.approx(accuracy_score(outcome, said), abs=1e-12)
        assert day.figures["precision"] == pytest.approx(precision_score(outcome, said), abs=1e-12)
        assert day.figures["recall"] == pytest.approx(recall_score(outcome, said), abs=1e-12)
        precision, recall = day.figures["precision"], day.figures["recall"]
        assert precision is not None
        assert recall is not None
        assert 2 * precision * recall / (precision + recall) == pytest.approx(f1_score(outcome, said), abs=1e-12)
        assert (day.figures["log_loss"], day.figures["roc_auc"]) == (half.figures["log_loss"], half.figures["roc_auc"])
        gaps.append(abs(day.figures["accuracy"] or 0) - (half.figures["accuracy"] or 0))
    assert max(map(abs, gaps)) > 0.03


def test_a_threshold_and_its_decisions_are_one() -> None:
    rows = generated()
    by_threshold = classification_performance(rows[PREDICTION], rows["label"], 0.65)
    (by_decision,) = grouped_classification_performance(
        rows[PREDICTION], rows["label"], group_rows(pd.Series(0, rows.index)), decided=decisions(rows, 0.65)
    )
    assert by_decision.figures == by_threshold
    assert by_threshold["accuracy"] != classification_performance(rows[PREDICTION], rows["label"])["accuracy"]


@pytest.mark.parametrize("threshold", [0.5, 0.8])
def test_accuracy_is_estimated_for_what_is_decided(threshold: float) -> None:
    """Of a calibrated model, at its own threshold: the estimate is near, and the other threshold's is not."""
    reference, window = generated(6000), generated(3000, seed=2)
    days = reference["day"].to_numpy()
    arguments = reference[PREDICTION].to_numpy(), reference["label"].to_numpy(), days
    estimator = fit_confidence_estimator(*arguments, seed=0, decided=decisions(reference, threshold))
    probability, decided = window[PREDICTION].to_numpy(), decisions(window, threshold)
    estimated = estimator.estimate(probability, seed=0, decided=decided)
    realised = realised_figures(probability, window["label"].to_numpy(), decided)
    figures: tuple[Figure, ...] = ("accuracy", "precision", "recall")
    for figure in figures:
        assert estimated[figure].value == pytest.approx(realised[figure], abs=0.05)
        assert estimated[figure].low <= realised[figure] <= estimated[figure].high
    if threshold == 0.8:
        assert abs(estimator.estimate(probability, seed=0)["accuracy"].value - realised["accuracy"]) > 0.05


def test_another_threshold_evaluates_again_and_none_keeps_what_there_is() -> None:
    monitoring = green_trips()
    tipped = monitoring.models["green_tipped"]
    hashes = [
        rules_hash(monitoring.model_copy(update={"models": {"green_tipped": one}}), "green_tipped")
        for one in (tipped, tipped.model_copy(update={"threshold": 0.65}), tipped.model_copy(update={"threshold": 0.7}))
    ]
    assert len(set(hashes)) == 3
    assert rules_hash(monitoring, "green_tipped") == hashes[0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threshold": 1.0}, "less than 1"),
        ({"threshold": 0.0}, "greater than 0"),
        ({"threshold": 0.5, "task": "regression", "recipe": "gradient_boosting"}, "threshold belongs to task: binary"),
    ],
)
def test_a_threshold_that_means_nothing_is_refused(change: dict[str, object], message: str) -> None:
    entry = green_trips().models["green_tipped"].model_dump()
    with pytest.raises(ValueError, match=message):
        Model.model_validate(entry | change)
