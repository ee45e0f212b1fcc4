"""A table or a view of the Postgres that the warehouse is in, or a dbt model of one's own: a delivery for each day.

One pass of the server gives a hash a day; only days whose hash is another are read. What a day is says the dataset's
clock; a table without times of Postgres' own types is one delivery. It is read as the role that can only read, or else
as the connected user. Called by ingest.datasets.sources.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString, NoReturn

import adbc_driver_manager
import psycopg
from psycopg import sql

from config.config_values import nearest
from config.datasets import Dataset
from core.errors import ConfigurationError, SourceUnavailableError
from ingest.datasets.delivered import Delivered, Delivery, Rows
from ingest.datasets.opened_rows import fields_of, left_out, matched
from ingest.datasets.raw_columns import raw_columns
from ingest.datasets.spool import DAY_COLUMN, delivery_days, opened, writing
from ingest.files.table import Field
from warehouse import arrow_cursor, database, locks
from warehouse.access.role_rights import SCHEMAS
from warehouse.access.roles import Role, acting_as, acting_as_oneself

_QUERIES = database.queries(Path(__file__).with_name("source_table.sql"))
# Where dbt builds, in the order in which a name is looked for.
_DBT_SCHEMAS = ("intermediate", "marts", "staging")
_NOT_YOURS = (*SCHEMAS, locks.SCHEMA, "pg_catalog", "information_schema", "pg_toast")
# Rows that are asked for at once, which the server has to sort.
_MOST_SORTED = 2_000_000
_TIMES = ("timestamp", "timestamptz", "date")
_AS_THEY_ARE = ("bool", "int2", "int4", "int8", "float4", "float8", "text", "varchar")
_NUMBERS = ("int2", "int4", "int8", "float4", "float8", "numeric")
_EPOCHS = {"epoch_s": 1, "epoch_ms": 1000}


@dataclass(frozen=True)
class _Table:
    """A relation that may be read.

    Attributes:
        label: schema.table, in messages and as the location of what it delivers.
        fields: its columns with Postgres' names of their types.
        reading: takes the rights that it is read with.
    """

    label: str
    relation: sql.Identifier
    fields: tuple[Field, ...]
    reading: Callable[[], AbstractContextManager[None]]


@dataclass(frozen=True)
class _Query:
    """The parts of the queries of a table: its day, its columns as they are read, and their order.

    Attributes:
        present: the raw table's columns that it has.
        is_by_day: whether it is parted by days.
    """

    present: tuple[str, ...]
    is_by_day: bool
    parts: dict[str, sql.Composable]


def delivered_table(name: str, dataset: Dataset, folder: Path) -> Delivered:
    """The days of the table, or of the dbt model, that the dataset's source names.

    Args:
        folder: an empty one that is removed when all is loaded.

    Raises:
        ConfigurationError: it is the warehouse's own, or may not be read.
        SourceUnavailableError: it is not there, or reading it failed.
        BadFileError: it lacks a column.
    """
    table = _model(name, dataset.source.dbt) if dataset.source.dbt else _table(name, dataset)
    query = _query(name, dataset, table)
    counted = _days(table, query)
    locations = {f"{table.label}/{day or 'no time'}" if query.is_by_day else table.label: day for day in counted}
    counts = {day: rows for day, (rows, _, _) in counted.items()}

    @contextlib.contextmanager
    def open_days(deliveries: Sequence[Delivery]) -> Iterator[Rows]:
        days = delivery_days(deliveries, locations)
        path = folder / "rows.parquet"
        path.unlink(missing_ok=True)
        _read(table, query, {day: counts[day] for day in days if day in counts}, path)
        with opened(name, dataset, path, table.label, query.present) as spool:
            yield spool.opened(days, left_out(dataset, table.fields))

    deliveries = tuple(
        Delivery(location, counted[day][1], counted[day][2], open_days) for location, day in locations.items()
    )
    is_whole = dataset.event.replace != "append"
    return Delivered(
        deliveries, vanished=functools.partial(Delivery, sha256="", bytes=0, opened=open_days) if is_whole else None
    )


def _table(name: str, dataset: Dataset) -> _Table:
    place = f"datasets/{name}.yml, {dataset.source_place}.table"
    schema, _, relation = str(dataset.source.table).rpartition(".")
    schema = schema or "public"
    if schema in _NOT_YOURS or schema.startswith("pg_"):
        raise ConfigurationError(
            f"{place}: {schema} is a schema of the warehouse's own or of Postgres: name a table in a schema of yours; "
            "a source may be a dbt model of yours, too, {dbt: int_something}"
        )
    table = _readable(schema, relation)
    if table is None:
        known = _names([], [*_NOT_YOURS])
        raise SourceUnavailableError(
            f"{place}: {schema}.{relation} is not in the warehouse's database, where a table or a view is named as "
            f"schema.table{nearest(f'{schema}.{relation}', known) if known else ''}"
        )
    return table


def _model(name: str, model: str) -> _Table:
    for schema in _DBT_SCHEMAS:
        table = _readable(schema, model)
        if table is not None:
            return table
    known = [each.partition(".")[2] for each in _names([*_DBT_SCHEMAS], [])]
    raise SourceUnavailableError(
        f"datasets/{name}.yml, source.dbt: {model} is not built in any of {', '.join(_DBT_SCHEMAS)}; a model is "
        f"read as it was built before this run, which dbt's `run -s {model}` does"
        f"{nearest(model, known) if known else ''}"
    )


def _readable(schema: str, relation: str) -> _Table | None:
    """The relation with rights to read it; None where it is not there.

    Raises:
        ConfigurationError: neither the role that reads nor the connected user may.
    """
    label = f"{schema}.{relation}"
    ways: list[Callable[[], AbstractContextManager[None]]] = [
        functools.partial(acting_as, Role.ASKER),
        acting_as_oneself,
    ]
    for way in ways:
        with way(), database.connect("source", read_only=True) as connection:
            parameters: dict[str, object] = {"schema": schema, "relation": relation}
            row: Any = connection.execute(_QUERIES["relation"], parameters).fetchone()
            if row is None:
                return None
            if row[1]:
                columns = connection.execute(_QUERIES["columns"], {"oid": row[0]}).fetchall()
                fields = fields_of([(str(each), str(kind)) for each, kind in columns])
                return _Table(label, sql.Identifier(schema, relation), fields, way)
    raise ConfigurationError(
        f"{label} may not be read: let its owner run `grant usage on schema {schema} to {Role.ASKER}` and "
        f"`grant select on {label} to {Role.ASKER}`"
    )


def _names(within: list[str], without: list[str]) -> list[str]:
    with acting_as_oneself(), database.connect("source", read_only=True) as connection:
        return database.values(connection, _QUERIES["names"], str, {"within": within, "without": without})


def _query(name: str, dataset: Dataset, table: _Table) -> _Query:
    matching = matched(name, dataset, table.label, table.fields)
    fields = {column: field for column, field in matching.items() if field is not None}
    values = {column: _value(field) for column, field in fields.items()}
    event = dataset.event
    day = _day(dataset, fields[event.timestamp], values[event.timestamp]) if event.timestamp else None
    late = {column.name for column in raw_columns(dataset) if column.may_be_absent}
    # Without a key a row is known by its place, which what comes later must not change.
    order = event.key or tuple(column for column in values if column not in late)
    first = [values[event.timestamp]] if event.timestamp else []
    selected = [sql.SQL("{} as {}").format(value, sql.Identifier(column)) for column, value in values.items()]
    parts: dict[str, sql.Composable] = {
        "table": table.relation,
        "day": day or sql.SQL("cast(null as date)"),
        "values": sql.SQL(", ").join(values.values()),
        "selected": sql.SQL(", ").join(selected),
        "day_column": sql.Identifier(DAY_COLUMN),
        "order": sql.SQL(", ").join([*first, *(values[column] for column in order)]),
    }
    return _Query(tuple(values), day is not None, parts)


def _value(field: Field) -> sql.Composed:
    """A column of Postgres in a type that files have, too; a time that is infinite is none."""
    column = sql.Identifier("source", field.spelling)
    if field.type in _AS_THEY_ARE:
        query: LiteralString = "{0}"
    elif field.type in _TIMES:
        query = "case when isfinite({0}) then {0} end"
    elif field.type == "numeric":
        # 5.00 and 5 are the same category.
        query = "cast(case when {0} = trunc({0}) then trunc({0}) else nullif({0}, 'NaN') end as text)"
    else:
        query = "cast({0} as text)"
    return sql.SQL(query).format(column)


def _day(dataset: Dataset, field: Field, value: sql.Composed) -> sql.Composed | None:
    """The day of a row by the dataset's clock; None where Postgres cannot tell it."""
    parts = {"value": value, "zone": sql.Literal(dataset.event.timezone)}
    if field.type == "timestamptz":
        return sql.SQL("cast({value} at time zone {zone} as date)").format(**parts)
    if field.type in _TIMES:
        return sql.SQL("cast({value} as date)").format(**parts)
    if dataset.event.format in _EPOCHS and field.type in _NUMBERS:
        scale = sql.Literal(_EPOCHS[dataset.event.format])
        epoch = sql.SQL("cast(to_timestamp(cast({value} as double precision) / {scale}) at time zone {zone} as date)")
        return epoch.format(**parts, scale=scale)
    return None


