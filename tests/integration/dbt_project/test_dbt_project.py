"""The dbt project, run by hand as its users do: build, tests, unit tests, docs; and tests that find planted faults."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.monitored import load_monitored
from config.paths import DBT_PROJECT_DIR
from pipeline.dbt_vars import variables
from warehouse.database import Connection

CONTRACTED = {"green_trips_scored", "int_windows", "green_trips_accepted", "int_column_profiles"}
DBT = Path(sys.executable).with_name("dbt")


@pytest.fixture(scope="module")
def target() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def dbt(target: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """dbt in its own folder, with the project's profile and variables and nothing but the PG variables."""
    said = json.dumps(variables(load_monitored()))
    return subprocess.run(
        [DBT, *arguments, "--vars", said, "--target-path", str(target), "--log-path", str(target)],
        cwd=DBT_PROJECT_DIR,
        env=os.environ | {"DBT_SEND_ANONYMOUS_USAGE_STATS": "false"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
def test_no_deprecated_syntax(monitored_warehouse: Connection, target: Path) -> None:
    result = dbt(target, "parse", "--show-all-deprecations", "--no-partial-parse")
    assert result.returncode == 0, result.stdout
    assert "eprecat" not in result.stdout


def test_unit_tests_pass(monitored_warehouse: Connection, target: Path) -> None:
    result = dbt(target, "test", "--select", "test_type:unit")
    assert result.returncode == 0, result.stdout
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (DBT_PROJECT_DIR / "models").rglob("*.yml")]
    assert f"PASS={sum(len(file.get('unit_tests', ())) for file in files)} " in result.stdout


@pytest.mark.slow
def test_build_with_unit_and_data_tests_passes(monitored_warehouse: Connection, target: Path) -> None:
    result = dbt(target, "build")
    assert result.returncode == 0, result.stdout
    assert "ERROR=0" in result.stdout
    assert "unit_test" in result.stdout


@pytest.mark.slow
def test_a_full_refresh_gives_the_same_windows(monitored_warehouse: Connection, target: Path) -> None:
    query = "select window_date, row_count, rejected_count, content_hash from intermediate.int_windows order by 1"
    before = monitored_warehouse.execute(query).fetchall()
    result = dbt(target, "run", "--full-refresh", "--select", "intermediate", "datasets")
    assert result.returncode == 0, result.stdout
    assert monitored_warehouse.execute(query).fetchall() == before
    assert len(before) == 59


@pytest.mark.slow
def test_docs_are_generated_and_every_model_says_its_grain(monitored_warehouse: Connection, target: Path) -> None:
    result = dbt(target, "docs", "generate")
    assert result.returncode == 0, result.stdout
    nodes = json.loads((target / "manifest.json").read_text())["nodes"]
    models = {node["name"]: node for node in nodes.values() if node["resource_type"] == "model"}
    assert len(models) > 15
    for name, model in models.items():
        assert model["description"].startswith("One row per "), name
        if name.startswith(("fct_", "dim_")) or name in CONTRACTED:
            assert model["config"]["contract"]["enforced"], name
            assert all(column["description"] for column in model["columns"].values()), name


def test_every_mart_has_its_instant(monitored_warehouse: Connection) -> None:
    found: list[Any] = monitored_warehouse.execute(
        "select table_name, max(data_type) filter (where column_name = 'window_start') "
        "from information_schema.columns where table_schema = 'marts' group by 1"
    ).fetchall()
    marts: dict[str, str] = dict(found)
    assert set(marts.values()) == {"timestamp with time zone"}
    assert {"fct_daily_monitoring", "fct_column_drift", "fct_column_quality", "fct_pipeline_runs", "dim_models"} <= set(
        marts
    )


FAULTS = {
    "assert_every_raw_row_is_accepted_or_rejected": (
        "delete from intermediate.green_trips_accepted where source_row = 100"
    ),
    "assert_raw_rows_match_their_manifest": "delete from raw.green_trips where source_row = 200",
    "assert_accepted_trips_run_forward": (
        "update intermediate.green_trips_accepted set dropoff_at = pickup_at where source_row = 300"
    ),
    "assert_trips_follow_the_current_rules": (
        "update staging.rejection_rules set limit_value = 10 where rule = 'absurd_duration'"
    ),
    "assert_windows_add_up_to_the_trips": (
        "update intermediate.green_trips_windows set row_count = row_count + 1 where window_date = '2022-02-09'"
    ),
    "assert_monitored_days_match_their_windows": (
        "update marts.fct_daily_monitoring set row_count = 1 where window_date = '2022-02-13'"
    ),
    "assert_profiles_count_every_trip": (
        "update intermediate.green_trips_profiles set n = n + 1 where window_date = '2022-02-10' and segment_key = ''"
    ),
    "assert_profiles_of_segments_add_up": (
        "delete from intermediate.green_trips_profiles where window_date = '2022-02-11' and segment_value = 'Queens'"
    ),
    "assert_predictions_cover_accepted_trips": "delete from ml.predictions where event_id & 4294967295 = 400",
    "assert_label_loads_add_up": "delete from ml.labels where event_id & 4294967295 = 500",
}


@pytest.mark.slow
def test_planted_faults_are_found(monitored_warehouse: Connection, target: Path) -> None:
    """Each singular test passes on sound tables and fails on its fault."""
    sound = dbt(target, "test", "--select", "test_type:singular")
    assert sound.returncode == 0, sound.stdout
    for fault in FAULTS.values():
        monitored_warehouse.execute(fault.encode())
    result = dbt(target, "test", "--select", "test_type:singular")
    assert result.returncode == 1
    tests = {path.stem for path in (DBT_PROJECT_DIR / "tests").rglob("assert_*.sql")}
    assert tests == set(FAULTS), "every singular test has a fault that it finds"
    for test in tests:
        assert f"Failure in test {test}" in result.stdout, test


@pytest.mark.slow
def test_freshness_is_asked_of_the_manifest(monitored_warehouse: Connection, target: Path) -> None:
    assert dbt(target, "source", "freshness").returncode == 0
    monitored_warehouse.execute("update raw.files set loaded_at = now() - interval '200 days'")
    result = dbt(target, "source", "freshness")
    assert result.returncode == 1
    assert "ERROR STALE freshness of raw.files" in result.stdout


def test_the_rules_of_the_seed_are_those_of_the_model() -> None:
    seed = (DBT_PROJECT_DIR / "seeds" / "green_trips" / "rejection_rules.csv").read_text().splitlines()[1:]
    model = (DBT_PROJECT_DIR / "models" / "datasets" / "green_trips" / "green_trips_classified.sql").read_text()
    named = [line.split(",")[0] for line in seed]
    positions = [model.index(f"then '{rule}'") for rule in named]
    assert positions == sorted(positions), "the order of the conditions is the seed's priority"


def test_documented_columns_are_those_of_the_contract() -> None:
    for path in (DBT_PROJECT_DIR / "models" / "marts").rglob("*.yml"):
        for model in yaml.safe_load(path.read_text())["models"]:
            assert path.stem == model["name"]
            assert path.with_suffix(".sql").exists()


def test_documented_columns_of_sources_are_those_of_their_tables(empty_warehouse: Connection) -> None:
    documented, present = {}, {}
    for path in (DBT_PROJECT_DIR / "models" / "staging").rglob("_*__sources.yml"):
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            for table in source["tables"]:
                key = (source["schema"], table["name"])
                documented[key] = [column["name"] for column in table["columns"]]
                columns = empty_warehouse.execute(
                    "select column_name from information_schema.columns"
                    " where table_schema = %s and table_name = %s order by ordinal_position",
                    key,
                )
                present[key] = [name for (name,) in columns]
    assert documented == present
