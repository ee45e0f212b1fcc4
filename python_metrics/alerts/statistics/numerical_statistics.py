"""A numerical column's figures: days' profiles beside the frozen reference.

Profiles go in; a frozen frame and figures come out. Called by python_metrics.alerts.statistics.day_statistics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from python_metrics.alerts.statistics.figures import (
    ANGLE_FLOOR,
    SHARES_NOISE,
    SHIFT_NOISE,
    SMALLEST_DISTANCE,
    Floats,
    Integers,
    Statistic,
    distance,
    jensenshannon,
    share_angle,
    summed,
    weekend_log_ratio,
)
from python_metrics.profiles.profiles import Profile
from python_metrics.stored_figures import LARGEST

BINS = 20
MODAL_VALUES = 10
MOST_OWN_CELLS = 200
# Where more of a held-out day's values than this are new, the column is continuous and new values say nothing.
CONTINUOUS_SHARE = 0.5
# A spread of less than so much of the values is rounding.
_ROUNDING = 1e-9
# Where the cells between a reference's quantiles end: 160 equal ones, and finer ones at both ends.
_CELLS = np.unique(np.concatenate([np.linspace(0, 1, 161)[1:-1], [0.0005, 0.998, 0.999, 0.9995, 0.9999]]))


def numerical_statistics(column: str, frame: NumericalFrame) -> list[Statistic]:
    """What is measured of a numerical column, in the order of its figures."""
    rows, most = frame.rows, int(np.argmax(frame.counts))
    varied = rows * (1 - float(frame.counts[most] / frame.counts.sum()))
    one_rank = 0.5 / rows
    one_mean = float(np.abs(_winsorised(frame.means) - frame.means[most]).max()) / (frame.std or 1.0) / rows
    one_bin = float(np.ptp(frame.log_ratio)) / rows
    return [
        distance(column, "wasserstein", varied, SHIFT_NOISE),
        distance(column, "jensenshannon", varied, SHARES_NOISE),
        Statistic(column, "unseen_share", "signed", "angle", False, True, ANGLE_FLOOR),
        Statistic(column, "missing_share", "signed", "angle", False, True, ANGLE_FLOOR),
        Statistic(column, "mean_rank", "signed", "plain", False, True, 0.05, one=one_rank),
        Statistic(column, "rank_spread", "signed", "plain", False, True, 0.05, one=one_rank),
        Statistic(column, "whole_share", "signed", "angle", False, True, ANGLE_FLOOR),
        Statistic(column, "modal_share", "signed", "angle", False, True, ANGLE_FLOOR),
        Statistic(column, "distinct_count", "signed", "ratio", False, True, 0.3, one=1 / frame.distinct),
        Statistic(column, "mean", "signed", "plain", False, True, 0.05, one=one_mean),
        Statistic(column, "weekend_likeness", "signed", "plain", False, True, 0.05, one=one_bin),
    ]


@dataclass(frozen=True)
class NumericalFrame:
    """A numerical reference column, frozen: cells between its quantiles, and what is known of them.

    Attributes:
        lows, means: the least value and the mean of each cell, shape (cells,).
        bin_of_cell: the bin that each belongs to, shape (cells,).
        counts: the reference's values in each, shape (cells,).
        std: of the reference's values, ddof 0; 0 where they are all the same, but for rounding.
        highest: its largest value.
        modal: its MODAL_VALUES most frequent values, sorted.
        known: its distinct values, sorted; None where the column is continuous.
        log_ratio: how much more frequent each bin is on weekends, shape (bins,).
        rarity: shares of the reference that a value has, and how many values have each.
        rows, distinct: of a usual day that have a value, and different values among them, as the days are measured.
    """

    lows: Floats
    means: Floats
    bin_of_cell: Integers
    counts: Floats
    std: float
    highest: float
    modal: Floats
    known: Floats | None
    log_ratio: Floats
    rarity: tuple[Floats, Floats]
    rows: float
    distinct: float


def _joined(profiles: Sequence[Profile]) -> tuple[Floats, Floats, Integers]:
    values = np.concatenate([one.values for one in profiles])
    counts = np.concatenate([one.counts for one in profiles]).astype(np.float64)
    days = np.repeat(np.arange(len(profiles)), [len(one.values) for one in profiles])
    return values, counts, days


def _cells_of(distinct: Floats, total: Floats) -> tuple[Integers, Floats, Floats, Integers]:
    """Cells between the quantiles of distinct values and their counts.

    Gives the cell of each value, and of each cell its least value, its mean and its bin.
    """
    middle = (np.cumsum(total) - total / 2) / total.sum()
    cell = np.searchsorted(_CELLS, middle, side="right") if len(distinct) > MOST_OWN_CELLS else np.arange(len(distinct))
    new_cell = np.append(True, cell[1:] != cell[:-1])
    cell = np.cumsum(new_cell) - 1
    cells = int(cell[-1]) + 1
    cell_total = np.bincount(cell, total)
    means = np.bincount(cell, total * distinct) / cell_total
    cell_middle = (np.cumsum(cell_total) - cell_total / 2) / cell_total.sum()
    # A frequent value may fill several bins: those that are left are numbered without gaps.
    bins = np.minimum((cell_middle * BINS).astype(np.int64), BINS - 1)
    bin_of_cell = np.arange(cells) if cells <= BINS + 5 else np.unique(bins, return_inverse=True)[1]
    return cell, distinct[new_cell], means, bin_of_cell


def _deviation(distinct: Floats, total: Floats) -> float:
    """The standard deviation of values and their counts; 0 where they are all the same, but for rounding."""
    mean = float((total * distinct).sum() / total.sum())
    std = float(np.sqrt((total * (distinct - mean) ** 2).sum() / total.sum()))
    return std if std > _ROUNDING * float(np.abs(distinct[[0, -1]]).max()) else 0.0


def freeze_numerical(
    full: Sequence[Profile], small: Sequence[Profile], folds: Integers, weekdays: Integers
) -> tuple[NumericalFrame, Floats]:
    """Freeze a column of a reference and measure each of its days against the other folds.

    Args:
        full: its profiles by day, with a value in at least one.
        small: the same days as they are to be measured, thinned or not.
        folds, weekdays: of each day, shape (days,).

    Returns:
        The frame, and the held-out figures, shape (days, statistics).
    """
    values, counts, days = _joined(full)
    order = np.argsort(values, kind="stable")
    values, counts, days = values[order], counts[order], days[order]
    is_first = np.append(True, values[1:] != values[:-1])
    starts = np.flatnonzero(is_first)
    distinct, places = values[starts], np.cumsum(is_first) - 1
    total = np.add.reduceat(counts, starts)
    cell, lows, means, bin_of_cell = _cells_of(distinct, total)
    cells = len(lows)
    histogram = summed(days * cells + cell[places], counts, len(full) * cells).reshape(-1, cells)
    std = _deviation(distinct, total)
    modal = np.sort(distinct[np.argsort(-total, kind="stable")[:MODAL_VALUES]])
    of_fold = folds[days]
    first_fold, last_fold = np.minimum.reduceat(of_fold, starts), np.maximum.reduceat(of_fold, starts)
    only_fold = np.where(first_fold == last_fold, first_fold, -1)

    if small is full or all(one is other for one, other in zip(small, full, strict=True)):
        small_values, small_counts, small_days, small_places = distinct[places], counts, days, places
    else:
        small_values, small_counts, small_days = _joined(small)
        small_places = np.searchsorted(distinct, small_values)
    size = len(full)
    own = summed(small_days * cells + cell[small_places], small_counts, size * cells)
    unseen = summed(small_days, small_counts * (only_fold[small_places] == folds[small_days]), size)
    present = summed(small_days, small_counts, size)
    is_continuous = float(np.median(unseen / np.maximum(present, 1))) > CONTINUOUS_SHARE
    # Every fold's complement, and its weekends against its working days.
    pool = np.zeros((size, cells))
    ratios = np.zeros((size, int(bin_of_cell.max()) + 1))
    everything = histogram.sum(axis=0)
    for fold in np.unique(folds):
        held = folds == fold
        pool[held] = everything - histogram[held].sum(axis=0)
        ratios[held] = weekend_log_ratio(_in_bins(histogram[~held], bin_of_cell), weekdays[~held])
    sizes, values_of_size = np.unique(total, return_counts=True)
    rarity = (sizes / total.sum(), values_of_size.astype(np.float64))
    measured = _Days(
        own.reshape(-1, cells),
        pool,
        ratios,
        missing=np.array([one.n_missing for one in small], dtype=np.float64),
        excess=np.zeros(size),
        unseen=np.zeros(size) if is_continuous else unseen,
        whole=summed(small_days, small_counts * (small_values == np.floor(small_values)), size),
        modal=summed(small_days, small_counts * np.isin(small_values, modal), size),
        distinct=np.array([len(one.values) for one in small], dtype=np.float64),
    )
    figures = _numerical_figures(measured, means, bin_of_cell, std, std, rarity)
    frame = NumericalFrame(
        lows,
        means,
        bin_of_cell,
        everything,
        std,
        float(distinct[-1]),
        modal,
        None if is_continuous else distinct,
        weekend_log_ratio(_in_bins(histogram, bin_of_cell), weekdays),
        rarity,
        max(float(np.median(present)), 1.0),
        max(float(np.median([len(one.values) for one in small])), 1.0),
    )
    return frame, figures


def measure_numerical(frame: NumericalFrame, profile: Profile) -> Floats:
    """The figures of a new day, shape (statistics,); NaN where it has no values."""
    values, counts = profile.values, profile.counts.astype(np.float64)
    cells = len(frame.lows)
    places = np.maximum(np.searchsorted(frame.lows, values, side="right") - 1, 0)
    unseen = 0.0
    if frame.known is not None and len(values):
        found = np.minimum(np.searchsorted(frame.known, values), len(frame.known) - 1)
        unseen = float(counts[frame.known[found] != values].sum())
    beyond = np.maximum(values - frame.highest, 0) + np.maximum(frame.lows[0] - values, 0)
    # Where the reference has no spread, the unit is the day's own: x of n rows that are off are the root of x/n.
    unit = frame.std or float(np.sqrt((counts * (values - frame.highest) ** 2).sum() / max(counts.sum(), 1)))
    measured = _Days(
        summed(places, counts, cells)[None, :],
        frame.counts[None, :],
        frame.log_ratio[None, :],
        missing=np.array([float(profile.n_missing)]),
        excess=np.array([float((beyond * counts).sum() / max(counts.sum(), 1))]),
        unseen=np.array([unseen]),
        whole=np.array([float(counts[values == np.floor(values)].sum())]),
        modal=np.array([float(counts[np.isin(values, frame.modal)].sum())]),
        distinct=np.array([float(len(values))]),
    )
    figures = _numerical_figures(measured, frame.means, frame.bin_of_cell, frame.std, unit, frame.rarity)
    only: Floats = figures[0]
    return only


@dataclass(frozen=True)
class _Days:
    """What is counted of days.

    Attributes:
        own: rows by cell, shape (days, cells).
        pool: what each day is measured against, shape (days, cells).
        log_ratio: how much more frequent each bin is on weekends, shape (days, bins).
        missing, excess, unseen, whole, modal, distinct: rows without a value, mean distance beyond the reference, rows
            with new values, with whole ones, with the most frequent ones, and different values, shape (days,) each.
    """

    own: Floats
    pool: Floats
    log_ratio: Floats
    missing: Floats
    excess: Floats
    unseen: Floats
    whole: Floats
    modal: Floats
    distinct: Floats


def _numerical_figures(
    days: _Days, means: Floats, bin_of_cell: Integers, std: float, unit: float, rarity: tuple[Floats, Floats]
) -> Floats:
    """Figures of days, shape (days, statistics).

    The mean is in units of `std`, the distance in those of `unit`.
    """
    n = days.own.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = days.own / n[:, None]
        expected = days.pool / days.pool.sum(axis=1)[:, None]
    below, expected_below = np.cumsum(share, axis=1), np.cumsum(expected, axis=1)
    wasserstein = (np.abs(below - expected_below)[:, :-1] * np.diff(means)).sum(axis=1) + days.excess
    rank = expected_below - expected / 2
    mean_rank = (share * rank).sum(axis=1)
    spread = (share * np.abs(rank - 0.5)).sum(axis=1)
    distinct_ratio = np.log(np.maximum(days.distinct, 1) / np.maximum(_expected_distinct(n, rarity), 1))
    bins, expected_bins = _in_bins(share, bin_of_cell), _in_bins(expected, bin_of_cell)
    return np.column_stack(
        [
            # However far a value lies out, how bad the day is stays a number.
            np.log(np.minimum(wasserstein / (unit or 1.0), LARGEST) + SMALLEST_DISTANCE),
            np.log(jensenshannon(bins, expected_bins) + SMALLEST_DISTANCE),
            share_angle(days.unseen, n),
            share_angle(days.missing, n + days.missing),
            mean_rank,
            spread,
            share_angle(days.whole, n),
            share_angle(days.modal, n),
            np.where(n > 0, distinct_ratio, np.nan),
            (share * (_winsorised(means) / std if std else np.zeros(len(means)))).sum(axis=1),
            (bins * days.log_ratio).sum(axis=1),
        ]
    )


def _winsorised(means: Floats) -> Floats:
    limited: Floats = np.clip(means, *means[[int(0.01 * len(means)), int(0.99 * len(means))]])
    return limited


def _expected_distinct(n: Floats, rarity: tuple[Floats, Floats]) -> Floats:
    """Distinct values among n rows drawn from the pool: values of a share p are among them with 1 - exp(-n p)."""
    share, values = rarity
    expected: Floats = -np.expm1(-n[:, None] * share) @ values
    return expected


def _in_bins(cells: Floats, bin_of_cell: Integers) -> Floats:
    return np.add.reduceat(cells, np.flatnonzero(np.append(True, np.diff(bin_of_cell) > 0)), axis=1)
