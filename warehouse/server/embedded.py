"""The embedded Postgres: a server from a wheel, its data under the state folder, on a private socket.

`running()` gives a command the server for as long as it works. Every command that uses the server
holds a shared lock on one file; the last one to leave stops the server, unless `keep()`
asked for it to stay. A lock dies with its owner, so a server left behind by a killed command is
taken over by the next one and stopped when that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from config.paths import state_dir
from core.advice import Advice
from core.errors import ConfigurationError, DatabaseError
from warehouse.server import postgres_programs, sockets
from warehouse.server.postgres_programs import SUPERUSER as SUPERUSER

if TYPE_CHECKING:
    from psycopg import Connection

DATABASE = "warehouse"
_SOCKET_PORT = "5432"
_SERVER_OPTIONS = """\
# Written by the project at every start of the embedded server.
client_connection_check_interval = '1s'  # a killed client's lock is gone within about a second
fsync = on
jit = off                                # queries here are short; compiling them costs more
lc_messages = 'C'
max_wal_size = '2GB'
random_page_cost = 1.1                    # disks of today seek for nothing
shared_buffers = '256MB'
timezone = 'UTC'
work_mem = '32MB'
"""
_CLIENT_AUTHENTICATION = """\
# The socket lies in a folder that only its owner can open; over TCP the password is asked for.
local all all trust
host all all 127.0.0.1/32 scram-sha-256
"""


@dataclass(frozen=True)
class Address:
    """How libpq reaches the embedded server."""

    host: str
    port: str
    password: str = ""

    def environment(self) -> dict[str, str]:
        """The libpq variables; PGDATABASE stays what the caller's environment says, if it says it."""
        variables = {
            "PGHOST": self.host,
            "PGPORT": self.port,
            "PGUSER": SUPERUSER,
            "PGDATABASE": os.environ.get("PGDATABASE") or DATABASE,
        }
        if self.password:
            variables["PGPASSWORD"] = self.password
        return variables


