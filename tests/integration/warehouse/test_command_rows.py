"""Every command that changes the warehouse leaves a row: what it worked on, how it ended, why."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from core.errors import LockedError, ModelError, UsageError, naming, words_of
from warehouse.database import Connection
from warehouse.runs import RunLog, Step, hold_lock, recorded


def rows(connection: Connection) -> list[Any]:
    return connection.execute(
        "select step, status, windows, message, finished_at >= started_at from monitoring.runs order by run_id, step"
    ).fetchall()


def test_a_command_under_the_lock(empty_warehouse: Connection) -> None:
    record = Step("")
    with recorded("labels", "tip, labels.csv", only_failures=True), hold_lock("labels", "tip, labels.csv", record):
        assert rows(empty_warehouse)[0][:2] == ("make labels", "running")
        record.message = "3 rows: 3 accepted"
    assert rows(empty_warehouse) == [("make labels", "ok", "tip, labels.csv", "3 rows: 3 accepted", True)]


def test_a_command_that_fails_under_the_lock_has_one_row(empty_warehouse: Connection) -> None:
    with pytest.raises(ModelError), recorded("labels", only_failures=True), hold_lock("labels", "tip"):
        raise ModelError("no good: get another")
    assert rows(empty_warehouse) == [("make labels", "failed", "tip", "no good: get another", True)]


def test_a_command_that_fails_before_the_lock_has_a_row(empty_warehouse: Connection) -> None:
    with pytest.raises(UsageError), recorded("predictions", "x.csv", only_failures=True):
        raise UsageError("no model was given")
    with pytest.raises(ZeroDivisionError), recorded("pipeline", "2022-02", only_failures=True):
        raise ZeroDivisionError("nobody expected it")
    assert [row[:4] for row in rows(empty_warehouse)] == [
        ("make predictions", "failed", "x.csv", "no model was given"),
        ("make pipeline", "failed", "2022-02", "ZeroDivisionError: nobody expected it"),
    ]


def test_a_command_that_is_refused_the_lock_says_who_holds_it(empty_warehouse: Connection) -> None:
    with RunLog.open("pipeline", "2022-02", {}):
        with pytest.raises(LockedError), recorded("labels", only_failures=True), hold_lock("labels"):
            pass
        # A row of a run at work is not taken for one of a dead run.
        assert [row[:2] for row in rows(empty_warehouse)] == [("pipeline", "running"), ("make labels", "failed")]
    assert "another command is changing the warehouse (pipeline by process" in rows(empty_warehouse)[1][3]


def test_a_command_without_a_lock(empty_warehouse: Connection) -> None:
    with recorded("ack", "incident abc") as record:
        record.message = "incident abc is closed"
    with recorded("ack") as record:
        record.skipped = True
    with pytest.raises(KeyboardInterrupt), recorded("replay", "2022-02"):
        raise KeyboardInterrupt
    assert [row[:4] for row in rows(empty_warehouse)] == [
        ("make ack", "ok", "incident abc", "incident abc is closed"),
        ("make ack", "skipped", "", ""),
        ("make replay", "stopped", "2022-02", "stopped by the user (Ctrl-C)"),
    ]


def test_a_run_that_fails_in_a_step_has_no_second_row(empty_warehouse: Connection) -> None:
    with (
        pytest.raises(ModelError),
        recorded("pipeline", "2022-02", only_failures=True),
        RunLog.open("pipeline", "2022-02", {}) as run,
        run.step("train"),
    ):
        raise ModelError("no good")
    assert [row[:2] for row in rows(empty_warehouse)] == [("pipeline", "failed"), ("train", "failed")]


def test_a_killed_command_is_called_abandoned_by_the_next(empty_warehouse: Connection) -> None:
    empty_warehouse.execute("insert into monitoring.runs (run_id, step, status) values (-1, 'make dbt run', 'running')")
    with hold_lock("labels"):
        pass
    assert [row[:2] for row in rows(empty_warehouse)] == [("make dbt run", "abandoned"), ("make labels", "ok")]


def test_a_command_that_takes_the_run_log_away_ends_well(empty_warehouse: Connection) -> None:
    with recorded("clean", only_failures=True), hold_lock("clean") as connection:
        connection.execute("drop schema monitoring cascade")
    with recorded("clean", only_failures=True), hold_lock("clean"):
        pass
    with pytest.raises(psycopg.errors.UndefinedTable), hold_lock("labels") as connection:
        connection.execute("select from monitoring.runs")


def test_another_missing_table_is_no_such_end(empty_warehouse: Connection) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), hold_lock("labels") as connection:
        connection.execute("select from ml.nothing")
    assert rows(empty_warehouse)[0][:2] == ("make labels", "failed")


def test_nothing_is_written_into_a_newer_warehouse(empty_warehouse: Connection) -> None:
    empty_warehouse.execute("insert into monitoring.schema_versions (version) values (999)")
    with pytest.raises(UsageError), recorded("pipeline"):
        raise UsageError("schema version 999")
    assert rows(empty_warehouse) == []


def test_a_row_that_cannot_be_left_hides_nothing(
    empty_warehouse: Connection, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PGDATABASE", "no_such_database")
    with pytest.raises(UsageError, match="the reason"), recorded("labels"):
        raise UsageError("the reason")
    assert "the run log has no row of make labels: cannot connect" in caplog.text


def test_an_error_names_the_place_that_it_comes_from(empty_warehouse: Connection) -> None:
    with (
        pytest.raises(ValueError, match="x") as caught,
        RunLog.open("pipeline", "2022-02", {}) as run,
        run.step("metrics"),
        naming("green_duration_lr-1, 2022-02-05"),
        naming("column trip_distance"),
    ):
        raise ValueError("x")
    message = "ValueError: x (at green_duration_lr-1, 2022-02-05, column trip_distance)"
    assert words_of(caught.value) == message
    assert {row[3] for row in rows(empty_warehouse)} == {message}
