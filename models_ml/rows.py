"""Which rows a model is about: the filter `only` of monitoring.yml, as SQL.

A model goes in, a condition with its parameters comes out, checked against the relation that scoring reads. Called by
train and score.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from psycopg import sql

from pipeline import database
from pipeline.errors import ConfigurationError
from pipeline.monitoring import Model

_QUERIES = database.queries(Path(__file__).with_name("models.sql"))
ACCEPTED = "intermediate.int_trips_accepted"
SCORED = "intermediate.int_trips_scored"
NUMBER_TYPES = {"smallint", "integer", "bigint", "numeric", "real", "double precision"}


def row_condition(spec: str, model: Model, first_parameter: int) -> tuple[sql.Composable, list[object]]:
    """The model's rows as a condition on accepted trips, and the values of its parameters.

    Args:
        first_parameter: number of the first parameter, such as 2 for $2.

    Raises:
        ConfigurationError: a column is not there, or its values are of another type.
    """
    if not model.only:
        return sql.SQL("true"), []
    types = column_types(ACCEPTED)
    conditions: list[sql.Composable] = []
    for number, (name, value) in enumerate(model.only.items(), start=first_parameter):
        _check(spec, name, value, types)
        condition = sql.SQL(
            f"cast({{column}} as {'text' if isinstance(value, str) else 'double precision'}) = ${number}"
        )
        conditions.append(condition.format(column=sql.Identifier(name)))
    values = [value if isinstance(value, str) else float(value) for value in model.only.values()]
    return sql.SQL(" and ").join(conditions), list(values)


def column_types(relation: str) -> dict[str, str]:
    """Postgres' types of a relation's columns, by name."""
    schema, _, table = relation.partition(".")
    with database.connect("rows", read_only=True) as connection:
        rows: list[Any] = connection.execute(_QUERIES["column_types"], {"schema": schema, "table": table}).fetchall()
    return dict(rows)


def _check(spec: str, name: str, value: object, types: dict[str, str]) -> None:
    place = f"monitoring.yml, models.{spec}.only"
    if name not in types:
        raise ConfigurationError(f"{place}: {ACCEPTED} has no column {name}: use one of {', '.join(sorted(types))}")
    if (types[name] in NUMBER_TYPES) == isinstance(value, str):
        holds, such_as = ("numbers", f"{name}: 1") if isinstance(value, str) else ("no numbers", f"{name}: '{value}'")
        raise ConfigurationError(
            f"{place}: {name} is of type {types[name]} and holds {holds}, {value!r} was found: write {such_as}"
        )
