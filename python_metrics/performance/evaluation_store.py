"""The database side of what labels say: which windows to evaluate again, keeping what was evaluated, writing what is.

An evaluation is what a window's labels said at a moment (as_of). The latest one lies in monitoring.metric_values, those
that it took the place of in monitoring.metric_history. Called by python_metrics.performance.evaluations.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from psycopg import sql

from config.monitoring import Windows
from core.failpoints import failpoint
from python_metrics.metric_rows import MetricRow
from python_metrics.monitored import Window
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("evaluation_store.sql"))
# Stands in the place of what an evaluation was made from where it is to be computed again, as of its own moment.
AGAIN = "again"


@dataclass(frozen=True)
class Evaluated:
    """What is evaluated, by which labels and rules: a model against its reference, as of a moment."""

    model_version: str
    reference_id: str
    target: str
    rules: str
    as_of: datetime


def pending_windows(relations: Windows, evaluated: Evaluated) -> list[Window]:
    """Windows with metrics whose labels, as of then, are not those of the evaluation held at that time; by date."""
    query = sql.SQL(_QUERIES["pending_evaluations"]).format(**_parts(relations))
    with database.connect("evaluations", read_only=True) as connection:
        rows: list[Any] = connection.execute(query, vars(evaluated)).fetchall()
    return [Window(*row) for row in rows]


def settle_months(relations: Windows, evaluated: Evaluated) -> None:
    """Note the months of which all labels have arrived; called when no window is pending any more."""
    parts = _parts(relations)
    unsettle = sql.SQL(_QUERIES["unsettle_months"]).format(**parts)
    settle = sql.SQL(_QUERIES["settle_months"]).format(**parts)
    with database.connect("evaluations") as connection:
        connection.execute(unsettle, vars(evaluated))
        connection.execute(settle, vars(evaluated))
    failpoint("evaluations.settled")


def _parts(relations: Windows) -> dict[str, sql.Composable]:
    """What the two queries about months share."""
    windows, evaluated = database.relation(relations.windows), sql.SQL(_QUERIES["evaluated"])
    months = sql.SQL(_QUERIES["months"]).format(windows=windows, evaluated=evaluated)
    return {"windows": windows, "trips": database.relation(relations.trips), "evaluated": evaluated, "months": months}


def to_recall(model_version: str, reference_id: str) -> dict[datetime, set[tuple[datetime, str]]]:
    """Windows (start, granularity) whose evaluation is to be computed again, by its moment, earliest first."""
    parameters = {"model_version": model_version, "reference_id": reference_id, "again": AGAIN}
    with database.connect("evaluations", read_only=True) as connection:
        rows: list[Any] = connection.execute(_QUERIES["to_recall"], parameters).fetchall()
    found: dict[datetime, set[tuple[datetime, str]]] = {}
    for as_of, window_start, granularity in rows:
        found.setdefault(as_of, set()).add((window_start, granularity))
    return found


def write_evaluation(
    connection: database.Connection,
    model_version: str,
    reference_id: str,
    window: Window,
    as_of: datetime,
    rows: list[MetricRow],
    run_id: int,
) -> None:
    """Write what is evaluated of a window as of a moment, in one transaction; an earlier evaluation goes into the
    history.

    Where a later evaluation is there already, this one is history itself.
    """
    key = {
        "model_version": model_version,
        "reference_id": reference_id,
        "window_start": window.window_start,
        "granularity": window.granularity,
        "as_of": as_of,
    }
    with database.transaction(connection), connection.cursor() as cursor:
        found: Any = cursor.execute(_QUERIES["latest_evaluation"], key).fetchone()
        latest = found[0]
        is_latest = latest is None or latest <= as_of
        cursor.execute(_QUERIES["delete_earlier_evaluation"], key)
        if is_latest:
            cursor.execute(_QUERIES["keep_superseded"], key)
            cursor.execute(_QUERIES["delete_evaluation"], key)
        failpoint("evaluations.deleted")
        place = "copy_evaluation" if is_latest else "copy_earlier_evaluation"
        start = (model_version, reference_id, window.window_start, window.granularity, window.window_end, run_id, as_of)
        with cursor.copy(_QUERIES[place]) as copy:
            for row in rows:
                copy.write_row((*start, *row.fields()))
        inputs_hash = {"content_hash": window.content_hash, "inputs_hash": window.inputs_hash}
        cursor.execute(_QUERIES["mark_evaluated"], {**key, **inputs_hash, "run_id": run_id})
        failpoint("evaluations.before_commit")
