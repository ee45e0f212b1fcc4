"""The days that stand for hours: each hour has one, and people read and type hours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from config.hours import FIRST_DAY, HourClock

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("start", [datetime(1975, 3, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)])
def test_each_hour_of_a_year_has_a_day_of_its_own(zone: str, start: datetime) -> None:
    clock = HourClock(zone)
    hours = [start + timedelta(hours=number) for number in range(24 * 366)]
    days = [clock.day(hour) for hour in hours]
    assert days == [days[0] + timedelta(days=number) for number in range(len(hours))]
    for hour, day in list(zip(hours, days, strict=True))[:3000:3]:
        assert clock.start(day) <= hour < clock.start(day + timedelta(days=1))
        assert clock.typed(clock.words(day)) == day


@pytest.mark.parametrize("zone", ZONES[:-1])
def test_hours_begin_where_the_clock_says_so(zone: str) -> None:
    clock = HourClock(zone)
    for hour in range(0, 24 * 366, 7):
        start = clock.start(clock.day(datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour)))
        assert (start.minute, start.second) == (0, 0)


def test_an_hour_that_comes_twice_is_told_with_its_offset() -> None:
    clock = HourClock("Europe/Berlin")
    first, last = clock.span(date(2024, 10, 27), date(2024, 10, 27))
    words = [clock.words(first + timedelta(days=number)) for number in range((last - first).days + 1)]
    assert len(words) == 25
    assert words[1:5] == ["2024-10-27T01", "2024-10-27T02+0200", "2024-10-27T02+0100", "2024-10-27T03"]
    assert clock.typed("2024-10-27T02") == clock.typed("2024-10-27T02+02:00") == first + timedelta(days=2)
    spring = clock.span(date(2024, 3, 31), date(2024, 3, 31))
    assert (spring[1] - spring[0]).days == 22


@pytest.mark.parametrize("text", ["2024-03-31T02", "2024-05-09", "2024-05-09T24", "2024-02-30T01", "2024-05-09T13:30"])
def test_what_is_no_hour_of_the_clock_has_no_day(text: str) -> None:
    assert HourClock("Europe/Berlin").typed(text) is None


def test_the_first_day_stands_for_an_hour_of_the_clock() -> None:
    kolkata = HourClock("Asia/Kolkata").start(FIRST_DAY)
    assert kolkata == datetime(2000, 1, 1, 5, tzinfo=ZoneInfo("Asia/Kolkata"))
