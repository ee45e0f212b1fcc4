"""The connection to the warehouse: which server, how to reach it, named queries.

The libpq variables are the only connection configuration. `warehouse()` makes them true for the
command: it leaves them alone where they name a server, else takes them from `.env`, else starts the
embedded one and sets them. Everything below it (psycopg, ADBC, dbt, psql) then finds the server by itself.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute
from enum import Enum
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

import psycopg
from psycopg import sql
from psycopg.rows import class_row, scalar_row

from config import env_file
from config.paths import user_name
from core.advice import Advice
from core.errors import ConfigurationError, DatabaseError
from warehouse import arrow_cursor as arrow
from warehouse import refusals, sessions
from warehouse.arrow_cursor import ArrowCursor
from warehouse.named_queries import queries as queries
from warehouse.server import embedded

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

log = logging.getLogger(__name__)

Connection = psycopg.Connection[tuple[object, ...]]
Query = LiteralString | sql.Composed
Row = TypeVar("Row")
Value = TypeVar("Value")

# PGDATABASE, PGUSER and PGPASSWORD alone say who and what, not which server.
_NAMING_VARIABLES = ("PGHOST", "PGPORT")
# libpq knows these as well, dbt does not: half of the program would use another server than the other half.
_REFUSED_VARIABLES = ("PGHOSTADDR", "PGSERVICE")


class Server(Enum):
    """Which server is used; the value says it in a person's words."""

    ENVIRONMENT = "your own (PG* variables)"
    ENV_FILE = "the Docker services (.env)"
    EMBEDDED = "embedded"


def server() -> Server:
    """The server in use: what the environment names, else what `.env` names, else the embedded one.

    Raises:
        ConfigurationError: `.env` is needed and cannot be used.
    """
    host, port = _address_in_environment()
    if not (host or port):
        return Server.ENV_FILE if env_file.names_server() else Server.EMBEDDED
    if embedded.is_named_by(host, port):
        return Server.EMBEDDED
    return Server.ENV_FILE if env_file.is_named_by(host, port) else Server.ENVIRONMENT


def is_external() -> bool:
    """Whether the server in use is another than the embedded one."""
    return server() is not Server.EMBEDDED


def _address_in_environment() -> tuple[str, str]:
    host, port = (os.environ.get(name, "") for name in _NAMING_VARIABLES)
    return host, port


@contextlib.contextmanager
def warehouse() -> Iterator[None]:
    """The libpq variables name a running server inside this block.

    Raises:
        ConfigurationError: a variable names the server in a way that not everything here understands, or `.env`
            cannot be used.
        DatabaseError: the server cannot be started or reached.
    """
    for name in _REFUSED_VARIABLES:
        if os.environ.get(name):
            raise ConfigurationError(
                f"{name} is set, but only PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE are understood here: "
                f"unset {name} and set those"
            )
    if is_external():
        from_file = _file_environment()
        address = from_file | _external_environment(os.environ | from_file)
        with environment(sessions.variables() | address):
            connect("probe", read_only=True).close()
            yield
    else:
        # What libpq is told of another server (its certificates, its passwords) is not for this one.
        named = {"PGDATABASE": os.environ.get("PGDATABASE")}
        with (
            environment(sessions.libpq_variables() | sessions.variables() | named),
            embedded.running() as own,
            environment(own.environment()),
        ):
            yield


def _file_environment() -> dict[str, str]:
    """What `.env` adds: nothing where the environment names a server, and never a variable that is set."""
    if any(_address_in_environment()):
        return {}
    return {name: value for name, value in env_file.read().items() if not os.environ.get(name)}


def _external_environment(given: Mapping[str, str]) -> dict[str, str]:
    """dbt wants every part spelled out; these are libpq's own defaults."""
    user = given.get("PGUSER") or user_name()
    return {
        "PGHOST": given.get("PGHOST") or "localhost",
        "PGPORT": given.get("PGPORT") or "5432",
        "PGUSER": user,
        "PGDATABASE": given.get("PGDATABASE") or user,
    }


@contextlib.contextmanager
def environment(variables: Mapping[str, str | None]) -> Iterator[None]:
    """The environment has these variables inside this block; None: it has not."""
    before = {name: os.environ.get(name) for name in variables}
    _set(variables)
    try:
        yield
    finally:
        _set(before)


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def describe() -> str:
    """The server in use, in a person's words, without secrets."""
    where = f"{os.environ['PGHOST']}:{os.environ['PGPORT']}, database {os.environ['PGDATABASE']}"
    return f"{where} as {os.environ['PGUSER']}"


@dataclass(frozen=True)
class Login:
    """Whom the server knows a session by."""

    user: str
    password: str | None = attribute(default=None, repr=False)


def login() -> Login:
    """That of the environment as it is now."""
    return Login(os.environ["PGUSER"], os.environ.get("PGPASSWORD"))


