"""`make backup` and `make restore`: the whole warehouse with its model files in one file, and back.

A backup is data (pipeline.commands.backup_file): the rows of the tables that Python writes, and the models. What dbt
makes of them is not in it. A restore makes our own schema by our own migrations, and the tables of datasets, of which
the backup says the columns; a role that can do nothing but add rows loads them, in one transaction that ends well only
if all rows are right; then dbt builds its part. Called by pipeline.cli.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from hashlib import sha256
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from config.dataset_checks import OWN_COLUMNS
from config.paths import state_dir
from config.settings import DATASET as TAXIS
from core.errors import BadFileError, DatabaseError, DbtError, UsageError
from core.failpoints import failpoint
from core.files.unfinished import unfinished
from ingest.datasets import raw_table
from pipeline import dbt
from pipeline.commands.backup_file import (
    MODEL_NAME,
    MODELS,
    TABLES,
    Backup,
    DatasetTable,
    Manifest,
    Table,
    Writer,
    pieces_of,
    private_file,
    reading,
    writing,
)
from warehouse import database, schema_versions
from warehouse.access.role_rights import PYTHON_SCHEMAS, SCHEMAS
from warehouse.access.roles import ensure_roles
from warehouse.runs import only_lock

_QUERIES = database.queries(Path(__file__).with_name("backup.sql"))
_CREATED = re.compile(r"^create table (?:if not exists )?((?:raw|ml|monitoring)\.\w+)", re.MULTILINE)
_TRUST = "what a backup holds is taken at its word: restore only files that you, or people whom you trust, have written"


def backup(file: Path, tell: Callable[[str], None]) -> Manifest:
    """Write the warehouse in use into a file, which appears complete or not at all.

    Raises:
        UsageError: the file is there already, its folder is not, or the warehouse is empty.
        LockedError: a pipeline is at work.
    """
    if file.exists():
        raise UsageError(f"{file} is there already: name another file, or remove it")
    if not file.parent.is_dir():
        raise UsageError(f"the folder {file.parent} does not exist: name a file in a folder that does")
    with only_lock("backup") as lock:
        if not database.one_row(lock, _QUERIES["is_made"])[0]:
            raise UsageError("the warehouse is empty, there is nothing to back up: run `make pipeline` first")
        with unfinished(file) as part:
            with writing(part) as writer:
                manifest = _write(writer, tell)
            failpoint("backup.written")
    return manifest


def _write(writer: Writer, tell: Callable[[str], None]) -> Manifest:
    with database.connect("backup", read_only=True) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute(_QUERIES["in_order"])
        migrations = list(database.one_row(connection, _QUERIES["migrations"])[0])
        tables = {}
        datasets = _datasets(connection)
        for name, columns in _own_tables(connection, migrations, datasets, tell).items():
            parts = {"table": database.relation(name), "columns": _listed(columns)}
            writer.add(TABLES + name, _copied(connection, sql.SQL(_QUERIES["copy_out"]).format(**parts)))
            tables[name] = Table(columns=columns, content=_content(connection, name, columns))
            failpoint("backup.table_written")
        for artifact, pinned in connection.execute(_QUERIES["artifacts"]).fetchall():
            model = state_dir() / "models" / Path(str(artifact)).name
            if not model.exists():
                tell(f"warning: {model} is missing and not in the backup: the next `make pipeline` trains it again")
            elif writer.add(MODELS + model.name, pieces_of(model)).sha256 != pinned:
                raise BadFileError(f"{model} is not the file that was trained: remove it, then run `make pipeline`")
        manifest = Manifest(
            format=2,
            made_at=datetime.now(UTC).isoformat(timespec="seconds"),
            migrations=migrations,
            is_built=bool(database.one_row(connection, _QUERIES["is_built"])[0]),
            tables=tables,
            datasets=datasets,
            sequences=_sequences(connection),
            members=writer.members,
        )
    writer.finish(manifest)
    return manifest


def _datasets(connection: database.Connection) -> dict[str, DatasetTable]:
    """The tables of datasets, of which each has been loaded."""
    if "raw.source_deliveries" not in _tables(connection):
        return {}
    found = {}
    for name in database.values(connection, _QUERIES["datasets"], str):
        if name == TAXIS:
            continue  # a migration makes it
        columns, key = raw_table.described(connection, name)
        found[name] = DatasetTable.model_validate({"columns": columns, "key": list(key)})
    return found


def _own_tables(
    connection: database.Connection,
    migrations: list[int],
    datasets: Iterable[str],
    tell: Callable[[str], None],
) -> dict[str, list[str]]:
    """The columns of the tables that the migrations, and datasets' files, have made.

    Raises:
        DatabaseError: one is missing.
    """
    there = _tables(connection)
    files = schema_versions.migrations()
    made = {name for number in migrations if number in files for name in _CREATED.findall(files[number].read_text())}
    made |= {f"raw.{name}" for name in datasets}
    if missing := sorted(made - there.keys()):
        raise DatabaseError(f"the warehouse has lost {', '.join(missing)}: restore a backup, or begin anew")
    for name in sorted(there.keys() - made):
        if set(OWN_COLUMNS) <= set(there[name]):
            continue  # of a dataset of which nothing has been loaded
        tell(f"warning: {name} is no table of this program and is not in the backup: move it to a schema of your own")
    return {name: columns for name, columns in there.items() if name in made}


def _copied(connection: database.Connection, query: sql.Composed) -> Iterator[bytes]:
    with connection.cursor() as cursor, cursor.copy(query) as copy:
        yield from map(bytes, copy)


def restore(file: Path, *, confirmed: bool, tell: Callable[[str], None]) -> Manifest:
    """Put a backup in the place of the warehouse in use: all of its rows and models, or nothing.

    Raises:
        UsageError: there is no such file, or the warehouse is not empty and nobody has confirmed.
        BadFileError: the file is no backup, or is damaged; nothing was changed.
        DatabaseError: it was made by a newer version, or the database refused it; nothing was changed.
        DbtError: the rows are there, and what dbt makes of them is not.
        LockedError: a pipeline is at work.
    """
    if not file.is_file():
        found = "is no file" if file.exists() else "does not exist"
        raise UsageError(f"{file} {found}: name a file that `make backup` has written")
    with reading(file) as read, only_lock("restore") as lock:
        manifest = read.manifest
        _check_version(manifest)
        held = _held(lock)
        if held and not confirmed:
            raise UsageError(
                f"the warehouse is not empty ({held}): with CONFIRM=yes all of it is replaced by the backup of "
                f"{manifest.made_at}, or name another database with PGDATABASE"
            )
        tell(f"note: {_TRUST}")
        _check_space(manifest)
        with database.connect("restore") as connection, _unpacked_models(read) as place_models:
            with _refusals(file):
                _load(connection, read)
                _check_models(connection, manifest, tell)
                schema_versions.apply_missing(connection, schema_versions.migrations())
            failpoint("restore.before_commit")
            place_models()
        failpoint("restore.committed")
        note = ensure_roles()
        if note:
            tell(f"note: {note}")
        _build(manifest)
    return manifest


def _build(manifest: Manifest) -> None:
    """What dbt makes of the tables, as `make pipeline` would: it finds by itself what is missing."""
    with database.connect("restore", autocommit=True) as connection:
        connection.execute(_QUERIES["analyze"])
    if manifest.is_built:
        try:
            dbt.build(run_id=None, with_tests=False)
        except DbtError as error:
            raise DbtError(
                f"all rows and models are restored, but not what dbt makes of them, `make pipeline` builds it: {error}"
            ) from error


def _check_version(manifest: Manifest) -> None:
    known = schema_versions.migrations()
    if not known.keys() >= set(manifest.migrations):
        raise DatabaseError(
            f"this backup has schema version {max(manifest.migrations)}, this program knows up to {max(known)}: "
            "use the newer program"
        )


def _check_space(manifest: Manifest) -> None:
    """What is unpacked has room. Of another machine's disk nothing is known."""
    needed, free = manifest.size, shutil.disk_usage(state_dir()).free
    if database.is_external():
        needed = sum(manifest.members[MODELS + name].size for name in manifest.models)
    if needed > free:
        raise DatabaseError(f"the backup comes to {needed:,} bytes, and {free:,} are free at {state_dir()}: make room")


