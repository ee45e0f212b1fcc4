"""Grafana's alert rules, asked and followed without Grafana: what fires, what it says, and where its links lead."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import yaml

from config.paths import ROOT
from grafana.alert_rules import RULES, UNREADABLE
from grafana.preview.asking import as_dashboard, open_dashboard
from pipeline import dbt
from tests.pages import add_dataset, target_of
from warehouse.database import Connection

PROVISIONED = ROOT / "grafana" / "provisioning" / "alerting" / "rules.yml"
FAILED_RUN = (
    "insert into monitoring.runs (run_id, step, status, message, finished_at) "
    "values (90, 'pipeline', 'failed', 'the disk is full', now())"
)


def provisioned() -> dict[str, dict[str, Any]]:
    """The rules by their names."""
    (group,) = yaml.safe_load(PROVISIONED.read_text(encoding="utf-8"))["groups"]
    return {rule["labels"]["rule"]: rule for rule in group["rules"]}


def firing(*, also_resolved: bool = False) -> dict[str, list[dict[str, Any]]]:
    """The rows of every rule's query that Grafana would fire on, by rule, with their annotations as `said`."""
    found: dict[str, list[dict[str, Any]]] = {}
    with as_dashboard("alerts") as connection:
        for name, rule in provisioned().items():
            sql = rule["data"][0]["model"]["rawSql"]
            cursor = connection.execute((sql.replace("alerts.is_open", "true") if also_resolved else sql).encode())
            names = [column.name for column in cursor.description or []]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            if name == UNREADABLE:
                assert rows == [{"unreadable": 0}]
                continue
            for row in rows:
                # Grafana makes labels of the words and compares the one number.
                assert {key for key, value in row.items() if not isinstance(value, str)} == {"worst_value"}
                assert float(str(row["worst_value"])) > 0
                row["said"] = {key: rendered(text, row) for key, text in rule["annotations"].items()}
            if rows:
                found[name] = rows
    return found


def rendered(template: str, row: dict[str, Any]) -> str:
    """An annotation as Grafana expands it; of Go's templates only what the rules use."""
    number = float(row["worst_value"])
    text = re.sub(
        r"\{\{ if gt \$values\.A\.Value 1\.0 \}\}(.*?)\{\{ else \}\}(.*?)\{\{ end \}\}",
        lambda match: match[1] if number > 1 else match[2],
        template,
    )
    text = text.replace('{{ printf "%.0f" $values.A.Value }}', f"{number:.0f}").replace("{{ externalURL }}", "/")
    text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda match: str(row[match[1]]), text)
    assert "{{" not in text, f"not rendered here: {text}"
    return text


