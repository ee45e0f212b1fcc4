"""`make up`, `make down`, `make clean-all` and what a `.env` changes.

There is no Docker engine where tests run: a program named docker stands in for it and writes down what it was asked.
The database behind `.env` is a real one.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from config import env_file
from config.paths import ROOT
from tests.commands import command
from warehouse.server import embedded

_STAND_IN = """\
#!/bin/sh
echo "$*" >> "$STAND_IN_CALLS"
if [ -n "$STAND_IN_FAILS" ]; then
    case " $* " in *" $STAND_IN_FAILS "*) echo "no engine here" >&2; exit 1 ;; esac
fi
case "$*" in
    volume*) echo "$STAND_IN_VOLUMES" ;;
    *" up "*) env > "$STAND_IN_CALLS.environment" ;;
esac
"""


@dataclass(frozen=True)
class Docker:
    """The stand-in: where it writes down its calls."""

    calls_file: Path
    env_file: Path

    def calls(self) -> list[str]:
        return self.calls_file.read_text(encoding="utf-8").splitlines() if self.calls_file.exists() else []

    def compose_calls(self) -> list[str]:
        prefix = f"compose --file {ROOT / 'docker-compose.yml'} --project-name model-monitoring-warehouse "
        return [call.removeprefix(prefix) for call in self.calls() if call.startswith(prefix)]

    def environment(self) -> dict[str, str]:
        text = Path(f"{self.calls_file}.environment").read_text(encoding="utf-8")
        return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    program = tmp_path / "bin" / "docker"
    program.parent.mkdir()
    program.write_text(_STAND_IN, encoding="utf-8")
    program.chmod(0o755)
    stand_in = Docker(tmp_path / "calls", tmp_path / ".env")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STAND_IN_CALLS", str(stand_in.calls_file))
    monkeypatch.setenv("STAND_IN_FAILS", "")
    monkeypatch.setenv("STAND_IN_VOLUMES", "")
    monkeypatch.setenv("WAREHOUSE_ENV_FILE", str(stand_in.env_file))
    return stand_in


@pytest.fixture
def env_of_server(docker: Docker, tcp_server: embedded.Address) -> dict[str, str]:
    """A `.env` whose server is a real one; its variables."""
    env_file.create()
    for name, value in tcp_server.environment().items():
        change(docker.env_file, name, value)
    return env_file.read()


def change(path: Path, name: str, value: str) -> None:
    lines = [
        f"{name}={value}" if line.startswith(f"{name}=") else line
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_up_starts_waits_prepares_the_database_and_says_where(docker: Docker, env_of_server: dict[str, str]) -> None:
    before = docker.env_file.read_bytes()
    result = command("up")
    assert result.returncode == 0, result.stderr
    assert docker.compose_calls() == ["up --detach --wait --wait-timeout 300 --remove-orphans"]
    assert result.stdout.splitlines() == [
        "Grafana  http://127.0.0.1:3000",
        "Adminer  http://127.0.0.1:8080/?pgsql=postgres&username=analyst&db=warehouse&ns=marts",
    ]
    assert "make pipeline" in result.stderr
    # Passwords are never printed, and the file is never changed.
    for name, value in env_of_server.items():
        if name.endswith(("PASSWORD", "KEY")):
            assert value not in result.stdout + result.stderr
    assert docker.env_file.read_bytes() == before
    versions = command("sql", "select count(*) > 0 as made from monitoring.schema_versions")
    assert versions.stdout == "made\nt\n", versions.stderr


def test_up_gives_compose_what_the_file_says_and_not_what_the_shell_says(
    docker: Docker, env_of_server: dict[str, str]
) -> None:
    result = command("up", PGHOST="warehouse.example", PGPASSWORD="another", GRAFANA_PORT="1")
    assert result.returncode == 0, result.stderr
    seen = docker.environment()
    assert {name: seen[name] for name in env_of_server} == env_of_server


def test_up_makes_the_file_first(docker: Docker) -> None:
    # The stand-in starts no server, so the last step fails, after the file is made.
    result = command("up")
    assert result.returncode == 7, result.stderr
    assert "random passwords that only you can read" in result.stderr
    assert docker.env_file.stat().st_mode & 0o777 == 0o600
    assert docker.compose_calls() == ["up --detach --wait --wait-timeout 300 --remove-orphans"]
    assert docker.environment()["PGPASSWORD"] == env_file.read()["PGPASSWORD"]


def test_without_docker_the_way_without_it_is_named(
    docker: Docker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("up", "down"):
        result = command(name)
        assert result.returncode == 3
        assert "docker was not found" in result.stderr
        assert "the pipeline also works without Docker" in result.stderr
    assert not docker.env_file.exists()


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        ("compose version", "has no `docker compose`"),
        ("version --format", "the Docker engine cannot be reached (no engine here)"),
    ],
)
def test_without_compose_or_an_engine_nothing_is_made(docker: Docker, fails: str, words: str) -> None:
    result = command("up", STAND_IN_FAILS=fails)
    assert result.returncode == 3
    assert words in result.stderr
    assert "the pipeline also works without Docker" in result.stderr
    assert not docker.env_file.exists()


def test_a_service_that_does_not_get_healthy_is_an_error(docker: Docker) -> None:
    result = command("up", STAND_IN_FAILS="up")
    assert result.returncode == 3
    assert "the services did not all get healthy" in result.stderr
    assert "logs" in result.stderr


def test_databases_whose_passwords_are_lost_are_not_given_new_ones(docker: Docker) -> None:
    result = command("up", STAND_IN_VOLUMES="model-monitoring-warehouse_postgres-data")
    assert result.returncode == 3
    assert "model-monitoring-warehouse_postgres-data" in result.stderr
    assert "bring the file back" in result.stderr
    assert not docker.env_file.exists()
    assert docker.compose_calls() == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("PGPASSWORD", "", "has no value for PGPASSWORD"),
        ("GRAFANA_ADMIN_PASSWORD", "admin", "GRAFANA_ADMIN_PASSWORD is Grafana's default"),
        ("GRAFANA_PORT", "80", "GRAFANA_PORT=80 is not valid"),
        ("PGHOST", "db.example", "the services listen on 127.0.0.1 only"),
    ],
)
def test_a_file_that_would_not_work_is_refused(docker: Docker, name: str, value: str, words: str) -> None:
    env_file.create()
    change(docker.env_file, name, value)
    result = command("up")
    assert result.returncode == 3
    assert words in result.stderr
    assert docker.compose_calls() == []


def test_a_file_that_others_can_read_is_refused(docker: Docker) -> None:
    env_file.create()
    docker.env_file.chmod(0o644)
    for name in ("up", "doctor"):
        result = command(name)
        assert "chmod 600 .env" in result.stdout + result.stderr
    assert docker.compose_calls() == []


def test_down_keeps_the_data(docker: Docker) -> None:
    result = command("down")
    assert result.returncode == 0, result.stderr
    assert docker.compose_calls() == ["down --remove-orphans"]
    assert "the data are kept" in result.stderr


def test_a_second_checkout_has_its_own_containers(docker: Docker) -> None:
    assert command("down", COMPOSE_PROJECT_NAME="second").returncode == 0
    assert docker.compose_calls() == []
    assert " --project-name second down" in docker.calls()[-1]


def test_clean_all_asks_and_nobody_to_ask_is_a_no(docker: Docker) -> None:
    result = command("clean-all", CONFIRM="yes")
    assert result.returncode == 2
    assert "CONFIRM=yes" in result.stderr
    assert docker.calls() == []


def test_clean_all_removes_the_data_and_leaves_the_file(docker: Docker) -> None:
    env_file.create()
    result = command("clean-all", "--confirm")
    assert result.returncode == 0, result.stderr
    assert docker.compose_calls() == ["down --remove-orphans --volumes"]
    assert docker.env_file.exists()


@pytest.mark.parametrize(("answer", "calls"), [(b"n\n", 0), (b"\n", 0), (b"y\n", 1)])
def test_clean_all_in_a_terminal_does_what_is_answered(docker: Docker, answer: bytes, calls: int) -> None:
    terminal, its_end = pty.openpty()
    try:
        os.write(terminal, answer)
        result = subprocess.run(
            [sys.executable, "-m", "pipeline", "clean-all"],
            cwd=ROOT,
            stdin=its_end,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(terminal)
        os.close(its_end)
    assert result.returncode == 0, result.stderr
    assert "[y/N]" in result.stderr
    assert len(docker.compose_calls()) == calls


def test_with_the_file_there_commands_use_its_server(
    docker: Docker, env_of_server: dict[str, str], tcp_server: embedded.Address
) -> None:
    port = command("sql", "select inet_server_port() as port, current_database() as name")
    assert port.stdout == f"port,name\n{tcp_server.port},warehouse\n", port.stderr
    assert f"the Docker services (.env): 127.0.0.1:{tcp_server.port}" in command("doctor").stdout
    for arguments in (["db"], ["clean"]):
        refused = command(*arguments)
        assert refused.returncode == 2
        assert "the Docker services (.env)" in refused.stderr


def test_a_variable_that_is_set_goes_before_the_one_in_the_file(docker: Docker, env_of_server: dict[str, str]) -> None:
    result = command("sql", "select current_database() as name", PGDATABASE="postgres")
    assert result.stdout == "name\npostgres\n", result.stderr
