"""One read-only statement to CSV on stdout, and an interactive psql, both on the warehouse in use.

The statement is asked by a role that can only read, which no SQL can leave (see
warehouse.access.roles); psql is the owner's own.
"""

from __future__ import annotations

import contextlib
import csv
import shutil
import signal
import subprocess
from typing import TextIO

import psycopg

from core.errors import QueryError
from warehouse import database
from warehouse.access.roles import reader_login
from warehouse.server import postgres_programs

_SYNTAX_ERROR = "42601"
_OWN_SCHEMAS = """
    select set_config('search_path', coalesce(string_agg(quote_ident(name), ', '), 'public'), false)
    from unnest(current_schemas(false)) as name
    where name != current_user
"""


def print_csv(query: str, out: TextIO) -> None:
    """Write the rows as Postgres prints them, with a header.

    Raises:
        QueryError: the database refused the statement, it is more than one, or it gives no rows.
    """
    with contextlib.closing(database.connect("sql", read_only=True, as_login=reader_login())) as connection:
        # A person's own tables are found as in psql, but for a schema that is called as this user is.
        connection.execute("reset search_path")
        connection.execute(_OWN_SCHEMAS)
        try:
            # Prepared: the server takes exactly one statement, so none can end the read-only transaction.
            cursor = connection.execute(query.strip().rstrip(";").encode(), prepare=True)
        except psycopg.Error as error:
            reason = " ".join(str(error).split())
            # A mistake that is at no place of the text: the parser has found more than one statement.
            if error.sqlstate == _SYNTAX_ERROR and error.diag.statement_position is None:
                reason = "it is more than one statement; one is valid here"
            elif isinstance(error, psycopg.ProgrammingError) and error.sqlstate is None:
                reason = "COPY is not valid here, and not needed: the rows are printed as CSV anyway"
            raise QueryError(f"the database refused the query: {reason}") from error
        result = cursor.pgresult
        if result is None or cursor.description is None:
            raise QueryError("the statement gives no rows: only queries are valid here; it changed nothing")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(column.name for column in cursor.description)
        for row in range(result.ntuples):
            fields = (result.get_value(row, column) for column in range(result.nfields))
            writer.writerow("" if field is None else field.decode() for field in fields)


def open_psql() -> int:
    """Run psql, the machine's own or the wheel's; gives its exit code."""
    program = shutil.which("psql") or str(postgres_programs.folder() / "psql")
    # Ctrl-C is psql's own affair: it cancels a query, and goes on.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return subprocess.run(  # noqa: S603 - a fixed program without arguments
            [program], check=False, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)
        ).returncode
    finally:
        signal.signal(signal.SIGINT, before)
