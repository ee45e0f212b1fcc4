"""Remove what the project made: an embedded server's data, or the project's schemas on another server."""

from __future__ import annotations

import shutil

from psycopg import sql

from pipeline import database, embedded
from pipeline.settings import DBT_PROJECT_DIR, state_dir

SCHEMAS = ("marts", "intermediate", "staging", "monitoring", "ml", "raw")


def clean_embedded() -> None:
    """Stop the embedded server and remove the state folder.

    Raises:
        DatabaseError: another command is using the server.
    """
    if state_dir().exists():
        embedded.release()
        shutil.rmtree(state_dir())
    _remove_dbt_output()


def clean_external() -> None:
    """Drop the project's schemas, then remove the state folder (models, sample, logs)."""
    with database.connect("clean") as connection:
        for schema in SCHEMAS:
            connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
    shutil.rmtree(state_dir(), ignore_errors=True)
    _remove_dbt_output()


def _remove_dbt_output() -> None:
    shutil.rmtree(DBT_PROJECT_DIR / "target", ignore_errors=True)
