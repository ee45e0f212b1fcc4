"""A first run, killed (SIGKILL) before, at the end of and after each step, and run again: all tables are equal."""

from __future__ import annotations

import pytest

from tests.hard.killing import STEPS, Yard
from tests.hard.points import ENDS, Point


@pytest.mark.parametrize("point", ENDS, ids=str)
def test_killed_after_a_step(yard: Yard, point: Point) -> None:
    expected = yard.expected("whole")
    with yard.case(point.start) as case:
        case.killed(point.asked, *case.run_arguments())
        name = STEPS[point.number - 1]
        (status,) = [status for _, step, status in case.statuses()[-2:] if step == name]
        assert status == ("running" if point.name == "step.done" else "ok")
        case.finish()
        case.check_told()
        case.check(expected)


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1), ids=STEPS)
def test_killed_before_a_step(yard: Yard, number: int) -> None:
    """The template of a step is a run that was killed before it, begun where the run before it was killed."""
    expected = yard.expected("whole")
    with yard.case(f"before {number}") as case:
        assert [step for _, step, _ in case.statuses()].count(STEPS[number - 1]) == 0
        case.finish()
        case.check_told()
        case.check(expected)
    assert max(yard.outlived) < 2, yard.outlived
