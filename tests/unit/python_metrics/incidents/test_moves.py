"""What moved: bins and levels with counts, and the groups that hold the change."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from python_metrics.incidents.incident_facts import Facts, Relation, facts_of, rows_query
from python_metrics.incidents.moves import Move, largest_moves
from python_metrics.profiles.profiles import Profile

WHOLE = ("", "")


def numbers(counts: dict[float, int], missing: int = 0) -> Profile:
    values = np.array(sorted(counts), dtype=float)
    return Profile("numerical", values, np.array([counts[value] for value in values], dtype=np.int64), missing)


def levels(counts: dict[str, int], missing: int = 0) -> Profile:
    values = np.array(sorted(counts), dtype=object)
    return Profile("categorical", values, np.array([counts[value] for value in values], dtype=np.int64), missing)


def test_levels_are_told_by_the_change_of_their_share() -> None:
    moves = largest_moves(levels({"a": 500, "b": 400, "c": 100}), levels({"a": 10, "b": 80, "d": 10}), most=2)
    assert [(move.label, move.before, move.after) for move in moves] == [("a", 500, 10), ("b", 400, 80)]
    assert [move.change for move in moves] == [pytest.approx(-0.4), pytest.approx(0.4)]


def test_few_numbers_are_told_one_by_one_and_missing_rows_are_a_bin() -> None:
    (first, second) = largest_moves(numbers({1: 90, 2: 10}), numbers({1: 45, 2: 5}, missing=50), most=2)
    assert (first.kind, first.after, first.share_after) == ("missing", 50, 0.5)
    assert (second.kind, second.label, second.lower, second.upper) == ("value", "1", 1.0, 1.0)


def test_many_numbers_are_told_in_ranges_that_count_every_row() -> None:
    reference = numbers({float(value): 1 for value in range(1000)})
    day = numbers({float(value): 1 for value in range(900, 1000)} | {5000.0: 100})
    (first, *rest) = largest_moves(reference, day, most=20)
    assert (first.kind, first.lower, first.upper, first.before, first.after) == ("range", 5000.0, None, 0, 100)
    assert first.label == "from 5000"
    assert sum(move.after for move in [first, *rest]) == 200
    assert sum(move.before for move in [first, *rest]) == 1000


def test_what_lies_below_all_that_was_seen_is_open_below() -> None:
    reference = numbers({float(value): 10 for value in range(100, 200)})
    (first, *_) = largest_moves(reference, numbers({-5.0: 3, -1.0: 4, 150.0: 1}))
    assert (first.lower, first.upper, first.after, first.label) == (None, -1.0, 7, "up to -1")


def test_nothing_moves_between_equal_shares_and_in_no_rows() -> None:
    profile = numbers({1: 10, 2: 30})
    assert largest_moves(profile, numbers({1: 1, 2: 3})) == []
    assert largest_moves(profile, numbers({})) == []


def test_groups_that_hold_the_change_are_named() -> None:
    reference = {
        WHOLE: numbers({1: 1000, 2: 1000}),
        ("borough", "Queens"): numbers({1: 200, 2: 200}),
        ("borough", "Bronx"): numbers({1: 800, 2: 800}),
    }
    day = {
        WHOLE: numbers({1: 80, 2: 120}),
        ("borough", "Queens"): numbers({2: 40}),
        ("borough", "Bronx"): numbers({1: 80, 2: 80}),
    }
    facts = facts_of(reference, day)
    assert facts.moved[0].label in ("1", "2")
    (segment,) = facts.segments
    assert (segment.key, segment.value, segment.share_of_rows) == ("borough", "Queens", 0.2)
    assert segment.part == pytest.approx(1.0), "all of the change is theirs"


def test_a_change_that_all_groups_share_names_none() -> None:
    reference = {
        WHOLE: numbers({1: 100, 2: 100}),
        ("b", "x"): numbers({1: 50, 2: 50}),
        ("b", "y"): numbers({1: 50, 2: 50}),
    }
    day = {WHOLE: numbers({1: 20, 2: 80}), ("b", "x"): numbers({1: 10, 2: 40}), ("b", "y"): numbers({1: 10, 2: 40})}
    assert facts_of(reference, day).segments == ()


def by_length(scale: float, only: str = "") -> dict[tuple[str, str], Profile]:
    """A day of mostly short and of mostly long trips, of whom all or one kind are in another unit."""
    whole: dict[float, int] = {}
    kinds: dict[tuple[str, str], Profile] = {}
    for kind, slope, often in (("short", -1, 4), ("long", 1, 1)):
        counts: dict[float, int] = {}
        for place in range(90):
            length = round((1 + place / 10) * (scale if only in ("", kind) else 1), 2)
            counts[length] = counts.get(length, 0) + (55 + slope * (place - 45)) * often
        kinds["kind", kind] = numbers(counts)
        whole |= {length: whole.get(length, 0) + count for length, count in counts.items()}
    return {WHOLE: numbers(whole)} | kinds


def test_a_unit_that_changed_for_all_names_no_group_though_one_has_longer_trips() -> None:
    facts = facts_of(by_length(1), by_length(1.3))
    long_trips = facts_of(by_length(1), by_length(1.3, only="long"))
    assert facts.moved
    assert (facts.segments, facts.groups) == ((), 2)
    assert [segment.value for segment in long_trips.segments] == ["long"]


def test_values_that_are_lost_everywhere_at_one_rate_name_no_group() -> None:
    """A group that lacked more before lacks more now, too."""
    reference = {
        WHOLE: numbers({1: 800}, missing=200),
        ("k", "a"): numbers({1: 100}, missing=100),
        ("k", "b"): numbers({1: 700}, missing=100),
    }
    day = {
        WHOLE: numbers({1: 400}, missing=600),
        ("k", "a"): numbers({1: 50}, missing=150),
        ("k", "b"): numbers({1: 350}, missing=450),
    }
    assert facts_of(reference, day).segments == ()
    of_one = day | {("k", "a"): numbers({}, missing=200), ("k", "b"): numbers({1: 400}, missing=400)}
    assert facts_of(reference, of_one).segments == (), "1.1 and 0.9 times as much: less than it takes"
    broken = {
        WHOLE: numbers({1: 700}, missing=300),
        ("k", "a"): numbers({}, missing=200),
        ("k", "b"): numbers({1: 700}, missing=100),
    }
    assert [segment.value for segment in facts_of(reference, broken).segments] == ["a"]


def test_the_days_of_the_reference_are_counted_where_they_have_rows() -> None:
    days = [(date(2022, 2, 1), numbers({1: 5})), (date(2022, 2, 2), numbers({})), (date(2022, 2, 3), numbers({1: 5}))]
    assert facts_of({WHOLE: numbers({1: 10})}, {WHOLE: numbers({2: 5})}, days).days == 2


@pytest.mark.parametrize(
    ("move", "condition"),
    [
        (Move("missing", "missing", None, None, 0, 1, 0, 1), '"fare" is null'),
        (Move("range", "x", 1.5, 2.5, 0, 1, 0, 1), '"fare" between 1.5 and 2.5'),
        (Move("range", "x", 5.0, None, 0, 1, 0, 1), '"fare" >= 5.0'),
        (Move("range", "x", None, -1.0, 0, 1, 0, 1), '"fare" <= -1.0'),
        (Move("value", "O'Hare", None, None, 0, 1, 0, 1), "\"fare\" = 'O''Hare'"),
    ],
)
def test_the_query_shows_the_rows_of_the_bin(move: Move, condition: str) -> None:
    relation = Relation("intermediate.trips", "m'1", {"payment_type": "credit card", "vendor_id": 2})
    assert rows_query(relation, date(2022, 2, 3), "fare", Facts((move,), shown=move)) == (
        "select * from intermediate.trips where window_date = '2022-02-03' and model_version = 'm''1' "
        f'and "payment_type" = \'credit card\' and "vendor_id" = 2 and {condition} limit 100'
    )


def test_what_is_rounded_in_profiles_is_rounded_in_the_query() -> None:
    move = Move("range", "x", 1.5, 2.5, 0, 1, 0, 1)
    query = rows_query(Relation("rows", decimals=3), date(2022, 2, 3), "prediction", Facts((move,), shown=move))
    assert 'round(cast("prediction" as numeric), 3) between 1.5 and 2.5' in query


def test_rows_that_came_are_shown_not_the_bin_that_shrank() -> None:
    """Fares rise: cheap trips shrink most, and what there is of them says nothing."""
    facts = facts_of({WHOLE: numbers({1: 60, 2: 40})}, {WHOLE: numbers({1: 20, 2: 65, 3: 15})})
    assert facts.moved[0].label == "1"
    assert facts.shown is not None
    assert (facts.shown.label, facts.shown_on) == ("2", None)


def test_of_a_level_that_vanished_the_last_rows_there_were_are_shown() -> None:
    reference = {WHOLE: levels({"73": 60, "74": 90, "75": 60})}
    dated = [
        (date(2022, 2, 18), levels({"74": 30, "75": 40})),
        (date(2022, 2, 19), levels({"74": 30, "75": 20})),
        (date(2022, 2, 20), levels({"74": 30})),
    ]
    facts = facts_of(reference, {WHOLE: levels({"73": 28, "74": 40})}, dated)
    assert facts.shown is not None
    assert (facts.shown.label, facts.shown_on) == ("75", date(2022, 2, 19))
    assert rows_query(Relation("trips"), date(2022, 2, 21), "zone", facts) == (
        "/* zone 75: no row on 2022-02-21; these are of 2022-02-19, the last day that had it */ select * from trips "
        "where window_date = '2022-02-19' and \"zone\" = '75' limit 100"
    )
