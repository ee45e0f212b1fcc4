"""Charts of the preview, by plotly: the days, series, colours, labels and ranges that Grafana's charts have.

In: a panel as its dashboard's JSON has it, the rows of its query, and the dashboard's annotations. Called by
grafana.preview.drawing. Where Grafana's rule makes a poor chart - a label cut to "...", an axis to 10000 % over nothing
but zeros, one bar as wide as two days - so it is here.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import plotly.graph_objects as go

from grafana.preview.asking import OpenDashboard, Rows
from grafana.preview.display import field_of, formatted, instant, mapping

ROW_PIXELS = 34
PAGE_PIXELS = 1366
COLORS = {
    "green": "#4a9d5b",
    "yellow": "#e0b400",
    "orange": "#e8762b",
    "red": "#c4262e",
    "blue": "#3b78c4",
    "purple": "#8f5bb5",
    "light-purple": "#b877d9",
    "dark-purple": "#6b3a91",
    "text": "#5c6670",
    "transparent": "rgba(0, 0, 0, 0)",
}
# Of the time between two bars, and in pixels: uPlot's.
BAR_SHARE, BAR_PIXELS = 0.6, 200
# What Grafana's chart is high over a query that has nothing but zeros.
OVER_ZEROS = 100
Series = tuple[str, list[datetime], list[Any]]
# An annotation of the dashboard, and its rows.
Mark = tuple[dict[str, Any], Rows]


def _lines(board: OpenDashboard, panel: dict[str, Any], found: Rows, marks: list[Mark]) -> str:
    figure = go.Figure()
    named: set[str] = set()
    is_symlog = _is_symlog(panel)
    stacked = _panel_settings(panel).get("custom.stacking", {}).get("mode") == "normal"
    for name, times, values in bands_together(panel, series_of(board, found)):
        settings = field_of(panel, name, board.timezone).settings
        times, values = with_gaps(settings, times, [symlog(one) for one in values] if is_symlog else values)
        style = settings.get("custom.drawStyle", "line")
        fixed = settings.get("color") or {}
        color = COLORS.get(fixed["fixedColor"], fixed["fixedColor"]) if fixed.get("mode") == "fixed" else None
        axis = "y2" if settings.get("custom.axisPlacement") == "right" else "y"
        in_legend = not settings.get("custom.hideFrom", {}).get("legend")
        if settings.get("custom.hideFrom", {}).get("viz"):
            continue
        if style == "bars":
            width = _bar_width(board, panel, times, settings).total_seconds() * 1000
            figure.add_bar(
                name=name, x=times, y=values, marker_color=color, yaxis=axis, width=width, showlegend=in_legend
            )
            continue
        dash = "dash" if settings.get("custom.lineStyle", {}).get("fill") == "dash" else "solid"
        fill: dict[str, str] = {}
        if "custom.fillBelowTo" in settings and color:
            fill = {"fill": "tonexty", "fillcolor": _translucent(color, settings["custom.fillOpacity"])}
        line = {"color": color, "dash": dash, "width": settings.get("custom.lineWidth", 1)}
        if settings.get("custom.lineWidth") == 0 or settings.get("custom.spanNulls"):
            # The bounds of a band, too: plotly fills wrongly across a gap.
            known = [(time, value) for time, value in zip(times, values, strict=True) if value is not None]
            times, values = [time for time, _ in known], [value for _, value in known]
        points = settings.get("custom.showPoints", "auto")
        mode = "markers" if style == "points" else "lines" if points == "never" else "lines+markers"
        marker = {"size": settings.get("custom.pointSize", 6)}
        figure.add_scatter(
            name=name,
            x=times,
            y=values,
            mode=mode,
            line=line,
            marker=marker,
            yaxis=axis,
            showlegend=in_legend and name not in named,
            **fill,
        )
        named.add(name)
    _time_axis(figure, board)
    _value_axis(figure, panel, stacked=stacked)
    _levels(figure, panel)
    for mark, marked in marks:
        line = {"color": COLORS.get(mark["iconColor"], mark["iconColor"]), "width": 1, "dash": "dash"}
        for row in marked.rows:
            figure.add_vline(_local(board, row[marked.columns.index("time")]), line=line)
    right = next((trace.name for trace in figure.data if trace.yaxis == "y2"), None)
    unit = field_of(panel, right or "", board.timezone).settings.get("unit", "")
    figure.update_layout(
        barmode="stack" if stacked else "overlay",
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "showgrid": False,
            **({"tickformat": ".0%", "range": [0, 1]} if unit == "percentunit" else {}),
        },
    )
    return _figure_html(figure, panel)


def bands_together(panel: dict[str, Any], series: list[Series]) -> list[Series]:
    """The series, each that is filled down to another one right after it: plotly fills to the one before.

    A lower bound that bands share comes once for each of them.
    """
    lower_of = {name: field_of(panel, name, "UTC").settings.get("custom.fillBelowTo") for name, _, _ in series}
    by_name = {one[0]: one for one in series}
    bands = [(by_name[lower], by_name[name]) for name, lower in lower_of.items() if lower in by_name]
    in_bands = {one[0] for band in bands for one in band}
    # Of bands that nest the widest comes first, and so lies below the others.
    order = list(by_name)
    bands.sort(key=lambda band: (order.index(band[0][0]), -order.index(band[1][0])))
    return [*itertools.chain(*bands), *(one for one in series if one[0] not in in_bands)]


def _translucent(color: str, percent: int) -> str:
    red, green, blue = (int(color[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {percent / 100:g})"


def _time_axis(figure: go.Figure, board: OpenDashboard) -> None:
    """The dashboard's time range, whatever the rows cover."""
    figure.update_xaxes(range=[_local(board, datetime.fromisoformat(one)) for one in (board.time_from, board.time_to)])


