"""How a file of labels or predictions names rows of the warehouse, and how they are found by that.

Rows of a dataset with a key are named by its columns, all others by the month and the place in it that they came at.
In: a dataset's `Monitoring`. Out: what is read of a file, the columns of a staging table, and SQL that joins it with
the rows. Called by models_ml.label_feed, label_file, load and prediction_files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql

from config.config_values import nearest
from config.monitoring import KeyColumn, KeyKind, Monitoring
from core.errors import BadFileError, ConfigurationError, printable
from core.files.columns import DECISION, MONTH, NUMBER, POSITION, Column, Value, shortened, written
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("event_keys.sql"))
_TYPES: dict[KeyKind, sql.SQL] = {
    "number": sql.SQL("double precision"),
    "time": sql.SQL("timestamp without time zone"),
    "boolean": sql.SQL("boolean"),
    "category": sql.SQL("text"),
    "text": sql.SQL("text"),
}
_ZONE = r"(?i)(z|utc|gmt|\d ?[+-]\d\d(:?\d\d)?|[a-z_]+/[a-z_/]+)$"


@dataclass(frozen=True)
class KeyValue(Value):
    """A value of a key's column, as the loader of datasets writes it."""

    kind: KeyKind = "text"
    timezone: str = "UTC"

    def accepts(self, duckdb_type: str) -> bool:
        """Whatever a file types it as; what cannot be read is said value by value."""
        return True

    def sql(self, column: Column) -> str:
        """The value of a column, null where there is none that is valid."""
        if self.kind == "number":
            return NUMBER.sql(column)
        if self.kind == "boolean":
            return DECISION.sql(column)
        if self.kind == "time":
            return self._time(column)
        kind = column.type.split("(")[0] or "VARCHAR"
        return (
            f"replace({written(column.sql, kind, as_it_stands=bool(column.type) or self.kind == 'text')}, chr(0), '')"
        )

    def _time(self, column: Column) -> str:
        raw, zone = column.sql, f"'{self.timezone}'"
        if column.type == "TIMESTAMP WITH TIME ZONE":
            return f"timezone({zone}, {raw})"
        if not column.is_text:
            return f"try_cast({raw} as timestamp)"
        zoned = f"timezone({zone}, try_cast(trim({raw}) as timestamptz))"
        is_zoned = f"contains({raw}, ':') and regexp_matches(trim({raw}), '{_ZONE}')"
        return f"case when {is_zoned} then {zoned} else try_cast(trim({raw}) as timestamp) end"


# As the loader of datasets writes a category.
CLASS = KeyValue("the name of a class", frozenset(), "", "", kind="category")


@dataclass(frozen=True)
class EventKey:
    """How rows of a dataset are named.

    Attributes:
        columns: those of the dataset's key; none where rows are named by their place.
        values: what is read of a file, by the names of its columns.
        words: what many rows are called.
    """

    columns: tuple[KeyColumn, ...]
    values: Mapping[str, Value]
    words: str

    @classmethod
    def of(cls, monitoring: Monitoring) -> EventKey:
        """How the rows of a dataset are named."""
        zone = monitoring.windows.timezone
        of_key = {
            column.name: KeyValue(
                f"a value of the key's column {column.name}", frozenset(), "", "", kind=column.kind, timezone=zone
            )
            for column in monitoring.key
        }
        return cls(monitoring.key, of_key or BY_PLACE.values, monitoring.words.many)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of a file that name a row."""
        return tuple(self.values)

    def aliases(self, file: Path, what: str) -> Callable[[Sequence[str]], dict[str, str]]:
        """For core.files.table_files.open_table: other spellings of the key's columns."""

        def of_file(there: Sequence[str]) -> dict[str, str]:
            """Raises:
            BadFileError: a column of the key is not there.
            """
            found = {}
            for column in self.columns:
                if column.name in there:
                    continue
                spelling = (column.source_name or column.name).lower()
                if spelling not in there:
                    shown = [printable(name) for name in there]
                    raise BadFileError(
                        f"{file.name} has no column {column.name}, which names {self.words} here: {what} has the key "
                        f"of each ({', '.join(self.names)}){nearest(column.name, shown)}"
                    )
                found[spelling] = column.name
            return found

        return of_file

    @property
    def staged(self) -> tuple[str, ...]:
        """The names of the columns of a staging table."""
        return tuple(f"key_{n}" for n, _ in enumerate(self.columns, 1)) or self.names

    @property
    def staged_columns(self) -> sql.Composable:
        """Those columns with their types, each with a comma behind it."""
        types = [_TYPES[column.kind] for column in self.columns] or [sql.SQL("date"), sql.SQL("bigint")]
        return sql.SQL("").join(
            sql.SQL("{} {}, ").format(sql.Identifier(name), kind) for name, kind in zip(self.staged, types, strict=True)
        )

    @property
    def of_rows(self) -> sql.Composable:
        """The key's columns of the rows under the names of the staging table, each with a comma before it."""
        cast = sql.SQL(", cast({} as {}) as {}")
        return sql.SQL("").join(
            cast.format(sql.Identifier(column.name), _TYPES[column.kind], sql.Identifier(name))
            for column, name in zip(self.columns, self.staged, strict=False)
        )

    def check(self, relation: str, types: Mapping[str, str]) -> None:
        """Raises:
        ConfigurationError: a relation of rows lacks a column of the key.
        """
        missing = [column.name for column in self.columns if column.name not in types]
        if missing:
            raise ConfigurationError(
                f"{relation} has no column {', '.join(missing)}, which is the key of its {self.words}: have it select "
                "all that the staging model has"
            )

    def same(self, staged: str, rows: str) -> sql.Composable:
        """Whether a staged record is of a row."""
        if not self.columns:
            query = "monitoring.event_id({staged}.source_month, {staged}.source_row) = {rows}.event_id"
            return sql.SQL(query).format(staged=sql.Identifier(staged), rows=sql.Identifier(rows))
        return sql.SQL(" and ").join(
            sql.SQL("{} = {}").format(sql.Identifier(staged, name), sql.Identifier(rows, name)) for name in self.staged
        )

    def place(self, staged: str) -> sql.Composable:
        """The month and the place that a staged record names; null where it has a key."""
        if self.columns:
            return sql.SQL("cast(null as date) as source_month, cast(null as bigint) as source_row")
        return sql.SQL("{0}.source_month, {0}.source_row").format(sql.Identifier(staged))

    def examples(self, connection: database.Connection, rows: str, records: Sequence[str]) -> str:
        """Words on what keys look like in the warehouse, and in a file."""
        if not self.columns:
            return ""
        key = sql.SQL("concat_ws(', ', {})").format(
            sql.SQL(", ").join(sql.SQL("cast({} as text)").format(sql.Identifier(name)) for name in self.names)
        )
        query = sql.SQL(_QUERIES["examples"]).format(key=key, rows=database.relation(rows))
        found: list[Any] = connection.execute(query).fetchall()
        there = shortened([printable(str(row[0]))[:60] for row in found]) or "none"
        named = shortened([printable(record)[:60] for record in records])
        of_key = ", ".join(self.names)
        return f"the key ({of_key}) of {self.words} in the warehouse looks like {there}; in the file like {named}"


BY_PLACE = EventKey((), {"source_month": MONTH, "source_row": POSITION}, "trips")
