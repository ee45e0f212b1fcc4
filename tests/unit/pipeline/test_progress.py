"""What a step is doing is said once it takes longer, and not before."""

from __future__ import annotations

import threading

import pytest

from pipeline import progress
from pipeline.progress import Progress, shown


def test_a_line_names_the_step_what_it_does_and_how_far_it_is() -> None:
    step = Progress("metrics", "measuring drift")
    assert step.line() == "metrics     measuring drift ..."
    advance = step.watch("metrics", 3)
    advance()
    step.watch("metrics", 2)()
    assert step.line() == "metrics     measuring drift ... 2 of 5 done"


def test_a_step_that_takes_longer_is_spoken_of_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SILENT_SECONDS", 0.0)
    monkeypatch.setattr(progress, "EVERY_SECONDS", 0.0)
    lines: list[str] = []
    enough = threading.Event()

    def tell(line: str) -> None:
        lines.append(line)
        if len(lines) == 3:
            enough.set()

    with shown(Progress("marts", "building"), tell):
        assert enough.wait(30)
    assert all(line.startswith("marts       building ...") for line in lines)


def test_a_step_that_is_quick_is_not_spoken_of() -> None:
    lines: list[str] = []
    with shown(Progress("marts", "building"), lines.append):
        pass
    assert lines == []