def _bar_width(
    board: OpenDashboard, panel: dict[str, Any], times: list[datetime], settings: dict[str, Any]
) -> timedelta:
    """A share of the time between the two nearest bars; a single one may take its largest width."""
    span = datetime.fromisoformat(board.time_to) - datetime.fromisoformat(board.time_from)
    pixels = float(PAGE_PIXELS * panel["gridPos"]["w"] / 24)
    widest = span * min(float(settings.get("custom.barMaxWidth", BAR_PIXELS)) / pixels, 1.0)
    apart: timedelta = min((later - earlier for earlier, later in itertools.pairwise(sorted(set(times)))), default=span)
    own: timedelta = apart * float(settings.get("custom.barWidthFactor", BAR_SHARE))
    return min(own, widest)


def _value_axis(figure: go.Figure, panel: dict[str, Any], *, stacked: bool = False) -> None:
    """Ticks in the panel's unit, between the bounds that the panel sets."""
    settings = _panel_settings(panel)
    unit = settings.get("unit", "")
    low, high = settings.get("min"), settings.get("max")
    soft = settings.get("custom.axisSoftMax")
    values = [float(value) for trace in figure.data for value in trace.y or () if value is not None]
    top = max(values, default=0.0)
    if not any(values) and high is None:
        figure.update_yaxes(range=[low or 0, soft or OVER_ZEROS])
        top = soft or OVER_ZEROS
    elif not stacked and (high is not None or soft is not None):
        bounds = [low if low is not None else min([*values, 0.0]), high if high is not None else max(soft or top, top)]
        figure.update_yaxes(range=bounds)
    elif low is not None:
        figure.update_yaxes(rangemode="tozero")
    if unit == "percentunit":
        # No tick is shown as its neighbour: as many digits as the span asks for.
        figure.update_yaxes(tickformat=f".{0 if top > 0.1 or top == 0 else 1 if top > 0.01 else 2}%")
    elif unit in ("s", "d") or unit.startswith("suffix:"):
        figure.update_yaxes(ticksuffix=f" {unit.removeprefix('suffix:')}")
    if settings.get("custom.scaleDistribution", {}).get("type") == "log":
        figure.update_yaxes(type="log", range=None, autorange=True)
    if _is_symlog(panel):
        ticks = [0, *(2**power for power in range(max(int(top), 1)))]
        figure.update_yaxes(tickvals=[symlog(tick) for tick in ticks], ticktext=[f"{tick}" for tick in ticks])


def _levels(figure: go.Figure, panel: dict[str, Any]) -> None:
    """The panel's thresholds, where it draws them."""
    settings = _panel_settings(panel)
    mode = settings.get("custom.thresholdsStyle", {}).get("mode", "off")
    if mode == "off":
        return
    steps = [step for step in settings["thresholds"]["steps"] if step["value"] is not None]
    tops = [*(step["value"] for step in steps[1:]), None]
    for step, top in zip(steps, tops, strict=True):
        at = [symlog(one) if _is_symlog(panel) else one for one in (step["value"], top)]
        low, high = float(at[0] or 0), at[1]
        if "area" in mode:
            color = _translucent(COLORS[step["color"]], 12)
            # Of the highest level up to where no chart reaches.
            figure.add_hrect(low, low + 20 if high is None else high, fillcolor=color, line_width=0, layer="below")
        else:
            dash = "dash" if "dashed" in mode else "solid"
            figure.add_hline(low, line={"color": COLORS[step["color"]], "width": 1, "dash": dash})


def symlog(value: Any) -> float | None:
    """Where a value stands on an axis that is linear up to 1 and goes by powers of two above."""
    return (
        None if value is None else float(value) if abs(value) <= 1 else math.copysign(1 + math.log2(abs(value)), value)
    )


def _is_symlog(panel: dict[str, Any]) -> bool:
    return bool(_panel_settings(panel).get("custom.scaleDistribution", {}).get("type") == "symlog")


def with_gaps(settings: dict[str, Any], times: list[datetime], values: list[Any]) -> tuple[list[datetime], list[Any]]:
    """The series, broken where the panel says that so long without a row is a gap."""
    longest = settings.get("custom.insertNulls")
    if not longest:
        return times, values
    known = list(zip(times, values, strict=True))
    broken = known[:1]
    for (before, _), now in itertools.pairwise(known):
        after = before + timedelta(milliseconds=float(longest))
        broken += [(after, None), now] if now[0] > after else [now]
    return [time for time, _ in broken], [value for _, value in broken]


