"""DuckDB's SQL that makes values of the raw table's types of what files hold.

In: a column of a file and the column of the raw table that it fills. Out: two expressions: the value, and whether
something stands there that is none. Called by ingest.datasets.opened_rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from config.datasets import Dataset
from config.hours import FIRST_DAY, HourClock
from core.files.columns import written
from ingest.datasets.raw_columns import RawColumn
from ingest.files.table import MISSING_TEXTS, Field

DUCKDB_TYPES = {"numerical": "double", "boolean": "boolean", "datetime": "timestamp"}
_MISSING = ", ".join(f"'{text}'" for text in MISSING_TEXTS)
_WHOLE = frozenset(f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")) | {
    "INTEGER",
    "UINTEGER",
}
_FLOATS = frozenset({"FLOAT", "DOUBLE"})
_TIMES = ("TIMESTAMP", "DATE")
# A zone at the end of a text, whose hours have a colon: Z, UTC, +02:00, Europe/Berlin.
_ZONE = r"(?i)(z|utc|gmt|\d ?[+-]\d\d(:?\d\d)?|[a-z_]+/[a-z_/]+)$"
_EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000}
# The end of the year 9999, from 1970.
_LAST_MICROSECOND = 253_402_300_800_000_000


@dataclass(frozen=True)
class Value:
    """SQL of a column's value, and a condition that is true where something stands there that is no such value."""

    sql: str
    is_bad: str


@dataclass(frozen=True)
class Clock:
    """How a dataset's times are written and whose wall clock they are brought to."""

    timezone: str
    format: str | None = None


def clock_of(dataset: Dataset) -> Clock:
    """The clock of a dataset's events."""
    return Clock(dataset.event.timezone, dataset.event.format)


def absent(column: RawColumn) -> Value:
    """The value of a column that a file lacks."""
    return Value(f"cast(null as {DUCKDB_TYPES.get(column.kind, 'varchar')})", "false")


def value_of(field: Field, column: RawColumn, clock: Clock, *, is_event_time: bool, is_csv: bool) -> Value:
    """The value of a column of a file as the raw table has it."""
    kind = field.type.split("(")[0]
    sql = field.sql
    if kind == "JSON":
        # A column of several types.
        sql, kind = f"({sql} ->> '$')", "VARCHAR"
    if column.kind == "numerical":
        return _number(sql, kind)
    if column.kind == "boolean":
        return _boolean(sql, kind)
    if column.kind == "datetime":
        return _time(sql, kind, clock, is_event_time=is_event_time)
    return _text(sql, kind, as_written=not is_csv or column.kind != "categorical" or column.is_version)


def hour_of(field: Field, column: RawColumn, clock: Clock, *, is_csv: bool) -> str:
    """SQL of the day that stands for the hour of an event (config.hours); null if Python has no such day.

    The raw table has the wall clock alone, by which an hour that comes twice in an autumn night is one.
    """
    local, utc = (
        value_of(field, column, each, is_event_time=True, is_csv=is_csv).sql
        for each in (clock, Clock("UTC", clock.format))
    )
    instant = f"timezone('{clock.timezone}', {local})"
    is_zoned = _has_zone(field, clock)
    if is_zoned != "false":
        instant = f"case when {is_zoned} then timezone('UTC', {utc}) else {instant} end"
    first = HourClock(clock.timezone).first.timestamp()
    day = f"date '{FIRST_DAY}' + cast(floor((epoch({instant}) - {first:.0f}) / 3600) as integer)"
    return f"case when year({day}) between 1 and 9999 then {day} end"


def _has_zone(field: Field, clock: Clock) -> str:
    """SQL of whether a time says itself which instant it is."""
    kind = field.type.split("(")[0]
    if kind.startswith(_TIMES):
        return "true" if kind == "TIMESTAMP WITH TIME ZONE" else "false"
    if clock.format is not None:
        zoned = clock.format in _EPOCHS or "%z" in clock.format or "%Z" in clock.format
        return "true" if zoned else "false"
    text, _ = _trimmed(f"({field.sql} ->> '$')" if kind == "JSON" else field.sql)
    return _is_zoned(text)


