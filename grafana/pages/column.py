"""Column drill-down: one column over time, and one day of it against the reference."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common

from core.advice import Advice
from grafana import parts
from grafana.house import CLOCK_OF_DAYS, WATCH, House, steps, to_column
from grafana.names import COLUMN
from grafana.pages.front_page import model_choices
from grafana.pages.incidents import NOT_EVALUATED, incidents_table, ratio_area
from grafana.parts import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, About, Query, styled

NO_QUANTILES = "No quantiles: the column is categorical, or empty in this time range"
NO_STOCK_SCORE = "No score in this time range: choose another one, or another column"
NO_DAY = "Choose a day with rows above"
NO_COLUMN = f"Nothing here: choose another column, or {parts.OTHER_DAYS}"
COLORED_FIGURE = {"type": "color-text"}
COMMAND = f"""\
For Evidently's own report of this day, from the same rows and rules as the figures here,
{Advice.REPORT} (day=${{day:text}}, model=${{model_version}}).
"""


def column(house: House) -> builders.Dashboard:
    """A figure in its band, incidents, quantiles, a day's distribution beside the reference's, Evidently's score."""
    board = parts.page(
        COLUMN,
        "Column drill-down",
        "One column of one model: since when is it not as usual, and how?",
        house.days,
        CLOCK_OF_DAYS,
    )
    sql = house.sql("column")
    for variable in model_choices(house):
        board.with_variable(variable)
    board.with_variable(parts.choice("column", "Column", "The column that is looked at.", sql["columns"]))
    days = parts.choice("day", "Day", "The day that is held against the reference.", sql["days"], each_range=True)
    board.with_variable(days)
    figure = "The figure of the column that is drawn in its band."
    board.with_variable(parts.choice("statistic", "Figure", figure, sql["statistics"], each_range=True))
    return parts.place(
        board,
        (
            *_evaluated(house),
            *_over_time(house),
            *_one_day(house),
            parts.section("What does Evidently's score say of ${column}, uncalibrated?"),
            *_stock_flag(house),
        ),
    )


def _evaluated(house: House) -> list[parts.AnyPanel]:
    sql, levels = house.sql("column"), house.rules.alerts.incident
    ratios = steps(levels, look=WATCH)
    band = About(
        "Is ${statistic:text} of ${column} usual?",
        "The figure per day inside what held-out reference days showed of it: the median for the weekday, and the "
        "two bands that one day in ten and one in a hundred goes beyond, on either side; of a distance above only. "
        "Large points: days that fire and name this column; they may do so for another of its figures, or for what "
        "this one is given the other columns. A click on a day shows it.",
        "short",
        no_data=NOT_EVALUATED,
        decimals=3,
    )
    band_panel = parts.lines(band, [Query(sql["band"], "time_series")], width=10, height=10)
    for days, opacity in ((100, 15), (10, 30)):
        beyond = f"1 day in {days} goes beyond"
        parts.as_band(band_panel, f"from, {beyond}", beyond, BLUE, opacity)
    band_panel.override_by_name("usual", styled(color=parts.colored(BLUE), custom__lineWidth=1))
    band_panel.override_by_name("score", styled(color=parts.colored(GREY)))
    band_panel.override_by_name("firing day", parts.marks(ORANGE))
    band_panel.data_links([parts.link("Show this day", to_column("${column}", day=True))])
    figures = About(
        "Which figures of ${column} stood out on ${day:text}?",
        "Every figure of the column that decides on the day, the worst first, and what one usual day in ten and in "
        "a hundred goes beyond, both sides together. The ratio is in multiples of the day's threshold; where "
        "another column fires, no more than the figure is by itself.",
        "short",
        no_data="Not evaluated on this day: choose another one above",
        decimals=3,
    )
    figures_panel = parts.rows(figures, sql["figures"], width=14, height=10)
    figures_panel.override_by_field_type("number", styled(custom__width=60))
    figures_panel.override_by_name("figure", parts.wrapped(custom__minWidth=135))
    figures_panel.override_by_name(
        "ratio",
        styled(
            unit="suffix:x",
            decimals=2,
            thresholds=parts.thresholds(ratios),
            custom__cellOptions=COLORED_FIGURE,
            custom__width=75,
        ),
    )
    ratio = About(
        "Since when has ${column} not been as usual?",
        "The worst of the column's figures per day, in multiples of the day's calibrated threshold: at 1 a day fires, "
        "the background is orange, from the incidents' critical level on red. Above 1 the axis is logarithmic. Large "
        "points: days that fire and name this column.",
        "suffix:x",
        no_data=NOT_EVALUATED,
        thresholds=ratio_area(levels.critical),
        minimum=0,
        decimals=2,
    )
    ratio_panel = parts.lines(ratio, [Query(sql["ratio"], "time_series")], width=16)
    ratio_panel.override_by_name("times the threshold", styled(color=parts.colored(BLUE)))
    parts.beyond_one(ratio_panel)
    ratio_panel.override_by_name("firing day", parts.marks(ORANGE))
    ratio_panel.data_links([parts.link("Show this day", to_column("${column}", day=True))])
    return [band_panel, figures_panel, ratio_panel]


