"""Settings: the values a person gave, their defaults, and the message where one of them is no good."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from config.months import Month, parse_months
from config.paths import ROOT, state_dir
from config.settings import Settings, Source, make_settings, report_dir
from core.errors import UsageError


def test_nothing_given_means_the_defaults() -> None:
    settings = make_settings()
    assert settings == Settings(
        train_month=Month(2022, 1),
        months=(Month(2022, 2),),
        data_dir=ROOT / "data" / "raw",
        source=Source.AUTO,
        tlc_url="https://d37ci6vzurychx.cloudfront.net/trip-data",
    )


def test_needed_months_are_sorted_and_come_once() -> None:
    settings = make_settings(train_month=Month(2022, 3), months=parse_months("2022-04 2022-01..2022-03"))
    assert [str(month) for month in settings.needed_months] == ["2022-01", "2022-02", "2022-03", "2022-04"]


def test_folder_is_relative_to_the_project_wherever_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert make_settings(data_dir=Path("some", "folder")).data_dir == ROOT / "some" / "folder"


def test_absolute_folder_stays(tmp_path: Path) -> None:
    assert make_settings(data_dir=tmp_path).data_dir == tmp_path


@pytest.mark.parametrize("below", ["", "raw", "raw/months"])
def test_file_as_folder_is_refused(below: str, tmp_path: Path) -> None:
    file = tmp_path / "trips.parquet"
    file.touch()
    with pytest.raises(UsageError) as caught:
        make_settings(data_dir=file / below)
    assert f"the data folder '{file / below}': {file} is a file" in str(caught.value)
    assert "name the folder that holds the parquet files" in str(caught.value)
    with pytest.raises(UsageError, match="is a file; name the folder that reports are to be written to"):
        report_dir(file / below)


def test_folder_that_is_not_there_yet_is_let_pass(tmp_path: Path) -> None:
    assert make_settings(data_dir=tmp_path / "new").data_dir == tmp_path / "new"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("day", [date.max, date(2199, 12, 31)])
def test_a_moment_to_come_is_refused(day: date) -> None:
    with pytest.raises(UsageError, match=f"the day '{day}' has not ended"):
        make_settings(as_of=day)


def test_slash_at_the_end_of_the_address_is_dropped() -> None:
    assert make_settings(tlc_url="http://127.0.0.1:8000/trips/").tlc_url == "http://127.0.0.1:8000/trips"


def test_state_folder_comes_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_STATE_DIR", str(tmp_path))
    assert state_dir() == tmp_path
    assert make_settings().sample_dir == tmp_path / "sample"
    assert make_settings().model_dir == tmp_path / "models"


def test_state_folder_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WAREHOUSE_STATE_DIR", "here")
    assert state_dir() == tmp_path / "here"


@pytest.mark.parametrize("value", ["", None])
def test_state_folder_lies_in_the_project_by_default(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if value is None:
        monkeypatch.delenv("WAREHOUSE_STATE_DIR", raising=False)
    else:
        monkeypatch.setenv("WAREHOUSE_STATE_DIR", value)
    assert state_dir() == ROOT / ".local"


@pytest.mark.parametrize(
    "address",
    [
        "https://me:hunter2@example.com/trip-data",
        "https://hunter2@example.com",
        "https://example.com/trip-data?key=hunter2",
        "https://example.com/trip-data#hunter2",
    ],
)
def test_an_address_with_a_secret_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(UsageError, match=r"without user, password, \? and #") as caught:
        make_settings(tlc_url=address)
    assert "hunter2" not in str(caught.value)
    assert "example.com" in str(caught.value)
