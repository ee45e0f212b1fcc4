"""Datasets on a real Postgres: what their files say is loaded, whole or not at all, and twice is once."""

from __future__ import annotations

import textwrap
from pathlib import Path

from config.dataset_file import parse_dataset
from config.datasets import Dataset
from ingest.datasets.load import Loaded, load_files
from ingest.datasets.raw_table import ensure_raw_table
from warehouse import database

LOANS = """
source: {{files: "{files}"}}
event: {{timestamp: at, key: [id]}}
windows: day
columns:
  id: ignored
  at: datetime
  amount: numerical
  kind: categorical
  repaid: boolean
"""
FIRST = """id;at;amount;kind;repaid;more
1;2022-01-30 10:00;5.5;car;yes;x
2;2022-01-31 11:00;NA;boat;0;x
3;2022-02-01 12:00;7;car;;x
"""


def dataset_of(text: str, files: Path | str, **more: str) -> Dataset:
    return parse_dataset(textwrap.dedent(text).format(files=files, **more), "loans.yml")


def quiet(_: str) -> None:
    pass


def load(connection: database.Connection, dataset: Dataset, name: str = "loans") -> Loaded:
    ensure_raw_table(connection, name, dataset)
    return load_files(name, dataset, quiet)


def rows(connection: database.Connection, columns: str, name: str = "loans") -> list[tuple[object, ...]]:
    return connection.execute(f"select {columns} from raw.{name} order by event_id".encode()).fetchall()


def manifest(connection: database.Connection) -> list[tuple[object, ...]]:
    query = (
        "select to_char(source_month, 'YYYY-MM'), status, rows, covers_from::text, covers_until::text "
        "from raw.files order by source_month, load_id"
    )
    return connection.execute(query).fetchall()


def test_a_file_goes_into_its_table(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    file = tmp_path / "loans.csv"
    file.write_text(FIRST, encoding="utf-8")
    loans = dataset_of(LOANS, file)
    result = load(empty_warehouse, loans)
    assert [str(month) for month in result.months] == ["2022-01", "2022-02"]
    assert (result.rows, result.notes) == (3, ("loans: left out, as datasets/loans.yml does not name them: more",))
    assert rows(empty_warehouse, "id, at::text, amount, kind, repaid, source_row, window_date::text") == [
        ("1", "2022-01-30 10:00:00", 5.5, "car", True, 0, "2022-01-30"),
        ("2", "2022-01-31 11:00:00", None, "boat", False, 1, "2022-01-31"),
        ("3", "2022-02-01 12:00:00", 7.0, "car", None, 0, "2022-02-01"),
    ]
    assert manifest(empty_warehouse) == [
        ("2022-01", "loaded", 2, "2022-01-30", "2022-01-31"),
        ("2022-02", "loaded", 1, "2022-02-01", "2022-02-01"),
    ]
    before = rows(empty_warehouse, "*")
    assert load(empty_warehouse, loans) == Loaded()
    assert rows(empty_warehouse, "*") == before
