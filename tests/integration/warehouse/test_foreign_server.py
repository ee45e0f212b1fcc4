"""A server of one's own, set up for others: what it says, how it writes and when it hangs up changes nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from psycopg import sql

from config.paths import DBT_PROJECT_DIR, ROOT
from core.errors import DISK_FULL, DatabaseError, LockLostError, sqlstates_of
from pipeline.dbt_sessions import refusals
from pipeline.steps import inputs as step_inputs
from tests.commands import command
from tests.monitoring import green_trips
from tests.servers import ForeignServer
from warehouse import database
from warehouse.runs import RunLog, only_lock

HOSTILE = {
    "PGTZ": "America/St_Johns",
    "PGDATESTYLE": "German",
    "PGCLIENTENCODING": "SQL_ASCII",
    "PGOPTIONS": "-c statement_timeout=1 -c search_path=nowhere -c extra_float_digits=-5",
}
# Of each kind one: an instant, a day, a span, a float, bytes, a letter, and what a session is limited to.
RENDERED = """
    select cast(json_build_object(
        'instant', cast(timestamptz '2022-02-03 04:05:06.5+00' as text),
        'day', cast(date '2022-02-03' as text),
        'span', cast(interval '1 day 02:03:04' as text),
        'float', cast(cast(0.1 as double precision) / 3 as text),
        'bytes', cast(cast('\\x00ff' as bytea) as text),
        'encoding', current_setting('client_encoding'),
        'search_path', current_setting('search_path'),
        'isolation', current_setting('transaction_isolation'),
        'waits', current_setting('statement_timeout') || current_setting('idle_session_timeout')
            || current_setting('lock_timeout') || current_setting('idle_in_transaction_session_timeout')
    ) as text) as shown
"""
AS_EVER = {
    "instant": "2022-02-03 04:05:06.5+00",
    "day": "2022-02-03",
    "span": "1 day 02:03:04",
    "float": "0.03333333333333333",
    "bytes": "\\x00ff",
    "encoding": "UTF8",
    "search_path": "public",
    "isolation": "read committed",
    "waits": "0010min0",
}


@pytest.fixture
def hostile(foreign: ForeignServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForeignServer]:
    """The environment names a new database of that server, and much else."""
    with foreign.database() as variables:
        for name, value in (variables | HOSTILE).items():
            monkeypatch.setenv(name, value)
        yield foreign


@contextlib.contextmanager
def dbts_connections() -> Iterator[Any]:
    """What dbt opens its sessions with, of the project's profile as dbt reads it; parsing the project takes long."""
    from dbt.config.runtime import load_profile
    from dbt.flags import set_from_args
    from dbt.mp_context import get_mp_context
    from dbt_common.context import set_invocation_context

    from pipeline.dbt_sessions import SettledConnections, forget_refusals

    forget_refusals()
    folder = str(DBT_PROJECT_DIR)
    set_invocation_context(dict(os.environ))
    set_from_args(Namespace(PROFILES_DIR=folder, PROJECT_DIR=folder), None)
    connections = SettledConnections(load_profile(folder, {}), get_mp_context())
    connections.set_connection_name("test")
    try:
        yield connections
    finally:
        connections.cleanup_all()


def shown(query: str) -> Iterator[Any]:
    """What a query gives, a text with JSON, by psycopg, ADBC and dbt's driver."""
    with database.warehouse():
        with database.connect("test") as connection:
            yield json.loads(database.one_row(connection, query)[0])
        with database.arrow_cursor() as cursor:
            cursor.execute(query)
            yield json.loads(cursor.fetchone()[0])
        with dbts_connections() as connections:
            connections.begin()
            yield json.loads(connections.add_query(query)[1].fetchone()[0])


def test_every_driver_has_the_same_session(hostile: ForeignServer) -> None:
    assert list(shown(RENDERED)) == [AS_EVER] * 3


