"""Tables of trips as nobody would think them up, and what the reader must make of each: for property-based tests.

A `Case` is a table with what is wrong with it: the columns for which it must be refused, if any. It is evaluated here
by rules of this module's own, which know nothing of the reader's SQL.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from ingest.tlc.schema import COLUMNS, PICKUP_COLUMN, Family
from tests.files import JANUARY, Vintage, trip_table, with_column

_EPOCH = datetime(1970, 1, 1)
_NANOSECONDS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
# Bounds of 64-bit nanoseconds: 1677-09-21 00:12:43.145224193 and 2262-04-11 23:47:16.854775806. The numbers beyond them
# on either side are what DuckDB takes for endless.
NANOSECOND_BOUNDS = (-(2**63) + 2, 2**63 - 2)
_SMALL_NUMBERS = st.integers(-(2**31), 2**31 - 1)
_EXACT_NUMBERS = st.integers(-(2**53), 2**53)
_ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True, width=64)
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
# A moment that all resolutions have and that lies within all their bounds.
_WHOLE_SECONDS = st.integers(-9_223_372_036, 9_223_372_036)

_GOOD: dict[Family, list[tuple[pa.DataType, st.SearchStrategy[Any]]]] = {
    Family.WHOLE: [
        (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
        (pa.int32(), _SMALL_NUMBERS),
        (pa.uint8(), st.integers(0, 255)),
        (pa.float64(), _EXACT_NUMBERS.map(float)),
        (pa.null(), st.none()),
    ],
    Family.WHOLE_AS_FLOAT: [
        (pa.int64(), _EXACT_NUMBERS),
        (pa.int16(), st.integers(-(2**15), 2**15 - 1)),
        (pa.float64(), _EXACT_NUMBERS.map(float) | st.sampled_from([math.nan, math.inf, -math.inf])),
        (pa.null(), st.none()),
    ],
    Family.NUMBER: [
        (pa.float64(), _ANY_FLOAT),
        (pa.float32(), st.floats(width=32)),
        (pa.int32(), _SMALL_NUMBERS),
        (pa.uint32(), st.integers(0, 2**32 - 1)),
        (pa.null(), st.none()),
    ],
    Family.TIME: [
        (pa.timestamp("s"), _WHOLE_SECONDS),
        (pa.timestamp("ms"), _WHOLE_SECONDS.map(lambda seconds: seconds * 1000)),
        (pa.timestamp("us"), st.integers(-(10**16), 10**17)),
        (pa.timestamp("ns"), st.integers(*NANOSECOND_BOUNDS) | st.sampled_from(NANOSECOND_BOUNDS)),
    ],
    Family.TEXT: [(pa.string(), _TEXT), (pa.large_string(), _TEXT), (pa.null(), st.none())],
}
_TIMES_OF_2022 = st.datetimes(datetime(2022, 1, 1), datetime(2022, 1, 31, 23, 59, 59))
_WRONG: dict[Family, list[tuple[pa.DataType, st.SearchStrategy[Any]]]] = {
    Family.WHOLE: [
        (pa.string(), st.integers(0, 9).map(str)),
        (pa.bool_(), st.booleans()),
        (pa.uint64(), st.integers(0, 9)),
        (pa.timestamp("us"), _TIMES_OF_2022),
        (pa.float64(), st.floats(0.01, 0.99) | st.sampled_from([math.nan, math.inf, -math.inf, 2.0**63, 1e300])),
    ],
    Family.WHOLE_AS_FLOAT: [
        (pa.string(), st.sampled_from(["1", "1.0", ""])),
        (pa.decimal128(9, 2), st.decimals(0, 9, places=2)),
        (pa.float64(), st.floats(0.01, 0.99)),
    ],
    Family.NUMBER: [
        (pa.string(), st.floats(0, 99).map(str)),
        (pa.large_string(), st.sampled_from(["NaN", "1e5", "7"])),
        (pa.decimal128(12, 2), st.decimals(0, 99, places=2)),
        (pa.date32(), st.dates()),
        (pa.list_(pa.float64()), st.lists(st.floats(0, 1), max_size=2)),
        (pa.binary(), st.binary(max_size=4)),
    ],
    Family.TIME: [
        (pa.string(), _TIMES_OF_2022.map(str)),
        (pa.date32(), _TIMES_OF_2022.map(datetime.date)),
        (pa.int64(), st.integers(1_640_995_200, 1_643_673_599)),
        (pa.timestamp("us", "America/New_York"), _TIMES_OF_2022),
        (pa.timestamp("us"), st.sampled_from([2**63 - 1, -(2**63) + 1, -(2**62)])),
    ],
    Family.TEXT: [
        (pa.int64(), st.integers(0, 9)),
        (pa.float64(), st.floats(0, 1)),
        (pa.string(), st.just("N\0")),
        (pa.binary(), st.just(b"N")),
    ],
}


@dataclass(frozen=True)
class Case:
    """A table of January's trips, and the column for which it must be refused ('' where it must be read)."""

    table: pa.Table
    bad_column: str = ""


