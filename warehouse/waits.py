"""Who holds up a command of this program: said while it waits, and nobody for ever.

`watched()` is around what changes the warehouse. A thread looks every few seconds whether a session of this program
waits for what somebody else holds, and says who that is. A reader's session (dashboard, analyst) is ended after
READER_SECONDS; others are waited for until the server gives the statement up (`lock_timeout` in
warehouse/sessions.sql), which ends with a LockedError. Called by warehouse.runs and warehouse.schema_versions.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from core.errors import LockedError, sqlstates_of
from warehouse import database
from warehouse.access.roles import READERS, ROLES

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("waits.sql"))
_LOCK_NOT_AVAILABLE = "55P03"
LOOK_SECONDS = 3.0
READER_SECONDS = 60.0

# Who was in the way last, in words.
_last: str = ""


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Inside this block a person hears of whoever holds this program up.

    Raises:
        LockedError: the server has given up waiting.
    """
    over = threading.Event()
    thread = threading.Thread(target=_watch, args=(over, database.login()), daemon=True)
    thread.start()
    try:
        with in_words():
            yield
    finally:
        over.set()
        thread.join()


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """That the server has given up waiting is said with who was in the way.

    Raises:
        LockedError: in place of the server's own error.
    """
    try:
        yield
    except LockedError:
        raise
    except Exception as error:
        if _LOCK_NOT_AVAILABLE not in sqlstates_of(error):
            raise
        raise LockedError(
            f"gave up waiting for what another session holds{f': {_last}' if _last else ''}. End that session, or wait "
            "until it ends, then run the same command again: it goes on"
        ) from error


def _watch(over: threading.Event, login: database.Login) -> None:
    """Look until the block is over; what goes wrong here is not the command's affair."""
    if over.wait(LOOK_SECONDS):
        return
    try:
        with contextlib.closing(
            database.connect("watch", autocommit=True, read_only=True, as_login=login)
        ) as connection:
            since: dict[int, float] = {}
            while True:
                _look(connection, since)
                if over.wait(LOOK_SECONDS):
                    return
    except Exception as error:  # see above: without a watch the command still ends by its lock_timeout
        log.info("nobody watches who holds this command up: %s", error)


def _look(connection: database.Connection, since: dict[int, float]) -> None:
    """Say who is in the way, once each; end a reader who has been for too long."""
    global _last
    names = {"readers": [str(role) for role in READERS], "parts": [str(role) for role in ROLES if role not in READERS]}
    rows: list[Any] = connection.execute(_QUERIES["blockers"], names).fetchall()
    now = time.monotonic()
    for pid in since.keys() - {row[0] for row in rows}:
        del since[pid]
    for pid, user, name, state, began, relation, is_reader in rows:
        _last = (
            f"the session {pid} of {user or 'somebody'}{f' ({name})' if name else ''}, {state or 'at work'} "
            f"since {began or 'a time that only an administrator sees'}, holds {relation or 'what is needed'}"
        )
        if pid not in since:
            since[pid] = now
            until = f"it is ended in {READER_SECONDS:.0f} seconds" if is_reader else "end it, or wait"
            log.warning("%s, and this command waits for it: %s", _last, until)
        elif is_reader and now - since[pid] >= READER_SECONDS:
            try:
                connection.execute(_QUERIES["end_session"], {"pid": pid, "readers": names["readers"]})
                log.warning("ended the session %s of %s, which held %s up", pid, user, relation or "this command")
            except psycopg.errors.InsufficientPrivilege:
                log.warning("the session %s of %s may not be ended by %s", pid, user, connection.info.user)
            since[pid] = now
