"""The run log and the lock: who works on the warehouse, on what, since when, and how it ended.

`RunLog.open()` takes the warehouse's lock (one pipeline at a time), marks runs whose process died as
abandoned, and records every step in monitoring.runs as it happens. Other commands that change the warehouse have one
row, `make <command>`: `hold_lock` writes it, and `recorded` does for what fails before and for commands that need no
lock. Called by pipeline.runner and by the commands.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from config.secrets_in_use import without_secrets
from core import interrupts
from core.errors import DatabaseError, LockedError, LockLostError, words_of
from core.failpoints import failpoint
from warehouse import database, locks, schema_versions, sessions, waits

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("runs.sql"))
WHOLE_RUN = "pipeline"
_LONGEST_MESSAGE = 2000
_TOKEN_BITS = 62
# Stands in an error that a row of the run log tells of already.
_HAS_ROW = "_has_run_row"


@dataclass
class Step:
    """What a step reports about itself while it runs; one that failed without an error says so by `failed`.

    `run_id` is set by `hold_lock`: of the command's row, where its own rows name it.
    """

    name: str
    run_id: int = 0
    rows: int = 0
    skipped: bool = False
    failed: bool = False
    message: str = ""
    seconds: float = field(default=0.0, compare=False)


class RunLog:
    """One run's rows in monitoring.runs, written on a connection that also holds the lock."""

    def __init__(self, connection: database.Connection, run_id: int, versions: dict[str, str]) -> None:
        self._connection = connection
        self.run_id = run_id
        self.origin = ""
        self.steps: list[Step] = []
        self._versions = json.dumps(versions)

    @classmethod
    @contextlib.contextmanager
    def open(cls, command: str, windows: str, versions: dict[str, str]) -> Iterator[RunLog]:
        """A run with the lock held until the block ends.

        Raises:
            LockedError: another process holds the lock; the message says who and since when.
        """
        with only_lock(command) as connection:
            failpoint("run.locked")
            connection.execute(_QUERIES["abandon_dead_runs"])
            run = cls(connection, database.one_row(connection, _QUERIES["next_run_id"])[0], versions)
            with run.step(WHOLE_RUN, windows) as whole:
                failpoint("run.begun")
                yield run
                whole.rows = sum(step.rows for step in run.steps)
                whole.skipped = bool(run.steps) and all(step.skipped for step in run.steps)

    @contextlib.contextmanager
    def step(self, name: str, windows: str = "", record: Step | None = None) -> Iterator[Step]:
        """Record a step: running at once, then ok, skipped, stopped (Ctrl-C) or failed, with its message."""
        step = record or Step(name)
        self._connection.execute(
            _QUERIES["begin_step"],
            {
                "run_id": self.run_id,
                "step": name,
                "windows": _storable(windows),
                "versions": self._versions,
                "origin": self.origin,
            },
        )
        try:
            with waits.in_words():
                yield step
            interrupts.check()
        except BaseException as error:
            status, message = _ending(error)
            with contextlib.suppress(Exception):  # the error at hand says more than a lost connection
                self._finish(step, status, message)
                error.__dict__[_HAS_ROW] = True
            raise
        self._finish(step, _status(step), step.message)
        if name != WHOLE_RUN:
            self.steps.append(step)

    def _finish(self, step: Step, status: str, message: str) -> None:
        row = self._connection.execute(
            _QUERIES["finish_step"],
            {
                "run_id": self.run_id,
                "step": step.name,
                "status": status,
                "rows": step.rows,
                "message": _storable(message),
                "origin": self.origin,
            },
        ).fetchone()
        if row is not None:
            step.seconds = float(str(row[0]))

    def fail_unit(self, step: str, unit: str, message: str) -> None:
        """A row of its own for a model, or the labels of a target, whose work failed in a step."""
        parameters = {"run_id": self.run_id, "step": step, "unit": _storable(unit), "message": _storable(message)}
        self._connection.execute(_QUERIES["fail_unit"], {**parameters, "origin": self.origin})


@contextlib.contextmanager
def hold_lock(command: str, windows: str = "", record: Step | None = None) -> Iterator[database.Connection]:
    """The warehouse's lock for a command that changes it, with the connection that holds it.

    The command has a row in the run log, `make <command>`; what `record` says when the block ends stands in it.

    Raises:
        LockedError: another process holds it; the message says who and since when.
    """
    with only_lock(command) as connection:
        if not database.one_row(connection, _QUERIES["has_run_log"])[0]:
            yield connection
            return
        connection.execute(_QUERIES["abandon_dead_runs"])
        run = RunLog(connection, database.one_row(connection, _QUERIES["next_run_id"])[0], {})
        step = record or Step("")
        step.name, step.run_id = f"make {command}", run.run_id
        is_over = False
        try:
            with run.step(step.name, windows, step):
                yield connection
                is_over = True
        except psycopg.errors.UndefinedTable:
            # `make clean` takes the run log away with all else.
            if not is_over:
                raise


