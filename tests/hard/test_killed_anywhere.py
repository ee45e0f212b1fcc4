"""A first run, killed (SIGKILL) inside a step and run again: all tables equal those of an undisturbed run."""

from __future__ import annotations

import pytest

from tests.hard.killing import Yard
from tests.hard.points import FIRST, Point


@pytest.mark.parametrize("point", FIRST, ids=str)
def test_killed_inside_a_step(yard: Yard, point: Point) -> None:
    expected = yard.expected("whole")
    with yard.case(point.start) as case:
        case.killed(point.asked, *case.run_arguments())
        if case.connection.execute("select to_regclass('monitoring.runs')").fetchone() != (None,):
            assert "ok" not in {status for _, step, status in case.statuses() if step == "pipeline"}
        case.finish()
        case.check_told()
        case.check(expected)
