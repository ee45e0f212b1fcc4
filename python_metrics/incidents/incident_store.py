"""The database side of incidents: what fired, what is on record, and what has to be added to it.

An incident is written once, as it was when it was raised; whatever comes later is a follow-up. Called by
pipeline.steps.alarms.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from psycopg import sql

from config.monitoring import PREDICTION, Monitoring
from core.failpoints import failpoint
from python_metrics.alerts.series_alarms import CUSTOM
from python_metrics.incidents.incident_facts import Facts
from python_metrics.incidents.incidents import DecidedDay, Firing, Incident, Subject, incidents_of
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("incident_store.sql"))


@dataclass(frozen=True)
class Raised:
    """What an incident says when it is raised.

    `figure_of` and `moved_of` say which rows the worst figure and what moved are of, '' for all; `level` is the one
    whose share the figure is.
    """

    facts: Facts
    rows_query: str
    figure_of: str = ""
    moved_of: str = ""
    level: str = ""


@dataclass(frozen=True)
class _Stored:
    incident_id: str
    subject: Subject
    window_start: datetime
    followups: tuple[tuple[str, datetime | None], ...]

    @property
    def is_withdrawn(self) -> bool:
        return self._last("withdrawn", "reinstated") == "withdrawn"

    @property
    def resolved_at(self) -> datetime | None:
        """End of the last quiet day; None where it was not resolved or went on."""
        ends = [(kind, start) for kind, start in self.followups if kind in ("resolved", "reopened")]
        return ends[-1][1] if ends and ends[-1][0] == "resolved" else None

    def _last(self, *kinds: str) -> str:
        return next((kind for kind, _ in reversed(self.followups) if kind in kinds), "")


def record_incidents(monitoring: Monitoring, raise_: Callable[[Incident], Raised | None], run_id: int) -> int:
    """Bring the record of a dataset's incidents up to date with the decisions as they are now; gives the rows added.

    Nothing on record is changed: an incident that the decisions no longer bear out gets the follow-up `withdrawn`.

    Args:
        monitoring: where windows and expected events are read from, and how many quiet days end an incident.
        raise_: says what there is to say about a new incident; None where nothing can be said yet: it is not recorded.
        run_id: whose work it is.
    """
    fires, decided, events = _read_decisions(monitoring)
    clear_windows = monitoring.calibration.clear_days * monitoring.windows.per_day
    with database.connect("incidents") as connection:
        stored = _read_stored(connection, monitoring.dataset)
        added = 0
        borne_out: set[str] = set()
        for incident in incidents_of(fires, decided, clear_windows):
            known = _on_record(incident, stored, borne_out)
            if known is None:
                raised = raise_(incident)
                if raised is None:
                    continue
                opened_date = monitoring.windows.date_of(incident.opened.window_date)
                _insert(connection, incident, raised, opened_date, events.get(opened_date, ""), run_id)
                known = _Stored(incident.incident_id, incident.subject, incident.opened.window_start, ())
                added += 1
                failpoint("incidents.added")
            borne_out.add(known.incident_id)
            added += _follow_up(connection, known, incident, run_id)
        for one in stored:
            if one.incident_id not in borne_out and not one.is_withdrawn:
                _add(connection, one.incident_id, "withdrawn", run_id)
                added += 1
        failpoint("incidents.before_commit")
    return added


def _on_record(incident: Incident, stored: Sequence[_Stored], taken: set[str]) -> _Stored | None:
    """The earliest stored incident that this one continues; a story that began elsewhere keeps its name."""
    days = {firing.window_start for firing in incident.days}
    same = [one for one in stored if one.subject == incident.subject and one.incident_id not in taken]
    by_name = [one for one in same if one.incident_id == incident.incident_id]
    within = [one for one in same if one.window_start in days and not one.is_withdrawn]
    return next(iter([*within, *by_name]), None)


def _follow_up(connection: database.Connection, known: _Stored, incident: Incident, run_id: int) -> int:
    added = 0
    if known.is_withdrawn:
        _add(connection, known.incident_id, "reinstated", run_id)
        added += 1
    seen = {start for kind, start in known.followups if kind == "seen"}
    for firing, models in zip(incident.days, incident.models, strict=True):
        if firing.window_start == known.window_start or firing.window_start in seen:
            continue
        _add(connection, known.incident_id, "seen", run_id, firing.window_start, firing, models)
        added += 1
    if incident.resolved_at != known.resolved_at:
        kind = "reopened" if incident.resolved_at is None else "resolved"
        _add(connection, known.incident_id, kind, run_id, incident.resolved_at)
        added += 1
    return added


def _add(
    connection: database.Connection,
    incident_id: str,
    kind: str,
    run_id: int,
    window_start: datetime | None = None,
    firing: Firing | None = None,
    models: Sequence[str] | None = None,
) -> None:
    parameters: dict[str, object] = {
        "incident_id": incident_id,
        "kind": kind,
        "window_start": window_start,
        "threshold_ratio": firing and firing.threshold_ratio,
        "p_value": firing and firing.p_value,
        "model_specs": None if models is None else list(models),
        "run_id": run_id,
    }
    connection.execute(_QUERIES["insert_followup"], parameters)


def _insert(
    connection: database.Connection, incident: Incident, raised: Raised, opened_date: date, event: str, run_id: int
) -> None:
    firing, facts = incident.opened, raised.facts
    parameters: dict[str, object] = {
        **asdict(incident.subject),
        "incident_id": incident.incident_id,
        "window_start": firing.window_start,
        "window_date": opened_date,
        "statistic": firing.statistic,
        "threshold_ratio": firing.threshold_ratio,
        "p_value": firing.p_value,
        "status": firing.status,
        "reference_days": firing.reference_days,
        "model_specs": list(incident.models[0]),
        "moved": json.dumps([{**asdict(move), "days": facts.days, "groups": facts.groups} for move in facts.moved]),
        "affected_segments": json.dumps([asdict(segment) for segment in facts.segments]),
        "rows_query": raised.rows_query,
        "event": event,
        "figure_of": raised.figure_of,
        "moved_of": raised.moved_of,
        "level": raised.level,
        "run_id": run_id,
    }
    connection.execute(_QUERIES["insert_incident"], parameters)


def _read_decisions(monitoring: Monitoring) -> tuple[list[Firing], list[DecidedDay], dict[date, str]]:
    relations, of_dataset = monitoring.windows, {"dataset": monitoring.dataset, "timezone": monitoring.windows.timezone}
    named = {"windows": database.relation(relations.windows), "events": database.relation(relations.events)}
    queries = {name: sql.SQL(_QUERIES[name]).format(**named) for name in ("fires", "decided_days", "events")}
    with database.connect("incidents", read_only=True) as connection:
        found: Any = {name: connection.execute(query, of_dataset).fetchall() for name, query in queries.items()}
    fires = []
    for start, day, family, column, key, value, version, *rest in found["fires"]:
        # Models share inputs, rows and the dataset's metrics; a prediction and what follows from it is a model's own.
        shared = family == CUSTOM or (family in ("columns", "quality") and column != PREDICTION)
        subject = Subject(family, column, key, value, "" if shared else version, monitoring.dataset)
        fires.append(Firing(start, day, subject, version, *rest))
    return fires, [DecidedDay(*row) for row in found["decided_days"]], dict(found["events"])


def _read_stored(connection: database.Connection, dataset: str) -> list[_Stored]:
    incidents: list[Any] = connection.execute(_QUERIES["stored_incidents"], {"dataset": dataset}).fetchall()
    rows: list[Any] = connection.execute(_QUERIES["stored_followups"]).fetchall()
    followups: dict[str, list[tuple[str, datetime | None]]] = {}
    for incident_id, kind, start in rows:
        followups.setdefault(incident_id, []).append((kind, start))
    return [
        _Stored(incident_id, Subject(*subject), start, tuple(followups.get(incident_id, ())))
        for incident_id, *subject, start in incidents
    ]
