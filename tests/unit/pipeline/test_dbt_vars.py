"""What the files of settings say reaches dbt as variables, beside those that a person types."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from config.dataset_file import parse_dataset
from config.dataset_monitoring import monitoring_of
from config.monitored import Monitored
from config.paths import DBT_PROJECT_DIR
from core.errors import ConfigurationError, UsageError
from pipeline.dbt import dataset_hash, project_hash, typed_variables
from pipeline.dbt_vars import variables
from tests.monitoring import as_example, green_trips

MONITORING = green_trips()
MONITORED = as_example(MONITORING)


def with_setting(section: str, **values: object) -> Monitored:
    changed = getattr(MONITORING, section).model_copy(update=values)
    return as_example(MONITORING.model_copy(update={section: changed}))


def test_every_variable_has_an_empty_value_in_the_project() -> None:
    declared = yaml.safe_load((DBT_PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))["vars"]
    assert {name for name, value in declared.items() if not value} == set(variables(MONITORED))


def test_another_setting_makes_everything_again_and_another_level_does_not() -> None:
    as_it_is = project_hash(MONITORED)
    of_dataset = dataset_hash(MONITORED, "green_trips")
    assert dataset_hash(with_setting("windows", timezone="UTC"), "green_trips") != of_dataset
    assert project_hash(with_setting("windows", timezone="UTC")) == as_it_is
    assert project_hash(with_setting("evaluation", compared_coverage=0.5)) != as_it_is
    assert project_hash(with_setting("alerts", failed_run=MONITORING.alerts.stale_data)) == as_it_is


def test_the_project_is_the_same_whatever_datasets_a_run_is_about() -> None:
    without = MONITORED.without(["green_trips"], ConfigurationError("the run is not about it"))
    assert project_hash(without) == project_hash(MONITORED)


@pytest.mark.parametrize("words", [["--vars", "{alert_min_rows: 9}"], ["--vars=alert_min_rows: 9"]])
def test_typed_variables_are_taken_out_of_the_command(words: list[str]) -> None:
    assert typed_variables(["run", *words, "--select", "x"]) == ({"alert_min_rows": 9}, ["run", "--select", "x"])


def test_a_command_without_variables_stays_as_it_is() -> None:
    assert typed_variables(["test", "--select", "a b"]) == ({}, ["test", "--select", "a b"])


@pytest.mark.parametrize("text", ["{", "alert_min_rows", "[1]"])
def test_what_is_no_variable_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="names with values"):
        typed_variables(["run", "--vars", text])


def test_a_dataset_that_is_left_out_keeps_its_clock_and_its_hours() -> None:
    text = """
    source: {files: orders.csv}
    event: {timestamp: at, timezone: Europe/Berlin}
    windows: hour
    columns: {at: datetime, amount: numerical}
    reference: {from: 2024-01-01, to: 2024-01-31}
    """
    hourly = monitoring_of("orders", parse_dataset(text, "orders.yml"), MONITORED.rules)
    without = replace(MONITORED, of={**MONITORED.of, "orders": hourly}).without(["orders"], ConfigurationError("away"))
    datasets = variables(without, ["orders"])["datasets"]
    assert isinstance(datasets, dict)
    assert datasets["orders"] == {
        "is_frozen": True,
        "timezone": "Europe/Berlin",
        "many": "events",
        "windows": "hour",
        "first_hour": "2000-01-01T00:00:00+00:00",
    }
