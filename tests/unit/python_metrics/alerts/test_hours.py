"""The alarm on generated hours: what one is held against, what a day's hours may cost, that a change is found."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import numpy as np

from config.dataset_file import parse_dataset
from config.dataset_monitoring import HourWindows, monitoring_of
from config.hours import HourClock
from config.monitoring import Windows
from config.rules_file import load_rules
from python_metrics.alerts.decisions import Decision
from python_metrics.alerts.reference_days import ReferenceDays
from python_metrics.alerts.series_alarms import SeriesFamily
from python_metrics.alerts.signals import Day, decide, fit_null
from python_metrics.profiles.profiles import Profile

RELATIONS = dict.fromkeys(("windows", "rows", "rejections", "profiles", "accepted", "rejected", "events"), "s.t")
BERLIN = HourWindows.model_validate({"timezone": "Europe/Berlin", "min_values": 50, **RELATIONS})
CLOCK = BERLIN.hours
# Days that an hour is held against, and days that are decided on: the last one has the change.
BEFORE, DECIDED = 28, 5
CHANGE = 9


def hours_from(first: datetime, count: int) -> list[date]:
    return [CLOCK.day(first + timedelta(hours=number)) for number in range(count)]


def test_an_hour_is_held_against_the_same_hour_of_the_days_before() -> None:
    there = hours_from(datetime(2024, 10, 19, 22, tzinfo=UTC), 24 * 12 + 1)
    unusual = date(2024, 10, 25)
    reference = ReferenceDays(BERLIN, there, 7, frozenset({unusual}))

    def of(text: str) -> list[str]:
        return [BERLIN.words(day) for day in reference.of(day_of(text))]

    days = (21, 22, 23, 24, 26, 27)
    assert of("2024-10-28T13") == [f"2024-10-{day}T13" for day in days]
    # Of the hour that comes twice the first one counts; both of it are held against the same hours.
    assert of("2024-10-28T02") == [*(f"2024-10-{day}T02" for day in days[:-1]), "2024-10-27T02+0200"]
    assert of("2024-10-27T02+0200") == of("2024-10-27T02+0100") == [f"2024-10-{day}T02" for day in (20, *days[:-1])]
    assert [reference.is_unusual(day_of(f"2024-10-{day}T13")) for day in (25, 26)] == [True, False]
    # With what an hour remembers: the two before it, each with its own.
    remembered = {BERLIN.words(day)[11:] for day in reference.of(day_of("2024-10-28T13"), 2)}
    assert remembered == {"11", "12", "13"}


def test_a_day_is_held_against_all_days_before() -> None:
    days = [date(2024, 3, 1) + timedelta(days=number) for number in range(20)]
    windows = Windows.model_validate({"timezone": "UTC", "min_values": 50, **RELATIONS})
    reference = ReferenceDays(windows, days, 5, frozenset({days[10]}))
    assert reference.of(days[12]) == [days[7], days[8], days[9], days[11]]
    assert reference.date_of(days[3]) == days[3]


def test_a_days_hours_share_its_budget() -> None:
    reference = [hour(number, 9) for number in range(BEFORE)]
    daily = fit_null(reference, ["amount"], budget=1 / 30)
    hourly = fit_null(reference, ["amount"], budget=1 / 30, per_day=24)
    assert daily is not None
    assert hourly is not None
    today = hour(BEFORE, 9)
    by_day, by_hour = decide(daily, today), decide(hourly, today)
    tail = daily.calibration.tail
    assert by_day.threshold == tail.threshold(1 / 60)
    assert by_hour.threshold == tail.threshold(1 / 60 / 24)
    assert by_day.p == by_hour.p


def test_quiet_hours_fire_within_the_budget_and_a_change_within_hours() -> None:
    hours = {
        (day, of_day): hour(day, of_day, by=1.3 if day == BEFORE + DECIDED - 1 and of_day >= CHANGE else 1.0)
        for day in range(BEFORE + DECIDED)
        for of_day in range(24)
    }
    before: list[Decision] = []
    fired: list[tuple[int, int]] = []
    for day, of_day in sorted(hours)[24 * BEFORE :]:
        null = fit_null([hours[one, of_day] for one in range(day - BEFORE, day)], ["amount"], per_day=24)
        today = hours[day, of_day]
        earlier = [
            Decision(today.date - timedelta(days=2 - at), "ok", repeated=one.repeated) for at, one in enumerate(before)
        ]
        decision = decide(null, today, earlier)
        before = [*before, decision][-2:]
        if decision.fires:
            fired.append((day - BEFORE, of_day))
    quiet = [one for one in fired if one < (DECIDED - 1, CHANGE)]
    # Four days of quiet hours are a seventh of what one false alarm is accepted in.
    assert quiet == []
    assert (DECIDED - 1, CHANGE) <= fired[0] <= (DECIDED - 1, CHANGE + 2)


def day_of(text: str) -> date:
    found = CLOCK.typed(text)
    assert found is not None
    return found


def hour(day: int, of_day: int, by: float = 1.0) -> Day:
    """Rows that follow the hour of the day, and what is of the whole day."""
    level = 1 + 0.03 * np.random.default_rng([day]).standard_normal()
    random = np.random.default_rng([day, of_day])
    rows = int(random.poisson(150 * (1 + 0.5 * np.sin((of_day - 6) / 24 * 2 * np.pi))))
    amount = by * level * random.gamma(3.0, 4 + 2 * np.sin(of_day / 24 * 2 * np.pi), rows)
    values, counts = np.unique(np.round(amount, 1), return_counts=True)
    start = date(2024, 3, 4) + timedelta(days=day)
    return Day(start, rows, 0, {"amount": Profile("numerical", values, counts.astype(np.int64), 0)})


def test_the_clock_of_windows_that_are_hours() -> None:
    assert (BERLIN.per_day, BERLIN.hours) == (24, HourClock("Europe/Berlin"))


HOURLY = """
source: {files: orders.csv}
event: {timestamp: at, timezone: Europe/Berlin}
windows: hour
columns: {at: datetime, amount: numerical}
reference: {from: 2024-01-01, to: 2024-01-31}
"""


def test_what_an_hour_came_to_follows_from_the_two_before_it() -> None:
    monitoring = monitoring_of("orders", parse_dataset(HOURLY, "orders.yml"), load_rules())
    there = hours_from(datetime(2024, 5, 1, tzinfo=UTC), 24 * 12)
    unchanged = dict.fromkeys(there, "as it was")

    def hash_with(**other: str) -> str | None:
        digests = unchanged | {there[-int(name.removeprefix("back_")) - 1]: value for name, value in other.items()}
        family = SeriesFamily(monitoring, "quality", cast(Any, None), digests, frozenset(), 0.0)
        return family.inputs_hash(there[-1])

    assert hash_with() == hash_with(back_3="changed") == hash_with(back_23="changed")
    assert len({hash_with(), *(hash_with(**{f"back_{number}": "changed"}) for number in (1, 2, 24, 25, 26))}) == 6
