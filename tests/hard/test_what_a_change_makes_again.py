"""What is made again when something in the files of settings changes: the table of docs/explanation/how-it-works.md."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.hard.killing import Yard, monitored_by
from tests.monitoring import write_files

LR, TIPPED = "green_duration_lr", "green_tipped"
MODELS = frozenset({LR, TIPPED})
FIGURES = {"metrics": MODELS, "comparisons": MODELS, "performance": MODELS}
# A change by the path of what is changed, with its value; then which of dbt's steps worked, and of which subjects the
# other steps made units.
CHANGES: list[tuple[str, object, set[str], Mapping[str, frozenset[str]]]] = [
    ("drift.numerical.threshold", 0.05, {"marts"}, FIGURES),
    ("min_values", 60, {"marts"}, FIGURES),
    ("segments", [["day_type"]], {"profiles", "marts"}, FIGURES | {"alarms": MODELS}),
    ("columns.fare_amount.decimals", 1, {"profiles", "marts"}, FIGURES | {"alarms": MODELS}),
    (f"models.{TIPPED}.predictions.threshold", 0.4, {"marts"}, dict.fromkeys(FIGURES, frozenset({TIPPED}))),
    ("evaluation.concept_alpha", 0.2, {"marts"}, {"performance": MODELS}),
    (
        f"models.{TIPPED}.label.delay_days",
        2,
        {"marts"},
        {"labels": frozenset({"is_tipped"}), "performance": frozenset({TIPPED})},
    ),
    ("calibration.false_alarm_days.columns", 20, {"marts"}, {"alarms": MODELS}),
    ("alerts.missing_share.warning", 0.01, {"marts"}, {}),
    ("evaluation.compared_coverage", 0.8, {"transform", "profiles", "marts"}, {"performance": MODELS}),
    ("dashboards.from", "2022-02-02", set(), {}),
]
_MADE = """
select
    step,
    array_agg(
        distinct coalesce((select spec from ml.models where models.model_version = subject), subject)
    )
from monitoring.ledger
where subject != '' and run_id = (select max(run_id) from monitoring.runs)
group by step
"""
_BUILT = """
select step from monitoring.runs
where
    run_id = (select max(run_id) from monitoring.runs)
    and status = 'ok'
    and step in ('transform', 'profiles', 'marts')
"""


def changed(monitoring: Path, place: str, value: object, folder: Path) -> Path:
    """The files with another value at a place of the one that has it."""
    files = (monitoring / "monitoring.yml", monitoring / "datasets" / "green_trips.yml")
    rules, example = (yaml.safe_load(path.read_text(encoding="utf-8")) for path in files)
    *parents, name = place.split(".")
    part = rules if place.split(".")[0] in rules else example
    for parent in parents:
        part = part[parent]
    assert part.get(name) != value
    part[name] = value
    return write_files(folder, rules, example)


@pytest.mark.parametrize(("place", "value", "built", "made"), CHANGES, ids=[change[0] for change in CHANGES])
def test_a_change(
    yard: Yard, tmp_path: Path, place: str, value: object, built: set[str], made: Mapping[str, frozenset[str]]
) -> None:
    with yard.case("whole") as case, monitored_by(changed(case.files.monitoring, place, value, tmp_path)):
        case.finish()
        rows: list[Any] = case.connection.execute(_MADE).fetchall()
        assert {str(step): frozenset(subjects) for step, subjects in rows} == made
        assert {str(row[0]) for row in case.connection.execute(_BUILT).fetchall()} == built
        # Again, nothing is new.
        assert all(step.skipped for step in case.finish().steps)
