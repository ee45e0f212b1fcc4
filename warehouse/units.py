"""Units of work: a model, or the labels of a target. One that fails is noted in the run log, the others go on.

`Units.unit` is the block around one unit's work in a step. What goes wrong for everybody - the database is gone, its
disk is full, the lock is held by another, Ctrl-C - is no unit's failure and ends the run. Made by pipeline.runner.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg

from core import interrupts
from core.errors import DatabaseError, LockedError, WarehouseError, words_of

log = logging.getLogger(__name__)

# By SQLSTATE: the connection is gone, no room or no more connections, somebody stops the server, its disk fails, its
# files are damaged, the warehouse's lock is gone (warehouse/sessions.sql).
_OF_ALL = ("08", "53", "57P", "58", "XX", "MW")


@dataclass(frozen=True)
class FailedUnit:
    """What failed: in which step, whose work, whether it is a model's, and why."""

    step: str
    name: str
    is_model: bool
    words: str


class Units:
    """The units of one run. `note` is called with each that fails, as soon as it has."""

    def __init__(self, note: Callable[[FailedUnit], None]) -> None:
        self._note = note
        self._step = ""
        self.failed: list[FailedUnit] = []

    def begin(self, step: str) -> None:
        """The units to come are those of this step."""
        self._step = step

    @contextlib.contextmanager
    def unit(self, name: str, *, is_model: bool = True) -> Iterator[None]:
        """The work of one unit: what it raises is noted, and the next one goes on."""
        try:
            yield
        except Exception as error:
            if interrupts.noted() or _is_of_all(error):
                raise
            if not isinstance(error, WarehouseError):
                log.error("%s: %s failed", self._step, name, exc_info=error)
            failed = FailedUnit(self._step, name, is_model, words_of(error))
            self.failed.append(failed)
            self._note(failed)

    def has_failed(self, name: str) -> bool:
        """Whether a unit has failed in this run: later steps leave it alone."""
        return any(one.name == name for one in self.failed)

    @property
    def failed_names(self) -> list[str]:
        """Whose units have failed in this run."""
        return sorted({one.name for one in self.failed})

    def failed_in(self, step: str) -> list[FailedUnit]:
        return [one for one in self.failed if one.step == step]


def words_of_failures(failed: list[FailedUnit], models: int) -> str:
    """What failed, in one sentence for a person; `models` is the number of all of them."""
    names = list(dict.fromkeys(one.name for one in failed if one.is_model))
    others = list(dict.fromkeys(one.name for one in failed if not one.is_model))
    counted = [f"{len(names)} of {max(models, len(names))} models"] * bool(names) + others
    each = "; ".join(f"{one.name} ({one.step}): {one.words}" for one in failed)
    return (
        f"{' and '.join(counted)} failed, all else is done: {each}. The next run tries again what failed, and only that"
    )


def _is_of_all(error: BaseException) -> bool:
    """Whether what went wrong would go wrong for every unit."""
    if isinstance(error, LockedError):
        return True
    seen: BaseException | None = error
    while seen is not None:
        state = getattr(seen, "sqlstate", None)
        if state:
            return str(state).startswith(_OF_ALL)
        if isinstance(seen, psycopg.OperationalError | psycopg.InterfaceError):
            return True
        seen = seen.__cause__ or seen.__context__
    return isinstance(error, DatabaseError)