def connect(
    purpose: str, *, autocommit: bool = False, read_only: bool = False, as_login: Login | None = None
) -> Connection:
    """A connection that shows its purpose in pg_stat_activity, as the environment's login and role or as another login.

    Where this process holds the warehouse's lock and the connection may write, its transaction begins here, with the
    proof of that; with `autocommit` each transaction is begun by `transaction`.

    Raises:
        DatabaseError: the server cannot be reached, or the database cannot be used; says which and what to do.
    """
    try:
        connection = psycopg.connect(
            application_name=f"monitoring-warehouse {purpose}"[:63],
            autocommit=True,
            connect_timeout=10,
            keepalives_idle=60,
            keepalives_interval=10,
            user=as_login.user if as_login else None,
            password=as_login.password if as_login else None,
        )
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        advice = _advice(is_password=refusals.wants_another_password(error))
        raise DatabaseError(f"cannot connect to Postgres at {describe()}: {reason}. {advice}") from error
    try:
        _check_encoding(connection)
        for statement in sessions.statements(with_role=as_login is None):
            connection.execute(statement)
        connection.autocommit = autocommit
        connection.read_only = read_only
        if not (read_only or autocommit):
            _prove_lock(connection)
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """A transaction that writes, on a connection with `autocommit`."""
    with connection.transaction():
        _prove_lock(connection)
        yield


@contextlib.contextmanager
def undone(connection: Connection) -> Iterator[None]:
    """A part of a transaction that leaves nothing behind."""
    with connection.transaction(force_rollback=True):
        yield


def _prove_lock(connection: Connection) -> None:
    for statement in sessions.proof():
        connection.execute(statement)


def _check_encoding(connection: Connection) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != sessions.ENCODING:
        raise DatabaseError(
            f"the database {os.environ['PGDATABASE']} keeps its texts in {encoding}, and only {sessions.ENCODING} has "
            f"every letter: make one with `create database NAME encoding '{sessions.ENCODING}' template template0` and "
            "name it with PGDATABASE"
        )


def _advice(*, is_password: bool | None) -> str:
    if is_password is None:
        return "Check that PGUSER, PGPASSWORD and PGDATABASE are right and that the server takes one more connection"
    if server() is Server.ENV_FILE:
        file = env_file.location()
        if is_password:
            return (
                f"{file} holds another password than the server, which keeps the one it was made with: correct "
                f"PGPASSWORD there, or {Advice.REMOVE_SERVICES}"
            )
        return (
            f"{file} names this server: {Advice.START_SERVICES}; to use the embedded server instead, "
            f"move that file away (mv {file.name} {file.name}.off) and unset PGHOST and PGPORT"
        )
    if is_password:
        return f"The password is not the one of {os.environ['PGUSER']}: correct PGPASSWORD (or PGUSER)"
    return (
        "Check the PG* variables and that the server runs; to use the embedded server: "
        "unset PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE"
    )


def one_row(connection: Connection, query: LiteralString, parameters: dict[str, object] | None = None) -> Any:
    """The single row of a query that always gives one."""
    row = connection.execute(query, parameters).fetchone()
    if row is None:
        raise DatabaseError(f"the database gave no row for: {query}")
    return row


def rows(
    connection: Connection, query: Query, kind: type[Row], parameters: Mapping[str, object] | None = None
) -> list[Row]:
    """The rows of a query as objects of a class that has a field for each column, by its name."""
    with connection.cursor(row_factory=class_row(kind)) as cursor:
        return cursor.execute(query, parameters).fetchall()


def values(
    connection: Connection, query: Query, kind: type[Value], parameters: Mapping[str, object] | None = None
) -> list[Value]:
    """The values of a query that has one column, of the type that the column has."""
    with connection.cursor(row_factory=scalar_row) as cursor:
        found: list[Value] = cursor.execute(query, parameters).fetchall()
    return found


@contextlib.contextmanager
def arrow_cursor(*, writes: bool = False) -> Iterator[ArrowCursor]:
    """A cursor for Arrow tables in both directions; one transaction, committed where the block ends well.

    Raises:
        DatabaseError: what the server refused.
    """
    import adbc_driver_manager

    try:
        with arrow.opened(writes=writes) as cursor:
            yield cursor
    except adbc_driver_manager.Error as error:
        raise DatabaseError(f"the database refused: {' '.join(str(error).split())[:300]}") from error


def read_frame(query: sql.Composed, parameters: Sequence[object] = ()) -> pd.DataFrame:
    """The rows of a query as a frame, read as Arrow batches; parameters are $1, $2, ...

    Whole-number columns with missing values come as float64 with NaN, or as Int64 where a float would not hold one.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.compute as pc

    table = read_table(query, parameters)
    frame: pd.DataFrame = table.to_pandas()
    for field in table.schema:
        column = table[field.name]
        if pa.types.is_int64(field.type) and column.null_count and (pc.max(pc.abs(column)).as_py() or 0) > 2**53:
            frame[field.name] = column.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame


def read_table(query: sql.Composed, parameters: Sequence[object] = ()) -> pa.Table:
    """The rows of a query as an Arrow table; parameters are $1, $2, ..."""
    with arrow_cursor() as cursor:
        cursor.execute(query.as_string(None), list(parameters) or None)
        return cursor.fetch_arrow_table()


def relation(name: str) -> sql.Identifier:
    """`schema.table` as a quoted identifier."""
    return sql.Identifier(*name.split("."))
