"""The front page: is the model all right today, and since when is it not?"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common

from grafana import incidents, parts
from grafana.house import NO_LABELS, House, steps, to_board
from grafana.names import FRONT_PAGE, PERFORMANCE, SEGMENTS
from grafana.parts import GREEN, GREY, ORANGE, RED, YELLOW, About, Query, styled
from grafana.stock_flags import stock_flags

NO_TRIPS = "no trips"


def model_choices(house: House) -> tuple[builders.QueryVariable, builders.QueryVariable]:
    """The variables that most dashboards share: model version and segment."""
    sql = house.sql("front_page")
    return (
        parts.choice("model_version", "Model", "Version of the model that is looked at.", sql["model_versions"]),
        parts.choice("segment", "Segment", "Part of the trips that Evidently's drift is shown for.", sql["segments"]),
    )


def front_page(house: House) -> builders.Dashboard:
    """Incidents and the calibrated decisions they come of, the other figures, Evidently's own flags beside them."""
    board = parts.page(
        FRONT_PAGE,
        "Model monitoring",
        "Is the model all right today? Incidents, severity by day and column, other alerts, Evidently's flags.",
        house.days,
        house.timezone,
    )
    for variable in model_choices(house):
        board.with_variable(variable)
    board.annotation(_alert_marks(house)).annotation(incidents.event_marks(house))
    return parts.place(
        board,
        (
            *incidents.decisions(house),
            _origin(house),
            *incidents.incidents(house),
            *incidents.judged_days(house),
            parts.section("Did everything come, and is the model as good as estimated?"),
            *_headlines(house),
            *_truth(house),
            *_days(house),
            *_tables(house),
            parts.section("What do Evidently's stock thresholds say, uncalibrated?"),
            *stock_flags(house),
        ),
    )


def _origin(house: House) -> parts.AnyPanel:
    about = About(
        "Where does the data come from?",
        "Origin of the loaded files. Generated trips are never mixed with real ones.",
        "none",
    )
    panel = parts.headline(about, house.sql("front_page")["origin"], width=6, as_words=True, spark=False)
    return panel.mappings(parts.color_words({"GENERATED SAMPLE - not real trips": YELLOW, "nothing is loaded": GREY}))


def _headlines(house: House) -> list[parts.AnyPanel]:
    sql, alerts = house.sql("front_page"), house.monitoring.alerts
    missing = About(
        "How much is missing?",
        "Missing cells / all cells of the features and the prediction, on the latest day. Alerts are about single "
        "columns: their shares are on the page Data quality.",
        "percentunit",
        decimals=1,
        no_value=NO_TRIPS,
    )
    trips = About(
        "How many trips came?", "Accepted trips on the latest day, also those that the model does not score.", "short"
    )
    rejected = About(
        "How many were rejected?",
        "Rejected trips / all trips of the latest day; the rules are on the page Data quality.",
        "percentunit",
        thresholds=steps(alerts.rejected_share),
        decimals=2,
        no_value=NO_TRIPS,
    )
    open_now = About(
        "What needs somebody?",
        "Open alerts of all rules by severity, whenever they opened: incidents, and those of the alerts' table.",
        "none",
        no_data="Nothing here: run `make pipeline`",
        thresholds=((None, GREEN), (1, ORANGE)),
    )
    last_day = About("Which day is the latest?", "The latest monitored day of the time range.", "none")
    open_panel = parts.headline(open_now, sql["open_alerts_headline"], spark=False)
    open_panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME)
    open_panel.override_by_name("critical", styled(thresholds=parts.levels(((None, GREEN), (1, RED)))))
    return [
        parts.headline(missing, sql["missing_headline"]),
        parts.headline(trips, sql["trips_headline"]),
        parts.headline(rejected, sql["rejected_headline"]),
        open_panel,
        parts.headline(last_day, sql["last_day"], as_words=True, spark=False),
        _loaded(sql["loaded"]),
    ]


def _loaded(sql: str) -> parts.AnyPanel:
    about = About(
        "Which days are there?",
        "All monitored days of the warehouse. A click shows them all.",
        "none",
        no_data="Nothing is monitored yet: run `make pipeline`",
    )
    panel = parts.rows(about, sql, width=4, height=4)
    address = f"/d/{FRONT_PAGE}?from=${{__data.fields.from_ms}}&to=${{__data.fields.to_ms}}"
    panel.override_by_name("monitored days", parts.linked("Show all monitored days", address))
    return panel.override_by_regexp(".*_ms", styled(custom__hideFrom={"viz": True}, custom__hidden=True))


