"""Compare models: two model versions side by side on the same days."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common

from grafana import parts
from grafana.house import CLOCK_OF_DAYS, House, steps
from grafana.names import COMPARE
from grafana.pages.front_page import dataset_choice
from grafana.parts import BLUE, ORANGE, PURPLE, YELLOW, About, Query, styled


def compare_models(house: House) -> builders.Dashboard:
    """Drift, predictions, missing values, training records and alerts of two versions."""
    board = parts.page(
        COMPARE,
        "Compare models",
        "Which of two models is better off? The same days, side by side.",
        house.days,
        CLOCK_OF_DAYS,
    )
    sql = house.sql("compare_models")
    board.with_variable(dataset_choice(house))
    board.with_variable(parts.choice("model_a", "One model", "Model version on one side.", sql["one_model"]))
    board.with_variable(parts.choice("model_b", "Other model", "Model version on the other side.", sql["other_model"]))
    for panel in (*_days(house), *_tables(house)):
        board.with_panel(panel)
    return board


def _days(house: House) -> list[parts.AnyPanel]:
    sql, alerts = house.sql("compare_models"), house.rules.alerts
    drift = About(
        "Whose prediction drifted more?",
        "Drift score of the prediction in multiples of its threshold; each against the reference of its own model.",
        "suffix:x",
        thresholds=(parts.WELL[0], *steps(alerts.prediction_drift, look=1)[len(parts.WELL) :]),
        minimum=0,
        decimals=2,
    )
    drift_panel = parts.lines(drift, [Query(sql["prediction_drift"], "time_series")])
    drift_panel.thresholds_style(
        common_builders.GraphThresholdsStyleConfig().mode(common.GraphThresholdsStyleMode.DASHED)
    )
    mean = About(
        "What do they predict?",
        "Mean prediction per day, in the unit of the target.",
        "short",
        decimals=2,
    )
    share = About(
        "Which share of their columns drifted?",
        "Columns whose drift score is past its threshold / monitored columns. Models have columns of their own: "
        "compare the shares with care.",
        "percentunit",
        minimum=0,
        maximum=1,
    )
    missing = About(
        "How much is missing for each?",
        "Missing cells / all cells of the features and the prediction of each model.",
        "percentunit",
        minimum=0,
        decimals=1,
    )
    panels = [
        drift_panel,
        parts.lines(mean, [Query(sql["mean_prediction"], "time_series")]),
        parts.lines(share, [Query(sql["drifted_share"], "time_series")]),
        parts.lines(missing, [Query(sql["missing"], "time_series")]),
    ]
    for panel in panels:
        # Colours that say nothing of good or bad.
        panel.override_by_regexp("one: .*", styled(color=parts.colored(BLUE)))
        panel.override_by_regexp("other: .*", styled(color=parts.colored(PURPLE)))
    return list(panels)


def _tables(house: House) -> list[parts.AnyPanel]:
    sql, excess = house.sql("compare_models"), house.rules.alerts.drifted_columns.excess
    records = About(
        "What are they?",
        "Training record of both models: the mean absolute error of a regression, log loss and area under the ROC "
        "curve of a binary model. They are on rows that each recipe holds out, not on the same ones.",
        "short",
        decimals=3,
    )
    records_panel = parts.rows(records, sql["records"], height=5)
    records_panel.override_by_regexp(".*rows", parts.COUNT)
    records_panel.override_by_name("features", parts.wrapped(custom__minWidth=230))
    for name, width in {"model": 155, "active": 65, "reference rows": 90}.items():
        records_panel.override_by_name(name, styled(custom__width=width))
    columns = About(
        "Which columns drifted for whom?",
        "Mean over the days of the time range of the drift score in multiples of its threshold; empty where a model "
        "does not have the column.",
        "suffix:x",
        thresholds=(*parts.WELL, (1, YELLOW), (excess, ORANGE)),
        decimals=2,
    )
    columns_panel = parts.rows(columns, sql["columns"], width=8, height=9)
    columns_panel.override_by_regexp(".*model", styled(custom__cellOptions={"type": "color-text"}))
    alerts = About(
        "Which alerts did each have?",
        "Open alerts of both models, and those that opened in the time range.",
        "short",
        no_data="Neither has an alert in this time range",
    )
    alerts_panel = parts.rows(alerts, sql["alerts"], width=16, height=9)
    alerts_panel.override_by_name("severity", parts.colored_words(parts.SEVERITIES))
    alerts_panel.override_by_name("worst day", parts.wrapped(custom__minWidth=150))
    for name, width in {"severity": 75, "state": 80, "rule": 110, "model": 155}.items():
        alerts_panel.override_by_name(name, styled(custom__width=width))
    return [records_panel, columns_panel, alerts_panel]
