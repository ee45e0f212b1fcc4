"""The dashboards as plain pages: complete, of their own, and honest where there is nothing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.paths import ROOT
from core.errors import ConfigurationError, DatabaseError, UsageError
from grafana.preview.asking import DASHBOARDS
from grafana.preview.pages import write_pages
from tests.pages import add_dataset
from warehouse.database import Connection


def test_every_dashboard_has_a_page_with_all_its_panels(monitored_warehouse: Connection, tmp_path: Path) -> None:
    pages = write_pages(tmp_path, model="green_duration_lr", column="trip_distance")
    assert [page.stem for page in pages] == [path.stem for path in DASHBOARDS]
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(page.name for page in pages)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert "${" not in re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
        assert not re.search(r"""<(?:script|link|img)[^>]+(?:src|href)=["']?http""", text)
    front_page = (tmp_path / "model-monitoring.html").read_text(encoding="utf-8")
    assert "GENERATED SAMPLE - not real data" in front_page
    assert "0 trips where 2064 are usual" in front_page
    column = (tmp_path / "column.html").read_text(encoding="utf-8")
    assert re.search(r"Is \w+ of trip_distance usual\?", column)
    assert "What do Evidently&#x27;s scores say, uncalibrated?</h3>" in front_page
    assert re.search("make report DAY=2022-02-08 MODEL=green_duration_lr-", column), "the day of the incident"
    assert "What moved on 2022-02-08?" in column


def test_the_drill_down_shows_the_latest_incident_or_the_day_that_is_asked_for(
    monitored_warehouse: Connection, tmp_path: Path
) -> None:
    write_pages(tmp_path, model="green_duration_lr")
    page = (tmp_path / "column.html").read_text(encoding="utf-8")
    assert "Which figures of pickup_location_id stood out on 2022-02-21?" in page
    write_pages(tmp_path, model="green_duration_lr", column="fare_amount", day="2022-02-20")
    page = (tmp_path / "column.html").read_text(encoding="utf-8")
    assert "Which figures of fare_amount stood out on 2022-02-20?" in page
    with pytest.raises(
        UsageError, match=r"the day '2022-03-01' is not monitored for .*: use one of 2022-02-01 to 2022-02-28"
    ):
        write_pages(tmp_path, day="2022-03-01")


def test_a_dataset_is_shown_at_days_that_it_has(monitored_warehouse: Connection, tmp_path: Path) -> None:
    add_dataset(monitored_warehouse)
    write_pages(tmp_path, dataset="loans")
    page = (tmp_path / "model-monitoring.html").read_text(encoding="utf-8")
    assert "dataset: loans, model_version: repaid" in page
    assert "Thu 2019-09-12" in page, "its newest day, outside the default time range"
    with pytest.raises(UsageError, match="the model 'green_tipped' is unknown in loans: use a name"):
        write_pages(tmp_path, dataset="loans", model="green_tipped")
    with pytest.raises(UsageError, match="the dataset 'cars' has no model to look at: use one of green_trips, loans"):
        write_pages(tmp_path, dataset="cars")


def test_a_panel_without_data_says_what_to_do(monitored_warehouse: Connection, tmp_path: Path) -> None:
    write_pages(tmp_path)
    page = (tmp_path / "pipeline-health.html").read_text(encoding="utf-8")
    assert "No heartbeat yet: run `make heartbeat`" in page


@pytest.mark.parametrize(
    ("model", "column", "message"),
    [
        (
            "foo",
            "",
            "'foo' is unknown: use a name (green_duration_hgb, green_duration_lr, green_tipped) or a version (",
        ),
        ("", "foo", "the column 'foo' is not monitored for green_duration_"),
        ("green_duration_lr", "pickup_hour", "use one of prediction, dropoff_location_id, fare_amount, "),
    ],
)
def test_what_is_not_there_is_refused(
    monitored_warehouse: Connection, tmp_path: Path, model: str, column: str, message: str
) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        write_pages(tmp_path, model=model, column=column)
    assert list(tmp_path.iterdir()) == []


def test_a_time_range_without_days_says_where_it_stands(monitored_warehouse: Connection, tmp_path: Path) -> None:
    monitored_warehouse.execute("delete from marts.fct_daily_monitoring")
    with pytest.raises(
        ConfigurationError, match=r"day of column has no options from 2022.*set `dashboards` in monitoring"
    ):
        write_pages(tmp_path)


def test_a_page_that_cannot_be_written_is_an_error_of_its_own(monitored_warehouse: Connection, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="the page cannot be written"):
        write_pages(tmp_path / "file" / "pages")


def test_it_needs_no_package_of_the_development_environment(empty_warehouse: Connection) -> None:
    without = "import sys, runpy; sys.modules['grafana_foundation_sdk'] = None; "
    code = without + "sys.argv[1:] = ['preview']; runpy.run_module('pipeline', run_name='__main__')"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert "run `make pipeline` first" in result.stderr, "it came as far as the warehouse"


def test_an_empty_warehouse_has_no_pages(empty_warehouse: Connection, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "pipeline", "preview"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == DatabaseError.exit_code
    assert "run `make pipeline` first" in result.stderr
    assert "Traceback" not in result.stderr
    with pytest.raises(DatabaseError):
        write_pages(tmp_path / "pages")
