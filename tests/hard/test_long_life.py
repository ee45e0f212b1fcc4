"""Backfills that are killed, months that are pruned and loaded again, a warehouse that moves: all tables compared."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from config.months import Month
from config.paths import ROOT
from ingest.tlc.sample import write_sample
from tests.commands import command
from tests.conftest import FirstRun, drop_database, make_database
from tests.runs import contents, one, rows
from warehouse import database
from warehouse.database import Connection
from warehouse.server import embedded

pytestmark = pytest.mark.hard

MARCH = Month(2022, 3)
# What is about the operations themselves.
NOTES = ("monitoring.backfills", "raw.files", "marts.fct_files")
KEPT = ("pruned_windows", "pruned_rejections", "pruned_profiled_windows", "pruned_profiles")
# What a pruned month loses; all else stays what it was.
PRUNED = {
    *("raw.green_trips", "raw.files", "ml.predictions", "ml.labels", "ml.rejected_labels", "marts.fct_files"),
    *(f"intermediate.green_trips_{kind}" for kind in ("classified", "accepted", "rejected", "scored")),
    *("intermediate.int_events", "intermediate.int_scored_events"),
    # A mark says that the trips are gone.
    *(f"intermediate.{of}_{kind}" for of in ("green_trips", "int") for kind in ("windows", "profiled_windows")),
    *(f"monitoring.{name}" for name in KEPT),
}


def difference(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}


def tables(connection: Connection) -> dict[str, str]:
    return {name: found for name, found in contents(connection).items() if name not in NOTES}


@contextmanager
def blocked(table: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a process that waits in the middle of its work, where it would write to this table."""
    with database.connect("blocks") as holder:
        holder.execute(f"lock table {table} in share mode".encode())
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        try:
            deadline = time.monotonic() + 120
            while not waiting(holder):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline, "it never came there"
                time.sleep(0.1)
            yield process
        finally:
            process.kill()
            process.communicate()
            holder.rollback()


def waiting(connection: Connection) -> bool:
    query = "select exists (select from pg_locks where not granted and locktype = 'relation')"
    return connection.execute(query).fetchone() == (True,)


def until_alone(connection: Connection) -> None:
    """Until the server has noticed that a killed command is gone."""
    deadline = time.monotonic() + 10
    others = (
        "select count(*) from pg_stat_activity where datname = current_database() and pid != pg_backend_pid() "
        "and application_name like 'monitoring-warehouse%%' and application_name not like '%%test%%'"
    )
    while one(connection, others):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_backfill_leaves_what_was_there(monitored_warehouse: Connection) -> None:
    before = tables(monitored_warehouse)
    incidents = rows(monitored_warehouse, "select * from monitoring.incidents order by incident_id")
    alarms = rows(monitored_warehouse, "select * from monitoring.day_alarms order by 1, 2, 3")
    evaluated_windows = "select count(*) from monitoring.ledger where step = 'performance' and subject != ''"
    evaluations = one(monitored_warehouse, evaluated_windows)
    result = command("backfill", "--from", "2022-02-10", "--to", "2022-02-12")
    assert result.returncode == 0, result.stderr
    assert "9 windows of 3 model versions" in result.stderr
    assert tables(monitored_warehouse) == before
    # Days were computed again, decisions and incidents were not made again, and nothing was evaluated anew.
    computed = "select count(*) from monitoring.ledger where step = 'metrics' and run_id = %s"
    run_id = one(monitored_warehouse, "select max(run_id) from monitoring.runs")
    assert one(monitored_warehouse, computed, run_id) == 9
    evaluated = "select count(*) from monitoring.ledger where step = 'performance' and subject != '' and run_id = %s"
    assert one(monitored_warehouse, evaluated, run_id) == 9
    assert rows(monitored_warehouse, "select * from monitoring.incidents order by incident_id") == incidents
    assert rows(monitored_warehouse, "select * from monitoring.day_alarms order by 1, 2, 3") == alarms
    assert one(monitored_warehouse, evaluated_windows) == evaluations
    assert one(monitored_warehouse, "select finished_run_id from monitoring.backfills") == run_id
    # Once more is computed anew; one model alone is that model alone.
    result = command("backfill", "--from", "2022-02-10", "--to", "2022-02-12", "--model", "green_tipped")
    assert "3 windows of 1 model versions" in result.stderr
    assert one(monitored_warehouse, computed, run_id + 1) == 3
    assert tables(monitored_warehouse) == before


