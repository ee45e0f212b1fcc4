"""Whose files are they? What holds data is its owner's alone, and what others may have written is not evaluated."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psycopg
import pytest

from config import env_file
from config.paths import ROOT, state_dir
from core.errors import ConfigurationError, SourceUnavailableError
from ingest.tlc.download import download
from tests.commands import command
from tests.conftest import FirstRun
from warehouse.database import Connection
from warehouse.server import embedded, sockets

_OPEN = stat.S_IRWXG | stat.S_IRWXO


def open_to_others(folder: Path) -> list[str]:
    return [
        str(path) for path in (folder, *folder.rglob("*")) if path.lstat().st_mode & _OPEN and not path.is_symlink()
    ]


def test_what_a_run_leaves_is_its_owners_alone(first_run: FirstRun) -> None:
    assert first_run.exit_code == 0
    for name in ("models", "logs", "dbt"):
        assert list((state_dir() / name).iterdir()) != []
        assert stat.S_IMODE((state_dir() / name).stat().st_mode) == 0o700
    # What lies below the others may be of tests that run dbt in their own process.
    assert open_to_others(state_dir() / "models") == []


def test_reports_and_pages_are_their_owners_alone(monitored_warehouse: Connection, tmp_path: Path) -> None:
    # The page of a day without trips is quickly made.
    report = command("report", "--day", "2022-02-26", "--model", "green_duration_lr", "--report-dir", f"{tmp_path}/a")
    assert report.returncode == 0, report.stderr
    typed = {"WAREHOUSE_TYPED": "REPORT_DIR", "WAREHOUSE_ARG_REPORT_DIR": f"{tmp_path}/b"}
    words = [sys.executable, "-m", "pipeline", "preview"]
    subprocess.run(words, cwd=ROOT, env=os.environ | typed, check=True, capture_output=True, timeout=300, umask=0)
    for name in "ab":
        assert len(list((tmp_path / name).rglob("*.html"))) > 0
        assert open_to_others(tmp_path / name) == []


def test_folders_that_were_left_open_are_closed(empty_warehouse: Connection, tmp_path: Path) -> None:
    # A server of one's own, so that the state folder may be another one.
    (tmp_path / "logs").mkdir(mode=0o755)
    (tmp_path / "victim").mkdir(mode=0o755)
    (tmp_path / "models").symlink_to(tmp_path / "victim")
    result = command("sql", "select 1", WAREHOUSE_STATE_DIR=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert stat.S_IMODE((tmp_path / "logs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "victim").stat().st_mode) == 0o755


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_an_env_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "env"
    monkeypatch.setenv("WAREHOUSE_ENV_FILE", str(path))
    path.write_text("PGHOST=elsewhere\n")
    path.chmod(0o600)
    assert env_file.read() == {"PGHOST": "elsewhere"}
    os.chown(path, 54321, -1)
    with pytest.raises(ConfigurationError, match=r"belongs to another user \(number 54321\): make it your own"):
        env_file.read()


def test_an_env_file_that_is_a_pipe_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_ENV_FILE", str(tmp_path / "env"))
    os.mkfifo(tmp_path / "env")
    with pytest.raises(ConfigurationError, match="it is a named pipe, no regular file"):
        env_file.read()


class _Trickle(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.send_header("ETag", '"v1"')
        self.end_headers()
        try:
            for _ in range(1000):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def trickle() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), _Trickle) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/month.parquet"
        server.shutdown()
        thread.join()


def test_a_server_that_sends_a_byte_at_a_time_is_left(trickle: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="takes longer than a file may: try again later"):
        download(trickle, tmp_path / "month.parquet", total_seconds=0.5)
    assert list(tmp_path.iterdir()) == []


def test_the_server_has_nothing_of_the_callers(server: embedded.Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment and the groups of whoever started it are not the superuser's to read by SQL."""
    with psycopg.connect(host=server.host, port=server.port, user="postgres", dbname="postgres") as connection:
        connection.execute("create temporary table said (line text)")
        connection.execute("copy said from program 'env; id -G; id -g'")
        lines = [str(line) for (line,) in connection.execute("select line from said").fetchall()]
    *variables, groups, group = lines
    names = {line.partition("=")[0] for line in variables}
    ours = {"PATH", "PWD", "OLDPWD", "SHLVL", "_", "LD_LIBRARY_PATH", "PGSYSCONFDIR", "PGLOCALEDIR"}
    assert {name for name in names if not name.startswith("LC_")} <= ours
    if os.geteuid() == 0:
        assert groups == group
        assert int(group) != 0


def test_the_sockets_place_is_known_to_nobody_beforehand(tmp_path: Path) -> None:
    data = tmp_path / "a,b" / "postgres"
    data.parent.mkdir()
    guessed = sockets.place(data)
    made = sockets.make(data)
    try:
        assert guessed != made == sockets.place(data) == sockets.make(data)
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
        assert stat.S_IMODE((data.parent / "postgres.socket").stat().st_mode) == 0o600
    finally:
        made.rmdir()
