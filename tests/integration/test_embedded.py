"""The embedded server: it lives for one command, is shared by several, and outlives no killed one for long."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pipeline import database, embedded, runs
from pipeline.errors import DatabaseError
from pipeline.settings import ROOT


@pytest.fixture
def own_state() -> Iterator[Path]:
    """A state folder of this test's own; a server left in it is stopped."""
    with tempfile.TemporaryDirectory(prefix="warehouse-server-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_STATE_DIR", folder)
        yield Path(folder)
        embedded.EmbeddedServer(Path(folder)).stop()


def is_running(folder: Path) -> bool:
    return embedded.EmbeddedServer(folder).is_running()


def answer(address: embedded.Address) -> object:
    with psycopg.connect(
        host=address.host,
        port=address.port,
        user=embedded.SUPERUSER,
        password=address.password or None,
        dbname=embedded.DATABASE,
    ) as connection:
        row = connection.execute("select 42").fetchone()
        return None if row is None else row[0]


HOLD = (
    "import sys, time; from pipeline import embedded\nwith embedded.running(): print('up', flush=True); time.sleep(60)"
)


def hold() -> subprocess.Popen[str]:
    """Another process that is at work with the server."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def end(process: subprocess.Popen[str], how: signal.Signals) -> None:
    process.send_signal(how)
    process.communicate(timeout=30)


def test_the_server_lives_for_one_command_and_keeps_its_data(own_state: Path) -> None:
    with embedded.running() as address:
        assert answer(address) == 42
        with psycopg.connect(host=address.host, user="postgres", dbname="warehouse") as connection:
            connection.execute("create table kept as select 1 as x")
    assert not is_running(own_state)
    with (
        embedded.running() as address,
        psycopg.connect(host=address.host, user="postgres", dbname="warehouse") as connection,
    ):
        assert connection.execute("select x from kept").fetchone() == (1,)


def test_the_server_stays_while_another_command_uses_it(own_state: Path) -> None:
    other = hold()
    with embedded.running() as address:
        assert answer(address) == 42
    assert is_running(own_state)
    end(other, signal.SIGINT)
    assert not is_running(own_state)


def test_a_server_left_by_a_killed_command_is_taken_over_and_stopped(own_state: Path) -> None:
    end(hold(), signal.SIGKILL)
    assert is_running(own_state)
    with embedded.running() as address:
        assert answer(address) == 42
    assert not is_running(own_state)


def test_a_server_that_was_killed_itself_comes_back_with_its_data(own_state: Path) -> None:
    with embedded.running() as address:
        with psycopg.connect(host=address.host, user="postgres", dbname="warehouse") as connection:
            connection.execute("create table kept as select 1 as x")
        os.kill(int((own_state / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
        time.sleep(1)
    with (
        embedded.running() as address,
        psycopg.connect(host=address.host, user="postgres", dbname="warehouse") as connection,
    ):
        assert connection.execute("select x from kept").fetchone() == (1,)


def test_kept_the_server_outlives_commands_until_it_is_released(own_state: Path) -> None:
    address = embedded.keep()
    with embedded.running():
        pass
    assert answer(address) == 42
    assert embedded.release()
    assert not is_running(own_state)
    assert not embedded.release()


def test_over_tcp_a_password_is_needed(own_state: Path) -> None:
    address = embedded.keep(tcp_port=54329)
    assert (address.host, address.port) == ("127.0.0.1", "54329")
    assert answer(address) == 42
    assert (own_state / "postgres.password").stat().st_mode & 0o077 == 0
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=54329, user="postgres", password=secrets.token_hex(), dbname="warehouse")
    # What holds the lock is asked whether it is still there: of a machine that has gone no word comes.
    variables = {
        "PGHOST": address.host,
        "PGPORT": address.port,
        "PGUSER": embedded.SUPERUSER,
        "PGPASSWORD": address.password,
        "PGDATABASE": embedded.DATABASE,
    }
    with database.environment(variables), runs.only_lock("test") as holder:
        asked = "select current_setting('tcp_keepalives_idle'), current_setting('tcp_keepalives_count')"
        assert database.one_row(holder, asked) == ("10", "3")
    # Commands use the same server, through its socket.
    with embedded.running() as inside:
        assert answer(inside) == 42
    assert embedded.release()


def test_a_port_cannot_be_added_to_a_running_server(own_state: Path) -> None:
    embedded.keep()
    with pytest.raises(DatabaseError, match="already runs without TCP port 54330"):
        embedded.keep(tcp_port=54330)
    embedded.release()


def test_a_used_server_is_not_stopped_from_under_its_user(own_state: Path) -> None:
    with embedded.running() as address:
        with pytest.raises(DatabaseError, match="another command is using"):
            embedded.release()
        assert answer(address) == 42


def test_a_socket_path_that_is_too_long_is_replaced(own_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = own_state / ("x" * 60) / ("y" * 60)
    deep.mkdir(parents=True)
    monkeypatch.setenv("WAREHOUSE_STATE_DIR", str(deep))
    with embedded.running() as address:
        assert answer(address) == 42