@contextlib.contextmanager
def recorded(command: str, windows: str = "", *, only_failures: bool = False) -> Iterator[Step]:
    """A command leaves a row in the run log, `make <command>`, unless one that says of its failure is there already.

    Args:
        windows: what it works on, in words.
        only_failures: its success has rows of its own: those of a pipeline run, or the one of `hold_lock`.
    """
    step, began = Step(f"make {command}"), time.monotonic()
    try:
        yield step
        interrupts.check()
    except BaseException as error:
        if _HAS_ROW not in error.__dict__:
            _leave_row(step, windows, time.monotonic() - began, *_ending(error))
        raise
    if not only_failures:
        _leave_row(step, windows, time.monotonic() - began, _status(step), step.message)


def _leave_row(step: Step, windows: str, seconds: float, status: str, message: str) -> None:
    """A row of what is over; what goes wrong here never hides what the command came to."""
    try:
        with contextlib.closing(database.connect("run log", autocommit=True)) as connection:
            if not database.one_row(connection, _QUERIES["has_run_log"])[0] or schema_versions.is_newer(connection):
                return
            row: dict[str, object] = {
                "step": step.name,
                "status": status,
                "windows": _storable(windows),
                "rows": step.rows,
                "message": _storable(message),
                "seconds": seconds,
            }
            connection.execute(_QUERIES["leave_row"], row)
    except Exception as error:  # no server, no room, no rights: the command's own end matters more
        log.warning("the run log has no row of %s: %s", step.name, error)


def _ending(error: BaseException) -> tuple[str, str]:
    """Status and message of a step that an error has ended."""
    if interrupts.noted() or isinstance(error, KeyboardInterrupt):
        return "stopped", "stopped by the user (Ctrl-C)"
    return "failed", words_of(error)


def _status(step: Step) -> str:
    return "failed" if step.failed else "skipped" if step.skipped else "ok"


def _storable(text: str) -> str:
    """As Postgres can keep it and everybody may read it: without secrets, with what is no text in escapes."""
    return without_secrets(text).encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")[:_LONGEST_MESSAGE]


@contextlib.contextmanager
def only_lock(command: str) -> Iterator[database.Connection]:
    """The warehouse's lock without a row in the run log: for commands that read or replace the run log itself.

    Every transaction of this process that writes in the block proves that the lock is still held.

    Raises:
        LockedError: another process holds it; the message says who and since when.
        LockLostError: the server has ended the session that held it.
    """
    owner = f"{command} by process {os.getpid()} on {socket.gethostname()}"
    with contextlib.closing(database.connect(owner, autocommit=True)) as connection:
        _refuse_shared_session(connection)
        connection.execute(_QUERIES["notice_gone_owner"])
        token = _take_lock(connection)
        try:
            with sessions.holding(token, connection.info.backend_pid), waits.watched():
                yield connection
        except Exception as error:
            if _is_lost(connection):
                raise LockLostError(
                    "the server has ended the session that held the warehouse's lock, so another command may be "
                    "changing the warehouse: this one has stopped, and has written nothing since. Run it again, it "
                    "goes on where it was"
                ) from error
            raise
        finally:
            # A busy server takes its time to see that a session has ended; the next command may come before that.
            with contextlib.suppress(psycopg.Error):  # the session is gone, and its locks with it
                connection.execute(locks.QUERIES["release"])


def _refuse_shared_session(connection: database.Connection) -> None:
    """A pooler that gives two clients one session of the server would give both the lock."""
    own = database.one_row(connection, _QUERIES["own_pid"])
    with contextlib.closing(database.connect("second session", autocommit=True, read_only=True)) as second:
        if database.one_row(second, _QUERIES["own_pid"]) == own:
            raise DatabaseError(
                f"{database.describe()} is a pooler that shares sessions of the server between clients, so the lock on "
                "the warehouse would be nobody's: name the server itself (PGHOST, PGPORT), or let it pool by session"
            )


def _take_lock(connection: database.Connection) -> int:
    """Take the warehouse's lock; gives the number that stands for having it, which only this session has locked."""
    locks.ensure(connection)
    token = secrets.randbits(_TOKEN_BITS)
    with database.transaction(connection):
        locks.hold(connection, "owner")
        holders = locks.lock_holders(connection)
        if holders:
            raise LockedError(
                f"another command is changing the warehouse ({holders[0].words}, since {holders[0].began}): wait until "
                "it ends, then run this again"
            )
        connection.execute(locks.QUERIES["take_token"], {"token": token})
        connection.execute(locks.QUERIES["note_owner"], {"token": token})
    try:
        with database.transaction(connection):
            connection.execute(locks.QUERIES["await_writers"])
    except psycopg.errors.LockNotAvailable as error:
        raise LockedError(
            "a command whose hold on the warehouse has ended still has a transaction at work on the server: wait until "
            "that ends, then run this again"
        ) from error
    return token


def _is_lost(connection: database.Connection) -> bool:
    """Whether the lock's session is gone while the server is there."""
    try:
        connection.execute("select")
    except psycopg.OperationalError:
        try:
            database.connect("lock", read_only=True).close()
        except DatabaseError:
            return False
        return True
    return False
