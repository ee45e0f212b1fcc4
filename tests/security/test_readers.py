"""Whoever may read cannot stop the pipeline: not by locks, open transactions, connections, files or settings."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors, sql

from config.paths import ROOT
from core.errors import DatabaseError, LockedError
from warehouse import database, locks, runs, schema_versions, waits
from warehouse.access import owners, roles
from warehouse.access.roles import Role
from warehouse.database import Connection, Login

READERS = ("dashboard", "analyst", "asker")
# Every mode that conflicts with what an owner, its writers, a load or a migration holds.
STRONG = ("row exclusive", "share update exclusive", "share", "share row exclusive", "exclusive", "access exclusive")


@pytest.fixture
def warehouse(empty_warehouse: Connection) -> Connection:
    assert roles.ensure_roles() == ""
    return empty_warehouse


@contextlib.contextmanager
def reading(role: str) -> Iterator[Connection]:
    with contextlib.closing(database.connect("attack", autocommit=True, as_login=Login(role))) as connection:
        yield connection


def migrate_elsewhere() -> subprocess.Popen[str]:
    program = "from warehouse import database, schema_versions\nwith database.warehouse(): schema_versions.migrate()"
    return subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, text=True)


@pytest.mark.parametrize("role", READERS)
def test_readers_call_no_function_that_holds_a_lock_or_writes(warehouse: Connection, role: str) -> None:
    with reading(role) as connection:
        for attack in (
            "select pg_advisory_lock(hashtext('monitoring-warehouse'))",
            "select pg_advisory_xact_lock_shared(1, 2)",
            "select pg_try_advisory_lock(number) from generate_series(1, 1000000) as number",
            "select pg_logical_emit_message(false, 'x', repeat('x', 1000000))",
            "select lo_create(0)",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(attack.encode())


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize("table", ["warehouse_lock.locks", "raw.files", "monitoring.runs", "ml.models"])
def test_readers_lock_no_table_in_a_mode_that_matters(warehouse: Connection, role: str, table: str) -> None:
    with reading(role) as connection:
        attacks = [f"lock table {table} in {mode} mode nowait" for mode in STRONG]
        for attack in (*attacks, f"select from {table} for key share"):
            connection.execute("begin read write")
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute(attack.encode())
            connection.execute("rollback")


def test_advisory_locks_are_nobodys_business_where_they_cannot_be_closed(warehouse: Connection) -> None:
    """On a server of one's own everybody may call the functions: then every number that was ever seen is taken."""
    with runs.only_lock("before"):
        (seen,) = warehouse.execute("select token from warehouse_lock.locks where name = 'owner'").fetchall()
    warehouse.execute("grant execute on function pg_advisory_lock(bigint) to public")
    with reading("dashboard") as connection:
        keys = ("monitoring-warehouse", "monitoring-warehouse writers", "monitoring-warehouse migrate", "raw.files")
        for key in keys:
            connection.execute("select pg_advisory_lock(hashtext(%s))", [key])
        connection.execute("select pg_advisory_lock(%s)", seen)
        assert locks.lock_holders(warehouse) == []
        process = migrate_elsewhere()
        assert process.wait(timeout=60) == 0
        with runs.only_lock("test") as owner:
            (holder,) = locks.lock_holders(warehouse)
            assert holder.pid == owner.info.backend_pid
            with database.connect("writes") as writes:
                writes.execute("delete from raw.files")
            with pytest.raises(LockedError, match="test by process"), runs.only_lock("second"):
                pass


def test_who_waits_for_the_number_of_the_owner_does_not_get_its_place(warehouse: Connection) -> None:
    """The session that gets it after the owner's end is another."""
    warehouse.execute("grant execute on function pg_advisory_lock(bigint) to public")
    with reading("dashboard") as connection, contextlib.ExitStack() as stack:
        stack.enter_context(runs.only_lock("test"))
        (row,) = warehouse.execute("select token, pid from warehouse_lock.locks where name = 'owner'").fetchall()
        waiting = threading.Thread(target=connection.execute, args=("select pg_advisory_lock(%s)", [row[0]]))
        waiting.start()
        assert warehouse.execute("select pg_terminate_backend(cast(%s as integer), 5000)", [row[1]]).fetchone() == (
            True,
        )
        waiting.join()
        with pytest.raises(psycopg.Error) as refused:
            database.connect("writes")
        assert refused.value.sqlstate == "MW001"
        stack.pop_all()
    with runs.only_lock("test"):
        pass


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waits, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(waits, "READER_SECONDS", 0.5)


