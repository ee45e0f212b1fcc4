"""Every query of the dashboards and of Grafana's alert rules, asked as Grafana asks it: as its role, macros put in."""

from __future__ import annotations

import re
import subprocess
from datetime import datetime, time
from decimal import Decimal
from numbers import Number
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.paths import ROOT
from grafana.names import FRONT_PAGE
from grafana.preview.asking import DASHBOARDS, OpenDashboard, as_dashboard, open_dashboard
from grafana.preview.display import field_of
from tests.pages import found_rows, models_by_name
from warehouse.database import Connection

# What a sound warehouse does not have: panels about it are asked after it has happened.
EVENTS = """
insert into monitoring.heartbeats (beat_at, value, source) values (now(), 0.5, 'host:1');
insert into monitoring.runs (run_id, step, status, message, started_at, finished_at) values
(90, 'pipeline', 'failed', 'the disk is full', now() - interval '2 hours', now() - interval '1 hour'),
(90, 'ingest', 'failed', 'the disk is full', now() - interval '2 hours', now() - interval '1 hour'),
(91, 'pipeline', 'failed', 'monitoring.yml has changed', now() - interval '1 hour', now() - interval '1 hour'),
(92, 'pipeline', 'ok', '', now() - interval '30 minutes', now() - interval '20 minutes'),
(92, 'ingest', 'ok', '', now() - interval '29 minutes', now() - interval '25 minutes'),
(92, 'marts', 'ok', '', now() - interval '25 minutes', now() - interval '20 minutes'),
(93, 'pipeline', 'stopped', 'stopped by the user (Ctrl-C)', now() - interval '5 minutes', now());
delete from monitoring.ledger where step = 'metrics' and window_start = '2022-02-09 00:00-05';
create temp table earlier as
select * from marts.fct_model_performance where segment = 'all' and window_date = '2022-02-20';
update earlier set
    is_latest = false, as_of = as_of - interval '1 day', mae = mae + 1, label_count = 700, label_coverage = 0.5;
insert into marts.fct_model_performance select * from earlier;
insert into marts.fct_coarser_performance (
    window_date, window_start, window_end, granularity, model_version, model_spec, reference_id, as_of, is_latest,
    row_count, label_count, label_coverage, mae, bias, r2, status, dataset, run_id
)
select
    window_date, window_start, window_start + interval '7 days', 'week', model_version, model_spec, reference_id, as_of,
    is_latest, row_count, label_count, label_coverage, mae, bias, r2, status, dataset, run_id
from marts.fct_model_performance where segment = 'all' and window_date = '2022-02-14';
insert into marts.fct_confusion (
    window_date, window_start, window_end, model_version, model_spec, reference_id, evaluation_reference_id, as_of,
    actual, predicted, row_count, actual_count, share_of_actual, dataset, run_id
)
select
    window_date, window_start, window_end, model_version, model_spec, reference_id, evaluation_reference_id, as_of,
    'red', 'blue', 3, 10, 0.3, dataset, run_id
from marts.fct_model_performance where segment = 'all' and window_date = '2022-02-14';
insert into monitoring.metric_values (
    model_version, reference_id, window_start, window_end, granularity, layer, metric, column_name, method, segment_key,
    segment_value, value, threshold, alert, status, n_reference, n_current, run_id
)
select distinct on (subject)
    subject, part, timestamptz '2022-02-01 05:00+00', timestamptz '2022-03-01 05:00+00', 'month',
    'verification', 'stored_difference', 'trip_distance', 'wasserstein', '', '', 1e-15, 1e-9, false, 'ok', 9, 9, 92
from monitoring.ledger where step = 'metrics';
insert into marts.fct_custom_metrics (
    window_date, window_start, window_end, dataset, metric, segment_key, segment_value, value, status, row_count,
    origin, run_id
)
select
    window_date, window_start, window_end, dataset, 'mean_fare', segment.key, segment.value,
    case when segment.key = '' then 12.25 end, case when segment.key = '' then 'ok' else 'low_n' end, row_count,
    origin, 92
from marts.fct_daily_volume
cross join (values ('', ''), ('payment_type', '1')) as segment (key, value)
where dataset = 'green_trips';
update marts.fct_alert_conditions set level = 'warning'
where rule = 'missing_share' and named_column = 'trip_distance' and window_date = '2022-02-20';
"""


