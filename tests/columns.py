"""Columns of somebody's own among the trips: added to what dbt has built, as an edited project would have them."""

from __future__ import annotations

from psycopg import sql

from warehouse.database import Connection

_VIEW = "create or replace view {view} as select old.*, {columns} from ({definition}) as old"
_JOIN = " inner join intermediate.green_trips_accepted as trips using (event_id)"


def add_columns(connection: Connection, columns: dict[str, tuple[str, str]]) -> None:
    """Add columns to the accepted trips, and to the views of all and of scored trips.

    Args:
        columns: (type, expression of the other columns) by name.
    """
    for name, (data_type, expression) in columns.items():
        parts = {
            "name": sql.Identifier(name),
            "type": sql.SQL(data_type),
            "value": sql.SQL(expression),
        }
        table = "alter table intermediate.green_trips_accepted add {name} {type}"
        connection.execute(sql.SQL(table).format(**parts))
        connection.execute(sql.SQL("update intermediate.green_trips_accepted set {name} = {value}").format(**parts))
        for view, columns_sql, join in (
            ("green_trips_scored", "trips.{name}", _JOIN),
            ("green_trips_classified", "cast({value} as {type}) as {name}", ""),
        ):
            relation = sql.Identifier("intermediate", view)
            definition: tuple[object] = connection.execute(  # type: ignore[assignment]  # it gives one row, never none
                "select pg_get_viewdef(%s::regclass)", [f"intermediate.{view}"]
            ).fetchone()
            text = str(definition[0]).rstrip().rstrip(";")
            connection.execute(
                sql.SQL(_VIEW + join).format(
                    view=relation,
                    columns=sql.SQL(columns_sql).format(**parts),
                    definition=sql.SQL(text),
                )
            )
