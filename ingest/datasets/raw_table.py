"""The table raw.<name> of a dataset: made, and altered where the dataset's file has changed, as the warehouse's owner.

Called by the pipeline before the roles get their rights, so that the loader needs none to make tables, and by
pipeline.commands.backup, which makes them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from config.dataset_checks import OWN_COLUMNS
from config.datasets import Dataset
from config.settings import DATASET as TAXIS
from core.errors import ConfigurationError
from ingest.datasets.raw_columns import POSTGRES_TYPES, RawColumn, raw_columns
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("raw_table.sql"))
# Postgres takes 1,600, and counts those that were dropped.
_MOST_COLUMNS = 1_500


def ensure_raw_table(connection: database.Connection, name: str, dataset: Dataset) -> None:
    """Make the table, or bring it to what the dataset's file says; idempotent.

    Columns that the file no longer has stay, unused. A table without a row is made anew where types have changed.

    Raises:
        ConfigurationError: the name is that of something else, there are no or too many columns, one has another type
            than in the warehouse, or the rows that are there do not have a key that has changed.
    """
    columns = raw_columns(dataset)
    if not 0 < len(columns) <= _MOST_COLUMNS:
        raise ConfigurationError(
            f"datasets/{name}.yml, columns: {len(columns):,} are to be loaded, 1 to {_MOST_COLUMNS:,} are valid: give "
            "some a type, or call those that nobody needs ignored"
        )
    with database.transaction(connection):
        there = _there(connection, name)
        if there and _must_be_made_anew(connection, name, there, columns):
            # What dbt has built on it is built again.
            connection.execute(sql.SQL("drop table {} cascade").format(_table(name)))
            there = {}
        if not there:
            _make(connection, name, columns)
        for column in columns:
            if there and column.name not in there:
                add = sql.SQL("alter table {} add column {}").format(_table(name), definition(column))
                connection.execute(add)
        _ensure_key(connection, name, dataset.event.key)


def described(connection: database.Connection, name: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """The columns of a dataset's table beside the warehouse's own, with their types, and the columns of its key."""
    rows: list[Any] = connection.execute(_QUERIES["columns"], {"name": name}).fetchall()
    keys: list[Any] = connection.execute(_QUERIES["keys"], {"name": name}).fetchall()
    columns = {column: kind for _, column, kind in rows if column not in OWN_COLUMNS}
    return columns, tuple(keys[0][1]) if keys else ()


def make_again(connection: database.Connection, name: str, columns: Mapping[str, str], key: tuple[str, ...]) -> None:
    """Make an empty table as `described` has found it; the types are those of POSTGRES_TYPES."""
    kinds = {kind: each for each, kind in POSTGRES_TYPES.items()}
    _make(connection, name, tuple(RawColumn(column, kinds[kind]) for column, kind in columns.items()))
    _ensure_key(connection, name, key)


def _there(connection: database.Connection, name: str) -> dict[str, str]:
    """The columns of the dataset's table with their types; none where it is still to be made."""
    rows: list[Any] = connection.execute(_QUERIES["columns"], {"name": name}).fetchall()
    columns = {column: kind for _, column, kind in rows}
    if name == TAXIS or (rows and not (rows[0][0] == "r" and columns.keys() >= set(OWN_COLUMNS))):
        raise ConfigurationError(
            f"datasets/{name}.yml: raw.{name} is a table of the warehouse's own: give the dataset another name, "
            f"such as own_{name}, by renaming its file"
        )
    return columns


def _must_be_made_anew(
    connection: database.Connection, name: str, there: dict[str, str], columns: tuple[RawColumn, ...]
) -> bool:
    changed = [column for column in columns if there.get(column.name, column.type) != column.type]
    if not changed:
        return False
    first_row = sql.SQL("select from {} limit 1").format(_table(name))
    if connection.execute(first_row).fetchone() is None:
        return True
    column = changed[0]
    raise ConfigurationError(
        f"datasets/{name}.yml, columns.{column.name}: it is {column.kind} ({column.type}) here, but raw.{name} holds "
        f"it as {there[column.name]}: undo this, or give the dataset another name, under which it is loaded anew"
    )


def _make(connection: database.Connection, name: str, columns: tuple[RawColumn, ...]) -> None:
    own = [definition(column) for column in columns]
    connection.execute(
        sql.SQL("create table {} ({})").format(
            _table(name), sql.SQL(", ").join([*own, sql.SQL(_QUERIES["own_columns"])])
        )
    )
    connection.execute(sql.SQL("create index on {} (source_month)").format(_table(name)))


def _ensure_key(connection: database.Connection, name: str, key: tuple[str, ...]) -> None:
    """One unique index, of the key's columns."""
    indexes: list[Any] = connection.execute(_QUERIES["keys"], {"name": name}).fetchall()
    for index, columns in indexes:
        if tuple(columns) != key:
            connection.execute(sql.SQL("drop index {}").format(sql.Identifier("raw", index)))
    if not key or key in [tuple(columns) for _, columns in indexes]:
        return
    names = sql.SQL(", ").join(map(sql.Identifier, key))
    try:
        connection.execute(sql.SQL("create unique index on {} ({})").format(_table(name), names))
    except psycopg.errors.UniqueViolation as error:
        raise ConfigurationError(
            f"datasets/{name}.yml, event.key: rows of raw.{name} share values of {', '.join(key)} "
            f"({error.diag.message_detail}): name a key that is another in every row, or give the dataset another name"
        ) from error


def definition(column: RawColumn) -> sql.Composed:
    return sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(column.type))


def _table(name: str) -> sql.Identifier:
    return sql.Identifier("raw", name)
