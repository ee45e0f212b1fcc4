"""The run log and the lock: who works on the warehouse, on what, since when, and how it ended.

`RunLog.open()` takes the warehouse's lock (one pipeline at a time), marks runs whose process died as
abandoned, and records every step in monitoring.runs as it happens. Called by the conductor.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import database, interrupts
from pipeline.errors import LockedError, WarehouseError
from pipeline.failpoints import failpoint

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("runs.sql"))
WHOLE_RUN = "pipeline"


@dataclass
class Step:
    """What a step reports about itself while it runs."""

    name: str
    rows: int = 0
    skipped: bool = False
    message: str = ""
    inputs_hash: str | None = None
    seconds: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Inputs:
    """What the results of a step were made from: by its latest success ('' without one) and by attempts since.

    An attempt that ended badly may have changed a part of the results.
    """

    done: str
    unfinished: tuple[str, ...] = ()

    def are(self, inputs: str) -> bool:
        """Whether the results are whole and made from these."""
        return self.done == inputs and not self.unfinished

    def are_of_another(self, project: str) -> bool:
        """Whether a part of the results was made by another dbt project."""
        return any(one and not one.startswith(project) for one in (self.done, *self.unfinished))


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
        with hold_lock(command) as connection:
            failpoint("run.locked")
            connection.execute(_QUERIES["abandon_dead_runs"])
            run = cls(connection, database.one_row(connection, _QUERIES["next_run_id"])[0], versions)
            with run.step(WHOLE_RUN, windows) as whole:
                failpoint("run.begun")
                yield run
                whole.rows = sum(step.rows for step in run.steps)
                whole.skipped = bool(run.steps) and all(step.skipped for step in run.steps)

    @contextlib.contextmanager
    def step(self, name: str, windows: str = "") -> Iterator[Step]:
        """Record a step: running at once, then ok, skipped, stopped (Ctrl-C) or failed, with its message."""
        step = Step(name)
        key = {"run_id": self.run_id, "step": name}
        self._connection.execute(
            _QUERIES["begin_step"],
            {**key, "windows": windows, "versions": self._versions, "origin": self.origin},
        )
        try:
            yield step
            interrupts.check()
        except BaseException as error:
            interrupts.recognise(error)
            reason = str(error) if isinstance(error, WarehouseError) else f"{type(error).__name__}: {error}"
            stopped = interrupts.noted() or isinstance(error, KeyboardInterrupt)
            if stopped:
                reason = "stopped by the user (Ctrl-C)"
            with contextlib.suppress(Exception):  # the error at hand says more than a lost connection
                self._finish(step, "stopped" if stopped else "failed", reason)
            raise
        self._finish(step, "skipped" if step.skipped else "ok", step.message)
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
                "message": message[:2000],
                "inputs_hash": step.inputs_hash,
                "origin": self.origin,
            },
        ).fetchone()
        if row is not None:
            step.seconds = float(str(row[0]))

    def last_inputs(self, step: str) -> Inputs:
        """What the step's results were made from."""
        done, unfinished = database.one_row(self._connection, _QUERIES["last_inputs"], {"step": step})
        return Inputs(done, tuple(unfinished))

    def note_inputs(self, step: Step, inputs: str) -> None:
        """Note what a step begins to change its results by, so that the next run knows of it if this one dies."""
        key = {"run_id": self.run_id, "step": step.name}
        self._connection.execute(_QUERIES["note_inputs"], {**key, "inputs_hash": inputs})


@contextlib.contextmanager
def hold_lock(command: str) -> Iterator[database.Connection]:
    """The warehouse's lock for a command that changes it, with the connection that holds it.

    Raises:
        LockedError: another process holds it; the message says who and since when.
    """
    owner = f"{command} by process {os.getpid()} on {socket.gethostname()}"
    with contextlib.closing(database.connect(owner, autocommit=True)) as connection:
        _take_lock(connection)
        yield connection


def _take_lock(connection: database.Connection) -> None:
    if connection.execute(_QUERIES["take_lock"]).fetchone() == (True,):
        return
    holder = connection.execute(_QUERIES["lock_holder"]).fetchone()
    who = f"{holder[0]}, since {holder[1]}" if holder else "it has just ended; try again"
    raise LockedError(f"another command is changing the warehouse ({who}): wait until it ends, then run this again")
