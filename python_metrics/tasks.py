"""What differs by the task of a model: its figures, the loss of a row, and the estimator of it before labels come.

Called by python_metrics.estimates and python_metrics.truth.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.monitoring import Task as TaskName
from python_metrics.performance import (
    GroupPerformance,
    grouped_classification_performance,
    grouped_regression_performance,
    log_losses,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from python_metrics.grouping import Grouping

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Task:
    """A kind of prediction.

    Attributes:
        loss: name of the figure that models of the kind are judged by: the mean of `losses`.
        losses: the loss of each row, shape (rows,), from predictions and labels.
        performance: all figures of each group, from predictions, labels, groups and what was decided.
    """

    loss: str
    losses: Callable[[Floats, Floats], Floats]
    performance: Callable[[Floats, Floats, Grouping, Flags], tuple[GroupPerformance, ...]]


def _absolute_errors(prediction: Floats, label: Floats) -> Floats:
    return np.asarray(np.abs(prediction - label))


def _regression(prediction: Floats, label: Floats, grouping: Grouping, _: Flags) -> tuple[GroupPerformance, ...]:
    return grouped_regression_performance(prediction, label, grouping)


def _classification(
    probability: Floats, label: Floats, grouping: Grouping, decided: Flags
) -> tuple[GroupPerformance, ...]:
    return grouped_classification_performance(probability, label, grouping, decided=decided)


TASKS: dict[TaskName, Task] = {
    "regression": Task("mae", _absolute_errors, _regression),
    "binary": Task("log_loss", log_losses, _classification),
}
