"""Every error the project raises on purpose, with the exit code the command line ends with.

A message says what was found, what is valid and what to do. The codes are part of the public
interface: `docs/reference/exit-codes.md` lists them and a test holds that list to this module.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from typing import Any

DISK_FULL = "53100"


class WarehouseError(Exception):
    """Base of all expected errors; printed as one line without a traceback.

    `sqlstates` says what the server answered where no error of a driver stands behind this one.
    """

    exit_code = 1
    sqlstates: frozenset[str] = frozenset()


class UsageError(WarehouseError):
    """A parameter has a value that is not valid (a malformed month, an unknown source)."""

    exit_code = 2


class ConfigurationError(WarehouseError):
    """`monitoring.yml`, `.env`, the environment or Docker cannot be used."""

    exit_code = 3


class BadFileError(WarehouseError):
    """A source file was found, but it cannot be loaded as it is."""

    exit_code = 4


class SourceUnavailableError(WarehouseError):
    """A source file could not be found or fetched."""

    exit_code = 5


class NetworkUnreachableError(SourceUnavailableError):
    """The download host cannot be reached at all (no route, no name, refused, timed out)."""


class OriginMixError(WarehouseError):
    """Generated and real months were asked for in one warehouse."""

    exit_code = 6


class DatabaseError(WarehouseError):
    """The Postgres server cannot be started, reached or used."""

    exit_code = 7


class DbtError(WarehouseError):
    """dbt failed: a model, a test or the project itself.

    `datasets` are those whose own models or tests failed; '' among them stands for what is about all.
    """

    exit_code = 8
    datasets: frozenset[str] = frozenset()


class ModelError(WarehouseError):
    """A model cannot be trained, stored, loaded or applied."""

    exit_code = 9


class LockedError(WarehouseError):
    """Another process holds the warehouse."""

    exit_code = 10


class LockLostError(LockedError):
    """The lock was held and is not any more: another process may have taken it."""


class QueryError(WarehouseError):
    """A query given by the user was refused by the database."""

    exit_code = 11


class PartlyFailedError(WarehouseError):
    """Models or labels failed, all else is done; `report` is what the run came to."""

    exit_code = 12
    report: Any = None


class GrafanaError(WarehouseError):
    """Grafana cannot be reached, refuses, or gives something that is no dashboard."""

    exit_code = 14


@contextlib.contextmanager
def naming(place: str) -> Iterator[None]:
    """An error that leaves this block says where it happened: a model, a day, a column. Blocks may be nested."""
    try:
        yield
    except Exception as error:
        error.add_note(place)
        raise


def sqlstates_of(error: BaseException) -> frozenset[str]:
    """The SQLSTATEs that stand behind an error: its own, and those of the errors that it came from.

    A disk that is full is one, whether the server says it or this machine. The words of a server are in its language.
    """
    found: set[str] = set()
    seen: BaseException | None = error
    while seen is not None:
        found |= {getattr(seen, "sqlstate", None) or ""} | getattr(seen, "sqlstates", frozenset())
        if isinstance(seen, OSError) and seen.errno == errno.ENOSPC:
            found.add(DISK_FULL)
        seen = seen.__cause__ or seen.__context__
    return frozenset(found - {""})


def words_of(error: BaseException) -> str:
    """What the run log and a person are told of an error: its kind where nobody expected it, its text, its place."""
    text = str(error) if isinstance(error, WarehouseError) else f"{type(error).__name__}: {error}"
    # The innermost block was left first.
    places = ", ".join(reversed(getattr(error, "__notes__", [])))
    return f"{text} (at {places})" if places else text


def printable(text: str) -> str:
    """A text out of a file as it can be shown and stored on one line: control characters as escapes."""
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def visible(text: str) -> str:
    """A text of lines as a terminal may get it: control characters but tabs and the ends of lines as escapes."""
    if text.isprintable():
        return text
    return "".join(letter if letter in "\n\t" else printable(letter) for letter in text)