def window_of(value: str, column: RawColumn) -> str:
    """SQL of the day that stands for a window by the value of a column: a year is its first day; null if neither."""
    if column.kind == "datetime":
        return f"cast({value} as date)"
    number = f"try_cast({value} as double)"
    year = f"{number} = trunc({number}) and {number} between 1000 and 9999"
    day = "null" if column.kind in ("numerical", "boolean") else _day(value)
    return f"case when {year} then make_date(cast({number} as integer), 1, 1) else {day} end"


def _day(text: str) -> str:
    day = f"try_cast({text} as date)"
    return f"case when year({day}) between 1000 and 9999 then {day} end"


def _number(sql: str, kind: str) -> Value:
    if kind in _FLOATS:
        return Value(f"case when not isnan({sql}) then cast({sql} as double) end", "false")
    if kind in _WHOLE or kind in ("DECIMAL", "BOOLEAN"):
        return Value(f"cast({sql} as double)", "false")
    text, present = _trimmed(sql)
    number = f"case when not contains({text}, '_') then try_cast({text} as double) end"
    return Value(f"case when {present} and not isnan({number}) then {number} end", f"{present} and {number} is null")


def _boolean(sql: str, kind: str) -> Value:
    if kind == "BOOLEAN":
        return Value(sql, "false")
    text, present = _trimmed(sql)
    value = (
        f"case when lower({text}) in ('true', 't', 'yes', 'y') or try_cast({text} as double) = 1 then true "
        f"when lower({text}) in ('false', 'f', 'no', 'n') or try_cast({text} as double) = 0 then false end"
    )
    return Value(value, f"{present} and ({value}) is null")


def _time(sql: str, kind: str, clock: Clock, *, is_event_time: bool) -> Value:
    zone = f"'{clock.timezone}'"
    if kind == "TIMESTAMP WITH TIME ZONE":
        value, present = f"timezone({zone}, {sql})", f"{sql} is not null"
    elif kind.startswith(_TIMES):
        value, present = f"cast({sql} as timestamp)", f"{sql} is not null"
    else:
        text, present = _trimmed(sql)
        value = _written_time(text, clock, zone, is_event_time=is_event_time)
    # Beyond lie no days, neither of Python's nor of a calendar that a person reads.
    value = f"case when isfinite({value}) and year({value}) between 1 and 9999 then {value} end"
    return Value(value, f"{present} and ({value}) is null")


def _written_time(text: str, clock: Clock, zone: str, *, is_event_time: bool) -> str:
    zoned = f"timezone({zone}, try_cast({text} as timestamptz))"
    iso = f"case when {_is_zoned(text)} then {zoned} else try_cast({text} as timestamp) end"
    if clock.format is None:
        return iso
    if clock.format in _EPOCHS:
        moment = f"try_cast({text} as double) * {_EPOCHS[clock.format]}"
        moment = f"case when abs({moment}) < {_LAST_MICROSECOND} then cast({moment} as bigint) end"
        return f"timezone({zone}, timezone('UTC', make_timestamp({moment})))"
    letters = clock.format.replace("'", "''")
    parsed = f"try_strptime({text}, '{letters}')"
    if "%z" in clock.format or "%Z" in clock.format:
        parsed = f"timezone({zone}, {parsed})"
    # Other times than the event's may be written otherwise.
    return parsed if is_event_time else f"coalesce({parsed}, {iso})"


def _is_zoned(text: str) -> str:
    return f"contains({text}, ':') and regexp_matches({text}, '{_ZONE}')"


def _text(sql: str, kind: str, *, as_written: bool) -> Value:
    value = written(sql, kind, as_it_stands=as_written)
    if kind in _FLOATS or kind in _WHOLE or kind in ("DECIMAL", "BOOLEAN"):
        return Value(value, "false")
    return Value(value, f"coalesce(contains(nullif(trim(cast({sql} as varchar)), ''), chr(0)), false)")


def _trimmed(sql: str) -> tuple[str, str]:
    """A text, and whether it is one: neither empty nor a word for a missing value."""
    text = f"trim(cast({sql} as varchar))"
    return text, f"coalesce({text} <> '' and lower({text}) not in ({_MISSING}), false)"
