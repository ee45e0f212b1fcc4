"""Load one month's file into raw.green_trips: manifest row, rows, counts checked, commit - or nothing.

Called by the conductor for every month that is needed. The same bytes again change nothing; other
bytes for the same month take the place of the old ones.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from enum import StrEnum
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from ingest.schema import SERVICE
from ingest.sources import SourceFile
from pipeline import database
from pipeline.errors import BadFileError, DatabaseError, OriginMixError
from pipeline.months import Month

if TYPE_CHECKING:
    from ingest.read import Inspection

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("load.sql"))


class Action(StrEnum):
    """What loading a file came to."""

    LOADED = "loaded"
    REPLACED = "replaced"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class LoadResult:
    """Outcome for one month; `rows` counts the rows written (0 where nothing had to be)."""

    month: Month
    action: Action
    rows: int
    origin: str
    extra_columns: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def load_month(source: SourceFile) -> LoadResult:
    """Bring one month's file into the warehouse.

    Raises:
        BadFileError: the file cannot be loaded as it is; nothing was changed.
        OriginMixError: the file is generated and the warehouse holds real months, or the reverse.
        DatabaseError: the database refused the rows; nothing was changed.
    """
    with source.path.open("rb") as file:
        sha256 = file_digest(file, "sha256").hexdigest()
    with database.connect("ingest") as connection:
        current = connection.execute(
            _QUERIES["current_file"], {"service": SERVICE, "month": source.month.first_day}
        ).fetchone()
        if current is not None and current[0] == sha256:
            return LoadResult(source.month, Action.UNCHANGED, 0, str(current[1]))
        # DuckDB and Arrow are imported when there is something to load; a run with nothing new is quick.
        from ingest.read import inspect

        inspection = inspect(source.path, source.month, sha256)
        origin = "sample" if inspection.is_sample else source.origin
        _check_origin(connection, origin, source)
        load_id = database.one_row(connection, _QUERIES["next_load_id"])[0]
    _write(inspection, source, origin, load_id)
    warnings = () if inspection.rows else (f"{source.path.name} holds no rows: {source.month} is empty",)
    return LoadResult(
        month=source.month,
        action=Action.LOADED if current is None else Action.REPLACED,
        rows=inspection.rows,
        origin=origin,
        extra_columns=inspection.schema.extra,
        warnings=warnings,
    )


def _check_origin(connection: database.Connection, origin: str, source: SourceFile) -> None:
    held = [str(row[0]) for row in connection.execute(_QUERIES["origins"]).fetchall()]
    if any((other == "sample") != (origin == "sample") for other in held):
        raise OriginMixError(
            f"{source.path.name} is {'generated' if origin == 'sample' else 'real'}, but the warehouse holds "
            f"{'real' if origin == 'sample' else 'generated'} months: they are never mixed. "
            "Empty the warehouse with `make clean`, or name another database with PGDATABASE"
        )


def _write(inspection: Inspection, source: SourceFile, origin: str, load_id: int) -> None:
    """One transaction: the old month's rows out, the new ones in, counted, the manifest row."""
    import adbc_driver_manager
    import adbc_driver_postgresql.dbapi as adbc
    import duckdb

    from ingest.read import batches

    name = source.path.name
    month = inspection.month.first_day.isoformat()
    try:
        with (
            duckdb.connect() as reader_connection,
            adbc.connect(database.uri()) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(_QUERIES["lock_month"], (SERVICE, month))
            cursor.execute(_QUERIES["retire_file"], (SERVICE, month))
            cursor.execute(_QUERIES["delete_rows"], (month,))
            cursor.adbc_ingest(
                "green_trips",
                batches(reader_connection, inspection, load_id),
                mode="append",
                db_schema_name="raw",
            )
            cursor.execute(_QUERIES["count_rows"], (month,))
            counted = cursor.fetchone()[0]
            if counted != inspection.rows:
                raise BadFileError(
                    f"{name}: {counted} rows arrived in the database, its footer promises {inspection.rows}: "
                    "the file is damaged; get it again"
                )
            cursor.execute(
                _QUERIES["insert_file"],
                (
                    load_id,
                    SERVICE,
                    month,
                    source.location,
                    inspection.sha256,
                    inspection.bytes,
                    inspection.rows,
                    inspection.schema.fingerprint,
                    "\n".join(inspection.schema.extra),
                    origin,
                ),
            )
            connection.commit()
    except duckdb.Error as error:
        reason = " ".join(str(error).split())[:200]
        raise BadFileError(f"{name} cannot be read to its end ({reason}): the file is damaged; get it again") from error
    except adbc_driver_manager.Error as error:
        reason = " ".join(str(error).split())[:300]
        if "duckdb" in reason.lower() or "Parquet" in reason:
            raise BadFileError(
                f"{name} cannot be read to its end ({reason}): the file is damaged; get it again"
            ) from error
        raise DatabaseError(f"{name} was not loaded, the database said: {reason}") from error
    log.info("%s loaded: %s rows as load %s", name, inspection.rows, load_id)
