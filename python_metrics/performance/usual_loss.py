"""What a model's mean loss is on days like its reference's: its unit, and how probable a day's is by chance.

The reference's losses by row go in; with them the mean loss of any day is evaluated. Nothing is read or written. Called
by python_metrics.performance.evaluations and python_metrics.performance.window_evaluation. In words and formulas:
docs/explanation/methods.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from python_metrics.estimates.predictive import FEWEST_DAY_ROWS, DayEffect, Floats, day_effect, day_groups, share_above

if TYPE_CHECKING:
    import numpy.typing as npt

# What share of the loss of a model that always says the same is no loss: the least that others are measured in.
LEAST_SHARE = 1e-3
# Equally likely values that stand for the sampling noise of a mean.
_NOISE_VALUES = 2_000
_LEAST_SKEWNESS = 1e-3


@dataclass(frozen=True)
class UsualLoss:
    """A reference's losses.

    Attributes:
        mean: of all rows.
        least: what counts as no loss; above 0.
        deviation, skewness: of a row's loss.
        effect: of a day as a whole, beyond its rows.
        n: rows.
    """

    mean: float
    least: float
    deviation: float
    skewness: float
    effect: DayEffect
    n: int

    def p_value(self, loss: float, rows: int) -> float | None:
        """The chance of so large a mean loss, or a larger one, on a day of so many rows that is like the reference's.

        None where the reference's losses are too large to have a variance.
        The noise of the rows is a shifted gamma distribution with the variance and skewness of their mean (Pearson's
        third type), the day's effect Student's t: means of few rows with a few large losses are skewed.
        """
        if not np.isfinite([loss, self.mean, self.deviation]).all():
            return None
        return share_above(loss - self.mean, self._noise(rows), self.effect)

    def _noise(self, rows: int) -> Floats:
        from scipy.special import gammaincinv, ndtri

        places = (np.arange(_NOISE_VALUES) + 0.5) / _NOISE_VALUES
        deviation, skewness = self.deviation / np.sqrt(rows), self.skewness / np.sqrt(rows)
        if abs(skewness) < _LEAST_SKEWNESS:
            return np.asarray(deviation * ndtri(places))
        shape = 4 / skewness**2
        return np.asarray(np.sign(skewness) * deviation * (gammaincinv(shape, places) - shape) / np.sqrt(shape))


@np.errstate(over="ignore", invalid="ignore")  # what overflows has no p-value
def usual_loss(losses: Floats, days: npt.NDArray[Any], same: float) -> UsualLoss:
    """Learn what loss is usual.

    Args:
        losses: of the reference's rows, shape (rows,), at least one.
        days: the day of each; too few days are contiguous pieces (python_metrics.estimates.predictive.day_groups).
        same: the mean loss on these rows of a model that says the same of all; of labels that are all alike the size of
            one, or 1.
    """
    groups = day_groups(days)
    mean, deviation = float(losses.mean()), float(losses.std())
    skewness = float((((losses - mean) / deviation) ** 3).mean()) if 0 < deviation < np.inf else 0.0
    counts = np.bincount(groups)
    known = np.flatnonzero(counts >= FEWEST_DAY_ROWS)
    of_mean = deviation**2 / len(losses)
    effect = DayEffect(float(np.sqrt(of_mean)), 1)
    if len(known) > 1 and np.isfinite(deviation):
        means = np.bincount(groups, weights=losses)[known] / counts[known]
        effect = day_effect(means - mean, deviation**2 / counts[known], of_mean)
    return UsualLoss(mean, LEAST_SHARE * same, deviation, skewness, effect, len(losses))
