"""Incidents: days on which the same thing fired, as one story with a beginning and an end.

Decisions go in, incidents come out; nothing is read or written here. Called by python_metrics.incidents.incident_store.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, order=True)
class Subject:
    """What fired: a dataset's column, or a figure of a family, of one model where it is the model's own."""

    family: str
    column_name: str
    segment_key: str = ""
    segment_value: str = ""
    model_version: str = ""
    dataset: str = ""


@dataclass(frozen=True)
class Firing:
    """One model's alarm of one day."""

    window_start: datetime
    window_date: date
    subject: Subject
    model_version: str
    model_spec: str
    statistic: str
    threshold_ratio: float
    p_value: float
    status: str
    reference_days: int
    row_count: int


@dataclass(frozen=True)
class DecidedDay:
    """A day on which somebody decided whether to fire."""

    window_start: datetime
    window_end: datetime
    window_date: date


@dataclass(frozen=True)
class Incident:
    """The fires of one subject that belong together.

    Attributes:
        days: the worst firing of each day, by date; the first opened it.
        told_by: the firing of the day that opened it with the most rows: what moved is told by it.
        models: by day, the names of the models that fired.
        resolved_at: end of the day that ended it; None while it is open.
    """

    incident_id: str
    subject: Subject
    days: tuple[Firing, ...]
    told_by: Firing
    models: tuple[tuple[str, ...], ...]
    resolved_at: datetime | None

    @property
    def opened(self) -> Firing:
        return self.days[0]


def incidents_of(fires: Iterable[Firing], decided: Sequence[DecidedDay], clear_days: int) -> list[Incident]:
    """The incidents that these fires make up, by subject and date.

    Args:
        fires: in any order; a day muted by an expected event has none.
        decided: days with a decision, each once, by date.
        clear_days: decided days, or hours where those are windows, in a row without a firing that end an incident.
    """
    places = {day.window_start: place for place, day in enumerate(decided)}
    of_subject: dict[Subject, dict[datetime, list[Firing]]] = defaultdict(lambda: defaultdict(list))
    for firing in fires:
        of_subject[firing.subject][firing.window_start].append(firing)
    found = []
    for subject in sorted(of_subject):
        by_day = of_subject[subject]
        episode: list[datetime] = []
        for start in [*sorted(by_day), None]:
            if episode and (start is None or places[start] - places[episode[-1]] > clear_days):
                found.append(_incident(subject, [by_day[one] for one in episode], decided, places, clear_days))
                episode = []
            if start is not None:
                episode.append(start)
    return found


def _incident(
    subject: Subject,
    days: list[list[Firing]],
    decided: Sequence[DecidedDay],
    places: dict[datetime, int],
    clear_days: int,
) -> Incident:
    worst = tuple(max(day, key=lambda firing: (firing.threshold_ratio, firing.model_version)) for day in days)
    models = tuple(tuple(sorted({firing.model_spec for firing in day})) for day in days)
    end = places[worst[-1].window_start] + clear_days
    resolved_at = decided[end].window_end if end < len(decided) else None
    told_by = max(days[0], key=lambda firing: (firing.row_count, firing.threshold_ratio, firing.model_version))
    return Incident(incident_id(subject, worst[0].window_date), subject, worst, told_by, models, resolved_at)


def incident_id(subject: Subject, opened: date) -> str:
    """Twelve digits that follow from what fired and when: the same incident has the same name in every run."""
    parts = (
        subject.family,
        subject.column_name,
        subject.segment_key,
        subject.segment_value,
        subject.model_version,
        subject.dataset,
    )
    return hashlib.sha256("|".join([*parts, opened.isoformat()]).encode()).hexdigest()[:12]
