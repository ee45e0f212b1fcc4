"""What dbt's tests said, kept for people: after runs, after dbt by hand, and where a run failed because of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.database import Connection
from pipeline.errors import DbtError
from tests.commands import command
from tests.integration.test_pipeline import one, rows, run

LATEST = "select status, failing_rows from marts.fct_test_results where is_latest and test_name = %s"
NOT_NULL = "not_null_int_windows_trip_count"
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
        == "int_windows"
    )


def test_dbt_by_hand_keeps_them_too_with_the_rows_that_fail(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute("update marts.fct_daily_monitoring set trip_count = 1 where window_date = '2022-02-13'")
    result = command("dbt", f"test --select {MONITORED}")
    assert result.returncode == 8
    assert rows(monitored_warehouse, LATEST, MONITORED) == [("fail", 3)]
    assert one(monitored_warehouse, "select count(*) from marts.fct_test_results where run_id is null") == 1


@pytest.mark.slow
def test_a_run_that_fails_on_a_test_leaves_its_result(monitored_warehouse: Connection, sample_dir: Path) -> None:
    # A trip is lost from a table that the marts are built of: the next build of them finds it.
    # All three models have scored it, also the one that is about card payments only.
    monitored_warehouse.execute(
        "delete from ml.predictions where source_month = '2022-02-01' and source_row = (select min(source_row) "
        "from intermediate.int_trips_accepted where source_month = '2022-02-01' and payment_type = 'credit card')"
    )
    # A run tests what was scored since the last one; `dbt test` reads all.
    monitored_warehouse.execute("update ml.scored_months set scored_at = now() where source_month = '2022-02-01'")
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
        "delete from monitoring.computed_windows where window_start = '2022-02-09 00:00-05' "
        "and model_version like 'green_duration_lr%%'"
    )
    monitored_warehouse.execute(
        "update intermediate.int_windows set content_hash = 'other' where window_date = '2022-02-10'"
    )
    assert rows(monitored_warehouse, waiting) == [
        ("green_duration_lr", "2022-02-09", "not monitored yet"),
        ("green_duration_hgb", "2022-02-10", "changed since"),
        ("green_duration_lr", "2022-02-10", "changed since"),
        ("green_tipped", "2022-02-10", "changed since"),
    ]
