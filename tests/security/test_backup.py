"""Backups that somebody else has written: none of them runs anything, fills the disk or leaves half of something."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import stat
import struct
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from core.errors import BadFileError, UsageError
from pipeline.commands import backup_file
from pipeline.commands.backup import _acting_as_nobody_else, backup, restore
from tests.conftest import drop_database, make_database
from tests.runs import contents
from warehouse import database, schema_versions
from warehouse.access.roles import ensure_roles
from warehouse.database import Connection
from warehouse.server import embedded, postgres_programs

MODEL = b"a model"
PIN = hashlib.sha256(MODEL).hexdigest()
MODEL_NAME = f"m-2022-01-0.{PIN[:12]}.skops"
INSERT_MODEL = """
insert into ml.models (
    model_version, dataset, spec, definition_sha256, training_metrics, feature_names, libraries, origin, train_month,
    artifact_file, artifact_sha256, training_window_start, training_window_end, training_rows, training_data_sha256,
    reference_id
) values (
    'm', 'd', 'm', '', '{}', '{}', '{}', 'sample', '2022-01-01', %s, %s, '2022-01-01', '2022-02-01', 1, '', ''
)
"""
Change = Callable[[dict[str, Any], dict[str, bytes]], None]


def silent(line: str) -> None:
    pass


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of the test's own, with one model's file."""
    folder = tmp_path / "state"
    (folder / "models").mkdir(parents=True)
    (folder / "models" / MODEL_NAME).write_bytes(MODEL)
    return folder


