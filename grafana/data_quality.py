"""Data quality: what was kept out, what is missing, what did not come, and what the tests say."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders

from grafana import parts
from grafana.front_page import NO_TRIPS, model_choices
from grafana.house import House, steps, to_column
from grafana.names import DATA_QUALITY
from grafana.parts import BLUE, GREEN, GREY, ORANGE, RED, About, Query, styled

NOTHING_LOADED = "Nothing is loaded: run `make pipeline`"
NOT_TESTED = 'No test has run yet: `make dbt ARGS="test"`, or `make pipeline`'


def data_quality(house: House) -> builders.Dashboard:
    """Rejections, missing values, volume, freshness and dbt's tests."""
    board = parts.page(
        DATA_QUALITY,
        "Data quality",
        "Can the data be trusted? Rejections, missing values, volume, freshness, test results.",
        house.days,
        house.timezone,
    )
    model_version, _ = model_choices(house)
    board.with_variable(model_version)
    for panel in (*_headlines(house), *_days(house), *_tables(house)):
        board.with_panel(panel)
    return board


def _headlines(house: House) -> list[parts.AnyPanel]:
    sql, alerts = house.sql("data_quality"), house.monitoring.alerts
    age = About(
        "When did data last arrive?",
        "Days since a file was loaded, whatever month it is of. The publisher issues a month about two months after "
        "its end; the levels are in monitoring.yml.",
        "d",
        no_data=NOTHING_LOADED,
        thresholds=steps(alerts.stale_data),
        decimals=1,
    )
    tests = About(
        "How many tests fail?",
        "dbt tests whose latest result is a failure or an error; the table below names them.",
        "none",
        no_data=NOT_TESTED,
        thresholds=((None, GREEN), (1, RED)),
    )
    rejected = About(
        "How much was rejected?",
        "Rejected trips / all trips of the latest day.",
        "percentunit",
        thresholds=steps(alerts.rejected_share),
        decimals=2,
        no_value=NO_TRIPS,
    )
    volume = About(
        "Did as much come as usual?",
        "Trips of the latest day / median of the same weekday in the eight weeks before. No figure before three such "
        "weekdays are there.",
        "percentunit",
        thresholds=(
            (None, RED),
            (1 / alerts.volume.critical, ORANGE),
            (1 / (alerts.volume.warning or alerts.volume.critical), GREEN),
            (alerts.volume.warning or alerts.volume.critical, ORANGE),
            (alerts.volume.critical, RED),
        ),
        decimals=0,
        no_value="no usual yet",
    )
    return [
        parts.headline(age, sql["days_since_load"], width=6, spark=False),
        parts.headline(tests, sql["failing_tests"], width=6, spark=False),
        parts.headline(rejected, sql["rejected_share"], width=6),
        parts.headline(volume, sql["volume_ratio"], width=6),
    ]


def _days(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("data_quality")
    rejected = About(
        "Which rules rejected trips each day?",
        "Rejected trips by the first rule that rejected them. A trip outside the month of its file belongs to no day "
        "and is not counted here.",
        "short",
        minimum=0,
    )
    volume = About(
        "Did as many trips come as usual?",
        "Accepted trips per day, beside the median of the same weekday in the eight weeks before.",
        "short",
        minimum=0,
    )
    volume_panel = parts.bars(volume, [Query(sql["volume"], "time_series")], stacked=False)
    usual = styled(color=parts.colored(GREY), custom__drawStyle="line", custom__lineWidth=2, custom__fillOpacity=0)
    volume_panel.override_by_name("usual for the weekday", usual)
    volume_panel.override_by_name("trips", styled(color=parts.colored(BLUE)))
    missing = About(
        "Which column is missing values, and since when?",
        "Missing values / rows, per column and day. The darker, the more is missing.",
        "percentunit",
        minimum=0,
        decimals=1,
    )
    heat = parts.heat(missing, sql["missing_by_column"])
    heat.data_links([parts.link("Open the column", to_column("${__field.name}", day=False))])
    return [parts.bars(rejected, [Query(sql["rejected_by_rule"], "time_series")], stacked=True), volume_panel, heat]


def _tables(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("data_quality")
    tests = About(
        "What do the tests say?",
        "The latest result of every dbt test, failures first, with the number of rows that it found. "
        "`make dbt ARGS='test --store-failures'` keeps those rows.",
        "short",
        no_data=NOT_TESTED,
    )
    tests_panel = parts.rows(tests, sql["tests"], height=10)
    colors = parts.color_words({"pass": GREEN, "warn": ORANGE, "fail": RED, "error": RED, "skipped": GREY})
    tests_panel.override_by_name("status", parts.colored_words(colors))
    tests_panel.override_by_name("tested", styled(unit="dateTimeAsIso"))
    tests_panel.override_by_name("seconds", styled(unit="s"))
    reasons = About(
        "Why were trips rejected?",
        "Rejected trips of the time range by rule, with the reason; the rules are a seed of the dbt project.",
        "short",
    )
    files = About(
        "Which files are loaded?",
        "The current load of every month: where it came from, what became of its rows, and its sha256.",
        "short",
        no_data=NOTHING_LOADED,
    )
    files_panel = parts.rows(files, sql["files"], width=14)
    files_panel.override_by_name("loaded", styled(unit="dateTimeAsIso"))
    return [tests_panel, parts.rows(reasons, sql["reasons"], width=10), files_panel]
