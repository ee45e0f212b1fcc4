"""A cursor for Arrow tables in both directions: ADBC's, in a session like all others.

Each call is made in a thread of its own: in the main one ADBC takes Ctrl-C for itself, and nobody else hears of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from psycopg.conninfo import make_conninfo

from warehouse import sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa


class ArrowCursor:
    """The part of ADBC's cursor that is used here."""

    def __init__(self, cursor: Any) -> None:
        self._cursor = cursor

    def execute(self, query: str, parameters: Sequence[object] | None = None) -> None:
        """Run one statement; parameters are $1, $2, ..."""
        self._call(self._cursor.execute, query, parameters)

    def fetchone(self) -> Any:
        """The next row, or None."""
        return self._call(self._cursor.fetchone)

    def fetch_arrow_table(self) -> pa.Table:
        """All rows."""
        return self._call(self._cursor.fetch_arrow_table)

    def fetch_batches(self, take: Callable[[pa.RecordBatch], None]) -> None:
        """Hand over all rows, a batch at a time, in the order in which they come."""

        def fetch() -> None:
            with self._cursor.fetch_record_batch() as reader:
                for batch in reader:
                    take(batch)

        self._call(fetch)

    def append(self, schema: str, table: str, data: Any) -> None:
        """Add the rows of an Arrow table, or of a reader, to a table that is there."""
        self._call(self._cursor.adbc_ingest, table, data, mode="append", db_schema_name=schema)

    def create_temporary(self, table: str, data: Any) -> None:
        """Make a temporary table of the rows of an Arrow table, or of a reader; it goes with the session."""
        self._call(self._cursor.adbc_ingest, table, data, mode="create", temporary=True)

    def append_temporary(self, table: str, data: Any) -> None:
        """Add rows to a temporary table."""
        self._call(self._cursor.adbc_ingest, table, data, mode="append", temporary=True)

    def _call(self, function: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        with ThreadPoolExecutor(max_workers=1) as thread:
            answer = thread.submit(function, *arguments, **options)
            try:
                return answer.result()
            except KeyboardInterrupt:
                with contextlib.suppress(Exception):  # it may have ended by itself
                    self._cursor.adbc_cancel()
                raise


@contextlib.contextmanager
def opened(*, writes: bool = False) -> Iterator[ArrowCursor]:
    """One transaction, committed where the block ends well; server, user and database are those of the environment.

    Raises:
        adbc_driver_manager.Error: what the server refused.
    """
    import adbc_driver_postgresql.dbapi as adbc

    address = make_conninfo(application_name="monitoring-warehouse arrow", connect_timeout=10)
    with adbc.connect(address) as connection, connection.cursor() as driver:
        cursor = ArrowCursor(driver)
        for statement in sessions.statements():
            cursor.execute(statement.as_string(None))
        connection.commit()
        for statement in sessions.proof() if writes else []:
            cursor.execute(statement.as_string(None))
        yield cursor
        connection.commit()
