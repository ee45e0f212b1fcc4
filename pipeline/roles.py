"""Who may do what in the warehouse: five database roles, made and kept right by every pipeline run.

`ROLES` is the whole policy. `ensure_roles` makes it true on the server in use, embedded or not; `acting_as`
runs a block of a command with the rights of one of them and no others. Called by the conductor and by the
commands that change the warehouse.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from psycopg import sql

from pipeline import database, sessions
from pipeline.failpoints import failpoint

_QUERIES = database.queries(Path(__file__).with_name("roles.sql"))
PYTHON_SCHEMAS = ("raw", "ml", "monitoring")
DBT_SCHEMAS = ("staging", "intermediate", "marts")
SCHEMAS = (*PYTHON_SCHEMAS, *DBT_SCHEMAS)
# Long enough for any panel; a query that takes longer is a mistake, and must not starve the pipeline.
DASHBOARD_TIMEOUT = "10s"
DASHBOARD_CONNECTIONS = 20


class Role(StrEnum):
    """The roles, by their names on the server."""

    LOADER = "loader"
    TRANSFORMER = "transformer"
    MONITOR = "monitor"
    DASHBOARD = "dashboard"
    ANALYST = "analyst"


@dataclass(frozen=True)
class Rights:
    """What a role may do: schemas it reads, schemas whose rows it changes, schemas it owns.

    `login_variable` names the environment variable with the password of a role that people or programs log in as;
    a role without one is a part that the pipeline plays and cannot log in.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    owns: tuple[str, ...] = ()
    temporary_tables: bool = False
    login_variable: str = ""


ROLES: dict[Role, Rights] = {
    Role.LOADER: Rights(writes=("raw",), temporary_tables=True),
    Role.TRANSFORMER: Rights(reads=("raw", "ml", "monitoring"), owns=DBT_SCHEMAS, temporary_tables=True),
    # All models of intermediate are contracted; raw and staging are not for reading.
    Role.MONITOR: Rights(reads=("intermediate", "marts"), writes=("ml", "monitoring"), temporary_tables=True),
    Role.DASHBOARD: Rights(reads=("marts",), login_variable="DASHBOARD_PASSWORD"),
    Role.ANALYST: Rights(reads=SCHEMAS, login_variable="ANALYST_PASSWORD"),
}


@contextlib.contextmanager
def acting_as(role: Role | None) -> Iterator[None]:
    """Every connection made in this block, by psycopg, ADBC or dbt, has the role's rights.

    Without a role, and where it could not be made (see ensure_roles), the connected user's own rights stay.
    """
    if role is None:
        yield
        return
    with database.connect("roles", read_only=True) as connection:
        playable = connection.execute(_QUERIES["memberships"], {"names": [role.value]}).fetchall()
    if not playable:
        yield
        return
    with sessions.as_role(role.value):
        yield


def ensure_roles() -> str:
    """Make the roles and their rights as `ROLES` says; idempotent. Gives a note for a person, or ''.

    A role that is there already keeps its attributes; a password is set where its variable is set. On a server where
    the connected user may not make roles, those that are missing are left out and the note says what to ask for.
    """
    names = [role.value for role in ROLES]
    with database.connect("roles") as connection:
        # Roles belong to the whole server: two databases on it may be set up at the same time.
        connection.execute("select pg_advisory_xact_lock(hashtext('monitoring-warehouse roles'))")
        may_create = bool(database.one_row(connection, _QUERIES["may_create_roles"])[0])
        found: list[Any] = connection.execute(_QUERIES["existing_roles"], {"names": names}).fetchall()
        existing = {str(row[0]) for row in found}
        missing = [name for name in names if name not in existing]
        if missing and not may_create:
            return (
                f"the database roles {', '.join(missing)} are not there, and {os.environ['PGUSER']} may not create "
                "roles: the pipeline works with its own rights. For Grafana and Adminer let an administrator run "
                f"`alter role {os.environ['PGUSER']} createrole`, then run this again"
            )
        for role, rights in ROLES.items():
            if role.value in missing:
                _create(connection, role, rights)
            if may_create and os.environ.get(rights.login_variable):
                _set_password(connection, role, os.environ[rights.login_variable])
        found = connection.execute(_QUERIES["memberships"], {"names": names}).fetchall()
        if Role.TRANSFORMER.value not in {str(row[0]) for row in found}:
            return (
                f"{os.environ['PGUSER']} is no member of the role {Role.TRANSFORMER} that is on this server: the "
                "pipeline works with its own rights, and the roles get none here"
            )
        _set_rights(connection)
        failpoint("roles.before_commit")
    return ""


