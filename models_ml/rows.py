"""Which rows a model is about: the filter `only` of its predictions, as SQL.

A model goes in, a condition with its parameters comes out, checked against the relation that scoring reads. Called by
train and score.
"""

from __future__ import annotations

from psycopg import sql

from config.monitoring import Model
from core.errors import ConfigurationError
from core.levels import NUMBERS, level
from warehouse.relations import columns_of

ACCEPTED = "intermediate.green_trips_accepted"
SCORED = "intermediate.green_trips_scored"


def row_condition(spec: str, model: Model, first_parameter: int) -> tuple[sql.Composable, list[object]]:
    """The model's rows as a condition on accepted trips, and the values of its parameters.

    Args:
        first_parameter: number of the first parameter, such as 2 for $2.

    Raises:
        ConfigurationError: a column is not there, or its values are of another type.
    """
    if not model.only:
        return sql.SQL("true"), []
    types = columns_of(ACCEPTED)
    conditions: list[sql.Composable] = []
    for number, (name, value) in enumerate(model.only.items(), start=first_parameter):
        _check(spec, name, value, types)
        condition = sql.SQL(
            f"cast({{column}} as {'text' if isinstance(value, str | bool) else 'double precision'}) = ${number}"
        )
        conditions.append(condition.format(column=sql.Identifier(name)))
    values = [
        level(value) if isinstance(value, bool) else value if isinstance(value, str) else float(value)
        for value in model.only.values()
    ]
    return sql.SQL(" and ").join(conditions), list(values)


def _check(spec: str, name: str, value: object, types: dict[str, str]) -> None:
    place = f"models.{spec}.predictions.only"
    if name not in types:
        raise ConfigurationError(f"{place}: {ACCEPTED} has no column {name}: use one of {', '.join(sorted(types))}")
    is_number = not isinstance(value, str | bool)
    if (types[name] in NUMBERS) != is_number:
        holds, such_as = ("no numbers", f"{name}: '{value}'") if is_number else ("numbers", f"{name}: 1")
        raise ConfigurationError(
            f"{place}: {name} is of type {types[name]} and holds {holds}, {value!r} was found: write {such_as}"
        )
