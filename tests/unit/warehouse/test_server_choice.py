"""Which server is used: what the environment names, else what `.env` names, else the embedded one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from config import env_file
from core.errors import ConfigurationError, DatabaseError
from warehouse import database
from warehouse.database import Server


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `.env` that names a port where nobody listens."""
    path = tmp_path / ".env"
    monkeypatch.setenv("WAREHOUSE_ENV_FILE", str(path))
    env_file.create()
    path.write_text(path.read_text(encoding="utf-8").replace("PGPORT=5432", "PGPORT=1"), encoding="utf-8")
    return path


def test_without_variables_and_file_it_is_the_embedded_one() -> None:
    assert database.server() is Server.EMBEDDED
    assert not database.is_external()


def test_the_file_names_the_server(file: Path) -> None:
    assert database.server() is Server.ENV_FILE
    assert database.is_external()


def test_the_environment_goes_before_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "warehouse.example")
    assert database.server() is Server.ENVIRONMENT
    assert database.is_external()


def test_the_address_of_the_file_in_the_environment_is_still_that_server(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", "1")
    assert database.server() is Server.ENV_FILE


def test_a_file_without_a_server_names_none(file: Path) -> None:
    file.write_text("GRAFANA_PORT=3001\n", encoding="utf-8")
    assert database.server() is Server.EMBEDDED


def test_a_file_that_cannot_be_used_is_an_error_where_it_is_needed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.chmod(0o644)
    with pytest.raises(ConfigurationError, match="chmod 600"), database.warehouse():
        pass
    monkeypatch.setenv("PGHOST", "warehouse.example")
    assert database.server() is Server.ENVIRONMENT


def test_a_server_of_the_file_that_is_not_there_names_both_ways_on(file: Path) -> None:
    with pytest.raises(DatabaseError) as caught, database.warehouse():
        pass
    message = str(caught.value)
    assert "127.0.0.1:1, database warehouse as warehouse" in message
    assert f"{file} names this server: start the services" in message
    assert "mv .env .env.off" in message
    assert env_file.read()["PGPASSWORD"] not in message
    # Nothing of it stays in the environment.
    assert not {"PGHOST", "PGPASSWORD", "DASHBOARD_PASSWORD"} & os.environ.keys()
