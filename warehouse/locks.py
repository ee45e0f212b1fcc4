"""The warehouse's locks, where no reader can take or hold them: rows of a table that only its owner sees.

Who changes the warehouse has a session-level lock of a number that nobody knew before, and a row that says which number
and which session. Each transaction of theirs that writes holds the table in a mode that only the next owner waits for
(`warehouse/sessions.sql`). A connection goes in; called by warehouse.runs and
warehouse.schema_versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.rows import class_row

from warehouse.named_queries import queries

QUERIES = queries(Path(__file__).with_name("locks.sql"))
SCHEMA = "warehouse_lock"

Connection = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True)
class LockHolder:
    """A session that holds the warehouse's lock: its server process, its name, and since when, in words and seconds."""

    pid: int
    name: str
    began: str
    idle_seconds: float
    began_at: float

    @property
    def words(self) -> str:
        return self.name.removeprefix("monitoring-warehouse ")


def ensure(connection: Connection) -> None:
    """Make the table of locks where it is not there, on a connection with `autocommit`."""
    while connection.execute(QUERIES["is_there"]).fetchone() != (True,):
        try:
            connection.execute(QUERIES["make"])
        except (psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject):
            continue  # another command has made it at the same moment


def hold(connection: Connection, name: str) -> None:
    """Wait for a lock, and have it until the transaction ends."""
    connection.execute(QUERIES["hold"], {"name": name})


def lock_holders(connection: Connection) -> list[LockHolder]:
    """Who holds the warehouse's lock; times are missing where the session may not be seen."""
    if connection.execute(QUERIES["is_there"]).fetchone() != (True,):
        return []
    with connection.cursor(row_factory=class_row(LockHolder)) as cursor:
        return cursor.execute(QUERIES["holders"]).fetchall()
