"""Passwords stay where they belong: not in logs, run rows, errors, files, the list of processes or of sessions.

A pipeline runs against a server that asks for a password, with everything logged that can be; it succeeds, and fails in
several ways. Whatever it leaves anywhere is searched for the passwords it was given.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from config.paths import DBT_PROJECT_DIR, ROOT
from tests.conftest import SCRUBBED
from warehouse.server import embedded

pytestmark = pytest.mark.hard

MARK = "Zq7-no-log-may-hold-this"
SECRETS = {
    "DASHBOARD_PASSWORD": f"{MARK}-dashboard",
    "ANALYST_PASSWORD": f"{MARK}-analyst",
    "GRAFANA_ADMIN_PASSWORD": f"{MARK}-grafana",
    "GRAFANA_TOKEN": f"{MARK}-token",
}


@pytest.fixture(scope="module")
def address(tcp_server: embedded.Address) -> Iterator[dict[str, str]]:
    """The variables of the server, with a superuser whose password is known by its mark."""
    variables = tcp_server.environment()
    password = f"{MARK}-pg:'\\"
    with psycopg.connect(**connection_of(variables), autocommit=True) as connection:
        connection.execute(
            psycopg.sql.SQL("create role keeper superuser login password {}").format(psycopg.sql.Literal(password))
        )
        connection.execute("create database secrets owner keeper")
        connection.execute("alter system set log_connections = on")
        connection.execute("alter system set log_statement = 'all'")
        connection.execute("select pg_reload_conf()")
    yield variables | {"PGUSER": "keeper", "PGPASSWORD": password, "PGDATABASE": "secrets"}
    with psycopg.connect(**connection_of(variables), autocommit=True) as connection:
        connection.execute("drop database secrets with (force)")
        connection.execute("drop role keeper")


def connection_of(variables: dict[str, str]) -> dict[str, Any]:
    return {
        "host": variables["PGHOST"],
        "port": variables["PGPORT"],
        "user": variables["PGUSER"],
        "password": variables["PGPASSWORD"],
        "dbname": variables.get("PGDATABASE", "postgres"),
    }


class Watch(threading.Thread):
    """Reads the command lines of a process and its children, and what the server shows of its sessions."""

    def __init__(self, process: subprocess.Popen[str], address: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.process, self.address = process, address
        self.seen: set[str] = set()
        self.looks = 0

    def run(self) -> None:
        with psycopg.connect(**connection_of(self.address), autocommit=True, application_name="watch") as connection:
            while self.process.poll() is None:
                self.looks += 1
                for one in self._processes():
                    try:
                        self.seen.add(" ".join(one.cmdline()))
                    except psutil.Error:
                        continue
                for row in connection.execute(
                    "select application_name, query from pg_stat_activity where application_name != 'watch'"
                ).fetchall():
                    self.seen.update(str(part) for part in row)
                time.sleep(0.2)

    def _processes(self) -> list[psutil.Process]:
        try:
            whole = psutil.Process(self.process.pid)
            return [whole, *whole.children(recursive=True)]
        except psutil.Error:
            return []


def run(arguments: list[str], address: dict[str, str], folder: Path, **more: str) -> tuple[int, str, Watch]:
    """A command with everything logged; gives its code, all it said, and what was seen of it meanwhile."""
    clean = {name: value for name, value in os.environ.items() if name not in SCRUBBED}
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", *arguments],
        cwd=ROOT,
        env=clean | SECRETS | address | {"WAREHOUSE_LOG_LEVEL": "DEBUG", "WAREHOUSE_STATE_DIR": str(folder)} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watch = Watch(process, address)
    if more.get("PGPASSWORD") is None:
        watch.start()
    output, _ = process.communicate(timeout=900)
    if watch.is_alive():
        watch.join(10)
    return process.returncode, output, watch


def holders(folder: Path) -> list[str]:
    """Files with a secret in them."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path.relative_to(folder)) for path in paths if MARK.encode() in path.read_bytes()]


