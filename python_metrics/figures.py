"""What statistics of daily profiles share: the angle of a share, distances of binned shares, likeness to a weekend.

Counts go in, figures come out. Called by python_metrics.numerical_statistics, categorical_statistics, day_statistics
and series_signals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SMALLEST_DISTANCE = 1e-3

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
        alone: whether it is judged by itself.
        given_others: whether it is judged given the other columns' signed figures of the day, and is one of those.
        floor: the least standard deviation believed of it, of a day of one row where per_root_n, else as it is.
        level: whose share it is, of a categorical column.
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

    def natural(self, value: float) -> float:
        """A figure as it is shown: a distance, a share, a ratio."""
        if self.scale == "log":
            return float(max(np.exp(value) - SMALLEST_DISTANCE, 0.0))
        if self.scale == "angle":
            return float(np.sin(np.clip(value, 0, np.pi / 2)) ** 2)
        return float(np.exp(value)) if self.scale == "ratio" else float(value)


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
    rare, often = bins[weekend].sum(axis=0) + 1, bins[~weekend].sum(axis=0) + 1
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
