"""The SQL of a dataset's file - derived columns, rules that reject rows, metrics - tried before it is built.

Postgres plans each expression on the raw table's columns, without reading a row; how it has understood the expression
says whether that does more than compute. Called by pipeline.steps.ingest and pipeline.steps.metrics.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg
from psycopg import sql

from config.datasets import Dataset
from config.described import EVENT_TIME, descriptions
from core.errors import ConfigurationError
from core.files.columns import shortened
from ingest.datasets.raw_columns import raw_columns
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("expressions.sql"))
_TYPES = {"numerical": "double precision", "boolean": "boolean"}
_MOST_LISTED = 20
Part = Literal["derive", "reject", "metrics"]
_VALID: dict[Part, str] = {
    "derive": "one value made of a row's own columns, such as amount / income",
    "reject": "a condition on a row's own columns, such as amount <= 0",
    "metrics": "one number that aggregates the accepted rows, such as avg(amount)",
}
# What Postgres calls a kind of types, and its words.
_KINDS: dict[Part, tuple[str, str]] = {"reject": ("B", "true or false"), "metrics": ("N", "a number")}
# What a parsed query must not hold, as Postgres writes it, and why.
_REFUSED = (
    (re.compile(r"\{SUBLINK|:setOperations \{"), "it has a query of its own, which reads other rows"),
    (re.compile(r":hasWindowFuncs true"), "it has a window function, which reads other rows"),
    (re.compile(r":hasTargetSRFs true"), "it gives several rows"),
)
# Of queries in one another the outer one begins.
_AGGREGATES = re.compile(r":hasAggs (true|false)")
_CALLS = re.compile(r":(?:funcid|aggfnoid|winfnoid|opfuncid) (\d+)")


@dataclass(frozen=True)
class _Expression:
    """One that the file has; `type` is what its value is cast to, '' for none."""

    part: Part
    name: str
    text: str
    type: str = ""

    @property
    def value(self) -> sql.Composable:
        """As a column; on lines of its own, so that a comment in it ends with it."""
        value = sql.SQL("(\n{}\n)").format(sql.SQL(self.text))
        return sql.SQL("cast({} as {})").format(value, sql.SQL(self.type)) if self.type else value


def check_expressions(name: str, dataset: Dataset) -> None:
    """Raises:
    ConfigurationError: names the place in the file, and says what is wrong with the expression and what is valid.
    """
    staged, columns = _staged(name, dataset), [column.name for column in raw_columns(dataset)]
    described = [each for of_column in descriptions(dataset).values() for each in of_column]
    with contextlib.closing(database.connect("expressions", autocommit=True)) as connection:
        for each in _expressions(dataset):
            rows = staged if each.part == "derive" else _derived(staged, dataset)
            valid = columns if each.part == "derive" else [*columns, *dataset.derive, *(one.name for one in described)]
            _check(connection, name, each, rows, valid)


def check_metrics(name: str, dataset: Dataset, relation: str) -> None:
    """The same of the metrics alone, of a dataset whose accepted rows are made by SQL of its own.

    Raises:
        ConfigurationError: as check_expressions.
    """
    rows = sql.SQL("{} as accepted").format(database.relation(relation))
    with contextlib.closing(database.connect("expressions", autocommit=True)) as connection:
        for each in _expressions(dataset):
            if each.part == "metrics":
                _check(connection, name, each, rows, list(dataset.column_names))


def _check(
    connection: database.Connection, name: str, expression: _Expression, rows: sql.Composed, columns: list[str]
) -> None:
    why = _why_refused(connection, expression, rows)
    if why:
        raise ConfigurationError(
            f"datasets/{name}.yml, {expression.part}.{expression.name}: '{expression.text}' is no expression on its "
            f"columns ({why}): it is Postgres' SQL, {_VALID[expression.part]}, with the columns as the file names "
            f"them: {shortened(columns, _MOST_LISTED)}"
        )


def _expressions(dataset: Dataset) -> Iterator[_Expression]:
    for name, derived in dataset.derive.items():
        yield _Expression("derive", name, derived.sql, _TYPES.get(str(derived.type), ""))
    for rule in dataset.reject:
        yield _Expression("reject", rule.name, rule.when)
    for name, text in dataset.metrics.items():
        yield _Expression("metrics", name, text)


def _staged(name: str, dataset: Dataset) -> sql.Composed:
    """The rows as the staging model has them (dbt_project/macros/datasets/datasets.sql)."""
    columns = [sql.Identifier(column.name) for column in raw_columns(dataset)]
    time = (
        sql.Identifier(dataset.event.timestamp)
        if dataset.event.timestamp
        else sql.SQL("cast(window_date as timestamp)")
    )
    return sql.SQL("(select {}, {} as {} from {}) as staged").format(
        sql.SQL(", ").join(columns), time, sql.Identifier(EVENT_TIME), sql.Identifier("raw", name)
    )


def _derived(staged: sql.Composed, dataset: Dataset) -> sql.Composed:
    """The rows with what is derived of each, and what describes times and texts."""
    derived = [(each.name, each.value) for each in _expressions(dataset) if each.part == "derive"]
    derived += [
        (each.name, _Expression("derive", each.name, each.sql).value)
        for of_column in descriptions(dataset).values()
        for each in of_column
    ]
    more = [sql.SQL(", {} as {}").format(value, sql.Identifier(name)) for name, value in derived]
    return sql.SQL("(select staged.*{} from {}) as derived").format(sql.SQL("").join(more), staged)


def _why_refused(connection: database.Connection, expression: _Expression, rows: sql.Composed) -> str:
    """What is wrong with an expression on these rows; '' where it can be used."""
    view = sql.SQL("create temporary view tried_expression as select {} as value from {}")
    try:
        with database.transaction(connection), database.undone(connection):
            connection.execute(view.format(expression.value, rows))
            parsed: Any = database.one_row(connection, _QUERIES["planned"])
            calls = [int(function) for function in _CALLS.findall(parsed[0])]
            refused: Any = connection.execute(_QUERIES["refused_functions"], {"functions": calls}).fetchall()
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        return error.diag.message_primary or str(error)
    return _objection(expression.part, parsed, [name for (name,) in refused])


def _objection(part: Part, parsed: tuple[str, int, str, str], refused: list[str]) -> str:
    tree, columns, type_name, category = parsed
    for held, why in _REFUSED:
        if held.search(tree):
            return why
    if refused:
        return f"it calls {', '.join(refused)}, which may do more than compute or is another each time"
    if columns != 1:
        return f"it gives {columns} values"
    aggregates = _AGGREGATES.findall(tree)[0] == "true"
    if aggregates != (part == "metrics"):
        return "it aggregates rows" if aggregates else "it aggregates nothing"
    wanted, words = _KINDS.get(part, (category, ""))
    return "" if category == wanted else f"it gives {type_name}, and not {words}"
