"""Windows of whole days, and the days that each is compared with."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from config.rules import Granularity, ReferenceName
from python_metrics.comparisons.periods import Period, periods, reference_days


def days(first: str, count: int) -> list[date]:
    return [date.fromisoformat(first) + timedelta(days=number) for number in range(count)]


@pytest.mark.parametrize(
    ("granularity", "expected"),
    [
        ("day", 40),
        ("week", [("2022-01-03", "2022-01-09"), ("2022-01-31", "2022-02-06")]),
        ("month", [("2022-01-01", "2022-01-31")]),
        ("trailing_7", 34),
        ("trailing_28", 13),
    ],
)
def test_a_window_needs_all_its_days(granularity: Granularity, expected: int | list[tuple[str, str]]) -> None:
    found = periods(granularity, days("2022-01-01", 40))
    if isinstance(expected, int):
        assert len(found) == expected
    else:
        ends = [(period.first.isoformat(), period.last.isoformat()) for period in found]
        assert [ends[0], ends[-1]] == [expected[0], expected[-1]]
    assert all(period.granularity == granularity for period in found)


def test_a_gap_breaks_the_windows_over_it_and_no_others() -> None:
    there = [day for day in days("2022-01-03", 21) if day != date(2022, 1, 12)]
    assert [period.first for period in periods("week", there)] == [date(2022, 1, 3), date(2022, 1, 17)]


@pytest.mark.parametrize(
    ("name", "period", "first", "last"),
    [
        ("previous", Period("day", date(2022, 3, 1), date(2022, 3, 1)), "2022-02-28", "2022-02-28"),
        ("previous", Period("week", date(2022, 2, 7), date(2022, 2, 13)), "2022-01-31", "2022-02-06"),
        ("previous", Period("month", date(2022, 3, 1), date(2022, 3, 31)), "2022-02-01", "2022-02-28"),
        ("last_year", Period("day", date(2022, 3, 1), date(2022, 3, 1)), "2021-03-02", "2021-03-02"),
        ("last_year", Period("month", date(2024, 2, 1), date(2024, 2, 29)), "2023-02-01", "2023-02-28"),
    ],
)
def test_what_a_window_is_compared_with(name: ReferenceName, period: Period, first: str, last: str) -> None:
    there = days("2021-01-01", 1200)
    found = reference_days(name, period, there)
    assert (found[0].isoformat(), found[-1].isoformat()) == (first, last)
    assert len(found) == (found[-1] - found[0]).days + 1
    assert reference_days(name, period, [day for day in there if day != found[-1]]) == [], "a day of it is missing"


def test_the_same_day_of_last_year_is_the_same_weekday() -> None:
    period = Period("day", date(2022, 3, 1), date(2022, 3, 1))
    (found,) = reference_days("last_year", period, days("2021-01-01", 500))
    assert found.weekday() == period.first.weekday()


def test_the_same_weekdays_are_those_of_eight_weeks_and_at_least_four() -> None:
    period = Period("day", date(2022, 3, 1), date(2022, 3, 1))
    assert len(reference_days("same_weekdays", period, days("2021-12-01", 120))) == 8
    assert len(reference_days("same_weekdays", period, days("2022-02-01", 28))) == 4
    assert reference_days("same_weekdays", period, days("2022-02-02", 27)) == []
    assert all(day.weekday() == 1 for day in reference_days("same_weekdays", period, days("2021-12-01", 120)))


def test_the_training_reference_is_no_days() -> None:
    period = Period("day", date(2022, 3, 1), date(2022, 3, 1))
    assert reference_days("training", period, days("2022-01-01", 90)) == []