def _create(connection: database.Connection, role: Role, rights: Rights) -> None:
    name = sql.Identifier(role.value)
    login = sql.SQL("login" if rights.login_variable else "nologin")
    connection.execute(
        sql.SQL("create role {} {} nosuperuser nocreatedb nocreaterole noreplication").format(name, login)
    )
    if not rights.login_variable:
        connection.execute(sql.SQL("grant {} to current_user").format(name))
        return
    connection.execute(sql.SQL("alter role {} set default_transaction_read_only = on").format(name))
    if role is Role.DASHBOARD:
        connection.execute(
            sql.SQL("alter role {} connection limit {}").format(name, sql.Literal(DASHBOARD_CONNECTIONS))
        )
        connection.execute(
            sql.SQL("alter role {} set statement_timeout = {}").format(name, sql.Literal(DASHBOARD_TIMEOUT))
        )


def _set_password(connection: database.Connection, role: Role, password: str) -> None:
    # Hashed here: neither the server's log nor its list of statements ever sees the password.
    secret = connection.pgconn.encrypt_password(password.encode(), role.value.encode(), b"scram-sha-256")
    connection.execute(
        sql.SQL("alter role {} password {}").format(sql.Identifier(role.value), sql.Literal(secret.decode()))
    )


def _set_rights(connection: database.Connection) -> None:
    transformer = sql.Identifier(Role.TRANSFORMER.value)
    for schema in DBT_SCHEMAS:
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    _give_to_transformer(connection)
    database_name = sql.Identifier(os.environ["PGDATABASE"])
    if database.one_row(connection, _QUERIES["owns_database"])[0]:
        # What everybody may do by default on any server, or did before Postgres 15.
        connection.execute(sql.SQL("revoke temporary on database {} from public").format(database_name))
        connection.execute("revoke create on schema public from public")
        functions: list[Any] = connection.execute(_QUERIES["open_large_object_functions"]).fetchall()
        for (function,) in functions:
            # Written by the server itself, with the types of its arguments.
            connection.execute(sql.SQL("revoke execute on function {} from public").format(sql.SQL(function)))
    for role, rights in ROLES.items():
        name = sql.Identifier(role.value)
        connection.execute(sql.SQL("grant connect on database {} to {}").format(database_name, name))
        if rights.temporary_tables:
            connection.execute(sql.SQL("grant temporary on database {} to {}").format(database_name, name))
        for schema in (*rights.reads, *rights.writes):
            _grant(connection, schema, role, "select")
        for schema in rights.writes:
            _grant(connection, schema, role, "insert, update, delete")
            _grant_sequences(connection, schema, role)
    # dbt makes schemas that are missing, and only those.
    connection.execute(sql.SQL("grant create on database {} to {}").format(database_name, transformer))


def _give_to_transformer(connection: database.Connection) -> None:
    """What dbt replaces belongs to the role that runs it, whoever made it."""
    transformer = sql.Identifier(Role.TRANSFORMER.value)
    scope = {"schemas": list(DBT_SCHEMAS), "owner": Role.TRANSFORMER.value}
    schemas: list[Any] = connection.execute(_QUERIES["foreign_schemas"], scope).fetchall()
    for (schema,) in schemas:
        connection.execute(sql.SQL("alter schema {} owner to {}").format(sql.Identifier(schema), transformer))
    relations: list[Any] = connection.execute(_QUERIES["foreign_relations"], scope).fetchall()
    kinds = {"r": "table", "v": "view", "m": "materialized view"}
    for schema, name, kind in relations:
        relation = sql.Identifier(schema, name)
        connection.execute(sql.SQL("alter {} {} owner to {}").format(sql.SQL(kinds[kind]), relation, transformer))


def _grant(connection: database.Connection, schema: str, role: Role, verbs: str) -> None:
    """Verbs on the tables of a schema, on those that are there and on those that will take their place."""
    parts = {
        "verbs": sql.SQL(verbs),
        "schema": sql.Identifier(schema),
        "role": sql.Identifier(role.value),
        "owner": sql.Identifier(Role.TRANSFORMER.value) if schema in DBT_SCHEMAS else sql.SQL("current_user"),
    }
    connection.execute(sql.SQL("grant usage on schema {schema} to {role}").format(**parts))
    connection.execute(sql.SQL("grant {verbs} on all tables in schema {schema} to {role}").format(**parts))
    future = "alter default privileges for role {owner} in schema {schema} grant {verbs} on tables to {role}"
    connection.execute(sql.SQL(future).format(**parts))


def _grant_sequences(connection: database.Connection, schema: str, role: Role) -> None:
    parts = {"schema": sql.Identifier(schema), "role": sql.Identifier(role.value)}
    connection.execute(sql.SQL("grant usage on all sequences in schema {schema} to {role}").format(**parts))
    connection.execute(
        sql.SQL("alter default privileges in schema {schema} grant usage on sequences to {role}").format(**parts)
    )
