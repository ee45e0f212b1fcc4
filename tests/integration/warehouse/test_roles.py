"""Who may do what: every role on every schema with every verb, tried for real; and how the roles come to be."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from core.errors import DatabaseError
from pipeline import dbt
from warehouse import database, schema_versions
from warehouse.access import roles
from warehouse.access.roles import Role
from warehouse.database import Connection
from warehouse.server import embedded

# A table of each schema with one of its columns.
TABLES = {
    "raw": ("files", "status"),
    "staging": ("rejection_rules", "reason"),
    "intermediate": ("green_trips_windows", "origin"),
    "ml": ("models", "origin"),
    "monitoring": ("runs", "message"),
    "marts": ("fct_daily_monitoring", "origin"),
}
VERBS = {
    "select": "select 1 from {table} limit 1",
    "insert": "insert into {table} default values",
    "update": "update {table} set {column} = null where false",
    "delete": "delete from {table} where false",
    "truncate": "truncate {table}",
    "create": "create table {schema}.probe (a integer)",
}
READ, WRITE, OWN = {"select"}, {"select", "insert", "update", "delete"}, set(VERBS)
ALLOWED: dict[str, dict[str, set[str]]] = {
    "loader": {"raw": WRITE},
    "transformer": {
        "raw": READ,
        "ml": READ,
        "monitoring": READ,
        "staging": OWN,
        "intermediate": OWN,
        "marts": OWN,
    },
    "monitor": {"intermediate": READ, "marts": READ, "ml": WRITE, "monitoring": WRITE},
    "asker": dict.fromkeys(TABLES, READ),
    "dashboard": {"marts": READ},
    "analyst": dict.fromkeys(TABLES, READ),
}


@pytest.fixture
def warehouse(monitored_warehouse: Connection) -> Connection:
    """As after a run: rights on the database itself are not copied with it."""
    assert roles.ensure_roles() == ""
    return monitored_warehouse


def may(connection: Connection, role: str, statement: str) -> bool:
    """Whether the role has the right; what else is wrong with the statement does not matter. Nothing stays."""
    with connection.transaction(force_rollback=True):
        connection.execute(f"set local role {role}".encode())
        try:
            with connection.transaction():
                connection.execute(statement.encode())
        except errors.InsufficientPrivilege:
            return False
        except (errors.IntegrityError, errors.FeatureNotSupported):
            return True
        return True


def test_every_role_may_do_what_it_needs_and_nothing_else(warehouse: Connection) -> None:
    found = {
        (role, schema, verb): may(
            warehouse, role, statement.format(schema=schema, table=f"{schema}.{table}", column=column)
        )
        for role in ALLOWED
        for schema, (table, column) in TABLES.items()
        for verb, statement in VERBS.items()
    }
    expected = {
        (role, schema, verb): verb in schemas.get(schema, set())
        for role, schemas in ALLOWED.items()
        for schema in TABLES
        for verb in VERBS
    }
    assert len(found) == 216
    assert {key for key, value in found.items() if value != expected[key]} == set()


@pytest.mark.parametrize(
    ("statement", "allowed"),
    [
        ("create temporary table probe (a integer)", {"loader", "transformer", "monitor"}),
        ("select lo_create(0)", set()),
        ("select lo_from_bytea(0, 'abc')", set()),
        ("create schema probe", {"transformer"}),
        ("create table public.probe (a integer)", set()),
    ],
)
def test_what_lies_outside_of_tables_is_made_by_few(warehouse: Connection, statement: str, allowed: set[str]) -> None:
    assert {role for role in ALLOWED if may(warehouse, role, statement)} == allowed


@contextlib.contextmanager
def connected_as(role: str, password: str = "") -> Iterator[Connection]:
    with (
        database.environment({"PGUSER": role, "PGPASSWORD": password}),
        contextlib.closing(database.connect("test", autocommit=True)) as connection,
    ):
        connection.execute("reset statement_timeout")
        yield connection


@pytest.mark.parametrize("role", ["dashboard", "analyst"])
def test_people_and_programs_log_in_to_read(warehouse: Connection, role: str) -> None:
    with connected_as(role) as connection:
        assert connection.execute("select count(*) > 0 from marts.fct_daily_monitoring").fetchone() == (True,)
        with pytest.raises(errors.ReadOnlySqlTransaction):
            connection.execute("delete from marts.fct_daily_monitoring")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("set role transformer")


def test_dashboards_are_kept_from_holding_the_server_up(warehouse: Connection) -> None:
    with connected_as("dashboard") as connection:
        assert connection.execute("show statement_timeout").fetchone() == ("10s",)
    limit = warehouse.execute("select rolconnlimit from pg_roles where rolname = 'dashboard'").fetchone()
    assert limit == (20,)


def test_no_role_is_more_than_it_seems(warehouse: Connection) -> None:
    found = warehouse.execute(
        "select rolname, rolcanlogin, rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls "
        "from pg_roles where rolname = any(%s) order by 1",
        [list(ALLOWED)],
    ).fetchall()
    assert found == [(role, True, False) for role in sorted(ALLOWED)]


def rights(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "select 'relation', oid::regclass::text, relowner::regrole::text, relacl::text from pg_class "
        "where relnamespace::regnamespace::text = any(%(schemas)s) "
        "union all select 'schema', nspname, nspowner::regrole::text, nspacl::text from pg_namespace "
        "union all select 'database', datname, '', datacl::text from pg_database where datname = current_database() "
        "union all select 'default', defaclnamespace::regnamespace::text, defaclrole::regrole::text, defaclacl::text "
        "from pg_default_acl order by 1, 2, 3, 4",
        {"schemas": list(TABLES)},
    ).fetchall()


def test_twice_is_once(warehouse: Connection) -> None:
    before = rights(warehouse)
    assert roles.ensure_roles() == ""
    assert rights(warehouse) == before


def test_rights_survive_that_a_table_is_swapped(warehouse: Connection) -> None:
    before = warehouse.execute("select 'marts.fct_column_drift'::regclass::oid").fetchone()
    dbt.build("--full-refresh", "--select", "fct_column_drift", run_id=None)
    assert warehouse.execute("select 'marts.fct_column_drift'::regclass::oid").fetchone() != before
    for role in ("monitor", "dashboard", "analyst"):
        assert may(warehouse, role, "select 1 from marts.fct_column_drift")
        assert not may(warehouse, role, "delete from marts.fct_column_drift where false")


def test_what_was_built_by_hand_is_taken_over(warehouse: Connection) -> None:
    warehouse.execute("create table marts.by_hand as select 1 as a")
    warehouse.execute("create view staging.by_hand as select 1 as a")
    roles.ensure_roles()
    for relation in ("marts.by_hand", "staging.by_hand"):
        owner = warehouse.execute(
            "select relowner::regrole::text from pg_class where oid = %s::regclass", [relation]
        ).fetchone()
        assert owner == ("transformer",)
    assert may(warehouse, "dashboard", "select 1 from marts.by_hand")


def test_a_step_has_the_rights_of_its_role_only(warehouse: Connection) -> None:
    with roles.acting_as(Role.LOADER), contextlib.closing(database.connect("test")) as connection:
        assert connection.execute("select current_user, session_user").fetchone() == ("loader", "loader")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("select 1 from ml.models")
    assert "PGOPTIONS" not in os.environ


@pytest.fixture
def strangers_server() -> Iterator[embedded.Address]:
    """A server without the roles, with a database that belongs to somebody who is no superuser."""
    with tempfile.TemporaryDirectory(prefix="warehouse-tests-") as folder:
        server = embedded.EmbeddedServer(Path(folder))
        server.start()
        try:
            address = server.socket_address()
            with psycopg.connect(
                host=address.host, port=address.port, user=embedded.SUPERUSER, dbname="postgres", autocommit=True
            ) as connection:
                connection.execute("create role stranger login")
                connection.execute("create database strangers owner stranger")
            variables = {"PGHOST": address.host, "PGPORT": address.port, "PGDATABASE": "strangers"}
            with database.environment(variables):
                yield address
        finally:
            server.stop()


def test_without_the_right_to_make_roles_the_pipeline_works_with_its_own(strangers_server: embedded.Address) -> None:
    with database.environment({"PGUSER": "stranger"}):
        schema_versions.migrate()
        note = roles.ensure_roles()
        assert "stranger may not create roles" in note
        assert "alter role stranger createrole" in note
        with roles.acting_as(Role.LOADER), contextlib.closing(database.connect("test")) as connection:
            assert connection.execute("select current_user").fetchone() == ("stranger",)


def test_an_owner_who_may_make_roles_is_enough(strangers_server: embedded.Address) -> None:
    with database.environment({"PGUSER": embedded.SUPERUSER}), database.connect("test", autocommit=True) as connection:
        connection.execute("alter role stranger createrole")
    with database.environment({"PGUSER": "stranger"}):
        schema_versions.migrate()
        assert roles.ensure_roles() == ""
        assert roles.ensure_roles() == ""
        for role in (Role.LOADER, Role.TRANSFORMER, Role.MONITOR):
            with roles.acting_as(role), contextlib.closing(database.connect("test")) as connection:
                assert connection.execute("select current_user").fetchone() == (role.value,)
        with roles.acting_as(Role.TRANSFORMER), database.connect("test") as connection:
            connection.execute("create table marts.fct_of_a_test as select 1 as a")
    with connected_as("dashboard") as connection:
        assert connection.execute("select a from marts.fct_of_a_test").fetchone() == (1,)


def test_passwords_come_from_the_environment_and_are_seen_nowhere(
    tcp_server: embedded.Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.environment(tcp_server.environment()):
        schema_versions.migrate()
        for password in ("first one", "quote' and 100%"):
            monkeypatch.setenv("DASHBOARD_PASSWORD", password)
            roles.ensure_roles()
            with connected_as("dashboard", password) as connection:
                assert connection.execute("select current_user").fetchone() == ("dashboard",)
        with (
            pytest.raises(DatabaseError, match="password authentication failed"),
            connected_as("dashboard", "first one"),
        ):
            pass
        with database.connect("test") as connection:
            stored = connection.execute("select rolpassword from pg_authid where rolname = 'dashboard'").fetchone()
            assert str(stored).startswith("('SCRAM-SHA-256$")