@pytest.fixture
def eventful_warehouse(monitored_warehouse: Connection) -> Connection:
    monitored_warehouse.execute(EVENTS.encode())
    return monitored_warehouse


@pytest.mark.parametrize("path", DASHBOARDS, ids=[path.stem for path in DASHBOARDS])
def test_every_query_gives_rows_of_the_right_types(eventful_warehouse: Connection, path: Path) -> None:
    dashboard = open_dashboard(path)
    with as_dashboard("dashboards") as connection:
        version = models_by_name(connection)["green_duration_hgb"]
        # A numerical column that an alert has found: every panel has something to show.
        dashboard.choose(connection, model_version=version, column="trip_distance")
        for title, form, sql in dashboard.queries():
            found = dashboard.run(connection, sql)
            assert found.rows, f"{title} is empty"
            if form == "time_series":
                _check_series(title, found.columns, found.rows)
        for panel in dashboard.panels():
            _check_figures(connection, dashboard, panel)


DATE = 1082
# Units that say by themselves how many decimals are of use.
TIMES = {"dateTimeAsIso", "dateTimeFromNow", "s", "d", "sci"}


def settings(panel: dict[str, Any], name: str) -> dict[str, Any]:
    """What holds for a field: the panel's defaults and the overrides that match it, as Grafana puts them together."""
    found: dict[str, Any] = dict(panel["fieldConfig"]["defaults"])
    for override in panel["fieldConfig"]["overrides"]:
        kind, options = override["matcher"]["id"], override["matcher"]["options"]
        if (kind == "byName" and options == name) or (kind == "byRegexp" and re.fullmatch(options, name)):
            found |= {one["id"]: one["value"] for one in override["properties"]}
    return found


# Of 1366 pixels a page has 1044 for 24 columns with the gaps beside them, Grafana docks its menu; 26 are a panel's gap,
# margins and scrollbar.
PIXELS, MARGINS = 1044 / 24, 26
KINDS = {20: "number", 21: "number", 23: "number", 25: "string", 701: "number", 1043: "string", 1700: "number"}


def _check_widths(panel: dict[str, Any], columns: list[tuple[str, int]]) -> None:
    """That a table's last column is seen on a small screen.

    Columns with a width have it, the others share what is left, and none of them gets less than its least width.
    """
    room = panel["gridPos"]["w"] * PIXELS - MARGINS
    fields = [field_of(panel, name, "UTC", KINDS.get(kind, "")).settings for name, kind in columns]
    shown = [field for field in fields if not field.get("custom.hidden")]
    widths = [field["custom.width"] for field in shown if "custom.width" in field]
    least = [field.get("custom.minWidth", 150) for field in shown if "custom.width" not in field]
    share = (room - sum(widths)) / max(len(least), 1)
    needed = sum(widths) + sum(max(share, one) for one in least)
    assert needed <= room + 1, f"{panel['title']}: its columns need {needed:.0f} pixels and have {room:.0f}"


def _check_figures(connection: Connection, dashboard: OpenDashboard, panel: dict[str, Any]) -> None:
    """That Grafana shows dates as dates, counts as counts, and names what are several."""
    title, clock = panel["title"], ZoneInfo(dashboard.timezone)
    cursor = connection.execute(dashboard.expand(panel["targets"][0]["rawSql"]).encode())
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    if panel["type"] == "table":
        _check_widths(panel, [(column.name, column.type_code) for column in cursor.description or []])
    figures = []
    for at, column in enumerate(cursor.description or []):
        # Grafana shows a date as its midnight by UTC: a chart stands under it, in a cell the time says nothing.
        assert column.type_code != DATE or column.name == "time", (
            f"{title}: {column.name} is a date, to be told by to_char"
        )
        values = [row[at] for row in rows if row[at] is not None]
        field = settings(panel, column.name)
        if panel["type"] == "table" and values and all(isinstance(value, datetime) for value in values):
            at_midnight = [value.astimezone(clock).time() == time() for value in values]
            assert not all(at_midnight), f"{title}: {column.name} is a day, and no midnight"
        if column.name == "time" or field.get("custom.hidden") or not values:
            continue
        if all(isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in values):
            figures.append(column.name)
            counts = all(float(value).is_integer() for value in values) and max(values) > 1
            if field["unit"] not in TIMES and (panel["type"] == "table" or counts):
                assert "decimals" in field, f"{title}: {column.name} has no decimals"
                if counts and "percent" not in field["unit"]:
                    assert field["decimals"] == 0, f"{title}: {column.name} is a count"
    if panel["type"] == "stat" and len(figures) > 1:
        assert panel["options"]["textMode"] == "value_and_name", f"{title}: {figures} have no names"


