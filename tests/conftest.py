"""Fixtures for all tests: a clean environment, one embedded Postgres a session, one database a test.

The server is real and lies in a temporary folder. `empty_warehouse` is a database with the schema only,
`monitored_warehouse` one after a whole pipeline run on the sample; both are clones of templates that are
made once a session, so a test may change whatever it wants.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from config.months import Month
from config.paths import ROOT
from config.settings import DEFAULT_DATA_DIR
from ingest.sample import write_sample
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
        os.environ["DO_NOT_TRACK"] = "1"
        yield Path(folder)
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="session")
def server(clean_environment: Path) -> Iterator[embedded.Address]:
    """A running embedded Postgres, which may lose everything if the machine stops."""
    with embedded.running() as address:
        _administer(address, sql.SQL("alter system set fsync = off").format())
        _administer(address, sql.SQL("select pg_reload_conf()").format())
        yield address


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
def sample_dir(clean_environment: Path) -> Path:
    """A folder with two generated months."""
    folder = clean_environment / "months"
    for month in (TRAIN_MONTH, MONITORED_MONTH):
        write_sample(month, folder / f"green_tripdata_{month}.parquet")
    return folder


def make_database(server: embedded.Address, template: str) -> str:
    name = f"test_{uuid.uuid4().hex[:12]}"
    _administer(
        server,
        # Copied as files: half the time of the log.
        sql.SQL("create database {} template {} strategy file_copy").format(
            sql.Identifier(name), sql.Identifier(template)
        ),
    )
    return name


def drop_database(server: embedded.Address, name: str) -> None:
    _administer(server, sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _administer(server: embedded.Address, statement: sql.Composed) -> None:
    with psycopg.connect(
        host=server.host, port=server.port, user=embedded.SUPERUSER, dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(statement)


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
def first_run(server: embedded.Address, sample_dir: Path) -> FirstRun:
    """`python -m pipeline run` on the sample into an empty database."""
    name = make_database(server, "template0")
    result = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", "--source", "local", "--data-dir", str(sample_dir)],
        cwd=ROOT,
        env=os.environ | {"PGDATABASE": name},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    return FirstRun(name, result.returncode, result.stdout, result.stderr)


@pytest.fixture
def empty_warehouse(
    server: embedded.Address, empty_template: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[database.Connection]:
    """A migrated, empty warehouse, named by the environment; gives a connection to it."""
    yield from _clone(server, empty_template, monkeypatch)


@pytest.fixture
def monitored_warehouse(
    server: embedded.Address, first_run: FirstRun, monkeypatch: pytest.MonkeyPatch
) -> Iterator[database.Connection]:
    """A warehouse after one pipeline run on the sample, named by the environment; gives a connection to it."""
    yield from _clone(server, first_run.database, monkeypatch)


def _clone(server: embedded.Address, template: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[database.Connection]:
    name = make_database(server, template)
    monkeypatch.setenv("PGDATABASE", name)
    try:
        with database.warehouse(), database.connect("test", autocommit=True) as connection:
            yield connection
    finally:
        drop_database(server, name)


@pytest.fixture(scope="module")
def foreign() -> Iterator[ForeignServer]:
    """A server that somebody else has set up: German where the machine has that, with days first and passwords."""
    with foreign_server() as server:
        yield server


@pytest.fixture(scope="session")
def real_months() -> Path:
    """The folder of real TLC months that TLC_DATA_DIR names; tests that need it are skipped without it."""
    folder = ROOT / (os.environ.get("TLC_DATA_DIR") or DEFAULT_DATA_DIR)
    if not (folder / "green_tripdata_2022-01.parquet").exists():
        pytest.skip("no real TLC months: set TLC_DATA_DIR to a folder that holds them")
    return folder
