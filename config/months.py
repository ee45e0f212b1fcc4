"""Calendar months as the pipeline's unit of loading: parsing, ranges, first days."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta

from core.errors import UsageError

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")
_VALID_MONTH = "a month is written YYYY-MM, such as 2022-02"
_VALID = f"{_VALID_MONTH}; a range 2022-02..2022-04"
_MOST_MONTHS = 1200


@dataclass(frozen=True, order=True)
class Month:
    """One calendar month; prints as `2022-02`."""

    year: int
    month: int

    @classmethod
    def parse(cls, text: str, valid: str = _VALID_MONTH) -> Month:
        """Read `YYYY-MM`; `valid` says in an error what may be written.

        Raises:
            UsageError: the text is anything else, or no month of the years 1900 to 2199.
        """
        match = _MONTH.fullmatch(text)
        if match is None:
            raise UsageError(f"'{text}' is not a month: {valid}")
        year, month = int(match[1]), int(match[2])
        if not (1 <= month <= 12 and 1900 <= year <= 2199):
            raise UsageError(f"'{text}' is not a month between 1900-01 and 2199-12: {valid}")
        return cls(year, month)

    @classmethod
    def of(cls, day: date) -> Month:
        """The month a day lies in."""
        return cls(day.year, day.month)

    @property
    def first_day(self) -> date:
        return date(self.year, self.month, 1)

    @property
    def last_day(self) -> date:
        return self.next.first_day - timedelta(days=1)

    @property
    def next(self) -> Month:
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"


def parse_months(text: str) -> tuple[Month, ...]:
    """Months named by a list (spaces or commas) of months and `first..last` ranges, sorted, each once.

    Raises:
        UsageError: nothing is named, a part is no month, or a range runs backwards.
    """
    months: set[Month] = set()
    for part in text.replace(",", " ").split():
        first_text, dots, last_text = part.partition("..")
        if dots and not (first_text and last_text):
            raise UsageError(f"the range '{part}' lacks its first or its last month: {_VALID}")
        first = Month.parse(first_text, _VALID)
        last = Month.parse(last_text, _VALID) if dots else first
        if last < first:
            raise UsageError(f"the range '{part}' runs backwards: {_VALID}")
        month = first
        while month <= last:
            months.add(month)
            month = month.next
    if not months:
        raise UsageError(f"no month was named: {_VALID}")
    if len(months) > _MOST_MONTHS:
        raise UsageError(f"'{text}' names {len(months)} months, at most {_MOST_MONTHS} are valid: {_VALID}")
    return tuple(sorted(months))
