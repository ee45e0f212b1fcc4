"""What differs by the task of a model: its figures, the loss of a row, and the estimator of it before labels come.

Called by python_metrics.performance.evaluations and python_metrics.performance.window_evaluation.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from config.monitoring import Task as TaskName
from python_metrics.estimates.probabilities import TINY
from python_metrics.performance.performance import (
    GroupPerformance,
    grouped_classification_performance,
    grouped_regression_performance,
    log_losses,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from python_metrics.segments.grouping import Grouping

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Task:
    """A kind of prediction.

    Attributes:
        loss: name of the figure that models of the kind are evaluated by: the mean of `losses`.
        losses: the loss of each row, shape (rows,), from predictions and labels.
        performance: all figures of each group, from predictions, labels, groups and what was decided.
        same_loss: the mean loss on these labels of a model that says the same of all rows: their median, or the share
            of positives. Where the labels are all alike: their size or 1, the log loss of two equal classes.
    """

    loss: str
    losses: Callable[[Floats, Floats], Floats]
    performance: Callable[[Floats, Floats, Grouping, Flags], tuple[GroupPerformance, ...]]
    same_loss: Callable[[Floats], float]


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
