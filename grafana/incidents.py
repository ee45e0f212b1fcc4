"""Incidents and the calibrated decisions that they come of: panels of the front page and of the drill-down."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common

from grafana import parts
from grafana.house import RINGS, WATCH, House, steps, to_column
from grafana.parts import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, About, Query, styled

NO_DECISION = "not judged"
NOT_JUDGED = "No day is judged yet: run `make pipeline`, or choose another time range"
STATES = parts.color_words(
    {"open": ORANGE, "acknowledged": YELLOW, "resolved": GREEN, "closed": GREEN, "withdrawn": GREY}
)


def decisions(house: House) -> list[parts.AnyPanel]:
    """Headlines: the latest day's severity, what is worst about it, open incidents."""
    sql, levels = house.sql("incidents"), house.monitoring.alerts.incident
    severity = About(
        "Is the model all right today?",
        "How bad the latest day is, in multiples of its calibrated threshold: from 1 on it rings, which sound days do "
        "once in as many days as the budget says (monitoring.yml, calibration). Yellow from 0.5 on, orange and red by "
        "the incidents' levels. The line shows the days before.",
        "suffix:x",
        no_data=NOT_JUDGED,
        thresholds=steps(levels, look=WATCH),
        minimum=0,
        decimals=2,
        no_value=NO_DECISION,
    )
    worst = About(
        "What rings on the latest day?",
        "The latest day of the time range: as usual, or the column that rings with its worst figure, `(table)` for the "
        "rows as a whole. The table below has the incidents.",
        "none",
        no_data=NOT_JUDGED,
    )
    incidents = About(
        "How many incidents are open?",
        "Open incidents of all models by severity, whenever they opened; those that somebody has taken on "
        "(`make ack`) are counted by themselves.",
        "none",
        no_data="Nothing here: run `make pipeline`",
        thresholds=((None, GREEN), (1, ORANGE)),
    )
    incidents_panel = parts.headline(incidents, sql["open_incidents_headline"], width=6, spark=False)
    incidents_panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME)
    incidents_panel.override_by_name("critical", styled(thresholds=parts.levels(((None, GREEN), (1, RED)))))
    incidents_panel.override_by_name("acknowledged", styled(thresholds=parts.levels(((None, GREY),))))
    return [
        parts.headline(severity, sql["severity_headline"], width=5),
        parts.headline(worst, sql["worst_headline"], width=7, as_words=True, spark=False),
        incidents_panel,
    ]


def incidents_table(about: About, sql: str, *, height: int) -> parts.AnyPanel:
    """Incidents with their links to the column, on the day that raised one and on the last that rang."""
    panel = parts.rows(about, sql, height=height)
    panel.override_by_name("state", parts.colored_words(STATES))
    panel.override_by_name("severity", parts.colored_words(parts.SEVERITIES))
    widths = {"state": 100, "severity": 80, "since": 95, "last seen": 95, "days": 60, "worst": 70, "figure": 120}
    widths |= {"what moved": 270, "affected groups": 120}
    for name, width in widths.items():
        panel.override_by_name(name, styled(custom__width=width))
    panel.override_by_name("worst", styled(unit="suffix:x", decimals=1))
    panel.override_by_regexp("what moved|affected groups", styled(custom__inspect=True))
    address = (
        "/d/column?${__url_time_range}&var-model_version=${__data.fields.looked_at}"
        "&var-column=${__data.fields.looked_into}&var-day=${__data.fields."
    )
    for name in ("column", "since"):
        panel.override_by_name(name, parts.linked("Open the column on the day that raised it", f"{address}opened_ms}}"))
    panel.override_by_name("last seen", parts.linked("Open the column on that day", f"{address}last_seen_ms}}"))
    return panel.override_by_regexp("looked_.*|.*_ms", styled(custom__hidden=True))