def _held(connection: database.Connection) -> str:
    """What the warehouse holds, in words; '' where nothing would be lost."""
    there = _tables(connection)
    counts = []
    for name in ("raw.files", "ml.models", "monitoring.metric_values", "monitoring.runs"):
        if name in there:
            rows = int(_row(connection, sql.SQL(_QUERIES["count"]).format(table=database.relation(name)))[0])
            if rows:
                counts.append(f"{rows:,} rows in {name}")
    return ", ".join(counts)


def _load(connection: database.Connection, read: Backup) -> None:
    """Our schema as the backup's migrations make it, with the backup's rows, each table compared with its hash.

    Raises:
        BadFileError: its tables are not those of the schema, or not what they were.
    """
    manifest = read.manifest
    for schema in reversed(SCHEMAS):
        connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
    files = schema_versions.migrations()
    schema_versions.apply_missing(connection, {number: files[number] for number in sorted(manifest.migrations)})
    _make_datasets(connection, manifest)
    # From here on names are those of our schema; the backup's have been found to be the same.
    tables, sequences = _tables(connection), _sequences(connection)
    _check_same("tables", manifest.tables, tables)
    _check_same("sequences", manifest.sequences, sequences)
    for name, columns in tables.items():
        _check_same(f"columns of {name}", manifest.tables[name].columns, columns)
    references = connection.execute(_QUERIES["references"]).fetchall()
    order = TopologicalSorter(
        {name: {str(to) for of, to in references if of == name} & tables.keys() for name in tables}
    )
    with _acting_as_nobody_else(connection):
        for name in order.static_order():
            columns = manifest.tables[name].columns
            parts = {"table": database.relation(name), "columns": _listed(columns)}
            query = sql.SQL(_QUERIES["copy_in"]).format(**parts)
            with connection.cursor() as cursor, cursor.copy(query) as copy:
                for piece in read.read(TABLES + name):
                    copy.write(piece)
            failpoint("restore.table_loaded")
    for name in sequences:
        value, is_called = manifest.sequences[name]
        connection.execute(_QUERIES["set_sequence"], {"name": name, "value": value, "is_called": is_called})
    for name in tables:
        if _content(connection, name, manifest.tables[name].columns) != manifest.tables[name].content:
            raise BadFileError(f"nothing was restored: {name} is not what was backed up: use another backup")


