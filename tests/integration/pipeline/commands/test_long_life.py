"""Backup, restore, prune and backfill at their edges: what is refused, and that nothing changes then."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import LiteralString

import pytest

from config.settings import make_settings
from core.errors import BadFileError, DatabaseError, DbtError, LockedError, UsageError, WarehouseError
from ingest.datasets.raw_table import ensure_raw_table
from pipeline.commands.backfill import BackfillRequest, backfill
from pipeline.commands.backup import backup, restore
from pipeline.commands.pruning import prune
from pipeline.console import result_console
from tests.conftest import drop_database, make_database
from tests.datasets import FIRST, LOANS, dataset_of, load, rows, write
from warehouse import database, schema_versions
from warehouse.database import Connection
from warehouse.runs import hold_lock
from warehouse.server import embedded

Older = Callable[[LiteralString, str], tuple[Path, Connection]]


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
    assert manifest.tables["monitoring.heartbeats"].content.startswith("1:")
    assert empty_warehouse.execute("select value from monitoring.heartbeats").fetchall() == [(0.1,)]
    # The roles have their rights again.
    assert empty_warehouse.execute("select has_table_privilege('loader', 'raw.files', 'insert')").fetchone() == (True,)


def test_a_warehouse_with_rows_is_not_replaced_unasked(written: Path, empty_warehouse: Connection) -> None:
    empty_warehouse.execute("insert into monitoring.runs (run_id, step, status) values (1, 'pipeline', 'ok')")
    with pytest.raises(UsageError, match=r"not empty \(1 rows in monitoring.runs\).*CONFIRM=yes"):
        restore(written, confirmed=False, tell=silent)
    restore(written, confirmed=True, tell=silent)
    assert empty_warehouse.execute("select count(*) from monitoring.runs").fetchone() == (0,)


@pytest.fixture
def older_backup(server: embedded.Address, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Older]:
    """Makes a backup of a warehouse with these rows, then one more migration; gives a connection, too."""
    name = make_database(server, "template0")
    monkeypatch.setenv("PGDATABASE", name)
    later = tmp_path / "later.sql"
    with database.warehouse(), database.connect("test", autocommit=True) as connection:

        def make(statement: LiteralString, migration: str) -> tuple[Path, Connection]:
            schema_versions.migrate()
            connection.execute(statement)
            backup(tmp_path / "old.backup", silent)
            later.write_text(migration, encoding="utf-8")
            now = schema_versions.migrations() | {999: later}
            monkeypatch.setattr(schema_versions, "migrations", lambda: now)
            return tmp_path / "old.backup", connection

        yield make
    drop_database(server, name)


def test_a_backup_of_an_older_schema_is_brought_up_to_date(older_backup: Older) -> None:
    """The rows go into the tables of their own version; what migrations do to rows they do to these."""
    file, connection = older_backup(
        "insert into monitoring.heartbeats (beat_at, source, value) values (now(), 'x', 21)",
        "alter table monitoring.heartbeats add column twice double precision; "
        "update monitoring.heartbeats set twice = 2 * value;",
    )
    restore(file, confirmed=True, tell=silent)
    assert schema_versions.of(connection) == 999
    assert connection.execute("select value, twice from monitoring.heartbeats").fetchall() == [(21, 42)]


def test_rows_that_a_later_migration_refuses_are_refused(older_backup: Older) -> None:
    before = schema_versions.known()
    file, connection = older_backup(
        "insert into monitoring.heartbeats (beat_at, source, value) values (now(), 'x', -1)",
        "alter table monitoring.heartbeats add constraint beats_are_positive check (value > 0)",
    )
    with pytest.raises(BadFileError, match=r"holds what no warehouse does.*beats_are_positive"):
        restore(file, confirmed=True, tell=silent)
    assert schema_versions.of(connection) == before


def test_a_warehouse_of_before_the_first_release_says_what_to_do(empty_warehouse: Connection) -> None:
    empty_warehouse.execute("delete from monitoring.schema_versions")
    empty_warehouse.execute("insert into monitoring.schema_versions (version) values (25)")
    with pytest.raises(DatabaseError, match=r"schema version 25, of a program before 0\.1\.0.*Empty it and run"):
        schema_versions.migrate()


def test_sequences_go_on_where_they_were(empty_warehouse: Connection, tmp_path: Path) -> None:
    load = "insert into ml.label_loads (dataset, target, origin, location, sha256, inputs_hash, rows, accepted, " \
        "unchanged, quarantined) values ('d', 'x', 'feed', '', '', %s, 0, 0, 0, 0) returning label_load_id"  # fmt: skip
    empty_warehouse.execute("select nextval('raw.load_ids'), nextval('raw.load_ids')")
    empty_warehouse.execute(load, ["first"])
    backup(tmp_path / "one.backup", silent)
    restore(tmp_path / "one.backup", confirmed=True, tell=silent)
    assert empty_warehouse.execute("select nextval('raw.load_ids')").fetchone() == (3,)
    assert empty_warehouse.execute("select nextval('monitoring.run_ids')").fetchone() == (1,)
    assert empty_warehouse.execute(load, ["second"]).fetchone() == (2,)


def test_tables_of_datasets_come_back_with_their_keys(empty_warehouse: Connection, tmp_path: Path) -> None:
    loans = dataset_of(LOANS, write(tmp_path / "a.csv", FIRST))
    load(empty_warehouse, loans)
    more = dataset_of(LOANS + "      size: numerical\n", write(tmp_path / "a.csv", FIRST.replace("kind", "size;kind")))
    ensure_raw_table(empty_warehouse, "loans", more)
    ensure_raw_table(empty_warehouse, "nothing_yet", loans)
    indexes = "select indexdef from pg_indexes where schemaname = 'raw' and tablename = 'loans' order by 1"
    shown = "event_id, source_row, load_id, loaded_at, id, at, amount, kind, repaid, size"
    before = rows(empty_warehouse, shown), empty_warehouse.execute(indexes).fetchall()
    told: list[str] = []
    manifest = backup(tmp_path / "one.backup", told.append)
    assert (told, list(manifest.datasets), manifest.datasets["loans"].key) == ([], ["loans"], ["id"])
    empty_warehouse.execute("drop table raw.loans")
    restore(tmp_path / "one.backup", confirmed=True, tell=silent)
    assert (rows(empty_warehouse, shown), empty_warehouse.execute(indexes).fetchall()) == before
    load(empty_warehouse, dataset_of(LOANS, write(tmp_path / "a.csv", FIRST)))
    assert rows(empty_warehouse, shown) == before[0]


def test_rows_stay_where_dbt_fails(
    empty_warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty_warehouse.execute("create schema intermediate create table int_windows (n integer)")
    empty_warehouse.execute("insert into monitoring.heartbeats values ('2022-02-01 00:00+00', 'test', 0.1)")
    backup(tmp_path / "one.backup", silent)
    empty_warehouse.execute("delete from monitoring.heartbeats")

    def fail(**arguments: object) -> int:
        assert arguments == {"run_id": None, "with_tests": False}
        raise DbtError("a model failed")

    monkeypatch.setattr("pipeline.dbt.build", fail)
    with pytest.raises(DbtError, match=r"rows and models are restored.*`make pipeline` builds it: a model failed"):
        restore(tmp_path / "one.backup", confirmed=True, tell=silent)
    assert empty_warehouse.execute("select count(*) from monitoring.heartbeats").fetchone() == (1,)


def test_a_table_of_somebody_elses_is_told_and_one_that_is_lost_is_an_error(
    empty_warehouse: Connection, tmp_path: Path
) -> None:
    told: list[str] = []
    empty_warehouse.execute("create table raw.mine (n integer)")
    assert "raw.mine" not in backup(tmp_path / "one.backup", told.append).tables
    assert told == [
        "warning: raw.mine is no table of this program and is not in the backup: move it to a schema of your own"
    ]
    empty_warehouse.execute("drop table ml.labels")
    with pytest.raises(DatabaseError, match=r"has lost ml\.labels"):
        backup(tmp_path / "two.backup", silent)
    assert [path.name for path in tmp_path.iterdir()] == ["one.backup"]


def flip_a_byte(content: bytearray) -> None:
    content[len(content) // 2] ^= 1


def cut(content: bytearray) -> None:
    del content[-100:]


BAD_BACKUPS: dict[str, tuple[Callable[[bytearray], None] | dict[str, object], type[WarehouseError], str]] = {
    "a byte flipped": (flip_a_byte, BadFileError, "no backup of this program, or is damaged"),
    "cut off": (cut, BadFileError, "no backup of this program, or is damaged"),
    "another format": ({"format": 3}, BadFileError, "its format is 3, this program knows 2"),
    "a newer schema": ({"migrations": [100, 9999]}, DatabaseError, "schema version 9999.*use the newer program"),
}


def with_manifest(path: Path, values: dict[str, object]) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    members["manifest.json"] = json.dumps(json.loads(members["manifest.json"]) | values).encode()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_a_bad_backup_changes_nothing(written: Path, empty_warehouse: Connection) -> None:
    """Those that mean harm are in tests/security/test_backup.py."""
    whole = written.read_bytes()
    empty_warehouse.execute("update monitoring.heartbeats set value = 0.2")
    for name, (change, expected, words) in BAD_BACKUPS.items():
        written.write_bytes(whole)
        if isinstance(change, dict):
            with_manifest(written, change)
        else:
            content = bytearray(whole)
            change(content)
            written.write_bytes(content)
        with pytest.raises(expected, match=words):
            restore(written, confirmed=True, tell=silent)
        assert empty_warehouse.execute("select value from monitoring.heartbeats").fetchall() == [(0.2,)], name


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
        backfill(BackfillRequest(date(2022, 2, 1), date(2022, 2, 28), ""), make_settings(), result_console(), silent)
