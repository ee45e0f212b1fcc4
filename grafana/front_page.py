"""The front page: is the model all right today, and since when is it not?"""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common

from grafana import parts
from grafana.house import FRONT_PAGE, NO_LABELS, PERFORMANCE, SEGMENTS, House, steps, to_board, to_column
from grafana.parts import GREEN, GREY, ORANGE, RED, YELLOW, About, Query, styled

NO_SCORE, NO_TRIPS = "too few trips", "no trips"


def model_choices(house: House) -> tuple[builders.QueryVariable, builders.QueryVariable]:
    """The variables that most dashboards share: model version and segment."""
    sql = house.sql("front_page")
    return (
        parts.choice("model_version", "Model", "Version of the model that is looked at.", sql["model_versions"]),
        parts.choice(
            "segment", "Segment", "Part of the trips that the prediction's drift is shown for.", sql["segments"]
        ),
    )


def front_page(house: House) -> builders.Dashboard:
    """Headlines, prediction drift, columns by day, alerts."""
    board = parts.page(
        FRONT_PAGE,
        "Model monitoring",
        "Is the model all right today? Headlines, drift by day and column, open alerts.",
        house.days,
        house.timezone,
    )
    for variable in model_choices(house):
        board.with_variable(variable)
    board.annotation(_alert_marks(house))
    for panel in (*_headlines(house), *_truth(house), *_days(house), *_tables(house)):
        board.with_panel(panel)
    return board


def _headlines(house: House) -> list[parts.AnyPanel]:
    sql, alerts = house.sql("front_page"), house.monitoring.alerts
    drift = About(
        "How far has the prediction drifted?",
        "Drift score of the prediction on the latest day, in multiples of its threshold: from 1 on Evidently's "
        "threshold is passed, from the alert's levels on (monitoring.yml) it is a warning or critical. The line shows "
        "the days before.",
        "suffix:x",
        thresholds=steps(alerts.prediction_drift, look=1),
        decimals=2,
        no_value=NO_SCORE,
    )
    columns = About(
        "How many columns drifted?",
        "Features and prediction whose score passed Evidently's threshold on the latest day. Passing it is common "
        "and no alarm by itself.",
        "none",
        no_value=NO_SCORE,
    )
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
        "Open alerts by severity, whenever they opened. The table below names them.",
        "none",
        no_data="Nothing here: run `make pipeline`",
        thresholds=((None, GREEN), (1, ORANGE)),
    )
    origin = About(
        "Where does the data come from?",
        "Origin of the loaded files. Generated trips are never mixed with real ones.",
        "none",
    )
    last_day = About("Which day is the latest?", "The latest monitored day of the time range.", "none")
    open_panel = parts.headline(open_now, sql["open_alerts_headline"], spark=False)
    open_panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME)
    open_panel.override_by_name("critical", styled(thresholds=parts.thresholds(((None, GREEN), (1, RED)))))
    origin_panel = parts.headline(origin, sql["origin"], width=8, as_words=True, spark=False)
    origin_panel.mappings(parts.color_words({"GENERATED SAMPLE - not real trips": YELLOW, "nothing is loaded": GREY}))
    return [
        parts.headline(drift, sql["prediction_drift_headline"]),
        parts.headline(columns, sql["drifted_columns_headline"]),
        parts.headline(missing, sql["missing_headline"]),
        parts.headline(trips, sql["trips_headline"]),
        parts.headline(rejected, sql["rejected_headline"]),
        open_panel,
        origin_panel,
        parts.headline(last_day, sql["last_day"], width=6, as_words=True, spark=False),
        _loaded(sql["loaded"]),
    ]


def _loaded(sql: str) -> parts.AnyPanel:
    about = About(
        "Which days are there?",
        "All monitored days of the warehouse. A click shows them all.",
        "none",
        no_data="Nothing is monitored yet: run `make pipeline`",
    )
    panel = parts.rows(about, sql, width=10, height=4)
    address = f"/d/{FRONT_PAGE}?from=${{__data.fields.from_ms}}&to=${{__data.fields.to_ms}}"
    panel.override_by_name(
        "monitored days", styled(links=[{"title": "Show all monitored days", "url": address, "targetBlank": False}])
    )
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
    columns = About(
        "Which columns explain the drift?",
        "A column's part of what lies above the drift thresholds, on the latest day with labels. A click opens it.",
        "percentunit",
        no_data="No column is above its threshold on that day",
        decimals=0,
    )
    loss_panel = parts.headline(loss, sql["loss_headline"], width=10)
    loss_panel.text_mode(common.BigValueTextMode.VALUE_AND_NAME)
    loss_panel.data_links([parts.link("Open Performance", to_board(PERFORMANCE))])
    gaps_panel = parts.headline(gaps, sql["gaps_headline"], width=7)
    gaps_panel.data_links([parts.link("Open Segments and fairness", to_board(SEGMENTS))])
    groups_panel = parts.rows(groups, sql["explained_by_groups"], width=14, height=5)
    groups_panel.override_by_name("share of rows", styled(unit="percentunit", decimals=0))
    groups_panel.data_links([parts.link("Open Segments and fairness", to_board(SEGMENTS))])
    columns_panel = parts.rows(columns, sql["explained_by_columns"], width=10, height=5)
    columns_panel.data_links([parts.link("Open this column", to_column("${__data.fields.column}", day=False))])
    return [
        loss_panel,
        parts.headline(labels, sql["labels_headline"], width=7),
        gaps_panel,
        groups_panel,
        columns_panel,
    ]


