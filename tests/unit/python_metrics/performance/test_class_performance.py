"""Performance of several classes: equal to scikit-learn's figures, whatever classes a window has; known answers."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from core.errors import ModelError
from python_metrics.estimates.class_predictions import Classes, ClassPredictions
from python_metrics.performance.class_performance import (
    class_losses,
    confidence_errors,
    confusion,
    grouped_class_performance,
)
from python_metrics.performance.tasks import task_of_classes
from python_metrics.segments.grouping import group_rows, one_group

NAMES = ("blue", "green", "red")
CLASSES = Classes(NAMES, {name: f"p_{name}" for name in NAMES}, "chosen")
DECIDING = Classes(NAMES, None, "chosen")
EPS = float(np.finfo(float).eps)


def window(seed: int, rows: int, classes: tuple[str, ...] = NAMES) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of a model, which is sometimes right, and the classes of these that came true."""
    random = np.random.default_rng(seed)
    given = random.dirichlet([1, 1, 1], rows)
    frame = pd.DataFrame({f"p_{name}": given[:, place] for place, name in enumerate(NAMES)})
    frame["chosen"] = np.where(random.random(rows) < 0.8, np.array(NAMES)[given.argmax(axis=1)], "green")
    frame["shop"] = random.choice(["a", "b", "c"], rows)
    return frame, random.choice(classes, rows)


def codes(colour: np.ndarray) -> np.ndarray:
    return np.array([NAMES.index(name) for name in colour], dtype=float)


def sklearns(frame: pd.DataFrame, colour: np.ndarray) -> dict[str, float]:
    given = frame[[f"p_{name}" for name in NAMES]].to_numpy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes that were never decided for
        areas = [
            metrics.roc_auc_score(colour == name, given[:, place])
            for place, name in enumerate(NAMES)
            if 0 < (colour == name).sum() < len(colour)
        ]
        return {
            "log_loss": metrics.log_loss(colour, given, labels=list(NAMES)),
            "accuracy": metrics.accuracy_score(colour, frame["chosen"]),
            "precision": metrics.precision_score(colour, frame["chosen"], average="macro"),
            "recall": metrics.recall_score(colour, frame["chosen"], average="macro"),
            "f1": metrics.f1_score(colour, frame["chosen"], average="macro"),
            "roc_auc": float(np.mean(areas)),
        }


@pytest.mark.parametrize("classes", [NAMES, ("blue", "red"), ("green", "red")])
def test_figures_of_each_group_are_scikit_learns(classes: tuple[str, ...]) -> None:
    frame, colour = window(1, 600, classes)
    grouping = group_rows(frame["shop"])
    found = grouped_class_performance(CLASSES.read(frame), codes(colour), grouping, EPS)
    for place, group in enumerate(found):
        of_group = grouping.codes == place
        figures = dict(group.figures)
        assert figures.pop("calibration_error") is not None
        assert group.n == of_group.sum()
        assert figures == pytest.approx(sklearns(frame[of_group], colour[of_group]), abs=1e-9)


def test_the_area_of_all_classes_is_scikit_learns_own_mean() -> None:
    frame, colour = window(2, 400)
    (whole,) = grouped_class_performance(CLASSES.read(frame), codes(colour), one_group(400), EPS)
    given = frame[[f"p_{name}" for name in NAMES]].to_numpy()
    expected = metrics.roc_auc_score(colour, given, multi_class="ovr", average="macro", labels=list(NAMES))
    assert whole.figures["roc_auc"] == pytest.approx(expected, abs=1e-9)