class EmbeddedServer:
    """The server of one state folder.

    Raises:
        ConfigurationError: the folder's name cannot be used.
        DatabaseError: the folder cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        # The server's own status file has a line for each of its facts.
        if "\n" in str(folder):
            raise ConfigurationError(
                f"the folder {str(folder)!r} has a line break in its name, which Postgres cannot live with: "
                "name another one with WAREHOUSE_STATE_DIR"
            )
        self.folder = folder
        self.data = folder / "postgres"
        self.log = self.data / "log"
        self.keep_file = folder / "postgres.keep"
        self.password_file = folder / "postgres.password"
        self.users_lock = folder / "postgres.users.lock"
        with _failing_in_words(folder):
            self.folder.mkdir(parents=True, exist_ok=True)

    def _give_back_to_owner(self) -> None:
        """As root the server runs as a user of its own: a copied data folder may have another owner."""
        user = postgres_programs.owner()
        if user is not None and (self.data / "PG_VERSION").stat().st_uid != user.pw_uid:
            for path in (self.data, *self.data.rglob("*")):
                postgres_programs.give_to_owner(path)

    def is_running(self) -> bool:
        process_id = self._process_id()
        return process_id is not None and postgres_programs.is_postgres(process_id)

    def _process_id(self) -> int | None:
        first = (postgres_programs.status(self.data) or [""])[0].strip()
        return int(first) if first.isdigit() else None

    def start(self, tcp_port: int | None = None) -> None:
        """Start the server, after making the cluster where there is none.

        Raises:
            DatabaseError: the server does not come up; the message has Postgres' own reason.
        """
        with _failing_in_words(self.folder):
            if (self.data / "PG_VERSION").exists():
                self._give_back_to_owner()
            elif self.data.exists() and any(self.data.iterdir()):
                raise DatabaseError(
                    f"{self.data} is to hold the embedded Postgres and holds something else: move that away, or name "
                    "another folder with WAREHOUSE_STATE_DIR"
                )
            else:
                postgres_programs.make_cluster(self.data)
            if self._process_id() is not None and not self.is_running():
                self._forget_killed_server()
            self._write_configuration("127.0.0.1" if tcp_port else "", str(tcp_port or _SOCKET_PORT))
            postgres_programs.start(self.data, self.log)

    def ensure_running(self, tcp_port: int | None = None) -> bool:
        """Start the server where it does not run; whether it did not.

        Raises:
            DatabaseError: as `start`.
        """
        process_id = self._process_id()
        if process_id is None or not self.is_running():
            self.start(tcp_port)
            return True
        # A command that was killed may have left it in the middle of its start.
        with _failing_in_words(self.folder):
            postgres_programs.wait_until_ready(self.data, process_id, self.log, self.log.stat().st_size)
        return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server if it runs; nothing that was committed is lost, and with SIGINT nothing is to be recovered.

        Raises:
            DatabaseError: it does not stop.
        """
        process_id = self._process_id()
        if process_id is not None and self.is_running():
            socket_folder = Path(self.socket_address().host)
            postgres_programs.stop(process_id, self.log, how)
            if socket_folder != self.data:
                with contextlib.suppress(OSError):  # something else lies in it: the next start uses it again
                    socket_folder.rmdir()

    def socket_address(self) -> Address:
        """Host (a folder) and port of the running server, as its own status file gives them."""
        lines = postgres_programs.status(self.data)
        return Address(host=lines[4], port=lines[3])

    def tcp_address(self) -> Address | None:
        """The address on 127.0.0.1 with its password, or None where the server listens on its socket only."""
        lines = postgres_programs.status(self.data)
        if not lines[5].strip():
            return None
        return Address("127.0.0.1", lines[3], self.password_file.read_text(encoding="utf-8").strip())

    def set_password(self) -> None:
        """Give the superuser a random password for TCP, once; it is kept in a file only its owner reads."""
        from psycopg import sql

        if not self.password_file.exists():
            handle = os.open(self.password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(secrets.token_urlsafe(24))
        password = self.password_file.read_text(encoding="utf-8").strip()
        with self._administer() as connection:
            statement = sql.SQL("alter role {} password {}").format(sql.Identifier(SUPERUSER), password)
            connection.execute(statement)

    def create_database(self) -> None:
        """Make the database that the environment names, if it is not there."""
        from psycopg import sql

        name = self.socket_address().environment()["PGDATABASE"]
        with self._administer() as connection:
            if connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is None:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))

    def drop_database(self) -> bool:
        """Drop the database that the environment names; whether others of the project's are left."""
        from psycopg import sql

        name = self.socket_address().environment()["PGDATABASE"]
        with self._administer() as connection:
            connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))
            others = connection.execute(
                "select 1 from pg_database where not datistemplate and datname != 'postgres' limit 1"
            )
            return others.fetchone() is not None

    def _administer(self) -> Connection[tuple[Any, ...]]:
        import psycopg

        where = self.socket_address()
        return psycopg.connect(
            host=where.host,
            port=where.port,
            user=SUPERUSER,
            dbname="postgres",
            client_encoding="UTF8",
            options="",
            autocommit=True,
        )

    def _write_configuration(self, listen: str, port: str) -> None:
        socket_folder = sockets.make(self.data)
        # A plain name: without quotes, commas and the like.
        text = f"{_SERVER_OPTIONS}listen_addresses = '{listen}'\nport = {port}\n"
        text += f"unix_socket_directories = '{socket_folder}'\n"
        main = self.data / "postgresql.conf"
        include = "include = 'project.conf'"
        _write_as_owner_of(main, self.data / "project.conf", text)
        if include not in main.read_text(encoding="utf-8"):
            with main.open("a", encoding="utf-8") as file:
                file.write(f"\n{include}\n")
        _write_as_owner_of(main, self.data / "pg_hba.conf", _CLIENT_AUTHENTICATION)

    def _forget_killed_server(self) -> None:
        """Remove the lock files of a server that was killed.

        Postgres does so itself, unless nobody has waited for the dead process, as in containers without an init:
        then it takes the number for that of a living server.
        """
        lines = postgres_programs.status(self.data)
        if len(lines) > 4:
            (Path(lines[4]) / f".s.PGSQL.{lines[3]}.lock").unlink(missing_ok=True)
        (self.data / "postmaster.pid").unlink()