def delete_files() -> None:
    with runs.only_lock("test"), database.connect("writes") as connection:
        connection.execute("set local lock_timeout = '1s'")
        connection.execute("delete from raw.files")


@pytest.mark.parametrize("reader", ["analyst", "dashboard"])
def test_a_reader_in_the_way_is_named_and_ended(
    warehouse: Connection, impatient: None, caplog: pytest.LogCaptureFixture, reader: str
) -> None:
    with roles.acting_as(Role.TRANSFORMER), database.connect("test") as connection:
        connection.execute("create table marts.swapped as select 1 as a")
    with reading(reader) as attack:
        attack.execute("set idle_in_transaction_session_timeout = 0")
        attack.execute("begin")
        attack.execute("select a from marts.swapped")
        pid = attack.info.backend_pid
        with runs.only_lock("test"), roles.acting_as(Role.TRANSFORMER), database.connect("dbt") as connection:
            connection.execute("drop table marts.swapped")
        with pytest.raises(psycopg.OperationalError):
            attack.execute("select 1")
    assert f"the session {pid} of {reader} (monitoring-warehouse attack), idle in transaction since" in caplog.text
    assert "holds marts.swapped, and this command waits for it: it is ended in" in caplog.text
    assert f"ended the session {pid} of {reader}, which held marts.swapped up" in caplog.text


