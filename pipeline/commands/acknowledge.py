"""`make ack`: a person says that they look into an incident, or that it is dealt with.

The incident itself is never changed: what people say is a follow-up with their name and the time. Called by
pipeline.cli.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from config.paths import user_name
from core.errors import UsageError
from warehouse import database, schema_versions
from warehouse.access.roles import Role, acting_as

_QUERIES = database.queries(Path(__file__).with_name("acknowledge.sql"))
_SHOWN = 10
_FEWEST_DIGITS = 4
_OVER = ("resolved", "closed", "withdrawn")


def acknowledge(incident: str, note: str, close: bool) -> str:
    """Record a follow-up; gives a line for a person.

    Args:
        incident: the incident's id or enough of its first digits, four at least.
        note: what the person says; needed.
        close: whether it is dealt with.

    Raises:
        UsageError: no such incident, several, one to close that is over, or nothing said.
    """
    incident, note = incident.strip().lower(), note.strip()
    if not note:
        raise UsageError('no note was given: say what you know or do, NOTE="the vendor sends it again tonight"')
    schema_versions.migrate()
    incident_id, state, name = _only(incident, _incidents())
    if close and state in _OVER:
        raise UsageError(f"incident {incident_id} ({name}) is {state} already: leave CLOSE out to add a note to it")
    kind = "closed" if close else "acknowledged" if state == "open" else "noted"
    parameters: dict[str, object] = {
        "incident_id": incident_id,
        "kind": kind,
        "note": note,
        "noted_by": user_name(),
    }
    with acting_as(Role.MONITOR), database.connect("acknowledge") as connection:
        connection.execute(_QUERIES["insert_followup"], parameters)
    if kind == "noted":
        return f"the note is with incident {incident_id} ({name}), which is {state}"
    return f"incident {incident_id} ({name}) is {kind}"


def _incidents() -> list[Any]:
    with database.connect("acknowledge", read_only=True) as connection:
        if not database.one_row(connection, _QUERIES["is_there"])[0]:
            raise UsageError("there are no incidents: marts.fct_incidents is missing; run `make pipeline`")
        return connection.execute(_QUERIES["incidents"]).fetchall()


def _only(incident: str, found: list[Any]) -> tuple[str, str, str]:
    matching = [row for row in found if row[0].startswith(incident)] if incident else []
    if len(matching) == 1 and len(incident) >= _FEWEST_DIGITS:
        incident_id, state, name = matching[0]
        return incident_id, state, name
    listed = ", ".join(
        f"{row[0]} ({row[2]})" for row in (matching or [row for row in found if row[1] == "open"])[:_SHOWN]
    )
    hint = f": {'it may be' if matching else 'open are'} {listed}" if listed else ": none is open"
    if not incident:
        raise UsageError(f"no incident was given{hint}")
    if len(matching) == 1:
        raise UsageError(f"INCIDENT '{incident}' is too short, give {_FEWEST_DIGITS} digits at least{hint}")
    raise UsageError(f"INCIDENT '{incident}' is {'not one alone' if matching else 'not on record'}{hint}")
