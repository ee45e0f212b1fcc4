"""Fires become incidents: one per subject and story, with the same name in every run."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from python_metrics.incidents.incidents import DecidedDay, Firing, Subject, incidents_of

FARE = Subject("columns", "fare")
FIRST = date(2022, 2, 1)


def start(number: int) -> datetime:
    return datetime(2022, 2, 1, 5, tzinfo=UTC) + timedelta(days=number)


def decided(days: int, without: tuple[int, ...] = ()) -> list[DecidedDay]:
    return [
        DecidedDay(start(number), start(number + 1), FIRST + timedelta(days=number))
        for number in range(days)
        if number not in without
    ]


def firing(number: int, subject: Subject = FARE, ratio: float = 1.5, model: str = "a", rows: int = 9) -> Firing:
    day = FIRST + timedelta(days=number)
    return Firing(start(number), day, subject, f"{model}-1", model, "missing_share", ratio, 0.01, "ok", 56, rows)


def test_days_close_to_each_other_are_one_incident_and_quiet_days_end_it() -> None:
    (first, second) = incidents_of([firing(1), firing(3), firing(7)], decided(12), clear_days=3)
    assert [one.window_start for one in first.days] == [start(1), start(3)]
    assert first.resolved_at == start(7), "the end of the third quiet day after the third"
    assert second.opened.window_start == start(7)
    assert second.resolved_at == start(11)
    assert first.incident_id != second.incident_id


def test_an_incident_is_open_until_it_has_been_quiet_long_enough() -> None:
    (incident,) = incidents_of([firing(1)], decided(4), clear_days=3)
    assert incident.resolved_at is None
    (incident,) = incidents_of([firing(1)], decided(5), clear_days=3)
    assert incident.resolved_at == start(5)


def test_days_without_a_decision_say_nothing() -> None:
    (incident,) = incidents_of([firing(1), firing(6)], decided(8, without=(2, 3, 4)), clear_days=3)
    assert [one.window_start for one in incident.days] == [start(1), start(6)]


def test_models_that_share_a_column_share_its_incident() -> None:
    fires = [
        firing(1, ratio=1.2, model="a", rows=99),
        firing(1, ratio=3.0, model="b"),
        firing(2, model="a"),
    ]
    (incident,) = incidents_of(fires, decided(4), clear_days=3)
    assert incident.models == (("a", "b"), ("a",))
    assert [one.threshold_ratio for one in incident.days] == [3.0, 1.5], "the worst of each day"
    assert incident.told_by.model_spec == "a", "what moved is told by the model that sees most rows"


def test_subjects_have_incidents_of_their_own() -> None:
    own = Subject("columns", "prediction", model_version="a-1")
    other = Subject("columns", "prediction", model_version="b-1")
    found = incidents_of([firing(1, own), firing(1, other), firing(1)], decided(3), clear_days=3)
    assert [one.subject for one in found] == [FARE, own, other]
    assert len({one.incident_id for one in found}) == 3


def test_the_name_follows_from_what_fired_and_when_alone() -> None:
    (one,) = incidents_of([firing(2, ratio=9)], decided(3), clear_days=3)
    (other,) = incidents_of([firing(2, ratio=1), firing(4)], decided(20), clear_days=5)
    assert one.incident_id == other.incident_id
    (later,) = incidents_of([firing(3)], decided(20), clear_days=5)
    assert later.incident_id != one.incident_id
