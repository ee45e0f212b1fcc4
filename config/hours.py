"""Hours as windows: the days that stand for them, and back.

A window is known by a day everywhere below the marts. Of hours the days of a calendar of their own stand for them, one
each in their order, as they do for windows of rows; what people read and type are the hours' own dates and times. dbt
does the same in macros/windows.sql, by `first`. Called by config, ingest, python_metrics, models_ml and pipeline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

# The day that stands for the first window of a calendar of numbers: of rows, or of hours.
FIRST_DAY = date(2000, 1, 1)
HOURS_OF_A_DAY = 24
_HOUR = timedelta(hours=1)
_TYPED = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}(?::[0-9]{2})?)([+-][0-9]{2}:?[0-9]{2})?")


def is_hour(text: str) -> bool:
    """Whether a text is written as an hour, such as 2024-05-09T13."""
    return _TYPED.fullmatch(text) is not None


@dataclass(frozen=True)
class HourClock:
    """The hours of a time zone, of sixty minutes each: in the autumn night of two hours of one name each is its own.

    They begin at whole hours of the zone's wall clock, which in some zones are half past one in UTC.
    """

    timezone: str

    @property
    def first(self) -> datetime:
        """The beginning of the hour that FIRST_DAY stands for, in UTC."""
        midnight = datetime.combine(FIRST_DAY, time(), UTC)
        offset = midnight.astimezone(ZoneInfo(self.timezone)).utcoffset() or timedelta()
        return midnight - offset % _HOUR

    def start(self, day: date) -> datetime:
        """The beginning of the hour that a day stands for, by the zone's clock."""
        return (self.first + (day - FIRST_DAY).days * _HOUR).astimezone(ZoneInfo(self.timezone))

    def day(self, instant: datetime) -> date:
        """The day that stands for the hour of an instant; the last one there is for all after it."""
        number = FIRST_DAY.toordinal() + (instant - self.first) // _HOUR
        return date.fromordinal(min(max(number, date.min.toordinal()), date.max.toordinal()))

    def span(self, first: date, last: date) -> tuple[date, date]:
        """The days that stand for the first and the last hour of some days of the wall clock, both included."""
        zone = ZoneInfo(self.timezone)
        begins, ends = (datetime.combine(day, time(), zone) for day in (first, last + timedelta(days=1)))
        return self.day(begins), self.day(ends.astimezone(UTC) - _HOUR)

    def words(self, day: date) -> str:
        """The hour that a day stands for as a person writes it: 2024-05-09T13, with the offset where it comes twice."""
        start = self.start(day)
        twice = start.replace(fold=0).utcoffset() != start.replace(fold=1).utcoffset()
        minutes = f":{start:%M}" if start.minute else ""
        return f"{start:%Y-%m-%dT%H}{minutes}" + (f"{start:%z}" if twice else "")

    def typed(self, text: str) -> date | None:
        """The day that stands for an hour as `words` writes it; None where the text, or the clock, has no such hour."""
        match = _TYPED.fullmatch(text)
        if match is None:
            return None
        clock, offset = match.groups()
        try:
            start = datetime.fromisoformat(f"{clock}{'' if ':' in clock else ':00'}{offset or ''}")
        except ValueError:
            return None
        zone = ZoneInfo(self.timezone)
        start = start if offset else start.replace(tzinfo=zone)
        day = self.day(start.astimezone(UTC))
        # A reading that the clock skips is brought to another by way of UTC.
        as_typed = start.astimezone(zone) if offset else start
        return day if self.start(day).replace(tzinfo=None, fold=0) == as_typed.replace(tzinfo=None, fold=0) else None
