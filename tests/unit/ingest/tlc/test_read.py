"""Reading files without a database: what is refused with which words, and what comes out of the good ones."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from config.months import Month
from core.errors import BadFileError
from core.files.columns import Column
from ingest.tlc.read import Inspection, batches, inspect
from ingest.tlc.schema import COLUMNS, Family, match_schema
from tests.files import (
    BAD_FILES,
    FEBRUARY,
    JANUARY,
    MARCH,
    Vintage,
    trip_table,
    with_column,
    with_damaged_column,
    with_value,
    write_file,
)

RAW_NAMES = [column.name for column in COLUMNS]
ARROW_TYPES = {"BIGINT": pa.int64(), "DOUBLE": pa.float64(), "TIMESTAMP": pa.timestamp("us"), "VARCHAR": pa.string()}


def inspected(folder: Path, table: pa.Table, month: Month = JANUARY, **options: object) -> Inspection:
    return inspect(write_file(folder, month, table, **options), month, "sha")


def loaded(inspection: Inspection, threads: int = 2) -> pa.Table:
    with duckdb.connect(config={"threads": threads}) as connection:
        return batches(connection, inspection, 7).read_all()


@pytest.mark.parametrize("name", list(BAD_FILES))
def test_bad_file_is_refused_in_one_line(name: str, tmp_path: Path) -> None:
    make, parts = BAD_FILES[name]
    path = make(tmp_path, FEBRUARY)
    with pytest.raises(BadFileError) as caught:
        inspect(path, FEBRUARY, "sha")
    message = str(caught.value)
    assert message.startswith("green_tripdata_2022-02.parquet")
    assert [part for part in parts if part not in message] == []
    assert message.isprintable()
    assert caught.value.exit_code == 4


@pytest.mark.parametrize("name", ["other month", "no pickup at all"])
def test_message_does_not_say_none(name: str, tmp_path: Path) -> None:
    path = BAD_FILES[name][0](tmp_path, JANUARY)
    with pytest.raises(BadFileError) as caught:
        inspect(path, JANUARY, "sha")
    assert "None" not in str(caught.value)


@pytest.mark.parametrize("vintage", list(Vintage))
def test_every_vintage_gives_the_same_columns(vintage: Vintage, tmp_path: Path) -> None:
    table = loaded(inspected(tmp_path, trip_table(JANUARY, 12, vintage)))
    assert table.column_names == [*RAW_NAMES, "source_month", "source_row", "load_id"]
    types = [table.schema.field(column.name).type for column in COLUMNS]
    assert types == [ARROW_TYPES[column.family.loaded_as] for column in COLUMNS]
    assert table["source_month"].unique().to_pylist() == [JANUARY.first_day]
    assert table["load_id"].unique().to_pylist() == [7]


def test_vintages_have_different_fingerprints(tmp_path: Path) -> None:
    prints = {inspected(tmp_path, trip_table(JANUARY, 12, vintage)).schema.fingerprint for vintage in Vintage}
    assert len(prints) == 3


def test_fingerprint_does_not_depend_on_the_rows(tmp_path: Path) -> None:
    one = inspected(tmp_path, trip_table(JANUARY, 3)).schema.fingerprint
    assert inspected(tmp_path, trip_table(FEBRUARY, 40), FEBRUARY).schema.fingerprint == one


def test_vintages_agree_on_the_values(tmp_path: Path) -> None:
    tables = [loaded(inspected(tmp_path, trip_table(JANUARY, 12, vintage))) for vintage in Vintage]
    shared = [name for name in RAW_NAMES if name != "cbd_congestion_fee"]
    assert tables[0].select(shared).equals(tables[1].select(shared))
    assert tables[0].select(shared).equals(tables[2].select(shared))
    assert [table["cbd_congestion_fee"].null_count for table in tables] == [12, 12, 0]


def test_inspection_says_what_the_file_holds(tmp_path: Path) -> None:
    found = inspected(tmp_path, trip_table(JANUARY))
    assert (found.rows, found.month, found.sha256) == (12, JANUARY, "sha")
    assert found.bytes == found.path.stat().st_size
    assert found.schema.extra == ()
    assert not found.is_sample


def test_generated_file_is_known_by_its_metadata(tmp_path: Path) -> None:
    assert inspected(tmp_path, trip_table(JANUARY).replace_schema_metadata({"origin": "sample"})).is_sample
    assert not inspected(tmp_path, trip_table(JANUARY).replace_schema_metadata({"origin": "elsewhere"})).is_sample


def stating(text: str) -> dict[str, str]:
    return {"covers_until": text}


def test_a_file_that_says_nothing_covers_its_whole_month(tmp_path: Path) -> None:
    assert inspected(tmp_path, trip_table(FEBRUARY), FEBRUARY).covers_until == date(2022, 2, 28)


def test_a_file_can_cover_a_part_of_its_month(tmp_path: Path) -> None:
    table = trip_table(FEBRUARY).replace_schema_metadata(stating("2022-02-01"))
    assert inspected(tmp_path, table, FEBRUARY).covers_until == date(2022, 2, 1)


@pytest.mark.parametrize(
    "text", ["2022-01-31", "2022-03-01", "2022-02-29", "february", "", "2022-02-01T00:00", "\u00e9"]
)
def test_a_cover_outside_the_month_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadFileError, match=r"covers_until = '.*': a day of 2022-02, such as 2022-02-28, is valid"):
        inspected(tmp_path, trip_table(FEBRUARY).replace_schema_metadata(stating(text)), FEBRUARY)


def test_a_trip_after_the_cover_is_refused(tmp_path: Path) -> None:
    # The 250 trips lie seven minutes apart: the first day ends after the 206th.
    table = trip_table(FEBRUARY, 250).replace_schema_metadata(stating("2022-02-01"))
    with pytest.raises(
        BadFileError, match=r"covers 2022-02 until 2022-02-01, but 44 of its 250 trips were picked up on"
    ):
        inspected(tmp_path, table, FEBRUARY)


def test_a_part_of_a_month_may_hold_strays_only(tmp_path: Path) -> None:
    strays = pa.concat_tables([trip_table(JANUARY, 3), trip_table(MARCH, 3)])
    assert inspected(tmp_path, strays.replace_schema_metadata(stating("2022-02-01")), FEBRUARY).rows == 6


def test_no_rows_are_no_error(tmp_path: Path) -> None:
    found = inspected(tmp_path, trip_table(JANUARY, 0))
    assert found.rows == 0
    assert loaded(found).num_rows == 0


def test_half_of_the_trips_in_the_month_are_enough(tmp_path: Path) -> None:
    table = pa.concat_tables([trip_table(JANUARY, 6), trip_table(FEBRUARY, 6)])
    assert inspected(tmp_path, table).rows == 12


def test_last_moment_of_the_month_counts_and_the_next_does_not(tmp_path: Path) -> None:
    last, next_ = datetime(2022, 1, 31, 23, 59, 59, 999_999), datetime(2022, 2, 1)
    table = with_value(
        with_value(trip_table(JANUARY, 2), "lpep_pickup_datetime", 0, last), "lpep_pickup_datetime", 1, next_
    )
    assert inspected(tmp_path, table).rows == 2
    found = r"only 0 of its 1 trips were picked up in 2022-01 \(from 2022-02-01 00:00:00 to 2022-02-01 00:00:00\)"
    with pytest.raises(BadFileError, match=found):
        inspected(tmp_path, table.slice(1))


@pytest.mark.parametrize("threads", [2, 8])
def test_rows_come_in_file_order(threads: int, tmp_path: Path) -> None:
    part = trip_table(JANUARY, 2000)
    numbers = pa.array(range(99_999, -1, -1), type=pa.float64())
    reverse = with_column(pa.concat_tables([part] * 50), "trip_distance", numbers)
    table = loaded(inspected(tmp_path, reverse, row_group_size=700), threads)
    assert table["source_row"].combine_chunks().equals(pa.array(range(100_000)))
    assert table["trip_distance"].combine_chunks().equals(numbers)


def test_column_names_may_come_in_any_case_and_order(tmp_path: Path) -> None:
    plain = loaded(inspected(tmp_path, trip_table(JANUARY)))
    shouted = trip_table(JANUARY).rename_columns([name.upper() for name in trip_table(JANUARY).column_names])
    assert loaded(inspected(tmp_path, shouted)).equals(plain)
    assert loaded(inspected(tmp_path, trip_table(JANUARY).select(trip_table(JANUARY).column_names[::-1]))).equals(plain)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        *((name, name) for name in ("größe", "乗客", "fare amount", "a.b", 'quoted"name', "x" * 300, "filename")),
        ("'; drop table raw.files; --", "'; drop table raw.files; --"),
        ("\u202eab", "\\u202eab"),
        ("two\nlines", "two\\nlines"),
        ("zero\0character", "zero\\x00character"),
    ],
)
def test_unknown_column_is_kept_out_and_named(name: str, shown: str, tmp_path: Path) -> None:
    table = trip_table(JANUARY)
    found = inspected(tmp_path, with_column(table, name, table["VendorID"]))
    assert found.schema.extra == (shown,)
    assert loaded(found).column_names == [*RAW_NAMES, "source_month", "source_row", "load_id"]


@pytest.mark.parametrize("name", ["file_row_number", "source_row", "source_month", "load_id", "loaded_at"])
def test_unknown_column_may_have_a_name_that_the_loader_uses(name: str, tmp_path: Path) -> None:
    found = inspected(tmp_path, with_column(trip_table(JANUARY), name, pa.array([99] * 12)))
    assert found.schema.extra == (name,)
    assert loaded(found)["source_row"].to_pylist() == list(range(12))


def test_unknown_column_may_be_nested(tmp_path: Path) -> None:
    found = inspected(tmp_path, with_column(trip_table(JANUARY), "position", pa.array([{"x": 1, "y": [2]}] * 12)))
    assert found.schema.extra == ("position",)
    assert loaded(found).num_rows == 12


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_of_every_resolution_are_the_same_moments(unit: str, tmp_path: Path) -> None:
    plain = table = trip_table(JANUARY)
    for name in ("lpep_pickup_datetime", "lpep_dropoff_datetime"):
        table = with_column(table, name, table[name].cast(pa.timestamp(unit)))
    result = loaded(inspected(tmp_path, table))
    assert result["lpep_pickup_datetime"].to_pylist() == plain["lpep_pickup_datetime"].to_pylist()
    assert result["lpep_dropoff_datetime"].to_pylist() == plain["lpep_dropoff_datetime"].to_pylist()


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_absurd_dates_among_good_ones_stay(unit: str, tmp_path: Path) -> None:
    first, last = datetime(1677, 9, 22), datetime(2262, 4, 11)
    table = with_value(trip_table(JANUARY), "lpep_pickup_datetime", 3, first)
    table = with_value(table, "lpep_pickup_datetime", 4, last)
    table = with_column(table, "lpep_pickup_datetime", table["lpep_pickup_datetime"].cast(pa.timestamp(unit)))
    assert loaded(inspected(tmp_path, table))["lpep_pickup_datetime"].to_pylist()[3:5] == [first, last]


def test_endless_and_undefined_amounts_stay_what_they_are(tmp_path: Path) -> None:
    table = trip_table(JANUARY)
    for row, value in enumerate((float("inf"), float("-inf"), float("nan"))):
        table = with_value(table, "fare_amount", row, value)
    result = loaded(inspected(tmp_path, table))["fare_amount"].to_pylist()
    assert result[:2] == [float("inf"), float("-inf")]
    assert result[2] != result[2]


def test_columns_of_nulls_stay_nulls(tmp_path: Path) -> None:
    table = trip_table(JANUARY)
    for name in table.column_names:
        if name != "lpep_pickup_datetime":
            table = with_column(table, name, pa.nulls(12))
    result = loaded(inspected(tmp_path, table))
    assert [name for name in RAW_NAMES if result[name].null_count != 12] == ["lpep_pickup_datetime"]


@pytest.mark.parametrize("folder", ["a*", "a?", "[ab]c", "{a,b}", "with space", "größe", "it's", "50%"])
def test_folder_name_is_taken_as_it_is(folder: str, tmp_path: Path) -> None:
    for other in ("ab", "ac", "bc"):
        write_file(tmp_path / other, JANUARY, trip_table(JANUARY, 30))
    found = inspected(tmp_path / folder, trip_table(JANUARY))
    assert found.rows == 12
    assert loaded(found).num_rows == 12


def test_folder_name_adds_no_column(tmp_path: Path) -> None:
    found = inspected(tmp_path / "year=2022" / "passenger_count=5", trip_table(JANUARY))
    assert found.schema.extra == ()
    assert loaded(found)["passenger_count"].to_pylist() == trip_table(JANUARY)["passenger_count"].to_pylist()


def test_damage_in_a_column_that_is_checked_is_found_at_once(tmp_path: Path) -> None:
    path = with_damaged_column(tmp_path, JANUARY, trip_table(JANUARY, 5000), "lpep_pickup_datetime")
    with pytest.raises(BadFileError, match=r"cannot be read as parquet .*: the file is damaged; get it again"):
        inspect(path, JANUARY, "sha")


def test_file_that_is_gone_since_it_was_inspected_is_named(tmp_path: Path) -> None:
    found = inspected(tmp_path, trip_table(JANUARY))
    found.path.unlink()
    with pytest.raises(BadFileError, match=r"^green_tripdata_2022-01\.parquet cannot be read .*: the file is damaged"):
        loaded(found)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_every_required_column_is_missed(column: object) -> None:
    found = [Column(each.name, each.name, each.family.loaded_as) for each in COLUMNS if each is not column]
    required = getattr(column, "required", None)
    name = getattr(column, "name", "")
    if not required:
        assert name not in match_schema(found, "x.parquet").delivered
        return
    with pytest.raises(BadFileError, match=f"^x.parquet: the required column {name} is missing"):
        match_schema(found, "x.parquet")


@pytest.mark.parametrize(
    ("family", "accepted", "refused"),
    [
        (Family.WHOLE, ["TINYINT", "INTEGER", "BIGINT", "UINTEGER", "DOUBLE", "FLOAT", "NULL"], ["VARCHAR", "BOOLEAN"]),
        (Family.NUMBER, ["SMALLINT", "BIGINT", "DOUBLE", "NULL"], ["VARCHAR", "BLOB", "TIMESTAMP", "DOUBLE[]"]),
        (Family.TIME, ["TIMESTAMP", "TIMESTAMP_NS", "NULL"], ["TIMESTAMP WITH TIME ZONE", "DATE", "BIGINT", "TIME"]),
        (Family.TEXT, ["VARCHAR", "NULL"], ["BLOB", "BIGINT", "VARCHAR[]"]),
    ],
)
def test_families_accept_what_keeps_its_value(family: Family, accepted: list[str], refused: list[str]) -> None:
    assert [kind for kind in accepted if not family.accepts(kind)] == []
    assert [kind for kind in refused if family.accepts(kind)] == []


def test_long_list_of_found_columns_is_shortened() -> None:
    with pytest.raises(BadFileError) as caught:
        match_schema([Column(f"column_{number}", "", "BIGINT") for number in range(50)], "x.parquet")
    assert "it has column_0, column_1, " in str(caught.value)
    assert "column_7 and 42 more" in str(caught.value)
    assert "column_8" not in str(caught.value)
