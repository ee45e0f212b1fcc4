"""Datasets on a real Postgres: what their files say is loaded, whole or not at all, and twice is once."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from config.datasets import Dataset
from config.paths import ROOT
from core.errors import BadFileError, ConfigurationError, SourceUnavailableError, WarehouseError
from core.failpoints import VARIABLE
from ingest.datasets.load import Loaded, load_rows
from ingest.datasets.raw_table import ensure_raw_table
from tests.datasets import (
    FIRST,
    HEADER,
    LOADER,
    LOANS,
    contents,
    dataset_of,
    load,
    loads,
    manifest,
    numbers,
    rows,
    write,
)
from tests.hard.points import DATASETS, Point
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


def test_twice_is_once(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    loans = dataset_of(LOANS, write(tmp_path / "a.csv", FIRST))
    load(empty_warehouse, loans)
    before = rows(empty_warehouse, "*"), loads(empty_warehouse)
    assert load(empty_warehouse, loans) == Loaded()
    # Other bytes, the same rows.
    write(tmp_path / "a.csv", FIRST.replace("5.5", "5.50"))
    assert load(empty_warehouse, loans) == Loaded()
    assert (rows(empty_warehouse, "*"), loads(empty_warehouse)) == before


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


def test_a_changed_file_takes_the_place_of_its_rows_only(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    loans = dataset_of(LOANS, tmp_path / "*.csv")
    write(tmp_path / "a.csv", FIRST)
    write(tmp_path / "b.csv", HEADER + "4;2022-02-03 12:00;8;car;\n5;2022-03-03 12:00;8;car;\n")
    load(empty_warehouse, loans)
    before = loads(empty_warehouse)
    # One row is new and in front, one has gone, one is corrected: the others keep their numbers.
    write(tmp_path / "a.csv", HEADER + "9;2022-02-01 09:00;1;car;\n3;2022-02-01 12:00;70;car;\n")
    result = load(empty_warehouse, loans)
    assert ([str(month) for month in result.months], result.rows) == (["2022-01", "2022-02"], 2)
    assert numbers(empty_warehouse) == {
        "3": ("2022-02", 0),
        "4": ("2022-02", 1),
        "9": ("2022-02", 2),
        "5": ("2022-03", 0),
    }
    after = loads(empty_warehouse)
    assert after.keys() == {"2022-02", "2022-03"}
    assert (after["2022-02"] == before["2022-02"], after["2022-03"] == before["2022-03"]) == (False, True)
    assert manifest(empty_warehouse)[0] == ("2022-02", 3, "2022-02-01", "2022-02-28")
    gone = "select source_month::text from raw.files where status = 'replaced' order by load_id"
    assert empty_warehouse.execute(gone).fetchall() == [("2022-01-01",), ("2022-02-01",)]


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


def test_a_day_that_comes_again_replaces_the_day(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    loans = dataset_of(LOANS, tmp_path / "*.csv", event="{timestamp: at, key: [id], replace: day}")
    write(tmp_path / "a.csv", FIRST)
    load(empty_warehouse, loans)
    write(tmp_path / "b.csv", HEADER + "7;2022-01-31 12:00;1;car;\n3;2022-01-30 12:00;7;car;\n")
    write(tmp_path / "c.csv", HEADER + "8;2022-01-31 12:00;1;car;\n")
    result = load(empty_warehouse, loans)
    # The day of 1 and 2 came again without them, 3 has moved, and c was later than b.
    assert numbers(empty_warehouse) == {"3": ("2022-01", 2), "8": ("2022-01", 3)}
    assert ([str(month) for month in result.months], result.rows) == (["2022-01", "2022-02"], 2)
    assert manifest(empty_warehouse) == [("2022-01", 2, "2022-01-30", "2022-01-31")]
    assert load(empty_warehouse, loans) == Loaded()


def test_appended_rows_take_the_place_of_their_keys_only(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    loans = dataset_of(LOANS, tmp_path / "*.csv", event="{timestamp: at, key: [id], replace: append}")
    write(tmp_path / "a.csv", FIRST)
    load(empty_warehouse, loans)
    write(tmp_path / "b.csv", HEADER + "2;2022-01-31 11:00;6;boat;1\n4;2022-01-02 12:00;1;car;\n")
    assert load(empty_warehouse, loans).rows == 2
    assert rows(empty_warehouse, "id, amount, source_row") == [("1", 5.5, 0), ("2", 6, 1), ("4", 1, 2), ("3", 7, 0)]
    # Late rows lie before what the dataset began with.
    assert manifest(empty_warehouse)[0] == ("2022-01", 3, "2022-01-02", "2022-01-31")
    # What is read again for other settings comes in the order in which it came before.
    again = dataset_of(
        LOANS, tmp_path / "*.csv", event="{timestamp: at, key: [id], replace: append, timezone: Asia/Tokyo}"
    )
    assert load(empty_warehouse, again) == Loaded()


def test_late_rows_change_what_their_neighbours_cover(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    loans = dataset_of(LOANS, tmp_path / "*.csv")
    write(tmp_path / "b.csv", FIRST)
    load(empty_warehouse, loans)
    before = loads(empty_warehouse)
    write(tmp_path / "a.csv", HEADER + "7;2021-11-05 12:00;1;car;\n8;2022-04-05 12:00;1;car;\n")
    result = load(empty_warehouse, loans)
    assert [str(month) for month in result.months] == ["2021-11", "2022-01", "2022-02", "2022-04"]
    assert manifest(empty_warehouse) == [
        ("2021-11", 1, "2021-11-05", "2021-11-30"),
        ("2022-01", 2, "2022-01-01", "2022-01-31"),
        ("2022-02", 1, "2022-02-01", "2022-02-28"),
        ("2022-04", 1, "2022-04-01", "2022-04-05"),
    ]
    assert loads(empty_warehouse)["2022-01"] != before["2022-01"]


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


@pytest.mark.parametrize(("windows", "day"), [("hour", "2022-02-02"), ("week", "2022-01-31"), ("month", "2022-02-01")])
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


def test_a_label_may_come_later(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    text = (
        LOANS
        + """
      y_pred: numerical
    models:
      repayment:
        task: binary
        predictions: {column: y_pred, threshold: 0.5}
        label: {column: repaid}
        reference: {from: 2022-01-01, to: 2022-01-02}
