"""Units of work: what fails alone, and what is everybody's failure."""

from __future__ import annotations

import psycopg
import pytest

from core.errors import DatabaseError, LockedError, ModelError
from warehouse.units import FailedUnit, Units, words_of_failures


@pytest.fixture
def noted() -> list[FailedUnit]:
    return []


@pytest.fixture
def units(noted: list[FailedUnit]) -> Units:
    found = Units(noted.append)
    found.begin("metrics")
    return found


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        ModelError("too few rows"),
        ZeroDivisionError("division by zero"),
        psycopg.errors.CheckViolation("new row"),
        psycopg.errors.UndefinedColumn("no column"),
        # A statement that ran too long is its own failure.
        psycopg.errors.QueryCanceled("canceling statement due to statement timeout"),
        caused_by(DatabaseError("the database refused"), psycopg.errors.UndefinedColumn("no column")),
        MemoryError("of one model"),
    ],
)
def test_what_a_unit_raises_is_noted_and_the_next_goes_on(
    units: Units, noted: list[FailedUnit], error: Exception
) -> None:
    done = []
    for name in ("a", "b", "c"):
        with units.unit(name):
            if name == "b":
                raise error
            done.append(name)
    assert done == ["a", "c"]
    assert [(one.step, one.name) for one in noted] == [("metrics", "b")]
    assert str(error).strip("'") in noted[0].words
    assert units.has_failed("b")
    assert not units.has_failed("a")
    assert [one.name for one in units.failed_in("metrics")] == ["b"]
    assert units.failed_in("score") == []


@pytest.mark.parametrize(
    "error",
    [
        KeyboardInterrupt(),
        LockedError("another command"),
        DatabaseError("cannot connect"),
        psycopg.OperationalError("the connection is lost"),
        psycopg.InterfaceError("the connection is closed"),
        psycopg.errors.AdminShutdown("terminating connection"),
        psycopg.errors.DiskFull("no space left"),
        caused_by(DatabaseError("the database refused"), psycopg.errors.TooManyConnections("sorry")),
    ],
)
def test_what_is_everybodys_failure_ends_the_run(units: Units, noted: list[FailedUnit], error: BaseException) -> None:
    with pytest.raises(type(error)), units.unit("a"):
        raise error
    assert noted == []


def test_a_person_is_told_who_failed_and_why_and_what_comes_next() -> None:
    failed = [
        FailedUnit("train", "green_tipped", True, "no card payments"),
        FailedUnit("labels", "labels of minutes", False, "no column"),
    ]
    assert words_of_failures(failed, 3) == (
        "1 of 3 models and labels of minutes failed, all else is done: green_tipped (train): no card payments; "
        "labels of minutes (labels): no column. The next run tries again what failed, and only that"
    )
