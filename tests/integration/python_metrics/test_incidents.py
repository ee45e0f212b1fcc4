"""Incidents: what the planted ones raise, that none is changed afterwards, and what people can say about them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from core.errors import UsageError
from pipeline.commands.acknowledge import acknowledge
from python_metrics.incidents.incident_facts import Facts
from python_metrics.incidents.incident_store import Raised, record_incidents
from tests.commands import command
from tests.monitoring import green_trips
from tests.runs import one, rows
from warehouse.database import Connection

PLANTED = {
    "passenger_count": ("2022-02-03", "2022-02-03"),
    "trip_distance": ("2022-02-08", "2022-02-08"),
    "fare_amount": ("2022-02-10", "2022-02-12"),
    "pickup_location_id": ("2022-02-21", "2022-02-22"),
}
SEEN = "select opened_date::text, last_seen_date::text from marts.fct_incidents where column_name = %s"


def record() -> int:
    return record_incidents(green_trips(), lambda incident: Raised(Facts(), ""), 9)


def followups(connection: Connection, incident_id: str) -> list[str]:
    query = "select kind from marts.fct_incident_followups where incident_id = %s and run_id = 9 order by followup_id"
    return [row[0] for row in rows(connection, query, incident_id)]


def id_of(connection: Connection, column: str) -> str:
    return str(one(connection, "select incident_id from marts.fct_incidents where column_name = %s", column))


@pytest.mark.parametrize("column", PLANTED)
def test_a_planted_incident_names_its_column_on_its_days(monitored_warehouse: Connection, column: str) -> None:
    assert PLANTED[column] in rows(monitored_warehouse, SEEN, column)


def test_what_is_wrong_with_the_rows_is_an_incident_of_the_rows(monitored_warehouse: Connection) -> None:
    found = dict(
        rows(monitored_warehouse, "select opened_date::text, statistic from marts.fct_incidents where column_name = ''")
    )
    assert found["2022-02-24"] == "duplicate_share"
    assert min(day for day in found if day >= "2022-02-14") <= "2022-02-16", "the weekend-like week"


def test_few_days_fire_that_should_not(monitored_warehouse: Connection) -> None:
    clean = rows(
        monitored_warehouse,
        "select window_date::text, model_spec, column_name, threshold_ratio from marts.fct_day_alarms "
        "where is_firing and window_date not between '2022-02-14' and '2022-02-18' and window_date not in "
        "('2022-02-03', '2022-02-08', '2022-02-10', '2022-02-11', '2022-02-12', '2022-02-21', '2022-02-22', "
        "'2022-02-24', '2022-02-26') order by 1, 2",
    )
    assert len(clean) <= 3, clean


def test_an_incident_says_what_moved_and_shows_its_rows(monitored_warehouse: Connection) -> None:
    ((moved, query, after),) = rows(
        monitored_warehouse,
        "select first_moved, rows_query, (moved::jsonb -> 0 ->> 'after')::int from marts.fct_incidents "
        "where column_name = 'passenger_count' and opened_date = '2022-02-03'",
    )
    # 49 January and February days without public holidays: what is compared is a day's rows, not theirs.
    assert re.fullmatch(r"missing: [\d.]+ % -> [\d.]+ % \([\d.]+ -> \d+ rows a day\) over \d\d days before.*", moved)
    assert float(moved.split("(")[1].split(" ")[0]) < after
    assert after == one(
        monitored_warehouse,
        "select count(*) from intermediate.green_trips_accepted "
        "where window_date = '2022-02-03' and passenger_count is null",
    )
    assert len(rows(monitored_warehouse, query)) == 100


def test_the_statement_of_an_incident_shows_its_rows(monitored_warehouse: Connection) -> None:
    """Of what vanished the rows before it, of copies the rows that have one, of fares those that rose."""
    recorded = rows(
        monitored_warehouse,
        "select column_name, statistic, opened_date, rows_query from marts.fct_incidents where family = 'columns'",
    )
    queries = {(name, f"{day}"): query for name, _, day, query in recorded}
    for found in (rows(monitored_warehouse, query) for query in queries.values()):
        assert found
    outage = queries["pickup_location_id", "2022-02-21"]
    assert "75: no row on 2022-02-21" in outage
    copies = queries["", "2022-02-24"].removesuffix(" limit 100")
    ((count, kinds),) = rows(
        monitored_warehouse,
        f"select count(*), count(distinct to_jsonb(one) - 'event_id' - 'source_row') from ({copies}) as one",
    )
    duplicates = "select duplicate_count from intermediate.int_windows where window_date = '2022-02-24'"
    assert count - kinds == one(monitored_warehouse, duplicates) > 100
    likeness = next(query for name, statistic, _, query in recorded if (name, statistic) == ("", "weekend_likeness"))
    assert "limit 100" in likeness
    assert likeness.count(" and ") >= 1, "rows of what moved, not any of the day"


def test_an_incident_says_whose_figure_it_is_and_names_groups_that_differ_only(monitored_warehouse: Connection) -> None:
    told = {
        (column, day): (figure, moved, groups)
        for column, day, figure, moved, groups in rows(
            monitored_warehouse,
            "select column_name, opened_date::text, figure, first_moved, affected_segments from marts.fct_incidents",
        )
    }
    assert told["trip_distance", "2022-02-08"][2] == "all groups alike", "kilometres for miles in every trip"
    assert told["fare_amount", "2022-02-10"][2] == "all groups alike", "all fares rose"
    assert "Manhattan" in told["pickup_location_id", "2022-02-21"][2]
    specs = dict(rows(monitored_warehouse, "select model_version, spec from ml.models"))
    for column, day in told:
        worst = rows(
            monitored_warehouse,
            "select model_version from marts.fct_day_alarms where window_date = %s and column_name = %s and is_firing "
            "and family = 'columns' order by threshold_ratio desc, model_version desc limit 1",
            day,
            column,
        )
        if column and worst:
            of_part = specs[worst[0][0]] == "green_tipped"
            figure, moved, _ = told[column, day]
            assert figure.endswith("(of trips with payment_type = credit card)") == of_part
            assert moved.endswith(", of all trips") == (of_part and column != "prediction")


def test_every_figure_of_a_decision_is_stored(monitored_warehouse: Connection) -> None:
    ((days, without),) = rows(
        monitored_warehouse,
        "select count(*), count(*) filter (where expected is null or null_p90 is null or null_p99 is null) "
        "from marts.fct_alarm_scores where model_spec = 'green_duration_lr' and column_name = 'fare_amount'",
    )
    assert days > 27 * 5
    assert without == 0
    statuses = dict(rows(monitored_warehouse, "select status, count(*) from marts.fct_day_alarms group by 1"))
    assert statuses["empty"] == 3, "the day without trips, of three models"
    families = "select distinct status from marts.fct_day_alarms where family = 'columns'"
    assert {row[0] for row in rows(monitored_warehouse, families)} == {"ok", "empty"}
    assert set(statuses) == {"ok", "empty", "too_short", "learning"}, "other families begin with the monitored month"


def test_an_incident_is_never_changed(monitored_warehouse: Connection) -> None:
    everything = "select * from monitoring.incidents order by incident_id"
    before = rows(monitored_warehouse, everything)
    assert record() == 0, "nothing has happened"
    distance = id_of(monitored_warehouse, "trip_distance")
    firing = (
        "update monitoring.day_alarms set is_firing = %s where column_name = 'trip_distance' and threshold_ratio >= 1"
    )
    monitored_warehouse.execute(firing, [False])
    record()
    assert followups(monitored_warehouse, distance) == ["withdrawn"]
    state = "select state from marts.fct_incidents where incident_id = %s"
    assert one(monitored_warehouse, state, distance) == "withdrawn"
    assert one(monitored_warehouse, "select count(*) from marts.fct_alerts where alert_id = %s", distance) == 0
    monitored_warehouse.execute(firing, [True])
    record()
    assert followups(monitored_warehouse, distance) == ["withdrawn", "reinstated"]
    assert one(monitored_warehouse, state, distance) == "resolved"
    assert rows(monitored_warehouse, everything) == before


def test_a_story_that_begins_earlier_keeps_its_name(monitored_warehouse: Connection) -> None:
    """A correction that makes the day before fire as well is a follow-up, not another incident."""
    fares = one(
        monitored_warehouse,
        "select incident_id from marts.fct_incidents where column_name = 'fare_amount' and opened_date = '2022-02-10'",
    )
    count = one(monitored_warehouse, "select count(*) from monitoring.incidents")
    monitored_warehouse.execute(
        "update monitoring.day_alarms set is_firing = true, column_name = 'fare_amount', threshold_ratio = 1.5 "
        "where window_start = '2022-02-09 05:00+00' and model_version like 'green_duration_lr%' and family = 'columns'"
    )
    record()
    assert one(monitored_warehouse, "select count(*) from monitoring.incidents") == count
    assert followups(monitored_warehouse, fares) == ["seen"]


def test_an_expected_event_that_mutes_opens_nothing(monitored_warehouse: Connection) -> None:
    count = one(monitored_warehouse, "select count(*) from monitoring.incidents")
    monitored_warehouse.execute(
        "insert into staging.expected_events values ('green_trips', '2022-02-08', 'Units', 'planned', true)"
    )
    record()
    distance = id_of(monitored_warehouse, "trip_distance")
    assert followups(monitored_warehouse, distance) == ["withdrawn"]
    assert one(monitored_warehouse, "select count(*) from monitoring.incidents") == count


def open_one(connection: Connection) -> str:
    """Make the passengers' incident an open one."""
    found = id_of(connection, "passenger_count")
    connection.execute("set session_replication_role = replica")  # such records are never changed
    connection.execute("delete from monitoring.incident_followups where incident_id = %s", [found])
    return found


