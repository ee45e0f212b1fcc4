"""No command is a superuser: on servers where PGUSER is one, a role of its own owns the warehouse and does the work."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors, sql

from pipeline.commands import cleaning
from tests.commands import command
from warehouse import database, runs, schema_versions
from warehouse.access import owners, roles
from warehouse.access.roles import Role
from warehouse.database import Connection, Login
from warehouse.server import embedded

OWNED = """
    select relowner::regrole::text from pg_class
    where relkind in ('r', 'S', 'v') and relnamespace::regnamespace::text = any(%s)
    union select nspowner::regrole::text from pg_namespace where nspname = any(%s)
    union select datdba::regrole::text from pg_database where datname = current_database()
"""
PYTHONS = ["raw", "ml", "monitoring", "warehouse_lock"]


@pytest.fixture
def owned(empty_warehouse: Connection) -> Iterator[Connection]:
    """As a command has it, in a warehouse that was the superuser's; gives the superuser's connection."""
    with owners.warehouse():
        yield empty_warehouse


def test_what_the_superuser_has_made_is_the_owners(owned: Connection) -> None:
    assert owned.execute(OWNED, [PYTHONS, PYTHONS]).fetchall() == [("warehouse_owner",)]
    owned.execute("create table raw.by_hand (a integer)")
    with owners.warehouse():
        assert owned.execute(OWNED, [PYTHONS, PYTHONS]).fetchall() == [("warehouse_owner",)]


def test_the_owner_acts_as_what_an_earlier_version_made_for_the_superuser(owned: Connection) -> None:
    roles.ensure_roles()
    for part in ("transformer", "monitor"):
        owned.execute(sql.SQL("revoke {} from warehouse_owner").format(sql.Identifier(part)))
        owned.execute(sql.SQL("grant {} to current_user").format(sql.Identifier(part)))
    # Before any run: a command that only reads.
    with owners.warehouse(), database.connect("test", read_only=True) as connection:
        plays = "select session_user, pg_has_role('transformer', 'usage'), pg_has_role('monitor', 'usage')"
        assert connection.execute(plays).fetchone() == ("warehouse_owner", True, True)


@pytest.mark.parametrize(
    "attack",
    [
        "copy (select 1) to program 'id'",
        "select pg_read_file('/etc/passwd')",
        "set role postgres",
        "set session authorization postgres",
        "alter role warehouse_owner superuser",
        "alter system set work_mem = '1GB'",
        "grant pg_execute_server_program to warehouse_owner",
    ],
)
def test_the_owner_is_no_superuser_and_becomes_none(owned: Connection, attack: str) -> None:
    with database.connect("test", autocommit=True) as connection:
        assert connection.execute("select session_user").fetchone() == ("warehouse_owner",)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute(attack.encode())


def test_the_owner_does_all_that_commands_do(owned: Connection) -> None:
    schema_versions.migrate()
    with runs.hold_lock("test") as connection:
        assert connection.execute("select session_user").fetchone() == ("warehouse_owner",)
        assert roles.ensure_roles() == ""
        for role in roles.PARTS:
            with roles.acting_as(role), database.connect("test", read_only=True) as part:
                assert part.execute("select session_user, current_user").fetchone() == (role, role)
        with roles.acting_as(Role.TRANSFORMER), database.connect("test") as part:
            part.execute("create table marts.of_a_test as select 1 as a")
    with database.connect("test", as_login=Login("dashboard")) as reader:
        assert reader.execute("select a from marts.of_a_test").fetchone() == (1,)
    cleaning._drop_schemas()
    assert owned.execute("select from pg_namespace where nspname = 'marts'").rowcount == 0


def test_with_passwords_the_owners_follows_from_the_superusers(tcp_server: embedded.Address) -> None:
    with database.environment(tcp_server.environment()):
        superuser = database.login()
        with owners.warehouse():
            login = database.login()
            assert login.user == "warehouse_owner"
            assert login.password not in (None, superuser.password)
            schema_versions.migrate()
            assert roles.ensure_roles() == ""
            with roles.acting_as(Role.MONITOR), database.connect("test") as connection:
                assert connection.execute("select session_user").fetchone() == ("monitor",)
        assert database.login() == superuser


def test_what_the_superuser_took_while_he_worked_himself_is_the_owners_again(tcp_server: embedded.Address) -> None:
    with database.environment(tcp_server.environment()):
        schema_versions.migrate()
        roles.ensure_roles()
        with psycopg.connect(autocommit=True) as connection:
            for role in roles.PARTS:
                mark = f"logs in by a password that is made of that of {embedded.SUPERUSER}"
                connection.execute(sql.SQL("comment on role {} is {}").format(sql.Identifier(role), mark))
        assert roles.ensure_roles() == ""
        with owners.warehouse():
            assert roles.ensure_roles() == ""
            with roles.acting_as(Role.MONITOR), database.connect("test") as part:
                assert part.execute("select session_user").fetchone() == ("monitor",)
        # He does not take them back.
        assert "monitor" in roles.ensure_roles()
        with owners.warehouse():
            assert roles.ensure_roles() == ""


def test_where_the_owner_cannot_log_in_the_superuser_works_and_it_is_said(tcp_server: embedded.Address) -> None:
    variables = tcp_server.environment()
    with database.environment(variables):
        with owners.warehouse():
            schema_versions.migrate()
        with psycopg.connect(autocommit=True) as connection:
            connection.execute("create role second superuser login password 'second'")
            try:
                with database.environment({"PGUSER": "second", "PGPASSWORD": "second"}), owners.warehouse():
                    assert os.environ["PGUSER"] == "second"
                    schema_versions.migrate()
                    assert "warehouse_owner cannot log in here: commands work as the superuser second" in (
                        roles.ensure_roles()
                    )
                told = command("doctor", **variables | {"PGUSER": "second", "PGPASSWORD": "second"}).stdout
                assert "commands work as the superuser second" in told
                with owners.warehouse():
                    assert database.login().user == "warehouse_owner"
                    assert roles.ensure_roles() == ""
            finally:
                connection.execute(sql.SQL("reassign owned by second to postgres"))
                connection.execute(sql.SQL("drop owned by second"))
                connection.execute(sql.SQL("drop role second"))
