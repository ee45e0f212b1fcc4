"""The wheel: it carries all that the program reads, and finds it where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from config.paths import ROOT

READ = {".csv", ".json", ".py", ".sql", ".yml"}
FOLDERS = sorted(
    pattern.rstrip("*")
    for pattern in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"][
        "packages"
    ]["find"]["include"]
)
NOT_OURS = ("dbt_project/target/", "dbt_project/dbt_packages/", "dbt_project/logs/", "grafana/dashboards/custom/")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel of this working tree."""
    above = tmp_path_factory.mktemp("package")
    source = above / "source"
    for folder in (*FOLDERS, "datasets"):
        shutil.copytree(ROOT / folder, source / folder, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("LICENSE", "README.md", "monitoring.yml", "pyproject.toml"):
        shutil.copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    subprocess.run([*build, "--no-build-isolation", "--wheel-dir", str(above), str(source)], check=True)
    (wheel,) = above.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(above / "installed")
    shutil.rmtree(source)
    return above / "installed"


def said(installed: Path, folder: Path, program: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WAREHOUSE_")}
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.strip()


def test_every_file_that_the_program_reads_is_in_the_wheel(installed: Path) -> None:
    def files(below: Path) -> set[str]:
        found = {
            path.relative_to(below).as_posix()
            for folder in FOLDERS
            for path in (below / folder).rglob("*")
            if path.suffix in READ and path.is_file()
        }
        return {name for name in found if not name.startswith(NOT_OURS)}

    assert files(installed) == files(ROOT)


def test_the_default_of_what_is_monitored_is_the_checkouts(installed: Path) -> None:
    default = installed / "config" / "monitoring.yml"
    assert not default.is_symlink()
    assert default.read_bytes() == (ROOT / "monitoring.yml").read_bytes()


def test_the_project_of_an_installed_program_is_the_folder_one_stands_in(installed: Path, tmp_path: Path) -> None:
    ask = (
        "from config import paths; print(paths.ROOT, paths.state_dir(), paths.DBT_PROJECT_DIR, paths.monitoring_file())"
    )
    here = [str(tmp_path), str(tmp_path / ".local"), str(installed / "dbt_project")]
    assert said(installed, tmp_path, ask).split() == [*here, str(installed / "config" / "monitoring.yml")]
    (tmp_path / "monitoring.yml").touch()
    assert said(installed, tmp_path, ask).split() == [*here, str(tmp_path / "monitoring.yml")]


def test_a_checkout_is_its_own_project_from_any_folder(tmp_path: Path) -> None:
    ask = "from config import paths; print(paths.ROOT, paths.DBT_PROJECT_DIR, paths.monitoring_file())"
    assert said(ROOT, tmp_path, ask).split() == [str(ROOT), str(ROOT / "dbt_project"), str(ROOT / "monitoring.yml")]
