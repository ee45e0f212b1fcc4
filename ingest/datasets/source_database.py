"""A table of any database that SQLAlchemy speaks to: a delivery for each day.

All of its rows are read at each run, in chunks, into a temporary file; a hash a day says what becomes of them. The
address is in an environment variable, or in `.env`, and is a secret: messages name the variable, and give no text of
a driver's, which may quote the address. Called by ingest.datasets.sources.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from config import env_file
from config.config_values import nearest
from config.datasets import ColumnKind, Dataset
from core.errors import BadFileError, ConfigurationError, SourceUnavailableError
from ingest.datasets.delivered import Delivered, Delivery, Rows
from ingest.datasets.opened_rows import fields_of, left_out, matched
from ingest.datasets.python_values import TimeInTextError, text_of
from ingest.datasets.raw_columns import raw_columns
from ingest.datasets.spool import Writer, delivery_days, opened, writing
from ingest.files.table import Field

_CHUNK_ROWS = 10_000
# Packages of drivers and dialects that are called otherwise than what SQLAlchemy looks for.
_PACKAGES = {
    "MySQLdb": "mysqlclient",
    "psycopg2": "psycopg2-binary",
    "bigquery": "sqlalchemy-bigquery",
    "clickhouse": "clickhouse-sqlalchemy",
    "databricks": "databricks-sqlalchemy",
    "duckdb": "duckdb-engine",
    "redshift": "sqlalchemy-redshift",
    "snowflake": "snowflake-sqlalchemy",
}


@contextlib.contextmanager
def delivered_rows(name: str, dataset: Dataset, folder: Path) -> Iterator[Delivered]:
    """The days of the table that the dataset's source names; their rows may be read inside this block.

    Args:
        folder: an empty one that is removed when all is loaded.

    Raises:
        ConfigurationError: there is no address, it is none, or its driver is not installed.
        SourceUnavailableError: the database cannot be reached, or has no such table.
        BadFileError: the table lacks a column, or a value cannot be understood.
    """
    source = dataset.source
    place = f"datasets/{name}.yml, source"
    label = f"{source.database}:{source.table}"
    path = folder / "rows.parquet"
    engine = _engine(str(source.database), place)
    try:
        with _hidden(f"{label} cannot be reached"), engine.connect() as connection:
            connection = connection.execution_options(postgresql_readonly=True)
            fields = _fields(connection, str(source.table), label, place)
            columns = matched(name, dataset, label, fields)
            present = {column: field.spelling for column, field in columns.items() if field is not None}
            with _hidden(f"{label} could not be read"), writing(path) as writer:
                _copy(connection, dataset, str(source.table), present, writer)
    except TimeInTextError as error:
        raise BadFileError(f"{label}: {error} in datasets/{name}.yml") from error
    finally:
        engine.dispose()
    with opened(name, dataset, path, label, tuple(present)) as spool:
        is_by_day = dataset.event.timestamp is not None
        days = {f"{label}/{day.day or 'no time'}" if is_by_day else label: day for day in spool.days()}

        @contextlib.contextmanager
        def open_days(deliveries: Sequence[Delivery]) -> Iterator[Rows]:
            chosen = delivery_days(deliveries, {location: day.day for location, day in days.items()})
            yield spool.opened(chosen, left_out(dataset, fields))

        deliveries = []
        for location, day in days.items():
            content = f"{day.day} {day.rows} {day.content} {','.join(present)}"
            deliveries.append(
                Delivery(location, hashlib.sha256(content.encode()).hexdigest(), int(day.bytes), open_days)
            )
        is_whole = dataset.event.replace != "append"
        gone = functools.partial(Delivery, sha256="", bytes=0, opened=open_days)
        yield Delivered(tuple(deliveries), vanished=gone if is_whole else None)


def _engine(variable: str, place: str) -> sa.Engine:
    address = os.environ.get(variable) or env_file.read().get(variable)
    if not address:
        raise ConfigurationError(
            f"{place}.database: {variable} is neither in the environment nor in {env_file.location().name}: set it to "
            "the database's address as SQLAlchemy writes it, such as sqlite:///loans.db"
        )
    try:
        return sa.create_engine(address, poolclass=NullPool, hide_parameters=True)
    except ModuleNotFoundError as error:
        missing = error.name or "its driver"
    except NoSuchModuleError:
        # The scheme is no secret, all that follows may be.
        missing = sa.make_url(address).drivername
    except ArgumentError:
        raise ConfigurationError(
            f"{place}.database: what {variable} holds is no address: one as SQLAlchemy writes it is needed, such as "
            "postgresql+psycopg://user:password@host/name"
        ) from None
    package = _PACKAGES.get(missing.partition("+")[0], missing.partition("+")[0])
    raise ConfigurationError(
        f"{place}.database: what {variable} names needs {missing}, which is not installed: install the package "
        f"{package} beside this program, or name another driver (of Postgres: postgresql+psycopg)"
    )


@contextlib.contextmanager
def _hidden(what: str) -> Iterator[None]:
    """What a driver raises, of which only the name is told."""
    try:
        yield
    except (BadFileError, ConfigurationError, SourceUnavailableError, TimeInTextError):
        raise
    except Exception as error:
        cause = getattr(error, "orig", None) or error
        raise SourceUnavailableError(
            f"{what} ({type(cause).__name__}; what the driver says may quote the address and is not shown): check the "
            "address, that the server runs, and that its user may read the table"
        ) from None


def _split(table: str) -> tuple[str | None, str]:
    schema, _, relation = table.rpartition(".")
    return schema or None, relation


def _fields(connection: sa.Connection, table: str, label: str, place: str) -> tuple[Field, ...]:
    schema, relation = _split(table)
    inspector = sa.inspect(connection)
    names = {*inspector.get_table_names(schema), *inspector.get_view_names(schema)}
    if relation not in names and not inspector.has_table(relation, schema):
        known = nearest(relation, sorted(names)) if names else ""
        raise SourceUnavailableError(f"{place}.table: {label} is not there, a table or a view is needed{known}")
    columns = inspector.get_columns(relation, schema)
    return fields_of([(str(each["name"]), "") for each in columns])


def _copy(connection: sa.Connection, dataset: Dataset, table: str, present: dict[str, str], writer: Writer) -> None:
    """All rows into a file, in the order of their times and keys."""
    event = dataset.event
    schema, relation = _split(table)
    columns: dict[str, sa.ColumnClause[Any]] = {name: sa.column(spelling) for name, spelling in present.items()}
    late = {column.name for column in raw_columns(dataset) if column.may_be_absent}
    named = [event.timestamp] if event.timestamp else []
    named += event.key or [name for name in present if name not in late]
    source = sa.table(relation, *columns.values(), schema=schema)
    query = sa.select(*columns.values()).select_from(source).order_by(*(columns[name] for name in dict.fromkeys(named)))
    kinds = [dataset.columns[name].type for name in present]
    is_times = [name == event.timestamp and event.format is not None for name in present]
    streaming = connection.execution_options(stream_results=True, yield_per=_CHUNK_ROWS)
    arrow = pa.schema([(name, pa.string()) for name in present])
    with streaming.execute(query) as result:
        for part in result.partitions():
            values = zip(*part, strict=True)
            arrays = [
                _texts(column, kind, is_written=is_written)
                for column, kind, is_written in zip(values, kinds, is_times, strict=True)
            ]
            writer.write(pa.RecordBatch.from_arrays(arrays, schema=arrow))


def _texts(column: Sequence[Any], kind: ColumnKind, *, is_written: bool) -> pa.Array:
    return pa.array([text_of(value, kind, is_written=is_written) for value in column], pa.string())
