"""Labels of targets that the trips' own rows tell (source trips): when each counts as known, and what it is.

A dataset's rules go in, rows of ml.labels, ml.label_loads and ml.rejected_labels come out. A label is written with the
time at which it arrives, also where that lies ahead: what is known at a moment is what has an earlier observed_at. Work
for warehouse.engine, of the step `labels`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from psycopg import sql

from config.label_rules import Labels
from config.monitoring import Monitoring, Windows
from core.advice import Advice
from core.errors import ConfigurationError
from core.failpoints import failpoint
from core.levels import BOOLEAN, NUMBERS, as_number
from models_ml import classes
from models_ml.label_trips import TIMES, check_trips, instant
from models_ml.store import LoadedMonth, loaded_months
from warehouse import database, ledger
from warehouse.engine import Store, Unit
from warehouse.ledger import Entry, Key

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("labels.sql"))


LABELS = "labels"


def label_targets(monitoring: Monitoring) -> list[str]:
    """The targets of a dataset that have labels of its rows, or had some: those that are monitored first."""
    of_dataset = label_subject(monitoring, "")
    with database.connect("labels", read_only=True) as connection:
        there = [name for name in ledger.subjects(connection, LABELS) if name.startswith(of_dataset)]
    return list(dict.fromkeys([*monitoring.labels, *(name.removeprefix(of_dataset) for name in there)]))


def label_subject(monitoring: Monitoring, target: str) -> str:
    """Whose labels they are, in the ledger."""
    return f"{monitoring.dataset}.{target}"


class TripLabels:
    """The labels of a target that the trips' own rows tell, a month a unit; none where they come with a feed.

    Where a feed adds to them, what it says of a row takes the place of what the row says from then on.

    Raises:
        ConfigurationError: a relation or a column of the dataset is not there or is of a wrong type, or
            the target has labels that came with a feed.
    """

    step = LABELS
    part = as_of = None

    def __init__(self, monitoring: Monitoring, target: str, run_id: int) -> None:
        self.subject = label_subject(monitoring, target)
        self._of = {"dataset": monitoring.dataset, "target": target}
        self._monitoring, self._target, self._windows, self._run_id = monitoring, target, monitoring.windows, run_id

    def units(self, known: Mapping[Key, Entry]) -> Iterator[Unit[LoadedMonth]]:
        entry = self._monitoring.labels.get(self._target)
        if entry is None or entry.source != "rows":
            return
        if not entry.takes_feed:
            with database.connect("labels", read_only=True) as connection:
                _refuse_mix(connection, self._of)
        settings = _settings_hash(entry, self._windows)
        if classes.is_of_classes(self._monitoring, self._target):
            with database.connect("labels", read_only=True) as connection:
                known_classes = classes.classes_of(connection, self._monitoring, self._target)
            if not known_classes:
                return
            settings = hashlib.sha256(json.dumps([settings, known_classes]).encode()).hexdigest()
        for month in loaded_months(self._windows.windows):
            inputs_hash = None if month.is_pruned else f"{settings}:{month.content_hash}"
            words = f"{self._windows.date_of(month.source_month):%Y-%m}"
            yield Unit(month.key(self.subject), inputs_hash, month, words=words)

    def make(self, units: Sequence[Unit[LoadedMonth]]) -> Generator[Store]:
        entry = self._monitoring.labels[self._target]
        for unit in units:
            yield partial(self._store, entry, unit.of)

    def remove(self, connection: database.Connection, key: Key) -> None:
        self._remove(connection, date.fromisoformat(key.part))

    def _remove(self, connection: database.Connection, month: date) -> None:
        connection.execute(_QUERIES["delete_labels"], {**self._of, "month": month})
        connection.execute(_QUERIES["delete_load"], {**self._of, "month": month})

    def _store(self, entry: Labels, month: LoadedMonth, connection: database.Connection) -> int:
        """The month's old labels out, the new ones in, what was kept out, the counts."""
        relation, target = self._windows.accepted, self._target
        ends_at = str(entry.ends_at)  # source trips has one
        of_classes = classes.is_of_classes(self._monitoring, target)
        valid = {*NUMBERS, BOOLEAN, "text"} if of_classes else {*NUMBERS, BOOLEAN}
        types = check_trips(connection, relation, {ends_at: TIMES, target: valid})
        self._remove(connection, month.source_month)
        failpoint("labels.removed")
        facts: dict[str, object] = {
            **self._of,
            "month": month.source_month,
            "load_id": month.load_id,
            "delay_days": entry.delay_days,
            "jitter_days": entry.jitter_days,
            "may_come_later": entry.may_come_later,
            "least": entry.valid.least,
            "most": entry.valid.most,
            "classes": classes.classes_of(connection, self._monitoring, target) if of_classes else [],
        }
        load = {"origin": "rows", "location": relation, "sha256": "", "inputs_hash": "", "run_id": self._run_id}
        label_load_id = database.one_row(connection, _QUERIES["insert_load"], {**facts, **load})[0]
        query = sql.SQL(_QUERIES["write_month"]).format(
            trips=database.relation(relation),
            target=classes.number(target) if of_classes else as_number(target, types[target]),
            ends_at=instant(ends_at, types[ends_at], self._windows.timezone),
        )
        written: Any = connection.execute(query, {**facts, "label_load_id": label_load_id}).fetchone()
        rows, accepted, unchanged, quarantined = written
        if of_classes:
            classes.name_unknown(connection, self._monitoring, target, {**facts, "label_load_id": label_load_id})
        counts = {"rows": rows, "accepted": accepted, "unchanged": unchanged, "quarantined": quarantined}
        connection.execute(_QUERIES["count_load"], {"label_load_id": label_load_id, **counts})
        log.info("labels of %s: %s of %s, %s kept out", target, accepted, month.source_month, quarantined)
        return int(accepted)


def _refuse_mix(connection: database.Connection, of: Mapping[str, str]) -> None:
    row = connection.execute(_QUERIES["feed_of_target"], of).fetchone()
    if row is not None:
        raise ConfigurationError(
            f"datasets/{of['dataset']}.yml: the labels of {of['target']} are in the rows, but some came with a feed "
            f"({row[0]}), and the two never mix: write `feed: true` with its column, or {Advice.EMPTY}"
        )


def _settings_hash(entry: Labels, windows: Windows) -> str:
    facts = {
        "entry": entry.model_dump(mode="json"),
        "trips": windows.accepted,
        "timezone": windows.timezone,
        "query": _QUERIES["write_month"],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
