"""What is typed on make's command line is a text: make expands none of it and no shell runs it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from config.paths import ROOT
from tests.commands import make

# Whatever a person types under these names, and those that the Makefile itself assigns.
_ASSIGNED = re.findall(r"^(?:override )?([\w.]+) :=", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
NAMES = sorted(
    {
        "UID",
        "FILE",
        "x",
        "name",
        "PGHOST",
        "PIP_INDEX_URL",
        "WAREHOUSE_STATE_DIR",
        "WAREHOUSE_ARG_FILE",
        "SHELL",
        ".each",
    }
    | {
        "PYTHON",
        "MAKECMDGOALS",
        "MAKEFILE_LIST",
        "MAKEFLAGS",
        "CURDIR",
        "VPATH",
        ".SHELLFLAGS",
        ".VARIABLES",
        "ENVIRONMENT",
    }
    | set(_ASSIGNED)
)


def test_the_makefile_is_read() -> None:
    assert {"VENV", "BIN", "TYPED"} <= set(_ASSIGNED)
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.findall(r"^(?!override )[\w.]+ *:=", text, re.MULTILINE) == [".DEFAULT_GOAL :="]


@pytest.mark.parametrize("name", NAMES)
def test_a_value_is_never_run(name: str, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    for value in (f"$(shell touch {proof})", f"`touch {proof}`", f"x; touch {proof}", f"'\"; touch {proof}; \"'"):
        make("help", f"{name}={value}")
        assert not proof.exists(), (name, value)


@pytest.mark.parametrize(
    "value",
    ["$(shell false)", "${HOME} $HOME $$ $", "`c` 'q' \"d\" \\", "two\nlines", "a # b", "%s %", "$(error x)", "=x"],
)
def test_a_value_arrives_as_it_was_typed(value: str) -> None:
    expected = f"the target '{value.strip()}' is the label of no model"
    assert expected in make("labels", f"TARGET={value}", "FILE=a.csv").stderr
    # Another setting of the environment, which is one here, too.
    result = make("labels", "FILE=a.csv", f"WAREHOUSE_LOG_LEVEL={value}")
    assert f"WAREHOUSE_LOG_LEVEL '{value.strip().upper()}' is not valid" in result.stderr


def test_a_python_with_another_name_is_one_program(tmp_path: Path) -> None:
    program = tmp_path / "a $(HOME) python"
    program.write_text('#!/bin/sh\nexec python3 "$@"\n')
    program.chmod(0o700)
    # What the recipe of the environment runs, alone.
    rule = 'all: ; @"$$WAREHOUSE_PYTHON" -c \'print("ran")\'\n'
    (tmp_path / "own.mk").write_text(f"include {ROOT}/Makefile\n{rule}")
    ended = subprocess.run(
        ["make", "--silent", "-C", str(ROOT), "-f", str(tmp_path / "own.mk"), "all", f"PYTHON={program}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.stdout == "ran\n", ended.stderr