def test_every_alert_is_a_sentence_with_what_was_seen_that_day(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute(FAILED_RUN)
    monitored_warehouse.execute("update raw.files set loaded_at = now() - interval '50 days'")
    said = {row["said"]["summary"] for rows in firing(also_resolved=True).values() for row in rows}
    today = firing()["failed_run"][0]["day"]
    assert {
        "Unusually many or few rows of green_trips since 2022-02-26: 0 trips where 2064 are usual",
        "passenger_count of green_trips is missing values since 2022-02-03: 36.2 % of passenger_count missing",
        "The table of green_trips is not as usual since 2022-02-24: duplicate_share",
        "No file of green_trips has been loaded for 50 days",
        f"The pipeline has failed on {today}",
    } <= said
    (distance,) = [text for text in said if text.startswith("trip_distance")]
    assert "is not as usual since 2022-02-08: mean_rank; 6.36 to 66.95: 10.0 %" in distance
    (worse,) = [text for text in said if "same inputs of green_duration_hgb" in text]
    assert "since 2022-02-08: loss " in worse
    monitored_warehouse.execute(FAILED_RUN.replace("90", "91"))
    assert firing()["failed_run"][0]["said"]["summary"] == f"The pipeline has failed 2 times in a row, since {today}"


def test_what_is_said_of_an_alert_stays_while_it_is_open(monitored_warehouse: Connection) -> None:
    before = [row["said"] for row in firing()["volume"]]
    monitored_warehouse.execute(
        "update marts.fct_day_alerts set worst_value = 3, summary = 'another day is worse', days = days + 1 "
        "where rule = 'volume'"
    )
    assert [row["said"] for row in firing()["volume"]] == before, "another text would be another alert"


def test_the_link_of_every_alert_leads_to_what_it_speaks_of(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute(FAILED_RUN)
    monitored_warehouse.execute("update raw.files set loaded_at = now() - interval '50 days'")
    opened = set()
    for name, rows in firing(also_resolved=True).items():
        for row in rows:
            uid, asked = target_of(row["said"]["page"])
            instants = {
                end: datetime.fromtimestamp(int(asked.pop(end)) / 1000, UTC).isoformat()
                for end in ("from", "to")
                if end in asked
            }
            path = ROOT / "grafana" / "dashboards" / f"{uid}.json"
            page = open_dashboard(path, instants.get("from", ""), instants.get("to", ""))
            with as_dashboard("link") as connection:
                page.choose(connection, **asked)
                shown = {title: page.run(connection, sql).rows for title, _, sql in page.queries()}
            variables = {one["name"] for one in page.choices()}
            assert asked.get("dataset", "") == row["dataset"], row["page"]
            for variable in asked.keys() & variables:
                assert asked[variable] in page.options[variable], (row["page"], variable)
            opened.add((name, uid))
            if uid == "column":
                assert page.texts["day"] == row["day"], row["page"]
                assert page.values["column"] == (row["column"] or "(table)")
                assert shown["Which figures of ${column} stood out on ${day:text}?"], row["page"]
            if name == "incident":
                assert shown["Which incidents of ${column} are there?"], row["page"]
            if RULES[name].board == uid:
                assert shown[RULES[name].panel], (name, row["page"])
    assert opened >= {
        *(("incident", "column"), ("missing_share", "column"), ("volume", "data-quality")),
        *(("concept_drift", "performance"), ("failed_run", "pipeline-health"), ("stale_data", "data-quality")),
    }


def test_an_alert_leads_to_its_own_dataset_and_a_model_of_it(monitored_warehouse: Connection) -> None:
    add_dataset(monitored_warehouse)
    (row,) = [row for row in firing()["volume"] if row["dataset"] == "loans"]
    assert row["said"]["summary"].startswith("Unusually many or few rows of loans since 2019-09-10: ")
    _, asked = target_of(row["said"]["page"])
    assert (asked["dataset"], asked["model_version"]) == ("loans", "repaid")


def test_an_input_is_looked_at_with_a_model_that_sees_it(monitored_warehouse: Connection) -> None:
    # Only one of the models sees hours: the others' pages of it would be empty.
    monitored_warehouse.execute(
        "update marts.fct_day_alerts set named_column = 'pickup_hour', resolved_at = null where rule = 'missing_share'"
    )
    (row,) = firing()["missing_share"]
    _, asked = target_of(row["said"]["page"])
    found = monitored_warehouse.execute(
        "select 'pickup_hour' = any(feature_names) from marts.dim_models where model_version = %s",
        [asked["model_version"]],
    ).fetchone()
    assert found == (True,)


@pytest.mark.parametrize("name", ["a (b) & c+d?e=f#g", "größe %41", "年齢/x"])
def test_any_name_arrives_whole_at_the_end_of_a_link(monitored_warehouse: Connection, name: str) -> None:
    monitored_warehouse.execute(
        "update marts.fct_day_alerts set named_column = %s, resolved_at = null where rule = 'missing_share'", [name]
    )
    (row,) = firing()["missing_share"]
    uid, asked = target_of(row["said"]["page"])
    assert (uid, asked["column"]) == ("column", name)
    assert re.fullmatch(r"[\w/.~?&=%-]+", row["said"]["page"], re.ASCII)


def test_a_warehouse_without_marts_is_no_alert(empty_warehouse: Connection) -> None:
    rules = provisioned()
    unreadable = rules.pop(UNREADABLE)
    with as_dashboard("alerts") as connection:
        assert connection.execute(unreadable["data"][0]["model"]["rawSql"].encode()).fetchall() == [(0,)]
        for rule in rules.values():
            with pytest.raises(psycopg.Error):
                connection.execute(rule["data"][0]["model"]["rawSql"].encode())
    # What Grafana does with a query that fails: nothing new is known of a model, and nobody is told.
    assert {rule["execErrState"] for rule in rules.values()} == {"KeepLast"}


def test_marts_that_may_not_be_read_are_an_alert_of_their_own(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute("revoke select on marts.fct_alerts from dashboard")
    with as_dashboard("alerts") as connection:
        sql = provisioned()[UNREADABLE]["data"][0]["model"]["rawSql"]
        assert connection.execute(sql.encode()).fetchall() == [(1,)]


# As of the evening of a day, going back: what a person would have been told then.
EVENINGS: dict[str, dict[str, set[tuple[str, str, str, str]]]] = {
    "2022-02-26": {
        "volume": {("critical", "", "", "2022-02-26")},
        "incident": {("critical", "", "", "2022-02-24")},
    },
    "2022-02-21": {"incident": {("critical", "", "pickup_location_id", "2022-02-21")}},
    "2022-02-12": {
        "incident": {("critical", "", "fare_amount", "2022-02-10")},
        "concept_drift": {("critical", "green_duration_lr", "prediction", "2022-02-10")},
    },
    "2022-02-08": {
        "incident": {("critical", "", "trip_distance", "2022-02-08")},
        "concept_drift": {("critical", "green_duration_hgb", "prediction", "2022-02-08")},
    },
    "2022-02-03": {
        "incident": {("critical", "", "passenger_count", "2022-02-03")},
        "missing_share": {("warning", "", "passenger_count", "2022-02-03")},
    },
    "2022-02-02": {},
}


@pytest.mark.slow
def test_alert_queries_fire_on_the_planted_incidents_and_on_nothing_else(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute("set session_replication_role = replica")  # such records are never changed
    for evening, expected in EVENINGS.items():
        monitored_warehouse.execute("delete from intermediate.green_trips_windows where window_date > %s", [evening])
        # What was found later: of a day after, or at the end of a day after.
        monitored_warehouse.execute(
            "delete from monitoring.incident_followups "
            "where window_start - case when kind = 'resolved' then interval '1 day' else interval '0' end "
            ">= (cast(%s as date) + 1) at time zone 'America/New_York'",
            [evening],
        )
        dbt.build("--select", "int_daily_volume", "int_monitored_windows", "marts", run_id=1)
        found = {
            rule: {(row["severity"], row["model"], row["column"], row["day"]) for row in rows}
            for rule, rows in firing().items()
        }
        assert found == {rule: rows for rule, rows in expected.items() if rows}, evening
