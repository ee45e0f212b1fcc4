"""Why a server lets nobody in: the SQLSTATE of its refusal, which libpq tells only to who listens to the wire.

The words come in the server's language. Called by warehouse.database when a connection has failed.
"""

from __future__ import annotations

import os
import re
import select

import psycopg
from psycopg import pq

WRONG_PASSWORD = "28P01"  # noqa: S105 - a code, no password
_SECONDS = 10.0
# As libpq writes it: the fields of the message by their letters, C is the code.
_REFUSAL = re.compile(rb'\tErrorResponse\t.*? C "([0-9A-Z]{5})"')


def wants_another_password(error: psycopg.OperationalError) -> bool | None:
    """Whether a connection failed since the server did not get the user's password; None where it cannot be known."""
    attempt = error.pgconn
    if attempt is None:
        return False
    if attempt.needs_password:
        return True
    # With the right password too a server may refuse: there is no such database, or no connection left.
    if not attempt.used_password:
        return False
    state = _sqlstate()
    return state == WRONG_PASSWORD if state else None


def _sqlstate() -> str:
    """The SQLSTATE with which the environment's server refuses one more connection; '' where that cannot be heard."""
    # Kept in memory: what is heard may hold the password.
    if not hasattr(os, "memfd_create"):
        return ""
    with os.fdopen(os.memfd_create("refusal"), "w+b") as heard:
        attempt = pq.PGconn.connect_start(b"")
        try:
            attempt.trace(heard.fileno())
            _finish(attempt)
            attempt.untrace()  # writes what it has
        except (psycopg.Error, OSError):
            return ""
        finally:
            attempt.finish()
        heard.seek(0)
        refusals = _REFUSAL.findall(heard.read())
    return refusals[-1].decode() if refusals else ""


def _finish(attempt: pq.abc.PGconn) -> None:
    while True:
        wanted = attempt.connect_poll()
        if wanted == pq.PollingStatus.READING:
            ready, _, _ = select.select([attempt.socket], [], [], _SECONDS)
        elif wanted == pq.PollingStatus.WRITING:
            _, ready, _ = select.select([], [attempt.socket], [], _SECONDS)
        else:
            return
        if not ready:
            return
