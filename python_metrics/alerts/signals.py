"""One alarm decision per model and day, with a stated budget of false alarms.

Reference days go in and a null distribution comes out; with it a new day's decision. No database, no clock, no
chance: the same days give the same decisions. Called by python_metrics.alerts.column_alarms. In words and
formulas: docs/explanation/signal.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from python_metrics.alerts.calibration import Figures, calibrate, folds_of, score_day
from python_metrics.alerts.decisions import (
    DEFAULT_BUDGET,
    FEWEST_DAYS,
    FULL_DAYS,
    LEARNED_DAYS,
    Decision,
    Scored,
    Signal,
    Status,
    Usual,
    evaluate,
    reference_ordinals,
    status_of,
)
from python_metrics.alerts.statistics.day_statistics import TABLE, Day, Frame, freeze, measure
from python_metrics.alerts.statistics.thinning import thin, thinned_size

__all__ = [
    "DEFAULT_BUDGET",
    "FEWEST_DAYS",
    "FULL_DAYS",
    "LEARNED_DAYS",
    "TABLE",
    "Day",
    "Decision",
    "Null",
    "Signal",
    "Status",
    "content_hash",
    "decide",
    "fit_null",
]

# Raised with every change of a constant or a formula: nulls of another version are not used again.
VERSION = 3


@dataclass(frozen=True)
class Null(Usual):
    """What is usual of a model's columns together.

    Attributes:
        rows: that the reference's days were thinned to; None where they are whole.
        frame: the reference, frozen.
    """

    rows: int | None
    frame: Frame


def fit_null(
    reference: Sequence[Day],
    inputs: Sequence[str],
    prediction: str | None = None,
    *,
    budget: float = DEFAULT_BUDGET,
    per_day: int = 1,
    rows: int | None = None,
) -> Null | None:
    """Learn from reference days what is usual.

    Args:
        reference: days before the one to be evaluated, oldest first: FULL_DAYS at best; leave out those that are known
            to be unlike others, such as public holidays.
        inputs: the model's inputs.
        prediction: the column of its predictions.
        budget: false alarms per day over all columns together.
        per_day: how many windows a day has, of which the reference's are those of the same time of the day.
        rows: of the day that is to be evaluated; where it is small, reference days are thinned to its size.

    Returns:
        None where the reference has fewer than FEWEST_DAYS days.

    Raises:
        ValueError: the budget is not above 0 and below 0.3, or days are out of order.
    """
    ordinals = reference_ordinals([day.date for day in reference], budget)
    if len(reference) < FEWEST_DAYS:
        return None
    size = None if rows is None else thinned_size(reference, rows)
    small = reference if size is None else [thin(day, size) for day in reference]
    folds = folds_of(ordinals)
    columns = [*inputs, *([] if prediction is None else [prediction])]
    frame, values = freeze(reference, small, folds, columns)
    figures = _figures(frame, [*columns, TABLE], prediction, float(np.median([max(day.rows, 1) for day in small])))
    weekdays = np.array([day.weekday for day in reference])
    calibration = calibrate(values, weekdays, folds, figures)
    last = frozenset[str]() if prediction is None else frozenset({prediction})
    known = status_of(len(reference)), len(reference), budget, per_day
    return Null(*known, frame.statistics, figures, calibration, last, size, frame)


def decide(null: Null | None, day: Day, before: Sequence[Decision] = ()) -> Decision:
    """Decide on a day.

    Args:
        null: of the days before it; None: there are too few.
        day: the day, with the profiles of the null's columns.
        before: the decisions of earlier days, oldest first.
    """
    if null is None:
        return Decision(day.date, "too_short")
    values = measure(null.frame, day)
    alone, given = score_day(null.calibration, null.figures, values, day.weekday)
    scored = Scored(day.date, values, alone, given, null.calibration.centres.scale)
    return evaluate(null, scored, before)


def content_hash(
    reference: Sequence[Day],
    inputs: Sequence[str],
    prediction: str | None = None,
    *,
    budget: float = DEFAULT_BUDGET,
    rows: int | None = None,
) -> str:
    """Of everything that fit_null makes its null of; the rows by the size that days are thinned to."""
    size = None if rows is None or not reference else thinned_size(reference, rows)
    columns = [*inputs, *([] if prediction is None else [prediction])]
    found = hashlib.sha256(repr((VERSION, tuple(inputs), prediction, budget, size)).encode())
    for day in reference:
        found.update(repr((day.date, day.rows, day.duplicates)).encode())
        for column in columns:
            profile = day.profiles.get(column)
            if profile is None:
                found.update(b"absent")
                continue
            found.update(repr((profile.type, len(profile.values), profile.n_missing)).encode())
            if profile.type == "numerical":
                found.update(np.ascontiguousarray(profile.values, dtype=np.float64).tobytes())
            else:
                found.update("\0".join(profile.values.tolist()).encode())
            found.update(np.ascontiguousarray(profile.counts, dtype=np.int64).tobytes())
    return found.hexdigest()


def _figures(frame: Frame, columns: Sequence[str], prediction: str | None, rows: float) -> Figures:
    statistics = frame.statistics
    return Figures(
        np.array([columns.index(one.column) for one in statistics]),
        np.array([one.sort == "distance" for one in statistics]),
        np.array([one.alone for one in statistics]),
        np.array([one.given_others for one in statistics]),
        np.array([one.given_others and one.column != prediction for one in statistics]),
        np.array([one.least_deviation(rows) for one in statistics]),
        np.array([one.least_value(rows) for one in statistics]),
    )
