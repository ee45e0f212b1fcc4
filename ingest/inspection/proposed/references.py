"""What windows are compared with: the span that a person named, ends filled in, else about the first third.

Called by ingest.inspection.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import NamedTuple

from config.spans import runs_backwards
from core.errors import UsageError
from core.files.columns import shortened
from ingest.files.data_files import find_files
from ingest.files.table import Table, opened
from ingest.inspection.asked import Span
from ingest.inspection.files.columns import Column
from ingest.inspection.proposed.times import Day, first_third, full_days, regular_days
from ingest.inspection.report import Windows


class Reference(NamedTuple):
    """A reference, why this one, and what is odd about it."""

    reference: Span | Path
    why: str
    warnings: tuple[str, ...] = ()


def reference_of_days(days: Sequence[Day], partial: Sequence[str], asked: Span | None) -> Reference:
    """The reference of a dataset with a timestamp; `partial` are the sentences on partial days.

    Raises:
        UsageError: the span that was named has no rows, or ends before it begins.
    """
    regular = regular_days(days)
    if asked is None:
        span = first_third(full_days(regular, partial))
        share = sum(day.rows for day in days if _within(day.day, span)) / sum(day.rows for day in days)
        why = f"a guess: the first days, {share:.0%} of the rows; choose a time when all was well"
        odd = (
            "the reference has all full days: nothing is left to compare with it; add later rows" if share > 0.9 else ""
        )
        return Reference(span, why, tuple(filter(None, [odd])))
    span = Span(asked.first or regular[0].day, asked.last or regular[-1].day)
    if not isinstance(span.first, date) or not isinstance(span.last, date):
        raise UsageError(f"the reference {span.first} to {span.last} is no span of days such as 2018-01-01..2018-10-29")
    rows = sum(day.rows for day in days if _within(day.day, span))
    _check(span, rows, f"rows lie from {days[0].day} to {days[-1].day}")
    return Reference(span, f"{rows:,} rows, as was said")


def reference_of_values(table: Table, windows: Windows, column: Column | None, asked: Span | None) -> Reference:
    """The reference of a dataset whose windows are by a column, or by rows, which are counted from 1.

    Raises:
        UsageError: as `reference_of_days`.
    """
    if column is None:
        last = max(1, table.rows // windows.rows // 3) * windows.rows
        values = {1: 0, table.rows: 0}
        guess = Span(1, min(last, table.rows))
    else:
        value = f"cast({column.value} as bigint)"
        values = dict(table.select(f"{value}, count(*)", f"where {column.value} is not null group by 1 order by 1"))
        guess = Span(min(values), list(values)[max(0, len(values) // 3 - 1)])
    if asked is None:
        return Reference(guess, "a guess: about the first third; choose a time when all was well")
    span = Span(min(values) if asked.first is None else asked.first, max(values) if asked.last is None else asked.last)
    if isinstance(span.first, date) or isinstance(span.last, date) or span.first is None or span.last is None:
        raise UsageError(f"the reference {span.first} to {span.last} is of days, but rows have no timestamp: name one")
    inside = [each for each in values if span.first <= each <= span.last]
    _check(
        span,
        len(inside) or int(column is None and span.first <= table.rows),
        f"there are {min(values)} to {max(values)}",
    )
    return Reference(span, "as was said")


def reference_of_files(path: Path, columns: Sequence[str]) -> Reference:
    """Files of their own as the reference; `columns` are those that are monitored.

    Raises:
        SourceUnavailableError, BadFileError: they are not there, or cannot be read.
    """
    files = find_files(path)
    with opened(files) as table:
        there = {field.name for field in table.fields}
    lacking = [name for name in columns if name not in there]
    words = f"the reference {files.name} lacks {shortened(lacking)}: a run needs them there, or as ignored columns"
    odd = words if lacking else ""
    return Reference(path, f"{table.rows:,} rows, as was said", tuple(filter(None, [odd])))


def _within(day: date, span: Span) -> bool:
    assert isinstance(span.first, date) and isinstance(span.last, date)  # noqa: S101, PT018 - days have spans of days
    return span.first <= day <= span.last


def _check(span: Span, rows: int, there: str) -> None:
    if runs_backwards(span.first, span.last):
        raise UsageError(f"the reference runs backwards: {span.first} lies after {span.last}; {there}")
    if rows == 0:
        raise UsageError(f"the reference {span.first} to {span.last} has no rows: {there}")
