"""What statistics of daily profiles share: the angle of a share, distances of binned shares, likeness to a weekend.

Counts go in, figures come out. Called by python_metrics.alerts.statistics.numerical_statistics, categorical_statistics,
day_statistics and series_signals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SMALLEST_DISTANCE = 1e-3
# Least standard deviations: of the angle of a share of one row, beyond what few rows of a kind explain; of a figure, in
# what one row (or one value) more changes it by; of the log of a distance.
ANGLE_FLOOR, ONE_FLOOR, LOG_FLOOR = 0.4, 0.45, 0.05
# What n rows of the reference are off it by chance, times the root of n: a distance below it is no distance.
SHIFT_NOISE, SHARES_NOISE = 0.5, 0.2

Sort = Literal["distance", "signed"]
Scale = Literal["log", "angle", "ratio", "plain"]


@dataclass(frozen=True)
class Statistic:
    """One figure of a day.

    Attributes:
        column: whose it is; empty for those of all rows.
        name: what it is called.
        sort: a distance is bad when large; a signed figure when it is far off on either side.
        scale: what it is computed in: the log of a distance, the angle of a share, the log of a ratio, or as it is.
        alone: whether it is evaluated by itself.
        given_others: whether it is evaluated given the other columns' signed figures of the day, and is one of those.
        floor: the least standard deviation evaluated of it, of a day of one row where per_root_n, else as it is.
        level: whose share it is, of a categorical column.
        one: what one row more, or one value more, changes it by on a usual day: a rare row is no news.
        varied: of a distance: rows of a usual day that are not of the column's most frequent value.
        noise: of a distance: what is no distance, of a day of one row where per_root_n, else as it is.
    """

    column: str
    name: str
    sort: Sort
    scale: Scale
    alone: bool
    given_others: bool
    floor: float
    per_root_n: bool = True
    level: str = ""
    one: float = 0.0
    varied: float = 0.0
    noise: float = 0.0

    def least_deviation(self, rows: float) -> float:
        """The least standard deviation evaluated of the figure on days of so many rows.

        Of a distance: m rows besides the most frequent value are 1/root of m off by chance, relatively.
        """
        if self.sort == "distance":
            return max(self.floor, float(1 / np.sqrt(1 + self.varied)))
        return max(self.floor / (float(np.sqrt(rows)) if self.per_root_n else 1.0), ONE_FLOOR * self.one)

    def least_value(self, rows: float) -> float:
        """What a distance counts for at least, on days of so many rows; in its scale. 0 for other figures."""
        if self.sort != "distance":
            return 0.0
        return float(np.log(self.noise / (np.sqrt(rows) if self.per_root_n else 1.0) + SMALLEST_DISTANCE))

    def natural(self, value: float) -> float:
        """A figure as it is shown: a distance, a share, a ratio."""
        if self.scale == "log":
            return float(max(np.exp(value) - SMALLEST_DISTANCE, 0.0))
        if self.scale == "angle":
            return float(np.sin(np.clip(value, 0, np.pi / 2)) ** 2)
        return float(np.exp(value)) if self.scale == "ratio" else float(value)


def distance(column: str, name: str, varied: float, noise: float, *, per_root_n: bool = True) -> Statistic:
    """A distance of a column from its reference, evaluated alone and in its logarithm."""
    return Statistic(column, name, "distance", "log", True, False, LOG_FLOOR, per_root_n, varied=varied, noise=noise)


def share_angle(part: Any, whole: Any) -> Floats:
    """arcsin of the root of a share: its sampling deviation is 0.5 / root of n, whatever the share (Anscombe, 1948)."""
    part, whole = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.arcsin(np.sqrt(np.where(whole > 0, np.clip(part / whole, 0, 1), np.nan)))


def summed(places: Integers, weights: Any, size: int) -> Floats:
    """The sum of the weights by place, shape (size,)."""
    return np.bincount(places, weights, minlength=size).astype(np.float64)


def weekend_log_ratio(bins: Floats, weekdays: Integers) -> Floats:
    """Log of the share on Saturdays and Sundays over that on other days, by bin, within +-2."""
    weekend = weekdays >= 5
    if weekend.all() or not weekend.any():
        return np.zeros(bins.shape[1])
    rare, often = bins[weekend].sum(axis=0), bins[~weekend].sum(axis=0)
    # Two rows more in each, parted as all rows are: a bin without rows is like neither.
    prior = 2 / max(rare.sum() + often.sum(), 1.0)
    rare, often = rare + prior * max(rare.sum(), 1.0), often + prior * max(often.sum(), 1.0)
    ratio: Floats = np.clip(np.log((rare / rare.sum()) / (often / often.sum())), -2, 2)
    return ratio


def jensenshannon(one: Floats, other: Floats) -> Floats:
    """The distance, base e, by row."""
    middle = (one + other) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        left = np.where(one > 0, one * np.log(one / middle), 0).sum(axis=1)
        right = np.where(other > 0, other * np.log(other / middle), 0).sum(axis=1)
    left = np.where(np.isnan(one).any(axis=1), np.nan, left)
    distance: Floats = np.sqrt(np.maximum((left + right) / 2, 0))
    return distance
