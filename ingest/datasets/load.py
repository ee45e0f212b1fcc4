"""Load a dataset: what its source delivers that is new or has changed goes into raw.<name>, in one transaction.

Killed anywhere it leaves what was there. The same bytes under the same settings again change nothing. Called by the
pipeline, in the role of the loader; the table is there, see ingest.datasets.raw_table.
"""

from __future__ import annotations

import itertools
import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from config.datasets import Dataset
from config.months import Month
from core.errors import DatabaseError
from core.failpoints import failpoint
from core.files.columns import shortened
from ingest.datasets.delivered import Delivered, Delivery
from ingest.datasets.merge import STAGED, Merge
from ingest.datasets.raw_columns import settings_hash
from ingest.datasets.sources import delivered, origin_of
from warehouse import arrow_cursor, database
from warehouse.arrow_cursor import ArrowCursor

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("load.sql"))
_MOST_NOTED = 3
_QUERY = re.compile(r"^.*Failed to execute query '.*?': ")


@dataclass(frozen=True)
class Loaded:
    """What loading a dataset came to: the months whose rows or days changed, the rows written, and sentences."""

    months: tuple[Month, ...] = ()
    rows: int = 0
    notes: tuple[str, ...] = ()


class _Recorded(NamedTuple):
    """A delivery as it was."""

    delivery_id: int
    location: str
    sha256: str
    settings_hash: str
    delivered_at: str


def load_rows(name: str, dataset: Dataset, tell: Callable[[str], None]) -> Loaded:
    """Bring what the source of a dataset has into its raw table.

    Args:
        tell: is told what is being read.

    Raises:
        ConfigurationError: the source cannot be read as it is named, or event.format is no format.
        SourceUnavailableError: there is nothing, or it cannot be reached.
        BadFileError: rows cannot be loaded as they are; nothing was loaded.
        DatabaseError: the database refused the rows; nothing was loaded.
    """
    with delivered(name, dataset) as source:
        if source.missing and not _held(name):
            raise source.missing[0]
        return _load(name, dataset, source, tell)


def _load(name: str, dataset: Dataset, source: Delivered, tell: Callable[[str], None]) -> Loaded:
    import adbc_driver_manager

    settings = settings_hash(dataset)
    before = _held(name)
    if not _new(_all(source, before), before, settings):
        return Loaded(notes=_gone_notes(name, source, before))
    try:
        with arrow_cursor.opened(writes=True) as cursor:
            # One loader at a time; what was recorded before may have changed until now.
            cursor.execute(_QUERIES["lock_files"])
            before = _moved(cursor, name, source.deliveries, _recorded(cursor, name))
            notes = _gone_notes(name, source, before)
            new = _new(_all(source, before), before, settings)
            if not new:
                return Loaded(notes=notes)
            merge = Merge(cursor, name, _as_delivered(dataset, source))
            left_out: dict[str, None] = {}
            for place, (_, part) in enumerate(itertools.groupby(new, key=lambda delivery: delivery.opened)):
                deliveries = list(part)
                tell(f"{name}: reading {shortened([delivery.location for delivery in deliveries], _MOST_NOTED)}")
                left_out |= dict.fromkeys(_stage(cursor, merge, name, deliveries, settings, is_first=place == 0))
                failpoint("dataset.staged")
            merged = merge.run(settings, origin_of(dataset))
            failpoint("dataset.before_commit")
    except adbc_driver_manager.Error as error:
        # What the server says comes behind the query, which is long.
        reason = _QUERY.sub("", " ".join(str(error).split()))[:300]
        raise DatabaseError(f"the dataset {name} was not loaded, the database said: {reason}") from error
    log.info("dataset %s loaded: %s rows of %s months", name, merged.rows, len(merged.months))
    if left_out:
        notes += (f"{name}: left out, as datasets/{name}.yml does not name them: {shortened(list(left_out))}",)
    return Loaded(merged.months, merged.rows, notes)


