"""The same alarm for daily figures that are no profile: quality metrics, performance metrics, segments.

Series of daily values go in, one decision for all of them together comes out, with a budget of their own. Nothing
is read or written. Called by python_metrics.alerts.series_alarms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from python_metrics.alerts.calibration import Figures, calibrate, folds_of, score_day
from python_metrics.alerts.decisions import (
    DEFAULT_BUDGET,
    FEWEST_DAYS,
    Decision,
    Scored,
    Usual,
    evaluate,
    reference_ordinals,
    status_of,
)
from python_metrics.alerts.statistics.figures import ANGLE_FLOOR, Floats, Statistic, share_angle

Kind = Literal["share", "positive", "number"]
VERSION = 3
# The least standard deviation evaluated of the log of a positive figure.
_LEAST_LOG_DEVIATION = 0.005


@dataclass(frozen=True)
class Series:
    """A figure, day by day.

    Attributes:
        name: of the metric or segment, as an alarm names it.
        kind: a share of n rows; a positive figure such as an error or a count, evaluated by its ratio; any number.
        values: one per reference day, NaN where there is none, shape (days,).
        ns: rows behind each, shape (days,).
        least: what is nothing, in the figure's unit: a positive figure counts as that at least, a deviation too.
    """

    name: str
    kind: Kind
    values: Floats
    ns: Floats
    least: float = 0.0


@dataclass(frozen=True)
class SeriesNull(Usual):
    """What is usual of several series together.

    Attributes:
        kinds: of each series.
        usual_n: the median of the rows behind each, shape (series,).
        least: what is nothing of each, shape (series,).
    """

    kinds: tuple[str, ...]
    usual_n: Floats
    least: Floats


def fit_series(
    dates: Sequence[date], series: Sequence[Series], *, budget: float = DEFAULT_BUDGET, per_day: int = 1
) -> SeriesNull | None:
    """Learn what is usual of daily figures.

    Args:
        dates: of the reference days, oldest first.
        series: at least one; a value for each of the days.
        budget: false alarms per day over all series together.
        per_day: how many windows a day has, of which the dates are those of the same time of the day.

    Returns:
        None where there are fewer than FEWEST_DAYS days. A series with fewer than FEWEST_DAYS values is left out.

    Raises:
        ValueError: the budget is not above 0 and below 0.3, days are out of order, or a series does not fit the days.
    """
    ordinals = reference_ordinals(dates, budget)
    for one in series:
        if one.values.shape != ordinals.shape or one.ns.shape != ordinals.shape:
            raise ValueError(f"{one.name} has {len(one.values)} values and {len(one.ns)} ns for {len(dates)} days")
    kept = [one for one in series if np.isfinite(one.values).sum() >= FEWEST_DAYS]
    if len(dates) < FEWEST_DAYS or not kept:
        return None
    values = np.column_stack([_transformed(one.kind, one.values, one.least) for one in kept])
    usual_n = np.array([float(np.median(one.ns[np.isfinite(one.values)])) for one in kept])
    statistics = tuple(
        Statistic(one.name, "value", "signed", _SCALES[one.kind], True, False, _LEAST_LOG_DEVIATION) for one in kept
    )
    size = len(kept)
    yes, no = np.ones(size, dtype=bool), np.zeros(size, dtype=bool)
    floors = np.array([_floor(one, n) for one, n in zip(kept, usual_n, strict=True)])
    figures = Figures(np.arange(size), no, yes, no, no, floors, np.zeros(size))
    weekdays = np.array([day.weekday() for day in dates])
    calibration = calibrate(values, weekdays, folds_of(ordinals), figures)
    return SeriesNull(
        status_of(len(dates)),
        len(dates),
        budget,
        per_day,
        statistics,
        figures,
        calibration,
        frozenset(),
        tuple(one.kind for one in kept),
        usual_n,
        np.array([one.least for one in kept]),
    )


def decide_series(
    null: SeriesNull | None,
    day: date,
    values: Mapping[str, float],
    ns: Mapping[str, float],
    before: Sequence[Decision] = (),
) -> Decision:
    """Decide on a day's figures; a series without a value that day is not evaluated.

    A day with fewer rows than usual is forgiven more: a share by its binomial deviation, another figure as if all its
        scatter were that of its rows.
    """
    if null is None:
        return Decision(day, "too_short")
    found, scale = [], []
    for place, statistic in enumerate(null.statistics):
        kind, usual = null.kinds[place], null.usual_n[place]
        value = np.array([values.get(statistic.column, np.nan)])
        found.append(float(_transformed(kind, value, float(null.least[place]))[0]))
        n, deviation = max(ns.get(statistic.column, usual), 1.0), null.calibration.centres.scale[place]
        if kind == "share":
            scale.append(np.sqrt(deviation**2 + max(0.25 / n - 0.25 / max(usual, 1.0), 0.0)))
        else:
            scale.append(deviation * max(np.sqrt(usual / n), 1.0))
    figures = np.array(found)
    alone, given = score_day(null.calibration, null.figures, figures, day.weekday())
    scales = np.array(scale)
    alone = alone * null.calibration.centres.scale / scales
    return evaluate(null, Scored(day, figures, alone, given, scales), before)


_SCALES: dict[str, Literal["angle", "ratio", "plain"]] = {"share": "angle", "positive": "ratio", "number": "plain"}


def _transformed(kind: str, values: Floats, least: float) -> Floats:
    if kind == "share":
        return share_angle(values, 1.0)
    if kind == "positive":
        with np.errstate(divide="ignore", invalid="ignore"):
            logs: Floats = np.log(np.where(np.maximum(values, least) > 0, np.maximum(values, least), np.nan))
        return logs
    return np.where(np.isfinite(values), values, np.nan)


def _floor(series: Series, n: float) -> float:
    """The least standard deviation: half the binomial one of a share, half a per cent of a positive figure.

    Of a share that is nothing on most days, or all, it is that of a rare row: the days show no scatter then.
    """
    if series.kind != "share":
        return _LEAST_LOG_DEVIATION if series.kind == "positive" else max(series.least, 1e-9)
    share = float(np.nanmedian(series.values))
    is_rare = min(share, 1 - share) * n < 1
    return float((ANGLE_FLOOR if is_rare else 0.25) / np.sqrt(max(n, 1.0)))
