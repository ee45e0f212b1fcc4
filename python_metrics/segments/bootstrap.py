"""The largest difference and the largest ratio among many groups, with simultaneous bootstrap intervals.

Values in columns go in, their sums over bootstrap replicates come out, and from those the intervals. Called by
python_metrics.segments.fairness alone.

Picking the extremes of several groups finds a difference in any noise. An interval here holds for all comparisons at
once: its width is the 95 % quantile, over the replicates, of the greatest studentised deviation among them
(bootstrap-t, Efron and Tibshirani 1993, chapter 12; the maximum over comparisons, Romano and Wolf 2005).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import exp, factorial
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

CONFIDENCE = 0.95
BLOCK_CELLS = 8_000_000  # weights held at a time: 64 MB
LEAST_FACTOR = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)  # of one comparison of normal means: 1.96
PSEUDO_ROWS = 100  # with the spread common to all groups, lent to a group that seems to have less
ROUNDING = 1e-12  # of the greatest value; a difference of this size is none


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums by group, the observed ones in the first row and one bootstrap replicate in each other row.

    Attributes:
        centre: observed mean of each group, shape (groups,).
        size: rows, weighted, shape (1 + replicates, groups).
        first: sum of the deviations from `centre`, same shape.
        second: sum of their squares, same shape.
        floor: what is rounding error of a mean.
    """

    centre: Floats
    size: Floats
    first: Floats
    second: Floats
    floor: float

    def shift(self) -> Floats:
        """Mean of each group minus its observed mean."""
        return self.first / np.maximum(self.size, 1.0)

    def variance(self) -> Floats:
        """Variance of the values of each group, not below its mixture with a hundred rows of the common variance.

        Where losses are skewed or rare, the small group that drew none of the large ones has a low mean and hardly any
        spread: taken at its word it would be the best one for certain.
        """
        common = self.second[0].sum() / (self.size[0] - 1).sum()
        spread = np.maximum(self.second - self.first * self.shift(), 0.0)
        mixed = (spread + PSEUDO_ROWS * common) / (self.size - 1 + PSEUDO_ROWS)
        return np.asarray(np.maximum(mixed, spread / np.maximum(self.size - 1, 1.0)))

    def squared_error(self) -> Floats:
        """Squared standard error of the mean of each group; above 0."""
        return self.variance() / np.maximum(self.size, 1.0) + self.floor**2 + float(np.finfo(float).tiny)


@dataclass(frozen=True)
class Extremes:
    """The largest difference of two groups' means.

    Attributes:
        value: highest observed mean - lowest observed mean.
        low, high: interval of the highest true mean - the lowest true mean; `low` is 0 or more.
        lowest, highest: positions of the groups with the extreme observed means.
        surest: (lower, higher) positions of the two groups whose difference is the surest.
    """

    value: float
    low: float
    high: float
    lowest: int
    highest: int
    surest: tuple[int, int]


def resampled_sums(columns: Floats, replicates: int, seed: int) -> Floats:
    """Column sums of the rows as they are, and of each bootstrap replicate, shape (1 + replicates, columns).

    Args:
        columns: shape (rows, columns).
        replicates: how often the rows are resampled; all columns share the weights of a replicate.
        seed: of the random numbers.
    """
    observed = columns.sum(axis=0, keepdims=True)
    with threadpool_limits(limits=1):  # sums in the same order on every machine; faster, too, on a busy one
        return np.concatenate([observed, *(weights @ columns for weights in _weights(len(columns), replicates, seed))])


def _weights(rows: int, replicates: int, seed: int) -> Iterator[Floats]:
    """Weights in blocks of shape (some replicates, rows), together `replicates` of them.

    Each is a Poisson number with mean 1 (Hanley and MacGibbon 2006), for means as good as how often a row is drawn in
    drawing rows with replacement, and made faster: 16 random bits look it up in a table.
    """
    chances = np.cumsum([exp(-1) / factorial(weight) for weight in range(9)])
    table = np.repeat(np.arange(9.0), np.diff(np.round(chances * 2**16).astype(int), prepend=0))
    random = np.random.default_rng(seed)
    block = max(1, BLOCK_CELLS // rows)
    for start in range(0, replicates, block):
        yield table[random.integers(0, len(table), (min(block, replicates - start), rows), dtype=np.uint16)]


def largest_difference(moments: Moments) -> Extremes:
    """The range of the groups' means, with an interval that is simultaneous over all pairs of groups.

    With 95 % confidence every pair's true difference lies within q standard errors of the observed one. The true
    range is then at least the greatest lower bound of a pair, and at most the greatest upper bound.
    """
    centre, shift, error = moments.centre, moments.shift()[1:], moments.squared_error()
    greatest = np.zeros(len(shift))
    for first in range(len(centre) - 1):
        others = slice(first + 1, None)
        deviation = np.abs(shift[:, others] - shift[:, first, None])
        scale = np.sqrt(error[1:, others] + error[1:, first, None])
        greatest = np.maximum(greatest, (deviation / scale).max(axis=1))
    factor = _factor(greatest)
    margin = factor * np.sqrt(error[0][:, None] + error[0])
    difference = centre - centre[:, None]
    sureness = np.where(np.eye(len(centre), dtype=bool), -np.inf, difference - margin)
    lower, higher = np.unravel_index(int(sureness.argmax()), sureness.shape)
    lowest, highest = int(centre.argmin()), int(centre.argmax())
    return Extremes(
        value=float(centre[highest] - centre[lowest]),
        low=max(0.0, float(sureness.max())),
        high=float((difference + margin).max()),
        lowest=lowest,
        highest=highest,
        surest=(int(lower), int(higher)),
    )


def largest_ratio(moments: Moments, overall: Moments) -> tuple[float, float, float] | None:
    """The largest ratio of a group's mean to the mean of all rows, with the interval of the largest true ratio.

    The standard error of a ratio is that of its linearisation (delta method): with the group's share p of the rows,
    its variance v, the variance V of all rows, their number N and mean M,
    (v * (1 / p - 2 * ratio) + ratio^2 * V) / (N * M^2).

    Args:
        moments: of the groups.
        overall: of all rows as one group.

    Returns:
        (ratio, low, high), or None where the mean of all rows, or of the rows in a twentieth of the replicates, is 0.
    """
    if overall.centre[0] <= moments.floor:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):  # a replicate without any loss
        mean = overall.centre + overall.shift()
        ratio = (moments.centre + moments.shift()) / mean
        share = np.maximum(moments.size, 1.0) / overall.size
        squared = moments.variance() * (1 / share - 2 * ratio) + ratio**2 * overall.variance()
        scale = np.sqrt(np.maximum(squared, 0.0) / overall.size) / mean + ROUNDING
        greatest = (np.abs(ratio[1:] - ratio[0]) / scale[1:]).max(axis=1)
    factor = _factor(np.nan_to_num(greatest, nan=np.inf))
    if not np.isfinite(factor):
        return None
    low, high = (ratio[0] - factor * scale[0]).max(), (ratio[0] + factor * scale[0]).max()
    return float(ratio[0].max()), max(0.0, float(low)), float(high)


def _factor(greatest: Floats) -> float:
    """How many standard errors an interval reaches, from the greatest studentised deviation of each replicate.

    Where all rows of a group happen to be alike its replicates are too, and know less than there is to know:
    never fewer than for a single comparison of normal means.
    """
    return max(LEAST_FACTOR, float(np.quantile(greatest, CONFIDENCE, method="higher")))
