"""The failpoints: each has a case in the hard suite, and none does anything unless it is asked for."""

from __future__ import annotations

import ast
import signal
import subprocess
import sys
import timeit
from pathlib import Path

import pytest

from config.paths import ROOT
from core.errors import ConfigurationError
from core.failpoints import NAMES, VARIABLE, _asked, failpoint
from tests.hard.points import ALL
from tests.source_code import python_files

CALL = """
from core.failpoints import failpoint
for name in ("score.deleted", "unit.begun"):
    failpoint(name)
    failpoint("score.deleted")
    print(name, flush=True)
"""


def called() -> list[str]:
    """The names in the calls of the program, which are all written out."""
    names = []
    for path in python_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "failpoint":
                (argument,) = node.args
                assert isinstance(argument, ast.Constant), f"{path}:{node.lineno}"
                names.append(str(argument.value))
    return names


def test_every_failpoint_is_called_once_and_killed_at() -> None:
    assert sorted(called()) == sorted(NAMES)
    assert {point.name for point in ALL} == set(NAMES)
    assert len({(point.start, point.name, point.number) for point in ALL}) == len(ALL) >= 100


def process(point: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", CALL], env={VARIABLE: point}, cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("point", "printed"),
    [("score.deleted", ""), ("score.deleted:3", "score.deleted\n"), ("unit.begun", "score.deleted\n")],
)
def test_a_process_dies_at_the_pass_that_was_asked_for(point: str, printed: str) -> None:
    result = process(point)
    assert (result.returncode, result.stdout) == (-signal.SIGKILL, printed)


def test_a_failpoint_that_is_not_passed_often_enough_does_nothing() -> None:
    assert process("score.deleted:9").returncode == process("").returncode == 0


def test_a_held_process_goes_on_when_its_file_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "held"
    held = subprocess.Popen(
        [sys.executable, "-c", CALL], env={VARIABLE: f"unit.begun={file}"}, cwd=ROOT, stdout=subprocess.PIPE
    )
    while not file.exists():
        assert held.poll() is None
    assert held.stdout is not None
    assert held.stdout.readline() == b"score.deleted\n"
    file.unlink()
    assert held.communicate(timeout=30)[0] == b"unit.begun\n"
    assert held.returncode == 0


@pytest.mark.parametrize("text", ["score.delete", "score.deleted:many", ":1"])
def test_an_unknown_failpoint_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="is not valid: write name"):
        _asked(text)


def test_a_failpoint_costs_next_to_nothing() -> None:
    assert min(timeit.repeat(lambda: failpoint("score.deleted"), number=10_000, repeat=3)) < 0.02