"""
    )
    file = write(tmp_path / "a.csv", "id;at;amount;kind;y_pred\n1;2022-01-30;1;a;0.25\n")
    loans = dataset_of(text, file)
    load(empty_warehouse, loans)
    assert rows(empty_warehouse, "repaid, y_pred") == [(None, 0.25)]
    write(file, "id;at;amount;kind;y_pred;repaid\n1;2022-01-30;1;a;0.25;no\n")
    assert load(empty_warehouse, loans).rows == 1
    assert rows(empty_warehouse, "repaid, y_pred, source_row") == [(False, 0.25, 0)]


def test_a_column_that_the_file_of_the_dataset_adds_is_read(
    empty_warehouse: database.Connection, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "a.csv",
        FIRST.replace("repaid\n", "repaid;Größe\n")
        .replace("yes", "yes;4")
        .replace(";0\n", ";0;\n")
        .replace("car;\n", "car;;6\n"),
    )
    load(empty_warehouse, dataset_of(LOANS, file))
    before = loads(empty_warehouse)
    more = LOANS + "      size: {type: numerical, source_name: Größe}\n"
    assert load(empty_warehouse, dataset_of(more, file)).rows == 2
    assert rows(empty_warehouse, "id, size") == [("1", 4), ("2", None), ("3", 6)]
    assert loads(empty_warehouse).keys() == before.keys()
    # A column that the file no longer has stays, unused.
    assert load(empty_warehouse, dataset_of(LOANS, file)) == Loaded(
        notes=("loans: left out, as datasets/loans.yml does not name them: Größe",)
    )
    assert rows(empty_warehouse, "id, size") == [("1", 4), ("2", None), ("3", 6)]


def test_a_type_changes_only_while_there_is_no_row(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", FIRST.splitlines()[0] + "\n")
    assert load(empty_warehouse, dataset_of(LOANS, file)) == Loaded()
    load(empty_warehouse, dataset_of(LOANS, file, amount="categorical"))
    write(file, FIRST)
    load(empty_warehouse, dataset_of(LOANS, file, amount="categorical"))
    with pytest.raises(ConfigurationError) as caught:
        load(empty_warehouse, dataset_of(LOANS, file))
    assert str(caught.value) == (
        "datasets/loans.yml, columns.amount: it is numerical (double precision) here, but raw.loans holds it as text: "
        "undo this, or give the dataset another name, under which it is loaded anew"
    )


def test_a_key_changes_with_the_file_of_the_dataset(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", FIRST)
    load(empty_warehouse, dataset_of(LOANS, file, event="{timestamp: at}", id="categorical"))
    load(empty_warehouse, dataset_of(LOANS, file, event="{timestamp: at, key: [at, kind]}", id="categorical"))
    load(empty_warehouse, dataset_of(LOANS, file, id="categorical"))
    with pytest.raises(ConfigurationError, match=r"event.key: rows of raw.loans share values of kind"):
        load(empty_warehouse, dataset_of(LOANS, file, event="{timestamp: at, key: kind}", id="categorical"))
    query = (
        "select indexdef from pg_indexes where schemaname = 'raw' and tablename = 'loans' and indexname != 'loans_pkey'"
    )
    indexes = sorted(str(index).partition(" USING ")[2] for (index,) in empty_warehouse.execute(query).fetchall())
    assert indexes == ["btree (id)", "btree (source_month)"]


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


def test_rows_of_files_that_are_gone_stay(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    loans = dataset_of(LOANS, file, tmp_path / "b*.csv")
    with pytest.raises(SourceUnavailableError, match="is not there"):
        load(empty_warehouse, loans)
    write(file, FIRST)
    write(tmp_path / "b1.csv", HEADER + "4;2022-02-03;1;a;\n")
    load(empty_warehouse, loans)
    before = rows(empty_warehouse, "*")
    file.unlink()
    result = load(empty_warehouse, loans)
    assert result == Loaded(notes=(f"loans: no longer there, their rows stay: {file}",))
    # The same bytes under another name are the same delivery.
    (tmp_path / "b1.csv").rename(tmp_path / "b2.csv")
    assert load(empty_warehouse, loans) == result
    assert rows(empty_warehouse, "*") == before


def start_of_a_kill(connection: database.Connection, tmp_path: Path) -> tuple[Path, Dataset]:
    """A dataset that is loaded, with its file, and new files that are not."""
    write(tmp_path / "data" / "a.csv", FIRST)
    loans = dataset_of(LOANS, tmp_path / "data")
    load(connection, loans)
    write(tmp_path / "data" / "a.csv", FIRST.replace("5.5", "55").replace("2022-02-01", "2022-03-01"))
    write(tmp_path / "data" / "b.csv", HEADER + "4;2022-01-03 12:00;8;car;\n")
    text = textwrap.dedent(LOANS).replace("FILES", f'["{tmp_path}/data"]')
    return write(tmp_path / "datasets" / "loans.yml", text), loans


@pytest.mark.parametrize("point", DATASETS, ids=str)
def test_killed_anywhere_it_leaves_what_was_there(
    point: Point, empty_warehouse: database.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, loans = start_of_a_kill(empty_warehouse, tmp_path)
    before = contents(empty_warehouse)
    monkeypatch.setenv(VARIABLE, point.asked)
    arguments = [sys.executable, "-c", textwrap.dedent(LOADER), str(file)]
    killed = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert contents(empty_warehouse) == before
    assert load(empty_warehouse, loans).rows == 3
    assert numbers(empty_warehouse) == {
        "1": ("2022-01", 0),
        "2": ("2022-01", 1),
        "4": ("2022-01", 2),
        "3": ("2022-03", 0),
    }
    assert [row[:2] for row in manifest(empty_warehouse)] == [("2022-01", 3), ("2022-03", 1)]
    assert load(empty_warehouse, loans) == Loaded()


def test_what_the_database_refuses_is_named(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    loans = dataset_of(LOANS, write(tmp_path / "a.csv", FIRST))
    ensure_raw_table(empty_warehouse, "loans", loans)
    empty_warehouse.execute("alter table raw.loans add constraint short check (source_row < 1)")
    with pytest.raises(WarehouseError, match=r"^the dataset loans was not loaded, the database said: .{0,90}\"short\""):
        load(empty_warehouse, loans)
    assert contents(empty_warehouse) == [[], [], []]


def test_a_number_is_never_given_to_another_row(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    """Labels are kept by it."""
    path = write(tmp_path / "loans.csv", HEADER + "1;2022-01-01 10:00;1;a;\n2;2022-01-01 11:00;1;a;\n")
    load(empty_warehouse, dataset_of(LOANS, path))
    for line in ("", "3;2022-01-01 12:00;1;a;\n"):
        write(path, HEADER + "1;2022-01-01 10:00;1;a;\n" + line)
        load(empty_warehouse, dataset_of(LOANS, path))
    assert numbers(empty_warehouse) == {"1": ("2022-01", 0), "3": ("2022-01", 2)}