def _make_datasets(connection: database.Connection, manifest: Manifest) -> None:
    """The tables of datasets: their names and types are of the kinds that ours have, see DatasetTable."""
    for name, table in manifest.datasets.items():
        if f"raw.{name}" in _tables(connection) or not set(table.key) <= table.columns.keys():
            raise BadFileError(f"nothing was restored: {name} is no dataset that a warehouse has: use another backup")
        if set(OWN_COLUMNS) & table.columns.keys():
            raise BadFileError(f"nothing was restored: {name} has columns that no dataset has: use another backup")
        raw_table.make_again(connection, name, table.columns, tuple(table.key))


@contextlib.contextmanager
def _refusals(file: Path) -> Iterator[None]:
    """What our tables do not take is a fault of the file."""
    try:
        yield
    except (psycopg.DataError, psycopg.IntegrityError) as error:
        reason = ascii(" ".join(str(error).split())[:300])[1:-1]
        raise BadFileError(f"nothing was restored: {file} holds what no warehouse does ({reason})") from error


def _check_same(what: str, named: Iterable[str], ours: Iterable[str]) -> None:
    if sorted(named) != sorted(ours):
        missing = ", ".join(sorted(set(ours) - set(named))) or "none"
        raise BadFileError(
            f"nothing was restored: the {what} that the backup names are not those that it must hold "
            f"(missing: {missing}; not known: {len(set(named) - set(ours))}): use another backup"
        )


