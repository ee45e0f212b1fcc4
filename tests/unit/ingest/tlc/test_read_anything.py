"""Whatever table is written to parquet: it is read value by value, or refused with the column that is at fault.

tests/hard/test_load_anything.py goes on where this ends: more tables, and all the way into Postgres.
"""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings

from core.errors import BadFileError
from core.files.table_files import connect
from ingest.tlc.read import batches, inspect
from ingest.tlc.schema import COLUMNS
from tests.files import JANUARY, trip_table, write_file
from tests.tables import NANOSECOND_BOUNDS, Case, bad_cases, expected, good_cases, microseconds, read_values

DERANDOMIZED = settings(max_examples=15, deadline=None, derandomize=True, database=None)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any")


@DERANDOMIZED
@given(case=good_cases())
def test_a_table_of_accepted_types_is_read_value_by_value(folder: Path, case: Case) -> None:
    found = inspect(write_file(folder, JANUARY, case.table), JANUARY, "")
    assert found.rows == case.table.num_rows
    assert set(found.schema.delivered) | {name.lower() for name in found.schema.extra} >= {
        column.name for column in COLUMNS if column.required
    }
    with connect() as connection:
        table = batches(connection, found, 1).read_all()
    for column in COLUMNS:
        assert read_values(table, column.name) == expected(case.table, column.name), column.name
    assert table["source_row"].to_pylist() == list(range(found.rows))


@DERANDOMIZED
@given(case=bad_cases())
def test_a_wrong_type_or_value_is_refused_by_name(folder: Path, case: Case) -> None:
    with pytest.raises(BadFileError) as caught:
        inspect(write_file(folder, JANUARY, case.table), JANUARY, "")
    message = str(caught.value)
    assert f"the column {case.bad_column} " in message
    assert message.isprintable()


@pytest.mark.parametrize("value", NANOSECOND_BOUNDS)
def test_the_first_and_the_last_nanosecond_are_times(folder: Path, value: int) -> None:
    times = pa.array([value], pa.timestamp("ns"))
    table = trip_table(JANUARY, 1).set_column(2, "lpep_dropoff_datetime", times)
    found = inspect(write_file(folder, JANUARY, table), JANUARY, "")
    with connect() as connection:
        read = batches(connection, found, 1).read_all()
    assert read["lpep_dropoff_datetime"].cast(pa.int64()).to_pylist() == [microseconds(value)]


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63) + 1])
def test_what_lies_beyond_them_is_refused(folder: Path, value: int) -> None:
    times = pa.array([value], pa.timestamp("ns"))
    table = trip_table(JANUARY, 1).set_column(2, "lpep_dropoff_datetime", times)
    with pytest.raises(BadFileError, match="lpep_dropoff_datetime holds values that are not valid"):
        inspect(write_file(folder, JANUARY, table), JANUARY, "")


def test_five_thousand_columns_are_kept_out(folder: Path) -> None:
    table = trip_table(JANUARY)
    ones = pa.array([1] * table.num_rows, pa.int8())
    names = [f"spalte_{number}_größe" for number in range(5000)]
    wide = pa.table({**{name: table[name] for name in table.column_names}, **dict.fromkeys(names, ones)})
    found = inspect(write_file(folder, JANUARY, wide), JANUARY, "")
    assert found.schema.extra == tuple(names)
    with connect() as connection:
        assert (
            batches(connection, found, 1).read_all()["trip_distance"].to_pylist() == table["trip_distance"].to_pylist()
        )
