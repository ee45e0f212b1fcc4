"""dbt's sessions as all others are: settled when they are opened, with the proof of the lock in each transaction.

Importing this module makes dbt's Postgres adapter use it. Imported by pipeline.dbt when dbt runs. What the server
refused is kept by its SQLSTATE, since dbt hands on nothing but the server's words.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from dbt.adapters.contracts.connection import Connection, ConnectionState
from dbt.adapters.postgres import PostgresAdapter
from dbt.adapters.postgres.connections import PostgresConnectionManager

from warehouse import sessions

_refused: set[str] = set()


class SettledConnections(PostgresConnectionManager):  # type: ignore[misc]  # dbt says nothing of its types
    """dbt-postgres' own, but for what every session of this project has."""

    @classmethod
    def open(cls, connection: Connection) -> Connection:
        """Open a session and settle it."""
        if connection.state == ConnectionState.OPEN:
            return connection
        opened: Connection = super().open(connection)
        with opened.handle.cursor() as cursor:
            for statement in sessions.statements():
                cursor.execute(statement.as_string(None))
        opened.handle.commit()
        return opened

    def cancel(self, connection: Connection) -> None:
        """Cancel its query, as its own client may: the role it has taken may not end sessions of the login."""
        if connection.handle is not None:
            connection.handle.cancel()

    def add_begin_query(self) -> Any:
        """Begin a transaction and prove in it that the lock is still held."""
        begun = super().add_begin_query()
        for statement in sessions.proof():
            self.add_query(statement.as_string(None), auto_begin=False)
        return begun

    @contextlib.contextmanager
    def exception_handler(self, sql: str) -> Iterator[None]:
        """As dbt's own, which forgets the SQLSTATE."""
        with super().exception_handler(sql):
            try:
                yield
            except Exception as error:
                # psycopg2's; what dbt-postgres works with is its own affair.
                code = getattr(error, "pgcode", None)
                if code:
                    _refused.add(code)
                raise


def forget_refusals() -> None:
    """Begin anew; called before a command of dbt."""
    _refused.clear()


def refusals() -> frozenset[str]:
    """The SQLSTATEs that the server has answered with since."""
    return frozenset(_refused)


PostgresAdapter.ConnectionManager = SettledConnections