def _days(house: House) -> list[parts.AnyPanel]:
    sql, alerts = house.sql("front_page"), house.monitoring.alerts
    drift = About(
        "When did the prediction drift?",
        "Drift score of the prediction per day, with the threshold of its method. A distance drifts at or above it, a "
        "p-value below it. A click on a day opens it.",
        "short",
        minimum=0,
        decimals=2,
    )
    drift_panel = parts.lines(drift, [Query(sql["prediction_drift"], "time_series")])
    drift_panel.override_by_name("threshold", parts.dashed(YELLOW))
    drift_panel.data_links(
        [parts.link("Open this day", f"{to_column('prediction', day=True)}&var-segment=${{segment:percentencode}}")]
    )
    columns = About(
        "How many columns drifted each day?",
        "Columns past their threshold (left), and their share of all monitored columns (right).",
        "none",
        minimum=0,
    )
    columns_panel = parts.bars(columns, [Query(sql["drifted_columns"], "time_series")], stacked=False)
    columns_panel.override_by_name(
        "share of columns",
        styled(
            unit="percentunit",
            max=1,
            custom__axisPlacement="right",
            custom__drawStyle="line",
            custom__lineWidth=2,
            custom__fillOpacity=0,
        ),
    )
    by_column = About(
        "Which column drifted, and since when?",
        "Drift score in multiples of its threshold. Green: below. Yellow: past Evidently's threshold. Orange and red: "
        f"from {alerts.drifted_columns.excess:g} and {alerts.prediction_drift.critical:g} times on. An empty cell has "
        "no score (too few values, or none). Of all trips, whatever the segment. A click opens the column on that day.",
        "suffix:x",
        thresholds=(
            (None, GREEN),
            (1, YELLOW),
            (alerts.drifted_columns.excess, ORANGE),
            (alerts.prediction_drift.critical, RED),
        ),
        decimals=2,
    )
    grid = parts.grid(by_column, sql["drift_by_column"])
    grid.data_links([parts.link("Open ${__field.name} on this day", to_column("${__field.name}", day=True))])
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
        drift_panel,
        columns_panel,
        grid,
        parts.lines(missing, [Query(sql["missing"], "time_series")]),
        parts.bars(trips, [Query(sql["trips"], "time_series")], stacked=True),
    ]


def _tables(house: House) -> list[parts.AnyPanel]:
    about = About(
        "Which alerts were there, and are they over?",
        "Open alerts, and those that opened in the time range. The rules and their levels are in monitoring.yml; "
        "docs/alerts.md says when an alert opens and when it is resolved.",
        "none",
        no_data="No alert is open, and none opened in this time range",
    )
    panel = parts.rows(about, house.sql("front_page")["alerts"], height=9)
    panel.override_by_name("severity", parts.colored_words(parts.SEVERITIES))
    panel.override_by_name("state", styled(custom__width=90))
    for name in ("opened", "last seen", "resolved at"):
        panel.override_by_name(name, styled(unit="dateTimeAsIso", custom__width=160))
    address = (
        "/d/column?${__url_time_range}&var-model_version=${__data.fields.looked_at}"
        "&var-column=${__data.fields.column}&var-day=${__data.fields.worst_ms}"
    )
    for name in ("column", "worst day"):
        links = [{"title": "Open the column on its worst day", "url": address, "targetBlank": False}]
        panel.override_by_name(name, styled(links=links))
    return [panel.override_by_regexp("worst_ms|looked_at", styled(custom__hidden=True))]


def _alert_marks(house: House) -> builders.AnnotationQuery:
    marks = builders.AnnotationQuery().name("Alerts").datasource(parts.DATASOURCE).enable(True).icon_color(RED)
    return marks.target(Query(house.sql("front_page")["alert_marks"], "table"))
