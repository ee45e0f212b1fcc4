"""What fails is told: the run log names command, window and reason, whatever the command; the exit code stays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest

from config.paths import ROOT
from config.settings import Source, make_settings
from core.errors import PartlyFailedError, UsageError
from pipeline.commands.acknowledge import acknowledge
from pipeline.runner import Pipeline
from tests.commands import command
from tests.hostile import HOSTILE
from tests.integration.python_metrics.test_incidents import open_one
from warehouse import database
from warehouse.database import Connection

pytestmark = pytest.mark.hard


def last(connection: Connection) -> Any:
    """Step, status, windows and message of the latest row."""
    return connection.execute(
        "select step, status, windows, message from monitoring.runs order by run_id desc, step = 'pipeline' limit 1"
    ).fetchall()[0]


def test_the_metrics_name_their_window(monitored_warehouse: Connection, sample_dir: Path) -> None:
    monitored_warehouse.execute(
        "alter table monitoring.metric_values add constraint broken "
        "check (not (window_start >= '2022-02-05' and column_name = 'trip_distance')) not valid"
    )
    monitored_warehouse.execute(
        "delete from monitoring.ledger where step = 'metrics' and window_start >= '2022-02-07 00:00-05'"
    )
    settings = make_settings(data_dir=sample_dir, source=Source.LOCAL)
    with pytest.raises(PartlyFailedError):
        Pipeline(settings, lambda line: None).run()
    with database.connect("test") as connection:
        failed = connection.execute(
            "select message from monitoring.runs where step = 'metrics' and status = 'failed' and unit != '' "
            "order by unit"
        )
        message = str(failed.fetchall()[0][0])
    assert message.startswith("CheckViolation: ")
    assert "(at green_duration_hgb-2022-01-" in message
    assert message.endswith(", 2022-02-07)")


@pytest.mark.parametrize(
    ("arguments", "code", "row"),
    [
        (
            ["run", "--source", "local", "--data-dir", "/nowhere"],
            5,
            ("ingest", "failed", "2022-02, trained on 2022-01", "the folder /nowhere does not exist"),
        ),
        (
            ["replay", "--month", "2022-02", "--source", "local", "--data-dir", "/nowhere"],
            5,
            ("ingest", "failed", "nothing monitored, trained on 2022-01", "the folder /nowhere does not exist"),
        ),
        (
            ["replay", "--month", "2022-01"],
            2,
            ("make replay", "failed", "2022-01, trained on 2022-01", "2022-01 is the training month"),
        ),
        (
            ["labels", "--file", "x.csv", "--target", "nope"],
            2,
            ("make labels", "failed", f"nope {ROOT / 'x.csv'}", "the target 'nope' is the label of no model"),
        ),
        (
            ["predictions", "--file", "x.csv", "--model", "nope", "--version", "v7"],
            2,
            ("make predictions", "failed", f"nope v7 {ROOT / 'x.csv'}", "MODEL 'nope' is in no file of datasets/"),
        ),
        (
            ["ack", "--incident", "zz", "--note", "seen"],
            2,
            ("make ack", "failed", "incident zz", "INCIDENT 'zz' is not on record"),
        ),
        (
            ["dbt", "run --select stg_raw__files --vars '{"],
            2,
            None,
        ),
        (
            ["dbt", "run --select no_such_option --no-such-option"],
            8,
            ("make dbt run", "failed", "run --select no_such_option --no-such-option", "dbt could not run"),
        ),
    ],
)
def test_a_command_that_fails(
    monitored_warehouse: Connection, arguments: list[str], code: int, row: tuple[str, str, str, str] | None
) -> None:
    before = last(monitored_warehouse)
    result = command(*arguments)
    assert result.returncode == code, result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    found = last(monitored_warehouse)
    if row is None:
        # What cannot be understood has nothing that it works on: the code and the line on stderr say it.
        assert found == before
        return
    assert found[:3] == row[:3]
    assert found[3].startswith(row[3])


def test_commands_that_change_something(monitored_warehouse: Connection) -> None:
    assert command("dbt", "run --select stg_raw__files").returncode == 0
    assert last(monitored_warehouse) == ("make dbt run", "ok", "run --select stg_raw__files", "")
    monitored_warehouse.execute("drop view staging.stg_raw__files cascade")
    assert command("dbt", "run --select green_trips_windows").returncode == 8
    assert last(monitored_warehouse) == (
        "make dbt run",
        "failed",
        "run --select green_trips_windows",
        "dbt failed: green_trips_windows",
    )
    # What changes nothing leaves nothing.
    count = monitored_warehouse.execute("select count(*) from monitoring.runs").fetchall()
    assert command("dbt", "ls --resource-type model").returncode == 0
    assert command("sql", "select 1").returncode == 0
    assert monitored_warehouse.execute("select count(*) from monitoring.runs").fetchall() == count


def test_an_acknowledged_incident(monitored_warehouse: Connection) -> None:
    incident = open_one(monitored_warehouse)
    for text in HOSTILE:
        with pytest.raises(UsageError, match="is not on record"):
            acknowledge(text, "seen", False)
        acknowledge(incident, text, False)
    kept = monitored_warehouse.execute(
        "select note from monitoring.incident_followups where kind in ('acknowledged', 'noted') order by followup_id"
    ).fetchall()
    assert [row[0] for row in kept] == [text.strip() for text in HOSTILE]
    assert command("ack", "--incident", incident, "--note", "seen").returncode == 0
    step, status, windows, message = last(monitored_warehouse)
    assert (step, status, windows) == ("make ack", "ok", f"incident {incident}")
    assert message.startswith(f"the note is with incident {incident} (")
    assert message.endswith("which is acknowledged")


def test_a_broken_monitoring_yml(
    monitored_warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nightly job of somebody who has edited it: the run log says why nothing was done."""
    path = tmp_path / "monitoring.yml"
    path.write_text((ROOT / "monitoring.yml").read_text(encoding="utf-8").replace("wasserstein", "nonsense"))
    monkeypatch.setenv("WAREHOUSE_MONITORING_FILE", str(path))
    assert command("run", "--source", "sample").returncode == 3
    step, status, windows, message = last(monitored_warehouse)
    assert (step, status, windows) == ("make pipeline", "failed", "2022-02, trained on 2022-01")
    assert message.startswith("monitoring.yml, ")


def test_a_failed_command_is_no_failed_run(monitored_warehouse: Connection) -> None:
    """Consumers of the run log: the alert about runs, the marts of runs, the steps that ask what was done last."""
    alerts = monitored_warehouse.execute("select count(*) from marts.fct_alerts where rule = 'failed_run'").fetchall()
    for _ in range(3):
        assert command("predictions", "--file", "x.csv", "--model", "nope").returncode == 2
    again = monitored_warehouse.execute("select count(*) from marts.fct_alerts where rule = 'failed_run'").fetchall()
    assert again == alerts
    shown = monitored_warehouse.execute(
        "select distinct status, message from marts.fct_pipeline_runs where step = 'make predictions'"
    ).fetchall()
    assert [row[0] for row in shown] == ["failed"]


def test_cleaning_that_fails(monitored_warehouse: Connection) -> None:
    with psycopg.connect(autocommit=True) as holder:
        holder.execute("select pg_advisory_lock(4711)")
        holder.execute("update warehouse_lock.locks set token = 4711, pid = pg_backend_pid() where name = 'owner'")
        assert command("clean").returncode == 10
    assert last(monitored_warehouse)[:2] == ("make clean", "failed")
    assert "another command is changing the warehouse" in last(monitored_warehouse)[3]
