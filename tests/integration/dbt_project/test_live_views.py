"""The marts that report a run are there while it runs, when it fails and when it is stopped."""

from __future__ import annotations

import threading
import time
from datetime import date
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest

from config.paths import DBT_PROJECT_DIR
from core.errors import DbtError, ModelError, PartlyFailedError, WarehouseError
from grafana.preview.asking import as_dashboard
from ingest.tlc.sample import write_sample
from pipeline import dbt
from pipeline.runner import LIVE_VIEWS, Pipeline
from pipeline.steps.train import Train
from tests.commands import command
from tests.files import MARCH, named
from tests.parts import thinned
from tests.runs import one, rows, run, settings
from warehouse import database
from warehouse.access.roles import Role, acting_as, ensure_roles
from warehouse.database import Connection

STAGED_BEATS = "staging.stg_monitoring__heartbeats"


def oid(connection: Connection, relation: str) -> int | None:
    number: int | None = one(connection, "select cast(to_regclass(%s) as oid)", relation)
    return number


def columns(connection: Connection, relation: str) -> list[str]:
    query = "select attname from pg_attribute where attrelid = cast(%s as regclass) and attnum > 0 order by attnum"
    return [name for (name,) in rows(connection, query, relation)]


def test_the_tag_live_and_the_runner_name_the_same_views() -> None:
    tagged = {
        f"marts.{path.stem}"
        for path in (DBT_PROJECT_DIR / "models" / "marts").rglob("*.sql")
        if 'tags=["live"]' in path.read_text(encoding="utf-8")
    }
    assert tagged == set(LIVE_VIEWS)


def test_a_view_is_replaced_in_place(monitored_warehouse: Connection) -> None:
    before = [oid(monitored_warehouse, view) for view in (STAGED_BEATS, "marts.fct_heartbeats")]
    dbt.build("--full-refresh", "--select", "stg_monitoring__heartbeats", run_id=None)
    assert [oid(monitored_warehouse, view) for view in (STAGED_BEATS, "marts.fct_heartbeats")] == before
    with as_dashboard("test") as connection:
        connection.execute("select * from marts.fct_heartbeats")


def test_a_view_gets_new_columns_in_place(monitored_warehouse: Connection) -> None:
    assert ensure_roles() == ""
    wanted = columns(monitored_warehouse, STAGED_BEATS)
    with acting_as(Role.TRANSFORMER), database.connect("test", autocommit=True) as connection:
        connection.execute(f"drop view {STAGED_BEATS} cascade".encode())
        connection.execute(f"create view {STAGED_BEATS} as select beat_at from monitoring.heartbeats".encode())
        connection.execute(f"create view marts.depends as select * from {STAGED_BEATS}".encode())
    before = oid(monitored_warehouse, STAGED_BEATS)
    dbt.build("--select", "stg_monitoring__heartbeats", run_id=None)
    assert columns(monitored_warehouse, STAGED_BEATS) == wanted
    assert oid(monitored_warehouse, STAGED_BEATS) == before
    assert oid(monitored_warehouse, "marts.depends") is not None


@pytest.mark.parametrize(
    "definition", ["select 1 as beat_at", pytest.param("select now() as other_name", marks=pytest.mark.slow)]
)
def test_a_view_of_other_columns_is_swapped_as_dbt_does(monitored_warehouse: Connection, definition: str) -> None:
    assert ensure_roles() == ""
    wanted = columns(monitored_warehouse, STAGED_BEATS)
    with acting_as(Role.TRANSFORMER), database.connect("test", autocommit=True) as connection:
        connection.execute(f"drop view {STAGED_BEATS} cascade".encode())
        connection.execute(f"create view {STAGED_BEATS} as {definition}".encode())
    before = oid(monitored_warehouse, STAGED_BEATS)
    dbt.build("--select", "stg_monitoring__heartbeats", "fct_heartbeats", run_id=None)
    assert columns(monitored_warehouse, STAGED_BEATS) == wanted
    assert oid(monitored_warehouse, STAGED_BEATS) != before
    assert oid(monitored_warehouse, "marts.fct_heartbeats") is not None


def test_all_rows_are_replaced_and_the_table_stays(monitored_warehouse: Connection) -> None:
    tables = ("intermediate.int_daily_volume", "marts.fct_day_alerts")
    before = [
        (oid(monitored_warehouse, table), rows(monitored_warehouse, f"table {table} order by 1, 2")) for table in tables
    ]
    monitored_warehouse.execute("update intermediate.int_daily_volume set row_count = -1")
    monitored_warehouse.execute("delete from marts.fct_day_alerts where severity = 'critical'")
    views = [oid(monitored_warehouse, view) for view in ("marts.fct_daily_volume", "marts.fct_alerts")]
    dbt.build("--select", "int_daily_volume", "fct_day_alerts", run_id=None)
    after = [
        (oid(monitored_warehouse, table), rows(monitored_warehouse, f"table {table} order by 1, 2")) for table in tables
    ]
    assert after == before
    assert [oid(monitored_warehouse, view) for view in ("marts.fct_daily_volume", "marts.fct_alerts")] == views


