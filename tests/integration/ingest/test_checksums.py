"""Checksum files beside the data, on a real Postgres: what they catch that nothing else can, and what doctor says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from config.months import Month
from config.settings import Settings, Source, make_settings
from core.errors import BadFileError
from ingest.tlc.load import Action, load_month
from ingest.tlc.sources import Held, SourceFile, find_files
from pipeline.commands.doctor import examine
from pipeline.commands.replay import _month_file
from tests.commands import command
from tests.files import FEBRUARY, JANUARY, trip_table, write_file
from warehouse import database

NOTHING = Held(frozenset(), has_sample=False, has_real=False)


def source(path: Path) -> SourceFile:
    return SourceFile(JANUARY, path, str(path), "local")


def list_checksums(folder: Path, *paths: Path) -> None:
    names = [path.name for path in paths]
    listed = subprocess.run(["sha256sum", *names], cwd=folder, capture_output=True, text=True, check=True)
    (folder / "SHA256SUMS").write_text(listed.stdout)


def asking(folder: Path) -> Settings:
    return make_settings(train_month=Month(2022, 1), months=[Month(2022, 2)], data_dir=folder, source=Source.LOCAL)


def flip_a_bit_in_the_fares(path: Path) -> None:
    """One fare becomes another; the file stays a good one for every reader."""
    chunk = pq.read_metadata(path).row_group(0).column(trip_table(JANUARY).schema.get_field_index("fare_amount"))
    content = bytearray(path.read_bytes())
    # The chunk ends with the last fare, a double of little endian: this bit is the lowest of its exponent.
    content[chunk.data_page_offset + chunk.total_compressed_size - 2] ^= 0x10
    path.write_bytes(bytes(content))


def state(connection: database.Connection) -> object:
    query = (
        "select (select array_agg(files order by load_id) from raw.files), "
        "(select sum(hashtextextended(trips::text, 0)) from raw.green_trips as trips)"
    )
    return database.one_row(connection, query)


def test_only_a_checksum_tells_a_value_that_has_changed(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    path = write_file(tmp_path, JANUARY, compression="none", use_dictionary=False)
    good = path.read_bytes()
    list_checksums(tmp_path, path)
    assert load_month(source(path)).action is Action.LOADED
    before = state(empty_warehouse)
    flip_a_bit_in_the_fares(path)
    fares = trip_table(JANUARY)["fare_amount"].to_pylist()
    assert fares[-1] == 7.5
    assert pq.read_table(path)["fare_amount"].to_pylist() == [*fares[:-1], 3.75]
    with pytest.raises(BadFileError, match=r"^green_tripdata_2022-01\.parquet is not the file that SHA256SUMS means"):
        load_month(source(path))
    assert state(empty_warehouse) == before
    # Without the checksum the file is as good as any other.
    (tmp_path / "SHA256SUMS").unlink()
    assert load_month(source(path)).action is Action.REPLACED
    # Bytes that are loaded already are held against it, too.
    path.write_bytes(good)
    list_checksums(tmp_path, path)
    flip_a_bit_in_the_fares(path)
    with pytest.raises(BadFileError, match=r"get it again, or correct SHA256SUMS in .* if this is the right file"):
        load_month(source(path))
    path.write_bytes(good)
    assert load_month(source(path)).action is Action.REPLACED


def test_the_run_ends_with_the_code_of_a_bad_file(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    paths = [write_file(tmp_path, month) for month in (JANUARY, FEBRUARY)]
    list_checksums(tmp_path, *paths)
    flip_a_bit_in_the_fares(write_file(tmp_path, FEBRUARY, compression="none", use_dictionary=False))
    result = command("run", "--source", "local", "--data-dir", str(tmp_path))
    assert result.returncode == 4, result.stderr
    message = "green_tripdata_2022-02.parquet is not the file that SHA256SUMS means"
    assert f"error: {message}" in result.stderr
    runs = empty_warehouse.execute("select step, status from monitoring.runs where message like %s", [f"{message}%"])
    assert sorted(runs.fetchall()) == [("ingest", "failed"), ("pipeline", "failed")]
    assert empty_warehouse.execute("select from raw.files").fetchall() == []


def test_a_replay_reads_no_file_that_differs_from_its_checksum(
    empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    paths = [write_file(tmp_path, month) for month in (JANUARY, FEBRUARY)]
    list_checksums(tmp_path, *paths)
    write_file(tmp_path, FEBRUARY, trip_table(FEBRUARY, 20))
    with pytest.raises(BadFileError, match=r"^green_tripdata_2022-02\.parquet is not the file that SHA256SUMS means"):
        _month_file(asking(tmp_path), FEBRUARY)


def test_a_file_that_is_not_listed_is_loaded_with_a_note(tmp_path: Path) -> None:
    paths = [write_file(tmp_path, month) for month in (JANUARY, FEBRUARY)]
    assert find_files(asking(tmp_path), NOTHING).notes == ()
    list_checksums(tmp_path, paths[0])
    found = find_files(asking(tmp_path), NOTHING)
    assert [file.path for file in found.files] == paths
    assert found.notes == ("green_tripdata_2022-02.parquet has no line in SHA256SUMS: its bytes are not checked",)


def test_doctor_counts_what_agrees(
    empty_warehouse: database.Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [write_file(tmp_path, month) for month in (JANUARY, FEBRUARY)]
    for path, month in zip(paths, (JANUARY, FEBRUARY), strict=True):
        load_month(SourceFile(month, path, str(path), "local"))

    def told() -> tuple[bool, str]:
        is_well = examine(asking(tmp_path))
        (line,) = [line for line in capsys.readouterr().out.splitlines() if "checksum" in line or "SHA256SUMS" in line]
        return is_well, line

    agree = f"of 2 loaded files agree with checksums in {tmp_path}"
    assert told() == (True, f"  -        0 {agree}: a SHA256SUMS there is checked before each load")
    list_checksums(tmp_path, paths[0])
    assert told() == (True, f"  -        1 {agree}")
    list_checksums(tmp_path, *paths)
    assert told() == (True, f"  ok       2 {agree}")
    (tmp_path / "SHA256SUMS").write_text("half a line")
    is_well, line = told()
    assert not is_well
    assert line.startswith(f"  PROBLEM  {tmp_path}/SHA256SUMS, line 1 is no checksum")


def test_doctor_names_a_loaded_file_that_is_another(
    empty_warehouse: database.Connection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_file(tmp_path, JANUARY)
    load_month(source(path))
    list_checksums(tmp_path, write_file(tmp_path, JANUARY, trip_table(JANUARY, 20)))
    assert not examine(asking(tmp_path))
    output = capsys.readouterr().out
    assert "  PROBLEM  green_tripdata_2022-01.parquet was loaded with sha256 " in output
    assert "put the right file there, or correct the checksum, and run `make pipeline`" in output
    assert f"  -        0 of 1 loaded files agree with checksums in {tmp_path}" in output
    # What was loaded from elsewhere is no matter of this folder.
    (tmp_path / "other").mkdir()
    assert examine(asking(tmp_path / "other"))
    assert "loaded files agree" not in capsys.readouterr().out