@pytest.mark.parametrize("by", ["backfill", "pipeline"])
def test_a_killed_backfill_goes_on(by: str, monitored_warehouse: Connection, sample_dir: Path) -> None:
    before = tables(monitored_warehouse)
    span = ("backfill", "--from", "2022-02-01", "--to", "2022-02-28")
    left = "select count(*) from monitoring.ledger where step = 'metrics' and inputs_hash = ''"
    process = subprocess.Popen([sys.executable, "-m", "pipeline", *span], cwd=ROOT, env=dict(os.environ),
                               stderr=subprocess.PIPE, text=True)  # fmt: skip
    deadline = time.monotonic() + 120
    while not 0 < one(monitored_warehouse, left) < 80:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    until_alone(monitored_warehouse)
    waiting_windows = one(monitored_warehouse, left)
    assert 0 < waiting_windows < 80
    first = one(monitored_warehouse, "select max(run_id) from monitoring.runs")
    again = span if by == "backfill" else ("run", "--source", "local", "--data-dir", str(sample_dir))
    result = command(*again)
    assert result.returncode == 0, result.stderr
    if by == "backfill":
        assert f"{waiting_windows} of 84 windows are left" in result.stderr
    # What was done was not done again.
    computed = "select count(*) from monitoring.ledger where step = 'metrics' and run_id = %s"
    assert one(monitored_warehouse, computed, first) == 84 - waiting_windows
    assert one(monitored_warehouse, computed, first + 1) == waiting_windows
    assert one(monitored_warehouse, "select count(*) from monitoring.backfills where finished_at is null") == 0
    assert one(monitored_warehouse, "select count(*) from monitoring.ledger where inputs_hash = 'again'") == 0
    assert tables(monitored_warehouse) == before


def test_a_month_that_was_never_monitored_is(monitored_warehouse: Connection) -> None:
    result = command("backfill", "--from", "2022-01-30", "--to", "2022-02-01", "--model", "green_duration_lr")
    assert result.returncode == 0, result.stderr
    days = "select window_date::text from marts.fct_daily_monitoring where model_spec = 'green_duration_lr' order by 1"
    found = [day for (day,) in rows(monitored_warehouse, days)]
    assert found[:3] == ["2022-01-30", "2022-01-31", "2022-02-01"]
    assert len(found) == 30


def test_what_cannot_be_computed_again_is_told(monitored_warehouse: Connection) -> None:
    for arguments, words in (
        (("--from", "2021-02", "--to", "2021-03"), "holds the rows of 2022-01-01 to 2022-02-28"),
        (("--from", "2022-02", "--to", "2022-02", "--model", "none"), "MODEL 'none' is unknown: use a name (green_"),
    ):
        result = command("backfill", *arguments)
        assert (result.returncode, words in " ".join(result.stderr.split())) == (2, True), result.stderr
    assert one(monitored_warehouse, "select count(*) from monitoring.backfills") == 0


