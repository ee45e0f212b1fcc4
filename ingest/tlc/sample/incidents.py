"""The incidents planted in the sample.

Goes in: `incidents.yml`, the one place that names days. Comes out: `Incident` values, and a day's trips
with what its incident does to them. Callers: `ingest.tlc.sample.months`, and whoever wants to compare what a monitor
found with what was planted.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from config.yaml_file import parse_yaml
from core.errors import ConfigurationError
from ingest.tlc.sample.draws import Array, Draws

Columns = dict[str, Array]

KINDS = ("null_burst", "factor", "zone_outage", "weekend_week", "duplicate_rows", "no_data")
_FILE = Path(__file__).with_name("incidents.yml")
_FIELDS = {"name", "kind", "first_day", "last_day", "columns", "strength", "finding"}


@dataclass(frozen=True)
class Incident:
    """One planted incident, on whole days.

    `strength` is, by kind: null_burst, the share of values lost; factor, what the columns are multiplied by;
    zone_outage, the zone's id; duplicate_rows, the share of rows written twice; otherwise unused.
    """

    name: str
    kind: str
    first_day: date
    last_day: date
    columns: tuple[str, ...]
    strength: float | None
    finding: str

    @property
    def column(self) -> str | None:
        """The column a monitor should name; none where the whole table is hit."""
        return self.columns[0] if self.columns else None

    def covers(self, day: date) -> bool:
        return self.first_day <= day <= self.last_day

    def template(self, day: date) -> int:
        """The weekday (Monday 0) that the day's traffic follows: Saturday or Sunday in a weekend-like week."""
        return 5 + day.toordinal() % 2 if self.kind == "weekend_week" else day.weekday()


def _read(raw: dict[str, Any]) -> Incident:
    missing, unknown = _FIELDS - set(raw), set(raw) - _FIELDS
    if missing or unknown or raw["kind"] not in KINDS:
        raise ConfigurationError(
            f"{_FILE.name}: the incident {raw.get('name', '?')!r} lacks {sorted(missing)}, has unknown "
            f"{sorted(unknown)} or a kind that is none of {', '.join(KINDS)}"
        )
    strength = None if raw["strength"] is None else float(raw["strength"])
    if raw["last_day"] < raw["first_day"]:
        raise ConfigurationError(f"{_FILE.name}: the incident {raw['name']!r} ends before it begins")
    return Incident(
        raw["name"],
        raw["kind"],
        raw["first_day"],
        raw["last_day"],
        tuple(raw["columns"]),
        strength,
        raw["finding"],
    )


def parse_incidents(text: str) -> tuple[Incident, ...]:
    """Incidents written as yml, by first day.

    Raises:
        ConfigurationError: an incident lacks a field, has an unknown kind, runs backwards, or shares a day.
    """
    incidents = tuple(sorted((_read(raw) for raw in parse_yaml(text, _FILE.name)), key=lambda each: each.first_day))
    for before, after in pairwise(incidents):
        if after.first_day <= before.last_day:
            raise ConfigurationError(f"{_FILE.name}: {before.name!r} and {after.name!r} share a day")
    return incidents


@cache
def load_incidents() -> tuple[Incident, ...]:
    """All planted incidents, by first day; no two share a day."""
    return parse_incidents(_FILE.read_text(encoding="utf-8"))


def incident_on(day: date) -> Incident | None:
    """The incident that covers the day, if any."""
    return next((incident for incident in load_incidents() if incident.covers(day)), None)


def take(columns: Columns, rows: Any) -> Columns:
    """The chosen rows of every column."""
    return {name: values[rows] for name, values in columns.items()}


def strike(incident: Incident, columns: Columns, draws: Draws) -> Columns:
    """A day's trips as the incident leaves them."""
    count = len(columns["PULocationID"])
    strength = incident.strength or 0.0
    match incident.kind:
        case "null_burst":
            lost = draws.chance(count, strength)
            return columns | {name: np.where(lost, np.nan, columns[name]) for name in incident.columns}
        case "factor":
            return columns | {name: np.round(columns[name] * strength, 2) for name in incident.columns}
        case "zone_outage":
            return take(columns, columns["PULocationID"] != strength)
        case "duplicate_rows":
            return take(columns, np.repeat(np.arange(count), 1 + draws.chance(count, strength)))
        case "no_data":
            return take(columns, slice(0, 0))
        case _:
            return columns
