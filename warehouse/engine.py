"""The one rule of this warehouse: what is new or stale is made, what has lost its input goes, all else stays.

A step's work for one subject says which units there should be and what each is made from (`Work.units`). The engine
compares that with monitoring.ledger. Each unit is made, or removed, in one transaction with its row of the ledger: a
process that is killed leaves whole units, and the next run goes on with those that are missing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from core.errors import naming
from core.failpoints import failpoint
from warehouse import database, ledger
from warehouse.ledger import Entry, Key

T = TypeVar("T")
# Writes a unit on the connection, whose transaction is the engine's; gives the number of rows.
Store = Callable[[database.Connection], int]


@dataclass(frozen=True)
class Unit(Generic[T]):
    """What there should be; without `inputs_hash` it stays as it is, whatever it was made from.

    `words` is what it is called, beside its subject, where its making fails.
    """

    key: Key
    inputs_hash: str | None
    of: T
    content_hash: str | None = None
    words: str = ""

    @property
    def name(self) -> str:
        return ", ".join(filter(None, (self.key.subject, self.words)))


class Work(Protocol[T]):
    """A step's work for one subject.

    Attributes:
        part: which of the subject's units it is about; None for all of them.
        as_of: the moment whose knowledge the units are made from, where that counts.
    """

    @property
    def step(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def part(self) -> str | None: ...
    @property
    def as_of(self) -> datetime | None: ...

    def units(self, known: Mapping[Key, Entry]) -> Iterable[Unit[T]]:
        """All units that there should be; `known` are those that are there. What is not among them goes."""
        ...

    def make(self, units: Sequence[Unit[T]]) -> Generator[Store]:
        """Compute these units, in their order: of each what writes it, before the next one is computed.

        What goes wrong with a unit is to carry its name (core.errors.naming).
        """
        ...

    def remove(self, connection: database.Connection, key: Key) -> None:
        """Take a unit's rows out, in the engine's transaction."""
        ...


@dataclass
class Done:
    """What the engine has done: units made, units removed, rows written."""

    made: int = 0
    gone: int = 0
    rows: int = 0

    def __iadd__(self, other: Done) -> Done:
        self.made, self.gone, self.rows = self.made + other.made, self.gone + other.gone, self.rows + other.rows
        return self

    def __bool__(self) -> bool:
        return bool(self.made or self.gone)


def bring_up_to_date(
    work: Work[T], run_id: int, watch: Callable[[int], Callable[[], None]] = lambda total: lambda: None
) -> Done:
    """Make what is new or stale of a subject, remove what is gone.

    Args:
        work: what there should be.
        run_id: whose work it is.
        watch: called with the number of units to make; gives what is called after each of them.
    """
    done = Done()
    with contextlib.closing(database.connect(work.step, read_only=True)) as connection:
        stale, gone = pending(connection, work)
    if not (stale or gone):
        return done
    with contextlib.closing(database.connect(work.step, autocommit=True)) as connection:
        for key in gone:
            with naming(work.subject), database.transaction(connection):
                work.remove(connection, key)
                ledger.forget(connection, work.step, key)
            failpoint("unit.removed")
            done.gone += 1
        if stale:
            _make(connection, work, stale, run_id, done, watch(len(stale)))
    return done


def _make(
    connection: database.Connection,
    work: Work[T],
    units: Sequence[Unit[T]],
    run_id: int,
    done: Done,
    advance: Callable[[], None],
) -> None:
    with contextlib.closing(work.make(units)) as stores:
        for unit, store in zip(units, stores, strict=True):
            with naming(unit.name), database.transaction(connection):
                failpoint("unit.begun")
                rows = store(connection)
                entry = Entry(str(unit.inputs_hash), unit.content_hash, rows)
                ledger.note(connection, work.step, unit.key, entry, run_id, work.as_of)
                failpoint("unit.before_commit")
            failpoint("unit.made")
            done.made, done.rows = done.made + 1, done.rows + rows
            advance()


def pending(connection: database.Connection, work: Work[T]) -> tuple[list[Unit[T]], list[Key]]:
    """The units to make, in the order of the work, and those that are there and should not be."""
    known = ledger.known(connection, work.step, work.subject, work.part, work.as_of)
    units = list(work.units(known))
    wanted = {unit.key for unit in units}
    stale = [unit for unit in units if unit.inputs_hash not in (None, _made_from(known, unit.key))]
    return stale, [key for key in known if key not in wanted]


def _made_from(known: Mapping[Key, Entry], key: Key) -> str | None:
    entry = known.get(key)
    return entry.inputs_hash if entry else None
