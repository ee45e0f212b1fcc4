"""The time of rows: how it is written, what of it cannot be read, which days there are, and what windows fit them.

Called by ingest.inspection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from core.errors import BadFileError, printable
from ingest.files.data_files import DataFiles
from ingest.files.table import Table
from ingest.inspection.asked import Span
from ingest.inspection.files.columns import Column, as_time, unreadable_examples
from ingest.inspection.report import Windows

_EPOCHS = {"epoch_s": (1e8, 1e10), "epoch_ms": (1e11, 1e13)}
_FORMATS = tuple(
    f"{day}{time}"
    for day in (
        "%d.%m.%Y",
        "%d/%m/%Y",
        "%m/%d/%Y",
        "%Y/%m/%d",
        "%d-%m-%Y",
        "%m-%d-%Y",
        "%d %b %Y",
        "%d-%b-%Y",
        "%Y%m%d",
    )
    for time in (" %H:%M:%S", " %H:%M", "", " %I:%M:%S %p", " %I:%M %p", "T%H%M%S")
)
_LEAST_SHARE = 0.5
_SHOWN = 3
_HOUR = 3600
# A day of fewer rows than this share of the usual one is a stray at the ends of the time range, or partial; partial at
# a larger share where times are dates, whose hours cannot tell.
_STRAY, _PARTIAL, _PARTIAL_DATE = 0.05, 0.25, 0.5
# Rows that a window should have, and the span in days below which days are too few.
_LEAST_ROWS, _LEAST_DAYS = 50, 3


@dataclass(frozen=True)
class Day:
    """A day with its rows, and the seconds of the day of the first and the last one."""

    day: date
    rows: int
    first: int
    last: int


def read_as_time(sample: Table, column: Column) -> tuple[Column, str, list[str]]:
    """A column as the time of its rows, the format where it is not ISO's, and what is uncertain about that.

    Raises:
        BadFileError: its values are no times.
    """
    if column.type == "time":
        return column, "", []
    present, *epochs = sample.one(
        f"count(*) filter ({column.present}), "
        + ", ".join(
            f"count(*) filter (try_cast({column.field.sql} as double) >= {least:.0f} "
            f"and try_cast({column.field.sql} as double) < {most:.0f})"
            for least, most in _EPOCHS.values()
        )
    )
    for form, count in zip(_EPOCHS, epochs, strict=True):
        if count >= max(1.0, _LEAST_SHARE * present):
            return as_time(column, form), form, []
    candidates = [as_time(column, form) for form in _FORMATS]
    figures = sample.one(
        ", ".join(f"count({each.value}), epoch(max({each.value})) - epoch(min({each.value}))" for each in candidates)
    )
    counts = list(zip(figures[::2], figures[1::2], _FORMATS, candidates, strict=True))
    most = max(count for count, *_ in counts)
    if most < max(1.0, _LEAST_SHARE * present):
        (text,) = sample.one(f"arg_min(cast({column.field.sql} as varchar), position)", f"where {column.present}")
        raise BadFileError(
            f"{sample.name}: the values of {column.field.spelling} are no times, the first is "
            f"{printable(str(text)[:60])!r}: times such as 2022-02-20 17:05, with or without a zone, 20.02.2022 17:05 "
            "or seconds from 1970 are read; name another column, or convert it"
        )
    # A day taken for a month scatters rows over the year: the shorter span is the right one.
    best = sorted((span or 0, form, each) for count, span, form, each in counts if count == most)
    _, form, found = best[0]
    unsure = (
        [f"{column.name}: read as {form}; {best[1][1]} would fit, too: make sure of day and month"]
        if len(best) > 1
        else []
    )
    return found, form, unsure


def unreadable_times(table: Table, files: DataFiles, column: Column, present: int, readable: int) -> list[str]:
    """Sentences on rows whose time is missing or cannot be read, with the first of them."""
    found = []
    if present < table.rows:
        found.append(
            f"{column.name}: {table.rows - present:,} of {table.rows:,} rows have no time: they are in no window"
        )
    if readable < present:
        examples = unreadable_examples(table, files, column, _SHOWN)
        found.append(
            f"{column.name}: {present - readable:,} of {present:,} times cannot be read, the first "
            f"{'are' if len(examples) > 1 else 'is'} {', '.join(examples)}: correct them, or they are in no window"
        )
    return found


def days_of(table: Table, column: Column) -> list[Day]:
    """The days that have rows, in order."""
    value = column.value
    return [
        Day(*row)
        for row in table.select(
            f"cast({value} as date) as day, count(*), "
            f"cast(min(epoch({value}) - epoch(cast(cast({value} as date) as timestamp))) as bigint), "
            f"cast(max(epoch({value}) - epoch(cast(cast({value} as date) as timestamp))) as bigint)",
            f"where isfinite({value}) group by day order by day",
        )
    ]


def usual_rows(days: Sequence[Day]) -> int:
    """The rows of the day that a row in the middle lies in, when days are ordered by their rows."""
    counted, half = 0, sum(day.rows for day in days) / 2
    for rows in sorted(day.rows for day in days):
        counted += rows
        if counted >= half:
            return rows
    return 0


def regular_days(days: Sequence[Day]) -> list[Day]:
    """The days without strays before the first and after the last of usual size."""
    least = _STRAY * usual_rows(days)
    places = [place for place, day in enumerate(days) if day.rows >= least]
    return list(days[places[0] : places[-1] + 1])


def odd_ends(name: str, days: Sequence[Day], regular: Sequence[Day]) -> list[str]:
    """Sentences on rows far outside the time range, and on partial first and last days."""
    found = []
    strays = sum(day.rows for day in days) - sum(day.rows for day in regular)
    if strays:
        found.append(
            f"{name}: {strays:,} rows lie before {regular[0].day} or after {regular[-1].day}, from {days[0].day} to "
            f"{days[-1].day}, on days of few rows: strays, or a slip of a clock"
        )
    inner = regular[1:-1]
    if len(inner) >= _LEAST_DAYS:
        usual = usual_rows(inner)
        least = usual * (_PARTIAL_DATE if all(day.first == day.last for day in inner) else _PARTIAL)
        begins = sorted(day.first for day in inner)[int(0.9 * (len(inner) - 1))]
        ends = sorted(day.last for day in inner)[int(0.1 * (len(inner) - 1))]
        for place, day, is_late in (
            ("first", regular[0], regular[0].first > begins + _HOUR),
            ("last", regular[-1], regular[-1].last < ends - _HOUR),
        ):
            if is_late or day.rows < least:
                span = f"{_clock(day.first)} to {_clock(day.last)}"
                found.append(
                    f"{name}: the {place} day, {day.day}, seems partial ({day.rows:,} rows from {span}, usual "
                    f"are {usual:,}): keep it out of the reference"
                )
    return found


def full_days(regular: Sequence[Day], warnings: Sequence[str]) -> list[Day]:
    """The regular days without those that were found to be partial."""
    partial = {
        str(day.day)
        for day in (regular[0], regular[-1])
        if any(f"{day.day}, seems partial" in text for text in warnings)
    }
    return [day for day in regular if str(day.day) not in partial] or list(regular)


def calendar_windows(days: Sequence[Day]) -> Windows:
    """The finest calendar windows with enough rows; where there are but few days, pieces of so many rows."""
    rows, span = usual_rows(days), (days[-1].day - days[0].day).days + 1
    if all(day.day.day == 1 for day in days) and len(days) > 1:
        return Windows(calendar="month", why="all times are first days of months")
    if span < _LEAST_DAYS and rows >= 24 * _LEAST_ROWS:
        # About an hour's rows: hours themselves are no windows yet.
        digits = len(str(rows // 24)) - 1
        return Windows(rows=rows // 24 // 10**digits * 10**digits, why=f"{span} days are too few to compare")
    for calendar, length in (("day", 1), ("week", 7)):
        if rows * length >= _LEAST_ROWS:
            few = "" if calendar == "day" else f" only; scores want {_LEAST_ROWS} a window"
            return Windows(calendar=calendar, why=f"a usual day has {rows:,} rows{few}")
    return Windows(calendar="month", why=f"a usual day has {rows:,} rows only; scores want {_LEAST_ROWS} a window")


def first_third(days: Sequence[Day]) -> Span:
    """The first days that have about a third of the rows; at least one, and not all where there are two."""
    third, counted = sum(day.rows for day in days) / 3, 0
    for place, day in enumerate(days[: max(1, len(days) - 1)]):
        counted += day.rows
        following = days[place + 1].rows if place + 1 < len(days) else 0
        if counted + following / 2 >= third:
            break
    return Span(days[0].day, day.day)


def _clock(seconds: int) -> str:
    return f"{seconds // _HOUR:02d}:{seconds % _HOUR // 60:02d}"
