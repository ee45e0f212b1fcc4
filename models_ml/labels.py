"""Labels of targets that the trips' own rows tell (source trips): when each counts as known, and what it is.

monitoring.yml goes in, rows of ml.labels, ml.label_loads and ml.rejected_labels come out, a month at a time: old labels
out and new ones in, in one transaction. A label is written with the time at which it arrives, also where that lies
ahead: what is known at a moment is what has an earlier observed_at. Called by the conductor at every run; light where
nothing has changed.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from psycopg import sql

from config.monitoring import Labels, Monitoring, Windows
from core.advice import Advice
from core.errors import ConfigurationError
from core.failpoints import failpoint
from core.levels import BOOLEAN, NUMBERS, as_number
from models_ml.label_trips import TIMES, check_trips, instant
from warehouse import database

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("labels.sql"))


@dataclass(frozen=True)
class LabelMonth:
    """A month of a target whose labels are to be written anew, with a hash of all that they depend on."""

    target: str
    source_month: date
    load_id: int
    inputs_hash: str


@dataclass(frozen=True)
class LabelWork:
    """What has changed: months to write, and (target, month) pairs whose labels go."""

    months: tuple[LabelMonth, ...]
    gone: tuple[tuple[str, date], ...]

    def __bool__(self) -> bool:
        return bool(self.months or self.gone)


def pending_trip_labels(monitoring: Monitoring, target: str | None = None) -> LabelWork:
    """Months whose trips, or whose entry in monitoring.yml, are not those that their labels were made from.

    Args:
        target: whose labels are asked for; None for those of all targets.

    Raises:
        ConfigurationError: a target with source trips has labels that came with a feed.
    """
    entries = {name: entry for name, entry in monitoring.labels.items() if entry.source == "trips"}
    asked = [name for name in entries if target in (None, name)]
    windows = database.relation(monitoring.windows.windows)
    months: list[LabelMonth] = []
    with database.connect("labels", read_only=True) as connection:
        _refuse_mix(connection, asked)
        gone: list[Any] = connection.execute(
            sql.SQL(_QUERIES["gone_months"]).format(windows=windows), {"targets": list(entries)}
        ).fetchall()
        for name in asked:
            changed: list[Any] = connection.execute(
                sql.SQL(_QUERIES["changed_months"]).format(windows=windows),
                {"target": name, "settings": _settings_hash(entries[name], monitoring.windows)},
            ).fetchall()
            months += [LabelMonth(name, *row) for row in changed]
    return LabelWork(tuple(months), tuple((str(name), month) for name, month in gone if target in (None, name)))


def label_targets(monitoring: Monitoring) -> list[str]:
    """The targets that have labels of the trips, or had some: those of monitoring.yml first."""
    with database.connect("labels", read_only=True) as connection:
        stored = [str(row[0]) for row in connection.execute(_QUERIES["stored_targets"]).fetchall()]
    return list(dict.fromkeys([*monitoring.labels, *stored]))


def refresh_trip_labels(monitoring: Monitoring, run_id: int, work: LabelWork | None = None) -> int:
    """Write the labels of months that have changed and remove those that are gone; gives the labels written.

    Args:
        monitoring: as it is now.
        run_id: whose work it is.
        work: what there is to do; None for all that is pending.

    Raises:
        ConfigurationError: monitoring.yml names a relation or a column that is not there or is of a wrong type, or
            a target with source trips has labels that came with a feed.
    """
    work = pending_trip_labels(monitoring) if work is None else work
    for target, month in work.gone:
        with database.connect("labels") as connection:
            _remove(connection, target, month)
        failpoint("labels.gone")
        log.info("labels of %s: %s is gone", target, month)
    return sum(_write_month(monitoring, month, run_id) for month in work.months)


def _refuse_mix(connection: database.Connection, targets: list[str]) -> None:
    row = connection.execute(_QUERIES["feed_of_targets"], {"targets": targets}).fetchone()
    if row is not None:
        raise ConfigurationError(
            f"monitoring.yml, labels.{row[0]}: its source is trips, but labels of it came with a feed ({row[1]}), and "
            f"the two never mix: set `source: feed`, or {Advice.EMPTY}"
        )


def _settings_hash(entry: Labels, windows: Windows) -> str:
    facts = {
        "entry": entry.model_dump(mode="json"),
        "trips": windows.trips,
        "timezone": windows.timezone,
        "query": _QUERIES["write_month"],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _remove(connection: database.Connection, target: str, month: date) -> None:
    connection.execute(_QUERIES["delete_labels"], {"target": target, "month": month})
    connection.execute(_QUERIES["delete_load"], {"target": target, "month": month})


def _write_month(monitoring: Monitoring, month: LabelMonth, run_id: int) -> int:
    """One transaction: the month's old labels out, the new ones in, what was kept out, the counts."""
    entry, relation = monitoring.labels[month.target], monitoring.windows.trips
    ends_at = str(entry.ends_at)  # source trips has one
    with database.connect("labels") as connection:
        types = check_trips(connection, relation, {ends_at: TIMES, month.target: {*NUMBERS, BOOLEAN}})
        _remove(connection, month.target, month.source_month)
        failpoint("labels.removed")
        facts: dict[str, object] = {
            "target": month.target,
            "month": month.source_month,
            "load_id": month.load_id,
            "delay_days": entry.delay_days,
            "jitter_days": entry.jitter_days,
            "least": entry.valid.least,
            "most": entry.valid.most,
        }
        load = {
            "origin": "trips",
            "location": relation,
            "sha256": "",
            "inputs_hash": month.inputs_hash,
            "run_id": run_id,
        }
        label_load_id = database.one_row(connection, _QUERIES["insert_load"], {**facts, **load})[0]
        query = sql.SQL(_QUERIES["write_month"]).format(
            trips=database.relation(relation),
            target=as_number(month.target, types[month.target]),
            ends_at=instant(ends_at, types[ends_at], monitoring.windows.timezone),
        )
        written: Any = connection.execute(query, {**facts, "label_load_id": label_load_id}).fetchone()
        rows, accepted, quarantined = written
        connection.execute(
            _QUERIES["count_load"],
            {
                "label_load_id": label_load_id,
                "rows": rows,
                "accepted": accepted,
                "unchanged": 0,
                "quarantined": quarantined,
            },
        )
        failpoint("labels.before_commit")
    failpoint("labels.after_commit")
    log.info("labels of %s: %s of %s, %s kept out", month.target, accepted, month.source_month, quarantined)
    return int(accepted)
