"""Datasets on a real Postgres: what their files say is loaded, whole or not at all."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from config.hours import HourClock
from core.errors import BadFileError, ConfigurationError, WarehouseError
from ingest.datasets.load import load_rows
from ingest.datasets.raw_table import ensure_raw_table
from tests.datasets import (
    FIRST,
    HEADER,
    LOANS,
    contents,
    dataset_of,
    load,
    manifest,
    numbers,
    rows,
    write,
)
from warehouse import database, session
from warehouse.access.roles import Role

FRAME = pd.DataFrame(
    {
        "Id": [1, 2, 3],
        "at": pd.to_datetime(["2022-01-30 10:00", "2022-01-31 11:00", "2022-02-01 12:00"]),
        "amount": [5.5, float("nan"), 7.0],
        "kind": ["car", "boat", "car"],
        "repaid": [True, False, None],
    }
)
EXPECTED = [
    ("1", "2022-01-30 10:00:00", 5.5, "car", True, 0, "2022-01-30"),
    ("2", "2022-01-31 11:00:00", None, "boat", False, 1, "2022-01-31"),
    ("3", "2022-02-01 12:00:00", 7.0, "car", None, 0, "2022-02-01"),
]
SHOWN = "id, at::text, amount, kind, repaid, source_row, window_date::text"


YEARS = """
    source: {files: FILES}
    event: {key: [id]}
    windows: {column: year}
    columns: {id: ignored, year: ignored, amount: numerical}
