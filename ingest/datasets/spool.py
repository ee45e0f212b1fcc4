"""Rows of a table on their way: a temporary parquet file, parted into the days that are delivered.

In: batches of the table's rows in the order of their days, under the names of the raw table's columns. Out: its days
with their rows, and the rows of some of them. It takes as much of a disk as the rows that are read, and little memory.
Called by ingest.datasets.source_table and ingest.datasets.source_database.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from config.datasets import Dataset
from core.errors import BadFileError
from core.files.table_files import connect, pattern
from ingest.datasets.checks import Checked, check_values
from ingest.datasets.delivered import Delivery, Rows
from ingest.datasets.opened_rows import BATCH_ROWS, checked, noting, raise_first, selected
from ingest.datasets.raw_columns import raw_columns
from ingest.files.table import Field, Table

# No column of a dataset is called so: names have no blanks.
DAY_COLUMN = "delivery day"
_DAY = f'"{DAY_COLUMN}"'


@dataclass(frozen=True)
class Day:
    """A day of a table: how many rows, the first one's place in the file, and figures of their content.

    Attributes:
        day: as 2022-02-20; '' of rows without a time.
    """

    day: str
    rows: int
    first: int
    content: str
    bytes: int


class Writer:
    """Writes batches into the file at a path, which is there when the first has come."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None

    def write(self, batch: pa.RecordBatch) -> None:
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, batch.schema, compression="zstd")
        self._writer.write_table(pa.Table.from_batches([batch]), row_group_size=BATCH_ROWS)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A new file, whole when the block has ended well."""
    writer = Writer(path)
    try:
        yield writer
    finally:
        writer.close()


@dataclass(frozen=True)
class Spool:
    """The file of a dataset's table, open.

    Attributes:
        rows: its columns beside those of the dataset.
        day: SQL of a row's day as a text.
    """

    rows: Checked
    day: str

    def days(self) -> list[Day]:
        """All days in their order."""
        fields = [field.sql for field in self.rows.fields.values() if field is not None]
        content = " || ".join(f"coalesce(strlen(cast({sql} as varchar)) || ':' || {sql}, '-')" for sql in fields)
        table = self.rows.table
        query = (
            "select day, count(*), min(file_row_number), "  # noqa: S608 - quoted names and fixed expressions
            "sum(md5_number_lower(content)) || ' ' || sum(md5_number_upper(content)), sum(strlen(content)) "
            f"from (select {self.day} as day, file_row_number, {content} as content from {table.source}) "
            "group by day order by day"
        )
        return [Day(*row) for row in table.connection.execute(query, table.parameters).fetchall()]

    def opened(self, days: Mapping[str, str], left_out: tuple[str, ...]) -> Rows:
        """The rows of some days; `days` are their locations.

        Raises:
            BadFileError: a value is not of its column's type.
        """
        check_values(self.rows)
        errors: list[Exception] = []
        table = self.rows.table
        query = f"select {self.day} as day, count(*), min(file_row_number) from {table.source} group by day"  # noqa: S608 - as above
        places = {
            day: (rows, first) for day, rows, first in table.connection.execute(query, table.parameters).fetchall()
        }

        def reader(numbers: Mapping[str, int]) -> pa.RecordBatchReader:
            firsts = {day: (numbers[location], places[day][1]) for day, location in days.items() if day in places}
            return noting(self._reader(firsts), errors)

        return Rows(
            rows={location: places.get(day, (0, 0))[0] for day, location in days.items()},
            reader=reader,
            left_out=left_out,
            failed=functools.partial(raise_first, errors),
        )

    def _reader(self, numbers: Mapping[str, tuple[int, int]]) -> pa.RecordBatchReader:
        """The rows of days, which are given with the number of their delivery and the place of their first row."""
        table = self.rows.table
        schema = pa.schema([("its day", pa.string()), ("its number", pa.int64()), ("its first row", pa.int64())])
        rows = [(day, number, first) for day, (number, first) in numbers.items()]
        columns = [pa.array([row[place] for row in rows], field.type) for place, field in enumerate(schema)]
        table.connection.register("deliveries", pa.Table.from_arrays(columns, schema=schema))
        query = (
            f'select {selected(self.rows)}, "its number" as delivery_id, '  # noqa: S608 - as above
            'file_row_number - "its first row" as delivery_row '
            f'from (select *, {self.day} as "the day" from {table.source}) '
            'inner join deliveries on "the day" = "its day"'
        )
        return table.connection.sql(query, params=table.parameters).to_arrow_reader(BATCH_ROWS)


@contextlib.contextmanager
def opened(name: str, dataset: Dataset, path: Path, label: str, present: Sequence[str]) -> Iterator[Spool]:
    """A file that has been written, or none where there was no row.

    Args:
        label: what messages call the table.
        present: the raw table's columns that it has.

    Raises:
        BadFileError: it cannot be read.
    """
    if not path.exists():
        empty = pa.schema([(column, pa.string()) for column in (DAY_COLUMN, *present)])
        pq.write_table(empty.empty_table(), path)
    source = "read_parquet($paths, file_row_number = true, hive_partitioning = false)"
    parameters = {"paths": [pattern(path)]}
    try:
        with connect() as connection:
            described = connection.execute(f"describe select * from {source}", parameters).fetchall()  # noqa: S608 - a fixed text
            types = {str(row[0]): str(row[1]).strip('"') for row in described}
            fields = {column: Field(column, column, f'"{column}"', types[column]) for column in present}
            table = Table(connection, label, source, tuple(fields.values()), parameters)
            (rows,) = table.one("count(*)")
            table = Table(connection, label, source, table.fields, parameters, rows=rows)
            made = checked(
                name, dataset, table, path, {each.name: fields.get(each.name) for each in raw_columns(dataset)}
            )
            yield Spool(made, _day_of(made, types))
    except (duckdb.Error, OSError, UnicodeError) as error:
        reason = " ".join(str(error).replace(str(path), label).split())[:160]
        raise BadFileError(f"{label} cannot be read ({type(error).__name__}: {reason})") from error


def _day_of(rows: Checked, types: Mapping[str, str]) -> str:
    """SQL of a row's day: what the file says of it, else by the row's time; '' without one."""
    if DAY_COLUMN in types:
        return f"coalesce({_DAY}, '')"
    time = rows.dataset.event.timestamp
    if time is None:
        return "''"
    return f"coalesce(cast(cast({rows.values[time].sql} as date) as varchar), '')"


def delivery_days(deliveries: Sequence[Delivery], days: Mapping[str, str]) -> dict[str, str]:
    """The locations of deliveries by their days; those that are no day of the table any more by a name of their own."""
    return {days.get(delivery.location, f"gone: {delivery.location}"): delivery.location for delivery in deliveries}
