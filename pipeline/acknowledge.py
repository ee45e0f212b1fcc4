"""`make ack`: a person says that they look into an incident, or that it is dealt with.

The incident itself is never changed: what people say is a follow-up with their name and the time. Called by
pipeline.cli.
"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from pipeline import database
from pipeline.errors import UsageError
from pipeline.roles import Role, acting_as

_QUERIES = database.queries(Path(__file__).with_name("acknowledge.sql"))
_SHOWN = 10


def acknowledge(incident: str, note: str, close: str) -> str:
    """Record a follow-up; gives a line for a person.

    Args:
        incident: the incident's id or enough of its first digits.
        note: what the person says; needed.
        close: `yes` where it is dealt with, else ''.

    Raises:
        UsageError: no such incident, several, one that is over, or nothing said.
    """
    incident, note, close = incident.strip().lower(), note.strip(), close.strip().lower()
    if close not in ("", "yes"):
        raise UsageError(f"CLOSE '{close}' is not valid: use CLOSE=yes, or leave it out")
    if not note:
        raise UsageError('no note was given: say what you know or do, NOTE="the vendor sends it again tonight"')
    database.migrate()
    with acting_as(Role.MONITOR), database.connect("acknowledge") as connection:
        found: list[Any] = connection.execute(_QUERIES["incidents"]).fetchall()
        incident_id, state, name = _only(incident, found)
        if state in ("resolved", "closed", "withdrawn"):
            raise UsageError(f"incident {incident_id} ({name}) is {state} already: there is nothing to say about it")
        kind = "closed" if close else "acknowledged"
        parameters: dict[str, object] = {
            "incident_id": incident_id,
            "kind": kind,
            "note": note,
            "noted_by": getpass.getuser(),
        }
        connection.execute(_QUERIES["insert_followup"], parameters)
    return f"incident {incident_id} ({name}) is {kind}"


def _only(incident: str, found: list[Any]) -> tuple[str, str, str]:
    matching = [row for row in found if row[0].startswith(incident)] if incident else []
    if len(matching) == 1:
        incident_id, state, name = matching[0]
        return incident_id, state, name
    listed = ", ".join(
        f"{row[0]} ({row[2]})" for row in (matching or [row for row in found if row[1] == "open"])[:_SHOWN]
    )
    hint = f": {'it may be' if matching else 'open are'} {listed}" if listed else ": none is open"
    if not incident:
        raise UsageError(f"no incident was given{hint}")
    raise UsageError(f"INCIDENT '{incident}' is {'not one alone' if matching else 'not on record'}{hint}")
