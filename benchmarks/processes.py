"""Fresh processes, timed, with their peak memory; and an embedded server for those that need one given.

The benchmark's own process stays small on purpose: a child's peak memory, as the kernel reports it, is never
less than that of the process it was started from.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config.paths import ROOT
from warehouse.server import embedded

# What a person's environment may hold and a measured process shall not see.
_SCRUBBED = (
    "PGHOST", "PGHOSTADDR", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGSERVICE", "PGPASSFILE",
    "PYTHONDONTWRITEBYTECODE", "WAREHOUSE_STATE_DIR", "WAREHOUSE_TYPED", "WAREHOUSE_LOG_LEVEL",
    "WAREHOUSE_MONITORING_FILE",
)  # fmt: skip
_RSS_UNITS_PER_MB = 1024 if sys.platform == "linux" else 1024**2  # ru_maxrss: KiB on Linux, bytes on macOS


class FailedError(Exception):
    """A measured process ended with an error; the message carries the end of what it wrote."""


@dataclass(frozen=True)
class Finished:
    """A process that has ended, with its children: wall seconds, largest resident size, stdout, processor seconds."""

    seconds: float
    peak_mb: float
    output: str
    cpu_seconds: float


def scrub() -> None:
    """Take out of this process's environment, and so out of its children's, what would change a measurement."""
    for name in _SCRUBBED:
        os.environ.pop(name, None)
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["WAREHOUSE_ENV_FILE"] = str(ROOT / ".no-env-while-measuring")


def run(module: str, *arguments: object, environment: dict[str, str] | None = None) -> Finished:
    """Run a Python module in a fresh process.

    Raises:
        FailedError: it ended with another exit code than 0.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as talk:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | (environment or {}), stdout=subprocess.PIPE, stderr=talk, text=True
        )
        assert process.stdout is not None
        try:
            with process.stdout as stdout:
                output = stdout.read()
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            _end(process)
            raise
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            talk.seek(0)
            raise FailedError(f"{module} ended with code {process.returncode}: {talk.read()[-2000:]}")
    return Finished(seconds, usage.ru_maxrss / _RSS_UNITS_PER_MB, output, usage.ru_utime + usage.ru_stime)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask a process to stop, as Ctrl-C does, so that it can stop its server; kill it where it does not."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextlib.contextmanager
def server(state: Path) -> Iterator[dict[str, str]]:
    """An embedded server with its data under `state`; gives the libpq variables that reach it."""
    with _state_folder(state), embedded.running() as address:
        yield address.environment()


def stop_server(state: Path) -> None:
    """Stop the server of a state folder, should a process that was cut off have left it running."""
    if (state / "postgres").exists():
        with _state_folder(state):
            embedded.release()


@contextlib.contextmanager
def _state_folder(state: Path) -> Iterator[None]:
    os.environ["WAREHOUSE_STATE_DIR"] = str(state)
    try:
        yield
    finally:
        del os.environ["WAREHOUSE_STATE_DIR"]