def test_without_probabilities_there_is_the_error_rate_instead_of_log_loss() -> None:
    frame, colour = window(3, 300)
    said = DECIDING.read(frame)
    (whole,) = grouped_class_performance(said, codes(colour), one_group(300), EPS)
    expected = sklearns(frame, colour)
    assert {name: whole.figures[name] for name in ("accuracy", "precision", "recall", "f1")} == pytest.approx(
        {name: expected[name] for name in ("accuracy", "precision", "recall", "f1")}, abs=1e-9
    )
    assert whole.figures["error_rate"] == pytest.approx(1 - expected["accuracy"], abs=1e-9)
    assert not {"log_loss", "roc_auc", "calibration_error"} & set(whole.figures)
    assert class_losses(said, codes(colour), EPS).mean() == pytest.approx(whole.figures["error_rate"])
    task = task_of_classes(DECIDING)
    # Always saying the most frequent of 5, 3 and 2 rows is wrong in half of them.
    assert (task.loss, task.same_loss(np.repeat([0.0, 1.0, 2.0], [5, 3, 2]))) == ("error_rate", 0.5)


def test_of_one_class_there_is_no_area_and_of_no_rows_nothing() -> None:
    frame, colour = window(4, 50, ("red",))
    (whole,) = grouped_class_performance(CLASSES.read(frame), codes(colour), one_group(50), EPS)
    assert whole.figures["roc_auc"] is None
    assert whole.figures["log_loss"] == pytest.approx(sklearn_loss(frame, colour), abs=1e-9)
    (nothing,) = grouped_class_performance(CLASSES.read(frame), np.full(50, np.nan), one_group(50), EPS)
    assert nothing.n == 0
    assert set(nothing.figures.values()) == {None}


def sklearn_loss(frame: pd.DataFrame, colour: np.ndarray) -> float:
    given = frame[[f"p_{name}" for name in NAMES]].to_numpy()
    return float(metrics.log_loss(colour, given, labels=list(NAMES)))


def test_the_confusion_matrix_is_scikit_learns_also_of_a_class_that_nobody_knows() -> None:
    frame, colour = window(5, 200)
    frame.loc[:9, "chosen"] = "pink"
    found = {
        (row.column_name, row.method): (row.value, row.n_current)
        for row in confusion(CLASSES.read(frame), codes(colour))
    }
    names = [*NAMES, "pink"]
    expected = metrics.confusion_matrix(colour, frame["chosen"], labels=names)
    assert found == {
        (names[actual], names[chosen]): (count, expected[actual].sum())
        for (actual, chosen), count in np.ndenumerate(expected)
        if count
    }


def test_rows_of_which_nothing_is_said_or_known_are_left_out() -> None:
    frame, colour = window(6, 6)
    frame.loc[0, "p_blue"] = np.nan
    label = codes(colour)
    label[1] = np.nan
    assert np.isfinite(confidence_errors(CLASSES.read(frame), label)).tolist() == [False, False, *[True] * 4]


def test_where_nothing_was_decided_the_most_probable_class_is_taken() -> None:
    frame = pd.DataFrame({"p_blue": [0.2, 0.5], "p_green": [0.3, 0.25], "p_red": [0.5, 0.25], "chosen": [None, "red"]})
    said = CLASSES.read(frame)
    assert [said.names[code] for code in said.decided] == ["red", "red"]
    assert said.confidence.tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"p_red": 1.25}, r"p_red is 1.25 in 1 of 40 rows: the probability of the class red is a number from 0 to 1"),
        ({"p_green": -0.1}, r"p_green is -0.1 in 1 of 40 rows"),
        ({"p_red": 0.0, "p_blue": 0.3, "p_green": 0.3}, r"\(p_blue, p_green, p_red\) add up to 0.6 in 1 of 40 rows"),
    ],
)
def test_probabilities_that_are_none_are_named(changes: dict[str, float], words: str) -> None:
    frame, _ = window(7, 40)
    for name, value in changes.items():
        frame.loc[3, name] = value
    with pytest.raises(ModelError, match=words):
        CLASSES.read(frame)


def test_rounded_probabilities_may_miss_one_by_their_last_decimal() -> None:
    frame = pd.DataFrame({"p_blue": [0.33, 0.5], "p_green": [0.33, 0.25], "p_red": [0.33, 0.25], "chosen": "red"})
    learned = CLASSES.learned(frame)
    assert learned.least == 0.005
    said = learned.read(frame)
    assert isinstance(said, ClassPredictions)
    with pytest.raises(ModelError, match=r"add up to 0.99 in 1 of 2 rows"):
        CLASSES.read(frame)
