"""Roles as the server has them: their attributes, their settings, and how the parts of the pipeline log in.

A part's password is made of the owner's own (`derived`), so that nothing is kept anywhere; where the server asks for
none, it has none. `working` tries the login, which is the only proof that it can be used. Called by
warehouse.access.roles.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from core.errors import DatabaseError
from warehouse import database
from warehouse.database import Login

_QUERIES = database.queries(Path(__file__).with_name("roles.sql"))
# What only a superuser may set, for himself or for others.
_SUPERUSERS_SETTINGS = frozenset({"temp_file_limit", "deadlock_timeout"})
# Of two sessions that wait for each other the server ends the one that looks first: a reader's looks after a second.
WORKERS_SETTINGS = {"deadlock_timeout": "30s"}
# Who else is changing roles of the server is done before that many.
ATTEMPTS = 5
_WORDS = ("superuser", "createrole", "createdb", "replication", "bypassrls")
# Logins of this process that the server has refused; trying each again would fill its log.
_refused: set[tuple[str, ...]] = set()


def derived(role: str, owner: Login) -> Login:
    """The login of a part of the pipeline."""
    if not owner.password:
        return Login(role)
    digest = hmac.new(owner.password.encode(), f"monitoring-warehouse role {role}".encode(), hashlib.sha256)
    return Login(role, digest.hexdigest())


def working(login: Login, *, again: bool = False) -> bool:
    """Whether the server lets this login in; what it has refused is asked for once more with `again` only."""
    key = (*(os.environ.get(name, "") for name in ("PGHOST", "PGPORT", "PGDATABASE")), login.user, login.password or "")
    if key in _refused and not again:
        return False
    try:
        database.connect("roles", read_only=True, autocommit=True, as_login=login).close()
    except DatabaseError:
        _refused.add(key)
        return False
    _refused.discard(key)
    return True


def settle(
    connection: database.Connection, role: str, settings: Mapping[str, str], connections: int, *, is_superuser: bool
) -> str:
    """Bring attributes and settings of a role back to what they are to be; gives what could not be, in words."""
    row: Any = connection.execute(_QUERIES["attributes"], {"name": role}).fetchone()
    *attributes, can_login, limit, found, in_databases = row
    words = [f"no{word}" for word, has in zip(_WORDS, attributes, strict=True) if has]
    words += [] if can_login else ["login"]
    words += [] if limit == connections else [f"connection limit {connections}"]
    name = sql.Identifier(role)
    changes = [sql.SQL("alter role {} {}").format(name, sql.SQL(word)) for word in words]
    changes += [
        sql.SQL("alter role {} in database {} reset all").format(name, sql.Identifier(other)) for other in in_databases
    ]
    wanted = {key: value for key, value in settings.items() if is_superuser or key not in _SUPERUSERS_SETTINGS}
    mine = {setting for setting in found if is_superuser or setting.split("=")[0] not in _SUPERUSERS_SETTINGS}
    if mine != {f"{key}={value}" for key, value in wanted.items()}:
        changes.append(sql.SQL("alter role {} reset all").format(name))
        changes += [
            sql.SQL("alter role {} set {} = {}").format(name, sql.Identifier(key), value)
            for key, value in wanted.items()
        ]
    kept = ""
    for statement in changes:
        kept = _insist(connection, role, statement) or kept
    return kept


def _insist(connection: database.Connection, role: str, statement: sql.Composed) -> str:
    """Run a change of a role; gives why it could not be made, in words."""
    for _ in range(ATTEMPTS):
        try:
            with database.transaction(connection):
                connection.execute(statement)
        except psycopg.errors.InternalError_:
            continue  # the role has changed its own settings at the same moment
        except psycopg.errors.InsufficientPrivilege:
            return f"only an administrator can bring the role {role} back: `{statement.as_string(connection)}`"
        return ""
    return f"{role} keeps changing its own settings: the next run brings them back"


def set_password(connection: database.Connection, login: Login) -> None:
    """Hashed here: neither the server's log nor its list of statements ever sees the password."""
    name, password = login.user.encode(), (login.password or "").encode()
    secret = connection.pgconn.encrypt_password(password, name, b"scram-sha-256")
    connection.execute(
        sql.SQL("alter role {} password {}").format(sql.Identifier(login.user), sql.Literal(secret.decode()))
    )


def claim(connection: database.Connection, role: str, owner: str, *, is_new: bool) -> None:
    """Note on a role that is new, or could not log in until now, whose password its own is made of."""
    can_log_in, mark = database.one_row(connection, _QUERIES["mark"], {"name": role})
    if mark is None and (is_new or not can_log_in):
        connection.execute(sql.SQL("comment on role {} is {}").format(sql.Identifier(role), _mark(owner)))


def let_in(connection: database.Connection, login: Login, owner: str) -> bool:
    """Make that a login works, unless somebody else has made it his; whether it does.

    What a superuser has made his own, because he had to work himself, is the owner's whose administrator he is.
    """
    if working(login, again=True):
        return True
    _, mark = database.one_row(connection, _QUERIES["mark"], {"name": login.user})
    if login.password is None or mark not in (_mark(owner), _mark(connection.info.user)):
        return False
    with database.transaction(connection):
        set_password(connection, login)
        connection.execute(sql.SQL("comment on role {} is {}").format(sql.Identifier(login.user), _mark(owner)))
    return working(login, again=True)


def _mark(owner: str) -> str:
    return f"logs in by a password that is made of that of {owner}"
