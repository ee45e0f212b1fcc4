"""Somebody without a home or even a name, and a Postgres 15 that speaks German and writes days first."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environments.machines import NOBODY, Machine, fresh_clone, plain_environment, python_for_everybody
from tests.servers import foreign_server

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")]
NAMELESS = 47110


@pytest.fixture(scope="module")
def homeless() -> Iterator[Machine]:
    """A user whose home does not exist, in a checkout of their own."""
    python = python_for_everybody()
    with fresh_clone("checkout", user=NOBODY) as folder:
        yield Machine(folder, plain_environment(), user=NOBODY, python=python)


def test_a_user_without_a_home(homeless: Machine) -> None:
    """HOME is not even set."""
    ended = homeless.make("pipeline", "SOURCE=sample")
    assert ended.code == 0, ended.stderr
    homeless.check_whole_warehouse()
    # No folder called ~ has been made in place of a home.
    assert not (homeless.folder / "~").exists()


def test_a_user_without_a_name(homeless: Machine) -> None:
    """As `docker run --user 47110`: a server of one's own is used, the embedded one cannot be made and says why."""
    assert homeless.make("install").code == 0
    nameless = Machine(homeless.folder, plain_environment(), user=NAMELESS)
    with tempfile.TemporaryDirectory(prefix="warehouse-environment-") as state, foreign_server() as server:
        os.chown(state, NAMELESS, NAMELESS)
        own = {"WAREHOUSE_STATE_DIR": state}
        ended = nameless.program("sql", "select 1", cwd=Path("/"), **own)
        assert (ended.code, ended.stdout) == (7, "")
        assert f"could not look up effective user ID {NAMELESS}" in ended.stderr
        ended = nameless.program("sql", "select 42 as x", cwd=Path("/"), **own, **server.environment())
        assert (ended.code, ended.stdout) == (0, "x\n42\n"), ended.stderr


def test_a_german_postgres_with_days_first(homeless: Machine) -> None:
    with foreign_server() as server:
        if not server.is_german:
            pytest.skip("needs Debian's Postgres and the locale de_DE.UTF-8")
        variables = server.environment()
        ended = homeless.make("pipeline", "SOURCE=sample", **variables)
        assert ended.code == 0, ended.stderr
        homeless.check_whole_warehouse(**variables)
