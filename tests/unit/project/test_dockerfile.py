"""The program's image: what it copies is there, what it leaves out is not needed, and nobody in it is root."""

from __future__ import annotations

import re
import tomllib

from config.paths import ROOT

LINES = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
TAKEN = {
    line.strip("!/") for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def of(instruction: str) -> list[str]:
    return [line.removeprefix(instruction).strip() for line in LINES if line.startswith(instruction + " ")]


def test_every_folder_of_the_package_and_what_it_is_built_of_reach_the_image() -> None:
    folders = {pattern.rstrip("*") for pattern in PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]}
    files = {
        "pyproject.toml",
        "monitoring.yml",
        "datasets",
        PYPROJECT["project"]["readme"],
        *PYPROJECT["project"]["license-files"],
    }
    assert folders | files | {"requirements"} == TAKEN
    for path in (path for line in of("COPY") for path in line.split()[:-1]):
        assert (ROOT / path).exists(), path


def test_no_file_with_passwords_or_data_reaches_the_image() -> None:
    assert not TAKEN & {".env", ".local", "data", "reports", ".git"}


def test_the_program_is_what_runs_and_not_as_root() -> None:
    assert of("FROM") == ["python:3.11-slim"]
    assert of("USER") == ["warehouse"]
    assert of("ENTRYPOINT") == ['["monitoring-warehouse"]']
    assert "monitoring-warehouse" in PYPROJECT["project"]["scripts"]
    assert of("WORKDIR")[-1] == of("VOLUME")[0] == "/project"


def test_packages_come_from_the_lock_files_by_their_hashes() -> None:
    installed = [part for line in of("RUN") for part in line.split("&&") if "pip install" in part]
    for part in installed:
        assert re.search(r"--no-deps --(require-hashes -r requirements/\w+\.lock|no-index)", part), part