def _grid(board: OpenDashboard, panel: dict[str, Any], found: Rows, marks: list[Mark]) -> str:
    """A cell per series and time, in the colour its value has."""
    settings = _panel_settings(panel)
    unit, decimals = settings.get("unit", ""), settings.get("decimals")
    steps = settings["thresholds"]["steps"]
    cells: dict[tuple[int, str, str], list[tuple[datetime, str, str]]] = {}
    for name, times, values in series_of(board, found):
        field = field_of(panel, name, board.timezone)
        for time, value in zip(times, values, strict=True):
            if value is None:
                continue
            shown, mapped = field.show(value), mapping(field.settings, value)
            at = max(
                (at for at, step in enumerate(steps) if step["value"] is None or value >= step["value"]), default=0
            )
            level = f"{formatted(float(steps[at]['value']), unit, decimals, board.timezone)}+" if at else "lower"
            key = (-1, str(mapped["text"]), shown.color) if mapped.get("text") else (at, level, shown.color)
            cells.setdefault(key, []).append((time, name, shown.text))
    figure = go.Figure()
    for (_, level, color), inside in sorted(cells.items()):
        figure.add_scatter(
            name=level,
            x=[cell[0] for cell in inside],
            y=[cell[1] for cell in inside],
            text=[cell[2] for cell in inside],
            mode="markers",
            marker={"symbol": "square", "size": 17, "color": COLORS.get(color, color)},
        )
    names = [name for name, _, _ in series_of(board, found)]
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=names[::-1])
    _time_axis(figure, board)
    return _figure_html(figure, panel)


def _categories(board: OpenDashboard, panel: dict[str, Any], found: Rows, marks: list[Mark]) -> str:
    """Bars side by side over the first column's words, cut to the length that the panel sets."""
    figure = go.Figure()
    longest = panel["options"].get("xTickLabelMaxLength")
    at_x = found.columns.index(panel["options"]["xField"])
    field = field_of(panel, found.columns[at_x], board.timezone)
    words = [field.show(row[at_x]).text for row in found.rows]
    labels = [word if longest is None or len(word) <= longest else f"{word[:longest]}..." for word in words]
    places = list(range(len(words)))
    for position, name in enumerate(found.columns):
        settings = field_of(panel, name, board.timezone).settings
        if position == at_x or settings.get("custom.hidden") or settings.get("custom.hideFrom", {}).get("viz"):
            continue
        fixed = settings.get("color") or {}
        color = COLORS.get(fixed["fixedColor"], fixed["fixedColor"]) if fixed.get("mode") == "fixed" else None
        figure.add_bar(name=name, x=places, y=[row[position] for row in found.rows], marker_color=color)
    figure.update_xaxes(
        tickmode="array", tickvals=places, ticktext=labels, tickangle=panel["options"].get("xTickLabelRotation", 0)
    )
    _value_axis(figure, panel)
    return _figure_html(figure, panel)


CHARTS: dict[str, Callable[[OpenDashboard, dict[str, Any], Rows, list[Mark]], str]] = {
    "timeseries": _lines,
    "status-history": _grid,
    "barchart": _categories,
}


def series_of(board: OpenDashboard, found: Rows) -> list[Series]:
    """Name, times by the dashboard's clock and values of each series, as Grafana makes them of rows.

    Series that a column `metric` names share their times: one that has no row where another has is a gap there.
    """
    if "metric" not in found.columns:
        times = [_local(board, row[0]) for row in found.rows]
        return [(name, times, [row[at] for row in found.rows]) for at, name in enumerate(found.columns) if at > 0]
    at_time, at_name, at_value = (found.columns.index(name) for name in ("time", "metric", "value"))
    times = sorted({_local(board, row[at_time]) for row in found.rows})
    by_name: dict[str, dict[datetime, Any]] = {}
    for row in found.rows:
        by_name.setdefault(str(row[at_name]), {})[_local(board, row[at_time])] = row[at_value]
    return [(name, times, [values.get(time) for time in times]) for name, values in by_name.items()]


def _local(board: OpenDashboard, time: Any) -> datetime:
    """What the dashboard's clock shows at an instant; plotly would draw another clock's time."""
    moment: datetime = instant(time)
    return moment.astimezone(ZoneInfo(board.timezone)).replace(tzinfo=None)


def _panel_settings(panel: dict[str, Any]) -> dict[str, Any]:
    """The panel's own settings, without the overrides of single fields."""
    return field_of(panel | {"fieldConfig": panel["fieldConfig"] | {"overrides": []}}, "", "UTC").settings


def _figure_html(figure: go.Figure, panel: dict[str, Any]) -> str:
    figure.update_layout(
        template="plotly_white",
        height=panel["gridPos"]["h"] * (ROW_PIXELS + 6) - 46,
        margin={"l": 10, "r": 10, "t": 4, "b": 4},
        legend={"orientation": "h", "y": -0.15, "font": {"size": 10}},
        showlegend=bool(panel["options"].get("legend", {}).get("showLegend", True)),
        font={"size": 11},
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    drawn: str = figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False})
    return drawn
