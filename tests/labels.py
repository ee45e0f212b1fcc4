"""A small warehouse that knows nothing of taxis, for tests of labels: orders of two months, and files about them.

And what those tests ask of it: labels written from its trips, what is stored, what was known at a moment.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from config.label_rules import Labels
from config.monitoring import Monitoring
from models_ml.labels import TripLabels, label_targets
from tests.monitoring import green_trips
from warehouse import engine
from warehouse.database import Connection
from warehouse.engine import bring_up_to_date

JANUARY, FEBRUARY = date(2022, 1, 1), date(2022, 2, 1)
# Orders of a month, an hour apart; the last ones are among the refused.
ACCEPTED, REFUSED = 40, 5
TRIPS = Labels(source="rows", ends_at="done_at", delay_days=3, jitter_days=1)
FEED = Labels(source="feed")
TABLES = ("labels", "label_loads", "rejected_labels")
NOON = datetime(2022, 3, 1, 12, tzinfo=UTC)

# A label's row, and all events with their keys.
ROW = "event_id & 4294967295"
EVENTS = "(select * from shop.orders union all select * from shop.refused) as events"
_TABLES = """
truncate ml.labels, ml.label_loads, ml.rejected_labels restart identity;
delete from monitoring.ledger where step = 'labels';
drop schema if exists shop cascade;
create schema shop;
create table shop.days (
    source_month date,
    load_id bigint,
    window_start timestamptz,
    content_hash text,
    is_pruned boolean not null default false
);
create table shop.orders (
    event_id bigint,
    source_month date, source_row bigint, load_id bigint, done_at timestamp, amount double precision, place text
);
create table shop.refused (like shop.orders);
insert into shop.days
select month, load_id, month + n * interval '1 day', n::text
from (values (date '2022-01-01', 1), (date '2022-02-01', 2)) as months (month, load_id), generate_series(0, 3) as n;
insert into shop.orders
select monitoring.event_id(month, n), month, n, load_id, month + n * interval '1 hour', n + 0.5, 'here'
from (values (date '2022-01-01', 1), (date '2022-02-01', 2)) as months (month, load_id), generate_series(0, 44) as n;
insert into shop.refused select * from shop.orders where source_row >= 40;
delete from shop.orders where source_row >= 40;
"""


def make_shop(connection: Connection) -> None:
    """The shop's tables, and none of its labels."""
    connection.execute("set client_min_messages = warning")
    connection.execute(_TABLES.encode())


def monitoring(**labels: Labels) -> Monitoring:
    """The project's own file, with the shop's relations and these labels in place of its own."""
    whole = green_trips()
    relations = {"windows": "shop.days", "accepted": "shop.orders", "rejected": "shop.refused"}
    return whole.model_copy(update={"windows": whole.windows.model_copy(update=relations), "labels": labels})


def done_at(row: int, month: date = FEBRUARY) -> datetime:
    """When the order was done, as its wall clock in New York shows it (no clocks change in those months)."""
    return datetime(month.year, month.month, 1) + timedelta(hours=row)


def parquet(path: Path, records: list[tuple[Any, Any, Any, Any]], **types: pa.DataType) -> Path:
    """A file of (month, row, label, observed at) records."""
    schema = {
        "source_month": pa.date32(),
        "source_row": pa.int64(),
        "label": pa.float64(),
        "observed_at": pa.timestamp("us", "UTC"),
    } | types
    columns = zip(*records, strict=True) if records else [()] * 4
    arrays = [pa.array(list(values), kind) for values, kind in zip(columns, schema.values(), strict=True)]
    pq.write_table(pa.table(arrays, names=list(schema)), path)
    return path


def csv(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(("source_month,source_row,label,observed_at", *lines)) + "\n", encoding="utf-8")
    return path


def refresh(config: Monitoring, run_id: int) -> int:
    """Labels of all targets are those of the trips; gives the labels written."""
    works = [TripLabels(config, target, run_id) for target in label_targets(config)]
    return sum(bring_up_to_date(work, run_id).rows for work in works)


def pending(connection: Connection, config: Monitoring) -> tuple[list[date], list[date]]:
    """The months whose labels are to be written anew, and those whose labels are to go."""
    stale, gone = engine.pending(connection, TripLabels(config, "amount", 1))
    return [unit.of.source_month for unit in stale], [date.fromisoformat(key.part) for key in gone]


def rows(connection: Connection, query: str, *parameters: object) -> list[Any]:
    return connection.execute(query.encode(), parameters).fetchall()


def one(connection: Connection, query: str, *parameters: object) -> Any:
    ((value,),) = rows(connection, query, *parameters)
    return value


def contents(connection: Connection) -> dict[str, list[Any]]:
    return {table: rows(connection, f"select * from ml.{table} order by 1, 2, 3, 4") for table in TABLES}


def known(connection: Connection, target: str, moment: datetime) -> dict[tuple[date, int], float]:
    """What docs/how-to/labels.md says was known at that moment, of trips as they are now."""
    found = rows(
        connection,
        """
        select distinct on (event_id) orders.source_month, orders.source_row, labels.label
        from ml.labels as labels
        join shop.orders as orders using (event_id, load_id)
        where labels.target = %s and labels.observed_at <= %s
        order by event_id, labels.observed_at desc
        """,
        target,
        moment,
    )
    return {(month, row): label for month, row, label in found}


def reasons(connection: Connection) -> list[tuple[int, str]]:
    return rows(connection, "select line, reason from ml.rejected_labels order by label_load_id, line")