def rows_with_secrets(address: dict[str, str]) -> list[str]:
    """Tables of the warehouse with a row that holds a secret, and what the server's log says."""
    found = []
    with psycopg.connect(**connection_of(address), autocommit=True) as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_schema in ('raw', 'ml', 'monitoring', 'marts', 'staging')"
        ).fetchall()
        for schema, table in tables:
            if table in {"green_trips", "metric_values", "labels", "predictions", "reference_rows"}:
                continue
            query = psycopg.sql.SQL("select count(*) from {} as rows where cast(rows as text) like {}").format(
                psycopg.sql.Identifier(str(schema), str(table)), psycopg.sql.Literal(f"%{MARK}%")
            )
            if connection.execute(query).fetchone() != (0,):
                found.append(f"{schema}.{table}")
    return found


def test_a_run_that_succeeds_and_runs_that_fail(address: dict[str, str], sample_dir: Path, tmp_path: Path) -> None:
    arguments = ["run", "--source", "local", "--data-dir", str(sample_dir)]
    code, output, watch = run(arguments, address, tmp_path)
    assert code == 0, output[-3000:]
    assert "INFO warehouse.schema_versions" in output
    assert watch.looks > 20
    assert any("monitoring-warehouse" in line for line in watch.seen)
    said = [output, *watch.seen]

    # A file that cannot be loaded, a database that refuses the rows (ADBC), dbt that fails and says how it connects.
    said.append(run(["run", "--source", "local", "--data-dir", str(tmp_path)], address, tmp_path)[1])
    with psycopg.connect(**connection_of(address), autocommit=True) as connection:
        connection.execute("delete from raw.files where source_month = '2022-02-01'")
        connection.execute("alter table raw.green_trips add constraint broken check (vendorid is null) not valid")
    code, output, watch = run(arguments, address, tmp_path)
    assert code == 7, output[-3000:]
    assert "the database said" in output
    said += [output, *watch.seen]
    for words in ("debug", "run --select no_such_model --no-such-option", "test --select tag:none"):
        said.append(run(["dbt", words], address, tmp_path)[1])
    for command in (["doctor"], ["check-alerts"], ["sql", "select nonsense"], ["labels"], ["clean"]):
        said.append(run(command, address, tmp_path)[1])

    # A wrong password, and a server that is not there.
    code, output, _ = run(["doctor"], address, tmp_path, PGPASSWORD=f"{MARK}-wrong")
    assert code == 1
    assert "password authentication failed" in output
    said.append(output)
    code, output, _ = run(arguments, address, tmp_path, PGPASSWORD=f"{MARK}-wrong")
    assert code == 7
    said.append(output)
    code, output, _ = run(arguments, address, tmp_path, PGPASSWORD=f"{MARK}-pg", PGPORT="1")
    assert code == 7
    said.append(output)

    assert [text for text in said if MARK in text] == []
    assert (tmp_path / "logs" / "dbt.log").stat().st_size > 10_000
    assert holders(tmp_path) == []
    if (DBT_PROJECT_DIR / "target").exists():
        assert holders(DBT_PROJECT_DIR / "target") == []
    assert rows_with_secrets(address) == []


def test_the_search_finds_what_is_there(address: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log").write_text(f"password={MARK}-pg")
    assert holders(tmp_path) == ["deep/log"]
    _, _, watch = run(["sql", f"select pg_sleep(1), '{MARK}'"], address, tmp_path)
    assert any(MARK in line for line in watch.seen)
    with psycopg.connect(**connection_of(address), autocommit=True) as connection:
        connection.execute("create schema if not exists ml")
        connection.execute("create table ml.notes as select %s::text as note", [f"x{MARK}"])
    assert "ml.notes" in rows_with_secrets(address)
    with psycopg.connect(**connection_of(address), autocommit=True) as connection:
        connection.execute("drop table ml.notes")


def test_the_log_of_the_server_holds_none(address: dict[str, str], tmp_path: Path) -> None:
    """Every statement is logged there; the passwords of roles are hashed before they are sent."""
    with psycopg.connect(**connection_of(address), autocommit=True) as connection:
        (folder,) = connection.execute("show data_directory").fetchall()[0]
    log = Path(str(folder)) / "log"
    before = log.stat().st_size
    code, output, _ = run(["run", "--source", "local", "--data-dir", "/nowhere"], address, tmp_path)
    assert code == 5, output[-2000:]
    with log.open("rb") as file:
        file.seek(before)
        logged = file.read()
    assert b"alter role" in logged
    assert MARK.encode() not in logged
