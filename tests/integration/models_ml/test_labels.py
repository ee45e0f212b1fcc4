"""Labels that the trips' own rows tell, on a real Postgres: when each is known, and which are written again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.label_rules import Labels, ValidRange
from core.errors import ConfigurationError
from tests.labels import (
    ACCEPTED,
    FEBRUARY,
    FEED,
    JANUARY,
    NOON,
    TABLES,
    TRIPS,
    contents,
    known,
    monitoring,
    one,
    pending,
    reasons,
    refresh,
    rows,
)
from warehouse.database import Connection


def test_the_examples_labels_arrive_about_three_days_after_the_trip(monitored_warehouse: Connection) -> None:
    (found,) = rows(
        monitored_warehouse,
        """
        with delays as (
            select
                labels.label = trips.duration_minutes and labels.load_id = trips.load_id as is_right,
                extract(epoch from observed_at - dropoff_at at time zone 'America/New_York') / 86400 as days
            from ml.labels as labels
            inner join intermediate.green_trips_accepted as trips using (event_id)
            where labels.target = 'duration_minutes'
        )
        select count(*), bool_and(is_right), min(days), avg(days), max(days),
            percentile_cont(0.25) within group (order by days)
        from delays
        """,
    )
    count, is_right, least, mean, most, quarter = found
    assert count == one(monitored_warehouse, "select count(*) from intermediate.green_trips_accepted") > 100_000
    assert is_right
    # Evenly spread over 3 +- 1 days.
    assert 2 <= least < 2.001
    assert 3.999 < most <= 4
    assert float(mean) == pytest.approx(3, abs=0.01)
    assert float(quarter) == pytest.approx(2.5, abs=0.01)


def test_a_run_reports_its_labels(monitored_warehouse: Connection) -> None:
    trips = one(monitored_warehouse, "select count(*) from intermediate.green_trips_accepted")
    step = "select status, rows, message from monitoring.runs where step = 'labels'"
    assert rows(monitored_warehouse, step) == [("ok", 2 * trips, "4 months")]
    mart = "select label_origin, source_month, row_count, accepted_count, quarantined_count from marts.fct_label_loads"
    found = rows(monitored_warehouse, mart + " where target = 'duration_minutes' order by source_month")
    assert [row[:2] for row in found] == [("rows", JANUARY), ("rows", FEBRUARY)]
    assert all(row[2] == row[3] and row[4] == 0 for row in found)
    assert sum(row[2] for row in found) == trips


def test_without_delay_a_label_is_known_when_its_trip_ends(shop: Connection) -> None:
    config = monitoring(amount=Labels(source="rows", ends_at="done_at", delay_days=0))
    assert refresh(config, 1) == 2 * ACCEPTED
    utc = datetime(2022, 2, 1, 5, tzinfo=UTC)  # midnight in New York
    assert len(known(shop, "amount", utc - timedelta(microseconds=1))) == ACCEPTED
    for hours in (0, 1, 7):
        found = known(shop, "amount", utc + timedelta(hours=hours))
        assert {row: label for (month, row), label in found.items() if month == FEBRUARY} == {
            row: row + 0.5 for row in range(hours + 1)
        }


def test_a_label_is_not_known_before_its_delay(shop: Connection) -> None:
    refresh(monitoring(amount=TRIPS.model_copy(update={"jitter_days": 0})), 1)
    arrives = datetime(2022, 2, 4, 5, tzinfo=UTC)
    assert (FEBRUARY, 0) not in known(shop, "amount", arrives - timedelta(microseconds=1))
    assert (FEBRUARY, 0) in known(shop, "amount", arrives)
    assert (FEBRUARY, 1) not in known(shop, "amount", arrives)


def test_jitter_never_puts_a_label_before_its_trips_end(shop: Connection) -> None:
    refresh(monitoring(amount=TRIPS.model_copy(update={"delay_days": 0.5, "jitter_days": 20})), 1)
    days = [
        float(row[0])
        for row in rows(
            shop,
            "select extract(epoch from observed_at - done_at at time zone 'America/New_York') / 86400 "
            "from ml.labels inner join shop.orders using (event_id)",
        )
    ]
    assert min(days) == 0
    assert 10 < max(days) <= 20.5
    assert 20 < sum(day == 0 for day in days) < 60  # about half of 80 are drawn before the end


def test_jitter_is_a_matter_of_the_trips_key_alone(shop: Connection) -> None:
    refresh(monitoring(amount=TRIPS), 1)
    query = "select event_id, target, observed_at, label from ml.labels order by 1"
    before = rows(shop, query)
    assert len({row[2] for row in before}) == 2 * ACCEPTED
    shop.execute("delete from ml.labels")
    shop.execute("delete from ml.label_loads")
    shop.execute("delete from monitoring.ledger where step = 'labels'")
    shop.execute("create table shop.sorted as table shop.orders order by amount desc")
    shop.execute("truncate shop.orders")
    shop.execute("insert into shop.orders table shop.sorted")
    refresh(monitoring(amount=TRIPS), 2)
    assert rows(shop, query) == before


def test_nothing_new_does_nothing(shop: Connection) -> None:
    config = monitoring(amount=TRIPS)
    assert refresh(config, 1) == 2 * ACCEPTED
    before = contents(shop)
    assert pending(shop, config) == ([], [])
    assert refresh(config, 2) == 0
    assert contents(shop) == before


@pytest.mark.parametrize(
    "change",
    [
        "update shop.days set content_hash = 'x' where load_id = 2 and content_hash = '3'",
        "update shop.days set load_id = 7 where load_id = 2; update shop.orders set load_id = 7 where load_id = 2",
    ],
)
def test_only_a_month_that_changed_is_written_again(shop: Connection, change: str) -> None:
    config = monitoring(amount=TRIPS)
    refresh(config, 1)
    shop.execute("delete from shop.orders where source_month = '2022-02-01' and source_row < 10")
    shop.execute("update shop.orders set amount = 99 where source_month = '2022-02-01' and source_row = 10")
    shop.execute(change.encode())
    assert pending(shop, config) == ([FEBRUARY], [])
    assert refresh(config, 2) == ACCEPTED - 10
    loads = rows(shop, "select source_month, rows, accepted, run_id from ml.label_loads order by 1")
    assert loads == [(JANUARY, ACCEPTED, ACCEPTED, 1), (FEBRUARY, ACCEPTED - 10, ACCEPTED - 10, 2)]
    late = known(shop, "amount", NOON)
    assert len(late) == 2 * ACCEPTED - 10
    assert late[FEBRUARY, 10] == 99


@pytest.mark.parametrize("update", [{"delay_days": 4}, {"jitter_days": 0}, {"valid": ValidRange(max=20)}])
def test_another_entry_is_applied_to_all_months(shop: Connection, update: dict[str, Any]) -> None:
    refresh(monitoring(amount=TRIPS), 1)
    assert len(pending(shop, monitoring(amount=TRIPS.model_copy(update=update)))[0]) == 2


def test_labels_of_a_month_that_is_gone_go(shop: Connection) -> None:
    config = monitoring(amount=TRIPS)
    refresh(config, 1)
    shop.execute("delete from shop.days where load_id = 1")
    assert pending(shop, config) == ([], [JANUARY])
    assert refresh(config, 2) == 0
    assert rows(shop, "select distinct source_month from ml.labels join shop.orders using (event_id)") == [(FEBRUARY,)]
    assert rows(shop, "select source_month from ml.label_loads") == [(FEBRUARY,)]


@pytest.mark.parametrize("labels", [{}, {"amount": FEED}])
def test_labels_go_when_the_trips_are_their_source_no_more(shop: Connection, labels: dict[str, Labels]) -> None:
    refresh(monitoring(amount=TRIPS.model_copy(update={"valid": ValidRange(max=20)})), 1)
    assert all(contents(shop).values())
    refresh(monitoring(**labels), 2)
    assert contents(shop) == {table: [] for table in TABLES}


def test_trips_without_a_usable_label_are_kept_out(shop: Connection) -> None:
    for row, change in enumerate(
        ("amount = null", "done_at = null", "amount = 'NaN'", "done_at = 'infinity'", "amount = -1", "amount = 0")
    ):
        shop.execute(f"update shop.orders set {change} where load_id = 1 and source_row = {row}".encode())
    config = monitoring(amount=TRIPS.model_copy(update={"valid": ValidRange(min=0, max=39.5)}))
    assert refresh(config, 1) == 2 * ACCEPTED - 5
    assert reasons(shop) == [
        (0, "missing_value"), (1, "missing_value"), (2, "not_a_number"), (3, "not_a_time"), (4, "out_of_range"),
    ]  # fmt: skip
    counts = rows(shop, "select rows, accepted, unchanged, quarantined from ml.label_loads order by label_load_id")
    assert counts == [(ACCEPTED, ACCEPTED - 5, 0, 5), (ACCEPTED, ACCEPTED, 0, 0)]
    assert one(shop, "select record ->> 'label' from ml.rejected_labels where line = 4") == "-1"


@pytest.mark.parametrize(
    ("relation", "target", "ends_at", "message"),
    [
        ("shop.sales", "amount", "done_at", "whose rows labels belong to: bring the warehouse up to date"),
        ("shop.orders", "price", "done_at", "shop.orders has no column price; it has event_id, source_month"),
        ("shop.orders", "amount", "ended_at", "shop.orders has no column ended_at"),
        ("shop.orders", "place", "done_at", "the column place of shop.orders is of type text; bigint or boolean"),
        ("shop.orders", "amount", "place", "the column place of shop.orders is of type text; timestamp with time zone"),
        ("shop.days", "amount", "done_at", "shop.days has no column event_id"),
    ],
)
def test_a_name_that_is_not_there_is_an_error(
    shop: Connection, relation: str, target: str, ends_at: str, message: str
) -> None:
    config = monitoring(**{target: TRIPS.model_copy(update={"ends_at": ends_at})})
    config = config.model_copy(update={"windows": config.windows.model_copy(update={"accepted": relation})})
    with pytest.raises(ConfigurationError) as error:
        refresh(config, 1)
    assert message in str(error.value)
    assert contents(shop) == {table: [] for table in TABLES}


def test_times_with_a_zone_are_taken_as_they_are(shop: Connection) -> None:
    shop.execute("alter table shop.orders alter column done_at type timestamptz using done_at at time zone 'UTC'")
    refresh(monitoring(amount=Labels(source="rows", ends_at="done_at", delay_days=0)), 1)
    assert one(shop, "select min(observed_at) from ml.labels") == datetime(2022, 1, 1, tzinfo=UTC)