def test_who_is_no_reader_is_waited_for_and_named_in_the_end(
    warehouse: Connection, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(application_name="somebody's psql") as other:
        other.execute("lock table raw.files in share mode")
        with pytest.raises(LockedError, match=r"gave up waiting .*\(somebody's psql\).* holds raw\.files"):
            delete_files()
        assert other.execute("select 1").fetchone() == (1,)
    assert "and this command waits for it: end it, or wait" in caplog.text


def test_a_migration_waits_for_no_reader(
    warehouse: Connection, impatient: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As the upgrade of a warehouse that somebody looks at."""
    later = tmp_path / "later.sql"
    later.write_text("alter table monitoring.incidents add column later integer", encoding="utf-8")
    files = schema_versions.migrations() | {999: later}
    monkeypatch.setattr(schema_versions, "migrations", lambda: files)
    with reading("analyst") as attack:
        attack.execute("begin")
        attack.execute("select from monitoring.incidents")
        schema_versions.migrate()
        assert schema_versions.of(warehouse) == 999


def test_readers_leave_connections_for_a_run(warehouse: Connection) -> None:
    query = (
        "select min(rolconnlimit) >= 1, sum(rolconnlimit) + %s <= current_setting('max_connections')::int - "
        "current_setting('superuser_reserved_connections')::int from pg_roles where rolname = any(%s)"
    )
    limits = warehouse.execute(query, [roles.RUN_CONNECTIONS, ["dashboard", "analyst"]]).fetchone()
    assert limits == (True, True)


@pytest.mark.parametrize("role", ["dashboard", "analyst"])
def test_readers_fill_no_disk(warehouse: Connection, role: str) -> None:
    with reading(role) as connection:
        assert connection.execute("show temp_file_limit").fetchone() == ("2GB",)
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("set temp_file_limit = -1")


@pytest.mark.parametrize("role", ["dashboard", "analyst"])
def test_what_a_reader_or_somebody_else_has_set_comes_back(warehouse: Connection, role: str) -> None:
    name = sql.Identifier(os.environ["PGDATABASE"])
    settings = "select rolsuper, rolcreaterole, rolcanlogin, rolconnlimit, rolconfig from pg_roles where rolname = %s"
    before = warehouse.execute(settings, [role]).fetchall()
    with reading(role) as connection:
        connection.execute("set default_transaction_read_only = off")
        connection.execute(f"alter role {role} set search_path = pg_temp".encode())
        connection.execute(f"alter role {role} set idle_in_transaction_session_timeout = 0".encode())
        connection.execute(f"alter role {role} set role = {role}".encode())
        connection.execute(
            sql.SQL("alter role {} in database {} set statement_timeout = 0").format(sql.Identifier(role), name)
        )
    warehouse.execute(f"alter role {role} createdb createrole bypassrls connection limit -1".encode())
    assert roles.ensure_roles() == ""
    assert warehouse.execute(settings, [role]).fetchall() == before
    found = warehouse.execute("select from pg_db_role_setting where setrole = %s::regrole and setdatabase != 0", [role])
    assert found.rowcount == 0


@pytest.mark.parametrize("role", READERS)
@pytest.mark.parametrize("name", ["postgres", "template1"])
def test_readers_enter_no_database_that_every_server_has(warehouse: Connection, role: str, name: str) -> None:
    with (
        database.environment({"PGDATABASE": name}),
        pytest.raises(DatabaseError, match="permission denied for database"),
    ):
        database.connect("attack", as_login=Login(role))


def test_nobody_but_the_owner_makes_functions_that_others_run_by_reading(warehouse: Connection) -> None:
    # As a version with fewer roles left it.
    nothing = "create or replace function warehouse_lock.refuse_routines() returns event_trigger language plpgsql as {}"
    warehouse.execute(sql.SQL(nothing).format(sql.Literal("begin end")))
    assert roles.ensure_roles() == ""
    for role in (Role.TRANSFORMER, Role.MONITOR, *READERS):
        with reading(role) as connection:
            connection.execute("set default_transaction_read_only = off")
            for attack in (
                "create function marts.spy() returns integer language sql as 'select 1'",
                "create function pg_temp.spy() returns integer language plpgsql as 'begin return 1; end'",
                "create trigger spy before insert on marts.one execute function monitoring.refuse_change()",
            ):
                with pytest.raises(errors.InsufficientPrivilege):
                    connection.execute(attack.encode())


def test_of_two_that_wait_for_each_other_the_reader_is_ended(warehouse: Connection) -> None:
    patience = "select extract(epoch from cast(current_setting('deadlock_timeout') as interval))"
    with owners.warehouse():
        workers = [database.login(), *(Login(role) for role in (Role.LOADER, Role.TRANSFORMER, Role.MONITOR))]
    for login in workers:
        with contextlib.closing(database.connect("test", as_login=login)) as worker:
            assert database.one_row(worker, patience)[0] == 30, login.user
    warehouse.execute("create table marts.one as select 1; create table marts.two as select 2")
    roles.ensure_roles()
    with reading("analyst") as reader, database.connect("test", as_login=Login(Role.TRANSFORMER)) as worker:
        worker.execute("lock table marts.one in access exclusive mode")
        with contextlib.suppress(errors.DeadlockDetected), reader.transaction():
            reader.execute("select from marts.two")
            thread = threading.Thread(
                target=worker.execute, args=("lock table marts.two in access exclusive mode",), daemon=True
            )
            thread.start()
            with pytest.raises(errors.DeadlockDetected):
                reader.execute("select from marts.one")
            raise errors.DeadlockDetected
        thread.join()
        assert worker.execute("select 1").fetchone() == (1,)


def test_a_reader_who_keeps_changing_its_own_settings_stops_no_run(warehouse: Connection) -> None:
    over = threading.Event()

    def change() -> None:
        with reading("dashboard") as connection:
            connection.execute("set default_transaction_read_only = off")
            number = 0
            while not over.is_set():
                number += 1
                with contextlib.suppress(errors.InternalError_):
                    connection.execute(f"alter role dashboard set application_name = 'a{number}'".encode())

    threads = [threading.Thread(target=change, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        notes = {roles.ensure_roles() for _ in range(8)}
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert notes <= {"", "dashboard keeps changing its own settings: the next run brings them back"}
    assert roles.ensure_roles() == ""
