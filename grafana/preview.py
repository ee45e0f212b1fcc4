"""The dashboards as plain HTML pages, without Grafana: `make preview`, for a first look where there is no Docker.

In: the committed dashboards and the warehouse in use, asked as the role `dashboard`. Out: a page each under `reports/`,
with the default time range and the first option of every variable, or with MODEL and COLUMN as they were given. Panels
show what Grafana shows - the same queries, titles, units and colours - in a simpler drawing; nothing can be chosen.
"""

from __future__ import annotations

import html
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from grafana.asking import DASHBOARDS, OpenDashboard, Rows, as_dashboard, open_dashboard
from pipeline import database
from pipeline.database import Connection
from pipeline.errors import DatabaseError, WarehouseError
from pipeline.settings import ROOT

ROW_PIXELS = 34
COLORS = {
    "green": "#4a9d5b",
    "yellow": "#e0b400",
    "orange": "#e8762b",
    "red": "#c4262e",
    "blue": "#3b78c4",
    "text": "#5c6670",
}
_STYLE = """
body {margin: 16px; background: #f4f5f7; color: #24292f; font: 13px system-ui, sans-serif}
h1 {font-size: 20px; margin: 0 0 2px} p {margin: 0 0 12px; color: #5c6670}
main {display: grid; grid-template-columns: repeat(24, 1fr); grid-auto-rows: 34px; gap: 6px}
section {background: #fff; border: 1px solid #dfe3e8; border-radius: 4px; padding: 6px 10px; overflow: hidden;
  display: flex; flex-direction: column}
h2 {font-size: 12px; margin: 0 0 4px; font-weight: 600; white-space: nowrap; overflow: hidden; text-overflow: ellipsis}
.body {flex: 1; min-height: 0; overflow: auto} .stat {font-size: 25px; font-weight: 600; line-height: 1.25}
.stat.words {font-size: 17px} .stat small {font-size: 12px; font-weight: 400; color: #5c6670; margin-right: 4px}
.empty {color: #8a939c; padding-top: 6px} table {border-collapse: collapse; width: 100%; font-size: 12px}
th {text-align: left; color: #5c6670; font-weight: 600; position: sticky; top: 0; background: #fff}
td, th {padding: 3px 12px 3px 0; border-bottom: 1px solid #edf0f2; vertical-align: top}
pre {white-space: pre-wrap; margin: 0}
"""


def main() -> None:
    """Write the pages and print their paths; an expected error is one line."""
    folder = Path(os.environ.get("REPORT_DIR") or ROOT / "reports") / "dashboards"
    chosen = {"model_version": os.environ.get("MODEL", ""), "column": os.environ.get("COLUMN", "")}
    try:
        with database.warehouse():
            for path in write_pages(folder, **{name: value for name, value in chosen.items() if value}):
                sys.stdout.write(f"{path}\n")
    except WarehouseError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(error.exit_code)


def write_pages(folder: Path, **chosen: str) -> list[Path]:
    """A page for every dashboard, each complete or not at all; gives their paths.

    Raises:
        DatabaseError: the warehouse has no marts to ask.
    """
    # Asked by the owner: before the first run the role is not there either.
    with database.connect("preview", read_only=True) as connection:
        if connection.execute("select to_regclass('marts.fct_daily_monitoring')").fetchone() == (None,):
            raise DatabaseError("the warehouse has no marts to look at: run `make pipeline` first")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with as_dashboard("preview") as connection:
        for source in DASHBOARDS:
            board = open_dashboard(source)
            board.choose(connection, **chosen)
            target = folder / f"{board.uid}.html"
            unfinished = target.with_suffix(".html.tmp")
            unfinished.write_text(_page(connection, board), encoding="utf-8")
            unfinished.replace(target)
            written.append(target)
    return written


def _page(connection: Connection, board: OpenDashboard) -> str:
    title = html.escape(board.document["title"])
    choices = ", ".join(f"{name}: {text}" for name, text in board.texts.items())
    panels = "".join(_panel(connection, asked, panel) for asked, panel in board.repeated())
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        f"<script>{get_plotlyjs()}</script><h1>{title}</h1>"
        f"<p>{html.escape(board.document['description'])} A preview without Grafana; {html.escape(choices)}</p>"
        f"<main>{panels}</main></html>"
    )


def _panel(connection: Connection, board: OpenDashboard, panel: dict[str, Any]) -> str:
    place = panel["gridPos"]
    area = f"grid-column: {place['x'] + 1} / span {place['w']}; grid-row: {place['y'] + 1} / span {place['h']}"
    if panel["type"] == "text":
        body = f"<pre>{html.escape(board.in_words(panel['options']['content']))}</pre>"
    else:
        found = [board.run(connection, target["rawSql"]) for target in panel["targets"]]
        filled = any(value is not None for rows in found for row in rows.rows for value in row)
        body = _DRAWINGS[panel["type"]](board, panel, found[0]) if filled else _empty(panel)
    description = html.escape(board.in_words(panel["description"]), quote=True)
    title = html.escape(board.in_words(panel["title"]))
    return f'<section style="{area}" title="{description}"><h2>{title}</h2><div class=body>{body}</div></section>'


def _empty(panel: dict[str, Any]) -> str:
    return f"<div class=empty>{html.escape(panel['fieldConfig']['defaults']['noValue'])}</div>"


