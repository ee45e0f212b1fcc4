"""A warehouse with the tables and rows of schema version 1 is brought up to date in place, and ends as a fresh one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.commands import command
from tests.conftest import drop_database, make_database
from tests.integration.pipeline.test_pipeline import contents, one, rows
from warehouse import database, schema_versions
from warehouse.database import Connection
from warehouse.server import embedded

pytestmark = pytest.mark.hard

FIRST = Path(database.__file__).parent / "migrations" / "001_tables.sql"
# What the first version wrote, of the models that it had: the rows of now in the columns of then.
_MODELS = (
    "model_version in (select model_version from ml.models where spec in ('green_duration_lr', 'green_duration_hgb'))"
)
WRITTEN = {
    "raw.files": "true",
    "raw.green_trips": "true",
    "ml.models": _MODELS,
    "ml.reference_sets": f"{_MODELS} and reference_id in (select reference_id from ml.models)",
    "ml.reference_rows": f"reference_id in (select reference_id from ml.models where {_MODELS})",
    "ml.predictions": _MODELS,
    "ml.scored_months": _MODELS,
    "monitoring.metric_values": (
        f"{_MODELS} and layer in ('drift', 'quality') and granularity = 'day' "
        "and segment_key in ('', 'rejection_rule') and metric not like 'binned%'"
    ),
    "monitoring.computed_windows": _MODELS,
}
COLUMNS = (
    "select column_name from information_schema.columns where table_schema = %s and table_name = %s "
    "order by ordinal_position"
)


def columns(connection: Connection, table: str) -> list[str]:
    return [str(name) for (name,) in rows(connection, COLUMNS, *table.split("."))]


@pytest.fixture
def first_version(
    server: embedded.Address, monitored_warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Connection]:
    """A database of version 1, filled; the environment names it."""
    name = make_database(server, "template0")
    try:
        with psycopg.connect(
            host=server.host, port=server.port, user=embedded.SUPERUSER, dbname=name, autocommit=True
        ) as old:
            old.execute("create schema monitoring")
            old.execute(
                "create table monitoring.schema_versions "
                "(version integer primary key, applied_at timestamptz not null default now())"
            )
            old.execute(FIRST.read_bytes())
            old.execute("insert into monitoring.schema_versions (version) values (1)")
            for table, condition in WRITTEN.items():
                _copy(monitored_warehouse, old, table, condition)
            old.execute("update monitoring.computed_windows set inputs_hash = 'of the first version'")
            old.execute("select setval('raw.load_ids', 100), setval('monitoring.run_ids', 100)")
            monkeypatch.setenv("PGDATABASE", name)
            yield old
    finally:
        drop_database(server, name)


def _copy(source: Connection, target: Connection, table: str, condition: str) -> None:
    names = [name for name in columns(target, table) if name in columns(source, table)]
    listed = sql.SQL(", ").join(sql.Identifier(name) for name in names)
    out = sql.SQL("copy (select {} from {} where {}) to stdout").format(
        listed, database.relation(table), sql.SQL(condition)
    )
    into = sql.SQL("copy {} ({}) from stdin").format(database.relation(table), listed)
    with source.cursor().copy(out) as reading, target.cursor().copy(into) as writing:
        for block in reading:
            writing.write(block)


def test_the_first_version_ends_as_a_fresh_warehouse(
    first_version: Connection, monitored_warehouse: Connection, sample_dir: Path
) -> None:
    assert "as_of" not in columns(first_version, "monitoring.metric_values")
    result = command("run", "--source", "local", "--data-dir", str(sample_dir))
    assert result.returncode == 0, result.stderr
    assert one(first_version, "select max(version) from monitoring.schema_versions") == schema_versions.known()
    fresh = contents(monitored_warehouse)
    upgraded = contents(first_version)
    # A model is not written as the same bytes twice, so the file of the one that is new has another hash.
    models = (
        "select to_jsonb(m) - array['artifact_file', 'artifact_sha256', 'run_id', 'trained_at'] from ml.models as m"
    )
    assert {name for name in fresh if fresh[name] != upgraded.get(name)} <= {"ml.models", "marts.dim_models"}
    assert rows(first_version, f"{models} order by 1") == rows(monitored_warehouse, f"{models} order by 1")
    # Nothing of what was there was loaded, trained or scored again.
    assert one(first_version, "select max(load_id) from raw.files") < 100
    assert one(first_version, "select count(*) from ml.models where run_id > 100") == 1
