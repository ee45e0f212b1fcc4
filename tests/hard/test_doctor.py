"""`make doctor` finds what is wrong and says what to do: faults seeded on a real server, the advice followed.

Each test reads the line, the exit code and, where a command is named, whether that command helps.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from config.paths import ROOT
from tests.commands import command
from warehouse.database import Connection
from warehouse.server import embedded

pytestmark = pytest.mark.hard

LINES = "import sys; sys.argv = ['pipeline', 'doctor']; "


def problems(result: subprocess.CompletedProcess[str]) -> list[str]:
    """The lines of what is wrong; the exit code goes with them."""
    found = [line.split("PROBLEM  ")[1] for line in result.stdout.splitlines() if "  PROBLEM  " in line]
    assert result.returncode == (1 if found else 0), result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    assert ("are in order." in result.stdout) != bool(found)
    return found


def doctor_with(code: str) -> subprocess.CompletedProcess[str]:
    """`make doctor` on a machine that is another in one point: the code is run before it."""
    return subprocess.run(
        [sys.executable, "-c", f"{code}; {LINES}from pipeline.cli.main import main; main()"],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def rerun(sample_dir: Path) -> None:
    """The next `make pipeline`."""
    result = command("run", "--source", "local", "--data-dir", str(sample_dir))
    assert result.returncode == 0, result.stderr


def test_a_warehouse_without_a_fault_has_none(monitored_warehouse: Connection) -> None:
    result = command("doctor")
    assert problems(result) == []
    for words in ("no lock is left behind", "its clock is this machine's", "what dbt builds is there"):
        assert f"  ok       {words}" in result.stdout


def test_no_server() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    result = command("doctor", PGHOST="127.0.0.1", PGPORT=port, PGUSER="somebody", PGDATABASE="warehouse")
    (line,) = problems(result)
    assert f"cannot connect to Postgres at 127.0.0.1:{port}, database warehouse as somebody" in line
    assert "Check the PG* variables and that the server runs; to use the embedded server: unset PGHOST" in line


def test_a_wrong_password(tcp_server: embedded.Address) -> None:
    result = command("doctor", **tcp_server.environment() | {"PGPASSWORD": "not-the-password-0815"})
    (line,) = problems(result)
    assert "password authentication failed" in line
    assert f"The password is not the one of {tcp_server.environment()['PGUSER']}: correct PGPASSWORD" in line
    assert "0815" not in result.stdout + result.stderr


def test_no_password(tcp_server: embedded.Address) -> None:
    (line,) = problems(command("doctor", **tcp_server.environment() | {"PGPASSWORD": ""}))
    assert "The password is not the one of" in line


def test_a_disk_that_is_nearly_full(monitored_warehouse: Connection) -> None:
    free = "import shutil, collections; shutil.disk_usage = lambda path: collections.namedtuple('D', 'free')(5 * 10**8)"
    (line,) = problems(doctor_with(free))
    assert line.startswith("0.5 GiB free where the warehouse lies")
    assert line.endswith("less than 2: make room, a load may fail")


def take_lock(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    connection.execute("select pg_advisory_lock(4711)")
    connection.execute("update warehouse_lock.locks set token = 4711, pid = pg_backend_pid() where name = 'owner'")


def test_a_lock_whose_owner_is_gone(monitored_warehouse: Connection) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    owner = f"pipeline by process {int(gone.stdout)} on {socket.gethostname()}"
    with psycopg.connect(application_name=f"monitoring-warehouse {owner}"[:63], autocommit=True) as left:
        take_lock(left)
        (line,) = problems(command("doctor"))
        assert re.search(r"lock is held since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+ by pipeline by process", line)
        assert f"(server process {left.info.backend_pid}), but process {int(gone.stdout)} is no longer there" in line
        # What it says to do is done as it is written.
        advice = re.search(r"with `make psql` and: (.+);", line)
        assert advice is not None
        monitored_warehouse.execute(advice[1].encode())
        assert problems(command("doctor")) == []


def test_a_lock_of_a_session_that_is_no_command(monitored_warehouse: Connection) -> None:
    with psycopg.connect(application_name="psql", autocommit=True) as left:
        take_lock(left)
        (line,) = problems(command("doctor"))
        assert "by psql (server process" in line
        assert "which is no command of this program" in line


def test_a_lock_of_a_command_at_work_is_no_fault(monitored_warehouse: Connection) -> None:
    owner = f"monitoring-warehouse pipeline by process {os.getpid()} on {socket.gethostname()}"
    with psycopg.connect(application_name=owner[:63], autocommit=True) as working:
        take_lock(working)
        result = command("doctor")
        assert problems(result) == []
        assert "it is at work" in result.stdout


def test_a_month_that_is_loaded_in_part(monitored_warehouse: Connection, sample_dir: Path) -> None:
    (rows,) = monitored_warehouse.execute(
        "select rows from raw.files where source_month = '2022-02-01' and status = 'loaded'"
    ).fetchall()
    monitored_warehouse.execute("delete from raw.green_trips where source_month = '2022-02-01' and source_row % 3 = 0")
    (line,) = problems(command("doctor"))
    assert line.startswith("2022-02 is loaded in part: ")
    assert f"of the {rows[0]:,} rows of its file" in line
    advice = re.search(r"delete from raw\.files where load_id = \d+", line)
    assert advice is not None
    monitored_warehouse.execute(advice[0].encode())
    rerun(sample_dir)
    assert problems(command("doctor")) == []


def test_a_run_that_was_killed(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute("insert into monitoring.runs (run_id, step, status) values (99, 'pipeline', 'running')")
    (line,) = problems(command("doctor"))
    assert line.startswith("pipeline: running, ")
    assert line.endswith("nobody holds the lock: it was killed. The next `make pipeline` goes on where it stopped")


def test_rows_of_no_load(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute(
        "insert into raw.green_trips (source_month, source_row, load_id) values ('2022-03-01', 0, 999)"
    )
    (line,) = problems(command("doctor"))
    advice = re.search(r"delete from raw\.green_trips where load_id = 999", line)
    assert advice is not None
    monitored_warehouse.execute(advice[0].encode())
    assert problems(command("doctor")) == []


@pytest.fixture
def model_dir(monitored_warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own with copies of the model files."""
    files = [str(row[0]) for row in monitored_warehouse.execute("select artifact_file from ml.models").fetchall()]
    models = tmp_path / "models"
    models.mkdir()
    for file in files:
        shutil.copy(Path(os.environ["WAREHOUSE_STATE_DIR"]) / "models" / file, models)
    monkeypatch.setenv("WAREHOUSE_STATE_DIR", str(tmp_path))
    return models


