"""What comes again, changes or is gone of a dataset: no row twice and none lost, also where loading is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from config.datasets import Dataset
from config.paths import ROOT
from core.errors import ConfigurationError, SourceUnavailableError
from core.failpoints import VARIABLE
from ingest.datasets.load import Loaded
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
from warehouse import database


def test_twice_is_once(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    loans = dataset_of(LOANS, write(tmp_path / "a.csv", FIRST))
    load(empty_warehouse, loans)
    before = rows(empty_warehouse, "*"), loads(empty_warehouse)
    assert load(empty_warehouse, loans) == Loaded()
    # Other bytes, the same rows.
    write(tmp_path / "a.csv", FIRST.replace("5.5", "5.50"))
    assert load(empty_warehouse, loans) == Loaded()
    assert (rows(empty_warehouse, "*"), loads(empty_warehouse)) == before


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


def test_a_number_is_never_given_to_another_row(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    """Labels are kept by it."""
    path = write(tmp_path / "loans.csv", HEADER + "1;2022-01-01 10:00;1;a;\n2;2022-01-01 11:00;1;a;\n")
    load(empty_warehouse, dataset_of(LOANS, path))
    for line in ("", "3;2022-01-01 12:00;1;a;\n"):
        write(path, HEADER + "1;2022-01-01 10:00;1;a;\n" + line)
        load(empty_warehouse, dataset_of(LOANS, path))
    assert numbers(empty_warehouse) == {"1": ("2022-01", 0), "3": ("2022-01", 2)}
