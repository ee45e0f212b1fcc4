"""Column drill-down: one column over time, and one day of it against the reference."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common

from grafana import parts
from grafana.front_page import model_choices
from grafana.house import COLUMN, House, steps, to_column
from grafana.parts import BLUE, GREEN, ORANGE, RED, YELLOW, About, Query, styled

NO_QUANTILES = "No quantiles: the column is categorical, or empty in this time range"
NO_DAY = "Choose a day above; a day without trips has no distribution"
COMMAND = """\
Evidently's own report of this day, from the same rows and rules as the figures here:

```
make report DAY=${day:text} MODEL=${model_version}
```
"""


def column(house: House) -> builders.Dashboard:
    """Score, missing values, quantiles, and a day's distribution beside the reference's."""
    board = parts.page(
        COLUMN,
        "Column drill-down",
        "One column of one model: since when is it different, and how?",
        house.days,
        house.timezone,
    )
    sql = house.sql("column")
    model_version, _ = model_choices(house)
    board.with_variable(model_version)
    board.with_variable(parts.choice("column", "Column", "The column that is looked at.", sql["columns"]))
    board.with_variable(
        parts.choice("segment", "Segment", "Part of the trips that the drift score is shown for.", sql["segments"])
    )
    days = parts.choice("day", "Day", "The day that is held against the reference.", sql["days"], each_range=True)
    board.with_variable(days)
    for panel in (*_over_time(house), *_one_day(house)):
        board.with_panel(panel)
    return board


def _over_time(house: House) -> list[parts.AnyPanel]:
    sql, alerts = house.sql("column"), house.monitoring.alerts
    drift = About(
        "Since when has ${column} drifted?",
        "Drift score per day, with the threshold of its method. A distance drifts at or above it, a p-value below it. "
        "A click on a day shows its distribution below.",
        "short",
        minimum=0,
        decimals=3,
    )
    drift_panel = parts.lines(drift, [Query(sql["drift"], "time_series")], width=16)
    drift_panel.override_by_name("threshold", parts.dashed(YELLOW))
    drift_panel.data_links(
        [
            parts.link(
                "Show this day below", f"{to_column('${column}', day=True)}&var-segment=${{segment:percentencode}}"
            )
        ]
    )
    missing = About(
        "How much of ${column} is missing?",
        "Missing values / rows of the day, of all trips. The alert's levels are in monitoring.yml.",
        "percentunit",
        thresholds=steps(alerts.missing_share),
        minimum=0,
        decimals=1,
    )
    ribbon = About(
        "Where do the values of ${column} lie?",
        "Quantiles per day, of all trips: the median as a line, the middle half dark, 90 % light, the 1st and the 99th "
        "percentile as dashes.",
        "short",
        no_data=NO_QUANTILES,
    )
    ribbon_panel = parts.lines(ribbon, [Query(sql["quantiles"], "time_series")], width=16)
    ribbon_panel.show_points(common.VisibilityMode.NEVER)
    for name in ("p01", "p99"):
        ribbon_panel.override_by_name(name, parts.dashed(parts.GREY))
    for low, high, opacity in (("p05", "p95", 15), ("p25", "p75", 35)):
        blue = parts.colored(BLUE)
        ribbon_panel.override_by_name(low, styled(color=blue, custom__lineWidth=0))
        ribbon_panel.override_by_name(
            high, styled(color=blue, custom__lineWidth=0, custom__fillBelowTo=low, custom__fillOpacity=opacity)
        )
    ribbon_panel.override_by_name("p50", styled(color=parts.colored(BLUE), custom__lineWidth=2))
    unexpected = About(
        "How much lies outside the reference?",
        "Share of rows below or above every value of the reference, in categories that it does not have, and in its "
        "rarer categories.",
        "percentunit",
        minimum=0,
        decimals=2,
    )
    return [
        drift_panel,
        parts.lines(missing, [Query(sql["missing"], "time_series")], width=8),
        ribbon_panel,
        parts.lines(unexpected, [Query(sql["unexpected"], "time_series")], width=8),
    ]


def _one_day(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("column")
    that_day = About(
        "What do the figures say of ${column} on ${day:text}?",
        "The stored score with its method and threshold, and the run that computed it. A status other than ok says why "
        "there is no score.",
        "short",
        no_data=NO_DAY,
    )
    figures = parts.rows(that_day, sql["that_day"], width=16, height=4)
    figures.override_by_name("missing", styled(unit="percentunit"))
    figures.override_by_name("status", styled(mappings=parts.color_words({"ok": GREEN, "error": RED})))
    distribution = About(
        "How does ${column} on ${day:text} compare with the reference?",
        "Share of rows by value, of all trips, side by side. The bins are frozen from the quantiles or the most "
        "frequent categories of the reference; what lies outside and what is missing are bins of their own.",
        "percentunit",
        no_data=NO_DAY,
        minimum=0,
    )
    bars = parts.categories(distribution, sql["distribution"], x="value", width=14, height=11)
    bars.override_by_name("that day", styled(color=parts.colored(ORANGE)))
    bars.override_by_name("reference", styled(color=parts.colored(BLUE)))
    moved = About(
        "Which values moved most?",
        "Categories or ranges by the difference of their shares, the largest first.",
        "percentunit",
        no_data=NO_DAY,
        decimals=2,
    )
    table = parts.rows(moved, sql["most_moved"], width=10, height=11)
    table.override_by_name("rows that day", styled(unit="short"))
    conditions = About(
        "What did the rules find?",
        "Days of this column past a level of an alert rule. An alert opens and is resolved by the days that the rule "
        "in monitoring.yml asks for.",
        "short",
        no_data="No rule found anything in this column in this time range",
    )
    found = parts.rows(conditions, sql["conditions"], height=7)
    found.override_by_name("level", parts.colored_words(parts.SEVERITIES))
    return [
        figures,
        parts.words("How do I see all of this day?", "The command for the library's own report.", COMMAND, 8, 4),
        bars,
        table,
        found,
    ]