def _check_series(title: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    """As Grafana makes series of rows: a time, at most one text that names the series, numbers."""
    assert columns[0] == "time", title
    times = [row[0] for row in rows]
    assert all(isinstance(time, datetime) and time.tzinfo is not None for time in times), title
    assert times == sorted(times), title
    names = [name for name in columns if name == "metric"]
    for position, column in enumerate(columns[1:], start=1):
        kinds = (str,) if column in names else (Number, Decimal)
        values = [row[position] for row in rows if row[position] is not None]
        assert values, f"{title}: {column} has no value"
        assert all(isinstance(value, kinds) and not isinstance(value, bool) for value in values), (title, column)
    if names:
        keys = [(row[0], row[columns.index("metric")]) for row in rows]
        assert len(set(keys)) == len(keys), f"{title}: two values for one series at one time"


def test_a_categorical_column_can_be_looked_into(monitored_warehouse: Connection) -> None:
    dashboard = open_dashboard(ROOT / "grafana" / "dashboards" / "column.json")
    with as_dashboard("column") as connection:
        dashboard.choose(
            connection, model_version=models_by_name(connection)["green_duration_hgb"], column="pickup_location_id"
        )
        empty = {title for title, _, sql in dashboard.queries() if not dashboard.run(connection, sql).rows}
    # No quantiles of categories; and the rules with fixed levels found nothing in it.
    assert empty == {"Where do the values of ${column} lie?", "What did the rules find?"}


def test_both_pages_show_the_scores_of_all_rows(monitored_warehouse: Connection) -> None:
    with as_dashboard("segments") as connection:
        whole = found_rows(connection, "column", column="prediction")
        front_page = found_rows(connection, "model-monitoring")
    assert front_page["When did the prediction drift?"] == whole["When did ${column} pass its fixed threshold?"]
    assert len({row[1] for row in front_page["Which column drifted, and since when?"]}) == 7


def test_the_figure_that_stands_out_on_the_day_is_drawn_first(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute("update marts.fct_alarm_scores set threshold_ratio = 0.1, own_threshold_ratio = 0.1")
    dashboard = open_dashboard(ROOT / "grafana" / "dashboards" / "column.json")
    with as_dashboard("figure") as connection:
        dashboard.choose(connection, column="trip_distance")
        assert list(dashboard.options["statistic"])[:4] == [
            *("wasserstein", "jensenshannon", "missing_share", "unseen_share")
        ]
        day = dashboard.texts["day"]
    monitored_warehouse.execute(
        "update marts.fct_alarm_scores set threshold_ratio = 1.5, own_threshold_ratio = 1.5, score = 7, expected = 1, "
        "null_p01 = -1, null_p10 = 0, null_p90 = 2, null_p99 = 3 "
        "where window_date = %s and column_name = 'trip_distance' and statistic = 'mean'",
        [day],
    )
    with as_dashboard("figure") as connection:
        dashboard.choose(connection, column="trip_distance")
        assert dashboard.values["statistic"] == "mean"
        found = found_rows(connection, "column", column="trip_distance")
    assert found["Is ${statistic:text} of ${column} usual?"][-1][1:7] == (7, 1, -1, 3, 0, 2)
    assert found["Which figures of ${column} stood out on ${day:text}?"][0] == (1.5, "mean", 7, 1, -1, 0, 2, 3)


def test_rows_are_one_line_in_their_band_though_they_are_evaluated_both_ways(monitored_warehouse: Connection) -> None:
    with as_dashboard("rows") as connection:
        dashboard = open_dashboard(ROOT / "grafana" / "dashboards" / "column.json")
        dashboard.choose(connection, column="(table)", statistic="rows")
        found = {title: dashboard.run(connection, sql).rows for title, _, sql in dashboard.queries()}
    days = found["Is ${statistic:text} of ${column} usual?"]
    assert len(days) == len({day[0] for day in days}) > 20
    for _, _, usual, rare_below, rare_above, below, above, _ in days:
        assert rare_below < below < usual < above < rare_above
    figures = {row[1] for row in found["Which figures of ${column} stood out on ${day:text}?"]}
    assert {"rows", "rows, given the other columns"} <= figures


def test_the_rows_as_a_whole_have_a_page_without_empty_panels(monitored_warehouse: Connection) -> None:
    with as_dashboard("table") as connection:
        dashboard = open_dashboard(ROOT / "grafana" / "dashboards" / "column.json")
        dashboard.choose(connection)
        (day,) = [value for value, text in dashboard.options["day"].items() if text == "2022-02-16"]
        found = found_rows(connection, "column", column="(table)", day=day)
    assert [title for title, rows in found.items() if not rows] == []
    moved = found["What moved on ${day:text}?"]
    assert len(moved) == 12
    assert len({label.split(" ")[0] for label, *_ in moved}) > 1, "of several columns"
    commands = {row[2] for row in found["How do I see the rows of an incident?"]}
    assert any("copies > 1" in command and command.startswith("make sql SQL='") for command in commands)


def test_the_command_that_shows_the_rows_of_an_incident_runs_nothing_of_a_value(
    monitored_warehouse: Connection, tmp_path: Path
) -> None:
    query = f"select * from \"a b\" where x = '$(touch {tmp_path}/pasted)`id`\\ it''s' limit 100"
    monitored_warehouse.execute("alter table monitoring.incidents disable trigger append_only")
    monitored_warehouse.execute("update monitoring.incidents set rows_query = %s where column_name = ''", [query])
    with as_dashboard("paste") as connection:
        commands = {
            row[2]
            for row in found_rows(connection, "column", column="(table)")["How do I see the rows of an incident?"]
        }
    for command in commands:
        pasted = subprocess.run(
            ["bash", "-c", f'make() {{ printf %s "$2"; }}; {command}'], capture_output=True, text=True, check=True
        )
        assert pasted.stdout == f"SQL={query}"
    assert commands
    assert list(tmp_path.iterdir()) == []


def test_a_column_that_a_broken_one_makes_look_wrong_is_not_red(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute(
        "update marts.fct_alarm_scores set threshold_ratio = 4.9, own_threshold_ratio = 0.1 "
        "where window_date = '2022-02-03' and column_name = 'pickup_location_id'"
    )
    with as_dashboard("grid") as connection:
        grid = found_rows(connection, FRONT_PAGE)["Which column is not as usual, and since when?"]
    cells = {name: value for day, name, value in grid if f"{day:%Y-%m-%d}" == "2022-02-03"}
    assert cells["pickup_location_id"] == pytest.approx(0.1)
    assert cells["passenger_count"] > 1


def test_what_moved_has_rows_before_and_after(monitored_warehouse: Connection) -> None:
    with as_dashboard("moved") as connection:
        dashboard = open_dashboard(ROOT / "grafana" / "dashboards" / "column.json")
        dashboard.choose(connection)
        (day,) = [value for value, text in dashboard.options["day"].items() if text == "2022-02-21"]
        found = found_rows(connection, "column", column="pickup_location_id", day=day)
    label, change, before, after, rows_before, rows_after = found["What moved on ${day:text}?"][0]
    assert (label, after, rows_after) == ("75", 0, 0)
    assert change == -before
    assert rows_before > 1000


def test_a_warehouse_without_decisions_has_pages_all_the_same(monitored_warehouse: Connection) -> None:
    for mart in ("fct_alarm_scores", "fct_day_alarms"):
        monitored_warehouse.execute(f"delete from marts.{mart}".encode())
    with as_dashboard("no decisions") as connection:
        column = found_rows(connection, "column", column="trip_distance")
        front_page = found_rows(connection, FRONT_PAGE)
    assert column["Is ${statistic:text} of ${column} usual?"] == []
    assert column["How does ${column} on ${day:text} compare with the reference?"]
    ((verdict, *_),) = front_page["Is all well?"]
    assert verdict == "Critical", "what is open stays open"


def test_groups_of_few_rows_have_words_in_place_of_figures(monitored_warehouse: Connection) -> None:
    with as_dashboard("groups") as connection:
        found = found_rows(connection, "segments", segment_key="pickup_borough")
    groups = {row[0]: row[1:] for row in found["Who is worst off in this time range?"]}
    assert groups["Staten Island"][:3] == (None, None, None)
    assert groups["Staten Island"][4] == "too few rows"
    assert groups["Manhattan"][1] > 0
    drift = {
        row[2] for row in found["For which group did the prediction drift, and when?"] if row[1] == "Staten Island"
    }
    assert drift == {-1}


def test_what_explains_a_change_adds_up_to_it(monitored_warehouse: Connection) -> None:
    with as_dashboard("change") as connection:
        found = found_rows(connection, "segments", segment_key="payment_type")
    change, *groups = found["What explains the change on ${day:text}?"]
    assert change[0] == "all groups: the change"
    for column in range(1, 6):
        assert sum(row[column] for row in groups) == pytest.approx(float(change[column]))
    last = found["Did other groups come, or did groups get worse?"][-1]
    assert last[1] + last[2] == pytest.approx(change[1])


def test_days_with_concept_drift_are_marked(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute("update marts.fct_concept_drift set is_drifted = window_date = '2022-02-08'")
    with as_dashboard("concept drift") as connection:
        found = found_rows(connection, "performance")
    marked = {(row[1], f"{row[0]:%Y-%m-%d}") for row in found["Could that be chance?"] if "drift" in row[1]}
    assert marked == {("day with concept drift", "2022-02-08")}
    assert found["Days of concept drift?"] == [(1, 27)], "of the days that were tested; one has no trips"


def test_a_day_with_few_labels_is_not_held_against_its_estimate(monitored_warehouse: Connection) -> None:
    with as_dashboard("estimates") as connection:
        before = found_rows(connection, "performance")
    assert before["Was it as estimated?"] != [("worse than estimated",)]
    monitored_warehouse.execute(
        "update marts.fct_estimate_quality set realised = upper_bound + 9, comparison_status = 'few_labels' "
        "where window_date = '2022-02-28'"
    )
    with as_dashboard("estimates") as connection:
        found, front = found_rows(connection, "performance"), found_rows(connection, "model-monitoring")
    assert found["Was it as estimated?"] in ([("as estimated",)], [("better than estimated",)])
    assert found["Is the loss what was estimated?"][-1][-1] is None
    for rows in (found["How far off were the estimates?"], front["Is the model as good as estimated?"]):
        assert f"{rows[-1][0]:%Y-%m-%d}" == "2022-02-27"


def test_a_name_with_a_quote_does_not_end_the_query(monitored_warehouse: Connection) -> None:
    dashboard = open_dashboard(ROOT / "grafana" / "dashboards" / "column.json")
    with as_dashboard("column") as connection:
        dashboard.choose(connection, column="it's", segment="'; drop schema marts; --")
        for _, _, sql in dashboard.queries():
            dashboard.run(connection, sql)


def panel_rows(uid: str, title: str) -> list[tuple[Any, ...]]:
    dashboard = open_dashboard(ROOT / "grafana" / "dashboards" / f"{uid}.json")
    with as_dashboard("panel") as connection:
        dashboard.choose(connection)
        (sql,) = [sql for name, _, sql in dashboard.queries() if name == title]
        return dashboard.run(connection, sql).rows


def test_every_failed_run_is_listed_and_counted(eventful_warehouse: Connection) -> None:
    failed = [(row[4], row[1]) for row in panel_rows("pipeline-health", "What failed, and why?")]
    assert failed == [(91, "pipeline"), (90, "ingest")]
    assert panel_rows("pipeline-health", "How many runs failed?") == [(2,)]


def test_the_stages_of_a_run_stand_on_each_other(eventful_warehouse: Connection) -> None:
    runs: dict[datetime, dict[str, float]] = {}
    for started, name, seconds in panel_rows("pipeline-health", "How long does each stage take?"):
        runs.setdefault(started, {})[name] = round(float(seconds))
    assert {"ingest": 240, "marts": 300} in runs.values()
    assert sorted(len(stages) for stages in runs.values()) == [1, 2, 10]
