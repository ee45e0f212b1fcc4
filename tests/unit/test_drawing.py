"""The preview's drawings: the same days, bands, clock and words as in Grafana."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from grafana.asking import OpenDashboard, Rows, open_dashboard
from grafana.drawing import COLORS, bands_together, drawn, series_of, text_of
from pipeline.settings import ROOT

FOLDER = ROOT / "grafana" / "dashboards"
DAY = datetime(2022, 2, 1, 5, tzinfo=UTC)


def panel_of(uid: str, title: str) -> tuple[OpenDashboard, dict[str, Any]]:
    board = open_dashboard(FOLDER / f"{uid}.json")
    (panel,) = [panel for panel in board.panels() if panel["title"] == title]
    return board, panel


@pytest.mark.parametrize(
    ("title", "words"), [("How much is missing?", "no trips"), ("How far has the prediction drifted?", "too few trips")]
)
def test_a_latest_day_without_a_value_is_not_hidden_by_the_day_before(title: str, words: str) -> None:
    board, panel = panel_of("model-monitoring", title)
    body = drawn(board, panel, Rows(["time", "value"], [(DAY, 0.25), (DAY + timedelta(days=1), None)]))
    assert f">{words}</span>" in body
    assert "25" not in body.split("</span>")[0]


def test_bands_are_filled_from_their_own_lower_quantile() -> None:
    board, panel = panel_of("column", "Where do the values of ${column} lie?")
    names = ["p01", "p05", "p25", "p50", "p75", "p95", "p99"]
    found = Rows(["time", *names], [(DAY, 1, 2, 3, 4, 5, 6, 7)])
    order = [name for name, _, _ in bands_together(panel, series_of(board, found))]
    assert order == ["p05", "p95", "p25", "p75", "p01", "p50", "p99"]
    body = drawn(board, panel, found)
    fills = re.findall(
        r'"fill":"tonexty","fillcolor":"rgba\([\d, ]+, ([\d.]+)\)"|"fillcolor":"rgba\([\d, ]+, ([\d.]+)\)"', body
    )
    assert [first or second for first, second in fills] == ["0.15", "0.35"]
    assert body.count("tonexty") == 2
    shown = dict(re.findall(r'"name":"([^"]+)","showlegend":(\w+)', body))
    assert {name for name, is_shown in shown.items() if is_shown == "false"} == {"p05", "p25"}, "blank in the legend"


def test_a_score_lies_inside_its_two_bands() -> None:
    board, panel = panel_of("column", "Is ${statistic:text} of ${column} what is usual?")
    rare, seldom = "1 day in 100 goes beyond", "1 day in 10 goes beyond"
    names = ["score", "usual", f"from, {rare}", rare, f"from, {seldom}", seldom, "ringing day"]
    found = Rows(["time", *names], [(DAY, 5, 2, 0, 4, 1, 3, 5), (DAY + timedelta(days=1), 1, 2, 0, 4, 1, 3, None)])
    order = [name for name, _, _ in bands_together(panel, series_of(board, found))]
    assert order == [f"from, {rare}", rare, f"from, {seldom}", seldom, "score", "usual", "ringing day"]
    body = drawn(board, panel, found)
    assert body.count("tonexty") == 2
    # A band is named once, by its upper bound: its lower one has no colour to show.
    shown = dict(re.findall(r'"name":"([^"]+)","showlegend":(\w+)', body))
    assert {name for name, is_shown in shown.items() if is_shown == "false"} == {f"from, {rare}", f"from, {seldom}"}


def test_figures_in_a_table_take_the_colour_of_their_level() -> None:
    board, panel = panel_of("column", "Which figures of ${column} stood out on ${day:text}?")
    body = drawn(board, panel, Rows(["figure", "score", "severity"], [("rows", 7.5, 2.5), ("mean", 1.5, 0.1)]))
    assert re.findall(r"<td([^>]*)>([^<]*)", body) == [
        *(("", "rows"), ("", "7.500"), (f' style="color: {COLORS["red"]}; font-weight: 600"', "2.50x")),
        *(("", "mean"), ("", "1.500"), (f' style="color: {COLORS["green"]}; font-weight: 600"', "0.10x")),
    ]


def test_times_are_by_the_dashboards_clock() -> None:
    board, _ = panel_of("column", "How much of ${column} is missing?")
    ((_, times, _),) = series_of(board, Rows(["time", "missing"], [(DAY, 0.1)]))
    assert times == [datetime(2022, 2, 1)]
    assert text_of(board, {}, DAY) == "2022-02-01 00:00"


def test_a_single_run_is_drawn_on_an_axis_of_hours() -> None:
    board, panel = panel_of("pipeline-health", "How long does each stage take?")
    body = drawn(board, panel, Rows(["time", "metric", "value"], [(DAY, "dbt", 9.0), (DAY, "train", 3.0)]))
    assert '"range":["2022-01-31T18:00:00","2022-02-01T06:00:00"]' in body
    assert body.count('"width":1728000.0') == 2, "as wide as can be seen"


def test_days_keep_the_axis_that_fits_them() -> None:
    board, panel = panel_of("column", "How much of ${column} is missing?")
    body = drawn(board, panel, Rows(["time", "missing"], [(DAY, 0.004), (DAY + timedelta(days=1), 0.006)]))
    assert '"range":["2022' not in body


def test_small_shares_are_told_apart_and_begin_at_zero() -> None:
    board, panel = panel_of("column", "How much of ${column} is missing?")
    body = drawn(board, panel, Rows(["time", "missing"], [(DAY, 0.004), (DAY + timedelta(days=1), 0.006)]))
    assert '"tickformat":".2%"' in body
    assert '"rangemode":"tozero"' in body


@pytest.mark.parametrize(
    ("unit", "value", "words"),
    [
        ("s", 0.4567, "0.5 s"),
        ("s", 42.0, "42 s"),
        ("s", 60.0, "1 minute"),
        ("s", 7300, "2 hours"),
        ("d", 1.0, "1 day"),
        ("d", 12.34, "12.3 days"),
        ("short", 68705, "68,705"),
        ("short", 1234567.0, "1,234,567"),
        ("suffix:x", 2.5, "2.5x"),
    ],
)
def test_figures_in_words(unit: str, value: float, words: str) -> None:
    board, _ = panel_of("column", "How much of ${column} is missing?")
    assert text_of(board, {"unit": unit}, value) == words


def test_a_minute_ago_is_one_minute() -> None:
    board, _ = panel_of("pipeline-health", "When did a run last succeed?")
    at = (datetime.now(UTC) - timedelta(seconds=61)).timestamp() * 1000
    assert text_of(board, {"unit": "dateTimeFromNow"}, at) == "1 minute ago"
