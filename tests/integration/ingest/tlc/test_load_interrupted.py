"""Loads that are interrupted or killed, that fail or that meet: a file goes in whole or not at all, whoever dies.

Processes that are killed or that meet are stopped at a known row: a trigger on the raw table waits there for
an advisory lock that the test holds.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from config.months import Month
from config.paths import ROOT
from core.errors import WarehouseError
from ingest.tlc.load import Action, LoadResult
from tests.files import FEBRUARY, JANUARY, trip_table, with_damaged_column, write_file
from tests.loads import LOADER, contents, count, distances, load, manifest, sample_table
from warehouse import database

STOP_LOCK, STOP_ROW = 4711, 500
PATIENCE_SECONDS = 30.0


@contextlib.contextmanager
def stop_at_row(connection: database.Connection, row: int = STOP_ROW) -> Iterator[None]:
    """Loaders wait at this row until the block ends."""
    connection.execute(
        "create function wait_here() returns trigger language plpgsql security definer as "
        f"$$ begin perform pg_advisory_xact_lock_shared({STOP_LOCK}); return new; end $$".encode()
    )
    connection.execute(
        "create trigger wait_here before insert on raw.green_trips for each row "
        f"when (new.source_row = {row}) execute function wait_here()".encode()
    )
    connection.execute("select pg_advisory_lock(%s)", [STOP_LOCK])
    try:
        yield
    finally:
        connection.execute("select pg_advisory_unlock(%s)", [STOP_LOCK])


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "what was waited for did not come"
        time.sleep(0.02)


def waiting(connection: database.Connection) -> int:
    """Sessions that wait for a lock."""
    query = "select count(*) from pg_locks where locktype in ('advisory', 'relation') and not granted"
    return int(str(connection.execute(query).fetchall()[0][0]))


def start_loader(path: Path, month: Month) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", textwrap.dedent(LOADER), str(month), str(path)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> tuple[str, str, int]:
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    return output.strip(), errors, process.returncode


def test_ctrl_c_in_the_middle_of_a_copy_is_an_interrupt_and_no_error(
    empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    write_file(tmp_path, JANUARY, trip_table(JANUARY, 2000))
    arguments = ["run", "--source", "local", "--data-dir", str(tmp_path), "--months", "2022-01"]
    with stop_at_row(empty_warehouse):
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        wait_until(lambda: waiting(empty_warehouse) == 1)
        process.send_signal(signal.SIGINT)
        _, errors, code = ended(process)
    assert code == 130, errors
    assert "stopped; run the same command again to go on" in errors
    assert "error" not in errors
    steps = empty_warehouse.execute("select step, status, message from monitoring.runs order by step").fetchall()
    stopped = "stopped by the user (Ctrl-C)"
    assert steps == [("ingest", "stopped", stopped), ("pipeline", "stopped", stopped)]
    assert contents(empty_warehouse) == ([], [])


def test_killed_loader_leaves_the_old_month(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    load(write_file(tmp_path / "old", JANUARY), JANUARY)
    before = contents(empty_warehouse)
    path = write_file(tmp_path / "new", JANUARY, trip_table(JANUARY, 2000))
    with stop_at_row(empty_warehouse):
        loader = start_loader(path, JANUARY)
        try:
            wait_until(lambda: waiting(empty_warehouse) == 1)
            assert contents(empty_warehouse) == before
        finally:
            loader.send_signal(signal.SIGKILL)
        assert ended(loader)[2] == -signal.SIGKILL
        assert contents(empty_warehouse) == before
    assert contents(empty_warehouse) == before
    assert load(path, JANUARY) == LoadResult(JANUARY, Action.REPLACED, 2000)
    assert [row[1:] for row in manifest(empty_warehouse)] == [("replaced", 12), ("loaded", 2000)]
    assert distances(empty_warehouse, JANUARY) == [0.25 + number for number in range(2000)]


def test_readers_see_the_old_month_or_the_new_one(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    load(write_file(tmp_path / "old", JANUARY), JANUARY)
    path = write_file(tmp_path / "new", JANUARY, trip_table(JANUARY, 20_000))
    seen = set()
    with stop_at_row(empty_warehouse, 15_000):
        loader = start_loader(path, JANUARY)
        wait_until(lambda: waiting(empty_warehouse) == 1)
        seen.add(count(empty_warehouse, JANUARY))
    while loader.poll() is None:
        seen.add(count(empty_warehouse, JANUARY))
    assert ended(loader) == ("replaced 20000", "", 0)
    seen.add(count(empty_warehouse, JANUARY))
    assert seen == {12, 20_000}


def test_two_loaders_of_other_bytes_leave_one_whole_month(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    first = write_file(tmp_path / "a", JANUARY, trip_table(JANUARY, 1000))
    second = write_file(tmp_path / "b", JANUARY, trip_table(JANUARY, 600))
    with stop_at_row(empty_warehouse):
        one = start_loader(first, JANUARY)
        wait_until(lambda: waiting(empty_warehouse) == 1)
        two = start_loader(second, JANUARY)
        wait_until(lambda: waiting(empty_warehouse) == 2)
    assert ended(one) == ("loaded 1000", "", 0)
    assert ended(two) == ("replaced 600", "", 0)
    assert manifest(empty_warehouse) == [("2022-01", "replaced", 1000), ("2022-01", "loaded", 600)]
    assert distances(empty_warehouse, JANUARY) == [0.25 + number for number in range(600)]


def test_two_loaders_of_the_same_bytes_leave_one_load(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    path = write_file(tmp_path, JANUARY, trip_table(JANUARY, 1000))
    with stop_at_row(empty_warehouse):
        one = start_loader(path, JANUARY)
        wait_until(lambda: waiting(empty_warehouse) == 1)
        two = start_loader(path, JANUARY)
        wait_until(lambda: waiting(empty_warehouse) == 2)
    assert ended(one) == ("loaded 1000", "", 0)
    assert ended(two) == ("unchanged 0", "", 0)
    assert manifest(empty_warehouse) == [("2022-01", "loaded", 1000)]
    assert count(empty_warehouse, JANUARY) == 1000


def test_two_loaders_do_not_mix_origins(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    real = write_file(tmp_path / "a", JANUARY, trip_table(JANUARY, 1000))
    generated = write_file(tmp_path / "b", FEBRUARY, sample_table(FEBRUARY))
    with stop_at_row(empty_warehouse):
        one = start_loader(real, JANUARY)
        wait_until(lambda: waiting(empty_warehouse) == 1)
        two = start_loader(generated, FEBRUARY)
        wait_until(lambda: waiting(empty_warehouse) == 2)
    assert ended(one) == ("loaded 1000", "", 0)
    output, errors, code = ended(two)
    assert (output, code) == ("", 1)
    assert "OriginMixError: green_tripdata_2022-02.parquet is generated, but there are real months" in errors
    assert manifest(empty_warehouse) == [("2022-01", "loaded", 1000)]
    assert count(empty_warehouse, FEBRUARY) == 0


def test_database_that_stops_the_load_is_named(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    empty_warehouse.execute("alter table raw.green_trips add constraint short check (source_row < 5)")
    with pytest.raises(WarehouseError) as caught:
        load(write_file(tmp_path, JANUARY), JANUARY)
    message = str(caught.value)
    assert message.startswith("green_tripdata_2022-01.parquet was not loaded, the database said:")
    assert "short" in message
    assert "\n" not in message
    assert caught.value.exit_code == 7
    assert contents(empty_warehouse) == ([], [])


def test_failed_load_leaves_no_session_behind(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    path = with_damaged_column(tmp_path, JANUARY, trip_table(JANUARY, 5000), "trip_distance")
    with pytest.raises(WarehouseError):
        load(path, JANUARY)
    others = "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"

    def alone() -> bool:
        return empty_warehouse.execute(psycopg.sql.SQL(others)).fetchall() == [(0,)]

    wait_until(alone)
