"""Rows per second of ingest, of a bare `adbc_ingest` and of `pandas.to_sql`, into one server.

A process of its own, on the server that the libpq variables name. The three take turns, each with an empty
table and after a checkpoint, so that none writes out what another has left behind.

    python -m benchmarks.load_speed rates MONTH.parquet 2022-01 3   rows per second of each, as JSON
    python -m benchmarks.load_speed load MONTH.parquet 2022-01      only loads; the caller reads its memory
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.months import Month
from ingest.tlc.load import load_month
from ingest.tlc.sources import SourceFile
from warehouse import database, schema_versions

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

TO_SQL_ROWS = 60_000  # at its pace a million rows would take most of a minute each time
_LIKE_RAW = "(like raw.green_trips including defaults)"  # columns and defaults, no index


def load(path: Path, month: Month) -> int:
    """Load a file as the pipeline does; gives the rows written."""
    return load_month(SourceFile(month, path, str(path), "local")).rows


def rates(path: Path, month: Month, rounds: int) -> dict[str, list[float]]:
    """Rows per second by way of loading, one figure a round."""
    table = _arrow_table(path, month)
    frame = table.slice(0, TO_SQL_ROWS).to_pandas()
    found: dict[str, list[float]] = {"ingest": [], "adbc": [], "to_sql": []}
    for _ in range(rounds):
        _execute("truncate raw.green_trips, raw.files")
        found["ingest"].append(_rate(lambda: load(path, month)))
        _execute("truncate raw.green_trips, raw.files")
        found["adbc"].append(_rate(lambda: _bare_adbc(table)))
        found["to_sql"].append(_rate(lambda: _to_sql(frame)))
    _execute("drop schema if exists peers cascade")
    return found


def _rate(action: Callable[[], int]) -> float:
    _execute(f"drop schema if exists peers cascade; create schema peers; create table peers.trips {_LIKE_RAW}")
    _execute("checkpoint")
    started = time.perf_counter()
    rows = action()
    return rows / (time.perf_counter() - started)


def _arrow_table(path: Path, month: Month) -> pa.Table:
    """The rows as ingest hands them to the driver, all in memory."""
    import duckdb

    from ingest.tlc.read import batches, inspect

    with duckdb.connect() as connection:
        return batches(connection, inspect(path, month, sha256=""), load_id=1).read_all()


def _bare_adbc(table: pa.Table) -> int:
    import adbc_driver_postgresql.dbapi as adbc

    with adbc.connect("application_name=benchmark") as connection, connection.cursor() as cursor:
        cursor.adbc_ingest("trips", table, mode="append", db_schema_name="peers")
        connection.commit()
    return int(table.num_rows)


def _to_sql(frame: pd.DataFrame) -> int:
    from sqlalchemy import create_engine

    engine = create_engine("postgresql+psycopg://")  # the libpq variables say where
    try:
        frame.to_sql("trips", engine, schema="peers", if_exists="append", index=False)
    finally:
        engine.dispose()
    return len(frame)


def _execute(statement: Any) -> None:
    with database.connect("benchmark", autocommit=True) as connection:
        connection.execute(statement)


def main(arguments: list[str]) -> None:
    """Do what the command line says; figures go to stdout."""
    task, path, month = arguments[0], Path(arguments[1]), Month.parse(arguments[2])
    schema_versions.migrate()
    if task == "rates":
        print(json.dumps(rates(path, month, int(arguments[3]))))
    else:
        print(load(path, month))


if __name__ == "__main__":
    main(sys.argv[1:])
