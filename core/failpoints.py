"""Places at which a test kills the process, or holds it while something happens to the server.

`failpoint("unit.before_commit")` does nothing unless the environment variable WAREHOUSE_FAILPOINT names it:

    unit.before_commit             killed (SIGKILL) there
    unit.before_commit:3           killed there the third time
    unit.before_commit:1=/a/file   held there: the file is made, and the process goes on when it is gone

tests/hard/points.py has a case for every name.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from core.errors import ConfigurationError

VARIABLE = "WAREHOUSE_FAILPOINT"
_LONGEST_HOLD = 300.0
# Every name, in the order in which a run comes past; a test holds the list to the calls.
NAMES = (
    "migrate.file_applied",
    "migrate.before_commit",
    "run.locked",
    "run.begun",
    "roles.before_commit",
    "step.before",
    "step.done",
    "step.after",
    "sample.file_unfinished",
    "ingest.before_file",
    "ingest.deleted",
    "ingest.batch",
    "ingest.before_commit",
    "ingest.after_commit",
    "dataset.staged",
    "dataset.merged",
    "dataset.before_commit",
    "dbt.before_build",
    "dbt.node_started",
    "dbt.swap",
    "dbt.node_finished",
    "dbt.results_copied",
    "dbt.after_build",
    "train.file_unfinished",
    "train.file_written",
    "train.reference_row",
    "train.before_commit",
    "train.after_commit",
    "unit.removed",
    "unit.begun",
    "unit.before_commit",
    "unit.made",
    "score.deleted",
    "labels.removed",
    "metrics.bins_written",
    "metrics.window_deleted",
    "comparisons.deleted",
    "evaluations.deleted",
    "evaluations.settled",
    "alarms.deleted",
    "incidents.added",
    "incidents.before_commit",
    "predictions.copied",
    "predictions.version_taken",
    "predictions.before_commit",
    "predictions.withdrawn",
    "label_feed.record",
    "label_feed.before_commit",
    "replay.part_written",
    "replay.day_done",
    "heartbeat.written",
    "backup.table_written",
    "backup.written",
    "restore.table_loaded",
    "restore.before_commit",
    "restore.committed",
)


@dataclass
class _Asked:
    """The one failpoint of this process; `left` is how many times it is still to be passed."""

    name: str
    left: int
    hold: Path | None


def _asked(text: str) -> _Asked | None:
    if not text:
        return None
    place, _, file = text.partition("=")
    name, _, number = place.partition(":")
    if name not in NAMES or not (number or "1").isdecimal():
        raise ConfigurationError(
            f"{VARIABLE} '{text}' is not valid: write name, name:3 or name:1=/a/file with one of the names in "
            "core/failpoints.py, or unset it"
        )
    return _Asked(name, int(number or 1), Path(file) if file else None)


_lock = threading.Lock()
_state = _asked(os.environ.get(VARIABLE, ""))


def is_asked() -> bool:
    """Whether this process has a failpoint at all."""
    return _state is not None


def failpoint(name: str) -> None:
    """Die or wait here, if a test has asked for it."""
    if _state is not None and _state.name == name:
        _reach(_state)


def _reach(asked: _Asked) -> None:
    with _lock:
        asked.left -= 1
        is_here = asked.left == 0
    if not is_here:
        return
    if asked.hold is None:
        os.kill(os.getpid(), signal.SIGKILL)
        return
    asked.hold.touch()
    end = time.monotonic() + _LONGEST_HOLD
    while asked.hold.exists() and time.monotonic() < end:
        time.sleep(0.02)
