"""Months that are loaded, for tests of the loader: files go in, and what the tables hold comes out."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from config.months import Month
from ingest.tlc.load import LoadResult, load_month
from ingest.tlc.sources import SourceFile
from tests.files import trip_table
from warehouse import database

Contents = tuple[list[tuple[object, ...]], list[tuple[object, ...]]]

# A process that loads one month: it is given the month and the path of its file.
LOADER = """
    import sys
    from pathlib import Path
    from ingest.tlc.load import load_month
    from ingest.tlc.sources import SourceFile
    from config.months import Month

    path = Path(sys.argv[2])
    result = load_month(SourceFile(Month.parse(sys.argv[1]), path, str(path), "local"))
    print(result.action, result.rows)
"""


def load(path: Path, month: Month, origin: str = "local") -> LoadResult:
    return load_month(SourceFile(month, path, str(path), origin))


def contents(connection: database.Connection) -> Contents:
    """Every value of the two tables that loading writes to."""
    files = connection.execute("select * from raw.files order by load_id").fetchall()
    trips = connection.execute("select * from raw.green_trips order by source_month, source_row").fetchall()
    return files, trips


def count(connection: database.Connection, month: Month) -> int:
    query = "select count(*) from raw.green_trips where source_month = %(month)s"
    return int(database.one_row(connection, query, {"month": month.first_day})[0])


def manifest(connection: database.Connection) -> list[tuple[object, ...]]:
    query = "select to_char(source_month, 'YYYY-MM'), status, rows from raw.files order by load_id"
    return connection.execute(query).fetchall()


def distances(connection: database.Connection, month: Month) -> list[object]:
    query = "select trip_distance from raw.green_trips where source_month = %s order by source_row"
    return [row[0] for row in connection.execute(query, [month.first_day]).fetchall()]


def sample_table(month: Month) -> pa.Table:
    return trip_table(month).replace_schema_metadata({"origin": "sample"})
