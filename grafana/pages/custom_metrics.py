"""Custom metrics: what a dataset's own file names under `metrics`, window by window, as a whole and by segment."""

from __future__ import annotations

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from core.advice import Advice
from grafana import parts
from grafana.house import CLOCK_OF_DAYS, FIRES, WATCH, House
from grafana.names import CUSTOM_METRICS
from grafana.pages.front_page import model_choices
from grafana.parts import BLUE, GREY, ORANGE, YELLOW, About, Query, styled

NO_METRICS = (
    "No metrics of its own in this time range: name them under `metrics` in the dataset's file "
    f"(docs/reference/datasets.md), and {Advice.UPDATE}"
)


def custom_metrics(house: House) -> builders.Dashboard:
    """Each metric's newest value beside what is usual, its course, and where it has no value."""
    board = parts.page(
        CUSTOM_METRICS,
        "Custom metrics",
        "How do the metrics go that the dataset's own file names? As a whole, and by segment.",
        house.days,
        CLOCK_OF_DAYS,
    )
    sql = house.sql("custom_metrics")
    for variable in model_choices(house):
        board.with_variable(variable)
    segments = "What rows are compared by: one column or two."
    board.with_variable(parts.choice("segment_key", "Compared by", segments, sql["segment_keys"]))
    metrics = parts.choice("metric", "Metrics", "The metrics that are drawn.", sql["metrics"])
    everything = models.VariableOption(text=["All"], value=["$__all"], selected=True)
    board.with_variable(metrics.multi(True).include_all(True).current(everything))
    return board.with_panel(_newest(sql["newest"])).with_panel(_course(house)).with_panel(_undefined(sql["undefined"]))


def _newest(sql: str) -> parts.AnyPanel:
    about = About(
        "Which metric is not as usual?",
        "The newest value of each metric over all accepted rows, what was expected of that window, and how far it is "
        "off in multiples of the calibrated threshold: at 1 a day fires.",
        "short",
        no_data=NO_METRICS,
        decimals=3,
    )
    panel = parts.rows(about, sql, height=7)
    panel.override_by_name("rows", [*parts.COUNT, *styled(custom__width=90)])
    for name, width in {"newest window": 125, "status": 110}.items():
        panel.override_by_name(name, styled(custom__width=width))
    steps = parts.thresholds(((None, GREY), (WATCH, YELLOW), (FIRES, ORANGE)))
    off = styled(
        unit="suffix:x", decimals=2, thresholds=steps, custom__cellOptions={"type": "color-text"}, custom__width=90
    )
    return panel.override_by_name("off", off)


def _undefined(sql: str) -> parts.AnyPanel:
    about = About(
        "Where has a metric no value?",
        "Windows and segments of the time range without a value, by the reason: low_n, too few rows; empty, not "
        "defined; out_of_range, infinite; error, Postgres could not compute it, which a note of the run explains.",
        "none",
        no_data="Every metric has a value everywhere, or there is none",
    )
    panel = parts.rows(about, sql, height=6)
    panel.override_by_name("status", parts.colored_words(parts.color_words({"error": ORANGE})))
    return panel.override_by_regexp("windows|segments", parts.COUNT)


def _course(house: House) -> parts.AnyPanel:
    about = About(
        "How did ${metric} go, and for whom?",
        "The metric of each window over all accepted rows, with the range that one usual window in a hundred leaves on "
        "either side, and by the chosen segments: the eight with most rows. A segment with fewer than "
        f"{house.rules.min_rows} rows of a window has no point there.",
        "short",
        no_data=NO_METRICS,
        decimals=3,
    )
    panel = parts.lines(about, [Query(house.sql("custom_metrics")["course"], "time_series")], width=24, height=9)
    parts.as_band(panel, "usual from", "usual", GREY)
    panel.override_by_name("all rows", styled(color=parts.colored(BLUE), custom__lineWidth=3))
    return panel.repeat("metric").repeat_direction("h").max_per_row(2)