@pytest.fixture(scope="module")
def quarter(sample_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two months that all tests share, and March."""
    folder = tmp_path_factory.mktemp("three")
    for path in sample_dir.iterdir():
        (folder / path.name).symlink_to(path)
    write_sample(MARCH, folder / f"green_tripdata_{MARCH}.parquet")
    return folder


@pytest.fixture(scope="module")
def three_months(server: embedded.Address, first_run: FirstRun, quarter: Path) -> Iterator[str]:
    """A database with a third month: of two the first would be kept, models are trained on it."""
    name = make_database(server, first_run.database)
    result = run(quarter, PGDATABASE=name)
    assert result.returncode == 0, result.stderr
    yield name
    drop_database(server, name)


@pytest.fixture
def warehouse(
    three_months: str, server: embedded.Address, monkeypatch: pytest.MonkeyPatch
) -> Iterator[database.Connection]:
    name = make_database(server, three_months)
    monkeypatch.setenv("PGDATABASE", name)
    try:
        with database.warehouse(), database.connect("test", autocommit=True) as connection:
            yield connection
    finally:
        drop_database(server, name)


def run(quarter: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    options = ("--source", "local", "--data-dir", str(quarter), "--months", "2022-02..2022-03")
    return command("run", *options, *arguments, **environment)


def test_a_pruned_month_keeps_what_was_found_out(warehouse: Connection, quarter: Path, tmp_path: Path) -> None:
    before = contents(warehouse)
    result = command("prune", "--raw-months", "1")
    assert result.returncode == 0, result.stderr
    assert "2022-01 stays: an active model was trained on it" in result.stderr
    assert "2022-02 is pruned" in result.stderr
    for table, month in {
        "raw.green_trips": "source_month = '{}'",
        "intermediate.green_trips_accepted": "source_month = '{}'",
        "ml.predictions": "event_id between monitoring.first_event('{0}') and monitoring.last_event('{0}')",
        "ml.labels": "event_id between monitoring.first_event('{0}') and monitoring.last_event('{0}')",
    }.items():
        assert one(warehouse, f"select count(*) from {table} where {month.format('2022-02-01')}") == 0, table
        assert one(warehouse, f"select count(*) from {table} where {month.format('2022-03-01')}") > 0, table
    # The next run, and one that builds everything of dbt's anew, bring nothing back and take nothing away.
    for step in ("as it is", "the dbt project has changed"):
        if step != "as it is":
            warehouse.execute(
                "update monitoring.ledger set content_hash = 'changed' "
                "where subject = '' and step in ('transform', 'profiles', 'marts')"
            )
        result = run(quarter)
        assert result.returncode == 0, result.stderr
        assert "2022-02 was pruned and is left as it is; to load its file again, use RELOAD=2022-02" in result.stderr
        assert difference(before, contents(warehouse)) <= PRUNED, step
    assert "Nothing new" in run(quarter).stdout
    counts = "select accepted_count, rejected_count, outside_windows_count from marts.fct_files where source_month = %s"
    pruned = rows(warehouse, counts, "2022-02-01")[0]
    result = command("dbt", "test")
    assert result.returncode == 0, result.stdout[-3000:]
    # Nor does a backup, which does not hold what dbt makes of what was kept.
    moved = contents(warehouse)
    assert command("backup", "--file", str(tmp_path / "warehouse.backup")).returncode == 0
    result = command("restore", "--file", str(tmp_path / "warehouse.backup"), "--confirm")
    assert result.returncode == 0, result.stderr
    assert contents(warehouse) == moved
    assert "Nothing new" in run(quarter).stdout
    # What needs the trips says so.
    for arguments in (("report", "--day", "2022-02-20"), ("backfill", "--from", "2022-02", "--to", "2022-02")):
        result = command(*arguments)
        assert result.returncode == 2
        assert "2022-0" in result.stderr
    # Loaded again, all is as if it had never been gone, and no metric was computed for it.
    first = one(warehouse, "select max(run_id) from monitoring.runs")
    result = run(quarter, "--reload", "2022-02")
    assert result.returncode == 0, result.stderr
    # The file was loaded from another folder before, which its rows name.
    files = {"raw.files", "marts.fct_files"}
    assert difference(before, contents(warehouse)) <= {*files, *(f"monitoring.{name}" for name in KEPT)}
    assert rows(warehouse, counts, "2022-02-01")[0] == pruned
    assert one(warehouse, "select count(*) from monitoring.metric_values where run_id > %s", first) == 0


@pytest.mark.parametrize("table", ["monitoring.pruned_windows", "ml.labels", "raw.files"])
def test_a_killed_prune_has_done_nothing(table: str, warehouse: Connection) -> None:
    before = contents(warehouse)
    with blocked(table, "prune", "--raw-months", "1"):
        pass
    until_alone(warehouse)
    assert contents(warehouse) == before
    assert command("prune", "--raw-months", "1").returncode == 0
    assert one(warehouse, "select count(*) from raw.green_trips where source_month = '2022-02-01'") == 0


def test_a_warehouse_that_is_not_up_to_date_is_not_pruned(warehouse: Connection) -> None:
    warehouse.execute("update monitoring.runs set status = 'failed' where step = 'pipeline'")
    result = command("prune", "--raw-months", "1")
    assert (result.returncode, "the last run is failed: run `make pipeline`" in result.stderr) == (2, True)
    assert one(warehouse, "select count(*) from raw.files where status = 'pruned'") == 0


def test_a_warehouse_moves_with_its_models(
    monitored_warehouse: Connection, server: embedded.Address, tmp_path: Path, sample_dir: Path
) -> None:
    before = contents(monitored_warehouse)
    file = tmp_path / "warehouse.backup"
    result = command("backup", "--file", str(file))
    assert result.returncode == 0, result.stderr
    models = Path(os.environ["WAREHOUSE_STATE_DIR"]) / "models"
    names = sorted(name for (name,) in rows(monitored_warehouse, "select artifact_file from ml.models"))
    contents_of_models = [(models / name).read_bytes() for name in names]
    for name in names:
        (models / name).rename(tmp_path / name)
    other = make_database(server, "template0")
    try:
        result = command("restore", "--file", str(file), PGDATABASE=other)
        assert result.returncode == 0, result.stderr
        assert "each with the hash that the backup has of it" in " ".join(result.stderr.split())
        with psycopg.connect(host=server.host, port=server.port, user=embedded.SUPERUSER, dbname=other) as there:
            assert contents(there) == before
        assert [(models / name).read_bytes() for name in names] == contents_of_models
        result = command("run", "--source", "local", "--data-dir", str(sample_dir), PGDATABASE=other)
        assert "Nothing new" in result.stdout, result.stderr
        assert command("restore", "--file", str(file), PGDATABASE=other).returncode == 2
    finally:
        drop_database(server, other)
        for name in names:
            if not (models / name).exists():
                (tmp_path / name).rename(models / name)
