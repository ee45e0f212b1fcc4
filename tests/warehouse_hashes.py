"""Whether two warehouses hold the same: a hash of every table's rows, without what names a run or tells the time."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from warehouse.database import Connection

SCHEMAS = ("raw", "intermediate", "ml", "monitoring", "marts")
# Numbers that sequences give, what is made of them, and the clock.
COLUMNS_ABOUT_RUNS = (
    "run_id", "load_id", "label_load_id", "prediction_load_id", "followup_id", "inputs_hash", "trips_hash",
    "inputs_hash_with_load", "inputs_hash_trailing",
    "loaded_at", "trained_at", "created_at", "scored_at", "computed_at", "recorded_at", "applied_at", "settled_at",
    "made_at", "delivered_at", "delivery_id",
)  # fmt: skip
# With the bytes of model files: skops does not write the same ones twice.
PASSING_COLUMNS = (*COLUMNS_ABOUT_RUNS, "artifact_file", "artifact_sha256")
# What is about runs and not about data.
ABOUT_RUNS = ("runs", "fct_pipeline_runs", "dbt_results", "fct_test_results", "heartbeats", "fct_heartbeats")

_TABLES = """
select table_schema, table_name, array_agg(cast(column_name as text) order by ordinal_position)
from information_schema.columns
where
    table_schema = any(%(schemas)s)
    and not table_name = any(%(about_runs)s)
    -- Until dbt drops it, a moment after another table took its place.
    and not table_name like '%%\\_\\_dbt\\_backup'
    and not column_name = any(%(passing)s)
    -- When the labels were loaded, under a name that dashboards ask for.
    and not (table_name = 'fct_label_loads' and column_name = 'window_start')
group by table_schema, table_name
"""
_HASH = """
select count(*) || ':' || coalesce(sum(hashtextextended(cast(row({columns}) as text), 0)), 0)
from {table}
{only}
"""
# The alerts that runs and the clock raise, not the data; deliveries that others have taken the place of.
_ONLY = {
    "marts.fct_alerts": "where rule not in ('failed_run', 'stale_data')",
    "marts.fct_alert_conditions": "where rule not in ('failed_run', 'stale_data')",
    "marts.fct_day_alerts": "where rule not in ('failed_run', 'stale_data')",
}
_ONLY_CURRENT = {
    "raw.files": "where status = 'loaded'",
    "ml.label_loads": "where false",
    "marts.fct_label_loads": "where false",
}


def hashes(connection: Connection, *, history: bool = True, schemas: Sequence[str] = SCHEMAS) -> dict[str, str]:
    """A hash by table; two warehouses that were brought to the same state in the same way have equal ones.

    Without `history`, tables that keep what was replaced are compared by what holds now.
    """
    parameters = {
        "schemas": list(schemas),
        "about_runs": [*ABOUT_RUNS, *(() if history else _HISTORIES)],
        "passing": [*PASSING_COLUMNS, *(() if history else ("as_of",))],
    }
    only = _ONLY if history else _ONLY | _ONLY_CURRENT
    found = {}
    for schema, table, columns in connection.execute(_TABLES, parameters).fetchall():
        assert isinstance(columns, list)
        name = f"{schema}.{table}"
        condition = only.get(name, "")
        if not history and "is_latest" in columns:
            condition = "where is_latest"
        query = sql.SQL(_HASH).format(
            columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
            table=sql.Identifier(str(schema), str(table)),
            only=sql.SQL(condition),
        )
        row = connection.execute(query).fetchone()
        assert row is not None
        found[name] = str(row[0])
    return found


_HISTORIES = (
    "metric_history", "ledger", "fct_alerts",
    "incidents", "incident_followups", "fct_incidents", "fct_incident_followups",
)  # fmt: skip


def differences(found: dict[str, str], expected: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """The tables that are not the same, with both hashes; a message a person can read."""
    names = sorted(found.keys() | expected.keys())
    return {name: (found.get(name), expected.get(name)) for name in names if found.get(name) != expected.get(name)}
