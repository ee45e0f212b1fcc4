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
from warehouse import database, ledger
from warehouse.ledger import Key

_QUERIES = database.queries(Path(__file__).with_name("evaluation_store.sql"))


@dataclass(frozen=True)
class Evaluated:
    """What is evaluated, by which labels and rules: a model against its reference, as of a moment."""

    model_version: str
    reference_id: str
    dataset: str
    target: str
    rules: str
    as_of: datetime


def windows_to_evaluate(relations: Windows, evaluated: Evaluated) -> list[tuple[Window, str | None]]:
    """Windows with metrics, each with the hash of what is known of it as of then; None where it is not asked again."""
    query = sql.SQL(_QUERIES["windows"]).format(**_parts(relations))
    with database.connect("evaluations", read_only=True) as connection:
        rows: list[Any] = connection.execute(query, vars(evaluated)).fetchall()
    return [(Window(*row[:5]), row[5]) for row in rows]


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
    return {
        "windows": windows,
        "trips": database.relation(relations.accepted),
        "evaluated": evaluated,
        "months": months,
    }


def to_recall(model_version: str, reference_id: str) -> dict[datetime, set[Key]]:
    """Windows whose evaluation is to be computed again as of its own moment, by that moment, earliest first."""
    parameters = {"model_version": model_version, "reference_id": reference_id, "again": ledger.AGAIN}
    with database.connect("evaluations", read_only=True) as connection:
        rows: list[Any] = connection.execute(_QUERIES["to_recall"], parameters).fetchall()
    found: dict[datetime, set[Key]] = {}
    for as_of, window_start, granularity in rows:
        found.setdefault(as_of, set()).add(Key(model_version, reference_id, granularity, window_start))
    return found


def remove_evaluations(connection: database.Connection, key: Key) -> None:
    """Take out all that was ever evaluated of a window, in the caller's transaction."""
    columns = key.of_model("reference_id")
    connection.execute(_QUERIES["delete_evaluation"], columns)
    connection.execute(_QUERIES["delete_history"], columns)


def write_evaluation(
    connection: database.Connection, key: Key, window_end: datetime, as_of: datetime, rows: list[MetricRow], run_id: int
) -> int:
    """Write what is evaluated of a window as of a moment, in the caller's transaction; gives the number of rows.

    An earlier evaluation goes into the history. Where a later one is there already, this one is history itself.
    """
    columns = {**key.of_model("reference_id"), "as_of": as_of}
    with connection.cursor() as cursor:
        found: Any = cursor.execute(_QUERIES["latest_evaluation"], columns).fetchone()
        latest = found[0]
        is_latest = latest is None or latest <= as_of
        cursor.execute(_QUERIES["delete_earlier_evaluation"], columns)
        if is_latest:
            cursor.execute(_QUERIES["keep_superseded"], columns)
            cursor.execute(_QUERIES["delete_evaluation"], columns)
        failpoint("evaluations.deleted")
        place = "copy_evaluation" if is_latest else "copy_earlier_evaluation"
        start = (key.subject, key.part, key.window_start, key.granularity, window_end, run_id, as_of)
        with cursor.copy(_QUERIES[place]) as copy:
            for row in rows:
                copy.write_row((*start, *row.fields()))
    return len(rows)
