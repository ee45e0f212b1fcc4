"""Who may type SQL gets a reader's rights and no others: `make sql`, and dbt's own projects."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from config.paths import DBT_PROJECT_DIR, ROOT
from core.errors import DbtError, QueryError
from pipeline import dbt
from pipeline.commands import query
from tests.commands import command
from tests.servers import ForeignServer
from warehouse import database, schema_versions
from warehouse.access import role_logins, roles
from warehouse.access.roles import Role
from warehouse.database import Connection, Login

ATTACKS = (
    "copy (select 1) to program 'id'",
    "copy raw.files from program 'id'",
    "copy (select 1) to '/tmp/warehouse-attack'",
    "do $$ begin create table public.attack (a integer); end $$",
    "do $$ begin set role postgres; end $$",
    "set session authorization postgres",
    "set role postgres",
    "set role loader",
    "select pg_read_file('/etc/passwd')",
    "select lo_import('/etc/passwd')",
    "select set_config('transaction_read_only', 'off', false), nextval('raw.load_ids')",
    "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'",
    "alter role asker superuser",
    "select pg_reload_conf()",
    "create temporary table attack (a integer)",
)


def ask(text: str) -> list[str]:
    out = io.StringIO()
    query.print_csv(text, out)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_no_question_is_refused(empty_warehouse: Connection, attack: str) -> None:
    state = "select (select count(*) from pg_class), (select max(rolname) from pg_roles where rolsuper)"
    assert roles.ensure_roles() == ""
    before = empty_warehouse.execute(state.encode()).fetchall()
    with pytest.raises(QueryError):
        ask(attack)
    assert empty_warehouse.execute(state.encode()).fetchall() == before


def test_a_question_is_asked_by_a_reader_that_no_sql_leaves(empty_warehouse: Connection) -> None:
    """Also in a warehouse that no run has been in."""
    assert ask("select current_user, session_user") == ["current_user,session_user", "asker,asker"]
    # In one statement: what runs after it has left its role, if it had taken one.
    both = "select set_config('role', 'none', false), set_config('session_authorization', session_user, false)"
    assert ask(f"with left_behind as materialized ({both}) select current_user from left_behind")[1] == "asker"
    assert ask("select rolsuper from pg_roles where rolname = session_user")[1] == "f"


def test_a_persons_own_tables_are_found_and_nobodys_schema_is_called(empty_warehouse: Connection) -> None:
    name = sql.Identifier(os.environ["PGDATABASE"])
    for schema in ("mine", "postgres", "asker"):
        empty_warehouse.execute(f"create schema {schema}".encode())
        empty_warehouse.execute(f"create function {schema}.who() returns text return '{schema}'".encode())
    path = sql.SQL("alter database {} set search_path = {}")
    empty_warehouse.execute(path.format(name, sql.SQL('"$user", mine')))
    assert ask("select who()")[1] == "mine"
    with database.connect("test") as connection:
        assert connection.execute("show search_path").fetchone() == ("public",)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dbt project with the warehouse's profile."""
    (tmp_path / "models").mkdir()
    (tmp_path / "macros").mkdir()
    (tmp_path / "dbt_project.yml").write_text("name: attack\nversion: 1.0.0\nprofile: monitoring_warehouse\nvars: {}\n")
    (tmp_path / "profiles.yml").write_text((DBT_PROJECT_DIR / "profiles.yml").read_text())
    monkeypatch.setattr(dbt, "DBT_PROJECT_DIR", tmp_path)
    monkeypatch.setattr(dbt, "project_dir", lambda: tmp_path)
    return tmp_path


def test_sql_of_dbt_becomes_nobody_else(empty_warehouse: Connection, project: Path) -> None:
    assert roles.ensure_roles() == ""
    model = "{{ config(materialized='table') }}\n{% if execute %}{% do run_query(\"ATTACK\") %}{% endif %}\n"
    attacks = ("set role none", "reset role", "set session authorization default")
    for number, attack in enumerate(attacks):
        text = model.replace("ATTACK", attack) + "select current_user as current, session_user as login"
        (project / "models" / f"who_{number}.sql").write_text(text)
    dbt.build("--select", *(f"who_{number}" for number in range(len(attacks))), run_id=None)
    for number in range(len(attacks)):
        ((schema,),) = empty_warehouse.execute(
            "select relnamespace::regnamespace::text from pg_class where relname = %s", [f"who_{number}"]
        ).fetchall()
        table = sql.Identifier(str(schema), f"who_{number}")
        assert empty_warehouse.execute(sql.SQL("select * from {}").format(table)).fetchall() == [
            ("transformer", "transformer")
        ]
    others = ("postgres", "monitor")
    for name in others:
        (project / "models" / f"{name}.sql").write_text(model.replace("ATTACK", f"set role {name}") + "select 1 as a")
    with pytest.raises(DbtError) as caught:
        dbt.build("--select", *others, run_id=None)
    for name in others:
        assert f'permission denied to set role "{name}"' in str(caught.value)


@pytest.fixture
def theirs(foreign: ForeignServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForeignServer]:
    """A warehouse on a server that asks for passwords, of a user who may make roles and is no superuser."""
    with foreign.database() as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        with database.warehouse():
            schema_versions.migrate()
            yield foreign


def logins(connection: Connection) -> object:
    return connection.execute("select current_user, session_user").fetchone()


