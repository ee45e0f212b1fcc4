"""What every session with the warehouse has, whatever its server, its database, its role and the environment say.

psycopg, ADBC and dbt's psycopg2 open sessions each in their own way (see warehouse.database and pipeline.dbt_sessions);
all of them run `statements()` first, and in each transaction that writes `proof()`. What libpq reads from the
environment before that is in `variables()`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from psycopg import pq, sql

from warehouse.named_queries import queries

_QUERIES = queries(Path(__file__).with_name("sessions.sql"))
ENCODING = "UTF8"
# libpq reads them, but names them nowhere.
_UNNAMED_VARIABLES = ("PGTZ", "PGDATESTYLE", "PGGEQO", "PGSYSCONFDIR", "PGSERVICEFILE", "PGLOCALEDIR")

# Of this process: dbt's threads have the same.
_role: str = ""
_held: tuple[int, int] | None = None


def variables() -> dict[str, str | None]:
    """The environment of a session before its first statement; None: not set."""
    return {"PGCLIENTENCODING": ENCODING, "PGTZ": "UTC", "PGDATESTYLE": "ISO, MDY", "PGOPTIONS": None, "PGGEQO": None}


def libpq_variables() -> dict[str, str | None]:
    """All variables that libpq reads, as not set: they speak of somebody else's server."""
    named = {option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
    return dict.fromkeys([*sorted(named), *_UNNAMED_VARIABLES])


def statements(*, with_role: bool = True) -> list[sql.Composed]:
    """What a new session runs first, each by itself."""
    role = [sql.SQL("set role {}").format(sql.Identifier(_role))] if _role and with_role else []
    return [sql.SQL(_QUERIES["settle"]).format(), *role]


def proof() -> list[sql.Composed]:
    """What a transaction that writes runs first: the lock is still this process's; nothing where it has taken none.

    It fails with an error of the server's.
    """
    if _held is None:
        return []
    token, pid = _held
    return [sql.SQL(_QUERIES["prove_lock"]).format(token=sql.Literal(token), pid=sql.Literal(pid))]


@contextlib.contextmanager
def as_role(name: str) -> Iterator[None]:
    """Every session that is opened in this block acts as that role."""
    global _role
    before, _role = _role, name
    try:
        yield
    finally:
        _role = before


@contextlib.contextmanager
def holding(token: int, pid: int) -> Iterator[None]:
    """Every transaction that writes in this block proves that the server's process `pid` has locked that number."""
    global _held
    before, _held = _held, (token, pid)
    try:
        yield
    finally:
        _held = before
