"""The preview's drawings: the days, bands, clock, words and faults that Grafana shows of the same panel and rows."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from config.paths import ROOT
from grafana.preview.asking import OpenDashboard, Rows, open_dashboard
from grafana.preview.charts import COLORS, bands_together, series_of, symlog, with_gaps
from grafana.preview.display import field_of, formatted
from grafana.preview.drawing import drawn

FOLDER = ROOT / "grafana" / "dashboards"
DAY = datetime(2022, 2, 1, tzinfo=UTC)


def panel_of(uid: str, title: str) -> tuple[OpenDashboard, dict[str, Any]]:
    board = open_dashboard(FOLDER / f"{uid}.json")
    (panel,) = [panel for panel in board.panels() if panel["title"] == title]
    return board, panel


@pytest.mark.parametrize(
    ("title", "words"), [("How much is missing?", "no value"), ("How far has the prediction drifted?", "no value")]
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
    board, panel = panel_of("column", "Is ${statistic:text} of ${column} usual?")
    rare, seldom = "1 day in 100 goes beyond", "1 day in 10 goes beyond"
    names = ["score", "usual", f"from, {rare}", rare, f"from, {seldom}", seldom, "firing day"]
    found = Rows(["time", *names], [(DAY, 5, 2, 0, 4, 1, 3, 5), (DAY + timedelta(days=1), 1, 2, 0, 4, 1, 3, None)])
    order = [name for name, _, _ in bands_together(panel, series_of(board, found))]
    assert order == [f"from, {rare}", rare, f"from, {seldom}", seldom, "score", "usual", "firing day"]
    body = drawn(board, panel, found)
    assert body.count("tonexty") == 2
    # A band is named once, by its upper bound: its lower one has no colour to show.
    shown = dict(re.findall(r'"name":"([^"]+)","showlegend":(\w+)', body))
    assert {name for name, is_shown in shown.items() if is_shown == "false"} == {f"from, {rare}", f"from, {seldom}"}


def test_figures_in_a_table_take_the_colour_of_their_level() -> None:
    board, panel = panel_of("column", "Which figures of ${column} stood out on ${day:text}?")
    body = drawn(board, panel, Rows(["figure", "score", "ratio"], [("rows", 7.5, 2.5), ("mean", 1.5, 0.1)]))
    assert re.findall(r'<td(?: style="([^"]*)")?>([^<]*)', body) == [
        *(("white-space: normal", "rows"), ("text-align: right", "7.500")),
        (f"color: {COLORS['red']}; font-weight: 600; text-align: right", "2.50 x"),
        *(("white-space: normal", "mean"), ("text-align: right", "1.500")),
        (f"color: {COLORS['green']}; font-weight: 600; text-align: right", "0.10 x"),
    ]


def test_times_are_by_the_dashboards_clock() -> None:
    board, panel = panel_of("column", "How much of it is missing?")
    ((_, times, _),) = series_of(board, Rows(["time", "missing"], [(DAY, 0.1)]))
    assert times == [datetime(2022, 2, 1)]
    ((_, times, _),) = series_of(board, Rows(["time", "missing"], [(date(2022, 2, 1), 0.1)]))
    assert times == [datetime(2022, 2, 1)], "a day stands under its own date"
    assert field_of(panel, "time", board.timezone).show(DAY).text == "2022-02-01 00:00:00"


def a_table(*overrides: tuple[dict[str, str], dict[str, Any]], **defaults: Any) -> dict[str, Any]:
    thresholds = {"steps": [{"color": "blue", "value": None}]}
    return {
        "type": "table",
        "gridPos": {"w": 12, "h": 8},
        "options": {},
        "fieldConfig": {
            "defaults": {"thresholds": thresholds, **defaults},
            "overrides": [
                {"matcher": matcher, "properties": [{"id": name, "value": value} for name, value in settings.items()]}
                for matcher, settings in overrides
            ],
        },
    }


def cells(panel: dict[str, Any], columns: list[str], *rows: tuple[Any, ...]) -> list[str]:
    board, _ = panel_of("column", "How much of it is missing?")
    return re.findall(r"<td[^>]*>(?:<a [^>]*>)?([^<]*)", drawn(board, panel, Rows(columns, list(rows))))


def test_a_date_is_midnight_utc_and_by_a_western_clock_the_evening_before() -> None:
    assert cells(a_table(), ["since"], (date(2022, 2, 24),)) == ["2022-02-24 00:00:00"]
    shown = field_of(a_table(), "since", "America/New_York").show(date(2022, 2, 24))
    assert shown.text == "2022-02-23 19:00:00"


def test_the_word_for_an_empty_panel_stands_in_every_empty_cell() -> None:
    panel = a_table(noValue="Nothing here")
    assert cells(panel, ["state", "resolved"], ("open", None)) == ["open", "Nothing here"]
    assert "Nothing here" in drawn(panel_of("column", "How much of it is missing?")[0], panel, Rows(["a"], []))
    kept = ({"id": "byRegexp", "options": "/.*/"}, {"noValue": ""})
    assert cells(a_table(kept, noValue="Nothing here"), ["state", "resolved"], ("open", None)) == ["open", ""]


def test_an_empty_cell_leaks_into_a_link() -> None:
    link = [{"title": "", "url": "/d/column?${__url_time_range}&var-column=${__data.fields.column}"}]
    panel = a_table(({"id": "byName", "options": "day"}, {"links": link}), noValue="No such alert")
    board, _ = panel_of("column", "How much of it is missing?")
    body = drawn(board, panel, Rows(["day", "column"], [("Mon", None), ("Tue", "a (b) & c")]))
    assert "&amp;var-column=No%20such%20alert" in body
    assert "&amp;var-column=a%20%28b%29%20%26%20c" in body


def test_an_override_that_is_not_known_is_no_silence() -> None:
    with pytest.raises(ValueError, match="'byFrameRefID' is not understood"):
        cells(a_table(({"id": "byFrameRefID", "options": "A"}, {"unit": "s"})), ["a"], (1,))


def test_a_tile_names_its_figures_only_in_that_text_mode() -> None:
    board, panel = panel_of("model-monitoring", "How many rows came?")
    rows = Rows(["critical", "warning"], [(1, 0)])
    assert "<small>critical</small>" not in drawn(board, panel, rows)
    for mode, named in (("value_and_name", True), ("auto", True), ("none", False)):
        panel["options"]["textMode"] = mode
        assert ("<small>critical</small>" in drawn(board, panel, rows)) is named


def test_words_are_no_figure_of_a_tile_that_asks_for_numbers() -> None:
    board, panel = panel_of("model-monitoring", "How many rows came?")
    panel["options"]["reduceOptions"].pop("fields", None)
    assert "as usual" not in drawn(board, panel, Rows(["verdict"], [("as usual",)]))
    panel["options"]["reduceOptions"]["fields"] = "/.*/"
    assert "as usual" in drawn(board, panel, Rows(["verdict"], [("as usual",)]))


@pytest.mark.parametrize(("longest", "label"), [(0, "..."), (5, "Manha..."), (None, "Manhattan")])
def test_a_label_is_cut_to_its_length(longest: int | None, label: str) -> None:
    board, panel = panel_of("column", "How does ${column} on ${day:text} compare with the reference?")
    panel["options"].pop("xTickLabelMaxLength", None)
    if longest is not None:
        panel["options"]["xTickLabelMaxLength"] = longest
    body = drawn(board, panel, Rows(["value", "that day", "reference"], [("Manhattan", 0.2, 0.3)]))
    assert f'"ticktext":["{label}"]' in body


def test_nothing_but_zeros_has_an_axis_to_ten_thousand_percent() -> None:
    board, panel = panel_of("column", "How much of it is missing?")
    panel["fieldConfig"]["defaults"]["custom"].pop("axisSoftMax", None)
    rows = Rows(["time", "missing"], [(DAY, 0.0)])
    assert '"range":[0,100]' in drawn(board, panel, rows)
    panel["fieldConfig"]["defaults"]["custom"]["axisSoftMax"] = 0.05
    assert '"range":[0,0.05]' in drawn(board, panel, rows)


def test_a_line_has_a_gap_only_where_there_is_a_row_without_a_value() -> None:
    board, _ = panel_of("column", "How much of it is missing?")
    later = DAY + timedelta(days=2)
    ((_, times, _),) = series_of(board, Rows(["time", "missing"], [(DAY, 0.1), (later, 0.2)]))
    assert len(times) == 2, "the day between is bridged"
    gaps = with_gaps({"custom.insertNulls": 36 * 3_600_000}, times, [0.1, 0.2])
    assert gaps == ([*times[:1], times[0] + timedelta(hours=36), *times[1:]], [0.1, None, 0.2])
    assert with_gaps({"custom.insertNulls": 49 * 3_600_000}, times, [0.1, 0.2]) == (times, [0.1, 0.2])
    long = Rows(["time", "metric", "value"], [(DAY, "a", 1.0), (later, "a", 2.0), (DAY + timedelta(days=1), "b", 3.0)])
    assert [values for _, _, values in series_of(board, long)] == [[1.0, None, 2.0], [None, 3.0, None]]


def test_a_day_of_sixteen_leaves_the_others_to_be_seen() -> None:
    assert [symlog(value) for value in (None, 0, 0.5, 1, 2, 16)] == [None, 0, 0.5, 1, 2, 5]
    board, panel = panel_of("model-monitoring", "How bad was each day, and which ones fired?")
    rows = Rows(["time", "metric", "value"], [(DAY, "columns", 0.5), (DAY + timedelta(days=1), "columns", 16.0)])
    body = drawn(board, panel, rows)
    assert '"y":[0.5,5.0]' in body
    assert '"ticktext":["0","1","2","4","8","16"]' in body


def test_words_that_read_as_numbers_are_words() -> None:
    board, panel = panel_of("column", "What moved on ${day:text}?")
    body = drawn(board, panel, Rows(["value", "change"], [("75", -0.13)]))
    assert re.findall(r"<td[^>]*>([^<]*)", body) == ["75", "-13.0%"]
    board, panel = panel_of("column", "How does ${column} on ${day:text} compare with the reference?")
    assert '"ticktext":["75"]' in drawn(board, panel, Rows(["value", "that day", "reference"], [("75", 0.1, 0.2)]))


def test_charts_have_the_time_range_of_their_dashboard() -> None:
    board, panel = panel_of("pipeline-health", "How long does each stage take?")
    custom = panel["fieldConfig"]["defaults"]["custom"]
    pixels = custom.pop("barMaxWidth")
    rows = Rows(["time", "metric", "value"], [(datetime.fromisoformat(board.time_to), "dbt", 9.0)])
    figure = drawn(board, panel, rows)
    start = datetime.fromisoformat(board.time_from).astimezone(ZoneInfo(board.timezone))
    assert f'"range":["{start:%Y-%m-%dT%H:%M:%S}' in figure
    (width,) = re.findall(r'"width":([\d.]+)[,}]', figure.split('"type":"bar"')[0].split("Plotly.newPlot")[1]) or [0]
    assert float(width) > 2 * 86_400_000, "one run is as wide as two days: Grafana caps a bar in pixels only"
    custom["barMaxWidth"] = pixels
    (width,) = re.findall(
        r'"width":([\d.]+)[,}]', drawn(board, panel, rows).split('"type":"bar"')[0].split("newPlot")[1]
    )
    assert float(width) < 86_400_000


def test_small_shares_are_told_apart_and_begin_at_zero() -> None:
    board, panel = panel_of("column", "How much of it is missing?")
    body = drawn(board, panel, Rows(["time", "missing"], [(DAY, 0.004), (DAY + timedelta(days=1), 0.006)]))
    assert '"tickformat":".2%"' in body


@pytest.mark.parametrize(
    ("unit", "decimals", "value", "words"),
    [
        ("none", 1, 27, "27.0"),
        ("none", None, 27, "27"),
        ("none", None, 2064.5, "2065"),
        ("none", None, 0.34444, "0.344"),
        ("s", None, 0.4567, "457 ms"),
        ("s", None, 42.0, "42 s"),
        ("s", None, 7300, "2.03 hours"),
        ("d", None, 1.0, "1 day"),
        ("d", 1, 12.34, "1.8 weeks"),
        ("short", None, 68705, "68.7 K"),
        ("locale", 0, 68705.0, "68,705"),
        ("short", None, 1234567.0, "1.23 Mil"),
        ("short", None, 1645592400000, "1.65 Tri"),
        ("suffix:x", 2, 2.5, "2.50 x"),
        ("percentunit", 1, 0.27, "27.0%"),
        ("sci", None, 1.5e-7, "1.5e-7"),
        ("dateTimeAsIso", None, 1645592400000, "2022-02-23 00:00:00"),
    ],
)
def test_figures_in_words(unit: str, decimals: int | None, value: float, words: str) -> None:
    assert formatted(value, unit, decimals, "America/New_York") == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(10, "a few seconds ago"), (61, "a minute ago"), (7300, "2 hours ago"), (90000, "a day ago")]
)
def test_how_long_ago(seconds: float, words: str) -> None:
    at = (datetime.now(UTC) - timedelta(seconds=seconds)).timestamp() * 1000
    assert formatted(at, "dateTimeFromNow", None, "UTC") == words


def test_every_unit_of_the_dashboards_is_known() -> None:
    for path in FOLDER.glob("*.json"):
        for panel in open_dashboard(path).panels():
            names = [one["matcher"]["options"] for one in panel["fieldConfig"]["overrides"]]
            for name in ("", *(name for name in names if name.isalnum())):
                field_of(panel, name, "UTC").show(1.5)
