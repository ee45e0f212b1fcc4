"""`make ack`: a person says that they look into an incident, or that it is dealt with.

The incident itself is never changed: what people say is a follow-up with their name and the time. Called by
pipeline.cli.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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
    known = _only(incident, _incidents())
    name = f"incident {known.incident_id} ({known.name})"
    if close and known.state in _OVER:
        raise UsageError(f"{name} is {known.state} already: leave CLOSE out to add a note to it")
    kind = "closed" if close else "acknowledged" if known.state == "open" else "noted"
    parameters: dict[str, object] = {
        "incident_id": known.incident_id,
        "kind": kind,
        "note": note,
        "noted_by": user_name(),
    }
    with acting_as(Role.MONITOR), database.connect("acknowledge") as connection:
        connection.execute(_QUERIES["insert_followup"], parameters)
    if kind == "noted":
        return f"the note is with {name}, which is {known.state}"
    return f"{name} is {kind}"


@dataclass(frozen=True)
class _Incident:
    """An incident as a person knows it."""

    incident_id: str
    state: str
    name: str


def _incidents() -> list[_Incident]:
    with database.connect("acknowledge", read_only=True) as connection:
        if not database.one_row(connection, _QUERIES["is_there"])[0]:
            raise UsageError("there are no incidents: marts.fct_incidents is missing; run `make pipeline`")
        return database.rows(connection, _QUERIES["incidents"], _Incident)


def _only(incident: str, known: list[_Incident]) -> _Incident:
    matching = [each for each in known if each.incident_id.startswith(incident)] if incident else []
    if len(matching) == 1 and len(incident) >= _FEWEST_DIGITS:
        return matching[0]
    offered = matching or [each for each in known if each.state == "open"]
    listed = ", ".join(f"{each.incident_id} ({each.name})" for each in offered[:_SHOWN])
    hint = f": {'it may be' if matching else 'open are'} {listed}" if listed else ": none is open"
    if not incident:
        raise UsageError(f"no incident was given{hint}")
    if len(matching) == 1:
        raise UsageError(f"INCIDENT '{incident}' is too short, give {_FEWEST_DIGITS} digits at least{hint}")
    raise UsageError(f"INCIDENT '{incident}' is {'not one alone' if matching else 'not on record'}{hint}")
