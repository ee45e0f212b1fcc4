"""Pages as the database answers them: used by the tests of the dashboards."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from config.paths import ROOT
from grafana.preview.asking import open_dashboard
from warehouse.database import Connection


def target_of(address: str) -> tuple[str, dict[str, str]]:
    """The dashboard that an address opens, with the time range and the variables it sets.

    Raises:
        ValueError: it is no address of a dashboard.
    """
    parts = urlsplit(address)
    uid = re.fullmatch(r"/?d/([\w-]+)", parts.path)
    if not uid:
        raise ValueError(f"'{address}' is no address of a dashboard")
    asked = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    return unquote(uid[1]), {name.removeprefix("var-"): value for name, value in asked.items()}


# What a second dataset would have: a model, days of another year by a clock east of UTC, an alert of its own.
_SECOND_DATASET = """
create temp table of_model as select * from marts.dim_models where model_spec = 'green_tipped';
update of_model set dataset = 'loans', model_spec = 'repaid', model_version = 'repaid';
insert into marts.dim_models select * from of_model;

create temp table of_days as select * from marts.fct_daily_monitoring where model_spec = 'green_tipped';
update of_days set
    dataset = 'loans', model_spec = 'repaid', model_version = 'repaid', window_date = window_date - 900,
    window_start = cast(window_date - 900 as timestamp) at time zone 'Asia/Tokyo',
    window_end = cast(window_date - 899 as timestamp) at time zone 'Asia/Tokyo';
insert into marts.fct_daily_monitoring select * from of_days;

create temp table of_columns as
select * from marts.fct_column_drift where model_spec = 'green_tipped' and segment = 'all';
update of_columns set
    dataset = 'loans', model_spec = 'repaid', model_version = 'repaid', window_date = window_date - 900,
    window_start = cast(window_date - 900 as timestamp) at time zone 'Asia/Tokyo';
insert into marts.fct_column_drift select * from of_columns;

create temp table of_volume as select * from intermediate.int_daily_volume;
update of_volume set
    dataset = 'loans', row_count = 7, window_date = window_date - 900,
    window_start = cast(window_date - 900 as timestamp) at time zone 'Asia/Tokyo';
insert into intermediate.int_daily_volume select * from of_volume;

create temp table of_alerts as select * from marts.fct_day_alerts where rule = 'volume' and resolved_at is null limit 1;
update of_alerts set
    alert_id = 'of loans', dataset = 'loans', severity = 'critical', summary = '0 loans where 7 are usual',
    opened_date = opened_date - 900, worst_date = worst_date - 900, last_seen_date = last_seen_date - 900,
    opened_at = cast(opened_date - 900 as timestamp) at time zone 'Asia/Tokyo';
insert into marts.fct_day_alerts select * from of_alerts;
"""


def add_dataset(connection: Connection) -> None:
    """A second dataset, `loans` with its model `repaid`, beside the one of the warehouse."""
    connection.execute(_SECOND_DATASET)


def models_by_name(connection: Connection) -> dict[str, str]:
    rows: list[Any] = connection.execute("select model_spec, model_version from marts.dim_models").fetchall()
    return dict(rows)


def found_rows(connection: Connection, uid: str, **chosen: str) -> dict[str, list[tuple[Any, ...]]]:
    """The rows of every panel of a dashboard, by its title."""
    dashboard = open_dashboard(ROOT / "grafana" / "dashboards" / f"{uid}.json")
    dashboard.choose(connection, **chosen)
    return {title: dashboard.run(connection, sql).rows for title, _, sql in dashboard.queries()}