"""


def written(folder: Path, name: str) -> Path:
    """The same three loans in a file of the form that its name says."""
    path = folder / name
    if name.endswith(".csv"):
        return write(path, FIRST)
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(FIRST.encode()))
    elif name.endswith(".parquet"):
        FRAME.to_parquet(path)
    else:
        FRAME.to_json(path, orient="records", lines=True, date_format="iso", date_unit="s")
    return path


@pytest.mark.parametrize("name", ["loans.csv", "loans.csv.gz", "loans.parquet", "loans.jsonl"])
def test_every_form_of_file_gives_the_same_rows(
    name: str, empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    result = load(empty_warehouse, dataset_of(LOANS, written(tmp_path, name)))
    assert ([str(month) for month in result.months], result.rows, result.notes) == (["2022-01", "2022-02"], 3, ())
    assert rows(empty_warehouse, SHOWN) == EXPECTED
    assert manifest(empty_warehouse) == [
        ("2022-01", 2, "2022-01-30", "2022-01-31"),
        ("2022-02", 1, "2022-02-01", "2022-02-01"),
    ]
    query = "select dataset, location, origin, status, bytes from raw.files where source_month = '2022-01-01'"
    assert empty_warehouse.execute(query).fetchall() == [("loans", name, "files", "loaded", 0)]


def test_the_loader_needs_no_rights_but_its_own(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    loans = dataset_of(LOANS, write(tmp_path / "a.csv", FIRST))
    ensure_raw_table(empty_warehouse, "loans", loans)
    with session.changes("test", role=Role.LOADER):
        assert load_rows("loans", loans, lambda _: None).rows == 3
    assert rows(empty_warehouse, SHOWN) == EXPECTED


def test_a_folder_of_parts_of_other_forms_and_columns(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    first = write(tmp_path / "parts" / "a.csv", FIRST).parent
    write(tmp_path / "parts" / "b.csv", "kind,repaid,at,id,amount,note\ncar,1,2022-02-02,4,9,x\n")
    FRAME.assign(Id=[5, 6, 7]).to_parquet(tmp_path / "c.parquet")
    result = load(empty_warehouse, dataset_of(LOANS, first, tmp_path / "*.parquet"))
    assert (result.rows, result.notes) == (
        7,
        ("loans: left out, as datasets/loans.yml does not name them: note",),
    )
    assert numbers(empty_warehouse) == {
        "5": ("2022-01", 0),
        "6": ("2022-01", 1),
        "1": ("2022-01", 2),
        "2": ("2022-01", 3),
        "7": ("2022-02", 0),
        "3": ("2022-02", 1),
        "4": ("2022-02", 2),
    }
    query = "select location from raw.files order by source_month"
    assert empty_warehouse.execute(query).fetchall() == [("c.parquet, a.csv",), ("c.parquet, a.csv, b.csv",)]


def test_folders_of_a_hive_are_a_column(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    text = LOANS.replace("at: datetime", "day: datetime")
    for number, day in enumerate(("2022-02-20", "2022-02-21")):
        write(tmp_path / "hive" / f"day={day}" / "part.csv", f"id,amount,kind,repaid\n{number},1,a,1\n")
    loans = dataset_of(text, tmp_path / "hive", event="{timestamp: day, key: [id]}")
    assert load(empty_warehouse, loans).rows == 2
    assert rows(empty_warehouse, "id, day::text") == [("0", "2022-02-20 00:00:00"), ("1", "2022-02-21 00:00:00")]


def test_rows_are_counted_without_a_key_too(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    text = YEARS.replace("id: ignored, year: ignored, ", "")
    counted = dataset_of(text, tmp_path / "*.csv", event="{}", windows="{rows: 2}")
    write(tmp_path / "a.csv", "amount\n1\n2\n3\n")
    write(tmp_path / "b.csv", "amount\n4\n")
    load(empty_warehouse, counted, "counted")
    before = rows(empty_warehouse, "amount, window_date::text", "counted")
    assert before == [(1, "2000-01-01"), (2, "2000-01-01"), (3, "2000-01-02"), (4, "2000-01-02")]
    write(tmp_path / "a.csv", "amount\n1\n2\n")
    load(empty_warehouse, counted, "counted")
    assert rows(empty_warehouse, "amount, window_date::text, source_row", "counted") == [
        (1, "2000-01-01", 0),
        (2, "2000-01-01", 1),
        (4, "2000-01-02", 3),
    ]


def test_rows_without_a_key_are_known_by_their_place(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    loans = dataset_of(LOANS, tmp_path / "*.csv", event="{timestamp: at}")
    write(tmp_path / "a.csv", FIRST)
    write(tmp_path / "b.csv", HEADER + "4;2022-01-03 12:00;8;car;\n")
    load(empty_warehouse, loans)
    # `id` plays no role now.
    assert rows(empty_warehouse, "amount, source_row, delivery_row") == [
        (5.5, 0, 0),
        (None, 1, 1),
        (8, 2, 0),
        (7, 0, 2),
    ]
    write(tmp_path / "a.csv", FIRST + "9;2022-01-31 12:00;9;car;\n")
    result = load(empty_warehouse, loans)
    assert ([str(month) for month in result.months], result.rows) == (["2022-01"], 1)
    assert rows(empty_warehouse, "amount, source_row") == [(5.5, 0), (None, 1), (8, 2), (9, 3), (7, 0)]


def test_times_are_brought_to_the_clock_of_the_dataset(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    text = """id;at;amount;kind;repaid
1;2022-01-31 23:30;1;a;
2;2022-01-31T23:30:00Z;1;a;
3;2022-01-31 23:30:00.25-05:00;1;a;
4;2022-03-27 02:30:00 UTC;1;a;
"""
    event = "{timestamp: at, key: [id], timezone: Europe/Berlin}"
    load(empty_warehouse, dataset_of(LOANS, write(tmp_path / "a.csv", text), event=event))
    assert {row[0]: row[1] for row in rows(empty_warehouse, "id, at::text")} == {
        "1": "2022-01-31 23:30:00",
        "2": "2022-02-01 00:30:00",
        "3": "2022-02-01 05:30:00.25",
        "4": "2022-03-27 04:30:00",
    }
    frame = FRAME.assign(at=FRAME["at"].dt.tz_localize("UTC"))
    frame.to_parquet(tmp_path / "zoned.parquet")
    load(empty_warehouse, dataset_of(LOANS, tmp_path / "zoned.parquet", event=event), "zoned")
    assert rows(empty_warehouse, "at::text", "zoned")[0] == ("2022-01-30 11:00:00",)
    for form, written_as in {
        "epoch_s": "1643542200",
        "epoch_ms": "1643542200500.0",
        "'%d.%m.%Y %H'": "30.01.2022 12",
    }.items():
        file = write(tmp_path / "f.csv", f"{HEADER}1;{written_as};1;a;\n")
        name = f"f_{len(form)}"
        load(empty_warehouse, dataset_of(LOANS, file, event=event.replace("}", f", format: {form}}}")), name)
        assert str(rows(empty_warehouse, "at::text", name)[0][0]).startswith("2022-01-30 12:")


def test_windows_by_a_column_and_by_rows(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    file = write(tmp_path / "years.csv", "id,year,amount\n1,2015,3\n2,2016,3\n3,2016-05-04,3\n4,2016.0,3\n")
    load(empty_warehouse, dataset_of(YEARS, file), "years")
    days = ["2015-01-01", "2016-01-01", "2016-01-01", "2016-05-04"]
    assert [day for (day,) in rows(empty_warehouse, "window_date::text", "years")] == days
    by_rows = dataset_of(YEARS, tmp_path / "*.csv", windows="{rows: 2}")
    load(empty_warehouse, by_rows, "counted")
    places = [("1", "2000-01-01"), ("2", "2000-01-01"), ("3", "2000-01-02"), ("4", "2000-01-02")]
    assert rows(empty_warehouse, "id, window_date::text", "counted") == places
    write(file, "id,year,amount\n1,2015,3\n3,2016-05-04,3\n4,2016,3\n")
    write(tmp_path / "z.csv", "id,year,amount\n5,2015,3\n")
    load(empty_warehouse, by_rows, "counted")
    shifted = [("1", "2000-01-01"), ("3", "2000-01-01"), ("4", "2000-01-02"), ("5", "2000-01-02")]
    assert rows(empty_warehouse, "id, window_date::text", "counted") == shifted


# The night in Berlin in which an hour comes twice: 00:30 and 01:30 by UTC are both 02:30; a wall clock means the later.
AUTUMN_NIGHT = {
    "texts with a zone": (
        ["2024-10-27T00:30:00Z", "2024-10-27 01:30+00:00", "2024-10-27T02:30:00+01:00"],
        "",
        [0, 1, 1],
    ),
    "texts without one": (["2024-10-27 02:30", "2024-10-27 03:30", "2024-10-27 01:59:59"], "", [1, 2, -1]),
    "seconds": (["1729989000", "1729992600", "1729996200"], "format: epoch_s, ", [0, 1, 2]),
    "a format with a zone": (
        ["27.10.2024 02:30 +0200", "27.10.2024 02:30 +0100"],
        "format: '%d.%m.%Y %H:%M %z', ",
        [0, 1],
    ),
}


@pytest.mark.parametrize("case", AUTUMN_NIGHT)
def test_hours_are_those_of_the_instant(case: str, empty_warehouse: database.Connection, tmp_path: Path) -> None:
    times, form, hours = AUTUMN_NIGHT[case]
    lines = "".join(f"{number};{time};1;a;\n" for number, time in enumerate(times))
    event = f"{{timestamp: at, {form}timezone: Europe/Berlin, key: [id]}}"
    load(empty_warehouse, dataset_of(LOANS, write(tmp_path / "a.csv", HEADER + lines), windows="hour", event=event))
    clock = HourClock("Europe/Berlin")
    expected = [datetime(2024, 10, 27, tzinfo=UTC) + timedelta(hours=hour) for hour in hours]
    ids_and_days = empty_warehouse.execute(
        "select cast(id as integer), window_date from raw.loans order by 1"
    ).fetchall()
    assert ids_and_days == [(number, clock.day(hour)) for number, hour in enumerate(expected)]


def test_times_with_a_zone_of_a_parquet_file_are_instants(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    at = pd.to_datetime(["2024-10-27T00:30Z", "2024-10-27T01:30Z"])
    pd.DataFrame({"id": ["1", "2"], "at": at, "amount": 1.0, "kind": "a", "repaid": True}).to_parquet(
        tmp_path / "a.parquet"
    )
    event = "{timestamp: at, timezone: Europe/Berlin, key: [id]}"
    load(empty_warehouse, dataset_of(LOANS, tmp_path / "a.parquet", windows="hour", event=event))
    assert rows(empty_warehouse, "at::text, window_date - min(window_date) over ()") == [
        ("2024-10-27 02:30:00", 0),
        ("2024-10-27 02:30:00", 1),
    ]


def test_hours_that_no_day_stands_for_are_refused(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", f"{HEADER}1;2022-02-02 10:00;1;a;\n2;2400-02-02 10:00;1;a;\n")
    with pytest.raises(BadFileError, match=r"at has 1 of 2 values that are no hours .*'2400-02-02 10:00' in row 2"):
        load(empty_warehouse, dataset_of(LOANS, file, windows="hour"))


@pytest.mark.parametrize(("windows", "day"), [("week", "2022-01-31"), ("month", "2022-02-01")])
def test_calendar_windows_begin_on_a_day(
    windows: str, day: str, empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    file = write(tmp_path / "a.csv", f"{HEADER}1;2022-02-02 10:00;1;a;\n")
    load(empty_warehouse, dataset_of(LOANS, file, windows=windows))
    assert rows(empty_warehouse, "window_date::text, source_month::text") == [(day, f"{day[:7]}-01")]


def test_categories_are_the_same_however_a_file_types_them(
    empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    typed: list[list[Any]] = [[5.0, 2.5], [5, 7], [True, False], ["5.0", "True"]]
    for place, values in enumerate(typed):
        frame = FRAME[:2].assign(Id=[2 * place, 2 * place + 1], kind=pd.Series(values))
        frame.to_parquet(tmp_path / f"{place}.parquet")
    write(tmp_path / "z.csv", HEADER + "8;2022-02-01;1;5.0;\n9;2022-02-01;1;True;\n")
    load(empty_warehouse, dataset_of(LOANS, tmp_path / "*.parquet", tmp_path / "z.csv"))
    kinds = [kind for (kind,) in empty_warehouse.execute("select kind from raw.loans order by id").fetchall()]
    assert kinds == ["5", "2.5", "5", "7", "true", "false", "5.0", "True", "5", "true"]


BAD = {
    "no column": (FIRST.replace("amount", "amout"), "no column amount", "'amout' is near: use one of id, at, amout"),
    "no number": (FIRST.replace("5.5", "5,5"), "amount has 1 of 3 values that are not a number", "'5,5' in row 1"),
    "no boolean": (FIRST.replace("yes", "2"), "repaid has 1 of 3 values that are not true or false", "'2' in row 1"),
    "no time": (FIRST.replace("2022-01-31 11", "2022-01-32 11"), "at has 1 of 3 values", "'2022-01-32 11:00' in row 2"),
    "time missing": (FIRST.replace("2022-01-31 11:00", ""), "without a value, and it is the time", "row 2"),
    "key missing": (FIRST.replace("2;2022", ";2022"), "without a value, and it is the key", "row 2"),
    "key twice": (FIRST.replace("3;2022", "1;2022"), "1 value of the key (id) comes", "'1' in"),
    "year 10000": (FIRST.replace("2022-01-31", "12022-01-31"), "at has 1 of 3 values", "in row 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_loaded_says_where(case: str, empty_warehouse: database.Connection, tmp_path: Path) -> None:
    text, *parts = BAD[case]
    with pytest.raises(BadFileError) as caught:
        load(empty_warehouse, dataset_of(LOANS, write(tmp_path / "a.csv", text)))
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert contents(empty_warehouse) == [[], [], []]


def test_a_key_of_two_files_names_both(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    write(tmp_path / "a.csv", FIRST)
    loans = dataset_of(LOANS, tmp_path / "*.csv")
    load(empty_warehouse, loans)
    before = contents(empty_warehouse)
    write(tmp_path / "b.csv", HEADER + "4;2022-02-03;1;a;\n2;2022-02-03;1;a;\n")
    with pytest.raises(
        BadFileError, match=r"'2' in \S+b\.csv row 2 and \S+a\.csv row 2: a key is another in every row"
    ):
        load(empty_warehouse, loans)
    assert contents(empty_warehouse) == before


def test_windows_that_cannot_be_cut_say_where(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    file = write(tmp_path / "years.csv", "id,year,amount\n1,2015,3\n2,MMXV,3\n")
    with pytest.raises(
        BadFileError, match=r"year has 1 of 2 values that cut no windows: years .* \(the first: 'MMXV' in row 2\)"
    ):
        load(empty_warehouse, dataset_of(YEARS, file), "years")


@pytest.mark.parametrize("name", ["green_trips", "files", "source_deliveries"])
def test_names_of_other_tables_are_refused(name: str, empty_warehouse: database.Connection) -> None:
    with pytest.raises(
        ConfigurationError, match=rf"raw\.{name} is a table of the warehouse's own: give the dataset another"
    ):
        ensure_raw_table(empty_warehouse, name, dataset_of(LOANS, "a.csv"))


def test_a_format_that_is_none_is_refused(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    event = "{timestamp: at, key: [id], format: '%Q'}"
    with pytest.raises(ConfigurationError, match=r"event.format: '%Q' is no format"):
        load(empty_warehouse, dataset_of(LOANS, write(tmp_path / "a.csv", FIRST), event=event))


def test_what_the_database_refuses_is_named(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    loans = dataset_of(LOANS, write(tmp_path / "a.csv", FIRST))
    ensure_raw_table(empty_warehouse, "loans", loans)
    empty_warehouse.execute("alter table raw.loans add constraint short check (source_row < 1)")
    with pytest.raises(WarehouseError, match=r"^the dataset loans was not loaded, the database said: .{0,90}\"short\""):
        load(empty_warehouse, loans)
    assert contents(empty_warehouse) == [[], [], []]
