"""The worst machine there is: a strange folder, root with umask 077, no home, and other programs' variables everywhere.

Every command of the README and of its reference page runs there, with the packages of the program alone.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.paths import ROOT
from tests.environments.machines import Machine, fresh_clone, hostile_environment, plain_environment

# Nothing listens there: what `make pipeline` alone does where TLC cannot be reached.
NO_NETWORK = "TLC_URL=http://127.0.0.1:9"
# What the documents show, how it is asked for here, and the codes it may end with; {incident} and such are looked up.
COMMANDS: dict[str, list[tuple[str, set[int]]]] = {
    "pipeline": [(f"pipeline {NO_NETWORK}", {0}), (f"pipeline AS_OF=2022-02-20 {NO_NETWORK}", {0})],
    "sql": [('sql SQL="select count(*) from marts.fct_files"', {0})],
    "check-alerts": [("check-alerts", {0, 1})],
    "ack": [('ack INCIDENT={incident} NOTE="looked into"', {0})],
    "doctor": [("doctor", {0, 1})],
    "report": [("report DAY=2022-02-20 MODEL=green_duration_lr", {0})],
    "verify": [("verify MONTH=2022-02 MODEL=green_duration_lr", {0})],
    "preview": [("preview MODEL=green_duration_lr COLUMN=trip_distance DAY=2022-02-08", {0})],
    "heartbeat": [("heartbeat COUNT=1 INTERVAL=0.1", {0})],
    "dbt": [('dbt ARGS="ls --select marts"', {0})],
    "psql": [("psql", {0})],
    "db": [("db", {0})],
    "db-stop": [("db-stop", {0})],
    "backup": [("backup FILE={folder}/warehouse.backup", {0})],
    "restore": [("restore FILE={folder}/warehouse.backup CONFIRM=yes", {0})],
    "prune": [("prune RAW_MONTHS=24", {0})],
    "backfill": [("backfill FROM=2022-02-01 TO=2022-02-01 MODEL=green_duration_lr", {0})],
    "help": [("help", {0})],
    # Refused, in words: the month is there whole, no feed and no such model is configured, there is no Grafana
    # and no password of one.
    "replay": [("replay MONTH=2022-02 PAUSE=0 SOURCE=sample", {2})],
    "dataset": [("dataset FILE={folder}/README.md", {4}), ("dataset FILE={folder}/docs/none.csv", {5})],
    "labels": [("labels FILE={folder}/README.md", {2, 3, 4})],
    "predictions": [("predictions FILE={folder}/README.md MODEL=my_model", {2, 3, 4})],
    "save-dashboard": [("save-dashboard UID=mine", {3, 14})],
    "clean": [],
    "up": [],
    "down": [],
    "clean-all": [],
}
# About the project and not the warehouse, with packages of its own.
FOR_DEVELOPERS = {"test"}


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    is_root = os.geteuid() == 0
    with fresh_clone("my project's, copy $HOME", umask=0o077 if is_root else 0o022) as folder:
        junk = folder.parent / "junk"
        junk.mkdir()
        # The packages themselves are not what is tried here: those that this machine has need no network.
        cache = subprocess.run(
            [str(Path(sys.executable).with_name("uv")), "cache", "dir"], capture_output=True, text=True, check=True
        ).stdout.strip()
        environment = plain_environment() | hostile_environment(junk) | {"UV_CACHE_DIR": cache}
        if is_root:
            environment["HOME"] = "/proc/nowhere"  # which even root cannot make
        yield Machine(folder, environment, umask=0o077 if is_root else 0o022)


@pytest.fixture(scope="module")
def filled(machine: Machine) -> Machine:
    ended = machine.make("pipeline", NO_NETWORK)
    assert ended.code == 0, ended.stderr
    return machine


def test_the_readmes_first_command_fills_the_warehouse(filled: Machine) -> None:
    filled.check_whole_warehouse()


def test_nothing_is_installed_elsewhere_and_no_tool_of_developers_here(filled: Machine) -> None:
    assert (
        sorted(path.name for path in (filled.folder.parent / "junk").iterdir() if path.name in {"target", "prefix"})
        == []
    )
    assert not (filled.folder / ".venv" / ".dev").exists()
    asked = "import importlib.util as util, sys; sys.exit(util.find_spec('grafana_foundation_sdk') is None)"
    assert filled.run([".venv/bin/python", "-I", "-c", asked], PYTHONHOME="").code == 1


def test_the_program_runs_from_any_folder(filled: Machine) -> None:
    """As cron and schedulers call it."""
    few = {"PATH": "/usr/bin:/bin", "PYTHONSAFEPATH": "1"}
    bare = Machine(filled.folder, few, umask=filled.umask)
    ended = bare.program("sql", "select count(*) from marts.dim_models", cwd=Path("/"))
    assert (ended.code, ended.stdout) == (0, "count\n3\n"), ended.stderr
    ended = bare.run([str(filled.folder / ".venv/bin/python"), "-m", "pipeline", "sql", "select 1 as x"], cwd=Path("/"))
    assert (ended.code, ended.stdout) == (0, "x\n1\n"), ended.stderr


def shown_commands() -> set[str]:
    pages = (ROOT / "README.md", ROOT / "docs" / "reference" / "commands.md")
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    return set(re.findall(r"(?:\$ |`)make ([a-z][a-z-]*)", text))


def test_every_command_that_the_documents_show_is_tried_here() -> None:
    assert shown_commands() == set(COMMANDS) | FOR_DEVELOPERS


@pytest.mark.parametrize("line", [line for lines in COMMANDS.values() for line in lines], ids=lambda line: str(line[0]))
def test_a_command_of_the_readme_needs_the_programs_packages_alone(filled: Machine, line: tuple[str, set[int]]) -> None:
    words, codes = line
    if "{incident}" in words:
        words = words.replace("{incident}", filled.rows("select incident_id from marts.fct_incidents limit 1")[0][0])
    arguments = [word.replace("{folder}", str(filled.folder)) for word in shlex.split(words)]
    ended = filled.make(*arguments, stdin="select 42;\n")
    code = ended.code_of_program
    assert code in codes, f"{ended.stdout[-2000:]}{ended.stderr[-2000:]}"
    assert "ModuleNotFoundError" not in ended.stdout + ended.stderr
    if code > 2:
        assert "error: " in ended.stderr


@pytest.mark.parametrize("command", ["up", "down", "clean-all CONFIRM=yes"])
def test_what_needs_docker_says_so_where_there_is_none(filled: Machine, command: str) -> None:
    ended = filled.make(*command.split(), PATH=without_docker(filled.folder.parent))
    assert ended.code_of_program == 3
    assert "error: " in ended.stderr


def without_docker(folder: Path) -> str:
    """A PATH with what make needs and no more."""
    programs = folder / "programs"
    programs.mkdir(exist_ok=True)
    for name in ("bash", "cat", "make", "touch", "awk"):
        found = subprocess.run(["/bin/sh", "-c", f"command -v {name}"], capture_output=True, text=True, check=True)
        (programs / name).unlink(missing_ok=True)
        (programs / name).symlink_to(found.stdout.strip())
    return str(programs)


def test_a_checkout_that_is_moved_takes_its_environment_along(filled: Machine) -> None:
    moved = filled.folder.with_name("elsewhere")
    filled.folder.rename(moved)
    try:
        there = Machine(moved, filled.environment, umask=filled.umask)
        assert there.rows("select count(*) from marts.dim_models") == [["3"]]
        bare = Machine(moved, {"PATH": "/usr/bin:/bin"}, umask=filled.umask)
        assert bare.program("sql", "select 42 as x", cwd=Path("/")).stdout == "x\n42\n"
    finally:
        moved.rename(filled.folder)
