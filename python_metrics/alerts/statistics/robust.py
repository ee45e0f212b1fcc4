"""Robust centres by weekday and scales of daily figures, and the scores of days that had no part in them.

Figures of days go in, standardised ones come out. Called by python_metrics.alerts.statistics.day_statistics and
python_metrics.alerts.calibration.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

# Days of a weekday against which its own median is trusted half.
WEEKDAY_PRIOR = 2.0
_MAD, _Q80, _Q90 = 1.4826, 1.2816, 1.6449


@dataclass(frozen=True)
class Centres:
    """What is usual.

    Attributes:
        by_weekday: the centre of each figure by weekday, shape (7, figures).
        scale: the standard deviation of each figure around it, shape (figures,), above 0.
    """

    by_weekday: Floats
    scale: Floats

    def score(self, figures: Floats, weekday: int) -> Floats:
        """Figures of a day in standard deviations from what is usual, shape (figures,)."""
        scores: Floats = (figures - self.by_weekday[weekday]) / self.scale
        return scores


def fit_centres(figures: Floats, weekdays: Integers, floors: Floats) -> Centres:
    """Centres and scales of figures, shape (days, figures).

    A weekday's centre is its median, drawn towards that of all days as far as it has few of them. The scale is the
    largest of three robust estimates (median, 80 % and 90 % quantile of the absolute deviation, each made consistent
    for a normal distribution) and the floor.
    """
    median = _median(figures)
    by_weekday = np.repeat(median[None, :], 7, axis=0)
    for weekday in range(7):
        own = figures[weekdays == weekday]
        if len(own):
            by_weekday[weekday] += (_median(own) - median) * len(own) / (len(own) + WEEKDAY_PRIOR)
    return Centres(by_weekday, robust_scale(figures - by_weekday[weekdays], floors))


def robust_scale(deviations: Floats, floors: Floats) -> Floats:
    """The standard deviation of deviations from 0, by column; at least the floors."""
    ordered = np.sort(np.abs(deviations), axis=0)
    last = len(ordered) - 1
    estimates = [
        ordered[last // 2] * _MAD,
        ordered[round(0.8 * last)] / _Q80,
        ordered[round(0.9 * last)] / _Q90,
        np.maximum(floors, 1e-9),
    ]
    scale: Floats = np.max(np.stack([np.broadcast_to(one, ordered[0].shape) for one in estimates]), axis=0)
    return scale


def _median(figures: Floats) -> Floats:
    """By column; several times faster on few rows than numpy's, which must mind NaN."""
    ordered = np.sort(figures, axis=0)
    last = len(ordered) - 1
    middle: Floats = (ordered[last // 2] + ordered[(last + 1) // 2]) / 2
    return middle


def held_out_scores(figures: Floats, weekdays: Integers, folds: Integers, floors: Floats) -> Floats:
    """Each day's scores by the centres of the other folds, shape (days, figures)."""
    scores = np.empty_like(figures)
    for fold in np.unique(folds):
        held = folds == fold
        fitted = fit_centres(figures[~held], weekdays[~held], floors)
        scores[held] = (figures[held] - fitted.by_weekday[weekdays[held]]) / fitted.scale
    return scores