def _over_time(house: House) -> list[parts.AnyPanel]:
    sql, alerts = house.sql("column"), house.rules.alerts
    incidents = About(
        "Which incidents of ${column} are there?",
        "Open ones, and those that fired in the time range, of the chosen model or of an input that models share. What "
        "moved compares the day that raised one with the days before.",
        "none",
        no_data="No incident of this column is open, and none fired in this time range",
    )
    missing = About(
        "How much of it is missing?",
        "Missing values / rows of the day, of all segments; of the rows as a whole that of the column that lacks most. "
        "The alert's levels are in monitoring.yml.",
        "percentunit",
        no_data=NO_COLUMN,
        thresholds=steps(alerts.missing_share),
        minimum=0,
        decimals=1,
    )
    ribbon = About(
        "Where do the values of ${column} lie?",
        "Quantiles per day, of all segments: the median as a line, the middle half dark, 90 % light, the 1st and the "
        "99th percentile as dashes. Of the rows as a whole: how many there are, and how many the weekday usually has.",
        "short",
        no_data=NO_QUANTILES,
    )
    ribbon_panel = parts.lines(ribbon, [Query(sql["quantiles"], "time_series")], width=16)
    ribbon_panel.show_points(common.VisibilityMode.NEVER)
    for name in ("p01", "p99"):
        ribbon_panel.override_by_name(name, parts.dashed(parts.GREY))
    for low, high, opacity in (("p05", "p95", 15), ("p25", "p75", 35)):
        parts.as_band(ribbon_panel, low, high, BLUE, opacity)
    ribbon_panel.override_by_name("p50", styled(color=parts.colored(BLUE), custom__lineWidth=2))
    unexpected = About(
        "How much lies outside the reference?",
        "Share of rows below or above every value of the reference, in categories that it does not have, and in its "
        "rarer categories. Of the rows as a whole: rejected ones / all, and copies / accepted ones.",
        "percentunit",
        no_data=NO_COLUMN,
        minimum=0,
        decimals=2,
    )
    statements = About(
        "How do I see the rows of an incident?",
        "A command for each incident above, to be copied: it prints rows of what grew most, of a level that vanished "
        "the last ones, of copies all that have one (docs/reference/alerts.md).",
        "none",
        no_data="No incident of this column is open, and none fired in this time range",
    )
    statements_panel = parts.rows(statements, sql["statements"], height=5)
    statements_panel.override_by_name("incident", styled(custom__width=90))
    statements_panel.override_by_name("command", parts.wrapped(custom__inspect=True))
    return [
        parts.lines(missing, [Query(sql["missing"], "time_series")], width=8),
        incidents_table(incidents, sql["incidents"], height=6),
        statements_panel,
        ribbon_panel,
        parts.lines(unexpected, [Query(sql["unexpected"], "time_series")], width=8),
    ]


def _one_day(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("column")
    distribution = About(
        "How does ${column} on ${day:text} compare with the reference?",
        "Share of rows by value, of all segments, side by side. The bins are frozen from the quantiles or the most "
        "frequent categories of the reference; what lies outside and what is missing are bins of their own. "
        "Of the rows as a whole: the bins of all columns that moved most.",
        "percentunit",
        no_data=NO_DAY,
        minimum=0,
    )
    bars = parts.categories(distribution, sql["distribution"], x="value", width=14, height=11)
    bars.axis_width(60)
    bars.override_by_name("that day", styled(color=parts.colored(ORANGE)))
    bars.override_by_name("reference", styled(color=parts.colored(BLUE)))
    moved = About(
        "What moved on ${day:text}?",
        "Categories or ranges by the change of their share against the model's reference, the largest first, with "
        "their rows in the reference and on the day. What moved of an incident, above, is against the days before it.",
        "percentunit",
        no_data=NO_DAY,
        decimals=1,
    )
    table = parts.rows(moved, sql["moved"], width=10, height=11)
    table.override_by_field_type("number", styled(custom__width=57))
    table.override_by_name("change", styled(custom__width=66))
    table.override_by_name("value", parts.wrapped(custom__minWidth=115))
    table.override_by_regexp("rows .*", parts.COUNT)
    conditions = About(
        "What did the rules find?",
        "Days of this column past a fixed level of a rule. An alert opens and is resolved by the days that the rule "
        "in monitoring.yml asks for.",
        "short",
        no_data="No rule found anything in this column in this time range",
        decimals=3,
    )
    found = parts.rows(conditions, sql["conditions"], height=7)
    found.override_by_name("level", [*parts.colored_words(parts.SEVERITIES), *styled(custom__width=80)])
    found.override_by_name("found", parts.wrapped(custom__minWidth=260))
    return [bars, table, found]


def _stock_flag(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("column")
    drift = About(
        "When did ${column} pass its fixed threshold?",
        "Evidently's drift score of all rows per day, with the threshold of its method; groups have theirs on the page "
        "Segments and fairness. A distance drifts at or above it, a "
        "p-value below it. Of the rows as a whole: the share of columns that drifted. A click on a day shows its "
        "distribution above.",
        "short",
        no_data=NO_STOCK_SCORE,
        minimum=0,
        decimals=3,
    )
    drift_panel = parts.lines(drift, [Query(sql["drift"], "time_series")], width=24)
    drift_panel.override_by_name("threshold", parts.dashed(YELLOW))
    drift_panel.data_links([parts.link("Show this day below", to_column("${column}", day=True))])
    that_day = About(
        "What do the figures say of ${column} on ${day:text}?",
        "The stored score with its method and threshold, and the run that computed it. A status other than ok says why "
        "there is no score.",
        "short",
        no_data=NO_DAY,
        decimals=3,
    )
    figures = parts.rows(that_day, sql["that_day"], height=4)
    figures.override_by_name("day", styled(custom__width=parts.NAMED_DAY))
    figures.override_by_name("threshold", styled(custom__width=90))
    figures.override_by_name("missing", styled(unit="percentunit", decimals=1))
    figures.override_by_regexp("values|distinct|run", styled(decimals=0))
    figures.override_by_name("status", styled(mappings=parts.color_words({"ok": GREEN, "error": RED})))
    return [
        drift_panel,
        figures,
        parts.words("How do I see all of this day?", "The command for the library's own report.", COMMAND, 24, 4),
    ]
