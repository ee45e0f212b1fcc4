"""Panels of the preview: what Grafana shows of a query's rows, in a simpler drawing, as HTML.

In: a panel as its dashboard's JSON has it, and the rows of its query. Called by grafana.preview.
"""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import plotly.graph_objects as go

from grafana.asking import OpenDashboard, Rows

ROW_PIXELS = 34
LEAST_SPAN = timedelta(hours=12)
COLORS = {
    "green": "#4a9d5b",
    "yellow": "#e0b400",
    "orange": "#e8762b",
    "red": "#c4262e",
    "blue": "#3b78c4",
    "text": "#5c6670",
}
_SUFFIXES = {"suffix:x": "x", "d": " days", "s": " s"}
Series = tuple[str, list[datetime], list[Any]]


def drawn(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    """The panel's body: its drawing, or what it says where there is nothing to draw."""
    if any(value is not None for row in found.rows for value in row):
        return _DRAWINGS[panel["type"]](board, panel, found)
    return f"<div class=empty>{html.escape(panel['fieldConfig']['defaults']['noValue'])}</div>"


def _stat(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    series = found.columns[0] == "time"
    names = found.columns[1:] if series else found.columns
    parts = []
    for name in names:
        values = [row[found.columns.index(name)] for row in found.rows]
        value = values[-1]
        mapped = _mapped(defaults, value)
        color = _word_color(defaults, value) or _threshold_color(_steps(panel, name), value)
        label = f"<small>{html.escape(name)}</small>" if len(names) > 1 else ""
        text = html.escape(mapped.get("text") or text_of(board, defaults, value))
        style = "stat words" if isinstance(value, str) or mapped.get("text") else "stat"
        figure = f'<span class="{style}" style="color: {color}">{label}{text}</span> '
        if series:
            spark = _sparkline([None if one is None else float(one) for one in values], color)
            figure = f'<div style="display: inline-block; width: {98 / len(names):g}%">{figure}{spark}</div>'
        parts.append(figure)
    return "".join(parts)


def _sparkline(values: list[float | None], color: str) -> str:
    """A small line without axes; days without a value are left out."""
    known = [(place, value) for place, value in enumerate(values) if value is not None]
    top = max((value for _, value in known), default=0.0) or 1.0
    wide = max(len(values) - 1, 1)
    points = " ".join(f"{100 * place / wide:.1f},{38 - 36 * value / top:.1f}" for place, value in known)
    return (
        '<svg viewBox="0 0 100 40" preserveAspectRatio="none" style="display: block; width: 100%; height: 55px">'
        f'<polyline points="{points}" fill="none" stroke="{color}" vector-effect="non-scaling-stroke"/></svg>'
    )


def _lines(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    as_bars = defaults["custom"].get("drawStyle") == "bars"
    figure = go.Figure()
    named: set[str] = set()
    for name, times, values in bands_together(panel, series_of(board, found)):
        settings = _settings(panel, name)
        style = settings.get("custom.drawStyle", "bars" if as_bars else "line")
        color = settings.get("color", {}).get("fixedColor")
        axis = "y2" if settings.get("custom.axisPlacement") == "right" else "y"
        if style == "bars":
            figure.add_bar(name=name, x=times, y=values, marker_color=COLORS.get(color), yaxis=axis)
            continue
        dash = "dash" if "custom.lineStyle" in settings else "solid"
        fill: dict[str, str] = {}
        if "custom.fillBelowTo" in settings:
            fill = {"fill": "tonexty", "fillcolor": _translucent(COLORS[color], settings["custom.fillOpacity"])}
        line = {"color": COLORS.get(color), "dash": dash, "width": settings.get("custom.lineWidth", 2)}
        if settings.get("custom.lineWidth") == 0:
            # The bounds of a band: plotly fills wrongly across a gap.
            known = [(time, value) for time, value in zip(times, values, strict=True) if value is not None]
            times, values = [time for time, _ in known], [value for _, value in known]
        points = settings.get("custom.showPoints", defaults["custom"].get("showPoints"))
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
            showlegend=name not in named and not settings.get("custom.hideFrom", {}).get("legend"),
            **fill,
        )
        named.add(name)
    _time_axis(figure)
    _value_axis(figure, defaults)
    if defaults["custom"].get("scaleDistribution", {}).get("type") == "log":
        figure.update_yaxes(type="log")
    stacked = defaults["custom"].get("stacking", {}).get("mode") == "normal"
    figure.update_layout(
        barmode="stack" if stacked else "group",
        yaxis2={"overlaying": "y", "side": "right", "tickformat": ".0%", "range": [0, 1], "showgrid": False},
    )
    return _figure_html(figure, panel)


def bands_together(panel: dict[str, Any], series: list[Series]) -> list[Series]:
    """The series, each that is filled down to another one right after it: plotly fills to the one before.

    A lower bound that bands share comes once for each of them.
    """
    lower_of = {name: _settings(panel, name).get("custom.fillBelowTo") for name, _, _ in series}
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


def _time_axis(figure: go.Figure) -> None:
    """At least LEAST_SPAN wide: of moments that lie closer together plotly would draw milliseconds."""
    times = sorted({time for trace in figure.data for time in trace.x or ()})
    if not times or times[-1] - times[0] >= LEAST_SPAN:
        return
    middle = times[0] + (times[-1] - times[0]) / 2
    figure.update_xaxes(range=[middle - LEAST_SPAN / 2, middle + LEAST_SPAN / 2])
    # Bars as wide as the closest two are apart, within what can be seen.
    apart = min((later - earlier for earlier, later in itertools.pairwise(times)), default=LEAST_SPAN / 20)
    width = min(max(apart * 0.8, LEAST_SPAN / 100), LEAST_SPAN / 20)
    figure.update_traces(width=width.total_seconds() * 1000, selector={"type": "bar"})


def _value_axis(figure: go.Figure, defaults: dict[str, Any]) -> None:
    """Ticks in the panel's unit, from its minimum on."""
    unit = defaults["unit"]
    if defaults.get("min") is not None:
        figure.update_yaxes(rangemode="tozero")
    if unit == "percentunit":
        # No tick is shown as its neighbour: as many digits as the span asks for.
        figure.update_yaxes(tickformat=f".{_share_digits(figure)}%")
    elif unit in _SUFFIXES:
        figure.update_yaxes(ticksuffix=_SUFFIXES[unit])


def _share_digits(figure: go.Figure) -> int:
    values = [value for trace in figure.data for value in trace.y or () if value is not None]
    top = max(values, default=1)
    return 0 if top > 0.1 or top == 0 else 1 if top > 0.01 else 2


def _grid(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    cells = [
        (time, name, value)
        for name, times, values in series_of(board, found)
        for time, value in zip(times, values, strict=True)
        if value is not None
    ]
    figure = go.Figure()
    for position, step in enumerate(steps):
        upper = steps[position + 1]["value"] if position + 1 < len(steps) else float("inf")
        lower = float("-inf") if step["value"] is None else step["value"]
        inside = [cell for cell in cells if lower <= cell[2] < upper]
        figure.add_scatter(
            name=f"from {lower:g}" if step["value"] is not None else "below",
            x=[cell[0] for cell in inside],
            y=[cell[1] for cell in inside],
            text=[f"{cell[2]:.3g}" for cell in inside],
            mode="markers",
            marker={"symbol": "square", "size": 17, "color": COLORS[step["color"]]},
        )
    return _figure_html(figure, panel)


def _heat(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    series = series_of(board, found)
    times = sorted({time for _, times, _ in series for time in times})
    cells = [[dict(zip(times_, values, strict=True)).get(time) for time in times] for _, times_, values in series]
    names = [name for name, _, _ in series]
    figure = go.Figure(go.Heatmap(x=times, y=names, z=cells, colorscale="Oranges", zmin=0, xgap=1, ygap=1))
    return _figure_html(figure, panel)


def _categories(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    figure = go.Figure()
    words = [f"{row[0]}" for row in found.rows]
    for position, name in enumerate(found.columns[1:], start=1):
        color = _settings(panel, name).get("color", {}).get("fixedColor")
        figure.add_bar(name=name, x=words, y=[row[position] for row in found.rows], marker_color=COLORS.get(color))
    figure.update_xaxes(type="category")
    _value_axis(figure, panel["fieldConfig"]["defaults"])
    return _figure_html(figure, panel)


def _table(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    settings = {name: _settings(panel, name) for name in found.columns}
    shown = [name for name in found.columns if not settings[name].get("custom.hidden")]
    head = "".join(
        f'<th style="min-width: {settings[name].get("custom.width", 20) - 20}px">{html.escape(name)}</th>'
        for name in shown
    )
    lines = []
    for row in found.rows:
        cells = []
        for name in shown:
            value = row[found.columns.index(name)]
            defaults = panel["fieldConfig"]["defaults"] | settings[name]
            color = _word_color(defaults, value)
            if isinstance(value, int | float) and "custom.cellOptions" in settings[name]:
                color = _threshold_color(_steps(panel, name), value)
            style = f' style="color: {color}; font-weight: 600"' if color else ""
            cells.append(f"<td{style}>{html.escape(text_of(board, defaults, value))}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


_DRAWINGS: dict[str, Callable[[OpenDashboard, dict[str, Any], Rows], str]] = {
    "stat": _stat,
    "timeseries": _lines,
    "status-history": _grid,
    "heatmap": _heat,
    "barchart": _categories,
    "table": _table,
}


def series_of(board: OpenDashboard, found: Rows) -> list[Series]:
    """Name, times by the dashboard's clock and values of each series, as Grafana makes them of rows."""
    if "metric" not in found.columns:
        times = [_local(board, row[0]) for row in found.rows]
        return [(name, times, [row[at] for row in found.rows]) for at, name in enumerate(found.columns) if at > 0]
    by_name: dict[str, tuple[list[datetime], list[Any]]] = {}
    for time, name, value in found.rows:
        times, values = by_name.setdefault(name, ([], []))
        times.append(_local(board, time))
        values.append(value)
    return [(name, *both) for name, both in by_name.items()]


def _local(board: OpenDashboard, time: datetime) -> datetime:
    """What the dashboard's clock shows at an instant; plotly would draw another clock's time."""
    return time.astimezone(ZoneInfo(board.document["timezone"])).replace(tzinfo=None)


def _settings(panel: dict[str, Any], name: str) -> dict[str, Any]:
    """The overrides that hold for a field."""
    found: dict[str, Any] = {}
    for override in panel["fieldConfig"]["overrides"]:
        kind, options = override["matcher"]["id"], override["matcher"]["options"]
        if (kind == "byName" and options == name) or (kind == "byRegexp" and re.fullmatch(options, name)):
            found |= {one["id"]: one["value"] for one in override["properties"]}
    return found


def _steps(panel: dict[str, Any], name: str) -> list[dict[str, Any]]:
    thresholds = _settings(panel, name).get("thresholds", panel["fieldConfig"]["defaults"]["thresholds"])
    steps: list[dict[str, Any]] = thresholds["steps"]
    return steps


def _threshold_color(steps: list[dict[str, Any]], value: Any) -> str:
    if not isinstance(value, int | float):
        return COLORS["text"]
    passed = [step for step in steps if step["value"] is None or value >= step["value"]]
    return COLORS[passed[-1]["color"]]


def _mapped(defaults: dict[str, Any], value: Any) -> dict[str, Any]:
    """What a value mapping says of a value: its `text` and `color`, as far as they are set."""
    found: dict[str, Any]
    for mapping in defaults.get("mappings") or []:
        if mapping["type"] == "special":
            if value is None and "null" in mapping["options"]["match"]:
                found = mapping["options"]["result"]
                return found
        elif str(value) in mapping["options"]:
            found = mapping["options"][str(value)]
            return found
    return {}


def _word_color(defaults: dict[str, Any], value: Any) -> str:
    color = _mapped(defaults, value).get("color")
    return COLORS[color] if color else ""


def text_of(board: OpenDashboard, defaults: dict[str, Any], value: Any) -> str:
    """A value with its unit."""
    unit, decimals = defaults.get("unit", ""), defaults.get("decimals")
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{_local(board, value):%Y-%m-%d %H:%M}"
    if isinstance(value, str | date | bool):
        return str(value)
    number = float(value)
    if unit == "percentunit":
        return f"{number:.{1 if decimals is None else decimals}%}"
    if unit == "dateTimeFromNow":
        return f"{_duration(datetime.now(UTC).timestamp() - number / 1000)} ago"
    if unit == "s":
        return _duration(number)
    if unit == "sci":
        return f"{number:.1e}"
    words = "" if unit not in _SUFFIXES else " day" if unit == "d" and number == 1 else _SUFFIXES[unit]
    if decimals is not None and number % 1:
        return f"{number:,.{decimals}f}{words}"
    return f"{number:,.0f}{words}" if abs(number) >= 1000 or not number % 1 else f"{number:,.3g}{words}"


def _duration(seconds: float) -> str:
    """Seconds in a person's words, in the largest unit that fits."""
    for size, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = round(seconds / size)
            return f"{count} {name}{'s' * (count != 1)}"
    return f"{seconds:.1f} s" if 0 < seconds < 10 else f"{seconds:.0f} s"


def _figure_html(figure: go.Figure, panel: dict[str, Any]) -> str:
    figure.update_layout(
        template="plotly_white",
        height=panel["gridPos"]["h"] * (ROW_PIXELS + 6) - 46,
        margin={"l": 10, "r": 10, "t": 4, "b": 4},
        legend={"orientation": "h", "y": -0.15, "font": {"size": 10}},
        font={"size": 11},
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    drawn: str = figure.to_html(full_html=False, include_plotlyjs=False, config={"displayModeBar": False})
    return drawn