@contextlib.contextmanager
def _acting_as_nobody_else(connection: database.Connection) -> Iterator[None]:
    """The block can add rows to our tables, and do nothing else: as a role that nobody sees, gone when it ends.

    Where the connected user may not make roles, its own rights stay.
    """
    if not database.one_row(connection, _QUERIES["may_create_roles"])[0]:
        yield
        return
    own = sql.Identifier(str(database.one_row(connection, "select current_user")[0]))
    role = sql.Identifier(f"restore_{secrets.token_hex(8)}")
    connection.execute(sql.SQL("create role {} nologin").format(role))
    connection.execute(sql.SQL("grant {} to {}").format(role, own))
    for schema in map(sql.Identifier, PYTHON_SCHEMAS):
        connection.execute(sql.SQL("grant usage on schema {} to {}").format(schema, role))
        connection.execute(sql.SQL("grant insert on all tables in schema {} to {}").format(schema, role))
    connection.execute(sql.SQL("set local role {}").format(role))
    yield
    connection.execute(sql.SQL("set local role {}").format(own))
    connection.execute(sql.SQL("drop owned by {}").format(role))
    connection.execute(sql.SQL("drop role {}").format(role))


@contextlib.contextmanager
def _unpacked_models(read: Backup) -> Iterator[Callable[[], None]]:
    """The models' files beside their places; what is given puts them there.

    They come before the rows that pin them: to the warehouse that is there a file more, under a name with its hash, is
    nothing.

    Raises:
        UsageError: another file has the name of one.
    """
    folder = state_dir() / "models"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    with contextlib.ExitStack() as parts:
        for name in read.manifest.models:
            target = folder / name
            if target.exists():
                if _sha256(target) != read.manifest.members[MODELS + name].sha256:
                    raise UsageError(f"{target} is another file than the backup's: move it away, then run this again")
                continue
            part = parts.enter_context(unfinished(target))
            with private_file(part) as file:
                for piece in read.read(MODELS + name):
                    file.write(piece)
        yield parts.close


def _check_models(connection: database.Connection, manifest: Manifest, tell: Callable[[str], None]) -> None:
    """Every model's file is the one that the restored rows pin."""
    pinned = {str(name): str(pin) for name, pin in connection.execute(_QUERIES["artifacts"]).fetchall()}
    for name in manifest.models:
        if pinned.pop(name, None) != manifest.members[MODELS + name].sha256:
            raise BadFileError(f"nothing was restored: {name} is not the file that ml.models pins: use another backup")
    for name in pinned:
        if MODEL_NAME.fullmatch(name) is None:
            raise BadFileError(f"nothing was restored: {name!a} in ml.models is no name of a model file")
        tell(f"warning: {name!a} is not in the backup: the next `make pipeline` trains it again")


def _sha256(path: Path) -> str:
    digest = sha256()
    for piece in pieces_of(path):
        digest.update(piece)
    return digest.hexdigest()


def _tables(connection: database.Connection) -> dict[str, list[str]]:
    """The tables that Python writes, with their columns."""
    rows: list[Any] = connection.execute(_QUERIES["tables"], {"schemas": list(PYTHON_SCHEMAS)}).fetchall()
    return dict(rows)


def _sequences(connection: database.Connection) -> dict[str, tuple[int, bool]]:
    found = {}
    for name in database.values(connection, _QUERIES["sequences"], str, {"schemas": list(PYTHON_SCHEMAS)}):
        query = sql.SQL(_QUERIES["sequence_value"]).format(sequence=database.relation(name))
        found[name] = _row(connection, query)
    return found


def _content(connection: database.Connection, name: str, columns: list[str]) -> str:
    query = sql.SQL(_QUERIES["content"]).format(table=database.relation(name), columns=_listed(columns))
    return str(_row(connection, query)[0])


def _row(connection: database.Connection, query: sql.Composed) -> Any:
    return connection.execute(query).fetchone()


def _listed(columns: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, columns))
