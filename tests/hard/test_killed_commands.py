"""Killed (SIGKILL) in a run that takes things away, and in the other commands that write; run again, all is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.hard.killing import Case, Yard, labels_arguments, monitored_by, predictions_arguments
from tests.hard.points import (
    BACKUP,
    CORRECTED,
    HEARTBEAT,
    LABELS,
    PREDICTIONS,
    REPLAY,
    RESTORE,
    RESTORED,
    SAMPLE,
    Point,
)
from tests.warehouse_hashes import differences, hashes


@pytest.mark.parametrize("point", CORRECTED, ids=str)
def test_killed_while_a_month_is_corrected(yard: Yard, point: Point) -> None:
    expected = yard.expected("corrected")
    with yard.case("complete") as case, monitored_by(case.files.changed_monitoring):
        case.killed(point.asked, *case.run_arguments(case.files.corrected))
        case.finish(case.files.corrected)
        case.check(expected)


@pytest.mark.parametrize("point", PREDICTIONS, ids=str)
def test_killed_while_predictions_are_loaded(yard: Yard, point: Point) -> None:
    expected = yard.expected("predictions")
    with yard.case("whole") as case:
        arguments = predictions_arguments(case)
        case.killed(point.asked, *arguments)
        assert case.connection.execute("select count(*) from ml.prediction_loads").fetchone() == (0,)
        result = case.command(*arguments)
        assert "predictions loaded" in result.stderr, result.stderr
        case.check(expected)


@pytest.mark.parametrize("point", LABELS, ids=str)
def test_killed_while_labels_are_loaded(yard: Yard, point: Point) -> None:
    expected = yard.expected("labels")
    with yard.case("whole") as case:
        arguments = labels_arguments(case)
        case.killed(point.asked, *arguments)
        result = case.command(*arguments)
        assert " accepted" in result.stdout + result.stderr, result.stderr
        case.check(expected)


@pytest.mark.parametrize("point", REPLAY, ids=str)
def test_killed_in_a_replay(yard: Yard, point: Point) -> None:
    with yard.case("replayed") as case:
        expected = hashes(case.connection, history=False)
    with yard.case(point.start) as case:
        case.killed(point.asked, *case.replay_arguments())
        result = case.command(*case.replay_arguments())
        assert "2022-02 is there whole" in result.stderr, result.stderr
        found = differences(hashes(case.connection, history=False), expected)
        assert not found, found
        assert case.left_behind() == []


@pytest.mark.parametrize("point", SAMPLE, ids=str)
def test_killed_while_a_month_is_generated(yard: Yard, point: Point) -> None:
    with yard.case(point.start) as case:
        case.killed(point.asked, "run", "--source", "sample")
        folder = case.state / "sample"
        assert [path.suffix for path in sorted(folder.rglob("*.*"))] == [".part", ".parquet"]
        # It is enough to see the months made: the second run is killed where it begins to load them.
        case.killed("ingest.before_file:1", "run", "--source", "sample")
        assert [path.suffix for path in sorted(folder.rglob("*.*"))] == [".parquet", ".parquet"]


@pytest.mark.parametrize("point", HEARTBEAT, ids=str)
def test_killed_between_two_beats(yard: Yard, point: Point) -> None:
    expected = yard.expected("whole")
    with yard.case("whole") as case:
        case.killed(point.asked, "heartbeat", "--interval", "0.1", "--count", "5")
        assert case.connection.execute("select count(*) from monitoring.heartbeats").fetchone() == (point.number,)
        assert case.command("heartbeat", "--interval", "0.1", "--count", "3").returncode == 0
        assert case.connection.execute("select count(*) from monitoring.heartbeats").fetchone() == (point.number + 3,)
        case.check(expected)


@pytest.mark.parametrize("point", BACKUP, ids=str)
def test_a_killed_backup_is_none(yard: Yard, point: Point, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.backup"
    expected = yard.expected(point.start)
    with yard.case(point.start) as case:
        case.killed(point.asked, "backup", "--file", str(file))
        assert not file.exists()
        assert case.command("backup", "--file", str(file)).returncode == 0
        assert [path.name for path in tmp_path.iterdir()] == ["warehouse.backup"]
        case.check(expected)


def restore_is_killed(case: Case, point: Point, file: Path) -> dict[str, str]:
    """Killed in a warehouse that has lost predictions and models since the backup; gives its hashes before that."""
    assert case.command("backup", "--file", str(file)).returncode == 0
    case.connection.execute("delete from ml.predictions")
    for model in (case.state / "models").iterdir():
        model.unlink()
    before = hashes(case.connection)
    case.killed(point.asked, "restore", "--file", str(file), "--confirm")
    return before


@pytest.mark.parametrize("point", RESTORE, ids=str)
def test_a_restore_that_is_killed_before_its_rows_are_there_is_none(yard: Yard, point: Point, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.backup"
    expected = yard.expected(point.start)
    with yard.case(point.start) as case:
        before = restore_is_killed(case, point, file)
        assert not differences(hashes(case.connection), before)
        assert case.command("restore", "--file", str(file), "--confirm").returncode == 0
        case.check(expected)


@pytest.mark.parametrize("by", ["restore", "pipeline"])
@pytest.mark.parametrize("point", RESTORED, ids=str)
def test_a_restore_that_is_killed_after_that_is_finished(yard: Yard, point: Point, by: str, tmp_path: Path) -> None:
    file = tmp_path / "warehouse.backup"
    expected = yard.expected(point.start)
    with yard.case(point.start) as case:
        models = {path.name: path.read_bytes() for path in (case.state / "models").iterdir()}
        restore_is_killed(case, point, file)
        again = ["restore", "--file", str(file), "--confirm"] if by == "restore" else case.run_arguments()
        result = case.command(*again)
        assert result.returncode == 0, result.stderr
        assert {path.name: path.read_bytes() for path in (case.state / "models").iterdir()} == models
        case.check(expected)
        assert case.finish().nothing_new


@pytest.mark.parametrize("name", ["unit.made:1", "alarms.deleted:3", "dbt.swap:3"])
def test_old_rules_come_back_after_a_run_that_died_under_new_ones(yard: Yard, name: str) -> None:
    with yard.case("complete") as case:
        expected = hashes(case.connection, history=False)
        with monitored_by(case.files.other_rules):
            case.killed(name, *case.run_arguments())
        case.finish()
        found = differences(hashes(case.connection, history=False), expected)
        assert not found, found
