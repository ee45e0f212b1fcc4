"""The database side of alarm decisions: which days there are, what was decided, writing what is.

Called by python_metrics.alerts.alarms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from psycopg import sql

from config.monitoring import PREDICTION, Windows
from core.failpoints import failpoint
from python_metrics.incidents.incidents import Firing
from python_metrics.monitored import Window
from python_metrics.stored_figures import stored_values
from warehouse import database

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
    severity: float | None
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
    severity: float | None
    own_severity: float | None


@dataclass(frozen=True)
class StoredAlarm:
    """What a decision that is there was made from, and the columns that it remembers for the days after it."""

    inputs_hash: str
    worst_columns: frozenset[str]


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
    return [
        ProfiledDay(Window(day, start, end, granularity, content_hash, ""), *more)
        for day, start, end, granularity, content_hash, *more in rows
    ]


def stored_alarms(model_version: str, family: str) -> dict[datetime, StoredAlarm]:
    """The decisions that are there, by the start of their day."""
    with database.connect("alarms", read_only=True) as connection:
        rows: list[Any] = connection.execute(
            _QUERIES["stored_alarms"], {"model_version": model_version, "family": family}
        ).fetchall()
    return {start: StoredAlarm(inputs_hash, frozenset(columns)) for start, inputs_hash, columns in rows}


def farthest_column(model_version: str, window_start: datetime, statistic: str) -> str:
    """The input whose figure of that name is farthest from what is expected of the day; '' where there is none."""
    parameters: dict[str, object] = {
        "model_version": model_version,
        "window_start": window_start,
        "statistic": statistic,
        "prediction": PREDICTION,
    }
    with database.connect("alarms", read_only=True) as connection:
        row: Any = connection.execute(_QUERIES["farthest_column"], parameters).fetchone()
    return row[0] if row else ""


def level_of(firing: Firing) -> str:
    """The level whose share a column's figure is that fired; '' for any other figure."""
    parameters: dict[str, object] = {
        "model_version": firing.model_version,
        "family": firing.subject.family,
        "window_start": firing.window_start,
        "column_name": firing.subject.column_name,
        "statistic": firing.statistic,
    }
    with database.connect("alarms", read_only=True) as connection:
        row: Any = connection.execute(_QUERIES["level_of"], parameters).fetchone()
    return row[0] if row else ""


def event_days(relations: Windows) -> frozenset[date]:
    """Days on which something was expected; they are no measure of what is usual."""
    query = sql.SQL(_QUERIES["event_days"]).format(events=database.relation(relations.events))
    with database.connect("alarms", read_only=True) as connection:
        rows: list[Any] = connection.execute(query).fetchall()
    return frozenset(row[0] for row in rows)


@dataclass(frozen=True)
class AlarmKey:
    """Which decision: of a model, about a family of figures, on a day."""

    model_version: str
    family: str
    window: Window

    def parameters(self) -> dict[str, object]:
        """As columns of the table."""
        return {
            "model_version": self.model_version,
            "family": self.family,
            "window_start": self.window.window_start,
            "granularity": self.window.granularity,
        }


def write_alarm(
    connection: database.Connection,
    key: AlarmKey,
    inputs_hash: str,
    alarm: DayAlarm,
    scores: Sequence[AlarmScore],
    run_id: int,
) -> None:
    """Replace the decision about a day, with its figures, in one transaction."""
    columns = key.parameters()
    more = {"window_end": key.window.window_end, "inputs_hash": inputs_hash, "run_id": run_id}
    with database.transaction(connection), connection.cursor() as cursor:
        cursor.execute(_QUERIES["delete_alarm"], columns)
        cursor.execute(_QUERIES["delete_scores"], columns)
        failpoint("alarms.deleted")
        cursor.execute(_QUERIES["insert_alarm"], {**columns, **stored_values(asdict(alarm)), **more})
        with cursor.copy(_QUERIES["copy_scores"]) as copy:
            for score in scores:
                copy.write_row((*columns.values(), run_id, *stored_values(vars(score)).values()))
    failpoint("alarms.written")


def remove_alarm(connection: database.Connection, key: AlarmKey) -> None:
    """Take out the decision about a day, with its figures, in one transaction."""
    with database.transaction(connection):
        connection.execute(_QUERIES["delete_alarm"], key.parameters())
        connection.execute(_QUERIES["delete_scores"], key.parameters())
    failpoint("alarms.removed")


def remove_gone() -> int:
    """Take out decisions about days that are no windows any more; gives their number."""
    with database.connect("alarms") as connection:
        gone = connection.execute(_QUERIES["gone_alarms"]).rowcount
        connection.execute(_QUERIES["gone_scores"])
    failpoint("alarms.gone")
    return gone
