"""A first run, killed (SIGKILL) at every failpoint and run again: all tables equal those of an undisturbed run."""

from __future__ import annotations

import pytest

from tests.hard.killing import STEPS, Case, Yard
from tests.hard.points import ENDS, FIRST, Point


def check_told(case: Case) -> None:
    """The run that died is called so, and nothing that it had not ended is called a success."""
    whole = [str(status) for _, step, status in case.statuses() if step == "pipeline"]
    assert whole[-1] == "ok"
    assert set(whole[:-1]) <= {"abandoned"}


@pytest.mark.parametrize("point", FIRST, ids=str)
def test_killed_inside_a_step(yard: Yard, point: Point) -> None:
    expected = yard.expected("whole")
    with yard.case(point.start) as case:
        case.killed(point.asked, *case.run_arguments())
        if case.connection.execute("select to_regclass('monitoring.runs')").fetchone() != (None,):
            assert "ok" not in {status for _, step, status in case.statuses() if step == "pipeline"}
        case.finish()
        check_told(case)
        case.check(expected)


@pytest.mark.parametrize("point", ENDS, ids=str)
def test_killed_after_a_step(yard: Yard, point: Point) -> None:
    expected = yard.expected("whole")
    with yard.case(point.start) as case:
        case.killed(point.asked, *case.run_arguments())
        name = STEPS[point.number - 1]
        (status,) = [status for _, step, status in case.statuses()[-2:] if step == name]
        assert status == ("running" if point.name == "step.done" else "ok")
        case.finish()
        check_told(case)
        case.check(expected)


@pytest.mark.parametrize("number", range(1, len(STEPS) + 1), ids=STEPS)
def test_killed_before_a_step(yard: Yard, number: int) -> None:
    """The template of a step is a run that was killed before it, begun where the run before it was killed."""
    expected = yard.expected("whole")
    with yard.case(f"before {number}") as case:
        assert [step for _, step, _ in case.statuses()].count(STEPS[number - 1]) == 0
        case.finish()
        check_told(case)
        case.check(expected)
    assert max(yard.outlived) < 2, yard.outlived