def test_an_acknowledged_incident_fails_no_scheduler(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute("delete from marts.fct_day_alerts")
    found = open_one(monitored_warehouse)
    assert command("check-alerts").returncode == 1
    said = command("ack", "--incident", found[:8], "--note", "the vendor sends it again")
    assert said.returncode == 0, said.stderr
    assert f"incident {found} (passenger_count since 2022-02-03) is acknowledged" in said.stderr + said.stdout
    checked = command("check-alerts")
    assert checked.returncode == 0
    assert found[:8] in checked.stdout, "what make ack takes"
    assert "acknowledged" in checked.stdout + checked.stderr
    ((state, note),) = rows(
        monitored_warehouse, "select state, last_note from marts.fct_incidents where incident_id = %s", found
    )
    assert (state, note) == ("acknowledged", "the vendor sends it again")


def test_a_closed_incident_is_over(monitored_warehouse: Connection) -> None:
    found = open_one(monitored_warehouse)
    assert acknowledge(found, "fixed at the source", True).endswith("is closed")
    ((state, has_end),) = rows(
        monitored_warehouse,
        "select state, resolved_at is not null from marts.fct_incidents where incident_id = %s",
        found,
    )
    assert (state, has_end) == ("closed", True)
    with pytest.raises(UsageError, match="is closed already"):
        acknowledge(found, "again", True)
    assert acknowledge(found[:4], "it was the vendor", False).endswith("which is closed")
    ((state, note),) = rows(
        monitored_warehouse, "select state, last_note from marts.fct_incidents where incident_id = %s", found
    )
    assert (state, note) == ("closed", "it was the vendor")
    # What fires again after that is nobody's.
    monitored_warehouse.execute(
        "insert into monitoring.incident_followups (incident_id, kind, window_start, threshold_ratio) "
        "values (%s, 'seen', '2022-02-04 05:00+00', 30)",
        [found],
    )
    ((state, end, worst, last),) = rows(
        monitored_warehouse,
        "select state, resolved_at, worst_date::text, last_threshold_ratio from marts.fct_incidents "
        "where incident_id = %s",
        found,
    )
    assert (state, end, worst, last) == ("open", None, "2022-02-04", 30)
    assert one(monitored_warehouse, "select is_open from marts.fct_alerts where alert_id = %s", found)


@pytest.mark.parametrize(
    ("incident", "note", "words"),
    [
        ("", "note", "no incident was given"),
        ("ffffffffffff", "note", "INCIDENT 'ffffffffffff' is not on record"),
        ("", "", "no note was given"),
        ("0", "note", "INCIDENT '0' is "),
    ],
)
def test_what_cannot_be_acknowledged_says_why(
    monitored_warehouse: Connection, incident: str, note: str, words: str
) -> None:
    before: list[Any] = rows(monitored_warehouse, "select * from monitoring.incident_followups")
    with pytest.raises(UsageError, match=words):
        acknowledge(incident, note, False)
    assert rows(monitored_warehouse, "select * from monitoring.incident_followups") == before
