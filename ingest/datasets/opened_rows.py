"""Rows of a source, which DuckDB reads, as the raw table has them: every value checked, then a stream of batches.

In: a table that can be asked and its columns beside those of the dataset. Called by ingest.datasets.source_files,
ingest.datasets.spool and the sources that are tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from config.config_values import nearest
from config.datasets import Dataset
from core.errors import BadFileError, printable
from ingest.datasets.checks import Checked
from ingest.datasets.raw_columns import RawColumn, raw_columns, window_column
from ingest.datasets.values import absent, clock_of, hour_of, value_of, window_of
from ingest.files.table import Field, Table, warehouse_name

BATCH_ROWS = 65_536


def checked(
    name: str, dataset: Dataset, table: Table, path: Path, fields: Mapping[str, Field | None], *, is_csv: bool = False
) -> Checked:
    """What each column of the raw table is made of; `fields` are those of the table by the raw table's names."""
    columns = raw_columns(dataset)
    clock = clock_of(dataset)
    values = {}
    for column in columns:
        field = fields[column.name]
        is_event_time = column.name == dataset.event.timestamp
        values[column.name] = (
            absent(column)
            if field is None
            else value_of(field, column, clock, is_event_time=is_event_time, is_csv=is_csv)
        )
    window = "cast(null as date)"
    cut_by, time = window_column(dataset), dataset.event.timestamp
    if cut_by is not None:
        (own,) = (column for column in columns if column.name == cut_by)
        window = window_of(values[cut_by].sql, own)
    elif time is not None and isinstance(dataset.windows, str):
        window = f"cast({values[time].sql} as date)"
        if dataset.windows == "hour":
            (own,) = (column for column in columns if column.name == time)
            field = fields[time]
            window = "cast(null as date)" if field is None else hour_of(field, own, clock, is_csv=is_csv)
        elif dataset.windows in ("week", "month"):
            window = f"cast(date_trunc('{dataset.windows}', {values[time].sql}) as date)"
    return Checked(name, dataset, table, path, columns, fields, values, window)


def fields_of(described: Iterable[tuple[str, str]]) -> tuple[Field, ...]:
    """The columns of a table by their names there, with their types there."""
    fields: list[Field] = []
    taken: set[str] = set()
    for spelling, kind in described:
        own = warehouse_name(spelling, taken)
        taken.add(own)
        fields.append(Field(own, spelling, "", kind))
    return tuple(fields)


def matched(name: str, dataset: Dataset, source: str, fields: Sequence[Field]) -> dict[str, Field | None]:
    """The columns of a source that fill those of the raw table, by the names of the latter.

    Raises:
        BadFileError: one is not there.
    """
    return {column.name: _matching(name, column, source, fields) for column in raw_columns(dataset)}


def _matching(name: str, column: RawColumn, source: str, fields: Sequence[Field]) -> Field | None:
    if column.source_name is not None:
        matching = [field for field in fields if field.spelling == column.source_name] or [
            field for field in fields if field.spelling.lower() == column.source_name.lower()
        ]
    else:
        matching = [field for field in fields if column.name in (field.name, field.spelling.lower())]
    if matching:
        return matching[0]
    if column.may_be_absent:
        return None
    meant = column.source_name or column.name
    spellings = [printable(field.spelling) for field in fields]
    raise BadFileError(
        f"{source} has no column {meant}, which datasets/{name}.yml names{nearest(meant, spellings)}, as "
        "source_name where it is spelled otherwise, or take it out of columns"
    )


def left_out(dataset: Dataset, fields: Sequence[Field]) -> tuple[str, ...]:
    """The columns of a source that the dataset's file does not name."""
    named = {*dataset.columns, *(spec.source_name.lower() for spec in dataset.columns.values() if spec.source_name)}
    return tuple(
        printable(field.spelling) for field in fields if field.name not in named and field.spelling.lower() not in named
    )


def selected(rows: Checked) -> str:
    """SQL of the raw table's columns and the window's day, in their order."""
    values = ", ".join(f'{rows.values[column.name].sql} as "{column.name}"' for column in rows.columns)
    return f"{values}, {rows.window} as window_date"


def noting(reader: pa.RecordBatchReader, errors: list[Exception]) -> pa.RecordBatchReader:
    """The same batches; what stops them is kept, because the receiving driver shortens it."""

    def read() -> Iterator[pa.RecordBatch]:
        try:
            yield from reader
        except Exception as error:
            errors.append(error)
            raise

    return pa.RecordBatchReader.from_batches(reader.schema, read())


def raise_first(errors: Sequence[Exception]) -> None:
    """Raise what was noted, if anything was."""
    if errors:
        raise errors[0]
