"""Load months into raw.green_trips: all files are checked first, then each is loaded or nothing of it is.

One transaction a file: the old rows out, the new ones in, counted, the manifest row, commit. The same
bytes again change nothing; other bytes for the same month take the place of the old ones. Called by
pipeline.steps.ingest.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from config.months import Month
from config.settings import DATASET
from core.advice import Advice
from core.errors import BadFileError, DatabaseError, OriginMixError
from core.failpoints import failpoint
from core.files.checksums import checked_sha256
from core.files.table_files import connect, damaged
from ingest.tlc.read import batches, inspect, noting_errors
from ingest.tlc.sources import SourceFile
from warehouse import arrow_cursor, database
from warehouse.arrow_cursor import ArrowCursor

if TYPE_CHECKING:
    from ingest.tlc.read import Inspection

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
    extra_columns: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Checked:
    """A file that differs from what is loaded and has passed all checks."""

    source: SourceFile
    inspection: Inspection

    @property
    def origin(self) -> str:
        return "sample" if self.inspection.is_sample else self.source.origin


def load_months(sources: tuple[SourceFile, ...]) -> list[LoadResult]:
    """Bring the months' files into the warehouse.

    Raises:
        BadFileError: a file cannot be loaded as it is; no file was loaded, unless the damage lies where only
            loading finds it: then the files before it stand, whole.
        OriginMixError: generated and real files are offered together, or do not go with what is loaded.
        DatabaseError: the database refused the rows; nothing of that file was changed.
    """
    checked = {source: _check(source) for source in sources}
    _check_origins([file for file in checked.values() if file])
    return [_load(file) if file else LoadResult(source.month, Action.UNCHANGED, 0) for source, file in checked.items()]


def load_month(source: SourceFile) -> LoadResult:
    """One month; see load_months."""
    return load_months((source,))[0]


def _check(source: SourceFile) -> _Checked | None:
    """The checked file, or None where exactly these bytes are loaded."""
    sha256 = checked_sha256(source.path, source.sha256)
    with database.connect("ingest", read_only=True) as connection:
        current = connection.execute(
            _QUERIES["current_file"], {"dataset": DATASET, "month": source.month.first_day}
        ).fetchone()
    if current is not None and current[0] == sha256:
        return None
    # DuckDB and Arrow are imported when there is something to load; a run with nothing new is quick.

    try:
        return _Checked(source, inspect(source.path, source.month, sha256))
    except BadFileError as error:
        if source.origin == "tlc":
            raise BadFileError(f"{error}. It was downloaded: delete {source.path} to fetch it again") from error
        raise


def _check_origins(files: list[_Checked]) -> None:
    with database.connect("ingest", read_only=True) as connection:
        rows = connection.execute(_QUERIES["origins"], {"dataset": DATASET}).fetchall()
    held = [str(row[0]) for row in rows]
    offered = {file.origin: file.source.path.name for file in files}
    for origin in offered:
        _refuse_mix(origin, offered[origin], [*held, *offered])


def _refuse_mix(origin: str, name: str, others: list[str]) -> None:
    if any((other == "sample") != (origin == "sample") for other in others):
        raise OriginMixError(
            f"{name} is {'generated' if origin == 'sample' else 'real'}, but there are "
            f"{'real' if origin == 'sample' else 'generated'} months in the warehouse or beside it: they are never "
            f"mixed: {Advice.EMPTY}, name another database with PGDATABASE, or sort the files"
        )


def _load(file: _Checked) -> LoadResult:
    failpoint("ingest.before_file")
    inspection = file.inspection
    with database.connect("ingest") as connection:
        load_id = database.one_row(connection, _QUERIES["next_load_id"])[0]
    action = _write(file, load_id)
    if action is Action.UNCHANGED:
        return LoadResult(inspection.month, action, 0)
    log.info("%s loaded: %s rows as load %s", inspection.path.name, inspection.rows, load_id)
    return LoadResult(
        month=inspection.month,
        action=action,
        rows=inspection.rows,
        extra_columns=inspection.schema.extra,
        warnings=() if inspection.rows else (f"{inspection.path.name} holds no rows: {inspection.month} is empty",),
    )


def _write(file: _Checked, load_id: int) -> Action:
    """One transaction: the old month's rows out, the new ones in, counted, the manifest row."""
    import adbc_driver_manager

    inspection = file.inspection
    reading_errors: list[Exception] = []
    try:
        with connect() as reader, arrow_cursor.opened(writes=True) as cursor:
            # One loader at a time; what was checked before may have changed until now.
            cursor.execute(_QUERIES["lock_files"])
            held = _held(cursor, inspection.month)
            if held.get("sha256") == inspection.sha256:
                return Action.UNCHANGED
            _refuse_mix(file.origin, inspection.path.name, held["origins"])
            month = inspection.month.first_day.isoformat()
            cursor.execute(_QUERIES["retire_file"], (DATASET, month))
            cursor.execute(_QUERIES["delete_rows"], (month,))
            failpoint("ingest.deleted")
            rows = noting_errors(batches(reader, inspection, load_id), reading_errors)
            cursor.append("raw", DATASET, rows)
            _check_count(cursor, inspection)
            cursor.execute(_QUERIES["insert_file"], (json.dumps(_manifest_row(file, load_id)),))
            failpoint("ingest.before_commit")
        failpoint("ingest.after_commit")
    except adbc_driver_manager.Error as error:
        if reading_errors:
            raise damaged(inspection.path, reading_errors[0]) from error
        reason = " ".join(str(error).split())[:300]
        raise DatabaseError(f"{inspection.path.name} was not loaded, the database said: {reason}") from error
    return Action.REPLACED if held.get("sha256") else Action.LOADED


def _held(cursor: ArrowCursor, month: Month) -> dict[str, Any]:
    """The sha256 of the month's current file, if there is one, and all origins of the warehouse."""
    cursor.execute(_QUERIES["held"], (DATASET, month.first_day.isoformat()))
    held: dict[str, Any] = json.loads(cursor.fetchone()[0])
    return held


def _check_count(cursor: ArrowCursor, inspection: Inspection) -> None:
    cursor.execute(_QUERIES["count_rows"], (inspection.month.first_day.isoformat(),))
    counted = cursor.fetchone()[0]
    if counted != inspection.rows:
        raise BadFileError(
            f"{inspection.path.name}: {counted} rows arrived in the database, its footer promises {inspection.rows}: "
            "the file is damaged; get it again"
        )


def _manifest_row(file: _Checked, load_id: int) -> dict[str, Any]:
    inspection = file.inspection
    return {
        "load_id": load_id,
        "dataset": DATASET,
        "source_month": inspection.month.first_day.isoformat(),
        "covers_from": inspection.month.first_day.isoformat(),
        "covers_until": inspection.covers_until.isoformat(),
        "location": file.source.location,
        "sha256": inspection.sha256,
        "bytes": inspection.bytes,
        "rows": inspection.rows,
        "schema_fingerprint": inspection.schema.fingerprint,
        "extra_columns": inspection.schema.extra,
        "origin": file.origin,
        "status": "loaded",
    }
