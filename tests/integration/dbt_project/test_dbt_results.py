"""What dbt's tests said, kept for people: after runs, after dbt by hand, and where a run failed because of them."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from core.errors import DbtError
from pipeline import dbt
from pipeline.commands import faults
from tests.commands import command
from tests.runs import one, rows, run
from warehouse.database import Connection

LATEST = "select status, failing_rows from marts.fct_test_results where is_latest and test_name = %s"
NOT_NULL = "not_null_green_trips_windows_row_count"
MONITORED = "assert_monitored_days_match_their_windows"


def test_a_run_keeps_what_its_tests_said(monitored_warehouse: Connection) -> None:
    assert one(monitored_warehouse, "select count(*) from marts.fct_test_results where run_id = 1") > 80
    assert rows(monitored_warehouse, "select distinct status from marts.fct_test_results") == [("pass",)]
    assert rows(monitored_warehouse, LATEST, NOT_NULL) == [("pass", 0)]
    assert (
        one(
            monitored_warehouse,
            "select subject from marts.fct_test_results where is_latest and test_name = %s",
            NOT_NULL,
        )
        == "green_trips_windows"
    )


def test_dbt_by_hand_keeps_them_too_with_the_rows_that_fail(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute("update marts.fct_daily_monitoring set row_count = 1 where window_date = '2022-02-13'")
    result = command("dbt", f"test --select {MONITORED}")
    assert result.returncode == 8
    assert rows(monitored_warehouse, LATEST, MONITORED) == [("fail", 3)]
    assert one(monitored_warehouse, "select count(*) from marts.fct_test_results where run_id is null") == 1


@pytest.mark.slow
def test_a_run_that_fails_on_a_test_leaves_its_result(monitored_warehouse: Connection, sample_dir: Path) -> None:
    # A trip is lost from a table that the marts are built of: the next build of them finds it.
    # All three models have scored it, also the one that is about card payments only.
    monitored_warehouse.execute(
        "delete from ml.predictions where event_id = (select min(event_id) "
        "from intermediate.green_trips_accepted where source_month = '2022-02-01' and payment_type = 'credit card')"
    )
    # A run tests what was scored since the last one; `dbt test` reads all.
    monitored_warehouse.execute(
        "update monitoring.ledger set made_at = now() where step = 'score' and part = '2022-02-01'"
    )
    monitored_warehouse.execute("drop table marts.dim_models cascade")
    with pytest.raises(DbtError, match="assert_predictions_cover_accepted_trips"):
        run(sample_dir)
    found = rows(monitored_warehouse, LATEST, "assert_predictions_cover_accepted_trips")
    assert found == [("fail", 3)]
    assert one(monitored_warehouse, "select count(*) from marts.fct_alerts where rule = 'failed_run' and is_open") == 1


def test_days_that_wait_are_those_without_current_metrics(monitored_warehouse: Connection) -> None:
    waiting = "select model_spec, window_date::text, reason from marts.fct_waiting_days order by 2, 1"
    assert rows(monitored_warehouse, waiting) == []
    monitored_warehouse.execute(
        "delete from monitoring.ledger where step = 'metrics' and window_start = '2022-02-09 00:00-05' "
        "and subject like 'green_duration_lr%%'"
    )
    monitored_warehouse.execute(
        "update intermediate.green_trips_windows set content_hash = 'other' where window_date = '2022-02-10'"
    )
    assert rows(monitored_warehouse, waiting) == [
        ("green_duration_lr", "2022-02-09", "not monitored yet"),
        ("green_duration_hgb", "2022-02-10", "changed since"),
        ("green_duration_lr", "2022-02-10", "changed since"),
        ("green_tipped", "2022-02-10", "changed since"),
    ]


# What a shell that works with dbt has set, or could have: each would change what a build does, or where.
HOSTILE = {
    "DBT_RESOURCE_TYPES": "seed",
    "DBT_EXCLUDE_RESOURCE_TYPES": "model",
    "DBT_ENGINE_RESOURCE_TYPES": "seed",
    "DBT_EMPTY": "true",
    "DBT_INDIRECT_SELECTION": "empty",
    "DBT_FAIL_FAST": "true",
    "DBT_FULL_REFRESH": "true",
    "DBT_WARN_ERROR": "true",
    "DBT_STORE_FAILURES": "true",
    "DBT_DEFER": "true",
    "DBT_STATE": "/nowhere",
    "DBT_TARGET": "elsewhere",
    "DBT_TARGET_PATH": "/nowhere",
    "DBT_LOG_PATH": "/nowhere",
    "DBT_PROFILE": "elsewhere",
    "DBT_PROFILES_DIR": "/nowhere",
    "DBT_PROJECT_DIR": "/nowhere",
    "DBT_EVENT_TIME_START": "2001-01-01",
    "DBT_SAMPLE": "1 day",
    "DBT_USE_COLORS": "perhaps",
    "DBT_ENGINE_OF_MINE": "1",
}
BEATS = ("--select", "stg_monitoring__heartbeats", "rejection_rules")


def came_to(connection: Connection) -> set[tuple[str, str]]:
    """Name and status of the nodes of the latest build."""
    query = (
        "select name, status from monitoring.dbt_results where invocation_id = "
        "(select invocation_id from monitoring.dbt_results order by finished_at desc limit 1)"
    )
    return {(name, status) for name, status in rows(connection, query)}


@pytest.mark.slow
def test_the_users_settings_of_dbt_change_nothing(
    monitored_warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    dbt.build(*BEATS, run_id=None)
    plain = came_to(monitored_warehouse)
    assert {("stg_monitoring__heartbeats", "success"), ("rejection_rules", "success")} < plain
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    dbt.build(*BEATS, run_id=None)
    assert came_to(monitored_warehouse) == plain
    assert {name: os.environ.get(name) for name in HOSTILE} == HOSTILE


def test_a_node_that_was_not_built_is_named(monitored_warehouse: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever kept dbt from it: here a variable of the environment, which is let through."""
    monkeypatch.setattr(dbt, "_undisturbed", contextlib.nullcontext)
    monkeypatch.setenv("DBT_RESOURCE_TYPES", "seed")
    with pytest.raises(DbtError) as caught:
        dbt.build(*BEATS, run_id=None)
    assert "  stg_monitoring__heartbeats: is selected, but dbt has not built it\n" in str(caught.value)
    assert "rejection_rules:" not in str(caught.value)
    with pytest.raises(DbtError, match="nothing is selected by '--select nosuch', something has to be"):
        dbt.build("--select", "nosuch", run_id=None)


def test_a_month_that_is_in_raw_and_nowhere_else_is_a_fault(monitored_warehouse: Connection) -> None:
    assert faults.of_dbt(monitored_warehouse) == []
    monitored_warehouse.execute("delete from intermediate.green_trips_windows where source_month = '2022-02-01'")
    (fault,) = faults.of_dbt(monitored_warehouse)
    assert "2022-02 (load " in fault
    assert "is in raw and nowhere else" in fault
    assert "`make dbt ARGS=build`" in fault
