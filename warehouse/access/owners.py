"""The owner of the warehouse on a server whose PGUSER is a superuser: a role of its own, so that no command is one.

Inside `warehouse()` the environment's login is that role, which owns the database and what Python writes. The superuser
makes roles, gives it what others have made, and closes what only he can; `administrator` is his login. A user who is no
superuser is the owner himself. Called by pipeline.cli and warehouse.access.roles.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from warehouse import database, locks
from warehouse.access import role_logins, role_rights
from warehouse.database import Login

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("owners.sql"))
OWNER = "warehouse_owner"
SCHEMAS = (*role_rights.SCHEMAS, locks.SCHEMA)
# From this version on nobody who may make roles can make himself more than he is.
_SAFE_CREATEROLE_SINCE = 160000

_administrator: Login | None = None
# Why the superuser works himself, where he does.
_reason = ""


def administrator() -> Login:
    """Who makes roles: the superuser that the owner stands in for, else who is connected."""
    return _administrator or database.login()


def gap() -> str:
    """Why commands work as a superuser here, in words; '' where they do not."""
    return _reason


@contextlib.contextmanager
def warehouse() -> Iterator[None]:
    """As database.warehouse, with the owner's login where the user is a superuser and the owner can log in."""
    global _administrator, _reason
    with database.warehouse():
        login, _reason = _owner()
        if login is None:
            yield
            return
        _administrator = database.login()
        try:
            with database.environment({"PGUSER": login.user, "PGPASSWORD": login.password}):
                yield
        finally:
            _administrator = None


def _owner() -> tuple[Login | None, str]:
    """The owner's login, which has all that is the owner's; without one why not, '' where the user is no superuser."""
    user = os.environ["PGUSER"]
    with contextlib.closing(database.connect("owner", autocommit=True)) as connection:
        query = sql.SQL(_QUERIES["state"]).format(parts=sql.SQL(_QUERIES["parts"]))
        state: Any = connection.execute(query, {"owner": OWNER, "schemas": list(SCHEMAS)}).fetchone()
        is_superuser, is_there, owns_all = state
        if not is_superuser:
            return None, ""
        login = role_logins.derived(OWNER, Login(user, connection.info.password or None))
        try:
            if not is_there:
                _make(connection, user)
            if not owns_all:
                _give_all(connection)
        except psycopg.Error as error:
            # Another command gives it at the same moment, or holds what is to be given.
            log.info("the owner does not have all yet: %s", error)
            return None, f"{user} works itself, since {OWNER} does not have all that is the owner's yet: run this again"
        if role_logins.working(login) or role_logins.let_in(connection, login, user):
            return login, ""
    return None, f"the role {OWNER} cannot log in here: commands work as the superuser {user}"


def _make(connection: database.Connection, user: str) -> None:
    name = sql.Identifier(OWNER)
    with database.transaction(connection):
        connection.execute(sql.SQL("create role {} login").format(name))
        role_logins.claim(connection, OWNER, user, is_new=True)
        for setting, value in role_logins.WORKERS_SETTINGS.items():
            connection.execute(sql.SQL("alter role {} set {} = {}").format(name, sql.Identifier(setting), value))
        # Whom it waits for, and since when.
        connection.execute(sql.SQL("grant pg_read_all_stats to {}").format(name))
        if connection.info.server_version >= _SAFE_CREATEROLE_SINCE:
            # Restoring loads rows as a role that is made for it.
            connection.execute(sql.SQL("alter role {} createrole").format(name))


def _give_all(connection: database.Connection) -> None:
    """The database, what is in its schemas but for what is dbt's, whoever made it, and the roles to act as."""
    name = sql.Identifier(OWNER)
    scope: dict[str, object] = {"owner": OWNER, "schemas": list(SCHEMAS)}
    with database.transaction(connection):
        connection.execute("set local lock_timeout = '2s'")
        database_name = sql.Identifier(os.environ["PGDATABASE"])
        connection.execute(sql.SQL("alter database {} owner to {}").format(database_name, name))
        role_rights.give(connection, SCHEMAS, OWNER, but_of=["transformer"])
        for function in database.values(connection, _QUERIES["functions"], str, scope):
            # Written by the server itself, with the types of its arguments.
            connection.execute(sql.SQL("alter routine {} owner to {}").format(sql.SQL(function), name))
        for part in database.values(connection, _QUERIES["parts"], str, scope):
            connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(part), name))
        # Others have them no more, see role_rights.
        connection.execute(sql.SQL("grant execute on function pg_advisory_lock(bigint) to {}").format(name))
        connection.execute(sql.SQL("grant execute on function pg_advisory_unlock_all() to {}").format(name))