@st.composite
def good_cases(draw: st.DrawFn) -> Case:
    """Any accepted type in any column, with any value that the type can hold, nulls among them; 0 rows and more."""
    rows = draw(st.sampled_from([0, 1, 2, 7]))
    table = trip_table(JANUARY, rows, draw(st.sampled_from(list(Vintage))))
    for column in COLUMNS:
        if draw(st.booleans()) or column.name not in [name.lower() for name in table.column_names]:
            continue
        kind, values = draw(st.sampled_from(_GOOD[column.family]))
        drawn = draw(st.lists(st.none() | values, min_size=rows, max_size=rows))
        if column.name == PICKUP_COLUMN and rows:
            # Half of the trips must be of the month.
            kept = table[PICKUP_COLUMN].cast(kind).cast(pa.int64()).to_pylist()
            drawn = kept[: (rows + 1) // 2] + drawn[(rows + 1) // 2 :]
        table = _with(table, column.name, pa.array(drawn, kind))
    names = draw(st.lists(_TEXT.filter(bool), max_size=3, unique_by=lambda name: name.lower()))
    known = {column.name for column in COLUMNS}
    for name in names:
        if name.lower() not in known:
            table = table.append_column(name, pa.array(range(rows), pa.int8()))
    return Case(table.select(draw(st.permutations(table.column_names))))


@st.composite
def bad_cases(draw: st.DrawFn) -> Case:
    """One column has a type that it may not have, or one value that it may not hold."""
    rows = draw(st.sampled_from([1, 2, 7]))
    table = trip_table(JANUARY, rows, Vintage.FROM_2025_01)
    column = draw(st.sampled_from(COLUMNS))
    kind, values = draw(st.sampled_from(_WRONG[column.family]))
    drawn: list[Any] = [None] * rows
    drawn[draw(st.integers(0, rows - 1))] = draw(values)
    return Case(_with(table, column.name, pa.array(drawn, kind)), column.name)


def expected(table: pa.Table, name: str) -> list[object]:
    """What the raw table must hold of a column, by the table's own values: comparable, so that NaN equals NaN."""
    spelled = {each.lower(): each for each in table.column_names}.get(name)
    if spelled is None:
        return [None] * table.num_rows
    (family,) = [column.family for column in COLUMNS if column.name == name]
    values = table[spelled]
    if family is Family.TIME:
        per_unit = _NANOSECONDS[values.type.unit]
        numbers = values.cast(pa.int64()).to_pylist()
        return [None if number is None else microseconds(number * per_unit) for number in numbers]
    as_float = family in (Family.NUMBER, Family.WHOLE_AS_FLOAT)
    make: Callable[[Any], object] = (lambda value: comparable(float(value))) if as_float else _as_it_is(family)
    return [None if value is None else make(value) for value in values.to_pylist()]


def microseconds(nanoseconds: int) -> int:
    """The nearest microsecond, away from 1970 where two are as near: the raw table has no nanoseconds."""
    nearest = (abs(nanoseconds) + 500) // 1000
    return nearest if nanoseconds >= 0 else -nearest


def comparable(value: object) -> object:
    """Floats as text, because NaN is not itself; times as microseconds from 1970."""
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, datetime):
        return (value - _EPOCH) // timedelta(microseconds=1)
    return value


def _as_it_is(family: Family) -> Callable[[Any], object]:
    return int if family is Family.WHOLE else str


def _with(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    (spelled,) = [each for each in table.column_names if each.lower() == name]
    return with_column(table, spelled, values)


def read_values(table: pa.Table, name: str) -> list[object]:
    """A column that the reader gave, in the form of `expected`."""
    column = table[name]
    if pa.types.is_timestamp(column.type):
        return list(column.cast(pa.int64()).to_pylist())
    return [comparable(value) for value in column.to_pylist()]
