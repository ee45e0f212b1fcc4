"""Incidents and the calibrated decisions that they come of: panels of the front page and of the drill-down."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders

from core.advice import Advice
from grafana import parts
from grafana.house import FIRES, TO_TARGET, WATCH, House, to_column
from grafana.parts import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, About, Query, styled

NOT_EVALUATED = f"No day is evaluated here: {Advice.UPDATE}, or {parts.OTHER_DAYS}"
STATES = parts.color_words(
    {"open": ORANGE, "acknowledged": YELLOW, "resolved": GREEN, "closed": GREEN, "withdrawn": GREY}
)


def incidents_table(about: About, sql: str, *, height: int) -> parts.AnyPanel:
    """Incidents with their links to the column, on the day that raised one and on the last that fired."""
    panel = parts.rows(about, sql, height=height)
    panel.override_by_name("state", parts.colored_words(STATES))
    panel.override_by_name("severity", parts.colored_words(parts.SEVERITIES))
    widths = {"state": 95, "severity": 72, "column": 140, "affected groups": 110, "models": 140}
    widths |= {"days": 50, "worst": 62, "incident": 80}
    for name in ("column", "what moved", "affected groups", "models"):
        panel.override_by_name(name, parts.wrapped())
    for name, width in widths.items():
        panel.override_by_name(name, styled(custom__width=width))
    panel.override_by_name("what moved", styled(custom__minWidth=200))
    panel.override_by_name("days", styled(decimals=0))
    panel.override_by_name("worst", styled(unit="suffix:x", decimals=1))
    for name in ("column", "since"):
        panel.override_by_name(name, parts.linked("Open the column on the day that raised it", TO_TARGET))
    last = TO_TARGET.replace("to_day}", "to_last}")
    panel.override_by_name("last seen", parts.linked("Open the column on that day", last))
    return panel.override_by_regexp("to_.*", parts.HIDDEN)


def incidents(house: House) -> list[parts.AnyPanel]:
    """Incidents, and what has come of them."""
    sql = house.sql("incidents")
    about = About(
        "Which incidents are there, since when, and what moved?",
        "Open incidents of the dataset and all its models, and those that fired in the time range: what fires for days "
        "is one. Worst is its worst day in multiples of the threshold; what moved compares the day that raised it with "
        f"the days before. A click opens the column on that day. To answer for one, {Advice.ACKNOWLEDGE}.",
        "none",
        no_data="No incident is open, and none fired in this time range",
    )
    followups = About(
        "What has come of the incidents?",
        "What happened to the incidents above after they were raised, an incident at a time from its beginning on, "
        "open ones first: what people said, that they fired again, or ended, with "
        "the last quiet day.",
        "none",
        no_data="Nothing yet: nobody has said anything, and none fired again or ended",
    )
    followups_panel = parts.rows(followups, sql["followups"], height=6)
    followups_panel.override_by_name("state", parts.colored_words(STATES))
    followups_panel.override_by_name("recorded, UTC", styled(unit="dateTimeAsIso", custom__width=160))
    followups_panel.override_by_name("note", parts.wrapped(custom__minWidth=200))
    widths = {"incident": 80, "state": 95, "column": 140, "what happened": 130, "by": 90}
    for name, width in widths.items():
        followups_panel.override_by_name(name, styled(custom__width=width))
    return [incidents_table(about, sql["incidents"], height=13), followups_panel]


def ratio_by_column(house: House) -> parts.AnyPanel:
    """The grid of columns by day."""
    sql, levels = house.sql("incidents"), house.rules.alerts.incident
    by_column = About(
        "Which column is not as usual, and since when?",
        "The worst figure of a column in multiples of the day's calibrated threshold. Green: as usual. Yellow: from "
        f"{WATCH:g} on, worth a look. Orange: from {FIRES:g} on the day fires. Red: critical, from {levels.critical:g} "
        "on. Most figures are seen beside the other columns, and a broken one makes others look wrong: on a day that "
        "fires, columns other than the named one show no more than their figures are by themselves. An empty cell has "
        "no decision. `(table)` is the rows as a whole. A click opens the column on that day.",
        "suffix:x",
        no_data=NOT_EVALUATED,
        thresholds=(*parts.WELL, (WATCH, YELLOW), (FIRES, ORANGE), (levels.critical, RED)),
        decimals=2,
    )
    grid = parts.grid(by_column, sql["ratio_by_column"])
    return grid.data_links([parts.link("Open ${__field.name} on this day", to_column("${__field.name}", day=True))])


def evaluated_days(house: House) -> list[parts.AnyPanel]:
    """The worst figure of each day, and the budget that its threshold is calibrated to."""
    sql, levels = house.sql("incidents"), house.rules.alerts.incident
    by_day = About(
        "How bad was each day, and which ones fired?",
        "The worst figure per day and family, in multiples of the calibrated threshold: at 1 a day fires (large "
        "points; grey where an expected event mutes it), and the background is orange, from the incidents' critical "
        "level on red. Above 1 the axis is logarithmic. A gap has no decision. Expected events are marked along the "
        "time axis.",
        "suffix:x",
        no_data=NOT_EVALUATED,
        thresholds=ratio_area(levels.critical),
        minimum=0,
        decimals=2,
    )
    day_panel = parts.lines(by_day, [Query(sql["ratio_by_day"], "time_series")], width=24)
    day_panel.override_by_name("columns", styled(color=parts.colored(BLUE)))
    parts.beyond_one(day_panel)
    day_panel.override_by_name("firing day", parts.marks(ORANGE))
    day_panel.override_by_name("fires, but expected", parts.marks(GREY))
    calibration = About(
        "How often did it fire, against the budget?",
        "Firing days in the time range, per 30 evaluated days, beside the budget of false alarms. Fires hold true "
        "alarms, too: take away what was a real incident, what is left is to be near the budget. Learning: the "
        "reference was short, only gross faults fire reliably.",
        "none",
        no_data=NOT_EVALUATED,
        decimals=1,
    )
    calibration_panel = parts.rows(calibration, sql["calibration"], height=6)
    calibration_panel.override_by_regexp("days evaluated|learning|firing|on expected events", styled(decimals=0))
    calibration_panel.override_by_name("on expected events", styled(custom__width=90))
    calibration_panel.override_by_name("model", parts.wrapped(custom__width=155))
    calibration_panel.override_by_name("family", styled(custom__width=110))
    return [day_panel, calibration_panel]


def ratio_area(critical: float) -> tuple[parts.Step, ...]:
    """Thresholds of a chart of ratios, drawn behind it: nothing below the level at which a day fires."""
    return ((None, "transparent"), (FIRES, ORANGE), (critical, RED))


def event_marks(house: House) -> builders.AnnotationQuery:
    """Expected events along the time axes."""
    marks = builders.AnnotationQuery().name("Expected events").datasource(parts.DATASOURCE).enable(True)
    # Without a switch of its own: one row of controls.
    return marks.hide(True).icon_color(BLUE).target(Query(house.sql("incidents")["event_marks"], "table"))
