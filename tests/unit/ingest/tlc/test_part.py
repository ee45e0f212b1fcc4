"""Parts of a month's file: which trips they hold, and that nothing else about the file changes."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import BadFileError, SourceUnavailableError
from ingest.tlc.part import write_part
from ingest.tlc.read import inspect
from tests.files import FEBRUARY, Vintage, trip_table, with_column, with_damaged_column, write_file

DAY = date(2022, 2, 2)
MIDNIGHT = datetime(2022, 2, 3)
MICROSECOND = timedelta(microseconds=1)


def table_with_pickups(pickups: list[datetime | None], vintage: Vintage = Vintage.UP_TO_2023_01) -> pa.Table:
    table = trip_table(FEBRUARY, len(pickups), vintage)
    return with_column(table, "lpep_pickup_datetime", pa.array(pickups, pa.timestamp("us")))


def part_of(folder: Path, table: pa.Table, until: date = DAY) -> Path:
    whole = inspect(write_file(folder, FEBRUARY, table), FEBRUARY, "")
    target = folder / "parts" / "part.parquet"
    target.parent.mkdir(exist_ok=True)
    write_part(whole, until, target)
    assert [file.name for file in target.parent.iterdir()] == ["part.parquet"]
    return target


@pytest.mark.parametrize("vintage", list(Vintage))
def test_a_part_holds_the_trips_until_the_end_of_its_day_in_file_order(tmp_path: Path, vintage: Vintage) -> None:
    first = datetime(2022, 2, 1)
    came = [MIDNIGHT - MICROSECOND, first, datetime(2022, 1, 31, 23, 59), datetime(2008, 12, 31), datetime(2022, 3, 1)]
    pickups = [MIDNIGHT, *came[:2], datetime(2022, 2, 28, 23, 59, 59), *came[2:], None]
    table = table_with_pickups(pickups, vintage)
    part = pq.read_table(part_of(tmp_path, table))
    kept = [number for number, pickup in enumerate(pickups) if pickup is None or pickup in came]
    assert part.drop_columns([]).equals(table.take(kept))


@pytest.mark.parametrize("vintage", list(Vintage))
def test_a_part_says_until_when_it_covers_and_keeps_the_rest(tmp_path: Path, vintage: Vintage) -> None:
    table = trip_table(FEBRUARY, 500, vintage).replace_schema_metadata({"origin": "sample", "seed": "1"})
    path = part_of(tmp_path, table)
    whole, part = inspect(write_file(tmp_path, FEBRUARY, table), FEBRUARY, ""), inspect(path, FEBRUARY, "")
    assert (whole.covers_until, part.covers_until) == (date(2022, 2, 28), DAY)
    assert part.schema == whole.schema
    assert part.is_sample
    assert pq.read_schema(path).equals(table.schema)
    metadata = pq.read_schema(path).metadata
    assert metadata == {b"origin": b"sample", b"seed": b"1", b"covers_until": b"2022-02-02"}
    assert 0 < part.rows < whole.rows


def test_a_day_without_trips_is_a_part_too(tmp_path: Path) -> None:
    strays: list[datetime | None] = [datetime(2009, 1, 1), None]
    path = part_of(tmp_path, table_with_pickups([*strays, *[datetime(2022, 2, 20)] * 5]), date(2022, 2, 1))
    assert inspect(path, FEBRUARY, "").rows == 2


def test_a_file_without_rows_has_parts_without_rows(tmp_path: Path) -> None:
    table = with_column(trip_table(FEBRUARY, 0), "lpep_pickup_datetime", pa.nulls(0))
    assert inspect(part_of(tmp_path, table), FEBRUARY, "").rows == 0


def test_damage_in_the_month_leaves_no_part(tmp_path: Path) -> None:
    table = trip_table(FEBRUARY, 3000)
    whole = inspect(with_damaged_column(tmp_path, FEBRUARY, table, "tip_amount"), FEBRUARY, "")
    with pytest.raises(BadFileError, match="the file is damaged"):
        write_part(whole, DAY, tmp_path / "part.parquet")
    assert [file.name for file in tmp_path.iterdir()] == [whole.path.name]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    whole = inspect(write_file(tmp_path, FEBRUARY), FEBRUARY, "")
    with pytest.raises(SourceUnavailableError, match="cannot be written"):
        write_part(whole, DAY, whole.path / "part.parquet")
