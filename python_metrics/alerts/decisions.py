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
        severity: in multiples of the threshold of the day; above 1 it fires.
        own_severity: the same; on a day that fires, of columns other than the named one, no more than the figure is by
            itself.
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
    severity: float
    own_severity: float


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
        severity: of the worst figure in multiples of it.
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
    severity: float | None = None
    columns: tuple[Signal, ...] = ()
    signals: tuple[Signal, ...] = ()
    repeated: frozenset[str] = frozenset()


def status_of(days: int) -> Status:
    """What a reference of so many days is good for."""
    if days < FEWEST_DAYS:
        return "too_short"
    return "ok" if days >= LEARNED_DAYS else "learning"


def evaluate(
    day: date,
    status: Status,
    calibration: Calibration,
    figures: Figures,
    statistics: Sequence[Statistic],
    last: frozenset[str],
    budget: float,
    values: Floats,
    weekday: int,
    scores: tuple[Floats, Floats],
    scale: Floats,
    before: Sequence[Decision],
) -> Decision:
    """Decide on a day.

    It fires where a day as bad is expected half as often as the budget says, or where a column is above the level of
    REPEAT_ALPHA for the second time within three days: each takes about half of the budget.

    Args:
        day: its date.
        status: of the reference.
        calibration, figures, statistics: the null distribution and what is evaluated.
        last: columns that are named only where no other fires.
        budget: false alarms per day.
        values: the day's figures, shape (figures,).
        weekday: from 0, Monday.
        scores: alone and given others, shape (figures,) each.
        scale: the deviation that scores were divided by, shape (figures,).
        before: decisions of earlier days, oldest first; those of the two days before count.
    """
    units = in_units(*scores, figures, calibration.alone_90, calibration.given_90)
    threshold = calibration.tail.threshold(budget / 2)
    repeat = calibration.tail.threshold(max(REPEAT_ALPHA, budget))
    names = [one.column for one in statistics]
    worst_of: dict[str, float] = {}
    for name, worst in zip(names, units.max(axis=1).tolist(), strict=True):
        worst_of[name] = max(worst, worst_of.get(name, 0.0))
    repeated = frozenset(name for name, worst in worst_of.items() if worst > repeat)
    earlier = [one for one in before if 0 < (day - one.date).days <= REPEAT_DAYS]
    again = {name for name in repeated if any(name in one.repeated for one in earlier)}
    firing = {name for name, worst in worst_of.items() if worst > threshold} or again
    candidates = (firing - last) or firing or (set(worst_of) - last) or set(worst_of)
    column = min(candidates, key=lambda name: (-worst_of[name], name))
    worst = max(worst_of.values())
    own_units = units
    if firing:
        # A broken column is no explanation: what it makes others look like is not theirs.
        by_itself = units_alone(scores[0], figures, calibration.alone_90)
        is_other = np.array([name != column for name in names])
        own_units = np.where(is_other[:, None], np.minimum(units, by_itself[:, None]), units)
    signals = _signals(calibration, figures, statistics, values, weekday, scores, scale, (units, own_units), threshold)
    columns: dict[str, Signal] = {}
    for one in sorted(signals, key=lambda signal: -signal.severity):
        columns.setdefault(one.column, one)
    return Decision(
        day,
        status,
        bool(firing),
        column,
        calibration.tail.p_value(worst),
        threshold,
        worst / threshold,
        tuple(columns.values()),
        signals,
        repeated,
    )


def _signals(
    calibration: Calibration,
    figures: Figures,
    statistics: Sequence[Statistic],
    values: Floats,
    weekday: int,
    scores: tuple[Floats, Floats],
    scale: Floats,
    units: tuple[Floats, Floats],
    threshold: float,
) -> tuple[Signal, ...]:
    centre = calibration.centres.by_weekday[weekday]
    found = []
    evaluated: tuple[npt.NDArray[np.bool_], ...] = (figures.alone, figures.given_others)
    quantiles = (calibration.alone_90, calibration.given_90)
    for basis in (0, 1):
        deviation = scale if basis == 0 else scale * calibration.residual_scale
        expected = centre if basis == 0 else np.nan_to_num(values, nan=0.0) - scores[1] * deviation
        for place in np.flatnonzero(evaluated[basis]).tolist():
            statistic = statistics[place]
            one_sided = basis == 0 and statistic.sort == "distance"
            z = float(scores[basis][place])
            far = max(float(quantiles[basis][place]), LEAST_UNIT * 0.5) * float(deviation[place])
            middle = float(expected[place])
            value = float(values[place])
            score = statistic.natural(value) if np.isfinite(value) else None
            usual = statistic.natural(middle)
            unit, own_unit = (float(one[place, basis]) for one in units)
            further = far * float(_TO_99[0 if one_sided else 1])
            found.append(
                Signal(
                    statistic.column,
                    statistic.name,
                    basis == 1,
                    score,
                    usual,
                    statistic.level,
                    None if one_sided else statistic.natural(middle - further),
                    None if one_sided else statistic.natural(middle - far),
                    statistic.natural(middle + far),
                    statistic.natural(middle + further),
                    None if score is None else score - usual,
                    z,
                    calibration.tail.p_value(unit),
                    unit / threshold,
                    own_unit / threshold,
                )
            )
    return tuple(found)
