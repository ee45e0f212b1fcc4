"""The version of the schema that Python writes to, and the migrations that bring a warehouse to this program's.

The files of `migrations/` are applied in the order of their numbers, each once. Called by whatever writes.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping
from pathlib import Path

from core.errors import DatabaseError
from core.failpoints import failpoint
from warehouse import database, locks, waits

log = logging.getLogger(__name__)

_MIGRATIONS = Path(__file__).parent / "migrations"
# Of 0.1.0, the first version that was released.
FIRST = 102


def known() -> int:
    """The version that `migrate` brings a warehouse to."""
    return max(migrations())


def of(connection: database.Connection) -> int:
    """The version of a warehouse; 0 where there is none yet."""
    if connection.execute("select to_regclass('monitoring.schema_versions')").fetchone() == (None,):
        return 0
    found = database.one_row(connection, "select coalesce(max(version), 0) from monitoring.schema_versions")
    return int(found[0])


def is_newer(connection: database.Connection) -> bool:
    """Whether the warehouse was made by a newer version of the project."""
    return of(connection) > known()


def migrations() -> dict[int, Path]:
    """The files that make the tables which Python writes, by their numbers."""
    return {int(path.name[:3]): path for path in sorted(_MIGRATIONS.glob("[0-9][0-9][0-9]_*.sql"))}


def migrate() -> None:
    """Bring the schemas and tables that Python writes to this version's state; idempotent.

    Raises:
        DatabaseError: the warehouse was made by a newer version of the project, or before 0.1.0.
    """
    with waits.watched(), contextlib.closing(database.connect("migrate", autocommit=True)) as connection:
        # Two commands may arrive at an empty warehouse together.
        locks.ensure(connection)
        with database.transaction(connection):
            locks.hold(connection, "migrate")
            apply_missing(connection, migrations())
            failpoint("migrate.before_commit")


def apply_missing(connection: database.Connection, files: Mapping[int, Path]) -> None:
    """Apply those of these migrations that are missing, in the connection's transaction; raises as `migrate`."""
    connection.execute("set local client_min_messages = warning")
    connection.execute("create schema if not exists monitoring")
    connection.execute(
        "create table if not exists monitoring.schema_versions "
        "(version integer primary key, applied_at timestamptz not null default now())"
    )
    applied = {
        int(str(row[0])) for row in connection.execute("select version from monitoring.schema_versions").fetchall()
    }
    version, newest = max(applied, default=0), max(files, default=0)
    if version > newest:
        raise DatabaseError(
            f"this warehouse has schema version {version}, this program knows up to {newest}: "
            "use the newer program, or another database"
        )
    if version and version < FIRST:
        raise DatabaseError(
            f"this warehouse has schema version {version}, of a program before 0.1.0: its tables cannot be brought up "
            "to date. Empty it and run the pipeline again, or use another database"
        )
    # Numbers may have gaps, and a lower one may come after a higher one: what counts is what was applied.
    for number, path in files.items():
        if number not in applied:
            connection.execute(path.read_text(encoding="utf-8").encode())
            connection.execute("insert into monitoring.schema_versions (version) values (%s)", [number])
            log.info("schema version %s applied", number)
            failpoint("migrate.file_applied")
