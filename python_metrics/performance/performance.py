"""How good the predictions were: figures over labelled rows, of a whole window or of each of its segments.

Predictions and labels go in, figures by name come out, None where one is undefined; nothing is read or written here.
Called by python_metrics.performance.tasks. The definitions are Evidently's (a test holds
the figures equal to its public API to 1e-9), computed without it, because its report takes a tenth of a second
per segment and its import takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from python_metrics.estimates.probabilities import TINY
from python_metrics.segments.grouping import Grouping, one_group

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

NEAR_ZERO = TINY
CALIBRATION_BINS = 10


@dataclass(frozen=True)
class GroupPerformance:
    """The figures of one group over its `n` rows with a prediction and a label."""

    group: str
    n: int
    figures: dict[str, float | None]


def regression_performance(prediction: ArrayLike, label: ArrayLike) -> dict[str, float | None]:
    """Figures of a regression; in the unit of the label unless said otherwise.

    Args:
        prediction: shape (rows,).
        label: shape (rows,). Rows where either is missing or infinite are left out, as by Evidently.

    Returns:
        mae: mean of |prediction - label|.
        rmse: root of the mean of (prediction - label)^2.
        mape: mean of |prediction - label| / label, in percent (100 is "off by the label"). A label of zero
            (|label| <= 2.2e-16) counts as 100 %, as in Evidently. None where no label is above zero, and where one is
            below it: Evidently divides by 2.2e-16 there.
        bias: mean of prediction - label; above zero the model says too much, below zero too little.
        p90_absolute_error: 90 % quantile of |prediction - label|, linear between neighbours (Hyndman and Fan's type 7).
        r2: 1 - sum of squared errors / sum of squared deviations of the label from its mean; None where all
            labels are the same (scikit-learn says 0 or 1), and so for one row.

        All are None where no row is left.

    Raises:
        ValueError: prediction and label are not of the same length.
    """
    return grouped_regression_performance(prediction, label, one_group(np.size(prediction)))[0].figures


def classification_performance(
    probability: ArrayLike, label: ArrayLike, threshold: float = 0.5, least: float = TINY
) -> dict[str, float | None]:
    """Figures of a binary classification.

    Args:
        probability: of the positive class, between 0 and 1, shape (rows,).
        label: 0 or 1, shape (rows,). Rows where either is missing or infinite are left out.
        threshold: a row counts as predicted positive at or above it.
        least: how far from 0 and 1 log loss keeps probabilities (python_metrics.estimates.probabilities).

    Returns:
        log_loss: mean of -log(probability of the class that came true), natural log; with `least` as it is that of
            Evidently and scikit-learn.
        roc_auc: probability that a positive row has a higher probability than a negative one, ties count half
            (Mann and Whitney's U); None where the labels are all of one class.
        accuracy: share of rows predicted right.
        precision: share of positives among the predicted positives; None where none is predicted (Evidently says 0).
        recall: share of predicted positives among the positives; None where there is none (Evidently says 0).
        calibration_error: expected calibration error (Naeini and others, 2015) of the positive class's
            probability over ten bins of equal width: mean over rows of |mean probability - share of positives| of the
            row's bin; a bin holds its lower bound, the last one also 1. Evidently has no such figure.

        All are None where no row is left.

    Raises:
        ValueError: the lengths differ, a label is neither 0 nor 1, or a probability is not between 0 and 1.
    """
    grouping = one_group(np.size(probability))
    return grouped_classification_performance(probability, label, grouping, threshold, least=least)[0].figures


def grouped_regression_performance(
    prediction: ArrayLike, label: ArrayLike, grouping: Grouping
) -> tuple[GroupPerformance, ...]:
    """What `regression_performance` gives, for every group at once, in the order of the grouping's names."""
    prediction, label, codes = _usable(prediction, label, grouping)
    count = np.bincount(codes, minlength=len(grouping.names))
    with np.errstate(all="ignore"):  # what is undefined becomes None below
        error = prediction - label
        absolute = np.abs(error)
        near_zero = np.abs(label) <= NEAR_ZERO
        relative = np.where(near_zero, 1.0, absolute / np.where(near_zero, 1.0, label))
        squares = group_sums(error**2, codes, count)
        deviation = label - (group_sums(label, codes, count) / count)[codes]
        figures = {
            "mae": group_sums(absolute, codes, count) / count,
            "rmse": np.sqrt(squares / count),
            "mape": np.where(
                _any(label > NEAR_ZERO, codes, count) & ~_any(label < -NEAR_ZERO, codes, count),
                100.0 * group_sums(relative, codes, count) / count,
                np.nan,
            ),
            "bias": group_sums(error, codes, count) / count,
            "p90_absolute_error": _quantile(absolute, codes, count, 0.9),
            "r2": np.where(
                _varies(label, codes, count), 1.0 - squares / group_sums(deviation**2, codes, count), np.nan
            ),
        }
    return by_group(grouping, count, figures)


def grouped_classification_performance(
    probability: ArrayLike,
    label: ArrayLike,
    grouping: Grouping,
    threshold: float = 0.5,
    decided: NDArray[np.bool_] | None = None,
    least: float = TINY,
) -> tuple[GroupPerformance, ...]:
    """What `classification_performance` gives, for every group at once, in the order of the grouping's names.

    `decided`, whether each row was decided for 1, takes the place of the threshold where it is given.
    """
    if decided is None:
        decided = np.asarray(probability, dtype=float) >= threshold
    predicted = decided[_are_usable(probability, label)]
    probability, label, codes = _usable(probability, label, grouping)
    _check_classes(probability, label)
    count = np.bincount(codes, minlength=len(grouping.names))
    positive = label == 1
    positives, calls = group_sums(positive, codes, count), group_sums(predicted, codes, count)
    hits = group_sums(predicted & positive, codes, count)
    bins = np.minimum((probability * CALIBRATION_BINS).astype(np.intp), CALIBRATION_BINS - 1)
    excess = np.bincount(
        codes * CALIBRATION_BINS + bins, weights=probability - label, minlength=len(count) * CALIBRATION_BINS
    )
    with np.errstate(all="ignore"):  # what is undefined becomes None below
        figures = {
            "log_loss": group_sums(_log_losses(probability, positive, least), codes, count) / count,
            "roc_auc": grouped_roc_auc(probability, positive, codes, count, positives),
            "accuracy": group_sums(predicted == positive, codes, count) / count,
            "precision": hits / calls,
            "recall": hits / positives,
            "calibration_error": np.abs(excess).reshape(-1, CALIBRATION_BINS).sum(axis=1) / count,
        }
    return by_group(grouping, count, figures)


def log_losses(probability: ArrayLike, label: ArrayLike, least: float = TINY) -> Floats:
    """Log loss of each row, shape (rows,), for a classifier's `loss` in python_metrics.segments.fairness and
    .attribution.

    Args:
        probability: of the positive class, between 0 and 1, shape (rows,).
        label: 0 or 1, shape (rows,).
        least: how far from 0 and 1 probabilities are kept.

    Raises:
        ValueError: a label is neither 0 nor 1, or a probability is not between 0 and 1; missing ones too.
    """
    chances, labels = np.asarray(probability, dtype=float), np.asarray(label, dtype=float)
    _check_classes(chances, labels)
    return _log_losses(chances, labels == 1, least)


def _log_losses(probability: Floats, positive: NDArray[np.bool_], least: float) -> Floats:
    came_true = np.where(positive, probability, 1.0 - probability)
    return np.asarray(-np.log(np.clip(came_true, least, 1.0 - least)))


def _usable(first: ArrayLike, label: ArrayLike, grouping: Grouping) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """The rows where both values are finite, with their groups."""
    predictions, labels = np.asarray(first, dtype=float), np.asarray(label, dtype=float)
    if not predictions.shape == labels.shape == grouping.codes.shape:
        raise ValueError(
            f"{predictions.shape} predictions, {labels.shape} labels and {grouping.codes.shape} group codes were "
            "given: give one of each per row"
        )
    usable = _are_usable(predictions, labels)
    return predictions[usable], labels[usable], grouping.codes[usable]


def _are_usable(first: ArrayLike, label: ArrayLike) -> NDArray[np.bool_]:
    return np.asarray(np.isfinite(np.asarray(first, dtype=float)) & np.isfinite(np.asarray(label, dtype=float)))


def _check_classes(probability: Floats, label: Floats) -> None:
    strange = label[(label != 0) & (label != 1)]
    if strange.size:
        raise ValueError(f"label {strange[0]:g} was found: the labels of a binary classification are 0 and 1")
    outside = probability[~((probability >= 0) & (probability <= 1))]
    if outside.size:
        raise ValueError(f"probability {outside[0]:g} was found: probabilities are between 0 and 1")


def group_sums(
    values: NDArray[np.float64] | NDArray[np.bool_], codes: NDArray[np.intp], count: NDArray[np.intp]
) -> Floats:
    """The sum of each group, shape (groups,), of values and group codes of shape (rows,)."""
    return np.bincount(codes, weights=values, minlength=len(count)).astype(float)


def _any(flags: NDArray[np.bool_], codes: NDArray[np.intp], count: NDArray[np.intp]) -> NDArray[np.bool_]:
    return np.asarray(group_sums(flags, codes, count) > 0)


def _varies(values: Floats, codes: NDArray[np.intp], count: NDArray[np.intp]) -> NDArray[np.bool_]:
    one_of_each = np.zeros(len(count))
    one_of_each[codes] = values
    return _any(values != one_of_each[codes], codes, count)


def _quantile(values: Floats, codes: NDArray[np.intp], count: NDArray[np.intp], share: float) -> Floats:
    """A quantile of each group, linear between its two neighbours; NaN for an empty one."""
    if not len(values):
        return np.full(len(count), np.nan)
    ordered = values[np.lexsort((values, codes))]
    place = np.maximum(count - 1, 0) * share
    below = np.floor(place).astype(np.intp)
    start = np.minimum(np.cumsum(count) - count, len(values) - 1)  # of an empty last group: past the end
    low = ordered[start + np.where(count > 0, below, 0)]
    high = ordered[start + np.where(count > 0, np.minimum(below + 1, count - 1), 0)]
    return np.where(count > 0, low + (high - low) * (place - below), np.nan)


def grouped_roc_auc(
    probability: Floats,
    positive: NDArray[np.bool_],
    codes: NDArray[np.intp],
    count: NDArray[np.intp],
    positives: Floats,
) -> Floats:
    """Mann and Whitney's U over its greatest value, by group; NaN where a group has one class only."""
    order = np.lexsort((probability, codes))
    sorted_codes, sorted_values = codes[order], probability[order]
    new = np.ones(len(order), dtype=bool)
    new[1:] = (sorted_codes[1:] != sorted_codes[:-1]) | (sorted_values[1:] != sorted_values[:-1])
    tie = np.cumsum(new) - 1
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(order)) - 1
    rank = ((first + last) / 2)[tie] - (np.cumsum(count) - count)[sorted_codes]
    rank_sum = group_sums(np.where(positive[order], rank, 0.0), sorted_codes, count)
    pairs = positives * (count - positives)
    return np.where(pairs > 0, (rank_sum - positives * (positives - 1) / 2) / pairs, np.nan)


def by_group(grouping: Grouping, count: NDArray[np.intp], figures: dict[str, Floats]) -> tuple[GroupPerformance, ...]:
    """Figures of shape (groups,) as those of each group, None where one is NaN."""
    columns = {name: [None if np.isnan(x) else x for x in values.tolist()] for name, values in figures.items()}
    return tuple(
        GroupPerformance(name, int(n), {figure: values[place] for figure, values in columns.items()})
        for place, (name, n) in enumerate(zip(grouping.names, count, strict=True))
    )
