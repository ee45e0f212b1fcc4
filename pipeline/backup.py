"""`make backup` and `make restore`: the whole warehouse with its model files in one file, and back.

A backup is a zip of pg_dump's own archive, the model files, and a manifest with the sha256 of each and a hash of every
table's rows. A restore checks the file before it touches anything, and the rows before it commits. Called by
pipeline.cli.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, cast

from psycopg import sql

from pipeline import database, postgres_programs, sessions
from pipeline.errors import BadFileError, DatabaseError, UsageError
from pipeline.roles import SCHEMAS, ensure_roles
from pipeline.runs import only_lock
from pipeline.settings import state_dir

_QUERIES = database.queries(Path(__file__).with_name("backup.sql"))
FORMAT = 1
_DUMP, _MANIFEST, _MODELS = "warehouse.dump", "manifest.json", "models/"
_PLAIN_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """What a backup says of itself.

    Attributes:
        format: of the file.
        schema_version: of the warehouse.
        server_version: of the Postgres that it was taken from.
        files: sha256 by name of every other member.
        tables: rows and hash of their content, by `schema.table`.
    """

    format: int
    schema_version: int
    server_version: str
    made_at: str
    files: dict[str, str]
    tables: dict[str, str]


def backup(file: Path, tell: Callable[[str], None]) -> Manifest:
    """Write the warehouse in use into a file, which appears complete or not at all.

    Raises:
        UsageError: the file is there already, its folder is not, or the warehouse is empty.
        LockedError: a pipeline is at work.
        DatabaseError: pg_dump is missing, too old, or fails.
    """
    if file.exists():
        raise UsageError(f"{file} is there already: name another file, or remove it")
    if not file.parent.is_dir():
        raise UsageError(f"the folder {file.parent} does not exist: name a file in a folder that does")
    with only_lock("backup") as lock:
        if not database.one_row(lock, _QUERIES["is_made"])[0]:
            raise UsageError("the warehouse is empty, there is nothing to back up: run `make pipeline` first")
        unfinished = file.with_name(f".{file.name}.part")
        try:
            manifest = _write(unfinished, tell)
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
    return manifest


def _write(path: Path, tell: Callable[[str], None]) -> Manifest:
    with database.connect("backup") as connection, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        connection.commit()
        connection.execute("begin isolation level repeatable read read only")
        snapshot = str(database.one_row(connection, "select pg_export_snapshot()")[0])
        server = connection.info.server_version
        files = {_DUMP: _write_dump(archive, snapshot, server // 10000)}
        tables = {name: _content(connection, name) for name in _tables(connection)}
        artifacts: list[Any] = connection.execute(_QUERIES["artifacts"]).fetchall()
        for name, pinned in artifacts:
            model = state_dir() / "models" / Path(str(name)).name
            if not model.exists():
                tell(f"warning: {model} is missing and not in the backup: the next `make pipeline` trains it again")
                continue
            files[_MODELS + model.name] = _write_file(archive, model, _MODELS + model.name)
            if files[_MODELS + model.name] != pinned:
                raise BadFileError(f"{model} is not the file that was trained: remove it, then run `make pipeline`")
        version = database.one_row(connection, _QUERIES["version"])[0]
        manifest = Manifest(
            FORMAT, version, str(server), datetime.now(UTC).isoformat(timespec="seconds"), files, tables
        )
        archive.writestr(_MANIFEST, json.dumps(asdict(manifest), indent=1))
    with path.open("rb+") as written:
        os.fsync(written.fileno())
    return manifest


def _write_dump(archive: zipfile.ZipFile, snapshot: str, server: int) -> str:
    command = [
        _program("pg_dump", server),
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        f"--snapshot={snapshot}",
    ]
    command += [f"--schema={schema}" for schema in SCHEMAS]
    with tempfile.TemporaryFile() as talk:
        dump = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=talk)  # noqa: S603 - no word of a person's
        with dump:
            try:
                with archive.open(_DUMP, "w", force_zip64=True) as member:
                    digest = _copy(cast("IO[bytes]", dump.stdout), member)
            except BaseException:
                dump.kill()
                raise
        if dump.returncode != 0:
            raise DatabaseError(f"pg_dump ended with code {dump.returncode}: {_said(talk)}")
    return digest


def _write_file(archive: zipfile.ZipFile, path: Path, name: str) -> str:
    with path.open("rb") as source, archive.open(name, "w", force_zip64=True) as member:
        return _copy(source, member)


def _copy(source: IO[bytes], target: IO[bytes]) -> str:
    """Copy what is left of the source; gives its sha256."""
    digest = sha256()
    while chunk := source.read(_CHUNK):
        digest.update(chunk)
        target.write(chunk)
    return digest.hexdigest()


def restore(file: Path, *, confirmed: bool, tell: Callable[[str], None]) -> Manifest:
    """Put a backup in the place of the warehouse in use, in one transaction that ends well only if all rows are right.

    Raises:
        UsageError: there is no such file, or the warehouse is not empty and nobody has confirmed.
        BadFileError: the file is no backup, or is damaged; nothing was changed.
        DatabaseError: it was made by a newer version, or the database refused it; nothing was changed.
        LockedError: a pipeline is at work.
    """
    if not file.is_file():
        found = "is no file" if file.exists() else "does not exist"
        raise UsageError(f"{file} {found}: name a file that `make backup` has written")
    folder = state_dir() / "models"
    folder.mkdir(parents=True, exist_ok=True)
    with _opened(file) as (archive, manifest), only_lock("restore") as lock:
        _check_version(manifest)
        held = _held(lock)
        if held and not confirmed:
            raise UsageError(
                f"the warehouse is not empty ({held}): with CONFIRM=yes all of it is replaced by the backup of "
                f"{manifest.made_at}, or name another database with PGDATABASE"
            )
        with tempfile.TemporaryDirectory(prefix="restore-", dir=state_dir()) as name:
            dump = Path(name) / _DUMP
            with dump.open("wb") as target:
                _take_out(archive, manifest, _DUMP, target)
            # Their names carry their hashes: none takes the place of another.
            for member in manifest.files:
                if member != _DUMP:
                    unfinished = Path(name) / Path(member).name
                    with unfinished.open("wb") as target:
                        _take_out(archive, manifest, member, target)
                    shutil.move(unfinished, folder / unfinished.name)
            _load(dump, Path(name), manifest, lock.info.server_version // 10000)
    database.migrate()
    note = ensure_roles()
    if note:
        tell(f"note: {note}")
    with database.connect("restore", autocommit=True) as connection:
        connection.execute("analyze")
    return manifest


@contextmanager
def _opened(file: Path) -> Iterator[tuple[zipfile.ZipFile, Manifest]]:
    """The archive, all of it read and found to be what its manifest says."""
    again = "use another backup"
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = _manifest(archive)
            for member in manifest.files:
                with Path(os.devnull).open("wb") as nowhere:
                    _take_out(archive, manifest, member, nowhere)
    # NotImplementedError is zipfile's word for a damaged header: a compression or a version that does not exist.
    except (zipfile.BadZipFile, KeyError, TypeError, ValueError, EOFError, NotImplementedError) as error:
        reason = " ".join(str(error).split())[:200]
        raise BadFileError(f"{file} is no backup of this program, or is damaged ({reason}): {again}") from error
    with zipfile.ZipFile(file) as archive:
        yield archive, manifest


def _manifest(archive: zipfile.ZipFile) -> Manifest:
    with archive.open(_MANIFEST) as member:
        read = json.loads(member.read())
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise ValueError(f"its format is {read.get('format') if isinstance(read, dict) else 'unknown'}, not {FORMAT}")
    manifest = Manifest(**read)
    there = sorted(set(archive.namelist()) - {_MANIFEST})
    named = sorted(manifest.files)
    if there != named:
        raise ValueError(f"it holds {', '.join(there)}, and should hold {', '.join(named)}")
    for name in named:
        if name != _DUMP and (not name.startswith(_MODELS) or Path(name).name != name.removeprefix(_MODELS)):
            raise ValueError(f"{name} is no name of a model file")
    for table in manifest.tables:
        schema, _, name = table.partition(".")
        if schema not in SCHEMAS or not _PLAIN_NAME.fullmatch(name):
            raise ValueError(f"{table} is no table of a warehouse")
    return manifest


def _take_out(archive: zipfile.ZipFile, manifest: Manifest, member: str, target: IO[bytes]) -> None:
    with archive.open(member) as source:
        found = _copy(source, target)
    if found != manifest.files[member]:
        raise ValueError(f"{member} has the sha256 {found[:12]}..., its manifest says {manifest.files[member][:12]}...")


def _check_version(manifest: Manifest) -> None:
    known = database.known_schema_version()
    if manifest.schema_version > known:
        raise DatabaseError(
            f"this backup has schema version {manifest.schema_version}, this program knows up to {known}: "
            "use the newer program"
        )


def _held(connection: database.Connection) -> str:
    """What the warehouse holds, in words; '' where nothing would be lost."""
    there = {name for name in _tables(connection) if name != "monitoring.schema_versions"}
    counts = []
    for name in ("raw.files", "ml.models", "monitoring.metric_values", "monitoring.runs"):
        if name in there:
            query = sql.SQL("select count(*) from {}").format(database.relation(name))
            found: Any = connection.execute(query).fetchone()
            if found[0]:
                counts.append(f"{found[0]:,} rows in {name}")
    return ", ".join(counts)


def _load(dump: Path, folder: Path, manifest: Manifest, server: int) -> None:
    """One transaction: all schemas out, the dump in, every table compared with its hash."""
    script = folder / "restore.sql"
    with script.open("w", encoding="utf-8") as target:
        target.write("set client_min_messages to warning;\n")
        # psql's session too: rows are hashed as text.
        for statement in sessions.statements() + sessions.proof():
            target.write(f"{statement.as_string(None)};\n")
        for schema in reversed(SCHEMAS):
            target.write(sql.SQL("drop schema if exists {} cascade;\n").format(sql.Identifier(schema)).as_string(None))
        target.flush()
        _run([_program("pg_restore", server), "--no-owner", "--no-privileges", "--file=-", str(dump)], target)
        target.seek(0, os.SEEK_END)
        target.write("\n")
        for name, expected in sorted(manifest.tables.items()):
            content = sql.SQL(_QUERIES["content"]).format(table=database.relation(name))
            check = sql.SQL(_QUERIES["check_table"]).format(
                content=content, expected=sql.Literal(expected), name=sql.Literal(name)
            )
            target.write(check.as_string(None) + "\n")
    _run([_program("psql", server), "--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1",
          "--output", os.devnull, f"--file={script}"], None)  # fmt: skip


def _run(command: list[str], output: IO[str] | None) -> None:
    with tempfile.TemporaryFile() as talk:
        stdout = output.fileno() if output else subprocess.DEVNULL
        code = subprocess.run(command, stdout=stdout, stderr=talk, check=False).returncode  # noqa: S603 - as above
        if code != 0:
            program = Path(command[0]).name
            raise DatabaseError(f"nothing was restored: {program} ended with code {code}: {_said(talk)}")


def _said(talk: IO[bytes]) -> str:
    talk.seek(0)
    lines = talk.read().decode(errors="replace").splitlines()
    return " ".join(" ".join(lines[-3:]).split())[:500] or "it said nothing"


def _tables(connection: database.Connection) -> list[str]:
    rows: list[Any] = connection.execute(_QUERIES["tables"], {"schemas": list(SCHEMAS)}).fetchall()
    return [f"{schema}.{name}" for schema, name in rows]


def _content(connection: database.Connection, name: str) -> str:
    query = sql.SQL("select {}").format(sql.SQL(_QUERIES["content"]).format(table=database.relation(name)))
    found: Any = connection.execute(query).fetchone()
    return str(found[0])


def _program(name: str, server: int) -> str:
    """Path of one of Postgres' own programs that is not older than the server: the wheel's, else the machine's.

    Raises:
        DatabaseError: there is none.
    """
    found = []
    for path in (str(postgres_programs.folder() / name), shutil.which(name)):
        if path is None or not Path(path).exists():
            continue
        told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
        major = re.search(r"\b(\d+)(\.|\b)", told)
        if major and int(major[1]) >= server:
            return path
        found.append(f"{path} is {told.strip()}")
    raise DatabaseError(
        f"{name} of Postgres {server} or newer is needed for this server ({'; '.join(found) or 'there is none'}): "
        "install that version's client programs and put them on the PATH"
    )
