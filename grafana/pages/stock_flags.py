"""Evidently's raw scores at fixed thresholds (monitoring.yml), beside the calibrated decisions of the front page."""

from __future__ import annotations

from grafana import parts
from grafana.house import House, steps, to_column
from grafana.parts import ORANGE, RED, YELLOW, About, Query, styled


def stock_flags(house: House) -> list[parts.AnyPanel]:
    """Drift of the prediction, drifted columns, and the scores by column and day."""
    sql, alerts = house.sql("stock_flags"), house.rules.alerts
    score = About(
        "How far has the prediction drifted?",
        "Evidently's drift score of the prediction on the latest day, in multiples of its threshold: from 1 on that is "
        "passed, orange and red from the levels of prediction_drift on (monitoring.yml). It knows nothing of how much "
        "a score moves by chance. The line shows the days before.",
        "suffix:x",
        thresholds=steps(alerts.prediction_drift, look=1),
        decimals=2,
    )
    count = About(
        "How many columns drifted?",
        "Features and prediction whose score passed its threshold on the latest day. Passing it is common "
        "and no alarm by itself.",
        "none",
        decimals=0,
    )
    explain = About(
        "Which columns explain the drift?",
        "A column's part of what lies above the drift thresholds, on the latest day with labels. A click opens it.",
        "percentunit",
        no_data="No column is above its threshold on that day",
        decimals=0,
    )
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
    drift_panel.data_links([parts.link("Open this day", to_column("prediction", day=True))])
    columns = About(
        "How many columns drifted each day?",
        "Columns past their threshold (left), and their share of all monitored columns (right).",
        "none",
        minimum=0,
        decimals=0,
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
        "Drift score in multiples of its threshold. Green: below. Yellow: past the threshold. Orange and red: "
        f"from {alerts.drifted_columns.excess:g} and {alerts.prediction_drift.critical:g} times on. An empty cell has "
        "no score (too few values, or none). Of all rows, whatever the segment. A click opens the column on that day.",
        "suffix:x",
        thresholds=(
            *parts.WELL,
            (1, YELLOW),
            (alerts.drifted_columns.excess, ORANGE),
            (alerts.prediction_drift.critical, RED),
        ),
        decimals=2,
    )
    grid = parts.grid(by_column, sql["drift_by_column"])
    grid.data_links([parts.link("Open ${__field.name} on this day", to_column("${__field.name}", day=True))])
    explain_panel = parts.rows(explain, sql["explained_by_columns"], width=8, height=4)
    explain_panel.override_by_name("day", styled(custom__width=parts.NAMED_DAY))
    explain_panel.data_links([parts.link("Open this column", to_column("${__data.fields.column}", day=False))])
    return [
        parts.headline(score, sql["prediction_drift_headline"], height=4),
        parts.headline(count, sql["drifted_columns_headline"], height=4),
        explain_panel,
        drift_panel,
        columns_panel,
        grid,
    ]