def _write_as_owner_of(like: Path, path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    os.chown(path, like.stat().st_uid, like.stat().st_gid)


@contextlib.contextmanager
def _failing_in_words(folder: Path) -> Iterator[None]:
    """A file or folder that cannot be used is told of as one of the embedded server.

    Raises:
        DatabaseError: in place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise DatabaseError(
            f"the folder of the embedded Postgres, {folder}, cannot be used: {error.strerror}: "
            f"{error.filename or folder}; mend that, name another folder with WAREHOUSE_STATE_DIR, or "
            f"{postgres_programs.WAY_OUT}"
        ) from error


@contextlib.contextmanager
def _open_lock(path: Path) -> Iterator[IO[str]]:
    with _failing_in_words(path.parent):
        lock = path.open("a", encoding="utf-8")
    with lock:
        yield lock


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Starting, joining and stopping the server happen one command at a time; each takes a moment."""
    with _open_lock(folder / "postgres.change.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_named_by(host: str, port: str) -> bool:
    """Whether these are the address of this project's own server, as `keep` gives it."""
    data = state_dir() / "postgres"
    if host in {str(data), str(sockets.place(data))}:
        return True
    try:
        lines = postgres_programs.status(data)
    except OSError:
        return False
    if len(lines) > 5 and host == lines[4]:
        return True
    return len(lines) > 5 and bool(lines[5].strip()) and host in {"127.0.0.1", "localhost"} and port == lines[3]


@contextlib.contextmanager
def running() -> Iterator[Address]:
    """The embedded server, started if it is not up and stopped when its last user leaves."""
    server = EmbeddedServer(state_dir())
    with _open_lock(server.users_lock) as users:
        with _one_at_a_time(server.folder):
            if server.ensure_running():
                server.keep_file.unlink(missing_ok=True)
            server.create_database()
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield server.socket_address()
        finally:
            with _one_at_a_time(server.folder):
                if _is_last(users) and not server.keep_file.exists():
                    server.stop()


def _is_last(users: IO[str]) -> bool:
    """Whether nobody else is at work with the server."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def keep(tcp_port: int | None = None) -> Address:
    """Start the server and leave it running; with a port also on 127.0.0.1 with a password.

    Raises:
        DatabaseError: it runs already without the wanted port.
    """
    server = EmbeddedServer(state_dir())
    with _one_at_a_time(server.folder):
        server.ensure_running(tcp_port)
        server.create_database()
        server.keep_file.touch()
        if tcp_port is None:
            return server.tcp_address() or server.socket_address()
        server.set_password()
        address = server.tcp_address()
        if address is None or address.port != str(tcp_port):
            raise DatabaseError(
                f"the embedded Postgres already runs without TCP port {tcp_port}: {Advice.STOP_SERVER}, "
                f"then {Advice.KEEP_SERVER} (port={tcp_port})"
            )
        return address


def release() -> bool:
    """Stop the server that `keep` left running; False if none ran.

    Raises:
        DatabaseError: another command is at work with it.
    """
    server = EmbeddedServer(state_dir())
    with _open_lock(server.users_lock) as users, _one_at_a_time(server.folder):
        server.keep_file.unlink(missing_ok=True)
        if not _is_last(users):
            raise DatabaseError(
                "another command is using the embedded Postgres: it stops by itself when that command ends"
            )
        was_running = server.is_running()
        server.stop()
        return was_running
