"""What a window may realise around its estimate: sampling noise of its rows plus the effect of its day.

Draws of the sampling noise and held-out days of the reference go in; intervals and p-values come out. Pure numbers,
nothing is read or written. Called by python_metrics.estimates.loss_estimation, confidence_estimation and concept_drift.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

COVERAGE = 0.95
# A day with fewer rows says little of its mean; fewer days say little of the spread between days.
FEWEST_DAY_ROWS = 50
FEWEST_DAYS = 5
CHUNKS = 10
FEWEST_WINDOW_ROWS = 30
T_VALUES = 101


class TooFewRowsError(ValueError):
    """Fewer usable rows than the method needs; what the warehouse calls status low_n."""


@dataclass(frozen=True)
class Interval:
    """An estimate and the interval that holds the realised figure with probability COVERAGE, low <= high."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class DayEffect:
    """How much a day as a whole is off, beyond the sampling noise of its rows.

    Attributes:
        scale: standard deviation of a new day's effect, the uncertainty of the reference's own mean included; in the
            unit of the figure.
        degrees: degrees of freedom that it was estimated with: its distribution is Student's t with these.
    """

    scale: float
    degrees: int


def day_groups(days: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Codes of the days in their order, shape (rows,).

    With fewer than FEWEST_DAYS days of FEWEST_DAY_ROWS rows, CHUNKS contiguous pieces of the rows stand for days; only
    there the order of the rows matters.
    """
    _, codes, counts = np.unique(days, return_inverse=True, return_counts=True)
    if (counts >= FEWEST_DAY_ROWS).sum() < FEWEST_DAYS:
        return np.arange(len(codes), dtype=np.int64) * CHUNKS // max(len(codes), 1)
    return np.asarray(codes, dtype=np.int64)


def day_effect(deviations: Floats, sampling_variances: Floats, mean_variance: float) -> DayEffect:
    """Spread between days by the method of moments (DerSimonian and Laird 1986).

    Args:
        deviations: realised minus expected figure of each held-out day, shape (days,), at least two.
        sampling_variances: what the sampling of its rows contributes to the variance of each, shape (days,).
        mean_variance: variance of the reference's own mean from the sampling of its rows.
    """
    count = len(deviations)
    # A day without spread, such as one of few rows that are all alike, would outweigh all the others.
    floor = max(1e-6 * float(np.max(sampling_variances)), np.finfo(float).tiny ** 0.25)
    weights = 1 / np.maximum(sampling_variances, floor)
    center = np.average(deviations, weights=weights)
    excess = float((weights * (deviations - center) ** 2).sum()) - (count - 1)
    between = max(0.0, excess / float(weights.sum() - (weights**2).sum() / weights.sum()))
    return DayEffect(float(np.sqrt(between * (1 + 1 / count) + mean_variance)), count - 1)


def predictive_interval(noise: Floats, effect: DayEffect) -> tuple[float, float]:
    """Bounds that noise plus day effect stay within with probability COVERAGE.

    Args:
        noise: draws of the sampling noise, shape (draws,).
        effect: of the day; its t distribution, as T_VALUES equally likely values, is added to each of the draws.
    """
    tail = (1 - COVERAGE) / 2
    if effect.scale == 0:
        low, high = np.quantile(noise, [tail, 1 - tail])
        return float(low), float(high)
    mixture = (noise[:, None] + effect.scale * _t_quantiles(effect.degrees)).ravel()
    low, high = np.quantile(mixture, [tail, 1 - tail])
    return float(low), float(high)


@cache
def _t_quantiles(degrees: int) -> Floats:
    """Equally likely values of Student's t, which stand for its distribution in a mixture, shape (T_VALUES,)."""
    from scipy.special import stdtrit

    return np.asarray(stdtrit(degrees, (np.arange(T_VALUES) + 0.5) / T_VALUES), dtype=np.float64)


def two_sided_p_value(deviation: float, noise: Floats, effect: DayEffect) -> float:
    """Probability of a deviation at least as far out, on its side, twice; at most 1. Noise and effect as above."""
    if effect.scale == 0:
        reached = min((noise >= deviation).mean(), (noise <= deviation).mean())
    else:
        reached = min(_share_below(deviation, noise, effect), _share_below(-deviation, -noise, effect))
    return float(min(1.0, 2 * reached))


def share_above(deviation: float, noise: Floats, effect: DayEffect) -> float:
    """Probability of a deviation as high or higher: noise and effect as above."""
    if effect.scale == 0:
        return float((noise >= deviation).mean())
    return _share_below(-deviation, -noise, effect)


def bonferroni(*p_values: float) -> float:
    """The p-value of the least of several, whatever their dependence."""
    return min(1.0, len(p_values) * min(p_values))


def _share_below(bound: float, noise: Floats, effect: DayEffect) -> float:
    from scipy.special import stdtr

    return float(stdtr(effect.degrees, (bound - noise) / effect.scale).mean())
