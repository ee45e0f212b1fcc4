"""Load a file of real labels: every record is accepted, known already, or kept out with its reason.

A file and a target go in; rows of ml.labels, ml.rejected_labels and one of ml.label_loads come out, in one transaction.
A label is matched with the trip's current load; one that was matched with a load that has been replaced since does not
count, and the same file loaded again is matched anew. Called by pipeline.cli.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import sql

from config.monitoring import Labels, Monitoring
from core.advice import Advice
from core.errors import BadFileError, ConfigurationError, UsageError
from core.failpoints import failpoint
from models_ml.label_file import check_feed_file, records
from models_ml.label_trips import TIMES, check_trips, instant
from models_ml.labels import LABELS
from warehouse import database, ledger

if TYPE_CHECKING:
    from core.files.table_files import TableFile

_LOAD_QUERIES = database.queries(Path(__file__).with_name("labels.sql"))
_QUERIES = database.queries(Path(__file__).with_name("label_feed.sql"))


@dataclass(frozen=True)
class LabelLoad:
    """What a file came to; accepted + unchanged + all of `reasons` (records kept out, by reason) = rows.

    `removed` is how many labels that the trips told made room for a feed's first load.

    `is_new` is False where the file was loaded before, and nothing it depends on has changed; the counts are then those
    of that load. `extra` names columns of the file that were not read.
    """

    label_load_id: int
    is_new: bool
    rows: int
    accepted: int
    unchanged: int
    quarantined: int
    reasons: Mapping[str, int] = field(default_factory=dict)
    extra: tuple[str, ...] = ()
    removed: int = 0

    def __str__(self) -> str:
        if not self.is_new:
            return f"labels: nothing new, this file is load {self.label_load_id} already ({self.rows:,} rows)"
        if not self.rows:
            return "labels: 0 rows: the file has its columns but no record, so no label came"
        ordered = sorted(self.reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in ordered)
        return (
            f"labels: {self.rows:,} rows: {self.accepted:,} accepted, {self.unchanged:,} unchanged, "
            f"{self.quarantined:,} quarantined{f' ({reasons})' if reasons else ''}"
        )


def feed_target(monitoring: Monitoring, text: str) -> str:
    """The target that a person named; '' takes the only one that a feed can be for.

    Raises:
        UsageError: monitoring.yml has no labels of that name, or none was named and there is not exactly one.
        ConfigurationError: the target's labels come from the trips.
    """
    named = ", ".join(sorted(monitoring.labels)) or "none"
    feeds = [target for target, entry in monitoring.labels.items() if entry.source == "feed"] or list(monitoring.labels)
    if text and text not in monitoring.labels:
        raise UsageError(f"the target '{text}' has no entry under labels in monitoring.yml; there are: {named}")
    if not text and len(feeds) != 1:
        raise UsageError(f"the labels are of no target yet: {Advice.NAME_TARGET}; monitoring.yml has: {named}")
    target = text or feeds[0]
    if monitoring.labels[target].source != "feed":
        raise ConfigurationError(
            f"monitoring.yml, labels.{target}: its labels are taken from the trips' own rows (source: trips), so no "
            "feed is loaded; set `source: feed` there, without delay_days and jitter_days, to have labels come in files"
        )
    return target


def load_labels(monitoring: Monitoring, target: str, path: Path) -> LabelLoad:
    """Load a parquet or CSV file of labels of a target with source feed; the caller holds the warehouse's lock.

    Raises:
        SourceUnavailableError: the file is not there.
        BadFileError: it cannot be read, or its columns are not those of a feed; nothing was changed.
        ConfigurationError: monitoring.yml names a relation or a column that is not there.
    """
    file = check_feed_file(path)
    entry = monitoring.labels[target]
    with database.connect("labels") as connection:
        query = _write_query(connection, monitoring, entry)
        facts: dict[str, object] = {"target": target, "inputs_hash": _inputs_hash(connection, monitoring, entry, file)}
        known: Any = connection.execute(_QUERIES["known_load"], facts).fetchone()
        if known is not None:
            return LabelLoad(known[0], False, *known[1:])
        removed = _remove_generated(connection, target)
        load = {"origin": "feed", "month": None, "location": str(path), "sha256": file.sha256, "run_id": None}
        label_load_id = database.one_row(connection, _LOAD_QUERIES["insert_load"], {**facts, **load})[0]
        rows = _stage(connection, file)
        bounds = {"least": entry.valid.least, "most": entry.valid.most}
        outcomes: Any = connection.execute(query, {**facts, **bounds, "label_load_id": label_load_id}).fetchall()
        reasons: dict[str, int] = dict(outcomes)
        accepted, unchanged = reasons.pop("accepted"), reasons.pop("unchanged")
        counts = {
            "rows": rows,
            "accepted": accepted,
            "unchanged": unchanged,
            "quarantined": sum(reasons.values()),
        }
        connection.execute(_LOAD_QUERIES["count_load"], {**counts, "label_load_id": label_load_id})
        failpoint("label_feed.before_commit")
    return LabelLoad(int(label_load_id), True, **counts, reasons=reasons, extra=file.extra, removed=removed)


def _write_query(connection: database.Connection, monitoring: Monitoring, entry: Labels) -> sql.Composed:
    relations = monitoring.windows.trips, monitoring.windows.rejected_trips
    ends: list[sql.Composable] = []
    for relation in relations:
        types = check_trips(connection, relation, {entry.ends_at: TIMES} if entry.ends_at else {})
        zone = monitoring.windows.timezone
        end = instant(entry.ends_at, types[entry.ends_at], zone) if entry.ends_at else None
        ends.append(end or sql.SQL("cast(null as timestamp with time zone)"))
    return sql.SQL(_QUERIES["write"]).format(
        trips=database.relation(relations[0]),
        rejected_trips=database.relation(relations[1]),
        ends_at=ends[0],
        rejected_ends_at=ends[1],
    )


def _inputs_hash(connection: database.Connection, monitoring: Monitoring, entry: Labels, file: TableFile) -> str:
    query = sql.SQL(_QUERIES["loads"]).format(windows=database.relation(monitoring.windows.windows))
    row = connection.execute(query).fetchone()
    facts = [file.sha256, str(row[0]) if row else "", entry.model_dump(mode="json")]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _remove_generated(connection: database.Connection, target: str) -> int:
    """A target whose source was trips until now still has the labels of then; gives how many there were."""
    removed = connection.execute(_LOAD_QUERIES["delete_generated_labels"], {"target": target}).rowcount
    connection.execute(_LOAD_QUERIES["delete_generated_loads"], {"target": target})
    ledger.forget_subject(connection, LABELS, target)
    return removed


def _stage(connection: database.Connection, file: TableFile) -> int:
    """The file's records in a temporary table; gives how many there are."""
    rows = 0
    connection.execute(_QUERIES["stage"])
    with connection.cursor() as cursor, cursor.copy(_QUERIES["copy"]) as copy:
        for record in records(file):
            copy.write_row(record)
            failpoint("label_feed.record")
            rows += 1
    if rows != file.rows:
        raise BadFileError(
            f"{file.path.name} held {file.rows} records when it was checked and {rows} when it was read: it is being "
            "written; wait until it is whole, then load it again"
        )
    connection.execute("analyze staged_labels")
    return rows
