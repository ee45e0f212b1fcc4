"""Which windows a window is evaluated by: those before it that are like it.

Days go in and come out as they stand for windows (config.hours). Called by the families of python_metrics.alerts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import date, timedelta

from config.monitoring import Windows


class ReferenceDays:
    """The windows of so many days before one; of an hour the same hour of the clock on each of those days.

    Whatever an hour of the day does to figures is usual for it then. Of an hour that comes twice in an autumn night the
    first one counts.
    """

    def __init__(self, windows: Windows, there: Sequence[date], reference_days: int, unusual: frozenset[date]) -> None:
        """`there` are the windows that there are, by date; `unusual` dates are no measure of what is usual."""
        self._hours, self._there, self._reference_days = windows.hours, there, reference_days
        self._unusual = unusual
        starts = {day: self._hours.start(day) for day in there} if self._hours else {}
        self._clock = {day: (start.date(), start.hour) for day, start in starts.items()}
        self._at = {clock: day for day, clock in reversed(self._clock.items())}

    def date_of(self, day: date) -> date:
        """The date of a window by the wall clock."""
        return self._clock[day][0] if self._hours else day

    def is_unusual(self, day: date) -> bool:
        """Whether something was expected on that day."""
        return self.date_of(day) in self._unusual

    def of(self, day: date, further: int = 0) -> list[date]:
        """The windows that one is evaluated by, oldest first, and those of so many windows before it."""
        if self._hours:
            days = (day - timedelta(days=back) for back in range(further + 1))
            return sorted({one for each in days if each in self._clock for one in self._same_hours(each)})
        first = day - timedelta(days=self._reference_days + further)
        found = self._there[bisect_left(self._there, first) : bisect_left(self._there, day)]
        return [one for one in found if one not in self._unusual]

    def _same_hours(self, day: date) -> list[date]:
        today, hour = self._clock[day]
        dates = (today - timedelta(days=back) for back in range(self._reference_days, 0, -1))
        found = (self._at.get((one, hour)) for one in dates if one not in self._unusual)
        return [one for one in found if one is not None]
