"""The trips that labels belong to: the relations of its dataset, checked before they are put into a query.

Called by models_ml.labels and models_ml.label_feed.
"""

from __future__ import annotations

from pathlib import Path

from psycopg import sql

from core.advice import Advice
from core.errors import ConfigurationError
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("labels.sql"))
_KEY = {"event_id": {"bigint"}, "source_month": {"date"}, "source_row": {"bigint"}, "load_id": {"bigint"}}
_WALL_CLOCK, _INSTANT = "timestamp without time zone", "timestamp with time zone"
TIMES = {_WALL_CLOCK, _INSTANT}


def check_trips(connection: database.Connection, relation: str, wanted: dict[str, set[str]]) -> dict[str, str]:
    """The types of a relation of trips by column, once it has its key and the `wanted` columns (name: valid types).

    Raises:
        ConfigurationError: the relation or a column is not there, or a column is of another type.
    """
    found = connection.execute(_QUERIES["column_types"], {"relation": relation}).fetchall()
    types = {str(name): str(data_type) for name, data_type in found}
    if not types:
        raise ConfigurationError(
            f"the warehouse has no relation {relation}, whose rows labels belong to: {Advice.UPDATE}"
        )
    for name, valid in (_KEY | wanted).items():
        if name not in types:
            raise ConfigurationError(f"label: {relation} has no column {name}; it has {', '.join(types)}")
        if types[name] not in valid:
            raise ConfigurationError(
                f"label: the column {name} of {relation} is of type {types[name]}; "
                f"{' or '.join(sorted(valid))} is needed"
            )
    return types


def instant(column: str, data_type: str, timezone: str) -> sql.Composable:
    """A checked column of times as an instant: a wall-clock reading is of that time zone."""
    if data_type == _INSTANT:
        return sql.Identifier(column)
    return sql.SQL("({} at time zone {})").format(sql.Identifier(column), sql.Literal(timezone))
