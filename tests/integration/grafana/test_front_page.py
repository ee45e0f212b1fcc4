"""The front page: the verdict, what is open, incidents and the budget, and where each of its rows leads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from config.paths import ROOT
from grafana.names import FRONT_PAGE
from grafana.preview.asking import OpenDashboard, as_dashboard, open_dashboard
from pipeline.alerts import open_alerts
from tests.pages import add_dataset, found_rows, models_by_name
from warehouse.database import Connection


def test_the_days_of_an_incident_stand_out_on_the_front_page(monitored_warehouse: Connection) -> None:
    with as_dashboard("front page") as connection:
        found = found_rows(connection, FRONT_PAGE, model_version=models_by_name(connection)["green_duration_hgb"])
        fires: list[Any] = connection.execute(
            "select window_date, coalesce(nullif(column_name, ''), '(table)'), threshold_ratio "
            "from marts.fct_day_alarms "
            "where model_spec = 'green_duration_hgb' and family = 'columns' and is_firing order by window_date"
        ).fetchall()
    cells = {(row[0].date(), row[1]): row[2] for row in found["Which column is not as usual, and since when?"]}
    assert ("2022-02-08", "trip_distance") in {(f"{time:%Y-%m-%d}", column) for time, column, _ in fires}
    assert all(cells[time, column] >= max(ratio, 1) for time, column, ratio in fires)
    days = found["How bad was each day, and which ones fired?"]
    assert [(row[0].date(), row[2]) for row in days if row[1] == "firing day"] == [
        (time, value) for time, _, value in fires
    ]
    # The day without trips has no decision: a gap, no zero.
    assert [row[2] for row in days if row[1] == "columns" and f"{row[0]:%Y-%m-%d}" == "2022-02-26"] == [None]
    incidents = {row[2]: row for row in found["Which incidents are there, since when, and what moved?"]}
    assert {"passenger_count", "trip_distance", "fare_amount", "pickup_location_id", "(table)"} <= set(incidents)
    assert "expected: Presidents' Day" in incidents["pickup_location_id"][4]
    assert incidents["trip_distance"][3] == "2022-02-08"
    assert [row[1:] for row in found["Expected events"]] == [("Presidents' Day",)]
    assert {row[3] for row in found["Which other alerts were there, and what of them is over?"]} & {"incident"} == set()


def test_fires_are_counted_against_their_budget(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute("update marts.fct_day_alarms set is_firing = false, status = 'ok'")
    monitored_warehouse.execute("update marts.fct_day_alarms set status = 'empty' where window_date <= '2022-02-03'")
    monitored_warehouse.execute("update marts.fct_day_alarms set status = 'learning' where window_date = '2022-02-04'")
    monitored_warehouse.execute(
        "update marts.fct_day_alarms set is_firing = true where window_date in ('2022-02-05', '2022-02-20')"
    )
    with as_dashboard("calibration") as connection:
        version = models_by_name(connection)["green_tipped"]
        found = found_rows(connection, FRONT_PAGE, model_version=version)
    first, *others = found["How often did it fire, against the budget?"]
    assert float(first[2]) == 30 * 2 / 25
    assert (*first[:2], *first[3:]) == (version, "columns", 1, 2, 25, 1, 0)
    assert len(others) == 3 * 4 - 1, "of three models, four families each"


def test_what_has_come_of_incidents_is_told_from_its_beginning_open_ones_first(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute("set session_replication_role = replica")  # such records are never changed
    monitored_warehouse.execute("delete from monitoring.incident_followups where kind = 'resolved'")
    monitored_warehouse.execute(
        "insert into monitoring.incident_followups (incident_id, kind, note, noted_by) "
        "select incident_id, 'acknowledged', 'the vendor was asked', 'ana' from monitoring.incidents "
        "where column_name = 'passenger_count'"
    )
    with as_dashboard("followups") as connection:
        found = found_rows(connection, FRONT_PAGE)
    states = [row[0] for row in found["Which incidents are there, since when, and what moved?"]]
    assert set(states) == {"open", "acknowledged"}
    assert states.count("acknowledged") == 1
    happened = found["What has come of the incidents?"]
    (said,) = [row for row in happened if row[4] == "acknowledged"]
    assert said[2:5] == ("acknowledged", "passenger_count", "acknowledged")
    assert said[6:] == ("the vendor was asked", "ana")
    monitored_warehouse.execute(
        "insert into monitoring.incident_followups (incident_id, kind, window_start) select incident_id, 'resolved', "
        "timestamptz '2022-02-16 05:00+00' from monitoring.incidents where column_name = 'fare_amount'"
    )
    with as_dashboard("followups") as connection:
        found = found_rows(connection, FRONT_PAGE)
    of_fares = [row[4:6] for row in found["What has come of the incidents?"] if row[3] == "fare_amount"]
    assert of_fares[0][0] == "seen"
    assert of_fares[-1] == ("resolved", "2022-02-15"), "the last quiet day, not the midnight after it"


TABLES_THAT_LEAD_ON = {
    "What is open, the worst first?",
    "Which incidents are there, since when, and what moved?",
    "Which other alerts were there, and what of them is over?",
}


def follow(connection: Connection, row: dict[str, Any], last: str = "to_day") -> OpenDashboard:
    """The page that a row's link opens, at the time range and with the choices that the link has."""
    instants = [f"{datetime.fromtimestamp(int(row[name]) / 1000, UTC).isoformat()}" for name in ("to_from", "to_until")]
    page = open_dashboard(ROOT / "grafana" / "dashboards" / f"{row['to_board']}.json", *instants)
    chosen = {"dataset": row["to_dataset"], "model_version": row["to_model"]}
    chosen |= {"column": row["to_column"], "day": row[last]}
    page.choose(connection, **chosen)
    for name, value in chosen.items():
        if name in page.values:
            assert value in page.options[name], f"{name} has no {value} on {row['to_board']}"
    return page