def _as_delivered(dataset: Dataset, source: Delivered) -> Dataset:
    """A source that is a whole says itself which of its days are others: each of them is a partition."""
    if source.vanished is None or dataset.event.replace == "partition":
        return dataset
    return dataset.model_copy(update={"event": dataset.event.model_copy(update={"replace": "partition"})})


def _all(source: Delivered, before: dict[str, _Recorded]) -> list[Delivery]:
    """What was delivered, and of a source that is a whole, and has something, what no longer is."""
    deliveries = list(source.deliveries)
    if source.vanished is not None and deliveries:
        there = {delivery.location for delivery in deliveries}
        deliveries += [source.vanished(location) for location in sorted(before) if location not in there]
    return deliveries


def _stage(
    cursor: ArrowCursor, merge: Merge, name: str, deliveries: Sequence[Delivery], settings: str, *, is_first: bool
) -> tuple[str, ...]:
    """Copy the rows of deliveries to the server; gives the columns that are left out."""
    import adbc_driver_manager

    with deliveries[0].opened(deliveries) as rows:
        listed = [
            {
                "place": place,
                "location": each.location,
                "sha256": each.sha256,
                "bytes": each.bytes,
                "rows": rows.rows[each.location],
            }
            for place, each in enumerate(deliveries)
        ]
        cursor.execute(_QUERIES["record"], (name, settings, json.dumps(listed)))
        recorded = {row["location"]: row["delivery_id"] for row in cursor.fetch_arrow_table().to_pylist()}
        numbers = {each.location: int(recorded[each.location]) for each in deliveries}
        reader = rows.reader(numbers)
        try:
            if is_first:
                cursor.create_temporary(STAGED, reader)
            else:
                cursor.append_temporary(STAGED, reader)
        except adbc_driver_manager.Error:
            rows.failed()
            raise
        merge.add_deliveries(list(numbers.values()))
        return rows.left_out


def _held(name: str) -> dict[str, _Recorded]:
    """As `_recorded`, in a transaction of its own."""
    with database.arrow_cursor() as cursor:
        return _recorded(cursor, name)


def _recorded(cursor: ArrowCursor, name: str) -> dict[str, _Recorded]:
    """The deliveries of the dataset as they were, by their locations."""
    cursor.execute(_QUERIES["recorded"], (name,))
    rows: list[dict[str, Any]] = cursor.fetch_arrow_table().to_pylist()
    return {row["location"]: _Recorded(**row) for row in rows}


def _moved(
    cursor: ArrowCursor, name: str, deliveries: Sequence[Delivery], before: dict[str, _Recorded]
) -> dict[str, _Recorded]:
    """The deliveries as they were, at their new places where one has gone and the same bytes lie elsewhere."""
    now = {delivery.location: delivery.sha256 for delivery in deliveries}
    gone = {known.sha256: location for location, known in before.items() if location not in now}
    for location, sha256 in now.items():
        if location not in before and sha256 in gone:
            former = gone.pop(sha256)
            cursor.execute(_QUERIES["move"], (name, former, location))
            before = {**before, location: before[former]._replace(location=location)}
            del before[former]
    return before


def _new(deliveries: Sequence[Delivery], before: dict[str, _Recorded], settings: str) -> list[Delivery]:
    """Those that are new or have changed: first, in their old order, what is only to be read under other settings."""

    def place(delivery: Delivery) -> tuple[bool, str]:
        known = before.get(delivery.location)
        is_same = known is not None and known.sha256 == delivery.sha256
        return not is_same, known.delivered_at if known is not None and is_same else ""

    def is_new(delivery: Delivery) -> bool:
        known = before.get(delivery.location)
        return known is None or (known.sha256, known.settings_hash) != (delivery.sha256, settings)

    return sorted(filter(is_new, deliveries), key=place)


def _gone_notes(name: str, source: Delivered, before: dict[str, _Recorded]) -> tuple[str, ...]:
    """What is no longer there and yet keeps its rows."""
    gone = sorted(before.keys() - {delivery.location for delivery in _all(source, before)})
    if not gone:
        return ()
    return (f"{name}: no longer there, their rows stay: {shortened(gone, _MOST_NOTED)}",)
