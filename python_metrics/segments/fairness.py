"""Is the model worse for some groups: gaps between the segments of a window's labelled rows, with their uncertainty.

A loss and a signed error per row and the groups of each segmentation go in, one `SegmentGap` per segmentation comes
out; nothing is read or written here. The loss may be anything whose mean is to be compared and that is not below zero:
the absolute error of a regression, the log loss or 0/1 error of a classifier. The intervals are those of
python_metrics.segments.bootstrap. Called by python_metrics.performance.window_evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from python_metrics.segments.bootstrap import ROUNDING, Moments, largest_difference, largest_ratio, resampled_sums
from python_metrics.segments.grouping import Grouping, one_group

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

REPLICATES = 499
LARGEST = 1e100  # beyond it squares overflow

Status = Literal["ok", "low_n"]
GapStatus = Literal["ok", "low_n", "one_group"]


@dataclass(frozen=True)
class SegmentGap:
    """The gaps of one segmentation in one window, with simultaneous 95 % intervals.

    All numbers and names are None where fewer than two groups have enough rows: status one_group where there is no
    other group at all, else low_n.

    Attributes:
        loss_gap: mean loss of the worst group - mean loss of the best one; in the unit of the loss.
        loss_low, loss_high: interval of the true range of the groups' mean losses; `loss_low` is never below 0.
        is_loss_gap: some two groups differ for certain enough: `loss_low` is above 0.
        best_group, worst_group: with the least and the greatest mean loss; noise may have put them there.
        bias_gap, bias_low, bias_high, is_bias_gap: the same of the mean signed error, highest - lowest.
        worst_ratio: mean loss of the worst group / mean loss of all rows; None where that is 0.
        ratio_low, ratio_high: interval of the greatest of the groups' true ratios.
        groups: how many groups were compared.
        loss_pair: (better, worse) group, the pair whose difference is the surest, where `is_loss_gap`; else None.
        bias_pair: (lower, higher) group, the same where `is_bias_gap`.
    """

    loss_gap: float | None
    loss_low: float | None
    loss_high: float | None
    is_loss_gap: bool
    best_group: str | None
    worst_group: str | None
    bias_gap: float | None
    bias_low: float | None
    bias_high: float | None
    is_bias_gap: bool
    worst_ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    groups: int
    status: GapStatus
    loss_pair: tuple[str, str] | None = None
    bias_pair: tuple[str, str] | None = None


LOW_N = SegmentGap(
    loss_gap=None,
    loss_low=None,
    loss_high=None,
    is_loss_gap=False,
    best_group=None,
    worst_group=None,
    bias_gap=None,
    bias_low=None,
    bias_high=None,
    is_bias_gap=False,
    worst_ratio=None,
    ratio_low=None,
    ratio_high=None,
    groups=0,
    status="low_n",
)
ONE_GROUP = replace(LOW_N, status="one_group")


def segment_gaps(
    loss: ArrayLike,
    error: ArrayLike,
    segmentations: Mapping[str, Grouping],
    min_rows: int,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> dict[str, SegmentGap]:
    """The gaps of every segmentation of a window; the same input gives the same numbers.

    Args:
        loss: per row, finite and not below 0, shape (rows,).
        error: signed error per row, prediction - label, finite, shape (rows,).
        segmentations: the group of each row, by name of the segmentation.
        min_rows: groups with fewer rows are left out of the comparison; at least 2, better 30.
        replicates: of the bootstrap. All segmentations share them.
        seed: of the bootstrap.

    Raises:
        ValueError: shapes differ, a value is missing or infinite, a loss is below 0, or min_rows is below 2.
    """
    losses, errors = _checked(loss, error, segmentations, min_rows)
    kept = {name: np.flatnonzero(one.counts() >= min_rows) for name, one in segmentations.items()}
    compared = {name: places for name, places in kept.items() if len(places) > 1}
    gaps = {name: _no_gap(one, len(kept[name])) for name, one in segmentations.items()}
    if not compared:
        return gaps
    whole = one_group(len(losses))
    blocks = [_columns(losses, errors, whole, np.array([0]))]
    blocks += [_columns(losses, errors, segmentations[name], places) for name, places in compared.items()]
    sums = resampled_sums(np.concatenate(blocks, axis=1), replicates, seed)
    parts = np.split(sums, np.cumsum([block.shape[1] for block in blocks])[:-1], axis=1)
    overall, _ = _moments(losses, errors, whole, np.array([0]), parts[0])
    for (name, places), part in zip(compared.items(), parts[1:], strict=True):
        by_loss, by_error = _moments(losses, errors, segmentations[name], places, part)
        gaps[name] = _segment_gap([segmentations[name].names[place] for place in places], by_loss, by_error, overall)
    return gaps


def _no_gap(grouping: Grouping, enough: int) -> SegmentGap:
    """Why there is nothing to compare, where `enough` groups have enough rows; of several it is not read."""
    return ONE_GROUP if enough == 1 and len(grouping.names) == 1 else LOW_N


def _checked(
    loss: ArrayLike, error: ArrayLike, segmentations: Mapping[str, Grouping], min_rows: int
) -> tuple[Floats, Floats]:
    losses, errors = np.asarray(loss, dtype=float), np.asarray(error, dtype=float)
    shapes = {losses.shape, errors.shape, *(one.codes.shape for one in segmentations.values())}
    if len(shapes) > 1:
        raise ValueError(
            f"losses, errors and groups of the shapes {sorted(shapes)} were given: give one of each per row"
        )
    if not ((np.abs(losses) < LARGEST).all() and (np.abs(errors) < LARGEST).all()):
        raise ValueError("a loss or an error is missing, infinite or beyond 1e100: leave out rows without a label")
    if (losses < 0).any():
        raise ValueError(f"loss {losses.min():g} was found: a loss is 0 or more, such as an absolute error")
    if min_rows < 2:
        raise ValueError(f"min_rows is {min_rows}: a group needs at least 2 rows to have a spread")
    return losses, errors


def _means(values: Floats, grouping: Grouping) -> Floats:
    """Mean of each group, shape (groups,); 0 for an empty one."""
    count = grouping.counts()
    return np.bincount(grouping.codes, weights=values, minlength=len(count)) / np.maximum(count, 1)


def _columns(losses: Floats, errors: Floats, grouping: Grouping, places: NDArray[np.intp]) -> Floats:
    """What is summed for the moments of the groups at `places`, shape (rows, 5 * groups), 0 in the rows of the others.

    A column of ones per group, then the deviations from the group's mean and their squares, of loss and error.
    """
    member = (grouping.codes[:, None] == places).astype(float)
    blocks = [member]
    for values in (losses, errors):
        deviation = (values - _means(values, grouping)[grouping.codes])[:, None]
        blocks += [deviation * member, deviation**2 * member]
    return np.concatenate(blocks, axis=1)


def _moments(
    losses: Floats, errors: Floats, grouping: Grouping, places: NDArray[np.intp], sums: Floats
) -> tuple[Moments, Moments]:
    """Moments of the loss and of the error, from the sums of `_columns`."""
    size, *others = np.split(sums, 5, axis=1)
    by_loss, by_error = (
        Moments(_means(values, grouping)[places], size, first, second, ROUNDING * float(np.abs(values).max()))
        for values, first, second in ((losses, *others[:2]), (errors, *others[2:]))
    )
    return by_loss, by_error


def _segment_gap(names: list[str], by_loss: Moments, by_error: Moments, overall: Moments) -> SegmentGap:
    loss, bias = largest_difference(by_loss), largest_difference(by_error)
    ratio = largest_ratio(by_loss, overall) or (None, None, None)
    return SegmentGap(
        loss_gap=loss.value,
        loss_low=loss.low,
        loss_high=loss.high,
        is_loss_gap=loss.low > 0,
        best_group=names[loss.lowest],
        worst_group=names[loss.highest],
        bias_gap=bias.value,
        bias_low=bias.low,
        bias_high=bias.high,
        is_bias_gap=bias.low > 0,
        worst_ratio=ratio[0],
        ratio_low=ratio[1],
        ratio_high=ratio[2],
        groups=len(names),
        status="ok",
        loss_pair=(names[loss.surest[0]], names[loss.surest[1]]) if loss.low > 0 else None,
        bias_pair=(names[bias.surest[0]], names[bias.surest[1]]) if bias.low > 0 else None,
    )
