"""The matrix: every failpoint with the passes at which a process is killed, and the state that it begins from."""

from __future__ import annotations

from dataclasses import dataclass

from tests.hard.killing import STEPS


@dataclass(frozen=True)
class Point:
    """A place to die at."""

    start: str
    name: str
    number: int

    def __str__(self) -> str:
        if self.name in ("step.done", "step.after"):
            return f"{self.name}:{STEPS[self.number - 1]}"
        if self.name.startswith("unit.") and self.start.startswith("before "):
            # Units of different steps pass the same places.
            return f"{STEPS[int(self.start.removeprefix('before ')) - 1]}.{self.name}:{self.number}"
        return f"{self.name}:{self.number}"

    @property
    def asked(self) -> str:
        return f"{self.name}:{self.number}"


def _points(start: str, **passes: tuple[int, ...]) -> list[Point]:
    return [Point(start, name.replace("__", "."), number) for name, numbers in passes.items() for number in numbers]


_STEP = {name: f"before {number}" for number, name in enumerate(STEPS, start=1)}
# A first run, from nothing or from where the step begins.
FIRST = [
    *_points(
        "empty",
        migrate__file_applied=(1,),
        migrate__before_commit=(1,),
        run__locked=(1,),
        run__begun=(1,),
        roles__before_commit=(1,),
    ),
    *_points(
        _STEP["ingest"],
        ingest__before_file=(1, 2),
        ingest__deleted=(2,),
        ingest__batch=(1, 2),
        ingest__before_commit=(1, 2),
        ingest__after_commit=(1, 2),
    ),
    *_points(
        _STEP["transform"],
        dbt__before_build=(1,),
        dbt__node_started=(1, 25, 60),
        dbt__node_finished=(12, 45),
        dbt__results_copied=(1,),
        dbt__after_build=(1,),
    ),
    *_points(
        _STEP["train"],
        train__file_unfinished=(1, 2),
        train__file_written=(1,),
        train__reference_row=(1, 900),
        train__before_commit=(1, 2),
        train__after_commit=(1,),
    ),
    *_points(
        _STEP["score"],
        unit__begun=(2,),
        score__deleted=(1, 3),
        unit__before_commit=(1, 4),
        unit__made=(1, 3),
    ),
    *_points(
        _STEP["profiles"],
        dbt__node_finished=(1,),
    ),
    *_points(_STEP["labels"], labels__removed=(1, 3), unit__before_commit=(1,), unit__made=(2,)),
    *_points(
        _STEP["metrics"],
        metrics__bins_written=(1,),
        metrics__window_deleted=(1, 4),
        unit__before_commit=(2,),
        unit__made=(1, 5),
        comparisons__deleted=(1, 5),
    ),
    *_points(
        _STEP["performance"],
        evaluations__deleted=(1, 4),
        unit__before_commit=(2,),
        unit__made=(3,),
        evaluations__settled=(1,),
    ),
    *_points(
        _STEP["alarms"],
        alarms__deleted=(1, 9),
        unit__made=(2, 12),
        incidents__added=(1,),
        incidents__before_commit=(1,),
    ),
    *_points(_STEP["marts"], dbt__node_started=(10,), dbt__node_finished=(30,)),
]
# The step's work is done and not noted; the step is noted and the next one has not begun.
ENDS = [
    Point(f"before {number}", name, number)
    for number in range(1, len(STEPS) + 1)
    for name in ("step.done", "step.after")
]
# A month that came again with fewer days, under other rules.
CORRECTED = _points(
    "complete",
    ingest__deleted=(1,),
    ingest__before_commit=(1,),
    dbt__swap=(1, 8, 20),
    score__deleted=(1,),
    predictions__withdrawn=(1,),
    unit__removed=(1, 2, 5, 9),
    unit__before_commit=(8,),
    comparisons__deleted=(1,),
    evaluations__deleted=(1,),
    alarms__deleted=(1,),
    incidents__before_commit=(1,),
)
PREDICTIONS = _points(
    "whole",
    predictions__copied=(1, 2000),
    predictions__version_taken=(1,),
    predictions__before_commit=(1,),
)
LABELS = _points("whole", label_feed__record=(1, 400), label_feed__before_commit=(1,))
REPLAY = _points("trained", replay__part_written=(1, 2), replay__day_done=(2,))
SAMPLE = _points("before 1", sample__file_unfinished=(2,))
EMPTIED = _points("whole", unit__removed=(1,))
HEARTBEAT = _points("whole", heartbeat__written=(2,))
BACKUP = _points("complete", backup__table_written=(20,), backup__written=(1,))
# Before the rows are there, and after that.
RESTORE = _points("complete", restore__table_loaded=(1, 30), restore__before_commit=(1,))
RESTORED = _points("complete", restore__committed=(1,), dbt__before_build=(1,), dbt__node_finished=(20, 45, 70))
DATASETS = _points("loaded", dataset__staged=(1, 2), dataset__merged=(1,), dataset__before_commit=(1,))
# `step.before` is where the templates of the steps die, each a case of its own.
ALL = [
    *FIRST,
    *ENDS,
    *CORRECTED,
    *PREDICTIONS,
    *LABELS,
    *REPLAY,
    *SAMPLE,
    *EMPTIED,
    *HEARTBEAT,
    *BACKUP,
    *RESTORE,
    *RESTORED,
    *DATASETS,
    *(Point(f"before {number}", "step.before", number) for number in range(1, len(STEPS) + 1)),
]