@pytest.mark.parametrize(
    "name", ["my data", "a+b%20c@d'e&f=g?#/", "2024", "null", "Gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n"]
)
def test_any_name_and_password_reaches_every_driver(
    foreign: ForeignServer, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The database, the user and the password are called so."""
    user = sql.Identifier(name)
    foreign.administer(sql.SQL("create role {} login superuser password {}").format(user, name))
    try:
        with foreign.database(name) as variables:
            for variable, value in (variables | {"PGUSER": name, "PGPASSWORD": name}).items():
                monkeypatch.setenv(variable, value)
            query = "select cast(json_build_array(current_database(), current_user) as text) as shown"
            assert list(shown(query)) == [[name, name]] * 3
    finally:
        foreign.administer(sql.SQL("drop role {}").format(user))


def test_a_database_that_is_not_utf8_is_refused_at_once(
    foreign: ForeignServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with foreign.database("ascii", "SQL_ASCII") as variables:
        result = command("run", "--source", "sample", **variables)
        assert result.returncode == 7
        (line,) = result.stderr.strip().splitlines()
        assert line.startswith("error: the database ascii keeps its texts in SQL_ASCII")
        assert "create database NAME encoding 'UTF8' template template0" in line
        result = command("doctor", **variables)
        assert "PROBLEM" in result.stdout + result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("changed", "is_password"),
    [
        ({"PGPASSWORD": "wrong"}, True),
        ({"PGPASSWORD": ""}, True),
        ({"PGDATABASE": "nowhere"}, False),
        ({"PGPORT": "1"}, False),
    ],
)
def test_advice_hangs_on_the_code_of_a_refusal(
    foreign: ForeignServer, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], is_password: bool
) -> None:
    for name, value in (foreign.environment() | changed).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(DatabaseError) as caught, database.warehouse():
        pass
    assert ("correct PGPASSWORD" in str(caught.value)) == is_password, str(caught.value)


WAIT = """
import sys
from warehouse import database
from core import interrupts
interrupts.install()
try:
    with database.warehouse(), database.arrow_cursor() as cursor:
        print("waits", flush=True)
        cursor.execute("select pg_sleep(60)")
        cursor.fetchone()
except BaseException as error:
    print(type(error).__name__, interrupts.noted())
"""


def wait(**variables: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WAIT], cwd=ROOT, env=os.environ | variables, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waits\n"
    return process


def await_sleep(foreign: ForeignServer, query: str) -> None:
    """Do something to the session that sleeps, as soon as there is one."""
    with psycopg.connect(
        host="127.0.0.1", port=foreign.port, user="postgres", password=foreign.superuser_password, autocommit=True
    ) as connection:
        while not connection.execute(
            f"{query} where query like '%pg_sleep(60)%' and pid != pg_backend_pid()".encode()
        ).rowcount:
            time.sleep(0.05)


def test_ctrl_c_in_a_statement_of_adbc_is_heard(foreign: ForeignServer) -> None:
    process = wait(**foreign.environment())
    await_sleep(foreign, "select from pg_stat_activity")
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=30)[0] == "KeyboardInterrupt True\n"


def test_what_an_administrator_cancels_is_no_ctrl_c(foreign: ForeignServer) -> None:
    process = wait(**foreign.environment())
    await_sleep(foreign, "select pg_cancel_backend(pid) from pg_stat_activity")
    assert process.communicate(timeout=30)[0] == "DatabaseError False\n"


def test_codes_stand_behind_the_errors_of_every_driver(foreign: ForeignServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in foreign.environment().items():
        monkeypatch.setenv(name, value)
    full = "do $$ begin raise exception using errcode = '53100', message = 'voll'; end $$"
    with database.warehouse():
        with pytest.raises(psycopg.Error) as of_psycopg, database.connect("test") as connection:
            connection.execute(full)
        with pytest.raises(DatabaseError) as of_adbc, database.arrow_cursor() as cursor:
            cursor.execute(full)
    assert sqlstates_of(of_psycopg.value) == sqlstates_of(of_adbc.value) == {DISK_FULL}


def test_more_than_one_statement_is_told_in_any_language(foreign: ForeignServer) -> None:
    variables = foreign.environment()
    assert "it is more than one statement" in command("sql", "select 1; select 2", **variables).stderr
    assert "it is more than one statement" not in command("sql", "select 1 1", **variables).stderr
    assert "COPY is not valid here" in command("sql", "copy pg_class to stdout", **variables).stderr


def test_hashes_of_inputs_are_the_same_in_any_session(
    empty_warehouse: database.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_warehouse.execute(
        "insert into monitoring.ledger (step, subject, part, window_start, granularity, as_of, content_hash, "
        "inputs_hash, run_id) values "
        "('metrics', 'a', 'b', '2022-02-03 05:00+00', 'day', '2022-02-04 05:00+00', 'c', 'd', 1)"
    )
    monitoring = green_trips()

    def hashes() -> str:
        with database.warehouse():
            return step_inputs.of_performance([monitoring], datetime(2022, 3, 1, tzinfo=UTC), [])

    before = hashes()
    name = os.environ["PGDATABASE"]
    empty_warehouse.execute(sql.SQL("alter database {} set datestyle = 'German'").format(sql.Identifier(name)))
    empty_warehouse.execute(sql.SQL("alter database {} set timezone = 'Asia/Kolkata'").format(sql.Identifier(name)))
    for variable, value in HOSTILE.items():
        monkeypatch.setenv(variable, value)
    assert hashes() == before


def end_the_locks_session() -> None:
    with database.connect("test", autocommit=True, read_only=True) as connection:
        ended = connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where application_name like '%by process%' "
            "and datname = current_database()"
        ).fetchall()
    assert ended == [(True,)]


@pytest.mark.parametrize("is_taken", [False, True])
def test_who_has_lost_the_lock_writes_no_more(empty_warehouse: database.Connection, is_taken: bool) -> None:
    """By no driver, whether another has taken it or not."""
    # The whole block is tested: what is refused last in it, only_lock turns into the error that says why.
    with pytest.raises(LockLostError, match="the server has ended the session"), only_lock("test"):  # noqa: PT012
        with database.connect("writer", autocommit=True) as connection:
            with database.transaction(connection):
                connection.execute("insert into raw.files select * from raw.files")
            end_the_locks_session()
            if is_taken:
                # Whoever may call the function can have the number of an owner that is gone, in another session.
                empty_warehouse.execute("select pg_advisory_lock(token) from warehouse_lock.locks where name = 'owner'")
            with pytest.raises(psycopg.Error) as by_psycopg, database.transaction(connection):
                pass
        with pytest.raises(DatabaseError) as by_adbc, database.arrow_cursor(writes=True):
            pass
        with dbts_connections() as connections, pytest.raises(Exception, match="holds the warehouse's lock"):
            connections.begin()
        assert sqlstates_of(by_psycopg.value) == sqlstates_of(by_adbc.value) == refusals() == {"MW001"}
        database.connect("writes")


def test_a_run_whose_lock_was_lost_ends_and_says_so(empty_warehouse: database.Connection) -> None:
    with pytest.raises(LockLostError), RunLog.open("pipeline", "2022-02", {}) as run, run.step("score"):
        end_the_locks_session()
    with RunLog.open("pipeline", "2022-02", {}):
        pass


def test_the_next_owner_waits_for_a_transaction_of_the_one_before(empty_warehouse: database.Connection) -> None:
    with (
        contextlib.suppress(LockLostError),
        only_lock("first"),
        contextlib.closing(database.connect("writes")) as writes,
    ):
        end_the_locks_session()
        process = subprocess.Popen(
            [sys.executable, "-c", "from warehouse import database\nfrom warehouse.runs import only_lock\n"
             "with database.warehouse(), only_lock('second'): print('has it')"],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        waits = (
            "select from pg_stat_activity where application_name like '%second by process%' and wait_event = 'relation'"
        )
        while not empty_warehouse.execute(waits.encode()).rowcount:
            assert process.poll() is None
            time.sleep(0.05)
        writes.commit()
        assert process.communicate(timeout=30)[0] == "has it\n"


@pytest.mark.slow
def test_an_idle_session_with_the_lock_is_kept(foreign: ForeignServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """That server ends sessions that do nothing for two seconds."""
    for name, value in foreign.environment().items():
        monkeypatch.setenv(name, value)
    with database.warehouse(), only_lock("test") as connection:
        time.sleep(4)
        with database.connect("writes"):
            pass
        assert connection.execute("select 1").fetchone() == (1,)
