"""Read a parquet file with DuckDB: is it whole, has it the right columns, are its trips of its month?

A path goes in; `inspect` gives what the file holds, `batches` its rows as a stream of Arrow batches in
the raw table's columns. Called by ingest.load; memory does not grow with the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from ingest.schema import COLUMNS, PICKUP_COLUMN, Family, FileSchema, match_schema
from pipeline.errors import BadFileError
from pipeline.months import Month

BATCH_ROWS = 65_536
_LEAST_SHARE_IN_MONTH = 0.5
_MAGIC = b"PAR1"
_ROW = "file_row_number"


@dataclass(frozen=True)
class Inspection:
    """What a file holds, read before anything is written."""

    path: Path
    month: Month
    sha256: str
    bytes: int
    rows: int
    schema: FileSchema
    first_pickup: datetime | None
    last_pickup: datetime | None
    is_sample: bool


def inspect(path: Path, month: Month, sha256: str) -> Inspection:
    """Check a file and say what it holds.

    Raises:
        BadFileError: it is empty, no parquet, cut off or corrupt, has other columns or types, or
            most of its trips lie outside the month.
    """
    _check_whole(path)
    with duckdb.connect() as connection:
        try:
            metadata = pq.read_metadata(path)
            schema = match_schema(_columns(connection, path), path.name)
            figures = connection.execute(_figures_query(schema, month), {"path": str(path)}).fetchall()[0]
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise _corrupt(path, error) from error
    rows, in_month, first, last, *fractions = figures
    for column, count in zip(_whole_floats(schema), fractions, strict=True):
        if count:
            raise BadFileError(
                f"{path.name}: the column {column} holds {count} values that are no whole numbers: "
                "whole numbers are valid there; get the file again"
            )
    if rows and in_month < _LEAST_SHARE_IN_MONTH * rows:
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
        first_pickup=first,
        last_pickup=last,
        is_sample=(metadata.metadata or {}).get(b"origin") == b"sample",
    )


def batches(connection: duckdb.DuckDBPyConnection, inspection: Inspection, load_id: int) -> pa.RecordBatchReader:
    """The file's rows in file order, as Arrow batches with the raw table's columns.

    A column that the file does not deliver comes as nulls; the reader is good while the connection is.
    """
    delivered = inspection.schema.delivered
    selected = [
        f"cast({_quoted(delivered[column.name]) if column.name in delivered else 'null'} "
        f"as {column.family.loaded_as}) as {column.name}"
        for column in COLUMNS
    ]
    # The statement is made of names from a fixed list and of quoted names of the file's own columns.
    query = (
        f"select {', '.join(selected)}, cast($month as date) as source_month, "  # noqa: S608
        f"{_ROW} as source_row, cast($load_id as bigint) as load_id "
        "from read_parquet($path, file_row_number = true)"
    )
    values = {"month": inspection.month.first_day, "load_id": load_id, "path": str(inspection.path)}
    return connection.sql(query, params=values).to_arrow_reader(BATCH_ROWS)


def _check_whole(path: Path) -> None:
    size = path.stat().st_size
    if size == 0:
        raise BadFileError(f"{path.name} is empty (0 bytes): a parquet file is needed; get it again")
    with path.open("rb") as file:
        head = file.read(64)
        file.seek(max(0, size - len(_MAGIC)))
        tail = file.read()
    if head.lstrip()[:1] == b"<":
        raise BadFileError(
            f"{path.name} is a web page (it begins with {head.lstrip()[:15]!r}), no parquet file: "
            "the download was answered with a page; get the file again"
        )
    if not head.startswith(_MAGIC):
        raise BadFileError(
            f"{path.name} is no parquet file (it begins with {head[:4]!r}, not {_MAGIC!r}): get the file again"
        )
    if tail != _MAGIC:
        raise BadFileError(
            f"{path.name} is cut off ({size} bytes without a parquet footer): the upload or download did not "
            "finish; get the file again"
        )


def _corrupt(path: Path, error: Exception) -> BadFileError:
    reason = " ".join(str(error).split())[:200]
    return BadFileError(f"{path.name} cannot be read as parquet ({reason}): the file is damaged; get it again")


def _columns(connection: duckdb.DuckDBPyConnection, path: Path) -> list[tuple[str, str]]:
    rows = connection.execute("describe select * from read_parquet($path)", {"path": str(path)}).fetchall()
    return [(str(row[0]), str(row[1]).strip('"')) for row in rows]


def _figures_query(schema: FileSchema, month: Month) -> str:
    pickup = _quoted(schema.delivered[PICKUP_COLUMN])
    whole = [
        f", count(*) filter (where isfinite({number}) and {number} != trunc({number}))"
        for number in (f"cast({_quoted(name)} as double)" for name in _whole_floats(schema).values())
    ]
    return (
        f"select count(*), count(*) filter (where {pickup} >= '{month.first_day}' "  # noqa: S608 - quoted names
        f"and {pickup} < '{month.next.first_day}'), min({pickup}), max({pickup}){''.join(whole)} "
        "from read_parquet($path)"
    )


def _whole_floats(schema: FileSchema) -> dict[str, str]:
    """Columns that hold whole numbers but may be delivered as floats: raw name to the file's spelling."""
    wanted = [column.name for column in COLUMNS if column.family in (Family.WHOLE, Family.WHOLE_AS_FLOAT)]
    return {name: schema.delivered[name] for name in wanted if name in schema.delivered}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
