"""The SQL of a dataset's file - derived columns, rules that reject rows - tried before it is built.

Postgres plans each expression on the raw table's columns, without reading a row. Called by pipeline.steps.ingest.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
from psycopg import sql

from config.datasets import Dataset
from config.described import EVENT_TIME
from core.errors import ConfigurationError
from ingest.datasets.raw_columns import raw_columns
from warehouse import database

_TYPES = {"numerical": "double precision", "boolean": "boolean"}


def check_expressions(name: str, dataset: Dataset) -> None:
    """Raises:
    ConfigurationError: names the place in the file, and says what Postgres says of the expression.
    """
    columns = [sql.Identifier(column.name) for column in raw_columns(dataset)]
    time = (
        sql.Identifier(dataset.event.timestamp)
        if dataset.event.timestamp
        else sql.SQL("cast(window_date as timestamp)")
    )
    rows: sql.Composable = sql.SQL("(select {}, {} as {} from {}) as staged").format(
        sql.SQL(", ").join(columns), time, sql.Identifier(EVENT_TIME), sql.Identifier("raw", name)
    )
    derived: list[sql.Composable] = []
    with database.connect("expressions", read_only=True, autocommit=True) as connection:
        for place, text, column in _expressions(dataset):
            expression: sql.Composable = sql.SQL("({})").format(sql.SQL(text))
            if place.startswith("derive"):
                kind = _TYPES.get(str(dataset.derive[column].type))
                expression = sql.SQL("cast({} as {})").format(expression, sql.SQL(kind)) if kind else expression
                derived.append(sql.SQL("{} as {}").format(expression, sql.Identifier(column)))
                selected: sql.Composable = sql.SQL(", ").join(derived)
                query = sql.SQL("select {} from {} limit 0").format(selected, rows)
            else:
                more = sql.SQL("").join(sql.SQL(", {}").format(each) for each in derived)
                inner = sql.SQL("(select staged.*{} from {}) as derived").format(more, rows)
                query = sql.SQL("select 1 from {} where {} limit 0").format(inner, expression)
            try:
                connection.execute(query)
            except psycopg.Error as error:
                raise ConfigurationError(
                    f"datasets/{name}.yml, {place}: '{text}' is no expression on its columns "
                    f"({error.diag.message_primary or error}): it is Postgres' SQL, with the columns as the "
                    "file names them"
                ) from error


def _expressions(dataset: Dataset) -> Iterator[tuple[str, str, str]]:
    """Each with its place, and the column that it makes."""
    for name, derived in dataset.derive.items():
        yield f"derive.{name}", derived.sql, name
    for rule in dataset.reject:
        yield f"reject.{rule.name}", rule.when, ""
