"""From a day's scores to its decision: does it fire, which column is named, and what every figure says.

Scores and a calibration go in, a Decision comes out. Called by python_metrics.alerts.signals and
python_metrics.alerts.series_signals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt

from python_metrics.alerts.calibration import LEAST_UNIT, Calibration, Figures, in_units, units_alone
from python_metrics.alerts.statistics.figures import Floats, Statistic

Status = Literal["ok", "learning", "too_short"]

FEWEST_DAYS, LEARNED_DAYS, FULL_DAYS = 10, 28, 56
DEFAULT_BUDGET = 1 / 30
# A column that exceeds this level on two of three days fires, too.
REPEAT_ALPHA = 1 / 10
REPEAT_DAYS = 2
# The 99 % value is the 90 % value, or what a normal distribution has beyond it: one side, both sides.
_TO_99 = np.array([2.3263 / 1.2816, 2.5758 / 1.6449])


@dataclass(frozen=True)
class Signal:
    """What one statistic of a column says of a day.

    Attributes:
        column: whose it is; empty for the rows as a whole.
        statistic: what it is.
        given_others: evaluated given the other columns' figures of the day, not alone.
        score: what was found, as it is shown: a share, a distance, a ratio; None where the column has no values.
        expected: what is expected: the weekday's median, moved by what the other columns say if given_others.
        level: whose share it is, where it is one level's.
        null_10, null_01, null_90, null_99: one usual day in ten goes below null_10 or above null_90, one in a hundred
            below null_01 or above null_99. A distance is bad when large only: one day in ten is above null_90, and
            the lower ones are None.
        excess: score - expected.
        standardised: the distance from expected, in standard deviations.
        p: the share of usual days on which any figure of any column is as bad.
        threshold_ratio: in multiples of the threshold of the day; above 1 it fires.
        own_threshold_ratio: the same; on a day that fires, of columns other than the named one, no more than the figure
            is by itself.
    """

    column: str
    statistic: str
    given_others: bool
    score: float | None
    expected: float
    level: str
    null_01: float | None
    null_10: float | None
    null_90: float
    null_99: float
    excess: float | None
    standardised: float
    p: float
    threshold_ratio: float
    own_threshold_ratio: float


@dataclass(frozen=True)
class Decision:
    """One alarm decision.

    Attributes:
        date: the day.
        status: learning where the reference is short: only gross faults fire reliably; too_short: no decision.
        fires: whether somebody should look.
        column: what is named: the worst input, the prediction only where no input fires; None where too_short.
        p: the share of usual days that are as bad; None where too_short.
        threshold: what the worst figure must exceed, in units.
        threshold_ratio: of the worst figure in multiples of it.
        columns: the worst signal of each column, the worst first.
        signals: all of them, in the order of columns and statistics.
        repeated: the columns above the level at which a second day within three fires.
    """

    date: date
    status: Status
    fires: bool = False
    column: str | None = None
    p: float | None = None
    threshold: float | None = None
    threshold_ratio: float | None = None
    columns: tuple[Signal, ...] = ()
    signals: tuple[Signal, ...] = ()
    repeated: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Usual:
    """What usual days look like, and how bad the worst figure of one is: what a day is decided by.

    Attributes:
        status: ok, or learning where the reference has fewer than LEARNED_DAYS days.
        days: of the reference.
        budget: false alarms per day over all figures together.
        per_day: how many windows a day has, which share the budget.
        statistics, figures, calibration: what is evaluated, and its null distribution.
        last: columns that are named only where no other fires.
    """

    status: Status
    days: int
    budget: float
    per_day: int
    statistics: tuple[Statistic, ...]
    figures: Figures
    calibration: Calibration
    last: frozenset[str]


@dataclass(frozen=True)
class Scored:
    """A day's figures beside what is usual, shape (figures,) each.

    Attributes:
        values: the figures.
        alone, given: their scores, alone and given the others.
        scale: the deviation that scores were divided by.
    """

    date: date
    values: Floats
    alone: Floats
    given: Floats
    scale: Floats


def reference_ordinals(dates: Sequence[date], budget: float) -> npt.NDArray[np.int64]:
    """The days of a reference as numbers.

    Raises:
        ValueError: the budget is not above 0 and below 0.3, or days are out of order.
    """
    if not 0 < budget < 0.3:
        raise ValueError(f"the budget is {budget:g} false alarms a day: it must lie above 0 and below 0.3")
    ordinals = np.array([day.toordinal() for day in dates], dtype=np.int64)
    if (np.diff(ordinals) <= 0).any():
        raise ValueError("the reference's days are out of order: give each once, oldest first")
    return ordinals


def status_of(days: int) -> Status:
    """What a reference of so many days is good for."""
    if days < FEWEST_DAYS:
        return "too_short"
    return "ok" if days >= LEARNED_DAYS else "learning"


def evaluate(usual: Usual, day: Scored, before: Sequence[Decision]) -> Decision:
    """Decide on a day.

    It fires where a day as bad is expected half as often as the budget says, or where a column is above the level of
    REPEAT_ALPHA for the second time within three days: each takes about half of the budget. Of `before`, decisions of
    earlier days, oldest first, those of the two days before count. Where windows are hours they take the place of days,
    and share the day's budget: what fires by being bad twice does so by the square of its level.
    """
    calibration, figures = usual.calibration, usual.figures
    units = in_units(day.alone, day.given, figures, calibration.alone_90, calibration.given_90)
    threshold = calibration.tail.threshold(usual.budget / 2 / usual.per_day)
    repeat = calibration.tail.threshold(max(REPEAT_ALPHA, usual.budget) / usual.per_day**0.5)
    names = [one.column for one in usual.statistics]
    worst_of: dict[str, float] = {}
    for name, worst in zip(names, units.max(axis=1).tolist(), strict=True):
        worst_of[name] = max(worst, worst_of.get(name, 0.0))
    repeated = frozenset(name for name, worst in worst_of.items() if worst > repeat)
    earlier = [one for one in before if 0 < (day.date - one.date).days <= REPEAT_DAYS]
    again = {name for name in repeated if any(name in one.repeated for one in earlier)}
    firing = {name for name, worst in worst_of.items() if worst > threshold} or again
    candidates = (firing - usual.last) or firing or (set(worst_of) - usual.last) or set(worst_of)
    column = min(candidates, key=lambda name: (-worst_of[name], name))
    worst = max(worst_of.values())
    own_units = units
    if firing:
        # A broken column is no explanation: what it makes others look like is not theirs.
        by_itself = units_alone(day.alone, figures, calibration.alone_90)
        is_other = np.array([name != column for name in names])
        own_units = np.where(is_other[:, None], np.minimum(units, by_itself[:, None]), units)
    signals = _signals(usual, day, (units, own_units), threshold)
    columns: dict[str, Signal] = {}
    for one in sorted(signals, key=lambda signal: -signal.threshold_ratio):
        columns.setdefault(one.column, one)
    return Decision(
        day.date,
        usual.status,
        bool(firing),
        column,
        calibration.tail.p_value(worst),
        threshold,
        worst / threshold,
        tuple(columns.values()),
        signals,
        repeated,
    )


def _signals(usual: Usual, day: Scored, units: tuple[Floats, Floats], threshold: float) -> tuple[Signal, ...]:
    calibration = usual.calibration
    centre = calibration.centres.by_weekday[day.date.weekday()]
    found = []
    evaluated: tuple[npt.NDArray[np.bool_], ...] = (usual.figures.alone, usual.figures.given_others)
    quantiles = (calibration.alone_90, calibration.given_90)
    for basis in (0, 1):
        deviation = day.scale if basis == 0 else day.scale * calibration.residual_scale
        expected = centre if basis == 0 else np.nan_to_num(day.values, nan=0.0) - day.given * deviation
        for place in np.flatnonzero(evaluated[basis]).tolist():
            statistic = usual.statistics[place]
            one_sided = basis == 0 and statistic.sort == "distance"
            z = float((day.alone, day.given)[basis][place])
            far = max(float(quantiles[basis][place]), LEAST_UNIT * 0.5) * float(deviation[place])
            middle = float(expected[place])
            value = float(day.values[place])
            score = statistic.natural(value) if np.isfinite(value) else None
            centre_shown = statistic.natural(middle)
            unit, own_unit = (float(one[place, basis]) for one in units)
            further = far * float(_TO_99[0 if one_sided else 1])
            found.append(
                Signal(
                    statistic.column,
                    statistic.name,
                    basis == 1,
                    score,
                    centre_shown,
                    statistic.level,
                    None if one_sided else statistic.natural(middle - further),
                    None if one_sided else statistic.natural(middle - far),
                    statistic.natural(middle + far),
                    statistic.natural(middle + further),
                    None if score is None else score - centre_shown,
                    z,
                    calibration.tail.p_value(unit),
                    unit / threshold,
                    own_unit / threshold,
                )
            )
    return tuple(found)
