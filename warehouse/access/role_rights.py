"""The grants that make the roles' rights true in the database in use, and close what everybody has by default.

In: a connection of the warehouse's owner in a transaction, and `ROLES` of warehouse.access.roles, which calls it.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import sql

from warehouse import database, locks

_QUERIES = database.queries(Path(__file__).with_name("roles.sql"))
_KINDS = {"r": "table", "v": "view", "m": "materialized view", "S": "sequence"}
PYTHON_SCHEMAS = ("raw", "ml", "monitoring")
DBT_SCHEMAS = ("staging", "intermediate", "marts")
SCHEMAS = (*PYTHON_SCHEMAS, *DBT_SCHEMAS)
# Records of what was said when: rows are added, never changed (see also `refuse_change` in warehouse/migrations).
APPEND_ONLY = ("monitoring.incidents", "monitoring.incident_followups")


@dataclass(frozen=True)
class Rights:
    """What a role may do: schemas it reads, schemas whose rows it changes, that it owns, whose functions it calls.

    `login_variable` names the environment variable with the password of a role that people or programs log in as; the
    others are parts that the pipeline plays, see role_logins. `settings` are the defaults of the role's sessions.
    """

    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    owns: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    temporary_tables: bool = False
    login_variable: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def set_rights(connection: database.Connection, roles: Mapping[str, Rights], transformer: str) -> None:
    """Give each role what its rights say, as the owner; `transformer` owns what dbt makes."""
    database_name = sql.Identifier(os.environ["PGDATABASE"])
    for role, rights in roles.items():
        name = sql.Identifier(role)
        connection.execute(sql.SQL("grant connect on database {} to {}").format(database_name, name))
        if rights.temporary_tables:
            connection.execute(sql.SQL("grant temporary on database {} to {}").format(database_name, name))
        for schema in rights.calls:
            connection.execute(sql.SQL("grant usage on schema {} to {}").format(sql.Identifier(schema), name))
        for schema in (*rights.reads, *rights.writes):
            _grant(connection, schema, role, "select", transformer)
        for schema in rights.writes:
            _grant(connection, schema, role, "insert, update, delete", transformer)
            _grant_sequences(connection, schema, role)
        if rights.writes or rights.owns:
            _grant_lock(connection, role)
        for table in APPEND_ONLY if "monitoring" in rights.writes else ():
            revoke = sql.SQL("revoke update, delete on {} from {}")
            connection.execute(revoke.format(database.relation(table), name))
    # dbt makes schemas that are missing, and only those.
    connection.execute(sql.SQL("grant create on database {} to {}").format(database_name, sql.Identifier(transformer)))


def prepare(connection: database.Connection, roles: Collection[str], transformer: str, *, is_superuser: bool) -> None:
    """As who makes the roles: dbt's schemas are its role's, and what everybody has by default is taken back."""
    for schema in DBT_SCHEMAS:
        connection.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
    # What dbt replaces belongs to the role that runs it.
    give(connection, DBT_SCHEMAS, transformer)
    if database.one_row(connection, _QUERIES["owns_database"])[0]:
        # On any server, or before Postgres 15.
        database_name = sql.Identifier(os.environ["PGDATABASE"])
        connection.execute(sql.SQL("revoke temporary on database {} from public").format(database_name))
        connection.execute("revoke create on schema public from public")
        _close_functions(connection)
        if is_superuser:
            _refuse_routines(connection, roles)


def _refuse_routines(connection: database.Connection, roles: Collection[str]) -> None:
    """A function in a view runs as whoever reads the view: the roles make none. Only a superuser can see to that."""
    listed = {"roles": sql.Literal(sorted(roles)), "names": sql.Literal(", ".join(roles))}
    connection.execute(sql.SQL(_QUERIES["refuse_routines"]).format(**listed))
    if not database.one_row(connection, _QUERIES["refuses_routines"])[0]:
        connection.execute(_QUERIES["begin_to_refuse"])
    # So that nothing of the schema is another's.
    owner = sql.Identifier(os.environ["PGUSER"])
    connection.execute(
        sql.SQL("alter function {}.refuse_routines() owner to {}").format(sql.Identifier(locks.SCHEMA), owner)
    )


def _close_functions(connection: database.Connection) -> None:
    """Take functions that write, or that lock, from everybody."""
    for function in database.values(connection, _QUERIES["open_functions"], str):
        # Written by the server itself, with the types of its arguments.
        connection.execute(sql.SQL("revoke execute on function {} from public").format(sql.SQL(function)))


def close_other_databases(connection: database.Connection) -> None:
    """On a server that holds warehouses only: nobody has business in the databases that every server has."""
    for name in database.values(connection, _QUERIES["open_databases"], str):
        connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(name)))


def _grant_lock(connection: database.Connection, role: str) -> None:
    """The right to prove in a transaction that the lock is held, and no more: see locks.py."""
    schema, name = sql.Identifier(locks.SCHEMA), sql.Identifier(role)
    connection.execute(sql.SQL("grant usage on schema {} to {}").format(schema, name))
    connection.execute(sql.SQL("grant insert on {}.locks to {}").format(schema, name))


def give(connection: database.Connection, schemas: Collection[str], to: str, *, but_of: Collection[str] = ()) -> None:
    """Schemas and their relations, whoever made them, are a role's, but for those of some other roles."""
    scope: dict[str, object] = {"schemas": list(schemas), "owners": [to, *but_of]}
    owner = sql.Identifier(to)
    for schema in database.values(connection, _QUERIES["foreign_schemas"], str, scope):
        connection.execute(sql.SQL("alter schema {} owner to {}").format(sql.Identifier(schema), owner))
    relations: list[Any] = connection.execute(_QUERIES["foreign_relations"], scope).fetchall()
    for schema, name, kind in relations:
        relation = sql.Identifier(schema, name)
        connection.execute(sql.SQL("alter {} {} owner to {}").format(sql.SQL(_KINDS[kind]), relation, owner))


def _grant(connection: database.Connection, schema: str, role: str, verbs: str, transformer: str) -> None:
    """Verbs on the tables of a schema, on those that are there and on those that will take their place."""
    parts = {
        "verbs": sql.SQL(verbs),
        "schema": sql.Identifier(schema),
        "role": sql.Identifier(role),
        "owner": sql.Identifier(transformer) if schema in DBT_SCHEMAS else sql.SQL("current_user"),
    }
    connection.execute(sql.SQL("grant usage on schema {schema} to {role}").format(**parts))
    connection.execute(sql.SQL("grant {verbs} on all tables in schema {schema} to {role}").format(**parts))
    future = "alter default privileges for role {owner} in schema {schema} grant {verbs} on tables to {role}"
    connection.execute(sql.SQL(future).format(**parts))


def _grant_sequences(connection: database.Connection, schema: str, role: str) -> None:
    parts = {"schema": sql.Identifier(schema), "role": sql.Identifier(role)}
    connection.execute(sql.SQL("grant usage on all sequences in schema {schema} to {role}").format(**parts))
    connection.execute(
        sql.SQL("alter default privileges in schema {schema} grant usage on sequences to {role}").format(**parts)
    )
