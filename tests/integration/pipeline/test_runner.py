"""The runner: what a step as a whole was made from, and what happens to that when an attempt ends badly."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest

from config.settings import make_settings
from core.errors import ModelError
from pipeline import runner
from pipeline.runner import Pipeline
from pipeline.steps import inputs
from pipeline.steps.step import Run, Step
from tests.monitoring import green_trips
from warehouse import database
from warehouse.database import Connection
from warehouse.ledger import Entry
from warehouse.runs import Step as Record


class Build(Step):
    """A step of one unit, that is told what it is made from and how it ends."""

    name = "transform"
    does = "building"

    def __init__(self, state: str, project: str, error: Exception | None = None) -> None:
        self.state, self.project, self.error = state, project, error
        self.taken: list[bool] = []

    def inputs(self, run: Run) -> Entry:
        return Entry(self.state, self.project)

    def take(self, run: Run, record: Record, *, afresh: bool) -> bool:
        self.taken.append(afresh)
        if self.error is not None:
            raise self.error
        return True


@pytest.fixture
def attempt(empty_warehouse: Connection, monkeypatch: pytest.MonkeyPatch) -> object:
    """One run of the step; gives whether it was taken, and whether all was made afresh."""

    def run(state: str, project: str, error: Exception | None = None) -> list[bool]:
        step = Build(state, project, error)
        monkeypatch.setattr(runner, "STEPS", (step,))
        with contextlib.suppress(ModelError):
            Pipeline(make_settings(), lambda line: None).run()
        return step.taken

    return run


def test_a_step_is_taken_while_it_is_made_from_something_else(attempt: object) -> None:
    assert callable(attempt)
    assert attempt("january", "old") == [False]
    assert attempt("january", "old") == []
    assert attempt("february", "old") == [False]
    assert attempt("february", "new") == [True]
    assert attempt("february", "new") == []


def test_an_attempt_that_ended_badly_makes_the_last_success_uncertain(attempt: object) -> None:
    """A run with another dbt project died in the middle and the old one came back: its tables are not all its own."""
    assert callable(attempt)
    assert attempt("january", "old") == [False]
    assert attempt("january", "old", ModelError("not reached")) == []
    assert attempt("february", "old", ModelError("it failed")) == [False]
    assert attempt("january", "old") == [False]
    assert attempt("january", "new", ModelError("it failed")) == [True]
    assert attempt("january", "old") == [True]
    assert attempt("january", "old") == []


def test_results_without_a_failed_unit_are_of_other_inputs(empty_warehouse: Connection) -> None:
    """Else the next run would find its work done that was left out."""
    monitoring, as_of = green_trips(), datetime(2022, 3, 1, tzinfo=UTC)
    with database.warehouse():
        whole = inputs.of_performance([monitoring], as_of, [])
        assert inputs.of_performance([monitoring], as_of, []) == whole
        assert inputs.of_performance([monitoring], as_of, ["one-v1"]) != whole
