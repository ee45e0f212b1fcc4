"""The wheel in an environment of its own, used from an empty folder by somebody who can write nowhere else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.environments.machines import (
    DAYS,
    MODELS,
    NOBODY,
    Machine,
    fresh_clone,
    plain_environment,
    python_for_everybody,
)

pytestmark = pytest.mark.slow
USER = NOBODY if os.geteuid() == 0 else None


@pytest.fixture(scope="module")
def installed() -> Iterator[Machine]:
    """A user with an empty home and an empty project, beside an environment that holds the wheel and what it needs."""
    python = python_for_everybody() if USER is not None else sys.executable
    with tempfile.TemporaryDirectory(prefix="warehouse-environment-") as name:
        above = Path(name)
        above.chmod(0o755)
        venv = above / "environment"
        program = str(venv / "bin" / "python")
        subprocess.run([python, "-m", "venv", str(venv)], check=True, umask=0o022)
        pip = [program, "-I", "-m", "pip", "--quiet", "--disable-pip-version-check"]
        with fresh_clone("checkout") as clone:
            for what in ("bootstrap", "runtime"):
                install = [program, "-I", "requirements/install.py", f"requirements/{what}.lock", str(venv)]
                subprocess.run(install, cwd=clone, check=True, umask=0o022)
            build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(above), str(clone)]
            subprocess.run(build, check=True)
        (wheel,) = above.glob("*.whl")
        subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True, umask=0o022)
        subprocess.run([*pip, "check"], check=True)
        for folder in (above / "home", above / "project"):
            folder.mkdir()
            if USER is not None:
                shutil.chown(folder, USER, USER)
        yield Machine(above / "project", plain_environment() | {"HOME": str(above / "home")}, user=USER)


def ask(machine: Machine, *words: str) -> str:
    program = machine.folder.parent / "environment" / "bin" / "monitoring-warehouse"
    ended = machine.run([str(program), *words])
    assert ended.code == 0, ended.stderr
    return ended.stdout + ended.stderr


def test_the_wheel_runs_the_sample_in_an_empty_folder(installed: Machine) -> None:
    before = sorted((installed.folder.parent / "environment").rglob("*"))
    ask(installed, "run", "--source", "sample")
    days = ask(installed, "sql", "select count(*) as days from marts.fct_daily_monitoring")
    assert days == f"days\n{DAYS * MODELS}\n"
    assert "nothing new" in ask(installed, "run", "--source", "sample")
    assert "The program and the warehouse are in order." in ask(installed, "doctor", "--source", "sample")
    ask(installed, "dbt", "test --select stg_green_trips")
    pages = ask(installed, "preview").splitlines()
    assert [str(Path(page).parent) for page in pages] == [str(installed.folder / "reports" / "dashboards")] * len(pages)
    assert {path.name for path in installed.folder.iterdir()} == {".local", "reports"}
    assert sorted((installed.folder.parent / "environment").rglob("*")) == before
    assert list((installed.folder.parent / "home").iterdir()) == []


def test_a_monitoring_file_of_the_folder_takes_the_place_of_the_packages(installed: Machine) -> None:
    own = installed.folder / "monitoring.yml"
    own.write_text("models: 5\n")
    try:
        with pytest.raises(AssertionError, match=r"monitoring\.yml: models belongs into the file of a dataset"):
            ask(installed, "run", "--source", "sample")
    finally:
        own.unlink()


def test_services_are_a_checkouts(installed: Machine) -> None:
    with pytest.raises(AssertionError, match=r"docker-compose\.yml is not there"):
        ask(installed, "up")
