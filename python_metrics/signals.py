"""One alarm decision per day, with a stated budget of false alarms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt

from python_metrics.calibration import Calibration, Figures, calibrate, folds_of, in_units, score_day
from python_metrics.day_statistics import TABLE, Day, Frame, freeze, measure

Floats = npt.NDArray[np.float64]
Status = Literal["ok", "learning", "too_short"]

FEWEST_DAYS, LEARNED_DAYS, FULL_DAYS = 10, 28, 56
WEEKLY_ALPHA = 1 / 7


@dataclass(frozen=True)
class Null:
    frame: Frame
    figures: Figures
    calibration: Calibration
    columns: tuple[str, ...]
    inputs: tuple[bool, ...]
    budget: float
    rows: int
    days: int
    thinned_to: int | None = None


@dataclass(frozen=True)
class Decision:
    date: date
    status: Status
    ring: bool
    p: float
    column: str
    statistic: str
    severity: float
    worst: float
    threshold: float
    by_column: dict[str, float]
    weekly: frozenset[str]


def fit_null(reference: Sequence[Day], inputs: Sequence[str], prediction: str | None, budget: float = 1 / 30,
             thinned: Sequence[Day] | None = None) -> Null:
    ordinals = np.array([day.date.toordinal() for day in reference])
    folds = folds_of(ordinals)
    columns = [*inputs, *([prediction] if prediction else [])]
    small = thinned or reference
    frame, values = freeze(reference, small, folds, columns, np.zeros(len(reference), np.int64))
    names = [*columns, TABLE]
    statistics = frame.statistics
    root = np.sqrt(np.median([max(day.rows, 1) for day in small]))
    figures = Figures(
        np.array([names.index(one.column) for one in statistics]),
        np.array([one.sort == "distance" for one in statistics]),
        np.array([one.plain for one in statistics]),
        np.array([one.given_others for one in statistics]),
        np.array([one.given_others and one.column != prediction for one in statistics]),
        np.array([one.floor / (root if one.per_root_n else 1) for one in statistics]),
    )
    weekdays = np.array([day.weekday for day in reference])
    return Null(frame, figures, calibrate(values, weekdays, folds, figures), tuple(names),
                tuple(name != prediction for name in names), budget, int(root**2), len(reference))


def decide(null: Null, day: Day, before: Sequence[Decision]) -> Decision:
    cal = null.calibration
    plain, given = score_day(cal, null.figures, measure(null.frame, day), day.weekday)
    units = in_units(plain, given, null.figures, cal.plain_unit, cal.given_unit).max(axis=1)
    by = np.zeros(len(null.columns))
    np.maximum.at(by, null.figures.group, units)
    worst = float(by.max())
    threshold = cal.tail.threshold(null.budget / 2)
    weekly = cal.tail.threshold(WEEKLY_ALPHA)
    over = frozenset(name for name, one in zip(null.columns, by, strict=True) if one > weekly)
    twice = [name for name in over if any(name in one.weekly for one in before[-2:])]
    ring = worst > threshold or bool(twice)
    inputs = np.array(null.inputs)
    candidates = np.where(inputs, by, 0)
    if worst > threshold:
        name = int(np.argmax(candidates)) if candidates.max() > threshold else int(np.argmax(by))
    elif twice:
        name = max((null.columns.index(one) for one in twice), key=lambda place: candidates[place])
    else:
        name = int(np.argmax(by))
    own = null.figures.group == name
    statistic = null.frame.statistics[int(np.argmax(np.where(own, units, -1)))].name
    return Decision(day.date, "ok", ring, cal.tail.p_value(worst), null.columns[name], statistic, worst / threshold, worst,
                    threshold, {n: float(b) for n, b in zip(null.columns, by, strict=True)}, over)
