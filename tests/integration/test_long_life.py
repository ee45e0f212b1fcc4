"""Backup, restore, prune and backfill at their edges: what is refused, and that nothing changes then."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import database
from pipeline.backfill import backfill, make_request
from pipeline.backup import backup, restore
from pipeline.console import result_console
from pipeline.database import Connection
from pipeline.errors import BadFileError, DatabaseError, LockedError, UsageError, WarehouseError
from pipeline.pruning import prune
from pipeline.runs import hold_lock
from pipeline.settings import make_settings


def silent(line: str) -> None:
    pass


@pytest.fixture
def written(empty_warehouse: Connection, tmp_path: Path) -> Path:
    """A backup of a warehouse with nothing but one beat in it."""
    empty_warehouse.execute("insert into monitoring.heartbeats values ('2022-02-01 00:00+00', 'test', 0.1)")
    backup(tmp_path / "one.backup", silent)
    return tmp_path / "one.backup"


def test_a_backup_comes_back_and_leaves_nothing_beside_it(written: Path, empty_warehouse: Connection) -> None:
    assert [path.name for path in written.parent.iterdir()] == ["one.backup"]
    empty_warehouse.execute("update monitoring.heartbeats set value = 0.2")
    manifest = restore(written, confirmed=False, tell=silent)
    assert manifest.tables["monitoring.heartbeats"].startswith("1:")
    assert empty_warehouse.execute("select value from monitoring.heartbeats").fetchall() == [(0.1,)]
    # Sequences go on where they were, and the roles have their rights again.
    assert empty_warehouse.execute("select has_table_privilege('loader', 'raw.files', 'insert')").fetchone() == (True,)


def test_a_warehouse_with_rows_is_not_replaced_unasked(written: Path, empty_warehouse: Connection) -> None:
    empty_warehouse.execute("insert into monitoring.runs (run_id, step, status) values (1, 'pipeline', 'ok')")
    with pytest.raises(UsageError, match=r"not empty \(1 rows in monitoring.runs\).*CONFIRM=yes"):
        restore(written, confirmed=False, tell=silent)
    restore(written, confirmed=True, tell=silent)
    assert empty_warehouse.execute("select count(*) from monitoring.runs").fetchone() == (0,)


def rewritten(path: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """The same archive with changed members."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def with_manifest(**values: object) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | values).encode()

    return change


def flip_a_byte(members: dict[str, bytes]) -> None:
    content = bytearray(members["warehouse.dump"])
    content[len(content) // 2] ^= 1
    members["warehouse.dump"] = bytes(content)


def without_manifest(members: dict[str, bytes]) -> None:
    del members["manifest.json"]


def wrong_hash(members: dict[str, bytes]) -> None:
    manifest = json.loads(members["manifest.json"])
    manifest["tables"]["monitoring.heartbeats"] = "1:7"
    members["manifest.json"] = json.dumps(manifest).encode()


BAD_BACKUPS: dict[str, tuple[Callable[[dict[str, bytes]], None], type[WarehouseError], str]] = {
    "a byte flipped": (flip_a_byte, BadFileError, "is damaged .*warehouse.dump has the sha256"),
    "no manifest": (without_manifest, BadFileError, "no backup of this program"),
    "another format": (with_manifest(format=2), BadFileError, "its format is 2, not 1"),
    "a member more": (lambda members: members.update({"models/../../x": b""}), BadFileError, "should hold"),
    "a name that leads out": (with_manifest(files={"models/../x": ""}), BadFileError, "should hold"),
    "a table of another's": (with_manifest(tables={"public.x": "0:0"}), BadFileError, "public.x is no table"),
    "a newer schema": (with_manifest(schema_version=999), DatabaseError, "schema version 999.*use the newer program"),
    "rows that differ": (wrong_hash, DatabaseError, "nothing was restored.*monitoring.heartbeats is not what was"),
}


def test_a_bad_backup_changes_nothing(written: Path, empty_warehouse: Connection) -> None:
    whole = written.read_bytes()
    empty_warehouse.execute("update monitoring.heartbeats set value = 0.2")
    for name, (change, expected, words) in BAD_BACKUPS.items():
        written.write_bytes(whole)
        with pytest.raises(expected, match=words):
            restore(rewritten(written, change), confirmed=True, tell=silent)
        assert empty_warehouse.execute("select value from monitoring.heartbeats").fetchall() == [(0.2,)], name
    written.write_bytes(whole[:-100])
    with pytest.raises(BadFileError, match="no backup of this program, or is damaged"):
        restore(written, confirmed=True, tell=silent)


def test_what_cannot_begin_says_why(written: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="none does not exist"):
        restore(tmp_path / "none", confirmed=True, tell=silent)
    with pytest.raises(UsageError, match="is there already"):
        backup(written, silent)
    with pytest.raises(UsageError, match=r"the folder .* does not exist"):
        backup(tmp_path / "nowhere" / "x", silent)
    with hold_lock("pipeline"):
        for command in (
            lambda: backup(tmp_path / "two.backup", silent),
            lambda: restore(written, confirmed=True, tell=silent),
            lambda: prune(1, silent),
        ):
            with pytest.raises(LockedError, match="pipeline by process"):
                command()


def test_an_empty_warehouse_has_nothing_to_prune_or_to_compute_again(empty_warehouse: Connection) -> None:
    with pytest.raises(UsageError, match="holds no trips"):
        prune(1, silent)
    with pytest.raises(UsageError, match="holds no day"):
        backfill(make_request(first="2022-02", last="2022-02", model=""), make_settings(), result_console(), silent)
    assert database.known_schema_version() >= 12
