"""Fixtures for all tests: a clean environment, one embedded Postgres a session, one database a test.

The server is real and lies in a temporary folder. `empty_warehouse` is a database with the schema only,
`monitored_warehouse` one after a whole pipeline run on the sample; both are copies of templates that are
made once, so a test may change whatever it wants. What a test has only read the next one gets as it is.

Workers that run at the same time share what is dear: the generated months and the state folder that a first run leaves,
server and all, which each copies before its own server starts. WAREHOUSE_TESTS_DIR names a folder that keeps both for
the next session of the same code; CI does so.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from config.months import Month
from config.paths import ROOT
from config.settings import DEFAULT_DATA_DIR
from ingest.tlc.sample import write_sample
from tests.servers import ForeignServer, foreign_server
from warehouse import database, schema_versions
from warehouse.server import embedded

SCRUBBED = (
    "PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSERVICE", "PGPASSFILE",
    "DASHBOARD_PASSWORD", "ANALYST_PASSWORD", "COMPOSE_PROJECT_NAME",
    # What a make that runs the tests hands over, and would hand on to a make that a test starts.
    "MAKEFLAGS", "MAKEOVERRIDES", "MAKELEVEL", "MFLAGS",
    *(name for name in os.environ if name.startswith(("WAREHOUSE_", "DBT_", "GRAFANA_"))),
)  # fmt: skip
TRAIN_MONTH, MONITORED_MONTH = Month(2022, 1), Month(2022, 2)
_SHARED, _FIRST_RUN = "WAREHOUSE_TESTS_DIR", "first_run.json"
_SHARED_FOLDER = pytest.StashKey[Path]()


def pytest_configure(config: pytest.Config) -> None:
    """The first process of a session makes the shared folder unless it is named; its workers inherit the name."""
    if _SHARED not in os.environ:
        os.environ[_SHARED] = tempfile.mkdtemp(prefix="warehouse-tests-")
        config.add_cleanup(_remove_shared_folder)
    config.stash[_SHARED_FOLDER] = Path(os.environ[_SHARED])


def _remove_shared_folder() -> None:
    shutil.rmtree(os.environ.pop(_SHARED), ignore_errors=True)


@pytest.fixture(scope="session")
def shared(pytestconfig: pytest.Config) -> Path:
    """The folder of what workers share; what lies in it is only read."""
    return pytestconfig.stash[_SHARED_FOLDER]


def made_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """A folder that one worker makes, under its own name when it is complete; the others wait for it."""
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[Path]:
    """Nothing of the caller's environment reaches a test; the state folder is a temporary one.

    It is not pytest's: as root the server runs as a user of its own, and a second pytest session would
    close pytest's folder to that user.
    """
    before = dict(os.environ)
    # A shell's background job ignores Ctrl-C, and so would every command that a test starts.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for name in SCRUBBED:
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="warehouse-tests-") as folder:
        os.environ["WAREHOUSE_STATE_DIR"] = folder
        os.environ["WAREHOUSE_ENV_FILE"] = str(Path(folder) / "no.env")
        # Datasets of whoever runs the tests are none of theirs.
        os.environ["WAREHOUSE_DATASETS_DIR"] = str(Path(folder) / "project" / "datasets")
        os.environ["DO_NOT_TRACK"] = "1"
        yield Path(folder)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, clean_environment: Path) -> Iterator[embedded.Address]:
    """A running embedded Postgres, which may lose everything if the machine stops."""
    if any("first_run" in getattr(item, "fixturenames", ()) for item in request.session.items):
        state = request.getfixturevalue("first_state")
        # A command of an earlier test may have made a server here.
        shutil.rmtree(clean_environment / "postgres", ignore_errors=True)
        shutil.copytree(state, clean_environment, dirs_exist_ok=True)
    with embedded.running() as address:
        _lose_everything(address)
        yield address


def _lose_everything(address: embedded.Address) -> None:
    """Write for nobody to come back to; vacuuming what lives for a second costs more than it spares."""
    for setting in ("fsync", "full_page_writes", "synchronous_commit", "autovacuum"):
        _administer(address, sql.SQL("alter system set {} = off").format(sql.Identifier(setting)))
    _administer(address, sql.SQL("select pg_reload_conf()").format())


@pytest.fixture(scope="session")
def tcp_server(clean_environment: Path) -> Iterator[embedded.Address]:
    """Another running Postgres, which listens on 127.0.0.1 and asks for a password, as the one in Docker does."""
    with tempfile.TemporaryDirectory(prefix="warehouse-tests-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        other = embedded.EmbeddedServer(Path(folder))
        other.start(port)
        try:
            other.create_database()
            other.set_password()
            address = other.tcp_address()
            assert address is not None
            yield address
        finally:
            other.stop()


@pytest.fixture(scope="session")
def sample_dir(shared: Path, clean_environment: Path) -> Path:
    """A folder with two generated months, which nobody writes to."""
    return made_once(shared / "months", _write_months)


def _write_months(folder: Path) -> None:
    for month in (TRAIN_MONTH, MONITORED_MONTH):
        write_sample(month, folder / f"green_tripdata_{month}.parquet")


def make_database(server: embedded.Address, template: str, name: str = "") -> str:
    name = name or _new_name()
    _administer(
        server,
        # Copied as files: half the time of the log.
        sql.SQL("create database {} template {} strategy file_copy").format(
            sql.Identifier(name), sql.Identifier(template)
        ),
    )
    return name


def _new_name() -> str:
    return f"test_{uuid.uuid4().hex[:12]}"


def drop_database(server: embedded.Address, name: str) -> None:
    _administer(server, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


class DatabaseInUse:
    """The one database that most tests work in, one after the other.

    It is a copy of a template, made anew unless the test before it wanted the same one and wrote nothing. It keeps its
    name, because for another one dbt would parse the whole project anew.
    """

    _NAME = "in_use"
    _MOMENT = sql.SQL("select pg_snapshot_xmax(pg_current_snapshot())::text").format()
    _SESSIONS = sql.SQL("select count(*) from pg_stat_activity where datname = {}").format(_NAME)

    def __init__(self, server: embedded.Address) -> None:
        self._server = server
        self._copy_of = ""

    @contextlib.contextmanager
    def lent(self, template: str) -> Iterator[str]:
        """A copy of the template, by its name."""
        if self._copy_of != template:
            drop_database(self._server, self._NAME)
            make_database(self._server, template, self._NAME)
        self._copy_of = ""
        # Every transaction that writes takes a number: one that reads takes none.
        before = _administer(self._server, self._MOMENT)
        yield self._NAME
        if self._is_left() and _administer(self._server, self._MOMENT) == before:
            self._copy_of = template

    def _is_left(self) -> bool:
        """Whether nobody is connected to it; who has just gone needs a moment."""
        for _ in range(50):
            if _administer(self._server, self._SESSIONS) == 0:
                return True
            time.sleep(0.01)
        return False

    def set_aside(self) -> str:
        """Make it a template, after a block in which something was written; gives its new name."""
        name = _new_name()
        _administer(
            self._server,
            sql.SQL("alter database {} rename to {}").format(sql.Identifier(self._NAME), sql.Identifier(name)),
        )
        return name


def _administer(server: embedded.Address, statement: sql.Composed) -> object:
    """Execute it; gives the one value that it asks for, if it asks."""
    with psycopg.connect(
        host=server.host, port=server.port, user=embedded.SUPERUSER, dbname="postgres", autocommit=True
    ) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


@pytest.fixture(scope="session")
def in_use(server: embedded.Address) -> DatabaseInUse:
    return DatabaseInUse(server)


@pytest.fixture(scope="session")
def empty_template(server: embedded.Address) -> str:
    name = make_database(server, "template0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGDATABASE", name)
        with database.warehouse():
            schema_versions.migrate()
    return name


@dataclass(frozen=True)
class FirstRun:
    """The database that a pipeline run as a process of its own has filled, and what that process said."""

    database: str
    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def first_state(shared: Path, sample_dir: Path) -> Path:
    """The state folder that `python -m pipeline run` on the sample leaves, and what it said; its server is stopped."""

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WAREHOUSE_STATE_DIR", str(folder))
            with embedded.running() as address:
                _lose_everything(address)
                in_use = DatabaseInUse(address)
                with in_use.lent("template0") as name:
                    result = subprocess.run(
                        [sys.executable, "-m", "pipeline", "run", "--source", "local", "--data-dir", str(sample_dir)],
                        cwd=ROOT,
                        env=os.environ | {"PGDATABASE": name},
                        capture_output=True,
                        text=True,
                        timeout=900,
                        check=False,
                    )
                name = in_use.set_aside()
        run = FirstRun(name, result.returncode, result.stdout, result.stderr)
        (folder / _FIRST_RUN).write_text(json.dumps(asdict(run)), encoding="utf-8")

    return made_once(shared / "first-state", make)


@pytest.fixture(scope="session")
def first_run(server: embedded.Address, first_state: Path) -> FirstRun:
    """What `python -m pipeline run` on the sample into an empty database has left on the server."""
    return FirstRun(**json.loads((first_state / _FIRST_RUN).read_text(encoding="utf-8")))


@pytest.fixture
def empty_warehouse(
    in_use: DatabaseInUse, empty_template: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[database.Connection]:
    """A migrated, empty warehouse, named by the environment; gives a connection to it."""
    with in_use.lent(empty_template) as name:
        yield from opened(name, monkeypatch)


@pytest.fixture
def monitored_warehouse(
    in_use: DatabaseInUse, first_run: FirstRun, monkeypatch: pytest.MonkeyPatch
) -> Iterator[database.Connection]:
    """A warehouse after one pipeline run on the sample, named by the environment; gives a connection to it."""
    with in_use.lent(first_run.database) as name:
        yield from opened(name, monkeypatch)


def clone(server: embedded.Address, template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[database.Connection]:
    """A copy of a template beside the database in use, named by the environment; dropped at the end."""
    name = make_database(server, template)
    try:
        yield from opened(name, monkeypatch)
    finally:
        drop_database(server, name)


def opened(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[database.Connection]:
    """A connection to a database that the environment names from here on."""
    monkeypatch.setenv("PGDATABASE", name)
    with database.warehouse(), database.connect("test", autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def foreign() -> Iterator[ForeignServer]:
    """A server that somebody else has set up: German where the machine has that, with days first and passwords."""
    with foreign_server() as server:
        yield server


@pytest.fixture(scope="session")
def months_folder() -> Path:
    """Where real data lie: the folder of TLC months that TLC_DATA_DIR names, beside it those of other datasets."""
    return ROOT / (os.environ.get("TLC_DATA_DIR") or DEFAULT_DATA_DIR)


@pytest.fixture(scope="session")
def real_months(months_folder: Path) -> Path:
    """The folder of real TLC months; tests that need it are skipped where nobody named one."""
    named, folder = os.environ.get("TLC_DATA_DIR"), months_folder
    if not (folder / "green_tripdata_2022-01.parquet").exists():
        if named:
            pytest.fail(f"TLC_DATA_DIR={named}: no green_tripdata_2022-01.parquet is there")
        pytest.skip("no real TLC months: set TLC_DATA_DIR to a folder that holds them")
    return folder


@pytest.fixture(scope="session")
def real_log(months_folder: Path) -> Callable[..., Path]:
    """Gives a path beside the months, such as `real_log("loans")`; the test is skipped where it is not."""

    def path(*parts: str) -> Path:
        found = months_folder.parent.joinpath(*parts)
        if not found.exists():
            pytest.skip(f"no {'/'.join(parts)}: set TLC_DATA_DIR to a folder with {parts[0]}/ beside it")
        return found

    return path