@pytest.fixture
def written(empty_warehouse: Connection, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A backup of a warehouse with a beat and a model; the warehouse has another beat by now."""
    monkeypatch.setattr("pipeline.commands.backup.state_dir", lambda: state)
    empty_warehouse.execute("insert into monitoring.heartbeats values ('2022-02-01 00:00+00', 'test', 0.1)")
    empty_warehouse.execute(INSERT_MODEL, [MODEL_NAME, PIN])
    backup(tmp_path / "one.backup", silent)
    empty_warehouse.execute("update monitoring.heartbeats set value = 0.2")
    return tmp_path / "one.backup"


def forged(path: Path, change: Change, *, sealed: bool = True) -> Path:
    """The same backup after a change, with the sizes and hashes that go with it where it is sealed again."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    change(manifest, members)
    if sealed:
        manifest["members"] = {
            name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in members.items()
        }
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("manifest.json", json.dumps(manifest))
    return path


@contextlib.contextmanager
def nothing_changes(connection: Connection, state: Path) -> Iterator[None]:
    before, files = contents(connection), {path: path.read_bytes() for path in state.rglob("*") if path.is_file()}
    yield
    assert contents(connection) == before
    assert {path: path.read_bytes() for path in state.rglob("*") if path.is_file()} == files


# ---------- what is data does nothing


def test_a_dump_with_a_program_in_a_check_runs_nothing(empty_warehouse: Connection, tmp_path: Path) -> None:
    mark = tmp_path / "it ran"
    empty_warehouse.execute("drop schema monitoring cascade; create schema monitoring")
    empty_warehouse.execute(
        f"create function monitoring.evil() returns boolean language plpgsql as $$ begin "
        f"execute $x$copy (select 1) to program 'touch \"{mark}\"'$x$; return true; end $$".encode()
    )
    empty_warehouse.execute("create table monitoring.heartbeats (n integer)")
    empty_warehouse.execute("insert into monitoring.heartbeats values (1)")
    empty_warehouse.execute("alter table monitoring.heartbeats add check (monitoring.evil()) not valid")
    dump = subprocess.run(
        [str(postgres_programs.folder() / "pg_dump"), "--format=custom", "--schema=monitoring"],
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    empty_warehouse.execute("drop schema monitoring cascade")
    manifest = {
        "format": 1, "schema_version": 24, "server_version": "160000", "made_at": "2022-03-01T00:00:00+00:00",
        "files": {"warehouse.dump": hashlib.sha256(dump).hexdigest()}, "tables": {},
    }  # fmt: skip
    with zipfile.ZipFile(tmp_path / "old.backup", "w") as archive:
        archive.writestr("warehouse.dump", dump)
        archive.writestr("manifest.json", json.dumps(manifest))
    with pytest.raises(
        BadFileError, match=r"of format 1, which is SQL.*with the version of this program that wrote it"
    ):
        restore(tmp_path / "old.backup", confirmed=True, tell=silent)
    assert not mark.exists()
    assert empty_warehouse.execute("select to_regnamespace('monitoring')").fetchone() == (None,)


@pytest.mark.parametrize(
    ("dataset", "table", "message"),
    [
        ("loans", {"columns": {"id": "text default evil()"}, "key": ["id"]}, "is no backup|cannot be|damaged"),
        ('loans"; drop schema raw', {"columns": {"id": "text"}, "key": ["id"]}, "is no backup|cannot be|damaged"),
        ("files", {"columns": {"id": "text"}, "key": ["id"]}, "files is no dataset that a warehouse has"),
        ("loans", {"columns": {"id": "text"}, "key": ["other"]}, "loans is no dataset that a warehouse has"),
        ("loans", {"columns": {"event_id": "text"}, "key": []}, "loans has columns that no dataset has"),
        ("loans", {"columns": {"id": "text"}, "key": ["id"]}, "the tables that the backup names are not those"),
    ],
)
def test_tables_of_datasets_are_nothing_else(
    dataset: str, table: dict[str, Any], message: str, written: Path, empty_warehouse: Connection, state: Path
) -> None:
    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["datasets"] = {dataset: table}

    forged(written, change)
    with nothing_changes(empty_warehouse, state), pytest.raises(BadFileError, match=message):
        restore(written, confirmed=True, tell=silent)


EVIL = "x\" from program 'touch {mark}'; commit; drop schema raw cascade; --"


def rows_with(text: str) -> Change:
    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        members["tables/monitoring.heartbeats"] = text.encode() + members["tables/monitoring.heartbeats"]

    return change


def a_table_called(name: str) -> Change:
    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["tables"][name] = manifest["tables"].pop("monitoring.heartbeats")
        members[f"tables/{name}"] = members.pop("tables/monitoring.heartbeats")

    return change


def a_column_called(name: str) -> Change:
    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["tables"]["monitoring.heartbeats"]["columns"] = ["beat_at", "source", name]

    return change


def a_sequence_called(name: str) -> Change:
    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest["sequences"][name] = manifest["sequences"].pop("raw.load_ids")

    return change


def manifest_with(**values: object) -> Change:
    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        manifest.update(values)

    return change


def without_tables(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    manifest["tables"] = {}
    for name in [name for name in members if name.startswith("tables/")]:
        del members[name]


def without_one(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    del manifest["tables"]["monitoring.runs"], members["tables/monitoring.runs"]


def with_one_more(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    manifest["tables"]["public.x"] = {"columns": ["x"], "content": "0:0"}
    members["tables/public.x"] = b""


def without_rows(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    members["tables/monitoring.heartbeats"] = b""


def a_column_twice(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    manifest["tables"]["monitoring.heartbeats"]["columns"] = ["beat_at", "source", "source"]


def seven_bytes(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    members[f"models/{MODEL_NAME}"] = b"7 bytes"


def a_model_that_nobody_pins(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    del members[f"models/{MODEL_NAME}"]
    members[f"models/m-2022-01-0.{hashlib.sha256(b'evil').hexdigest()[:12]}.skops"] = b"evil"


def a_model_in(folder: str) -> Change:
    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        members[f"models/{folder}{MODEL_NAME}"] = members.pop(f"models/{MODEL_NAME}")

    return change


def a_pin_outside(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
    del members[f"models/{MODEL_NAME}"]
    members["tables/ml.models"] = members["tables/ml.models"].replace(MODEL_NAME.encode(), b"../../x")
    manifest["tables"]["ml.models"]["content"] = "CONTENT"


ATTACKS: dict[str, tuple[Change, str]] = {
    "the end of the rows, then SQL": (rows_with("\\.\ncommit;\ndrop schema raw cascade;\n"), "nothing was restored"),
    "SQL for rows": (rows_with("commit;\n"), "holds what no warehouse does"),
    "a table's name that is SQL": (a_table_called(EVIL), "the tables that the backup names are not those"),
    "a column's name that is SQL": (a_column_called(EVIL), "the columns of monitoring.heartbeats"),
    "a sequence's name that is SQL": (a_sequence_called(EVIL), "the sequences that the backup names"),
    "a column twice": (a_column_twice, "the columns of monitoring.heartbeats"),
    "no table": (without_tables, "the tables that the backup names are not those"),
    "a table too few": (without_one, r"missing: monitoring\.runs"),
    "a table too many": (with_one_more, "not known: 1"),
    "rows too few": (without_rows, "monitoring.heartbeats is not what was backed up"),
    "a sequence beyond all numbers": (
        lambda manifest, members: manifest["sequences"].update({"raw.load_ids": [2**70, True]}),
        "holds what no warehouse does",
    ),
    "no migration": (manifest_with(migrations=[]), "the tables that the backup names are not those"),
    "a moment that clears the screen": (manifest_with(made_at="\033[2J"), "is damaged"),
    "a manifest with a field more": (manifest_with(sql="drop schema raw"), "is damaged"),
    "a model of seven bytes": (seven_bytes, "no name of a model file with that content"),
    "a model that nobody pins": (a_model_that_nobody_pins, "not the file that ml.models pins"),
    "a model above": (a_model_in("../../"), "no name of a model file"),
    "a model at the root": (a_model_in("/etc/"), "no name of a model file"),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_changes_nothing(
    name: str, written: Path, empty_warehouse: Connection, state: Path, tmp_path: Path
) -> None:
    change, words = ATTACKS[name]
    with nothing_changes(empty_warehouse, state), pytest.raises(BadFileError, match=words) as told:
        restore(forged(written, change), confirmed=True, tell=silent)
    assert str(told.value).isprintable()
    assert empty_warehouse.execute("select value from monitoring.heartbeats").fetchall() == [(0.2,)]
    assert not (tmp_path / "it ran").exists()


def test_a_model_outside_the_folder_is_not_trusted(written: Path, empty_warehouse: Connection, state: Path) -> None:
    """With the hash of the changed rows, which anybody can compute."""
    empty_warehouse.execute("update ml.models set artifact_file = '../../x'")
    from pipeline.commands.backup import _content, _tables

    content = _content(empty_warehouse, "ml.models", _tables(empty_warehouse)["ml.models"])

    def change(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        a_pin_outside(manifest, members)
        manifest["tables"]["ml.models"]["content"] = content

    with (
        nothing_changes(empty_warehouse, state),
        pytest.raises(BadFileError, match=r"'../../x' in ml.models is no name of a model file"),
    ):
        restore(forged(written, change), confirmed=True, tell=silent)


def test_a_model_that_is_there_is_never_replaced(written: Path, empty_warehouse: Connection, state: Path) -> None:
    (state / "models" / MODEL_NAME).write_bytes(b"mine")
    with (
        nothing_changes(empty_warehouse, state),
        pytest.raises(UsageError, match="is another file than the backup's: move it away"),
    ):
        restore(written, confirmed=True, tell=silent)


def test_who_loads_the_rows_can_do_nothing_else(empty_warehouse: Connection, tmp_path: Path) -> None:
    ensure_roles()
    roles = empty_warehouse.execute("select rolname from pg_roles").fetchall()
    with contextlib.suppress(psycopg.Rollback), empty_warehouse.transaction():
        with _acting_as_nobody_else(empty_warehouse):
            empty_warehouse.execute("insert into monitoring.heartbeats values (now(), 'test', 1)")
            for statement in (
                "select * from monitoring.heartbeats",
                "delete from monitoring.heartbeats",
                "update monitoring.heartbeats set value = 2",
                "drop table monitoring.heartbeats",
                "create table monitoring.x ()",
                "create temporary table x ()",
                "select nextval('raw.load_ids')",
                f"copy (select 1) to program 'touch \"{tmp_path}/it ran\"'",
                f"copy (select 1) to '{tmp_path}/it ran'",
                "select pg_read_file('/etc/passwd')",
                "create role x",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege), empty_warehouse.transaction():
                    empty_warehouse.execute(statement.encode())
        assert empty_warehouse.execute("select current_user = session_user").fetchone() == (True,)
    assert empty_warehouse.execute("select rolname from pg_roles").fetchall() == roles
    assert empty_warehouse.execute("select count(*) from monitoring.heartbeats").fetchone() == (1,)


@pytest.mark.parametrize("attribute", ["createrole", "nocreaterole"])
def test_an_owner_who_is_no_superuser_restores(
    attribute: str, server: embedded.Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = make_database(server, "template0")
    monkeypatch.setenv("PGDATABASE", name)
    with database.warehouse(), database.connect("test", autocommit=True) as connection:
        connection.execute(
            f"create role of_{name} login {attribute}; alter database {name} owner to of_{name}".encode()
        )
        with database.environment({"PGUSER": f"of_{name}"}):
            schema_versions.migrate()
            connection.execute("insert into monitoring.heartbeats values ('2022-02-01 00:00+00', 'test', 0.1)")
            backup(tmp_path / "one.backup", silent)
            connection.execute("delete from monitoring.heartbeats")
            restore(tmp_path / "one.backup", confirmed=True, tell=silent)
        assert connection.execute("select count(*) from monitoring.heartbeats").fetchone() == (1,)
        assert connection.execute("select count(*) from pg_roles where rolname like 'restore\\_%'").fetchone() == (0,)
    drop_database(server, name)
    with psycopg.connect(host=server.host, port=server.port, user=embedded.SUPERUSER, dbname="postgres") as connection:
        connection.execute(f"drop role of_{name}".encode())


# ---------- the file itself


def rewritten(path: Path, write: Callable[[zipfile.ZipFile, dict[str, bytes]], None]) -> Path:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        write(archive, members)
    return path


def copied(archive: zipfile.ZipFile, members: dict[str, bytes]) -> None:
    for name, content in members.items():
        archive.writestr(name, content)


def with_more(name: str) -> Callable[[zipfile.ZipFile, dict[str, bytes]], None]:
    def write(archive: zipfile.ZipFile, members: dict[str, bytes]) -> None:
        copied(archive, members)
        archive.writestr(name, b"evil")

    return write


def packed(kind: int) -> Callable[[zipfile.ZipFile, dict[str, bytes]], None]:
    def write(archive: zipfile.ZipFile, members: dict[str, bytes]) -> None:
        for name, content in members.items():
            archive.writestr(name, content, compress_type=kind)

    return write


def long_manifest(archive: zipfile.ZipFile, members: dict[str, bytes]) -> None:
    copied(archive, {**members, "manifest.json": b" " * (1 << 26) + members["manifest.json"]})


def deep_manifest(archive: zipfile.ZipFile, members: dict[str, bytes]) -> None:
    copied(archive, {**members, "manifest.json": b"[" * 1_000_000})


def many_members(archive: zipfile.ZipFile, members: dict[str, bytes]) -> None:
    copied(archive, members)
    for number in range(60_000):
        archive.writestr(f"{number:05}{'x' * 60}", b"")


FILES: dict[str, tuple[Callable[[zipfile.ZipFile, dict[str, bytes]], None], str]] = {
    "a member that is not named": (with_more("tables/raw.more"), "and its manifest names others"),
    "a member that leads out": (with_more("models/../../../x"), "and its manifest names others"),
    "a member twice": (with_more("tables/raw.files"), "and its manifest names others"),
    "two manifests": (with_more("manifest.json"), "is damaged"),
    "stored": (packed(zipfile.ZIP_STORED), "packed in another way"),
    "bzip2": (packed(zipfile.ZIP_BZIP2), "packed in another way"),
    "lzma": (packed(zipfile.ZIP_LZMA), "packed in another way"),
    "a long manifest": (long_manifest, "its manifest says that it is 67,1"),
    "a deep manifest": (deep_manifest, "is damaged"),
    "a long list of members": (many_members, "its list of members is too long"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", FILES)
def test_a_strange_file_is_refused(name: str, written: Path, empty_warehouse: Connection, state: Path) -> None:
    write, words = FILES[name]
    with nothing_changes(empty_warehouse, state), pytest.raises(BadFileError, match=words):
        restore(rewritten(written, write), confirmed=True, tell=silent)


def test_a_bomb_is_not_unpacked(
    written: Path, empty_warehouse: Connection, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bomb(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        members["tables/monitoring.heartbeats"] = bytes(200_000_000)

    forged(written, bomb)
    assert written.stat().st_size < 1_000_000

    def read(*arguments: object) -> None:
        raise AssertionError("a member was unpacked")

    monkeypatch.setattr(backup_file.Backup, "read", read)
    with nothing_changes(empty_warehouse, state), pytest.raises(BadFileError, match="more than a backup's do"):
        restore(written, confirmed=True, tell=silent)


def test_a_member_that_is_longer_than_it_says_is_not_unpacked(
    written: Path, empty_warehouse: Connection, state: Path
) -> None:
    """The zip's own list says less, and so does the manifest: no more than that is read."""

    def bomb(manifest: dict[str, Any], members: dict[str, bytes]) -> None:
        members["tables/monitoring.heartbeats"] = bytes(50_000_000)

    forged(written, bomb)
    content = written.read_bytes()
    length = struct.pack("<L", 50_000_000)
    assert content.count(length) == 2
    content = content.replace(length, struct.pack("<L", 1000))
    written.write_bytes(content)

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    manifest["members"]["tables/monitoring.heartbeats"]["size"] = 1000
    # The manifest is the last member: it is taken out and written again.
    with zipfile.ZipFile(written, "a", zipfile.ZIP_DEFLATED) as archive:
        info = archive.getinfo("manifest.json")
        archive.filelist.remove(info)
        del archive.NameToInfo["manifest.json"]
        archive.writestr("manifest.json", json.dumps(manifest))
    with nothing_changes(empty_warehouse, state), pytest.raises(BadFileError, match="is damaged"):
        restore(written, confirmed=True, tell=silent)


def test_a_member_that_lies_before_the_file_is_damage(written: Path) -> None:
    content = bytearray(written.read_bytes())
    end = content.rindex(b"PK\x05\x06")
    (begin,) = struct.unpack_from("<L", content, end + 16)
    # The list of members is said to begin further on than it does: each member then lies further back, the last at -1.
    struct.pack_into("<L", content, end + 16, begin + content.rindex(b"PK\x03\x04") + 1)
    written.write_bytes(content)
    with pytest.raises(BadFileError, match="is damaged"), backup_file.reading(written):
        pass


def test_whatever_byte_is_damaged_the_answer_is_the_same(written: Path) -> None:
    whole, refused = written.read_bytes(), 0
    places = range(0, len(whole), max(1, len(whole) // 300))
    for place in places:
        content = bytearray(whole)
        content[place] ^= 0xFF
        written.write_bytes(content)
        # A date that nobody reads may be another one.
        with contextlib.suppress(BadFileError):
            refused += 1
            with backup_file.reading(written):
                refused -= 1
    assert refused > len(places) / 2
    for length in range(0, len(whole), max(1, len(whole) // 100)):
        written.write_bytes(whole[:length])
        with pytest.raises(BadFileError), backup_file.reading(written):
            pass


def test_backups_and_what_they_hold_are_their_owners_alone(
    written: Path, empty_warehouse: Connection, state: Path, tmp_path: Path
) -> None:
    (state / "models").chmod(0o755)
    for mask in (0, 0o777):
        (state / "models" / MODEL_NAME).unlink()
        before = os.umask(mask)
        try:
            restore(written, confirmed=True, tell=silent)
            backup(tmp_path / f"{mask}.backup", silent)
        finally:
            os.umask(before)
        modes = [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / f"{mask}.backup", state / "models")]
        assert modes == [0o600, 0o700]
        assert stat.S_IMODE((state / "models" / MODEL_NAME).stat().st_mode) == 0o600
        assert (state / "models" / MODEL_NAME).read_bytes() == MODEL
