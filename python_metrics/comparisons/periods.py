"""Windows and references as sets of days: what a week is compared with, and which days that takes.

Dates go in, sets of dates come out; nothing is read. Called by python_metrics.comparisons.comparisons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from config.rules import Granularity, ReferenceName

# The same weekdays of so many weeks; fewer than FEWEST of them there are no reference.
WEEKS, FEWEST_WEEKS = 8, 4
YEAR_DAYS = 364  # 52 weeks: the same weekdays


@dataclass(frozen=True)
class Period:
    """A window of whole days, both ends included."""

    granularity: Granularity
    first: date
    last: date

    @property
    def days(self) -> list[date]:
        return _days(self.first, self.last)


def periods(granularity: Granularity, there: Sequence[date]) -> list[Period]:
    """The windows whose days are all there, by date.

    A week begins on Monday. The trailing windows end on each day.
    """
    known = set(there)
    make: Callable[[date], Period] = {
        "day": lambda day: Period("day", day, day),
        "week": lambda day: _week(day),
        "month": lambda day: _month(day),
        "trailing_7": lambda day: Period("trailing_7", day - timedelta(days=6), day),
        "trailing_28": lambda day: Period("trailing_28", day - timedelta(days=27), day),
    }[granularity]
    found = dict.fromkeys(make(day) for day in sorted(known))
    return [period for period in found if known.issuperset(period.days)]


def reference_days(name: ReferenceName, period: Period, there: Iterable[date]) -> list[date]:
    """The days that a window is compared with; none where too few are there. `training` has none: it is no days.

    previous: as many days as the window has, right before it; of a month the month before. same_weekdays: the window's
    weekdays in the eight weeks before it, at least four of each. last_year: the days 52 weeks before; of a month the
    same month of the year before.
    """
    known = set(there)
    if name == "same_weekdays":
        weekdays = {day.weekday() for day in period.days}
        before = _days(period.first - timedelta(weeks=WEEKS), period.first - timedelta(days=1))
        found = [day for day in before if day in known and day.weekday() in weekdays]
        enough = all(sum(day.weekday() == one for day in found) >= FEWEST_WEEKS for one in weekdays)
        return found if enough else []
    wanted = _shifted(name, period)
    return wanted if wanted and known.issuperset(wanted) else []


def _shifted(name: ReferenceName, period: Period) -> list[date]:
    if name == "previous":
        if period.granularity == "month":
            return _month(period.first - timedelta(days=1)).days
        length = timedelta(days=len(period.days))
        return _days(period.first - length, period.last - length)
    if name == "last_year":
        if period.granularity == "month":
            return _month(date(period.first.year - 1, period.first.month, 1)).days
        return _days(period.first - timedelta(days=YEAR_DAYS), period.last - timedelta(days=YEAR_DAYS))
    return []


def _week(day: date) -> Period:
    monday = day - timedelta(days=day.weekday())
    return Period("week", monday, monday + timedelta(days=6))


def _month(day: date) -> Period:
    first = day.replace(day=1)
    return Period("month", first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1))


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]
