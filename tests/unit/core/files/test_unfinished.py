"""Files that appear complete or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.files.unfinished import unfinished

HEX = "0" * 32


def test_the_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "models" / "one.skops"
    with unfinished(target) as part:
        part.write_text("whole", encoding="utf-8")
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "whole"
    assert list(target.parent.iterdir()) == [target]


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def write() -> None:
        with unfinished(tmp_path / "one") as part:
            part.touch()
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_what_a_dead_process_left_goes_and_what_a_living_one_writes_stays(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left = tmp_path / f".one.{dead.pid}.{HEX}.part"
    kept = [tmp_path / f".one.{os.getppid()}.{HEX}.part", tmp_path / "green_tripdata_2022-01.parquet.part"]
    for path in (left, *kept):
        path.touch()
    with unfinished(tmp_path / "two") as part:
        part.touch()
    assert sorted(tmp_path.iterdir()) == sorted([*kept, tmp_path / "two"])
