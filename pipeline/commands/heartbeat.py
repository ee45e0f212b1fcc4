"""Write a dummy row every few seconds: does a new installation carry it to the dashboard?

The rows go to a table of their own, monitoring.heartbeats, and mean nothing. Dashboards read them through the
view marts.fct_heartbeats, which is made here where no pipeline has made it yet. No lock is held while it beats:
it works beside a pipeline. Called by pipeline.cli.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

from core import interrupts
from core.errors import LockedError
from core.failpoints import failpoint
from pipeline import dbt
from warehouse import database, schema_versions
from warehouse.session import changes

_QUERIES = database.queries(Path(__file__).with_name("heartbeat.sql"))
_BEATS_IN_A_WAVE = 30


def beat(interval: float, count: int | None, tell: Callable[[str], None]) -> None:
    """Write `count` rows (None: endless), one every `interval` seconds; Ctrl-C ends it as it should.

    Raises:
        DatabaseError: the server cannot be reached.
        DbtError: the view that dashboards read cannot be made.
    """
    schema_versions.migrate()
    beats = 0
    try:
        has_view = _ensure_view()
        if not has_view:
            tell(
                "the dashboards' view of the beats is not there yet: the command at work makes it, or this one after it"
            )
        with contextlib.closing(database.connect("heartbeat", autocommit=True)) as connection:
            due = time.monotonic()
            while count is None or beats < count:
                if beats:
                    due = max(due + interval, time.monotonic())
                    time.sleep(max(0.0, due - time.monotonic()))
                has_view = has_view or _ensure_view()
                words = _write(connection, beats)
                failpoint("heartbeat.written")
                beats += 1
                tell(words)
    except BaseException:
        # Ctrl-C is how this command is ended; in the middle of a library it can come out as any error of that library.
        if not interrupts.noted():
            raise
        interrupts.forget()
    tell(f"stopped after {beats} beat{'s' * (beats != 1)}")


def _write(connection: database.Connection, number: int) -> str:
    """Write a beat and remove the old ones; gives the beat in words."""
    value = 50 + 40 * math.sin(2 * math.pi * number / _BEATS_IN_A_WAVE)
    source = f"{socket.gethostname()}/{os.getpid()}"
    with database.transaction(connection):
        beat_at = database.one_row(connection, _QUERIES["beat"], {"source": source, "value": value})[0]
        connection.execute(_QUERIES["prune"])
    return f"{beat_at:%Y-%m-%d %H:%M:%S}  {value:5.1f}"


def _ensure_view() -> bool:
    """Whether the dashboards' view is there; it is made if nobody else is changing the warehouse."""
    with database.connect("heartbeat", read_only=True) as connection:
        if database.one_row(connection, _QUERIES["has_view"])[0]:
            return True
    try:
        with changes("heartbeat"):
            dbt.build("--select", "+fct_heartbeats", run_id=None)
    except LockedError:
        return False
    return True
