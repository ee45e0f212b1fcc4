"""Read a parquet file with DuckDB: is it whole, has it the right columns, are its trips of its month?

A path goes in; `inspect` gives what the file holds, `batches` its rows as a stream of Arrow batches in
the raw table's columns. Called by ingest.tlc.load; memory does not grow with the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from config.months import Month
from core.errors import BadFileError, printable
from core.failpoints import failpoint
from core.files.input_files import LONGEST_VALUE
from core.files.table_files import (
    PARQUET_SOURCE,
    check_parquet,
    check_rows,
    damaged,
    parquet_columns,
    pattern,
    promised_rows,
    reading,
)
from ingest.tlc.schema import COLUMNS, COVERS_UNTIL_KEY, PICKUP_COLUMN, Column, Family, FileSchema, match_schema

BATCH_ROWS = 65_536
_LEAST_SHARE_IN_MONTH = 0.5
# Where Postgres's calendar begins, in microseconds from 1970.
_FIRST_MICROSECOND = -210_866_803_200_000_000
# What a column may not hold, by family: an SQL condition on {value}, and what is valid instead.
_FORBIDDEN = {
    Family.WHOLE: (
        "not isfinite(cast({value} as double)) or cast({value} as double) != trunc(cast({value} as double)) "
        "or abs(cast({value} as double)) >= 9223372036854775808",
        "whole numbers of up to 64 bits are",
    ),
    Family.WHOLE_AS_FLOAT: (
        "isfinite(cast({value} as double)) and cast({value} as double) != trunc(cast({value} as double))",
        "whole numbers are",
    ),
    Family.TIME: (
        f"not isfinite({{value}}) or epoch_us(cast({{value}} as timestamp)) < {_FIRST_MICROSECOND}",
        "finite times from the year 4713 BC on are",
    ),
    Family.TEXT: (
        f"contains({{value}}, chr(0)) or strlen({{value}}) > {LONGEST_VALUE}",
        f"text without zero characters, of at most {LONGEST_VALUE:,} bytes, is",
    ),
}


@dataclass(frozen=True)
class Inspection:
    """What a file holds, read before anything is written.

    `covers_until` is the last day that the file speaks of: the month's last, unless it says that it is a part.
    """

    path: Path
    month: Month
    sha256: str
    bytes: int
    rows: int
    schema: FileSchema
    is_sample: bool
    covers_until: date


def inspect(path: Path, month: Month, sha256: str) -> Inspection:
    """Check a file and say what it holds.

    Raises:
        BadFileError: it is empty, no parquet, cut off or corrupt, has other columns, types or values, most of
            its trips lie outside the month, or what it says of the days it covers cannot be.
    """
    check_parquet(path)
    with reading(path) as connection:
        metadata = pq.read_metadata(path).metadata or {}
        stated = _stated_cover(metadata, path, month)
        covers_until = stated or month.last_day
        schema = match_schema(parquet_columns(connection, path), path.name)
        promised = promised_rows(connection, path, schema.delivered.values())
        rows, in_month, after, first, last, *forbidden = _figures(connection, path, schema, month, covers_until)
    check_rows(path, promised, rows)
    for column, count in zip(_checked(schema), forbidden, strict=True):
        if count:
            raise BadFileError(
                f"{path.name}: the column {column.name} holds values that are not valid ({count} of {rows}): only "
                f"{_FORBIDDEN[column.family][1]} valid there; get the file again"
            )
    if after:
        raise BadFileError(
            f"{path.name} says that it covers {month} until {covers_until}, but {after} of its {rows} trips were "
            f"picked up on later days of the month: correct {COVERS_UNTIL_KEY.decode()} in its metadata, "
            "or get the file again"
        )
    if rows and first is None and stated is None:
        raise BadFileError(
            f"{path.name}: the column {PICKUP_COLUMN} is missing in all {rows} trips, so none can be told to be of "
            f"{month}: get the file again"
        )
    # A part of a month says itself which month it is of: its first days may hold fewer trips than its strays.
    if rows and in_month < _LEAST_SHARE_IN_MONTH * rows and stated is None:
        raise BadFileError(
            f"{path.name}: only {in_month} of its {rows} trips were picked up in {month} (from {first} to {last}): "
            "the file seems to be of another month; rename it or get the right one"
        )
    return Inspection(
        path=path,
        month=month,
        sha256=sha256,
        bytes=path.stat().st_size,
        rows=rows,
        schema=schema,
        is_sample=metadata.get(b"origin") == b"sample",
        covers_until=covers_until,
    )


def batches(connection: duckdb.DuckDBPyConnection, inspection: Inspection, load_id: int) -> pa.RecordBatchReader:
    """The file's rows in file order, as Arrow batches with the raw table's columns.

    A column that the file does not deliver comes as nulls. The reader is good while the connection is; when it
    stops early, `noting_errors` tells why.

    Raises:
        BadFileError: the file can no longer be opened.
    """
    delivered = inspection.schema.delivered
    selected = [
        f"cast({_quoted(delivered[column.name]) if column.name in delivered else 'null'} "
        f"as {column.family.loaded_as}) as {column.name}"
        for column in COLUMNS
    ]
    # The statement is made of names from a fixed list and of quoted names of the file's own columns.
    query = (
        f"select {', '.join(selected)}, cast($month as date) as source_month, "  # noqa: S608 - quoted names
        f"row_number() over () - 1 as source_row, cast($load_id as bigint) as load_id from {PARQUET_SOURCE}"
    )
    values = {"month": inspection.month.first_day, "load_id": load_id, "path": pattern(inspection.path)}
    try:
        return connection.sql(query, params=values).to_arrow_reader(BATCH_ROWS)
    except duckdb.Error as error:
        raise damaged(inspection.path, error) from error


def noting_errors(reader: pa.RecordBatchReader, errors: list[Exception]) -> pa.RecordBatchReader:
    """The same batches; what stops them is kept in `errors`, because the receiving driver shortens it."""

    def read() -> Iterator[pa.RecordBatch]:
        try:
            for batch in reader:
                failpoint("ingest.batch")
                yield batch
        except Exception as error:
            errors.append(error)
            raise

    return pa.RecordBatchReader.from_batches(reader.schema, read())


def _stated_cover(metadata: dict[bytes, bytes], path: Path, month: Month) -> date | None:
    """The last day that the file says it covers, or None where it says nothing."""
    text = metadata.get(COVERS_UNTIL_KEY)
    if text is None:
        return None
    try:
        day = date.fromisoformat(text.decode("ascii"))
    except ValueError:
        day = None
    if day is None or Month.of(day) != month:
        raise BadFileError(
            f"{path.name}: its metadata says {COVERS_UNTIL_KEY.decode()} = {printable(repr(text[:40])[1:])}: a day of "
            f"{month}, such as {month.last_day}, is valid there; correct it, or get the file again"
        )
    return day


def _figures(
    connection: duckdb.DuckDBPyConnection, path: Path, schema: FileSchema, month: Month, covers_until: date
) -> tuple[Any, ...]:
    """Rows, rows of the month, of its days past the cover, first and last pickup (both of all rows), then the count
    of forbidden values by checked column."""
    pickup = _quoted(schema.delivered[PICKUP_COLUMN])
    forbidden = [
        f", count(*) filter (where {_FORBIDDEN[column.family][0].format(value=_quoted(schema.delivered[column.name]))})"
        for column in _checked(schema)
    ]
    query = (
        f"select count(*), count(*) filter (where {pickup} >= $first and {pickup} < $next), "  # noqa: S608 - quoted names
        f"count(*) filter (where {pickup} >= $after and {pickup} < $next), "
        f"cast(min({pickup}) as varchar), cast(max({pickup}) as varchar){''.join(forbidden)} from {PARQUET_SOURCE}"
    )
    values = {
        "path": pattern(path),
        "first": month.first_day,
        "after": covers_until + timedelta(days=1),
        "next": month.next.first_day,
    }
    (figures,) = connection.execute(query, values).fetchall()
    return tuple(figures)


def _checked(schema: FileSchema) -> list[Column]:
    return [column for column in COLUMNS if column.family in _FORBIDDEN and column.name in schema.delivered]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