def test_every_row_leads_to_a_page_that_shows_what_it_speaks_of(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute(
        "insert into monitoring.runs (run_id, step, status, message, finished_at) "
        "values (90, 'pipeline', 'failed', 'the disk is full', now())"
    )
    with as_dashboard("links") as connection:
        boards = set()
        for version in models_by_name(connection).values():
            front_page = open_dashboard(ROOT / "grafana" / "dashboards" / f"{FRONT_PAGE}.json")
            front_page.choose(connection, model_version=version)
            for title, _, sql in front_page.queries():
                if title not in TABLES_THAT_LEAD_ON:
                    continue
                found = front_page.run(connection, sql)
                assert found.rows, title
                for row in (dict(zip(found.columns, values, strict=True)) for values in found.rows):
                    page = follow(connection, row)
                    boards.add(page.uid)
                    rows = {name: page.run(connection, sql).rows for name, _, sql in page.queries()}
                    if page.uid == "column":
                        assert rows["How does ${column} on ${day:text} compare with the reference?"]
                    if "incident" in row:
                        follow(connection, row, "to_last")
                        assert page.texts["day"] == row["since"]
                        assert row["incident"] in {one[8] for one in rows["Which incidents of ${column} are there?"]}
                        marked = [one for one in rows["Since when has ${column} not been as usual?"] if one[2]]
                        # A model that shares the input may have fired for it later than the one that raised it.
                        assert {row["since"], row["last seen"]} & {f"{one[0]:%Y-%m-%d}" for one in marked}
                        assert rows["Which figures of ${column} stood out on ${day:text}?"]
    assert boards == {"column", "data-quality", "performance", "pipeline-health"}


def test_the_first_tile_is_a_verdict_over_all_that_is_open(
    monitored_warehouse: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown(version: str) -> tuple[tuple[Any, ...], list[dict[str, Any]]]:
        with as_dashboard("verdict") as connection:
            page = open_dashboard(ROOT / "grafana" / "dashboards" / f"{FRONT_PAGE}.json")
            page.choose(connection, model_version=version)
            found = {title: page.run(connection, sql) for title, _, sql in page.queries()}
        table = found["What is open, the worst first?"]
        (verdict,) = found["Is all well?"].rows
        return verdict, [dict(zip(table.columns, row, strict=True)) for row in table.rows]

    with as_dashboard("models") as connection:
        versions = models_by_name(connection)
    told = [alert for alert in open_alerts() if alert.model in ("", versions["green_tipped"])]
    verdict, rows = shown(versions["green_tipped"])
    worst = [alert for alert in told if alert.severity == "critical"]
    assert verdict[:2] == (
        "Critical",
        f"{len(worst)} critical" + (f", {len(told) - len(worst)} warning" * (told != worst)),
    )
    first = told[0].column_name or told[0].rule.replace("_", " ")
    assert verdict[2] == f"{first}, {rows[0]['since']}" == f"{first}, {told[0].opened:%a %Y-%m-%d}"
    assert [row["what is open"] for row in rows] == [alert.summary for alert in told][:5]

    # What is about another model is told on its page.
    monitored_warehouse.execute("update marts.fct_day_alerts set model_version = 'of another', resolved_at = null")
    monitored_warehouse.execute("set session_replication_role = replica")  # such records are never changed
    monitored_warehouse.execute("update monitoring.incidents set model_version = ''")
    assert "of another" not in str(shown(versions["green_tipped"]))
    assert shown("of another")[0][0] == "Critical"

    # Somebody has taken everything on; then nothing is open; then nothing is evaluated.
    monitored_warehouse.execute("delete from monitoring.incident_followups where kind = 'resolved'")
    monitored_warehouse.execute("update marts.fct_day_alerts set resolved_at = now()")
    monitored_warehouse.execute(
        "insert into monitoring.incident_followups (incident_id, kind, note, noted_by) "
        "select incident_id, 'acknowledged', 'known', 'ana' from monitoring.incidents"
    )
    verdict, rows = shown(versions["green_tipped"])
    assert verdict[0] == "Known, and looked into"
    assert {row["severity"] for row in rows} <= {"critical, acknowledged", "warning, acknowledged"}
    monitored_warehouse.execute(
        "insert into monitoring.incident_followups (incident_id, kind, note, noted_by) "
        "select incident_id, 'closed', 'done', 'ana' from monitoring.incidents"
    )
    verdict, rows = shown(versions["green_tipped"])
    assert (verdict, rows) == (("All is well", "nothing", "nothing until Mon 2022-02-28"), [])
    monitored_warehouse.execute("delete from marts.fct_day_alarms")
    assert shown(versions["green_tipped"])[0] == ("Not evaluated yet", "nothing", "run `make pipeline`")


def test_every_dataset_has_its_own_figures_and_the_models_of_all_stand_first(monitored_warehouse: Connection) -> None:
    add_dataset(monitored_warehouse)
    page = open_dashboard(ROOT / "grafana" / "dashboards" / f"{FRONT_PAGE}.json")
    with as_dashboard("datasets") as connection:
        page.choose(connection)
        assert list(page.options["dataset"]) == ["green_trips", "loans"], "the one with days in the range comes first"
        assert "repaid" not in page.options["model_version"]
        (sql,) = [sql for title, _, sql in page.queries() if title == "Which of my models needs me?"]
        found = page.run(connection, sql)
        lines = {row["to_model"]: row for row in (dict(zip(found.columns, one, strict=True)) for one in found.rows)}
        assert len(lines) == len(found.rows) == 4
        verdicts = [row["verdict"] for row in lines.values()]
        assert verdicts == sorted(verdicts, key=["Critical", "Not as usual", "All is well"].index), "the worst first"
        line = lines["repaid"]
        assert (line["verdict"], line["dataset"], line["critical"]) == ("Critical", "loans", 1)
        assert (line["look first at"], line["since"], line["newest day"]) == (
            *("unusually many or few rows", "2019-09-10"),
            "2019-09-12",
        )

        # A click: its own dataset, at its newest days, which lie outside the default range.
        theirs = open_dashboard(
            ROOT / "grafana" / "dashboards" / f"{FRONT_PAGE}.json",
            *(datetime.fromtimestamp(int(line[end]) / 1000, UTC).isoformat() for end in ("to_from", "to_until")),
        )
        theirs.choose(connection, dataset=line["dataset"], model_version=line["to_model"])
        assert list(theirs.options["model_version"]) == ["repaid"]
        shown = {title: theirs.run(connection, sql).rows for title, _, sql in theirs.queries()}
    volume = shown["How many rows came each day?"]
    assert {row[1] for row in volume} == {7}, "no row of another dataset"
    # By a clock east of UTC a day begins on the date before: it stands under its own all the same.
    assert [f"{row[0]:%Y-%m-%d %H:%M%z}" for row in (volume[0], volume[-1])] == [
        "2019-08-16 00:00+0000",
        "2019-09-12 00:00+0000",
    ]
    assert [row[:2] for row in shown["What is open, the worst first?"]] == [("critical", "0 loans where 7 are usual")]
    with as_dashboard("datasets") as connection:
        ours = found_rows(connection, FRONT_PAGE)
    assert 7 not in {row[1] for row in ours["How many rows came each day?"]}
    assert len(ours["How many rows came each day?"]) == 28
    assert "loans" not in str([rows for title, rows in ours.items() if title != "Which of my models needs me?"])


def test_the_sample_is_called_so_on_the_front_page(monitored_warehouse: Connection) -> None:
    dashboard = open_dashboard(ROOT / "grafana" / "dashboards" / "model-monitoring.json")
    with as_dashboard("origin") as connection:
        dashboard.choose(connection)
        (sql,) = [sql for title, _, sql in dashboard.queries() if title == "Where are the data from?"]
        assert dashboard.run(connection, sql).rows == [("GENERATED SAMPLE - not real data",)]
