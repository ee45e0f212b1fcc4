"""What every result was made from: one row of monitoring.ledger for each unit of a step.

A unit is what a step makes in one transaction: a partition of a model's predictions, a window's metrics, the decision
about a day. Its row is written in that transaction, with the hash of what it was made from. A step as a whole has a
row, too. Called by warehouse.engine and the runner, and by what takes a result back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("ledger.sql"))
# In the place of an input hash: what is there is to be made again; where it is of a moment, as of that one.
STALE, AGAIN = "", "again"


@dataclass(frozen=True)
class Key:
    """Which unit of a step.

    Attributes:
        subject: whose it is: a model version or a target; '' for the step as a whole.
        part: which of the subject's: the first day of a partition, a reference, a family; '' for all of it.
        granularity: of a window; '' where it is none.
        window_start: of a window.
    """

    subject: str
    part: str = ""
    granularity: str = ""
    window_start: datetime | None = None

    def of_model(self, part: str) -> dict[str, object]:
        """The key as tables of models' results have it, in which `part` is called so."""
        return {
            "model_version": self.subject,
            part: self.part,
            "window_start": self.window_start,
            "granularity": self.granularity,
        }


@dataclass(frozen=True)
class Entry:
    """What a unit was made from; `content_hash` is what a step tells apart from its rules."""

    inputs_hash: str
    content_hash: str | None = None
    row_count: int | None = None


def known(
    connection: database.Connection,
    step: str,
    subject: str,
    part: str | None = None,
    as_of: datetime | None = None,
) -> dict[Key, Entry]:
    """A subject's units that are there, or those of a part of it; of several as of moments the latest until then."""
    parameters = {"step": step, "subject": subject, "part": part, "as_of": as_of}
    rows: list[Any] = connection.execute(_QUERIES["known"], parameters).fetchall()
    return {Key(subject, *row[:3]): Entry(*row[3:]) for row in rows}


def subjects(connection: database.Connection, step: str) -> list[str]:
    """Whose units there are, by name."""
    return [str(row[0]) for row in connection.execute(_QUERIES["subjects"], {"step": step}).fetchall()]


def note(
    connection: database.Connection,
    step: str,
    key: Key,
    entry: Entry,
    run_id: int | None = None,
    as_of: datetime | None = None,
) -> None:
    """Write what a unit is made from, in the transaction that makes it; without a run where another command does."""
    connection.execute(_QUERIES["note"], {**_parameters(step, key), **vars(entry), "run_id": run_id, "as_of": as_of})


def forget(connection: database.Connection, step: str, key: Key) -> None:
    """A unit is gone, in the transaction that removes it."""
    connection.execute(_QUERIES["forget"], _parameters(step, key))


def forget_subject(connection: database.Connection, step: str, subject: str) -> None:
    """All units of a subject are gone."""
    connection.execute(_QUERIES["forget_subject"], {"step": step, "subject": subject})


def of_step(connection: database.Connection, step: str) -> Entry | None:
    """What a step as a whole was made from, None before its first run."""
    return known(connection, step, "").get(Key(""))


def note_step(connection: database.Connection, step: str, entry: Entry, run_id: int) -> None:
    """Write what a step as a whole is made from; STALE while it is at work."""
    note(connection, step, Key(""), entry, run_id)


def state(connection: database.Connection, steps: Iterable[str]) -> str:
    """A hash of all units of these steps, that is another one when any was made again, or is to be."""
    return str(database.one_row(connection, _QUERIES["state"], {"steps": list(steps)})[0])


def _parameters(step: str, key: Key) -> dict[str, object]:
    return {"step": step, **vars(key)}
