"""The database side of the metrics: which windows are to be computed, their rows, writing the results.

A window is computed again when what it was computed from has changed: its content, the reference, the
rules of monitoring.yml or the version of Evidently. Called by python_metrics.monitor.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pipeline import database
from pipeline.monitoring import MonitoredColumn, Windows
from python_metrics.windows import MetricRow, Reference, make_reference

if TYPE_CHECKING:
    import pandas as pd

_QUERIES = database.queries(Path(__file__).with_name("store.sql"))
# Raised when the figures themselves change their meaning or their definition.
METRICS_VERSION = 1


@dataclass(frozen=True)
class Window:
    """A window to compute, with a hash of everything that its metric rows depend on."""

    window_date: date
    window_start: datetime
    window_end: datetime
    granularity: str
    inputs_hash: str


@dataclass(frozen=True)
class GoneWindow:
    """A window that has metric rows and is none any more."""

    window_start: datetime
    granularity: str


def rules_hash(columns: tuple[MonitoredColumn, ...], min_values: int) -> str:
    """Hash of the rules that metric rows follow."""
    rules = {
        "columns": [column.model_dump(mode="json") for column in columns],
        "min_values": min_values,
        "evidently": version("evidently"),
        "metrics": METRICS_VERSION,
    }
    return hashlib.sha256(json.dumps(rules, sort_keys=True).encode()).hexdigest()


def pending_windows(
    relations: Windows, model_version: str, reference_id: str, rules: str, months: list[date]
) -> list[Window]:
    """Windows of these months, and windows computed before, whose inputs are not those of their rows; by date."""
    query = sql.SQL(_QUERIES["pending_windows"]).format(windows=database.relation(relations.windows))
    parameters = {
        "model_version": model_version,
        "reference_id": reference_id,
        "rules": rules,
        "months": [month.isoformat() for month in months],
    }
    with database.connect("metrics", read_only=True) as connection:
        rows: list[Any] = connection.execute(query, parameters).fetchall()
    return [Window(*row) for row in rows]


def gone_windows(relations: Windows, model_version: str, reference_id: str) -> list[GoneWindow]:
    """Windows that were computed and are there no more, because their month came again with fewer days."""
    query = sql.SQL(_QUERIES["gone_windows"]).format(windows=database.relation(relations.windows))
    with database.connect("metrics", read_only=True) as connection:
        rows: list[Any] = connection.execute(
            query, {"model_version": model_version, "reference_id": reference_id}
        ).fetchall()
    return [GoneWindow(*row) for row in rows]


def read_reference(reference_id: str) -> Reference:
    """The stored rows of a reference."""
    import pandas as pd

    with database.connect("metrics", read_only=True) as connection:
        rows = connection.execute(_QUERIES["reference_rows"], {"reference_id": reference_id}).fetchall()
    return make_reference(reference_id, pd.DataFrame([row[0] for row in rows]))


def read_rows(
    relations: Windows, model_version: str, columns: tuple[MonitoredColumn, ...], windows: list[Window]
) -> Iterator[tuple[Window, pd.DataFrame]]:
    """Each window with its rows, in source order, holding those monitored columns that the relation has."""
    available = _column_names(relations.rows)
    names = [column.name for column in columns if column.name in available]
    query = sql.SQL(
        "select window_date, {columns} from {rows} where model_version = $1 "
        "and window_date between cast($2 as date) and cast($3 as date) order by source_month, source_row"
    ).format(
        columns=sql.SQL(", ").join(map(sql.Identifier, names)),
        rows=database.relation(relations.rows),
    )
    for month in sorted({window.window_date.replace(day=1) for window in windows}):
        wanted = [window for window in windows if window.window_date.replace(day=1) == month]
        first, last = wanted[0].window_date.isoformat(), wanted[-1].window_date.isoformat()
        frame = database.read_frame(query, [model_version, first, last])
        by_day = dict(list(frame.drop(columns="window_date").groupby(frame["window_date"], sort=False)))
        nothing = frame.drop(columns="window_date").iloc[:0]
        for window in wanted:
            yield window, by_day.get(window.window_date, nothing)


def read_rejections(relations: Windows, windows: list[Window]) -> dict[datetime, dict[str, int]]:
    """Rejected rows by window and rule."""
    query = sql.SQL(_QUERIES["rejections"]).format(rejections=database.relation(relations.rejections))
    found: dict[datetime, dict[str, int]] = {window.window_start: {} for window in windows}
    with database.connect("metrics", read_only=True) as connection:
        rows: list[Any] = connection.execute(query, {"starts": list(found)}).fetchall()
    for window_start, rule, count in rows:
        found[window_start][rule] = count
    return found


def write_window(
    connection: database.Connection,
    model_version: str,
    reference_id: str,
    window: Window,
    rows: list[MetricRow],
    run_id: int,
) -> None:
    """Replace a window's metric rows in one transaction, with the note of what they were computed from."""
    key = {
        "model_version": model_version,
        "reference_id": reference_id,
        "window_start": window.window_start,
        "granularity": window.granularity,
    }
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_QUERIES["delete_window"], key)
        with cursor.copy(_QUERIES["copy_metric_values"]) as copy:
            for row in rows:
                copy.write_row((*key.values(), window.window_end, run_id, *astuple(row)))
        cursor.execute(_QUERIES["mark_computed"], {**key, "inputs_hash": window.inputs_hash, "run_id": run_id})


def remove_window(connection: database.Connection, model_version: str, reference_id: str, window: GoneWindow) -> None:
    """Take a window's metric rows out in one transaction, with the note of what they were computed from."""
    key = {
        "model_version": model_version,
        "reference_id": reference_id,
        "window_start": window.window_start,
        "granularity": window.granularity,
    }
    with connection.transaction():
        connection.execute(_QUERIES["delete_window"], key)
        connection.execute(_QUERIES["forget_window"], key)


def _column_names(relation: str) -> set[str]:
    schema, table = relation.split(".")
    with database.connect("metrics", read_only=True) as connection:
        rows = connection.execute(_QUERIES["column_names"], {"schema": schema, "table": table}).fetchall()
    return {str(row[0]) for row in rows}
