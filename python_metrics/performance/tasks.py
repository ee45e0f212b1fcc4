"""What differs by the task of a model: its figures, the loss of a row, and the estimator of it before labels come.

What a model says of rows - an array of figures, or `ClassPredictions` - is handed from one of a task's functions to the
next; `[mask]` takes a part of it. Called by python_metrics.performance.evaluations and window_evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from config.monitoring import PREDICTION
from config.monitoring import Task as TaskName
from python_metrics.estimates.class_predictions import Classes, ClassPredictions
from python_metrics.estimates.decisions import decisions
from python_metrics.estimates.probabilities import TINY
from python_metrics.performance.class_performance import class_losses, confidence_errors, grouped_class_performance
from python_metrics.performance.performance import (
    GroupPerformance,
    grouped_classification_performance,
    grouped_regression_performance,
    log_losses,
)

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from python_metrics.segments.grouping import Grouping

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]


def _figures(rows: pd.DataFrame, threshold: float) -> tuple[Floats, Flags]:
    if PREDICTION not in rows:
        return np.full(len(rows), np.nan), np.zeros(len(rows), dtype=bool)
    return rows[PREDICTION].to_numpy(dtype=float), decisions(rows, threshold)


def _differences(prediction: Floats, label: Floats) -> Floats:
    return prediction - label


@dataclass(frozen=True)
class Task:
    """A kind of prediction.

    Attributes:
        loss: name of the figure that models of the kind are evaluated by: the mean of `losses`.
        losses: the loss of each row, shape (rows,), from predictions and labels.
        performance: all figures of each group, from predictions, labels, groups and what was decided.
        same_loss: the mean loss on these labels of a model that says the same of all rows: their median, or the shares
            of the classes. Where the labels are all alike: their size or 1, the loss of two equal classes.
        read: what the model says of rows, and what was decided; from rows and the least probability decided for 1.
        errors: the signed error of each row, shape (rows,), from predictions and labels; NaN where it is not known.
    """

    loss: str
    losses: Callable[[Any, Floats], Floats]
    performance: Callable[[Any, Floats, Grouping, Any], tuple[GroupPerformance, ...]]
    same_loss: Callable[[Floats], float]
    read: Callable[[pd.DataFrame, float], tuple[Any, Any]] = _figures
    errors: Callable[[Any, Floats], Floats] = _differences


def _absolute_errors(prediction: Floats, label: Floats) -> Floats:
    return np.asarray(np.abs(prediction - label))


def _regression(prediction: Floats, label: Floats, grouping: Grouping, _: Flags) -> tuple[GroupPerformance, ...]:
    return grouped_regression_performance(prediction, label, grouping)


def _loss_of_median(label: Floats) -> float:
    middle = float(np.median(label))
    return float(np.abs(label - middle).mean()) or abs(middle) or 1.0


def _entropy(label: Floats) -> float:
    share = float(label.mean())
    if share in (0.0, 1.0):
        return float(np.log(2))
    return float(-share * np.log(share) - (1 - share) * np.log1p(-share))


def task_of(name: TaskName, least_probability: float = TINY) -> Task:
    """The task of that name; a classifier's probabilities are kept `least_probability` away from 0 and 1."""
    if name == "regression":
        return Task("mae", _absolute_errors, _regression, _loss_of_median)

    def performance(
        probability: Floats, label: Floats, grouping: Grouping, decided: Flags
    ) -> tuple[GroupPerformance, ...]:
        return grouped_classification_performance(
            probability, label, grouping, decided=decided, least=least_probability
        )

    return Task("log_loss", partial(log_losses, least=least_probability), performance, _entropy)


def task_of_classes(classes: Classes) -> Task:
    """The task of a model of several classes, with what its rows say of them; labels are the classes' numbers.

    Its loss is the log loss, or without probabilities the error rate; its signed error how much too confident it was.
    """

    def performance(
        said: ClassPredictions, label: Floats, grouping: Grouping, _: object
    ) -> tuple[GroupPerformance, ...]:
        return grouped_class_performance(said, label, grouping, classes.least)

    def read(rows: pd.DataFrame, _: float) -> tuple[ClassPredictions, NDArray[np.intp]]:
        said = classes.read(rows)
        return said, said.decided

    has_probabilities = classes.probabilities is not None
    return Task(
        "log_loss" if has_probabilities else "error_rate",
        partial(class_losses, least=classes.least),
        performance,
        _entropy_of_classes if has_probabilities else _error_of_most_frequent,
        read,
        confidence_errors,
    )


def _entropy_of_classes(label: Floats) -> float:
    shares = np.unique(label, return_counts=True)[1] / len(label)
    return float(-(shares * np.log(shares)).sum()) or float(np.log(2))


def _error_of_most_frequent(label: Floats) -> float:
    return 1.0 - float(np.unique(label, return_counts=True)[1].max() / len(label)) or 0.5
