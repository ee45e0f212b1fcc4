"""Load a file of real labels: every record is accepted, known already, or kept out with its reason.

A file and a target go in; rows of ml.labels, ml.rejected_labels and one of ml.label_loads come out, in one transaction.
A label is matched with the trip's current load; one that was matched with a load that has been replaced since does not
count, and the same file loaded again is matched anew. Called by pipeline.cli.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from psycopg import sql

from config.label_rules import Labels
from config.monitoring import Monitoring
from core.advice import Advice
from core.errors import BadFileError, ConfigurationError, UsageError
from core.failpoints import failpoint
from models_ml.classes import classes_of, is_of_classes, keep_classes
from models_ml.event_keys import EventKey
from models_ml.label_file import check_feed_file, records
from models_ml.label_trips import TIMES, check_trips, instant
from models_ml.labels import LABELS, label_subject
from warehouse import database, ledger
from warehouse.ledger import Key
from warehouse.relations import columns_of

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


def feed_of(datasets: Sequence[Monitoring], text: str, model: str = "") -> tuple[Monitoring, str]:
    """The target that a person named, or that of a model, with its dataset; '' takes the only one that has a feed.

    A target or a model that several datasets have is named with its dataset in front, as in loans.repaid.

    Raises:
        UsageError: there is no such target or model, or none was named and there is not exactly one.
        ConfigurationError: the target's labels come from the trips.
    """
    if not model:
        return _target_of(datasets, text)
    name, point, spec = model.rpartition(".")
    of_model = [each for each in datasets if spec in each.models and (not point or each.dataset == name)]
    if len(of_model) != 1:
        models = ", ".join(spec for each in datasets for spec in each.models)
        raise UsageError(f"the model '{model}' is not monitored; there are: {models}")
    target = of_model[0].models[spec].target
    if text and text not in (target, f"{of_model[0].dataset}.{target}"):
        raise UsageError(
            f"the labels of the model '{model}' are of the target {target}, but '{text}' was named: name one of them"
        )
    return of_model[0], feed_target(of_model[0], target)


def _target_of(datasets: Sequence[Monitoring], text: str) -> tuple[Monitoring, str]:
    name, point, target = text.rpartition(".")
    of_name = [each for each in datasets if not point or each.dataset == name]
    feeds = [
        each
        for each in of_name
        if (target in each.labels if target else any(entry.takes_feed for entry in each.labels.values()))
    ]
    if len(feeds) > 1:
        several = ", ".join(
            f"{each.dataset}.{label}" for each in feeds for label in ([target] if target else _feeds(each))
        )
        raise UsageError(f"the labels may be of several datasets: {Advice.NAME_TARGET}, one of {several}")
    if not feeds and target:
        # A model of that name says what its labels are called.
        of_model = [each for each in of_name if target in each.models]
        if of_model:
            return of_model[0], feed_target(of_model[0], of_model[0].models[target].target)
    chosen = next(iter(feeds or of_name or datasets))
    return chosen, feed_target(chosen, target)


def _feeds(monitoring: Monitoring) -> list[str]:
    return [target for target, entry in monitoring.labels.items() if entry.takes_feed] or list(monitoring.labels)


def feed_target(monitoring: Monitoring, text: str) -> str:
    """The target of a dataset that a person named; '' takes the only one that a feed can be for.

    Raises:
        UsageError: the file that says what is monitored has no labels of that name, or none was named and there is not
            exactly one.
        ConfigurationError: the target's labels come from the trips.
    """
    named = ", ".join(sorted(monitoring.labels)) or "none"
    place = f"datasets/{monitoring.dataset}.yml"
    feeds = _feeds(monitoring)
    if text and text not in monitoring.labels:
        raise UsageError(f"the target '{text}' is the label of no model in {place}; there are: {named}")
    if not text and len(feeds) != 1:
        raise UsageError(f"the labels are of no target yet: {Advice.NAME_TARGET}; {place} has: {named}")
    target = text or feeds[0]
    if not monitoring.labels[target].takes_feed:
        raise ConfigurationError(
            f"{place}: the labels of {target} are taken from the rows themselves, so no feed is loaded; "
            f"write `label: {{column: {target}, feed: true}}`, without delay_days, to have labels come in files"
        )
    return target


def load_labels(monitoring: Monitoring, target: str, path: Path) -> LabelLoad:
    """Load a parquet or CSV file of labels of a target that takes a feed; the caller holds the warehouse's lock.

    Raises:
        SourceUnavailableError: the file is not there.
        BadFileError: it cannot be read, its columns are not those of a feed, or it names no row of the dataset by its
            key; nothing was changed.
        ConfigurationError: a relation or a column of the dataset is not there.
    """
    key = EventKey.of(monitoring)
    own = [spec for spec, model in monitoring.models.items() if model.target == target]
    of_classes = is_of_classes(monitoring, target)
    file = check_feed_file(path, key, [target, *own], of_classes=of_classes)
    entry = monitoring.labels[target]
    with database.connect("labels") as connection:
        known_classes = _known_classes(connection, monitoring, target) if of_classes else None
        query = _write_query(connection, monitoring, entry, key)
        inputs_hash = _inputs_hash(connection, monitoring, entry, file, list(known_classes or ()))
        of = {"dataset": monitoring.dataset, "target": target}
        facts: dict[str, object] = {**of, "inputs_hash": inputs_hash}
        known: Any = connection.execute(_QUERIES["known_load"], facts).fetchone()
        if known is not None:
            return LabelLoad(known[0], False, *known[1:])
        subject = label_subject(monitoring, target)
        removed = _remove_generated(connection, of, subject) if entry.source == "feed" else 0
        load = {"origin": "feed", "month": None, "location": str(path), "sha256": file.sha256, "run_id": None}
        label_load_id = database.one_row(connection, _LOAD_QUERIES["insert_load"], {**facts, **load})[0]
        rows = _stage(connection, file, key, known_classes)
        bounds = {"least": entry.valid.least, "most": entry.valid.most}
        outcomes: Any = connection.execute(query, {**facts, **bounds, "label_load_id": label_load_id}).fetchall()
        reasons: dict[str, int] = dict(outcomes)
        accepted, unchanged = reasons.pop("accepted"), reasons.pop("unchanged")
        if key.columns and rows and reasons.get("unknown_event") == rows:
            _refuse_unknown(connection, file, key, monitoring)
        counts = {
            "rows": rows,
            "accepted": accepted,
            "unchanged": unchanged,
            "quarantined": sum(reasons.values()),
        }
        connection.execute(_LOAD_QUERIES["count_load"], {**counts, "label_load_id": label_load_id})
        touched: list[Any] = connection.execute(
            _QUERIES["touched_months"], {**of, "label_load_id": label_load_id}
        ).fetchall()
        for (month,) in touched:
            ledger.forget(connection, LABELS, Key(subject, month.isoformat()))
        failpoint("label_feed.before_commit")
    return LabelLoad(int(label_load_id), True, **counts, reasons=reasons, extra=file.extra, removed=removed)


def _refuse_unknown(
    connection: database.Connection, file: TableFile, key: EventKey, monitoring: Monitoring
) -> NoReturn:
    first: list[Any] = connection.execute(_QUERIES["first_records"]).fetchall()
    shown = [", ".join(str(record[name]) for name in key.names) for (record,) in first]
    raise BadFileError(
        f"{file.path.name}: none of its {file.rows:,} records is of one of the {key.words} in the warehouse: "
        f"{key.examples(connection, monitoring.windows.accepted, shown)}; nothing was loaded"
    )


def _write_query(connection: database.Connection, monitoring: Monitoring, entry: Labels, key: EventKey) -> sql.Composed:
    relations = monitoring.windows.accepted, monitoring.windows.rejected
    # What the rows tell may be known later than what a file tells of them.
    ended = entry.ends_at if entry.source == "feed" else monitoring.windows.time
    ends: list[sql.Composable] = []
    for relation in relations:
        types = check_trips(connection, relation, {ended: TIMES} if ended else {})
        key.check(relation, types)
        zone = monitoring.windows.timezone
        end = instant(ended, types[ended], zone) if ended else None
        ends.append(end or sql.SQL("cast(null as timestamp with time zone)"))
    is_asked = "true" if key.columns else "source_month in (select source_month from staged_labels)"
    return sql.SQL(_QUERIES["write"]).format(
        trips=database.relation(relations[0]),
        rejected_trips=database.relation(relations[1]),
        ends_at=ends[0],
        rejected_ends_at=ends[1],
        key=key.of_rows,
        is_asked=sql.SQL(is_asked),
        same=key.same("staged", "trips"),
    )


def _inputs_hash(
    connection: database.Connection, monitoring: Monitoring, entry: Labels, file: TableFile, classes: list[str]
) -> str:
    query = sql.SQL(_QUERIES["loads"]).format(windows=database.relation(monitoring.windows.windows))
    row = connection.execute(query).fetchone()
    facts = [file.sha256, str(row[0]) if row else "", entry.model_dump(mode="json"), *([classes] if classes else [])]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _remove_generated(connection: database.Connection, of: Mapping[str, str], subject: str) -> int:
    """A target whose source was trips until now still has the labels of then; gives how many there were."""
    removed = connection.execute(_LOAD_QUERIES["delete_generated_labels"], of).rowcount
    connection.execute(_LOAD_QUERIES["delete_generated_loads"], of)
    ledger.forget_subject(connection, LABELS, subject)
    return removed


def _known_classes(connection: database.Connection, monitoring: Monitoring, target: str) -> dict[str, float]:
    """The numbers of a target's classes."""
    for spec, model in monitoring.models.items():
        if model.target == target and columns_of(monitoring.windows.accepted):
            keep_classes(connection, monitoring, spec)
    names = classes_of(connection, monitoring, target)
    if not names:
        raise ConfigurationError(
            f"datasets/{monitoring.dataset}.yml: the classes of {target} are not known before the reference is there: "
            f"{Advice.UPDATE} first"
        )
    return {name: float(place) for place, name in enumerate(names)}


def _with_number(record: tuple[Any, ...], place: int, classes: Mapping[str, float]) -> tuple[Any, ...]:
    """A record whose label, at that place, is a class: with the class's number, or why it is of no use."""
    *values, reason, text = record
    label = classes.get(values[place])
    if reason is None and label is None:
        reason = "unknown_class"
    return (*values[:place], label, *values[place + 1 :], reason, text)


def _stage(connection: database.Connection, file: TableFile, key: EventKey, classes: Mapping[str, float] | None) -> int:
    """The file's records in a temporary table, classes by their numbers; gives how many there are."""
    rows = 0
    connection.execute(sql.SQL(_QUERIES["stage"]).format(key=key.staged_columns))
    with connection.cursor() as cursor, cursor.copy(_QUERIES["copy"]) as copy:
        for record in records(file, key):
            # The line and the key come before the label.
            copy.write_row(record if classes is None else _with_number(record, 1 + len(key.names), classes))
            failpoint("label_feed.record")
            rows += 1
    if rows != file.rows:
        raise BadFileError(
            f"{file.path.name} held {file.rows} records when it was checked and {rows} when it was read: it is being "
            "written; wait until it is whole, then load it again"
        )
    connection.execute("analyze staged_labels")
    return rows
