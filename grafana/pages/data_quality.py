"""Data quality: what was kept out, what is missing, what did not come, and what the tests say."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders

from config.alert_levels import Levels
from core.advice import Advice
from grafana import parts
from grafana.house import CLOCK_OF_DAYS, House, steps, to_column
from grafana.names import DATA_QUALITY
from grafana.pages.front_page import model_choices
from grafana.parts import BLUE, GREEN, GREY, ORANGE, RED, About, Query, styled

SECONDS_OF_A_DAY = 86400
NOTHING_LOADED = f"Nothing is loaded: {Advice.UPDATE}"
NOTHING_REJECTED = "No row was rejected in this time range, or none came"
NOT_TESTED = f"No test has run yet: {Advice.UPDATE}"


def data_quality(house: House) -> builders.Dashboard:
    """Rejections, missing values, volume, freshness and dbt's tests."""
    board = parts.page(
        DATA_QUALITY,
        "Data quality",
        "Can the data be trusted? Rejections, missing values, volume, freshness, test results.",
        house.days,
        CLOCK_OF_DAYS,
    )
    for variable in model_choices(house):
        board.with_variable(variable)
    for panel in (*_headlines(house), *_days(house), *_tables(house)):
        board.with_panel(panel)
    return board


def _headlines(house: House) -> list[parts.AnyPanel]:
    sql, alerts = house.sql("data_quality"), house.rules.alerts
    age = About(
        "When did data come?",
        "Time since a file was loaded, whatever days it is of. How often one is due is the source's affair: the "
        "levels are in monitoring.yml.",
        "s",
        no_data=NOTHING_LOADED,
        thresholds=tuple((days and days * SECONDS_OF_A_DAY, color) for days, color in steps(alerts.stale_data)),
        decimals=1,
    )
    tests = About(
        "How many tests fail?",
        "dbt tests whose latest result is a failure or an error; the table below names them.",
        "none",
        no_data=NOT_TESTED,
        thresholds=parts.counted(RED),
        decimals=0,
    )
    rejected = About(
        "How much was rejected?",
        "Rejected rows / all rows of the latest day.",
        "percentunit",
        thresholds=steps(alerts.rejected_share),
        decimals=2,
    )
    volume = About(
        "Is it as much as usual?",
        "Rows of the latest day / median of the same weekday in the eight weeks before. No figure before three such "
        "weekdays are there.",
        "percentunit",
        thresholds=(
            (None, GREY),
            (0, RED),
            (1 / alerts.volume.critical, ORANGE),
            (1 / (alerts.volume.warning or alerts.volume.critical), GREEN),
            (alerts.volume.warning or alerts.volume.critical, ORANGE),
            (alerts.volume.critical, RED),
        ),
        decimals=0,
    )
    return [
        parts.headline(age, sql["since_load"], width=6, height=4, spark=False),
        parts.headline(tests, sql["failing_tests"], width=6, height=4, spark=False),
        parts.headline(rejected, sql["rejected_share"], width=6, height=4),
        parts.headline(volume, sql["volume_ratio"], width=6, height=4),
    ]


def _days(house: House) -> list[parts.AnyPanel]:
    sql, alerts = house.sql("data_quality"), house.rules.alerts
    rejected = About(
        "Which rules rejected rows each day?",
        "Rejected rows by the first rule that rejected them. A row outside the days of its file belongs to no day "
        "and is not counted here.",
        "locale",
        no_data=NOTHING_REJECTED,
        minimum=0,
        decimals=0,
    )
    volume = About(
        "Did as many rows come as usual?",
        "Accepted rows per day, beside the median of the same weekday in the eight weeks before.",
        "locale",
        minimum=0,
        decimals=0,
    )
    volume_panel = parts.bars(volume, [Query(sql["volume"], "time_series")], stacked=False)
    usual = styled(color=parts.colored(GREY), custom__drawStyle="line", custom__lineWidth=2, custom__fillOpacity=0)
    volume_panel.override_by_name("usual for the weekday", usual)
    volume_panel.override_by_name("rows", styled(color=parts.colored(BLUE)))
    missing = About(
        "Which column is missing values, and since when?",
        "Missing values / rows, per column and day, coloured by the levels of missing_share (monitoring.yml): orange "
        "from the warning on, red from the critical one, yellow from half the lower one. A column may have levels of "
        "its own, which are not drawn. A click opens the column on that day.",
        "percentunit",
        thresholds=missing_steps(alerts.missing_share),
        decimals=1,
    )
    grid = parts.grid(missing, sql["missing_by_column"])
    grid.data_links([parts.link("Open ${__field.name} on this day", to_column("${__field.name}", day=True))])
    return [parts.bars(rejected, [Query(sql["rejected_by_rule"], "time_series")], stacked=True), volume_panel, grid]


def missing_steps(levels: Levels) -> tuple[parts.Step, ...]:
    """Colours of shares of missing values."""
    return steps(levels, look=(levels.warning or levels.critical) / 2)


def _tables(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("data_quality")
    tests = About(
        "What do the tests say?",
        "The latest result of every dbt test, failures first, with the number of rows that it found. "
        "dbt's `test --store-failures` keeps those rows.",
        "short",
        no_data=NOT_TESTED,
    )
    tests_panel = parts.rows(tests, sql["tests"], height=10)
    colors = parts.color_words({"pass": GREEN, "warn": ORANGE, "fail": RED, "error": RED, "skipped": GREY})
    tests_panel.override_by_name("status", [*parts.colored_words(colors), *styled(custom__width=75)])
    tests_panel.override_by_name("test", parts.wrapped(custom__width=330))
    tests_panel.override_by_name("message", parts.wrapped(custom__minWidth=120))
    tests_panel.override_by_name("table", styled(custom__width=170))
    tests_panel.override_by_name("failing rows", parts.COUNT)
    tests_panel.override_by_name("tested, UTC", styled(unit="dateTimeAsIso", custom__width=160))
    tests_panel.override_by_name("seconds", styled(unit="s", decimals=2, custom__width=85))
    reasons = About(
        "Why were rows rejected?",
        "Rejected rows of the time range by rule, with the reason.",
        "short",
        no_data=NOTHING_REJECTED,
    )
    files = About(
        "Which files are loaded?",
        "The current load of every part of the dataset: where it came from, what became of its rows, and its sha256.",
        "short",
        no_data=NOTHING_LOADED,
    )
    files_panel = parts.rows(files, sql["files"], height=6)
    files_panel.override_by_regexp("rows|accepted|rejected|outside their days", parts.COUNT)
    files_panel.override_by_name("loaded, UTC", styled(unit="dateTimeAsIso", custom__width=155))
    files_panel.override_by_name("location", parts.wrapped(custom__minWidth=210))
    files_panel.override_by_name("sha256", styled(custom__width=110))
    files_panel.override_by_regexp("month|origin|accepted", styled(custom__width=85))
    reasons_panel = parts.rows(reasons, sql["reasons"], height=6)
    reasons_panel.override_by_name("reason", parts.wrapped(custom__minWidth=180))
    reasons_panel.override_by_name("rejected rows", [*parts.COUNT, *styled(custom__width=105)])
    return [tests_panel, reasons_panel, files_panel]
