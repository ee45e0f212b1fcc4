"""Whatever table is written to parquet arrives in Postgres value by value, or is refused and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from core.errors import BadFileError
from ingest.tlc.load import load_month
from ingest.tlc.schema import COLUMNS
from ingest.tlc.sources import SourceFile
from tests.files import JANUARY, trip_table, write_file
from tests.tables import Case, bad_cases, comparable, expected, good_cases
from warehouse import database

pytestmark = pytest.mark.hard

MANY = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def load(folder: Path, case: Case) -> int:
    path = write_file(folder, JANUARY, case.table)
    return load_month(SourceFile(JANUARY, path, str(path), "local")).rows


def state(connection: database.Connection) -> tuple[object, ...]:
    return tuple(
        database.one_row(
            connection,
            "select (select count(*) from raw.files), "
            "(select sum(hashtextextended(trips::text, 0)) from raw.green_trips as trips)",
        )
    )


@MANY
@given(case=good_cases())
def test_a_table_of_accepted_types_arrives_value_by_value(
    empty_warehouse: database.Connection, tmp_path: Path, case: Case
) -> None:
    # Bytes that are loaded already would not be loaded again.
    empty_warehouse.execute("truncate raw.files, raw.green_trips")
    assert load(tmp_path, case) == case.table.num_rows
    names = [column.name for column in COLUMNS]
    # Postgres's times go far beyond Python's; their microseconds do not.
    selected = [f"(extract(epoch from {name}) * 1000000)::bigint" if "_datetime" in name else name for name in names]
    query = f"select {', '.join(selected)} from raw.green_trips order by source_row"
    rows = empty_warehouse.execute(query.encode()).fetchall()
    for place, name in enumerate(names):
        assert [comparable(row[place]) for row in rows] == expected(case.table, name), name
    recorded = empty_warehouse.execute("select rows, cardinality(extra_columns) from raw.files").fetchall()
    known = {name.lower() for name in case.table.column_names} & set(names)
    assert recorded == [(case.table.num_rows, case.table.num_columns - len(known))]


@MANY
@given(case=bad_cases())
def test_a_wrong_type_or_value_changes_nothing(
    empty_warehouse: database.Connection, tmp_path: Path, case: Case
) -> None:
    if state(empty_warehouse)[0] == 0:
        load(tmp_path, Case(trip_table(JANUARY)))
    before = state(empty_warehouse)
    with pytest.raises(BadFileError, match=f"the column {case.bad_column} "):
        load(tmp_path, case)
    assert state(empty_warehouse) == before
