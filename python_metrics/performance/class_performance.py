"""How good the predictions of several classes were: figures over labelled rows, by group, and the confusion matrix.

What the model says and labels, as the numbers of classes, go in; figures by name come out, None where one is undefined;
nothing is read or written here. Called by python_metrics.performance.tasks and window_evaluation. The definitions are
scikit-learn's (a test holds the figures equal to its to 1e-9).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from python_metrics.metric_rows import MetricRow
from python_metrics.performance.performance import (
    CALIBRATION_BINS,
    GroupPerformance,
    by_group,
    group_sums,
    grouped_roc_auc,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from python_metrics.estimates.class_predictions import ClassPredictions
    from python_metrics.segments.grouping import Grouping

    Floats = NDArray[np.float64]


def class_losses(said: ClassPredictions, label: Floats, least: float) -> Floats:
    """The loss of each row, shape (rows,): -log(probability of the class that came true), natural log, or of a model
    that gives no probabilities 1 where it was wrong.
    """
    codes = label.astype(np.intp)
    if said.probabilities is None:
        return np.asarray(said.decided != codes, dtype=float)
    came_true = np.take_along_axis(said.probabilities, codes[:, None], axis=1)[:, 0]
    return np.asarray(-np.log(np.clip(came_true, least, 1.0 - least)))


def confidence_errors(said: ClassPredictions, label: Floats) -> Floats:
    """Confidence - whether it was right, shape (rows,).

    NaN where nothing was said, no label has arrived, or it is a class that the model does not know.
    """
    codes = np.nan_to_num(label, nan=0.0).astype(np.intp)
    counts = np.isfinite(label) & said.is_known[codes] if len(said.is_known) else np.zeros(len(label), dtype=bool)
    return np.where(counts, said.confidence - (said.decided == codes), np.nan)


def grouped_class_performance(
    said: ClassPredictions, label: Floats, grouping: Grouping, least: float
) -> tuple[GroupPerformance, ...]:
    """Figures of every group, in the order of the grouping's names.

    log_loss: mean of -log(probability of the class that came true), natural log.
    roc_auc: mean over classes of the probability that a row of the class has a higher probability of it than another
        row, ties count half; over those classes that came true in some rows of the group and not in others.
    accuracy: share of rows predicted right; error_rate, where there are no probabilities: the share predicted wrong.
    precision, recall, f1: mean over the classes that came true or were decided for in the group; where one is
        undefined, as the precision of a class that was never decided for, it is 0.
    calibration_error: expected calibration error (Guo and others, 2017) of the confidence over ten bins of equal width.

    Args:
        said: of rows, shape (rows,).
        label: the number of the class that came true, NaN where none has arrived, shape (rows,).
        grouping: the group of each row.
        least: how far from 0 and 1 log loss keeps probabilities.
    """
    usable = np.isfinite(confidence_errors(said, label))
    said, labels, codes = said[usable], label[usable], grouping.codes[usable]
    count = np.bincount(codes, minlength=len(grouping.names))
    actual = labels.astype(np.intp)
    classes = len(said.names)
    cells = np.bincount((codes * classes + actual) * classes + said.decided, minlength=len(count) * classes**2).reshape(
        -1, classes, classes
    )
    hits, came_true, decided = np.diagonal(cells, axis1=1, axis2=2), cells.sum(axis=2), cells.sum(axis=1)
    losses = class_losses(said, labels, least)
    with np.errstate(all="ignore"):  # what is undefined becomes None, or is 0 by definition
        accuracy = hits.sum(axis=1) / count
        of_class = {
            "precision": hits / decided,
            "recall": hits / came_true,
            "f1": 2 * hits / (came_true + decided),
        }
        seen = came_true + decided > 0
        figures = {
            "accuracy": accuracy,
            **{
                name: np.where(seen, np.nan_to_num(values), 0.0).sum(axis=1) / seen.sum(axis=1)
                for name, values in of_class.items()
            },
        }
        if said.probabilities is None:
            return by_group(grouping, count, {"error_rate": 1.0 - accuracy, **figures})
        figures["log_loss"] = group_sums(losses, codes, count) / count
        figures["roc_auc"] = _roc_auc(said.probabilities, actual, codes, count)
        figures["calibration_error"] = _calibration_error(said.confidence, said.decided == actual, codes, count)
    return by_group(grouping, count, figures)


def confusion(said: ClassPredictions, label: Floats) -> list[MetricRow]:
    """A row for each pair of what came true and what was decided for, with its rows and all rows of the former."""
    usable = np.isfinite(confidence_errors(said, label))
    actual, decided = label[usable].astype(np.intp), said.decided[usable]
    classes = len(said.names)
    cells = np.bincount(actual * classes + decided, minlength=classes**2).reshape(classes, classes)
    return [
        MetricRow(
            "confusion",
            "confusion_count",
            float(cells[true, chosen]),
            column_name=said.names[true],
            method=said.names[chosen],
            n_current=int(cells[true].sum()),
        )
        for true, chosen in np.argwhere(cells).tolist()
    ]


def _roc_auc(
    probabilities: Floats, actual: NDArray[np.intp], codes: NDArray[np.intp], count: NDArray[np.intp]
) -> Floats:
    areas = np.full((probabilities.shape[1], len(count)), np.nan)
    for place in range(len(areas)):
        positive = actual == place
        positives = group_sums(positive, codes, count)
        areas[place] = grouped_roc_auc(probabilities[:, place], positive, codes, count, positives)
    known = np.isfinite(areas).sum(axis=0)
    return np.where(known > 0, np.nansum(areas, axis=0) / known, np.nan)


def _calibration_error(
    confidence: Floats, right: NDArray[np.bool_], codes: NDArray[np.intp], count: NDArray[np.intp]
) -> Floats:
    bins = np.minimum((confidence * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    excess = np.bincount(
        codes * CALIBRATION_BINS + bins, weights=confidence - right, minlength=len(count) * CALIBRATION_BINS
    )
    return np.asarray(np.abs(excess).reshape(-1, CALIBRATION_BINS).sum(axis=1) / count)