def test_passwords_of_the_parts_follow_from_the_owners_own(theirs: ForeignServer) -> None:
    assert roles.ensure_roles() == ""
    owner = database.login()
    for role in roles.PARTS:
        assert not role_logins.working(Login(role.value, "guessed"))
        assert not role_logins.working(Login(role.value, owner.password))
        with roles.acting_as(role), database.connect("test") as connection:
            assert logins(connection) == (role.value, role.value)
    assert ask("select session_user")[1] == "asker"
    # Nested, and back again.
    with roles.acting_as(Role.LOADER), roles.acting_as(Role.MONITOR), database.connect("test") as connection:
        assert logins(connection) == ("monitor", "monitor")
    assert database.login() == owner


def test_a_changed_password_of_the_owner_is_followed(theirs: ForeignServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert roles.ensure_roles() == ""
    user = sql.Identifier(os.environ["PGUSER"])
    before = os.environ["PGPASSWORD"]
    theirs.administer(sql.SQL("alter role {} password 'another'").format(user))
    monkeypatch.setenv("PGPASSWORD", "another")
    try:
        assert roles.ensure_roles() == ""
        with roles.acting_as(Role.LOADER), database.connect("test") as connection:
            assert logins(connection) == ("loader", "loader")
    finally:
        theirs.administer(sql.SQL("alter role {} password {}").format(user, before))
    monkeypatch.setenv("PGPASSWORD", before)
    assert roles.ensure_roles() == ""


def test_two_warehouses_of_one_owner_share_the_logins(theirs: ForeignServer, monkeypatch: pytest.MonkeyPatch) -> None:
    stored = "select rolname, rolpassword from pg_authid where rolname = any(%s) order by 1"
    names = [role.value for role in roles.PARTS]
    assert roles.ensure_roles() == ""
    with contextlib.closing(
        database.connect("test", as_login=Login("postgres", theirs.superuser_password))
    ) as superuser:
        before = superuser.execute(stored.encode(), [names]).fetchall()
        with theirs.database() as second:
            monkeypatch.setenv("PGDATABASE", second["PGDATABASE"])
            with database.warehouse():
                schema_versions.migrate()
                assert roles.ensure_roles() == ""
                with roles.acting_as(Role.LOADER), database.connect("test") as connection:
                    assert logins(connection) == ("loader", "loader")
        assert superuser.execute(stored.encode(), [names]).fetchall() == before


def test_another_owner_does_not_take_the_logins_away(theirs: ForeignServer, monkeypatch: pytest.MonkeyPatch) -> None:
    assert roles.ensure_roles() == ""
    first = database.login()
    monkeypatch.setenv("PGUSER", "postgres")
    monkeypatch.setenv("PGPASSWORD", theirs.superuser_password)
    note = roles.ensure_roles()
    assert "loader, transformer, monitor, asker cannot log in here" in note
    assert "queries are asked as postgres" in note
    monkeypatch.setenv("PGUSER", first.user)
    monkeypatch.setenv("PGPASSWORD", first.password or "")
    assert roles.ensure_roles() == ""


def test_without_the_right_to_make_roles_all_goes_on_and_doctor_says_so(foreign: ForeignServer) -> None:
    name = sql.Identifier("small")
    foreign.administer(sql.SQL("create role {} login password 'small'").format(name))
    create = sql.SQL("create database small owner {} encoding 'UTF8' locale 'C' template template0")
    foreign.administer(create.format(name))
    variables = foreign.environment("small") | {"PGUSER": "small", "PGPASSWORD": "small"}
    try:
        assert command("sql", "select session_user", **variables).stdout.splitlines() == ["session_user", "small"]
        program = (
            "from warehouse import database, schema_versions\nwith database.warehouse(): schema_versions.migrate()"
        )
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ | variables, check=True)
        told = command("doctor", **variables).stdout
        assert "what the pipeline, dbt and queries do they do with the rights of small" in told
    finally:
        foreign.administer(sql.SQL("drop database small"), sql.SQL("drop role small"))


def test_what_cannot_be_closed_is_said(theirs: ForeignServer) -> None:
    assert roles.ensure_roles() == ""
    theirs.administer(sql.SQL("alter role analyst reset temp_file_limit"))
    with database.connect("test") as connection:
        told = " ".join(roles.gaps(connection))
    assert "everybody may call pg_advisory_lock and its kin here" in told
    assert "temporary files of dashboard and analyst have no limit" in told
    assert "dashboard and analyst can connect to lager, postgres, template1" in told
    assert "cannot log in" not in told


def test_a_role_of_somebody_elses_is_not_taken(theirs: ForeignServer) -> None:
    """It was there with a password of its own before the first run."""
    assert roles.ensure_roles() == ""
    login = role_logins.derived("monitor", database.login())
    theirs.administer(
        sql.SQL("comment on role monitor is 'of the hardware'"), sql.SQL("alter role monitor password 'theirs'")
    )
    try:
        assert "monitor cannot log in here" in roles.ensure_roles()
        assert role_logins.working(Login("monitor", "theirs"))
        with roles.acting_as(Role.MONITOR), database.connect("test") as connection:
            assert logins(connection) == ("monitor", os.environ["PGUSER"])
    finally:
        theirs.administer(sql.SQL("comment on role monitor is null"), sql.SQL("alter role monitor nologin"))
    assert roles.ensure_roles() == ""
    assert role_logins.working(login)
