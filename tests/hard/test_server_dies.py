"""The server stops at once in the middle of a write, or its disk is full: one line says so, the next run is right."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from core.failpoints import VARIABLE
from tests.hard.killing import Case, Yard, monitored_by
from warehouse.server import embedded, postgres_programs

DISK = 64 * 1024 * 1024
TABLESPACE = "small_disk"
# Where the server stops: in a load, between two statements of a dbt model, in a metrics write.
STOPS = {
    "load": ("before 1", "ingest.batch:2", 7, "whole"),
    "dbt model": ("complete", "dbt.swap:4", 8, "corrected"),
    "metrics write": ("before 7", "unit.before_commit:2", 7, "whole"),
}
# What is left of the disk, in bytes, when a run comes to what needs more.
FULL = {"load": ("before 1", 300_000), "dbt build": ("before 2", 300_000), "metrics write": ("before 7", 150_000)}


def stopped_at(case: Case, point: str, file: Path, arguments: list[str], stop: Callable[[], object]) -> tuple[int, str]:
    """The exit code and the words of a run during which `stop` is called, while it is held at a failpoint."""
    process = case.start(*arguments, **{VARIABLE: f"{point}={file}"})
    while not file.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    stop()
    file.unlink()
    _, stderr = process.communicate(timeout=300)
    return process.returncode, stderr


@pytest.mark.parametrize("where", STOPS)
def test_the_server_stops_at_once(yard: Yard, where: str, clean_environment: Path, tmp_path: Path) -> None:
    start, point, exit_code, end = STOPS[where]
    expected = yard.expected(end)
    server = embedded.EmbeddedServer(clean_environment)
    with yard.case(start) as case, contextlib.ExitStack() as rules:
        folder = case.files.months
        if end == "corrected":
            folder = case.files.corrected
            rules.enter_context(monitored_by(case.files.changed_monitoring))
        try:
            code, words = stopped_at(
                case,
                point,
                tmp_path / "held",
                case.run_arguments(folder),
                lambda: server.stop(signal.SIGQUIT),
            )
        finally:
            server.start()
        assert code == exit_code, words
        assert words.count("error: ") == 1, words
        assert "Traceback" not in words
        case.connect_again()
        case.finish(folder)
        case.check(expected)


@pytest.fixture
def small_disk(server: embedded.Address, yard: Yard) -> Iterator[Path]:
    """A disk of its own, as a tablespace."""
    if os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root only")
    folder = Path(tempfile.mkdtemp(prefix="warehouse-tests-disk-"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", folder], check=True)
    try:
        place = folder / "tablespace"
        place.mkdir(mode=0o700)
        postgres_programs.give_to_owner(place)
        administer(server, sql.SQL("create tablespace {} location {}").format(sql.Identifier(TABLESPACE), str(place)))
        yield folder
    finally:
        yard.drop()
        administer(server, sql.SQL("drop tablespace if exists {}").format(sql.Identifier(TABLESPACE)))
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


def administer(server: embedded.Address, statement: sql.Composed) -> None:
    with psycopg.connect(
        host=server.host, port=server.port, user=embedded.SUPERUSER, dbname="postgres", autocommit=True
    ) as connection:
        connection.execute(statement)


@pytest.mark.parametrize("where", FULL)
def test_the_disk_is_full(yard: Yard, where: str, small_disk: Path) -> None:
    start, left = FULL[where]
    expected = yard.expected("whole")
    with yard.case(start, TABLESPACE) as case:
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(max(0, shutil.disk_usage(small_disk).free - left)))
        result = case.command(*case.run_arguments())
        # dbt says it of a model (8), the driver of its own statement (7).
        assert result.returncode in (7, 8), result.stderr
        assert result.stderr.count("error: ") == 1, result.stderr
        assert "No space left on device" in result.stderr
        assert result.stderr.count("make room on the disk of the Postgres server") == 1
        assert "Traceback" not in result.stderr
        if where == "load":
            files = case.connection.execute("select source_month, rows from raw.files order by 1").fetchall()
            trips = case.connection.execute("select source_month, count(*) from raw.green_trips group by 1 order by 1")
            assert trips.fetchall() == files
        ballast.unlink()
        case.finish()
        case.check(expected)
