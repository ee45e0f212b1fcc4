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


@dataclass(frozen=True)
class Task:
    """A kind of prediction.

    Attributes:
        loss: name of the figure that models of the kind are judged by: the mean of `losses`.
        losses: the loss of each row, shape (rows,), from predictions and labels.
        performance: all figures of each group, from predictions, labels and groups.
    """

    loss: str
    losses: Callable[[Floats, Floats], Floats]
    performance: Callable[[Floats, Floats, Grouping], tuple[GroupPerformance, ...]]


def _absolute_errors(prediction: Floats, label: Floats) -> Floats:
    return np.asarray(np.abs(prediction - label))


TASKS: dict[TaskName, Task] = {
    "regression": Task("mae", _absolute_errors, grouped_regression_performance),
    "binary": Task("log_loss", log_losses, grouped_classification_performance),
}
