"""What tests do with whole runs: make one, ask the warehouse afterwards, and say what it holds in all."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from config.months import Month, parse_months
from config.settings import Settings, Source, make_settings
from pipeline.runner import Pipeline, Report
from tests.warehouse_hashes import COLUMNS_ABOUT_RUNS
from warehouse.database import Connection


def settings(folder: Path, months: str = "", train_month: Month | None = None, as_of: str = "") -> Settings:
    monitored = parse_months(months) if months else None
    moment = date.fromisoformat(as_of) if as_of else None
    return make_settings(data_dir=folder, source=Source.LOCAL, train_month=train_month, months=monitored, as_of=moment)


def run(folder: Path, months: str = "", train_month: Month | None = None, as_of: str = "") -> Report:
    return Pipeline(settings(folder, months, train_month, as_of), lambda line: None).run()


def rows(connection: Connection, query: str, *parameters: object) -> list[Any]:
    return connection.execute(query.encode(), parameters).fetchall()


def one(connection: Connection, query: str, *parameters: object) -> Any:
    ((value,),) = rows(connection, query, *parameters)
    return value


def contents(connection: Connection) -> dict[str, str]:
    """A hash of every table's rows without run ids, load ids and clock columns.

    What is about runs is left out, and so is what runs evaluated before the last one (`is_latest` is false): it depends
    on how many runs there were.
    """
    tables = rows(
        connection,
        """
        select table_schema, table_name, array_agg(column_name::text order by ordinal_position)
        from information_schema.columns
        where table_schema in ('raw', 'intermediate', 'ml', 'monitoring', 'marts')
        and not column_name = any(%s)
        and table_name not in (
            'runs', 'fct_pipeline_runs', 'dbt_results', 'fct_test_results', 'fct_alerts', 'fct_label_loads',
            'schema_versions', 'metric_history', 'ledger',
            'incidents', 'incident_followups', 'fct_incidents', 'fct_incident_followups'
        )
        group by 1, 2
        """,
        [*COLUMNS_ABOUT_RUNS, "as_of"],
    )
    found = {}
    for schema, table, columns in tables:
        listed = ", ".join(f'"{column}"' for column in columns)
        found[f"{schema}.{table}"] = one(
            connection,
            f"select count(*) || ':' || coalesce(sum(hashtextextended(row({listed})::text, 0)), 0) "
            f'from {schema}."{table}"' + (" where is_latest" if "is_latest" in columns else ""),
        )
    return found