def _truth(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("front_page")
    loss = About(
        "Is the model as good as estimated?",
        f"Realised and estimated loss of the latest day with at least {house.compared_coverage:.0%} of its labels: "
        "mean absolute error, in the unit of the target, or log loss. The lines show the days before. A click opens "
        "Performance.",
        "short",
        no_data=NO_LABELS,
        decimals=2,
    )
    labels = About(
        "How many labels have arrived?",
        "Predictions of the latest day whose label has arrived. Until all are there, its loss may move.",
        "percentunit",
        decimals=1,
    )
    gaps = About(
        "By how many columns do groups differ?",
        "Columns, and pairs of columns, whose groups differ in their loss by more than chance, on the latest day with "
        "labels. A disparity to look at, no verdict. A click opens Segments and fairness.",
        "none",
        no_data="No labels (see the tile on the left), or too few rows of every group",
    )
    groups = About(
        "Which groups explain the change?",
        "What a group adds to the change of the mean loss since the reference, on the latest day with labels: the "
        "three that add most beyond their share of the rows. A click opens Segments and fairness.",
        "short",
        no_data=NO_LABELS,
        decimals=2,
    )
    loss_panel = parts.headline(loss, sql["loss_headline"], width=10)
    loss_panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME)
    loss_panel.data_links([parts.link("Open Performance", to_board(PERFORMANCE))])
    gaps_panel = parts.headline(gaps, sql["gaps_headline"], width=7)
    gaps_panel.data_links([parts.link("Open Segments and fairness", to_board(SEGMENTS))])
    groups_panel = parts.rows(groups, sql["explained_by_groups"], height=5)
    groups_panel.override_by_name("share of rows", styled(unit="percentunit", decimals=0))
    groups_panel.data_links([parts.link("Open Segments and fairness", to_board(SEGMENTS))])
    return [
        loss_panel,
        parts.headline(labels, sql["labels_headline"], width=7),
        gaps_panel,
        groups_panel,
    ]


def _days(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("front_page")
    missing = About(
        "How much was missing each day?",
        "Missing cells / all cells of the features and the prediction. Alerts are about single columns.",
        "percentunit",
        minimum=0,
        decimals=1,
    )
    trips = About(
        "How many trips came each day?",
        "Trips that were accepted, whether or not the model scores them, and trips that a rule rejected.",
        "short",
        minimum=0,
    )
    return [
        parts.lines(missing, [Query(sql["missing"], "time_series")]),
        parts.bars(trips, [Query(sql["trips"], "time_series")], stacked=True),
    ]


def _tables(house: House) -> list[parts.AnyPanel]:
    about = About(
        "Which other alerts were there, and are they over?",
        "Alerts of the rules with fixed levels: open ones, and those that opened in the time range. The rules are in "
        "monitoring.yml; docs/alerts.md says when an alert opens and when it is resolved.",
        "none",
        no_data="No such alert is open, and none opened in this time range",
    )
    panel = parts.rows(about, house.sql("front_page")["alerts"], height=7)
    panel.override_by_name("severity", parts.colored_words(parts.SEVERITIES))
    panel.override_by_name("state", styled(custom__width=90))
    for name in ("opened", "last seen", "resolved at"):
        panel.override_by_name(name, styled(unit="dateTimeAsIso", custom__width=160))
    address = (
        "/d/column?${__url_time_range}&var-model_version=${__data.fields.looked_at}"
        "&var-column=${__data.fields.column}&var-day=${__data.fields.worst_ms}"
    )
    for name in ("column", "worst day"):
        panel.override_by_name(name, parts.linked("Open the column on its worst day", address))
    return [panel.override_by_regexp("worst_ms|looked_at", styled(custom__hidden=True))]


def _alert_marks(house: House) -> builders.AnnotationQuery:
    marks = builders.AnnotationQuery().name("Alerts").datasource(parts.DATASOURCE).enable(True).icon_color(RED)
    return marks.target(Query(house.sql("front_page")["alert_marks"], "table"))