def _stat(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    series = found.columns[0] == "time"
    names = found.columns[1:] if series else found.columns
    parts = []
    for name in names:
        values = [row[found.columns.index(name)] for row in found.rows]
        value = next((one for one in reversed(values) if one is not None), None)
        color = _word_color(defaults, value) or _threshold_color(_steps(panel, name), value)
        label = f"<small>{html.escape(name)}</small>" if len(names) > 1 else ""
        style = "stat words" if isinstance(value, str) else "stat"
        text = html.escape(_text(board, defaults, value))
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
    for name, times, values in _series(found):
        settings = _settings(panel, name)
        style = settings.get("custom.drawStyle", "bars" if as_bars else "line")
        color = settings.get("color", {}).get("fixedColor")
        axis = "y2" if settings.get("custom.axisPlacement") == "right" else "y"
        if style == "bars":
            figure.add_bar(name=name, x=times, y=values, marker_color=COLORS.get(color), yaxis=axis)
            continue
        dash = "dash" if "custom.lineStyle" in settings else "solid"
        filled = "tonexty" if "custom.fillBelowTo" in settings else None
        line = {"color": COLORS.get(color), "dash": dash, "width": settings.get("custom.lineWidth", 2)}
        if settings.get("custom.lineWidth") == 0:
            # The bounds of a band: plotly fills wrongly across a gap.
            known = [(time, value) for time, value in zip(times, values, strict=True) if value is not None]
            times, values = [time for time, _ in known], [value for _, value in known]
        points = settings.get("custom.showPoints", defaults["custom"].get("showPoints"))
        mode = "markers" if style == "points" else "lines" if points == "never" else "lines+markers"
        marker = {"size": settings.get("custom.pointSize", 6)}
        figure.add_scatter(name=name, x=times, y=values, mode=mode, line=line, marker=marker, fill=filled, yaxis=axis)
    figure.update_yaxes(tickformat=".1%" if defaults["unit"] == "percentunit" else None)
    if defaults["custom"].get("scaleDistribution", {}).get("type") == "log":
        figure.update_yaxes(type="log")
    stacked = defaults["custom"].get("stacking", {}).get("mode") == "normal"
    figure.update_layout(
        barmode="stack" if stacked else "group",
        yaxis2={"overlaying": "y", "side": "right", "tickformat": ".0%", "range": [0, 1], "showgrid": False},
    )
    return _drawn(figure, panel)


def _grid(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    cells = [
        (time, name, value)
        for name, times, values in _series(found)
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
    return _drawn(figure, panel)


def _heat(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    series = _series(found)
    times = sorted({time for _, times, _ in series for time in times})
    cells = [[dict(zip(times_, values, strict=True)).get(time) for time in times] for _, times_, values in series]
    names = [name for name, _, _ in series]
    figure = go.Figure(go.Heatmap(x=times, y=names, z=cells, colorscale="Oranges", zmin=0, xgap=1, ygap=1))
    return _drawn(figure, panel)


def _categories(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    figure = go.Figure()
    words = [f"{row[0]}" for row in found.rows]
    for position, name in enumerate(found.columns[1:], start=1):
        color = _settings(panel, name).get("color", {}).get("fixedColor")
        figure.add_bar(name=name, x=words, y=[row[position] for row in found.rows], marker_color=COLORS.get(color))
    figure.update_xaxes(type="category")
    figure.update_yaxes(tickformat=".0%")
    return _drawn(figure, panel)


def _table(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    settings = {name: _settings(panel, name) for name in found.columns}
    shown = [name for name in found.columns if not settings[name].get("custom.hidden")]
    head = "".join(f"<th>{html.escape(name)}</th>" for name in shown)
    lines = []
    for row in found.rows:
        cells = []
        for name in shown:
            value = row[found.columns.index(name)]
            defaults = panel["fieldConfig"]["defaults"] | settings[name]
            color = _word_color(defaults, value)
            style = f' style="color: {color}; font-weight: 600"' if color else ""
            cells.append(f"<td{style}>{html.escape(_text(board, defaults, value))}</td>")
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


def _series(found: Rows) -> list[tuple[str, list[datetime], list[Any]]]:
    """Name, times and values of each series, as Grafana makes them of rows."""
    if "metric" not in found.columns:
        times = [row[0] for row in found.rows]
        return [(name, times, [row[at] for row in found.rows]) for at, name in enumerate(found.columns) if at > 0]
    by_name: dict[str, tuple[list[datetime], list[Any]]] = {}
    for time, name, value in found.rows:
        times, values = by_name.setdefault(name, ([], []))
        times.append(time)
        values.append(value)
    return [(name, *both) for name, both in by_name.items()]


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


def _word_color(defaults: dict[str, Any], value: Any) -> str:
    for mapping in defaults.get("mappings") or []:
        if str(value) in mapping["options"]:
            return COLORS[mapping["options"][str(value)]["color"]]
    return ""


def _text(board: OpenDashboard, defaults: dict[str, Any], value: Any) -> str:
    """A value with its unit."""
    unit, decimals = defaults.get("unit", ""), defaults.get("decimals")
    local = ZoneInfo(board.document["timezone"])
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(local):%Y-%m-%d %H:%M}"
    if isinstance(value, str | date | bool):
        return str(value)
    number = float(value)
    if unit == "percentunit":
        return f"{number:.{1 if decimals is None else decimals}%}"
    if unit == "dateTimeFromNow":
        return f"{(datetime.now(UTC).timestamp() - number / 1000) / 60:,.0f} minutes ago"
    words = {"suffix:x": "x", "d": " days", "s": " s"}.get(unit, "")
    return f"{number:,.{decimals}f}{words}" if decimals is not None and number % 1 else f"{number:,.6g}{words}"


def _drawn(figure: go.Figure, panel: dict[str, Any]) -> str:
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


if __name__ == "__main__":
    main()
