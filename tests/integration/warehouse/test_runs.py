"""The run log and the lock: one pipeline at a time, and an honest row for whatever happened."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from config.paths import ROOT
from core.errors import DatabaseError, LockedError, ModelError
from warehouse import schema_versions
from warehouse.database import Connection
from warehouse.runs import RunLog

HOLD = """
import time
from warehouse import database
from warehouse.runs import RunLog
with database.warehouse(), RunLog.open("pipeline", "2022-02", {}) as run, run.step("score"):
    print("locked", flush=True)
    time.sleep(60)
"""


def steps(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute(
        "select run_id, step, status, message from monitoring.runs order by run_id, step"
    ).fetchall()


def test_steps_are_recorded_as_they_end(empty_warehouse: Connection) -> None:
    with RunLog.open("pipeline", "2022-02", {"evidently": "0"}) as run:
        run.origin = "sample"
        with run.step("ingest") as step:
            step.rows = 5
        with run.step("score") as step:
            step.skipped = True
    assert [row[1:3] for row in steps(empty_warehouse)] == [("ingest", "ok"), ("pipeline", "ok"), ("score", "skipped")]
    row = empty_warehouse.execute(
        "select rows, origin, windows, versions, finished_at >= started_at from monitoring.runs where step = 'pipeline'"
    ).fetchone()
    assert row == (5, "sample", "2022-02", {"evidently": "0"}, True)


def test_a_failed_step_keeps_its_message_and_fails_the_run(empty_warehouse: Connection) -> None:
    with (
        pytest.raises(ModelError),
        RunLog.open("pipeline", "2022-02", {}) as run,
        run.step("train"),
    ):
        raise ModelError("the model is no good: get another")
    assert [row[1:] for row in steps(empty_warehouse)] == [
        ("pipeline", "failed", "the model is no good: get another"),
        ("train", "failed", "the model is no good: get another"),
    ]


def test_a_stopped_step_is_called_so(empty_warehouse: Connection) -> None:
    with pytest.raises(KeyboardInterrupt), RunLog.open("pipeline", "2022-02", {}) as run, run.step("train"):
        raise KeyboardInterrupt
    assert [row[1:] for row in steps(empty_warehouse)] == [
        ("pipeline", "stopped", "stopped by the user (Ctrl-C)"),
        ("train", "stopped", "stopped by the user (Ctrl-C)"),
    ]


def test_migrations_that_are_missing_are_applied_whatever_their_numbers(
    empty_warehouse: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Numbers may have gaps, and a lower one may come after a higher one."""
    known = schema_versions.migrations()
    later = {number: tmp_path / f"{number}.sql" for number in (201, 202)}
    for number, path in later.items():
        path.write_text(f"alter table monitoring.heartbeats add column n{number} integer", encoding="utf-8")
    for numbers in ([202], [201, 202], [201, 202]):
        files = known | {number: later[number] for number in numbers}
        monkeypatch.setattr(schema_versions, "migrations", lambda files=files: files)
        schema_versions.migrate()
    empty_warehouse.execute("select n201, n202 from monitoring.heartbeats")
    versions = empty_warehouse.execute("select version from monitoring.schema_versions order by applied_at").fetchall()
    assert [row[0] for row in versions] == [*known, 202, 201]
    monkeypatch.setattr(schema_versions, "migrations", lambda: known)
    with pytest.raises(DatabaseError, match=r"schema version 202.*use the newer program"):
        schema_versions.migrate()


def test_a_second_pipeline_is_told_who_holds_the_lock(empty_warehouse: Connection) -> None:
    with RunLog.open("pipeline", "2022-02", {}):
        with (
            pytest.raises(LockedError, match=r"pipeline by process \d+ on .+, since \d{4}-") as error,
            RunLog.open("pipeline", "2022-02", {}),
        ):
            pass
        assert error.value.exit_code == 10
    with RunLog.open("pipeline", "2022-02", {}):
        pass


def test_a_killed_run_frees_the_lock_and_is_called_abandoned(empty_warehouse: Connection) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    with pytest.raises(LockedError), RunLog.open("pipeline", "2022-02", {}):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    empty_warehouse.execute("select pg_sleep(1.5)")
    with RunLog.open("pipeline", "2022-02", {}):
        pass
    assert [row[1:3] for row in steps(empty_warehouse)] == [
        ("pipeline", "abandoned"),
        ("score", "abandoned"),
        ("pipeline", "ok"),
    ]