# A run tests the months that were loaded or scored since the last one; `dbt test` reads all.
BREAKS = {
    "transform": (
        "update raw.files set rows = rows + 1, loaded_at = now() where source_month = '2022-01-01'",
        DbtError,
    ),
    "score": ("update ml.models set artifact_sha256 = 'another'", PartlyFailedError),
    "marts": (
        "delete from ml.predictions where event_id = monitoring.event_id('2022-02-01', 7); "
        "update monitoring.ledger set made_at = now() where step = 'score' and part = '2022-02-01'",
        DbtError,
    ),
}


@pytest.fixture(scope="module")
def three_months(sample_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The two months, and as new data every fourth trip of the first week of March."""
    folder = tmp_path_factory.mktemp("three")
    for file in sample_dir.iterdir():
        (folder / file.name).symlink_to(file)
    march = named(folder, MARCH)
    write_sample(MARCH, march)
    pq.write_table(thinned(pq.read_table(march), MARCH.first_day, date(2022, 3, 7), 4), march)
    return folder


def check_told(connection: Connection, step: str, status: str) -> None:
    assert [view for view in LIVE_VIEWS if oid(connection, view) is None] == []
    latest = "select status from marts.fct_pipeline_runs where step = %s order by run_id desc limit 1"
    assert one(connection, latest, step) == status
    result = command("check-alerts")
    assert "missing" not in result.stderr
    assert ("failed_run" in result.stdout) == (status == "failed"), result.stdout
    with as_dashboard("test") as dashboard:
        for view in LIVE_VIEWS:
            dashboard.execute(f"select * from {view} limit 1".encode())


@pytest.mark.slow
@pytest.mark.parametrize("changed", [False, True], ids=["the same project", "another project"])
@pytest.mark.parametrize("step", BREAKS)
def test_a_run_that_fails_is_told_by_the_marts(
    monitored_warehouse: Connection, three_months: Path, step: str, changed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    statement, error = BREAKS[step]
    monitored_warehouse.execute(statement.encode())
    if changed:
        # As after an edit of the project: what is asked for is the rebuild, by the real dbt on the real project.
        monkeypatch.setattr(dbt, "project_hash", lambda monitoring: "of another project")
    with pytest.raises(error):
        run(three_months, months="2022-02 2022-03")
    check_told(monitored_warehouse, step, "failed")


@pytest.mark.slow
def test_a_run_that_is_stopped_is_no_alert(
    monitored_warehouse: Connection, sample_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    # The rebuild that an edit of the project brings takes the live views away.
    monkeypatch.setattr(dbt, "project_hash", lambda monitoring: "of another project")
    monkeypatch.setattr(Train, "take", stop)
    with pytest.raises(KeyboardInterrupt):
        run(sample_dir)
    check_told(monitored_warehouse, "train", "stopped")


def test_what_cannot_be_brought_back_hides_no_error(
    monitored_warehouse: Connection, sample_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise ModelError("the first error")

    def fail(*_: object, **__: object) -> int:
        raise DbtError("the second one")

    pipeline = Pipeline(settings(sample_dir), lambda line: None)
    monkeypatch.setattr(Train, "take", stop)
    monitored_warehouse.execute("drop view marts.fct_alerts")
    monkeypatch.setattr(dbt, "build", fail)
    with pytest.raises(WarehouseError, match="the first error"):
        pipeline.run()


@pytest.mark.slow
def test_nothing_is_missing_while_new_data_come_in(monitored_warehouse: Connection, three_months: Path) -> None:
    ended = threading.Event()
    asked, refused = [], []

    def ask() -> None:
        # Of its own: as_dashboard changes the environment, which the run in the other thread reads.
        with psycopg.connect("user=dashboard", autocommit=True) as connection:
            while not ended.is_set():
                for view in LIVE_VIEWS:
                    try:
                        connection.execute(f"select count(*) from {view}".encode())
                        asked.append(view)
                    except psycopg.Error as error:
                        refused.append((view, str(error)))
                time.sleep(0.02)

    dashboard = threading.Thread(target=ask)
    dashboard.start()
    try:
        run(three_months, months="2022-02 2022-03")
    finally:
        ended.set()
        dashboard.join()
    assert refused == []
    assert len(asked) > 100


def test_what_has_ephemeral_parts_is_built_twice_by_one_process(monitored_warehouse: Connection) -> None:
    """dbt keeps with a parsed model that it has put them in."""
    for _ in range(2):
        dbt.build("--select", "fct_alerts", run_id=None, with_tests=False)
    assert monitored_warehouse.execute("select count(*) > 0 from marts.fct_alerts").fetchone() == (True,)
