"""The loader on a real Postgres: a file goes in whole or not at all, whatever the file is."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.months import Month
from core.errors import BadFileError, OriginMixError
from ingest.tlc.load import Action, LoadResult, load_months
from ingest.tlc.sources import SourceFile
from tests.files import (
    BAD_FILES,
    FEBRUARY,
    JANUARY,
    MARCH,
    Vintage,
    trip_schema,
    trip_table,
    with_column,
    with_damaged_column,
    with_value,
    write_file,
)
from tests.loads import LOADER, contents, count, distances, load, manifest, sample_table
from warehouse import database


def column(connection: database.Connection, name: str) -> list[object]:
    return [row[0] for row in connection.execute(f"select {name} from raw.green_trips order by source_row".encode())]


def test_rows_and_manifest_tell_the_same(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    path = write_file(tmp_path, JANUARY)
    assert load(path, JANUARY) == LoadResult(JANUARY, Action.LOADED, 12)
    (file,), trips = contents(empty_warehouse)
    names = [description.name for description in empty_warehouse.execute("select * from raw.files").description or ()]
    row = dict(zip(names, file, strict=True))
    assert row["dataset"] == "green_trips"
    assert row["source_month"] == JANUARY.first_day
    assert row["location"] == str(path)
    assert row["bytes"] == path.stat().st_size
    assert (row["rows"], row["status"], row["origin"], row["extra_columns"]) == (12, "loaded", "local", [])
    assert len(trips) == 12
    assert empty_warehouse.execute("select distinct load_id from raw.green_trips").fetchall() == [(row["load_id"],)]


def test_the_manifest_says_until_when_a_file_covers(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    part = trip_table(FEBRUARY).replace_schema_metadata({"covers_until": "2022-02-03"})
    load(write_file(tmp_path, FEBRUARY, part), FEBRUARY)
    load(write_file(tmp_path, FEBRUARY), FEBRUARY)
    query = "select status, covers_until::text from raw.files order by load_id"
    assert empty_warehouse.execute(query).fetchall() == [("replaced", "2022-02-03"), ("loaded", "2022-02-28")]


def test_hash_in_the_manifest_is_the_files(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    path = write_file(tmp_path, JANUARY)
    load(path, JANUARY)
    expected = subprocess.run(["sha256sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
    assert empty_warehouse.execute("select sha256 from raw.files").fetchall() == [(expected,)]


def test_values_arrive_as_they_are_in_the_file(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    table = trip_table(JANUARY, 40, Vintage.FROM_2025_01)
    load(write_file(tmp_path, JANUARY, table), JANUARY)
    for name in table.column_names:
        assert column(empty_warehouse, name.lower()) == table[name].to_pylist(), name


def test_three_vintages_lie_in_one_table(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    for month, vintage in zip((JANUARY, FEBRUARY, MARCH), Vintage, strict=True):
        load(write_file(tmp_path, month, trip_table(month, 10, vintage)), month)
    query = (
        "select extract(month from source_month)::int, count(*), count(cbd_congestion_fee), count(ehail_fee), "
        "sum(trip_distance), count(passenger_count), max(store_and_fwd_flag) "
        "from raw.green_trips group by 1 order by 1"
    )
    assert empty_warehouse.execute(query).fetchall() == [
        (1, 10, 0, 0, 47.5, 5, "N"),
        (2, 10, 0, 0, 47.5, 5, "N"),
        (3, 10, 10, 0, 47.5, 5, "N"),
    ]
    assert empty_warehouse.execute("select count(distinct schema_fingerprint) from raw.files").fetchall() == [(3,)]


def test_same_bytes_again_change_nothing(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    path = write_file(tmp_path, JANUARY)
    load(path, JANUARY)
    before = contents(empty_warehouse)
    assert load(path, JANUARY) == LoadResult(JANUARY, Action.UNCHANGED, 0)
    assert contents(empty_warehouse) == before


def test_same_bytes_elsewhere_change_nothing(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    load(write_file(tmp_path / "a", JANUARY), JANUARY)
    before = contents(empty_warehouse)
    assert load(write_file(tmp_path / "b", JANUARY), JANUARY, "tlc").action is Action.UNCHANGED
    assert contents(empty_warehouse) == before


def test_other_bytes_take_the_months_place(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    load(write_file(tmp_path, JANUARY), JANUARY)
    load(write_file(tmp_path, FEBRUARY), FEBRUARY)
    _, before = contents(empty_warehouse)
    result = load(write_file(tmp_path, JANUARY, trip_table(JANUARY, 5).slice(2)), JANUARY)
    assert (result.action, result.rows) == (Action.REPLACED, 3)
    assert manifest(empty_warehouse) == [
        ("2022-01", "replaced", 12),
        ("2022-02", "loaded", 12),
        ("2022-01", "loaded", 3),
    ]
    assert distances(empty_warehouse, JANUARY) == [2.25, 3.25, 4.25]
    _, after = contents(empty_warehouse)
    assert after[3:] == before[12:]


def test_first_version_can_come_back(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    first = write_file(tmp_path / "a", JANUARY)
    second = write_file(tmp_path / "b", JANUARY, trip_table(JANUARY, 30))
    actions = [load(path, JANUARY).action for path in (first, second, first, first)]
    assert actions == [Action.LOADED, Action.REPLACED, Action.REPLACED, Action.UNCHANGED]
    assert [row[1] for row in manifest(empty_warehouse)] == ["replaced", "replaced", "loaded"]
    assert distances(empty_warehouse, JANUARY) == [0.25 + number for number in range(12)]


@pytest.mark.parametrize(("rows_before", "action"), [(None, Action.LOADED), (12, Action.REPLACED)])
def test_file_without_rows_empties_the_month_with_a_warning(
    rows_before: int | None, action: Action, empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    if rows_before is not None:
        load(write_file(tmp_path, JANUARY, trip_table(JANUARY, rows_before)), JANUARY)
    result = load(write_file(tmp_path, JANUARY, trip_table(JANUARY, 0)), JANUARY)
    warning = "green_tripdata_2022-01.parquet holds no rows: 2022-01 is empty"
    assert result == LoadResult(JANUARY, action, 0, warnings=(warning,))
    assert manifest(empty_warehouse)[-1] == ("2022-01", "loaded", 0)
    assert count(empty_warehouse, JANUARY) == 0


def test_source_row_is_the_place_in_the_file(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    table = trip_table(JANUARY, 3000).take(pa.array(range(2999, -1, -1)))
    load(write_file(tmp_path, JANUARY, table, row_group_size=400), JANUARY)
    assert column(empty_warehouse, "source_row") == list(range(3000))
    assert column(empty_warehouse, "trip_distance") == [0.25 + number for number in range(2999, -1, -1)]


@pytest.mark.parametrize(
    "names", [("größe",), ("乗客 数", "fare;amount"), ('a"b', "it's", "a,b", "{x}", "NULL", "back\\slash")]
)
def test_unknown_columns_are_kept_out_and_reported(
    names: tuple[str, ...], empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    table = trip_table(JANUARY)
    for name in names:
        table = with_column(table, name, table["VendorID"])
    assert load(write_file(tmp_path, JANUARY, table), JANUARY).extra_columns == names
    assert empty_warehouse.execute("select extra_columns from raw.files").fetchall() == [(list(names),)]
    assert distances(empty_warehouse, JANUARY) == [0.25 + number for number in range(12)]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("two\nlines", "two\\nlines"),
        ("zero\0character", "zero\\x00character"),
        ("file_row_number", "file_row_number"),
    ],
)
def test_unknown_column_with_a_difficult_name_is_reported(
    name: str, shown: str, empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    table = with_column(trip_table(JANUARY), name, pa.array([9] * 12))
    assert load(write_file(tmp_path, JANUARY, table), JANUARY).extra_columns == (shown,)
    assert distances(empty_warehouse, JANUARY) == [0.25 + number for number in range(12)]
    assert empty_warehouse.execute("select extra_columns from raw.files").fetchall() == [([shown],)]


def test_bad_files_change_nothing(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    load(write_file(tmp_path / "good", FEBRUARY), FEBRUARY)
    wrong: dict[str, str] = {}
    for name, (make, parts) in BAD_FILES.items():
        before = contents(empty_warehouse)
        path = make(tmp_path / name, FEBRUARY)
        try:
            load(path, FEBRUARY)
        except BadFileError as error:
            message = str(error)
            if not message.startswith(path.name) or "\n" in message or any(part not in message for part in parts):
                wrong[name] = message
        except Exception as error:
            wrong[name] = f"{type(error).__name__}: {error}"
        else:
            wrong[name] = "was loaded"
        if contents(empty_warehouse) != before:
            wrong[name] = wrong.get(name, "") + ", and the warehouse was changed"
    assert wrong == {}


# Found by the check, in the values while loading, and in the head of a page while loading.
@pytest.mark.parametrize("damaged", ["lpep_pickup_datetime", "trip_distance", "total_amount"])
def test_damaged_column_changes_nothing(damaged: str, empty_warehouse: database.Connection, tmp_path: Path) -> None:
    load(write_file(tmp_path / "good", JANUARY), JANUARY)
    before = contents(empty_warehouse)
    path = with_damaged_column(tmp_path / "bad", JANUARY, trip_table(JANUARY, 5000), damaged)
    with pytest.raises(BadFileError) as caught:
        load(path, JANUARY)
    message = str(caught.value)
    assert message.startswith("green_tripdata_2022-01.parquet cannot be read as parquet (")
    assert message.endswith("): the file is damaged; get it again")
    assert ("don't know what type" if damaged == "total_amount" else "GZIP") in message  # DuckDB's reason
    assert message.isprintable()
    assert contents(empty_warehouse) == before


def offered(*paths: tuple[Path, Month]) -> tuple[SourceFile, ...]:
    return tuple(SourceFile(month, path, str(path), "local") for path, month in paths)


def test_all_files_are_checked_before_one_is_loaded(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    good, bad = write_file(tmp_path, JANUARY), BAD_FILES["cut off"][0](tmp_path, FEBRUARY)
    with pytest.raises(BadFileError, match=r"^green_tripdata_2022-02\.parquet is cut off"):
        load_months(offered((good, JANUARY), (bad, FEBRUARY)))
    assert contents(empty_warehouse) == ([], [])


def test_damage_that_only_loading_finds_leaves_the_months_before(
    empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    good = write_file(tmp_path, JANUARY)
    bad = with_damaged_column(tmp_path, FEBRUARY, trip_table(FEBRUARY, 5000), "trip_distance")
    with pytest.raises(BadFileError, match=r"^green_tripdata_2022-02\.parquet cannot be read"):
        load_months(offered((good, JANUARY), (bad, FEBRUARY)))
    assert manifest(empty_warehouse) == [("2022-01", "loaded", 12)]
    assert (count(empty_warehouse, JANUARY), count(empty_warehouse, FEBRUARY)) == (12, 0)


@pytest.mark.parametrize("unit", ["us", "ns"])
def test_absurd_dates_among_good_ones_arrive(unit: str, empty_warehouse: database.Connection, tmp_path: Path) -> None:
    absurd = [datetime(1677, 9, 22), datetime(2262, 4, 11), datetime(1999, 12, 31, 23, 59, 59, 999_999)]
    table = trip_table(JANUARY)
    for row, value in enumerate(absurd):
        table = with_value(table, "lpep_pickup_datetime", row, value)
    table = with_column(table, "lpep_pickup_datetime", table["lpep_pickup_datetime"].cast(pa.timestamp(unit)))
    load(write_file(tmp_path, JANUARY, table), JANUARY)
    assert column(empty_warehouse, "lpep_pickup_datetime")[:3] == absurd


def with_dropoff(folder: Path, microseconds: int) -> Path:
    """A file whose first trip ends so long after (or before) 1970."""
    values = pa.array([microseconds] + [1_641_000_000_000_000] * 11, type=pa.timestamp("us"))
    return write_file(folder, JANUARY, with_column(trip_table(JANUARY), "lpep_dropoff_datetime", values))


@pytest.mark.parametrize(
    ("microseconds", "expected"),
    [(2**62, "148108-07-06 14:00:27.387904"), (2**63 - 2, "294247-01-10 04:00:54.775806")],
)
def test_dates_that_only_postgres_can_write_arrive(
    microseconds: int, expected: str, empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    load(with_dropoff(tmp_path, microseconds), JANUARY)
    assert column(empty_warehouse, "lpep_dropoff_datetime::text")[0] == expected


# The first one is before all calendars, the others are endless for DuckDB.
@pytest.mark.parametrize("microseconds", [-(2**62), -(2**63) + 1, 2**63 - 1])
def test_date_outside_all_calendars_is_the_files_fault(
    microseconds: int, empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    message = (
        r"lpep_dropoff_datetime holds values that are not valid \(1 of 12\): only finite times from the year 4713 BC"
    )
    with pytest.raises(BadFileError, match=message):
        load(with_dropoff(tmp_path, microseconds), JANUARY)
    assert contents(empty_warehouse) == ([], [])


def test_endless_and_undefined_amounts_arrive(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    table = trip_table(JANUARY)
    for row, value in enumerate((float("inf"), float("-inf"), float("nan"), 1e308)):
        table = with_value(table, "fare_amount", row, value)
    load(write_file(tmp_path, JANUARY, table), JANUARY)
    query = "select fare_amount::text from raw.green_trips where source_row < 4 order by source_row"
    assert empty_warehouse.execute(query).fetchall() == [("Infinity",), ("-Infinity",), ("NaN",), ("1e+308",)]


def test_columns_of_nulls_arrive_as_nulls(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    table = trip_table(JANUARY)
    for name in table.column_names:
        if name != "lpep_pickup_datetime":
            table = with_column(table, name, pa.nulls(12))
    load(write_file(tmp_path, JANUARY, table), JANUARY)
    assert column(empty_warehouse, "num_nulls(vendorid, store_and_fwd_flag, fare_amount, trip_type)") == [4] * 12
    assert None not in column(empty_warehouse, "lpep_pickup_datetime")


@pytest.mark.parametrize("replaces", [True, False])
def test_generated_month_does_not_join_real_ones(
    replaces: bool, empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    load(write_file(tmp_path / "real", JANUARY), JANUARY)
    before = contents(empty_warehouse)
    month = JANUARY if replaces else FEBRUARY
    path = write_file(tmp_path / "sample", month, sample_table(month))
    with pytest.raises(OriginMixError) as caught:
        load(path, month)
    assert str(caught.value).startswith(f"{path.name} is generated, but there are real months in the warehouse")
    assert "never mixed" in str(caught.value)
    assert "empty the warehouse" in str(caught.value)
    assert caught.value.exit_code == 6
    assert contents(empty_warehouse) == before


def test_real_month_does_not_join_generated_ones(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    load(write_file(tmp_path / "sample", JANUARY, sample_table(JANUARY)), JANUARY)
    assert empty_warehouse.execute("select origin from raw.files").fetchall() == [("sample",)]
    before = contents(empty_warehouse)
    path = write_file(tmp_path / "real", FEBRUARY)
    with pytest.raises(
        OriginMixError, match=r"is real, but there are generated months in the warehouse .* never mixed"
    ):
        load(path, FEBRUARY, "tlc")
    assert contents(empty_warehouse) == before


def test_local_and_downloaded_months_go_together(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    load(write_file(tmp_path, JANUARY), JANUARY, "tlc")
    load(write_file(tmp_path, FEBRUARY), FEBRUARY, "local")
    query = "select origin from raw.files order by load_id"
    assert empty_warehouse.execute(query).fetchall() == [("tlc",), ("local",)]


def write_big_file(path: Path, rows: int, group: int = 125_000) -> None:
    """A month of so many dispatched trips; the row groups differ in their distances only, to be made quickly."""
    part = trip_table(JANUARY, 10_000).slice(5000)
    part = pa.concat_tables([part] * (group // 5000)).combine_chunks()
    with pq.ParquetWriter(path, trip_schema(), compression="zstd") as writer:
        for start in range(0, rows, group):
            numbers = pa.array(range(start, start + group), type=pa.float64())
            writer.write_table(with_column(part, "trip_distance", numbers), row_group_size=group)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    empty_warehouse.execute("alter table raw.green_trips set unlogged")  # quicker for the server, same for the loader
    path = tmp_path / "green_tripdata_2022-01.parquet"
    write_big_file(path, 3_000_000)
    program = textwrap.dedent(LOADER) + "import resource\nprint(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    # A process starts with its parent's peak on its account; the shell in between has next to none.
    command = ["sh", "-c", '"$@"; exit $?', "sh", sys.executable, "-c", program, "2022-01", str(path)]
    process = subprocess.run(command, capture_output=True, text=True, check=True)
    *talk, result, kilobytes = process.stdout.splitlines()
    assert result == "loaded 3000000"
    # The libraries alone take some 240 megabytes; the rows, were they held at once, another 580.
    assert int(kilobytes) / 1024 < 500
    query = "select count(*), max(source_row), sum(trip_distance - source_row) from raw.green_trips"
    assert empty_warehouse.execute(query).fetchall() == [(3_000_000, 2_999_999, 0.0)]
    assert "".join(talk) == "", "a long load wrote to stdout, which is for data"