def one_model(connection: Connection) -> tuple[str, str]:
    row = connection.execute(
        "select model_version, artifact_file from ml.models where spec = 'green_duration_lr'"
    ).fetchone()
    assert row is not None
    return str(row[0]), str(row[1])


def test_a_model_file_that_is_missing(monitored_warehouse: Connection, model_dir: Path, sample_dir: Path) -> None:
    version, file = one_model(monitored_warehouse)
    (model_dir / file).unlink()
    (line,) = problems(command("doctor"))
    assert line.startswith(f"{version}: its file {file} is not in {model_dir}")
    assert "the next `make pipeline` trains it again from the same rows" in line
    rerun(sample_dir)
    assert problems(command("doctor")) == []


def test_a_model_file_that_was_changed(monitored_warehouse: Connection, model_dir: Path, sample_dir: Path) -> None:
    version, file = one_model(monitored_warehouse)
    content = bytearray((model_dir / file).read_bytes())
    content[len(content) // 2] ^= 1
    (model_dir / file).write_bytes(content)
    (line,) = problems(command("doctor"))
    assert line.startswith(f"{version}: its file {model_dir / file} was changed: its sha256 is ")
    assert "It is never opened. Delete it: the next `make pipeline` trains it again" in line
    (model_dir / file).unlink()
    rerun(sample_dir)
    assert problems(command("doctor")) == []


def test_a_schema_that_is_too_new(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute("insert into monitoring.schema_versions (version) values (999)")
    (line,) = problems(command("doctor"))
    assert line.startswith("this warehouse has schema version 999, this program knows up to ")
    assert line.endswith("use the newer program, or another database (PGDATABASE)")


@pytest.mark.parametrize(("shift", "words"), [(7200, "behind"), (-7200, "ahead of")])
def test_clocks_that_differ(monitored_warehouse: Connection, shift: int, words: str) -> None:
    (line,) = problems(doctor_with(f"import time; real = time.time; time.time = lambda: real() + {shift}"))
    assert line.startswith(f"the server's clock is 7,200 s {words} this machine's: set both by a time server")


def test_a_run_that_ended_in_the_future(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute(
        "update monitoring.runs set finished_at = now() + interval '3 days' where step = 'pipeline'"
    )
    (line,) = problems(command("doctor"))
    assert re.match(r"run \d+ \(pipeline\) ended at \d{4}-", line)
    assert "Check the clocks of both machines" in line


def test_relations_of_dbt_that_are_gone(monitored_warehouse: Connection, sample_dir: Path) -> None:
    monitored_warehouse.execute("drop table marts.fct_column_drift cascade")
    monitored_warehouse.execute("drop table intermediate.green_trips_rejected cascade")
    found = problems(command("doctor"))
    assert any(re.match(r"\d+ of the \d+ relations that dbt builds in marts are missing", line) for line in found)
    assert any("in intermediate are missing (green_trips_rejected" in line for line in found)
    assert all("the next `make pipeline` builds them again" in line for line in found)
    rerun(sample_dir)
    assert problems(command("doctor")) == []


def test_a_target_that_the_profile_does_not_have(tmp_path: Path) -> None:
    from pipeline.commands import faults

    profiles = tmp_path / "profiles.yml"
    profiles.write_text("monitoring_warehouse: {target: cloud, outputs: {warehouse: {type: postgres}}}\n")
    (line,) = faults._of_target(profiles)
    assert "names the target cloud, but has only warehouse: get it back from the repository" in line
    profiles.unlink()
    (line,) = faults._of_target(profiles)
    assert "cannot be used (ConfigurationError" in line
    assert faults._of_target(ROOT / "dbt_project" / "profiles.yml") == []


def test_a_command_that_failed_since_the_last_run_is_told(monitored_warehouse: Connection) -> None:
    assert command("predictions", "--file", "x.csv", "--model", "nope").returncode == 2
    result = command("doctor")
    assert problems(result) == []
    assert "-        make predictions: failed, " in result.stdout
    assert "MODEL 'nope' is in no file of datasets/" in result.stdout