def incidents(house: House) -> list[parts.AnyPanel]:
    """Incidents, and what has come of them."""
    sql = house.sql("incidents")
    about = About(
        "Which incidents are there, since when, and what moved?",
        "Open incidents of all models, and those that rang in the time range: what rings on several days is one. Worst "
        "is its worst day in multiples of the threshold; what moved compares the day that raised it with the days "
        "before. A click opens the column on that day. `make ack INCIDENT=...` takes one on.",
        "none",
        no_data="No incident is open, and none rang in this time range",
    )
    followups = About(
        "What has come of the incidents?",
        "What happened to the incidents above after they were raised, an incident at a time from its beginning on, "
        "open ones first: what people said (`make ack INCIDENT=... NOTE=...`), that they rang again, or ended, with "
        "the last quiet day.",
        "none",
        no_data="Nothing yet: nobody has said anything, and none rang again or ended",
    )
    followups_panel = parts.rows(followups, sql["followups"], height=6)
    followups_panel.override_by_name("state", parts.colored_words(STATES))
    followups_panel.override_by_name("recorded", styled(unit="dateTimeAsIso", custom__width=160))
    return [incidents_table(about, sql["incidents"], height=13), followups_panel]


def judged_days(house: House) -> list[parts.AnyPanel]:
    """Severity by column and by day, and the budget that it is calibrated to."""
    sql, levels = house.sql("incidents"), house.monitoring.alerts.incident
    by_column = About(
        "Which column is not as usual, and since when?",
        "The worst figure of a column in multiples of the day's calibrated threshold. Green: as usual. Yellow: from "
        f"{WATCH:g} on, worth a look. Orange: from {RINGS:g} on the day rings. Red: critical, from {levels.critical:g} "
        "on. Most figures are judged given the other columns, and a broken one makes others look wrong: on a day that "
        "rings, columns other than the named one show no more than their figures are by themselves. An empty cell has "
        "no decision. `(table)` is the rows as a whole. A click opens the column on that day.",
        "suffix:x",
        no_data=NOT_JUDGED,
        thresholds=((None, GREEN), (WATCH, YELLOW), (RINGS, ORANGE), (levels.critical, RED)),
        decimals=2,
    )
    grid = parts.grid(by_column, sql["severity_by_column"])
    grid.data_links([parts.link("Open ${__field.name} on this day", to_column("${__field.name}", day=True))])
    by_day = About(
        "How bad was each day, and which ones rang?",
        "Severity per day and family of figures, in multiples of the calibrated threshold: at 1 a day rings (large "
        "points; grey where an expected event mutes it). A gap has no decision. Expected events are marked along the "
        "time axis.",
        "suffix:x",
        no_data=NOT_JUDGED,
        minimum=0,
        decimals=2,
    )
    day_panel = parts.lines(by_day, [Query(sql["severity_by_day"], "time_series")], width=12)
    day_panel.override_by_name("columns", styled(color=parts.colored(BLUE)))
    day_panel.override_by_name("threshold", parts.dashed(ORANGE))
    day_panel.override_by_name("ringing day", parts.marks(ORANGE))
    day_panel.override_by_name("rings, but expected", parts.marks(GREY))
    calibration = About(
        "How often did we ring, against the budget?",
        "Ringing days in the time range, per 30 judged days, beside the budget of false alarms. Rings hold true "
        "alarms, too: take away what was a real incident, what is left is to be near the budget. Learning: the "
        "reference was short, only gross faults ring reliably.",
        "none",
        no_data=NOT_JUDGED,
        decimals=1,
    )
    return [grid, day_panel, parts.rows(calibration, sql["calibration"], width=12)]


def event_marks(house: House) -> builders.AnnotationQuery:
    """Expected events along the time axes."""
    marks = builders.AnnotationQuery().name("Expected events").datasource(parts.DATASOURCE).enable(True)
    return marks.icon_color(BLUE).target(Query(house.sql("incidents")["event_marks"], "table"))
