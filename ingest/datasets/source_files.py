"""The files of a dataset as deliveries, and their rows as the raw table has them.

In: `source.files` of a dataset. Out: a `Delivery` for each file, which reads with its own dialect and holds its own
columns against those of the dataset. Called by ingest.datasets.load.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from config import paths
from config.config_values import nearest
from config.datasets import Dataset
from core.errors import BadFileError, ConfigurationError, SourceUnavailableError, printable
from ingest.datasets.checks import Checked, check_values
from ingest.datasets.delivered import Delivery, Rows
from ingest.datasets.raw_columns import RawColumn, raw_columns, window_column
from ingest.datasets.values import absent, clock_of, value_of, window_of
from ingest.files.data_files import DataFiles, checked_hash, list_files, single_file
from ingest.files.table import Field, Table, opened

BATCH_ROWS = 65_536


def delivered_files(name: str, dataset: Dataset) -> tuple[tuple[Delivery, ...], tuple[SourceUnavailableError, ...]]:
    """The files that the dataset's source names, hashed, in the order of their names, each once; and what is not there.

    Raises:
        ConfigurationError: one lies at an address.
        BadFileError: one cannot be opened, or differs from its checksum.
    """
    places: dict[Path, DataFiles] = {}
    missing: list[SourceUnavailableError] = []
    for named in dataset.source.files or ():
        if "://" in named:
            raise ConfigurationError(
                f"datasets/{name}.yml, source.files: {named} is an address, which is not supported yet: name a file, "
                "a folder or a pattern of this machine"
            )
        try:
            files = list_files(paths.ROOT / Path(named).expanduser())
        except SourceUnavailableError as error:
            missing.append(error)
            continue
        places |= {path: files for path in files.paths if path not in places}
    return tuple(_delivery(name, dataset, places[path], path) for path in sorted(places)), tuple(missing)


def _delivery(name: str, dataset: Dataset, files: DataFiles, path: Path) -> Delivery:
    root = paths.ROOT
    location = path.relative_to(root) if path.is_relative_to(root) else path
    return Delivery(
        location=str(location),
        sha256=checked_hash(path),
        bytes=path.stat().st_size,
        opened=functools.partial(_opened, name, dataset, files, path),
    )


@contextlib.contextmanager
def _opened(name: str, dataset: Dataset, files: DataFiles, path: Path) -> Iterator[Rows]:
    with opened(single_file(files, path), may_be_empty=True) as table:
        checked = _checked(name, dataset, table, path, is_csv=files.form == "csv")
        check_values(checked)
        errors: list[Exception] = []

        def failed() -> None:
            if errors:
                raise errors[0]

        yield Rows(
            rows=table.rows,
            reader=lambda delivery_id: _noting(_reader(checked, delivery_id), errors),
            left_out=_left_out(dataset, table.fields),
            failed=failed,
        )


def _checked(name: str, dataset: Dataset, table: Table, path: Path, *, is_csv: bool) -> Checked:
    columns = raw_columns(dataset)
    fields = {column.name: _field(name, column, table) for column in columns}
    clock = clock_of(dataset)
    values = {}
    for column in columns:
        field = fields[column.name]
        values[column.name] = (
            absent(column)
            if field is None
            else value_of(
                field,
                column,
                clock,
                is_event_time=column.name == dataset.event.timestamp,
                is_csv=is_csv,
            )
        )
    window = "cast(null as date)"
    cut_by, time = window_column(dataset), dataset.event.timestamp
    if cut_by is not None:
        (own,) = (column for column in columns if column.name == cut_by)
        window = window_of(values[cut_by].sql, own)
    elif time is not None and isinstance(dataset.windows, str):
        window = f"cast({values[time].sql} as date)"
        if dataset.windows in ("week", "month"):
            window = f"cast(date_trunc('{dataset.windows}', {values[time].sql}) as date)"
    return Checked(name, dataset, table, path, columns, fields, values, window)


def _field(name: str, column: RawColumn, table: Table) -> Field | None:
    """The column of the file that fills a column of the raw table.

    Raises:
        BadFileError: it is not there.
    """
    if column.source_name is not None:
        matching = [field for field in table.fields if field.spelling == column.source_name] or [
            field for field in table.fields if field.spelling.lower() == column.source_name.lower()
        ]
    else:
        matching = [field for field in table.fields if column.name in (field.name, field.spelling.lower())]
    if matching:
        return matching[0]
    if column.may_be_absent:
        return None
    meant = column.source_name or column.name
    spellings = [printable(field.spelling) for field in table.fields]
    raise BadFileError(
        f"{table.name} has no column {meant}, which datasets/{name}.yml names{nearest(meant, spellings)}, as "
        "source_name where it is spelled otherwise, or take it out of columns"
    )


def _left_out(dataset: Dataset, fields: Sequence[Field]) -> tuple[str, ...]:
    named = {*dataset.columns, *(spec.source_name.lower() for spec in dataset.columns.values() if spec.source_name)}
    return tuple(
        printable(field.spelling) for field in fields if field.name not in named and field.spelling.lower() not in named
    )


def _reader(checked: Checked, delivery_id: int) -> pa.RecordBatchReader:
    table = checked.table
    values = ", ".join(f'{checked.values[column.name].sql} as "{column.name}"' for column in checked.columns)
    query = (
        f"select {values}, {checked.window} as window_date, "  # noqa: S608 - quoted names and fixed expressions
        f"cast({delivery_id:d} as bigint) as delivery_id, row_number() over () - 1 as delivery_row from {table.source}"
    )
    return table.connection.sql(query, params=table.parameters).to_arrow_reader(BATCH_ROWS)


def _noting(reader: pa.RecordBatchReader, errors: list[Exception]) -> pa.RecordBatchReader:
    """The same batches; what stops them is kept, because the receiving driver shortens it."""

    def read() -> Iterator[pa.RecordBatch]:
        try:
            yield from reader
        except Exception as error:
            errors.append(error)
            raise

    return pa.RecordBatchReader.from_batches(reader.schema, read())
