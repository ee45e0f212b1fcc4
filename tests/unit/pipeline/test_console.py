"""Telling a person never ends the work: readers that go, full disks, closed streams, letters that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.paths import ROOT
from pipeline import console

# Talks in every way that the program has, works on, and ends with its own code.
_WORK = """
import logging, sys, warnings
from pipeline import console
console.settle()
logging.basicConfig(level="DEBUG", stream=sys.stderr)
from rich.progress import track
def said():
    console.tell("größe \\udcff [/] [bold]x")
    console.tell_error("größe")
    console.result_console().print("größe " * 2000)
    print("größe", flush=True)
    print("größe", file=sys.stderr, flush=True)
    logging.getLogger("x").warning("größe %s", "é")
    warnings.warn("größe")
    for _ in track(range(3), console=console.progress_console()):
        pass
for _ in range(20):
    said()
with open(sys.argv[1], "w") as done:
    done.write("done")
sys.exit(7)
"""


def worked(tmp_path: Path, redirect: str, **environment: str) -> tuple[int, bool]:
    """Exit code of the work behind a shell's redirects, and whether it came to its end."""
    done = tmp_path / "done"
    line = f'"$0" -c "$1" "$2" {redirect}'
    code = subprocess.run(
        ["bash", "-c", line, sys.executable, _WORK, str(done)],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=120,
        check=False,
    ).returncode
    return code, done.exists()


@pytest.mark.parametrize(
    "redirect",
    [
        "2>&1 | head -1; exit ${PIPESTATUS[0]}",
        "2> >(head -c 1 >&3) 3>/dev/null | head -c 1; exit ${PIPESTATUS[0]}",
        "2>&-",
        ">&-",
        "<&- >&- 2>&-",
        ">/dev/full 2>/dev/full",
        ">/dev/full 2>&1",
    ],
)
def test_the_work_goes_on(tmp_path: Path, redirect: str) -> None:
    assert worked(tmp_path, redirect) == (7, True)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-16"])
def test_letters_that_the_terminal_lacks_are_no_error(tmp_path: Path, encoding: str) -> None:
    assert worked(tmp_path, ">/dev/null 2>&1", PYTHONIOENCODING=encoding, LC_ALL="C") == (7, True)


def test_a_pipe_that_does_not_block_gets_all() -> None:
    program = "from pipeline import console\nconsole.settle()\nfor n in range(20000): print(f'line {n}')"
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=writing)
    os.close(writing)
    with os.fdopen(reading) as stream:
        lines = list(stream)
    assert process.wait(60) == 0
    assert lines == [f"line {n}\n" for n in range(20000)]


@pytest.fixture
def data_program() -> list[str]:
    program = (
        "import sys\nfrom pipeline import console\nfrom core.errors import WarehouseError\nconsole.settle()\n"
        "try:\n with console.data() as out:\n  out.writelines('größe\\n' for _ in range(100000))\n"
        "except WarehouseError as error:\n sys.exit(f'error: {error}')\n"
    )
    return [sys.executable, "-c", program]


def test_a_reader_of_data_that_has_seen_enough_ends_it_quietly(data_program: list[str]) -> None:
    words = ["bash", "-c", '"$0" "$@" | head -2; exit ${PIPESTATUS[0]}', *data_program]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, check=False, env=os.environ | {"LC_ALL": "C"})
    assert (result.returncode, result.stdout, result.stderr) == (0, "größe\n".encode() * 2, b"")


def test_data_that_cannot_be_written_are_an_error(data_program: list[str]) -> None:
    words = ["bash", "-c", '"$0" "$@" >/dev/full', *data_program]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "error: the result cannot be written to stdout: No space left on device\n"


def test_a_line_is_told_as_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    line = "fd00::a:b:5432 x:ok:y [bold] C:\\"
    console.tell(line)
    console.tell_error(line)
    assert capfd.readouterr().err == f"{line}\nerror: {line}\n"
