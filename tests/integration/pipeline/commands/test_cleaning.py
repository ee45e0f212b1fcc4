"""`make clean` empties the database in use, and leaves alone what belongs to another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from config.paths import ROOT
from tests.commands import command
from warehouse.server import embedded


@pytest.fixture
def own_state() -> Iterator[Path]:
    """A state folder of this test's own, with a server that is stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="warehouse-clean-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_STATE_DIR", str(Path(folder) / "state"))
        yield Path(folder) / "state"
        if (Path(folder) / "state").exists():
            embedded.EmbeddedServer(Path(folder) / "state").stop()


def migrate(**environment: str) -> None:
    program = "from warehouse import database, schema_versions\nwith database.warehouse(): schema_versions.migrate()"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ | environment, check=True)


def has_schemas(**environment: str) -> bool:
    return command("sql", "select 1 from raw.files limit 1", **environment).returncode == 0


def test_the_only_database_goes_with_its_server(own_state: Path) -> None:
    migrate()
    assert has_schemas()
    result = command("clean")
    assert result.returncode == 0, result.stderr
    assert not own_state.exists()


@pytest.mark.slow
def test_another_database_of_the_same_server_stays(own_state: Path) -> None:
    migrate()
    migrate(PGDATABASE="other")
    result = command("clean", PGDATABASE="other")
    assert result.returncode == 0, result.stderr
    assert "other" in result.stderr
    assert has_schemas()
    assert not has_schemas(PGDATABASE="other")


@pytest.mark.slow
def test_the_embedded_server_is_known_by_its_own_variables(own_state: Path) -> None:
    printed = command("db", "--port", "54331").stdout
    variables = dict(line.removeprefix("export ").split("=", 1) for line in printed.splitlines())
    assert variables["PGPORT"] == "54331"
    assert command("db", **variables).returncode == 0
    assert "embedded" in command("doctor", **variables).stdout
    migrate(**variables)
    # Nobody is asked for CONFIRM, and the running server is stopped before its folder goes.
    result = command("clean", **variables)
    assert result.returncode == 0, result.stderr
    assert not own_state.exists()
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host="127.0.0.1", port=54331, user="postgres", dbname="postgres", connect_timeout=5)


@pytest.mark.slow
def test_a_server_of_the_users_own_is_not_emptied_unasked(own_state: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="warehouse-own-") as folder:
        elsewhere = command("db", "--port", "54332", WAREHOUSE_STATE_DIR=folder).stdout
        try:
            theirs = dict(line.removeprefix("export ").split("=", 1) for line in elsewhere.splitlines())
            migrate()
            migrate(**theirs)
            # An answer that some other program has left in the shell is none.
            refused = command("clean", CONFIRM="yes", **theirs)
            assert refused.returncode == 2
            assert "CONFIRM=yes" in refused.stderr
            assert has_schemas(**theirs)
            agreed = command("clean", "--confirm", **theirs)
            assert agreed.returncode == 0, agreed.stderr
            assert not has_schemas(**theirs)
            assert has_schemas(), "the embedded warehouse is another one"
        finally:
            command("db-stop", WAREHOUSE_STATE_DIR=folder)


@pytest.mark.slow
def test_ctrl_c_ends_with_its_own_code_and_a_run_row(own_state: Path, sample_dir: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "run", "--source", "local", "--data-dir", str(sample_dir)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    while "ingest" not in process.stderr.readline():
        pass
    time.sleep(2)  # now dbt is at work
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert "stopped; run the same command again to go on" in stderr
    assert "Traceback" not in stderr
    told = command("sql", "select status, message from monitoring.runs where step = 'pipeline'").stdout
    assert told.splitlines()[1:] == ["stopped,stopped by the user (Ctrl-C)"]
