"""The command that loads a file of labels, and what the next run makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.monitoring import Monitoring
from config.settings import Source, make_settings
from core.errors import LockedError
from pipeline.cli import own_data
from pipeline.runner import Pipeline
from tests.labels import csv, one, rows
from tests.monitoring import configured_by, documents, green_trips, write_files
from warehouse.database import Connection
from warehouse.runs import hold_lock


@pytest.fixture
def fed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Monitoring:
    """The project's own files, but that durations come with a feed."""
    rules, example = documents()
    for model in ("green_duration_lr", "green_duration_hgb"):
        label = {"column": "duration_minutes", "feed": True, "after": "dropoff_at", "valid": {"min": 0, "max": 180}}
        example["models"][model]["label"] = label
    for name, value in configured_by(write_files(tmp_path, rules, example)).items():
        monkeypatch.setenv(name, value)
    return green_trips()


@pytest.mark.slow
def test_the_command_loads_a_file_and_the_next_run_shows_it(
    monitored_warehouse: Connection,
    sample_dir: Path,
    tmp_path: Path,
    fed: Monitoring,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With the rights of the role monitor."""
    taken = one(monitored_warehouse, "select count(*) from ml.labels where target = 'duration_minutes'")
    lines = [f"2022-02,{row},{row % 50},2022-03-10 10:00,x" for row in (*range(200), 10**9, 0)]
    path = tmp_path / "labels.csv"
    path.write_text("source_month,source_row,label,observed_at,note\n" + "\n".join(lines), encoding="utf-8")
    own_data.labels(file=path, target="duration_minutes")
    out, err = capsys.readouterr()
    assert out == "labels: 202 rows: 200 accepted, 0 unchanged, 2 quarantined (1 duplicate, 1 unknown_event)\n"
    assert "unknown columns were not read: note" in err
    assert f"{taken:,} labels of duration_minutes that were taken from the rows were removed" in err
    assert one(monitored_warehouse, "select count(*) from ml.labels where target = 'duration_minutes'") == 200
    pipeline = Pipeline(make_settings(data_dir=sample_dir, source=Source.LOCAL), lambda line: None)
    steps = {step.name: step for step in pipeline.run().steps}
    assert steps["labels"].skipped
    assert not steps["marts"].skipped
    columns = (
        "label_origin, target, location, source_month, row_count, accepted_count, unchanged_count, quarantined_count, "
        "unknown_event_count, duplicate_count, not_an_event_key_count + missing_value_count + not_a_number_count "
        "+ not_a_time_count + future_count + before_event_count + out_of_range_count"
    )
    found = rows(monitored_warehouse, f"select {columns} from marts.fct_label_loads where label_origin = 'feed'")
    assert found == [("feed", "duration_minutes", str(path), None, 202, 200, 0, 2, 1, 1, 0)]


def test_the_command_waits_for_nobody(monitored_warehouse: Connection, tmp_path: Path, fed: Monitoring) -> None:
    path = csv(tmp_path / "a.csv", "2022-02,1,1,2022-02-10 10:00")
    with hold_lock("a test"), pytest.raises(LockedError, match="a test by process"):
        own_data.labels(file=path, target="duration_minutes")
    assert one(monitored_warehouse, "select count(*) from ml.label_loads where origin = 'feed'") == 0
