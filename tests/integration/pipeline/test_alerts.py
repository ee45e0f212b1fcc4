"""Alerts in the warehouse: what the planted incidents open, what the pipeline itself opens, and who is told how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from config.months import Month
from config.paths import DBT_PROJECT_DIR
from ingest.tlc.sample import write_sample
from pipeline.dbt_vars import alert_rules
from pipeline.runner import Pipeline
from tests.commands import command
from tests.conftest import FirstRun
from tests.monitoring import green_trips, with_example
from tests.runs import one, rows, run, settings
from warehouse.database import Connection

DAYS = (
    "select rule, severity, model_spec, column_name, opened_date::text, last_seen_date::text, is_open "
    "from marts.fct_alerts where opened_date < '2023-01-01' order by opened_at, rule, model_spec"
)
HGB, LR = "green_duration_hgb", "green_duration_lr"


def test_the_planted_incidents_and_nothing_else_open_alerts(monitored_warehouse: Connection) -> None:
    assert rows(monitored_warehouse, DAYS) == [
        ("incident", "critical", "", "passenger_count", "2022-02-03", "2022-02-03", False),
        ("missing_share", "warning", "", "passenger_count", "2022-02-03", "2022-02-03", False),
        ("concept_drift", "critical", HGB, "prediction", "2022-02-08", "2022-02-08", False),
        ("incident", "critical", "", "trip_distance", "2022-02-08", "2022-02-08", False),
        ("concept_drift", "critical", LR, "prediction", "2022-02-10", "2022-02-12", False),
        ("incident", "critical", "", "fare_amount", "2022-02-10", "2022-02-12", False),
        # The weekend-like week, seen in the hours of its trips.
        ("incident", "warning", "", "", "2022-02-14", "2022-02-17", False),
        ("volume", "warning", "", "", "2022-02-17", "2022-02-17", False),
        ("incident", "critical", "", "pickup_location_id", "2022-02-21", "2022-02-22", False),
        # Rows written twice.
        ("incident", "critical", "", "", "2022-02-24", "2022-02-24", False),
        ("volume", "critical", "", "", "2022-02-26", "2022-02-26", True),
    ]


@pytest.mark.slow
def test_a_month_without_incidents_opens_none(
    monitored_warehouse: Connection, sample_dir: Path, tmp_path: Path
) -> None:
    for file in sample_dir.iterdir():
        (tmp_path / file.name).symlink_to(file)
    write_sample(Month(2022, 3), tmp_path / "green_tripdata_2022-03.parquet")
    run(tmp_path, months="2022-02 2022-03")
    assert one(monitored_warehouse, "select count(*) from marts.fct_daily_monitoring") == 3 * (28 + 31)
    march = "select rule, opened_date from marts.fct_alerts where opened_date between '2022-03-01' and '2022-03-31'"
    assert rows(monitored_warehouse, march) == []


def fail(connection: Connection, run_id: int, status: str, message: str = "") -> None:
    connection.execute(
        "insert into monitoring.runs (run_id, step, status, message, finished_at) "
        "values (%s, 'pipeline', %s, %s, clock_timestamp())",
        [run_id, status, message],
    )


def failed_runs(connection: Connection) -> list[Any]:
    query = "select severity, is_open, days, summary from marts.fct_alerts where rule = 'failed_run' order by opened_at"
    return rows(connection, query)


def test_failed_runs_are_one_alert_until_one_succeeds(monitored_warehouse: Connection) -> None:
    assert failed_runs(monitored_warehouse) == []
    fail(monitored_warehouse, 90, "failed", "the disk is full")
    assert failed_runs(monitored_warehouse) == [("critical", True, 1, "a run failed: the disk is full")]
    fail(monitored_warehouse, 91, "abandoned", "the process ended without a word")
    assert failed_runs(monitored_warehouse) == [
        ("critical", True, 2, "2 runs failed: the process ended without a word")
    ]
    fail(monitored_warehouse, 92, "skipped")
    assert [alert[1] for alert in failed_runs(monitored_warehouse)] == [False]
    fail(monitored_warehouse, 93, "failed", "again")
    assert [alert[1:3] for alert in failed_runs(monitored_warehouse)] == [(False, 2), (True, 1)]


def test_a_stopped_run_is_neither_a_failure_nor_a_success(monitored_warehouse: Connection) -> None:
    fail(monitored_warehouse, 90, "stopped", "stopped by the user (Ctrl-C)")
    assert failed_runs(monitored_warehouse) == []
    fail(monitored_warehouse, 91, "failed", "the disk is full")
    fail(monitored_warehouse, 92, "stopped", "stopped by the user (Ctrl-C)")
    fail(monitored_warehouse, 93, "failed", "the disk is full")
    assert failed_runs(monitored_warehouse) == [("critical", True, 2, "2 runs failed: the disk is full")]


@pytest.mark.parametrize(("days", "severity"), [(44, None), (46, "warning"), (121, "critical")])
def test_stale_data_is_as_old_as_it_is(monitored_warehouse: Connection, days: int, severity: str | None) -> None:
    monitored_warehouse.execute("update raw.files set loaded_at = now() - make_interval(days => %s)", [days])
    found = rows(monitored_warehouse, "select severity from marts.fct_alerts where rule = 'stale_data' and is_open")
    assert found == ([] if severity is None else [(severity,)])


def test_dbt_and_the_alert_agree_on_what_is_stale() -> None:
    sources = DBT_PROJECT_DIR / "models" / "staging" / "raw" / "_raw__sources.yml"
    (raw,) = yaml.safe_load(sources.read_text(encoding="utf-8"))["sources"]
    freshness = raw["tables"][0]["config"]["freshness"]
    rule = green_trips().alerts.stale_data
    assert freshness["warn_after"] == {"count": rule.warning, "period": "day"}
    assert freshness["error_after"] == {"count": rule.critical, "period": "day"}


@pytest.mark.slow
def test_other_levels_change_alerts_and_no_metric(monitored_warehouse: Connection, sample_dir: Path) -> None:
    pipeline = Pipeline(settings(sample_dir), lambda line: None)
    alerts = pipeline.monitored.of["green_trips"].alerts
    rule = alerts.prediction_drift.model_copy(update={"opens_alerts": True})
    # A level of its own for one model, exactly at the worst day of the other.
    worst = one(
        monitored_warehouse,
        "select max(drift_score / threshold) from marts.fct_column_drift "
        "where column_name = 'prediction' and segment = 'all' and model_spec = %s",
        LR,
    )
    own = {LR: rule.model_copy(update={"warning": None, "critical": worst})}
    changed = rule.model_copy(update={"models": own, "critical": 100.0, "warning": 99.0})
    with_levels = alerts.model_copy(update={"prediction_drift": changed})
    pipeline.monitored = with_example(pipeline.monitored, alerts=with_levels)
    report = pipeline.run()
    assert {step.name for step in report.steps if not step.skipped} == {"marts"}
    found = rows(
        monitored_warehouse,
        "select severity, model_spec, opened_date::text from marts.fct_alerts where rule = 'prediction_drift'",
    )
    assert found == [("critical", LR, "2022-02-11")]


def test_rules_become_rows_and_levels_of_their_own_too() -> None:
    alerts = green_trips().alerts
    rule = alerts.missing_share
    own = rule.model_copy(update={"columns": {"passenger_count": rule.model_copy(update={"warning": 0.4})}})
    rows = alert_rules(alerts.model_copy(update={"missing_share": own}))
    found = [tuple(row.values()) for row in rows]
    assert ("missing_share", "", "passenger_count", 0.4, rule.critical, None, 1, 3, None, None) in found
    assert ("missing_share", "", "", rule.warning, rule.critical, None, 1, 3, None, None) in found
    opening = [name for name, rule in alerts if getattr(rule, "opens_alerts", True)]
    assert (
        {name for name, *_ in found}
        == set(opening)
        == {name for name, _ in alerts}
        - {
            "prediction_drift",
            "drifted_columns",
        }
    )
    assert len(found) == len(opening) + 1


def test_check_alerts_fails_on_an_open_critical_one(monitored_warehouse: Connection) -> None:
    result = command("check-alerts")
    assert result.returncode == 1
    assert "0 trips where 2064 are usual" in result.stdout
    assert "passenger_count" not in result.stdout, "it is resolved"
    monitored_warehouse.execute("delete from marts.fct_day_alerts where severity = 'critical'")
    assert command("check-alerts").returncode == 0


def test_check_alerts_of_an_empty_warehouse_says_what_to_do(empty_warehouse: Connection) -> None:
    result = command("check-alerts")
    assert result.returncode == 7
    assert "run `make pipeline`" in result.stderr


def test_a_run_ends_with_its_alerts(first_run: FirstRun) -> None:
    # A table may break the line of a finding.
    words = " ".join(first_run.stdout.split())
    assert "the table (duplicate_share)" in words
    assert "0 trips where 2064 are usual" in words
