"""Datasets that are loaded, for tests of their loader: texts of files go in, and what the tables hold comes out."""

from __future__ import annotations

import textwrap
from pathlib import Path

from config.dataset_file import parse_dataset
from config.datasets import Dataset
from ingest.datasets.load import Loaded, load_rows
from ingest.datasets.raw_table import ensure_raw_table
from warehouse import database

# A process that loads the dataset of a file: it is given the file's path; its table is there.
LOADER = """
    import sys
    from pathlib import Path
    from config.dataset_file import load_dataset
    from ingest.datasets.load import load_rows

    path = Path(sys.argv[1])
    print(load_rows(path.stem, load_dataset(path), print).rows)
"""
LOANS = """
    source: {files: FILES}
    event: {timestamp: at, key: [id]}
    windows: day
    columns:
      id: ignored
      at: datetime
      amount: numerical
      kind: categorical
      repaid: boolean
"""
HEADER = "id;at;amount;kind;repaid\n"
FIRST = """id;at;amount;kind;repaid
1;2022-01-30 10:00;5.5;car;yes
2;2022-01-31 11:00;NA;boat;0
3;2022-02-01 12:00;7;car;
"""


def dataset_of(text: str, *files: Path | str, **changes: str) -> Dataset:
    """A dataset's file with these files as its source, and other texts for some of its parts."""
    for part, other in changes.items():
        (line,) = (line for line in text.splitlines() if line.strip().startswith(f"{part}:"))
        text = text.replace(line, line[: len(line) - len(line.lstrip())] + f"{part}: {other}")
    listed = ", ".join(f'"{file}"' for file in files)
    return parse_dataset(textwrap.dedent(text).replace("FILES", f"[{listed}]"), "loans.yml")


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def load(connection: database.Connection, dataset: Dataset, name: str = "loans") -> Loaded:
    """As a run does it: the table as the owner, then the rows."""
    ensure_raw_table(connection, name, dataset)
    return load_rows(name, dataset, lambda _: None)


def rows(connection: database.Connection, columns: str, name: str = "loans") -> list[tuple[object, ...]]:
    return connection.execute(f"select {columns} from raw.{name} order by event_id".encode()).fetchall()


def numbers(connection: database.Connection) -> dict[object, tuple[object, ...]]:
    """The month and the number in it of each loan, by its id."""
    query = "select id, to_char(source_month, 'YYYY-MM'), source_row from raw.loans"
    return {row[0]: row[1:] for row in connection.execute(query).fetchall()}


def manifest(connection: database.Connection) -> list[tuple[object, ...]]:
    """The current months with their rows and the days that they cover."""
    query = (
        "select to_char(source_month, 'YYYY-MM'), rows, covers_from::text, covers_until::text "
        "from raw.files where status = 'loaded' order by source_month"
    )
    return connection.execute(query).fetchall()


def loads(connection: database.Connection) -> dict[object, object]:
    """The current load of each month, as the manifest and the rows have it."""
    query = (
        "select to_char(files.source_month, 'YYYY-MM'), files.load_id, array_agg(distinct loans.load_id) "
        "from raw.files left join raw.loans on files.source_month = loans.source_month "
        "where files.status = 'loaded' group by 1, 2"
    )
    found = connection.execute(query).fetchall()
    assert all(own == [load_id] for _, load_id, own in found)
    return {month: load_id for month, load_id, _ in found}


def contents(connection: database.Connection) -> list[list[tuple[object, ...]]]:
    """Every value of the tables that loading writes to, but for moments and numbers of loads."""
    return [
        rows(
            connection, "id, at, amount, kind, repaid, event_id, source_month, window_date, delivery_id, delivery_row"
        ),
        connection.execute(
            "select dataset, location, sha256, rows from raw.source_deliveries order by location"
        ).fetchall(),
        connection.execute(
            "select source_month, covers_from, covers_until, rows, location, sha256 from raw.files "
            "where status = 'loaded' order by source_month"
        ).fetchall(),
    ]
