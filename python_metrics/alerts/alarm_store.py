"""The database side of alarm decisions: which days there are, what was decided, writing what is.

Called by python_metrics.alerts, python_metrics.comparisons and pipeline.steps.alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from psycopg import sql

from config.monitoring import Windows
from core.failpoints import failpoint
from python_metrics.monitored import Window
from python_metrics.stored_figures import stored_values
from warehouse import database
from warehouse.ledger import Key

_QUERIES = database.queries(Path(__file__).with_name("alarm_store.sql"))


@dataclass(frozen=True)
class ProfiledDay:
    """A day that has profiles: of `is_monitored` ones there are metrics, so that they are to be evaluated."""

    window: Window
    duplicate_count: int
    is_monitored: bool
    profiles_hash: str


@dataclass(frozen=True)
class DayAlarm:
    """One decision, as monitoring.day_alarms has it; figures are None where there is none."""

    status: str
    is_firing: bool
    row_count: int
    threshold: float | None
    threshold_ratio: float | None
    p_value: float | None
    segment_key: str
    segment_value: str
    column_name: str
    statistic: str
    reference_start: date | None
    reference_days: int
    false_alarm_days: float
    worst_columns: list[str]


@dataclass(frozen=True)
class AlarmScore:
    """One figure of a decision beside what held-out reference days showed of it; None where it has no value."""

    segment_key: str
    segment_value: str
    column_name: str
    statistic: str
    given_others: bool
    score: float | None
    expected: float | None
    level: str
    null_p01: float | None
    null_p10: float | None
    null_p90: float | None
    null_p99: float | None
    excess: float | None
    standardised: float | None
    p_value: float | None
    threshold_ratio: float | None
    own_threshold_ratio: float | None


def profiled_days(
    relations: Windows, model_version: str, reference_id: str, columns: Sequence[str]
) -> list[ProfiledDay]:
    """The days with profiles of these columns, by date."""
    query = sql.SQL(_QUERIES["profiled_days"]).format(
        windows=database.relation(relations.windows), profiles=database.relation(relations.profiles)
    )
    parameters = {"model_version": model_version, "reference_id": reference_id, "columns": list(columns)}
    with database.connect("alarms", read_only=True) as connection:
        rows: list[Any] = connection.execute(query, parameters).fetchall()
    return [ProfiledDay(Window(*row[:5]), *row[5:]) for row in rows]


def worst_columns(model_version: str, family: str) -> dict[datetime, frozenset[str]]:
    """What the decisions that are there remember for the days after theirs, by the start of their day."""
    parameters = {"model_version": model_version, "family": family}
    with database.connect("alarms", read_only=True) as connection:
        rows: list[Any] = connection.execute(_QUERIES["worst_columns"], parameters).fetchall()
    return {start: frozenset(columns) for start, columns in rows}


def event_days(relations: Windows) -> frozenset[date]:
    """Days on which something was expected; they are no measure of what is usual."""
    query = sql.SQL(_QUERIES["event_days"]).format(events=database.relation(relations.events))
    with database.connect("alarms", read_only=True) as connection:
        rows: list[Any] = connection.execute(query).fetchall()
    return frozenset(row[0] for row in rows)


def write_alarm(
    connection: database.Connection,
    key: Key,
    window: Window,
    alarm: DayAlarm,
    scores: Sequence[AlarmScore],
    run_id: int,
) -> None:
    """Replace the decision about a day, with its figures, in the caller's transaction."""
    remove_alarm(connection, key)
    failpoint("alarms.deleted")
    columns = key.of_model("family")
    more = {"window_end": window.window_end, "run_id": run_id}
    connection.execute(_QUERIES["insert_alarm"], {**columns, **stored_values(asdict(alarm)), **more})
    with connection.cursor() as cursor, cursor.copy(_QUERIES["copy_scores"]) as copy:
        for score in scores:
            copy.write_row((*columns.values(), run_id, *stored_values(vars(score)).values()))


def remove_alarm(connection: database.Connection, key: Key) -> None:
    """Take out the decision about a day, with its figures, in the caller's transaction."""
    connection.execute(_QUERIES["delete_alarm"], key.of_model("family"))
    connection.execute(_QUERIES["delete_scores"], key.of_model("family"))
