"""The engine, on a table of its own: what is new or stale is made, what is gone goes, all else stays as it is."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from core.errors import ModelError
from warehouse import database, ledger
from warehouse.database import Connection
from warehouse.engine import Done, Store, Unit, bring_up_to_date, pending
from warehouse.ledger import Entry, Key


class Letters:
    """A row for each letter, made from a number; one whose number is None stays as it is."""

    step = "letters"
    part = None

    def __init__(self, numbers: dict[str, int | None], fails: str = "", as_of: datetime | None = None) -> None:
        self.subject, self.as_of = "alphabet", as_of
        self._numbers, self._fails = numbers, fails
        self.computed: list[str] = []

    def units(self, known: Mapping[Key, Entry]) -> Iterator[Unit[str]]:
        for letter, number in self._numbers.items():
            inputs_hash = None if number is None else str(number)
            yield Unit(Key(self.subject, letter), inputs_hash, letter, words=f"letter {letter}")

    def make(self, units: Sequence[Unit[str]]) -> Generator[Store]:
        for unit in units:
            self.computed.append(unit.of)
            yield partial(self._store, unit.of, unit.inputs_hash)

    def _store(self, letter: str, number: str | None, connection: Connection) -> int:
        self.remove(connection, Key(self.subject, letter))
        connection.execute("insert into letters values (%s, %s)", [letter, number])
        if letter == self._fails:
            raise ModelError("no ink")
        return 1

    def remove(self, connection: Connection, key: Key) -> None:
        connection.execute("delete from letters where letter = %s", [key.part])


@pytest.fixture
def letters(empty_warehouse: Connection) -> Connection:
    empty_warehouse.execute("create table letters (letter text primary key, number integer)")
    return empty_warehouse


def written(connection: Connection) -> list[Any]:
    return connection.execute("select letter, number from letters order by letter").fetchall()


def noted(connection: Connection) -> list[Any]:
    return connection.execute(
        "select part, inputs_hash, row_count, run_id from monitoring.ledger where step = 'letters' order by part"
    ).fetchall()


def test_only_what_is_new_or_stale_is_made_and_what_is_gone_goes(letters: Connection) -> None:
    assert bring_up_to_date(Letters({"a": 1, "b": 1, "c": 1}), 1) == Done(made=3, rows=3)
    assert not bring_up_to_date(Letters({"a": 1, "b": 1, "c": 1}), 2)
    work = Letters({"a": 1, "b": 2, "d": 1})
    stale, gone = pending(letters, work)
    assert ([unit.of for unit in stale], gone) == (["b", "d"], [Key("alphabet", "c")])
    assert bring_up_to_date(work, 3) == Done(made=2, gone=1, rows=2)
    assert work.computed == ["b", "d"]
    assert written(letters) == [("a", 1), ("b", 2), ("d", 1)]
    assert noted(letters) == [("a", "1", 1, 1), ("b", "2", 1, 3), ("d", "1", 1, 3)]


def test_what_is_not_asked_again_stays_whatever_it_was_made_from(letters: Connection) -> None:
    bring_up_to_date(Letters({"a": 1}), 1)
    assert not bring_up_to_date(Letters({"a": None, "b": None}), 2)
    assert written(letters) == [("a", 1)]


def test_a_unit_that_fails_leaves_whole_units_and_its_name(letters: Connection) -> None:
    bring_up_to_date(Letters({"b": 1}), 1)
    with pytest.raises(ModelError) as caught:
        bring_up_to_date(Letters({"a": 1, "b": 2, "c": 1}, fails="b"), 2)
    assert caught.value.__notes__ == ["alphabet, letter b"]
    # The first was committed before the second was computed; of the second nothing is left, its old row is.
    assert written(letters) == [("a", 1), ("b", 1)]
    assert noted(letters) == [("a", "1", 1, 2), ("b", "1", 1, 1)]
    assert bring_up_to_date(Letters({"a": 1, "b": 2, "c": 1}), 3).made == 2


def test_the_units_of_a_moment_are_those_known_then(letters: Connection) -> None:
    monday, friday = datetime(2022, 2, 7, tzinfo=UTC), datetime(2022, 2, 11, tzinfo=UTC)
    assert bring_up_to_date(Letters({"a": 1}, as_of=monday), 1).made == 1
    # The same is known later, until something else is.
    assert not bring_up_to_date(Letters({"a": 1}, as_of=friday), 2)
    assert bring_up_to_date(Letters({"a": 2}, as_of=friday), 3).made == 1
    assert not bring_up_to_date(Letters({"a": 1}, as_of=monday), 4)
    assert noted(letters) == [("a", "1", 1, 1), ("a", "2", 1, 3)]


def test_the_state_of_steps_changes_when_a_unit_is_made_again(letters: Connection) -> None:
    def state() -> str:
        with database.connect("test", read_only=True) as connection:
            return ledger.state(connection, ["letters"])

    bring_up_to_date(Letters({"a": 1}), 1)
    before = state()
    assert not bring_up_to_date(Letters({"a": 1}), 2)
    assert state() == before
    letters.execute("update monitoring.ledger set inputs_hash = '' where step = 'letters'")
    assert state() != before
    bring_up_to_date(Letters({"a": 1}), 3)
    # Its inputs are what they were; what is made from it has to see it, all the same.
    assert state() != before