def _days(table: _Table, query: _Query) -> dict[str, tuple[int, str, int]]:
    """The days of a table, '' for rows without a time, with their rows, hash and bytes."""
    try:
        with table.reading(), database.connect("source", read_only=True) as connection:
            counted: list[Any] = connection.execute(sql.SQL(_QUERIES["days"]).format(**query.parts)).fetchall()
    except psycopg.Error as error:
        _refuse(table, error)
    columns = ",".join(query.present)
    return {
        day: (rows, hashlib.sha256(f"{day} {rows} {content} {columns}".encode()).hexdigest(), size)
        for day, rows, content, size in counted
    }


def _read(table: _Table, query: _Query, counts: dict[str, int], path: Path) -> None:
    """The rows of days into a file, in the order of the days."""
    try:
        with table.reading(), writing(path) as writer, arrow_cursor.opened() as cursor:
            cursor.execute("set transaction read only")
            for days in _parts(counts):
                statement = sql.SQL(_QUERIES["read"]).format(**query.parts, days=sql.Literal(days))
                cursor.execute(statement.as_string(None))
                cursor.fetch_batches(writer.write)
    except adbc_driver_manager.Error as error:
        _refuse(table, error)


def _refuse(table: _Table, error: Exception) -> NoReturn:
    reason = " ".join(str(error).split())[:200]
    raise SourceUnavailableError(f"{table.label} could not be read, the database said: {reason}") from error


def _parts(counts: dict[str, int]) -> Iterator[list[str]]:
    """Days that are read together."""
    part: list[str] = []
    rows = 0
    for day, count in counts.items():
        if part and rows + count > _MOST_SORTED:
            yield part
            part, rows = [], 0
        part.append(day)
        rows += count
    if part:
        yield part
