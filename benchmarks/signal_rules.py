"""The rules that the alarm is compared with: Evidently's stock thresholds, and mean + 3 standard deviations.

A null's frame and a day go in, the column that fires goes out. Called by benchmarks.signal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from python_metrics.alerts.statistics.categorical_statistics import CategoricalFrame
from python_metrics.alerts.statistics.day_statistics import TABLE, Day, Frame, measure

Floats = npt.NDArray[np.float64]

STOCK_THRESHOLD = 0.1
SIGMAS = 3.0


@dataclass(frozen=True)
class Scores:
    """A day's drift score by column, missing share by column, and rows.

    Wasserstein / std of numbers (over some 160 cells of the reference), the Jensen-Shannon distance of all levels of
    categories.
    """

    columns: tuple[str, ...]
    drift: Floats
    missing: Floats
    rows: float


def score(frame: Frame, day: Day) -> Scores:
    """The day against all days of the reference together."""
    values = measure(frame, day)
    drift, missing = [], []
    for column, one in frame.columns.items():
        profile = day.profiles[column]
        if isinstance(one, CategoricalFrame):
            drift.append(_levels_distance(one, dict(zip(profile.values, profile.counts, strict=True))))
        else:
            places = [i for i, s in enumerate(frame.statistics) if (s.column, s.name) == (column, "wasserstein")]
            drift.append(frame.statistics[places[0]].natural(float(np.nan_to_num(values[places[0]]))))
        missing.append(profile.n_missing / max(profile.n, 1))
    return Scores(tuple(frame.columns), np.array(drift), np.array(missing), float(day.rows))


def fires_stock(scores: Scores) -> str | None:
    """The column with the highest score where that is at the stock threshold."""
    worst = int(np.argmax(scores.drift))
    return scores.columns[worst] if scores.drift[worst] >= STOCK_THRESHOLD else None


@dataclass(frozen=True)
class ThreeSigma:
    """Mean and standard deviation of the reference days' own scores."""

    drift: tuple[Floats, Floats]
    missing: tuple[Floats, Floats]
    rows: tuple[float, float]

    def fires(self, scores: Scores) -> str | None:
        """The column farthest beyond, where one is."""
        floor = 1e-9
        beyond = {
            TABLE: abs(scores.rows - self.rows[0]) / max(self.rows[1], floor),
            **{
                column: max(
                    (scores.drift[i] - self.drift[0][i]) / max(self.drift[1][i], floor),
                    (scores.missing[i] - self.missing[0][i]) / max(self.missing[1][i], floor),
                )
                for i, column in enumerate(scores.columns)
            },
        }
        worst = max(beyond, key=lambda column: beyond[column])
        return worst if beyond[worst] > SIGMAS else None


def three_sigma(frame: Frame, reference: Sequence[Day]) -> ThreeSigma:
    """The thresholds that a reference gives."""
    found = [score(frame, day) for day in reference]
    drift, missing = np.array([one.drift for one in found]), np.array([one.missing for one in found])
    rows = np.array([one.rows for one in found])
    return ThreeSigma(
        (drift.mean(axis=0), drift.std(axis=0)),
        (missing.mean(axis=0), missing.std(axis=0)),
        (float(rows.mean()), float(rows.std())),
    )


def _levels_distance(frame: CategoricalFrame, counts: dict[str, int]) -> float:
    names = {*frame.levels, *counts}
    usual = dict(zip(frame.levels, frame.counts.tolist(), strict=True))
    one = np.array([float(counts.get(name, 0)) for name in sorted(names)])
    other = np.array([float(usual.get(name, 0)) for name in sorted(names)])
    if not one.sum():
        return 0.0
    one, other = one / one.sum(), other / other.sum()
    middle = (one + other) / 2
    parts = [p[p > 0] * np.log(p[p > 0] / middle[p > 0]) for p in (one, other)]
    return float(np.sqrt(max(sum(part.sum() for part in parts) / 2, 0.0)))
