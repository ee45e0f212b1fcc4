"""Remove what the project made in one database, and nothing that belongs to another.

`make clean` empties the database in use. The folder of the embedded server goes as well when that was its
only database. Called by pipeline.cli.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from psycopg import sql

from config.paths import DBT_PROJECT_DIR, state_dir
from warehouse import database, locks
from warehouse.access.role_rights import SCHEMAS
from warehouse.runs import hold_lock
from warehouse.server import embedded
from warehouse.session import session

_QUERIES = database.queries(Path(__file__).with_name("cleaning.sql"))


def clean() -> str:
    """Empty the database in use; says in words what is gone.

    Raises:
        LockedError: a pipeline is at work in it.
        DatabaseError: the server cannot be reached, or another command is using it.
    """
    with session("clean"):
        where = database.describe()
        _drop_schemas()
        others = database.is_external() or embedded.EmbeddedServer(state_dir()).drop_database()
    if others:
        return f"what the project kept in {where} is gone, with its model files"
    embedded.release()
    shutil.rmtree(state_dir())
    shutil.rmtree(DBT_PROJECT_DIR / "target", ignore_errors=True)
    return f"the embedded server, the models and the sample are gone ({state_dir()})"


def _drop_schemas() -> None:
    with hold_lock("clean") as connection:
        has_models = database.one_row(connection, _QUERIES["has_models"])[0]
        artifacts = database.values(connection, _QUERIES["artifacts"], str) if has_models else []
        for schema in reversed(SCHEMAS):
            connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
        # Last: whoever waits for a lock makes the table anew.
        connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(locks.SCHEMA)))
    for name in artifacts:
        (state_dir() / "models" / Path(name).name).unlink(missing_ok=True)
