"""Panels of the preview: what Grafana shows of a query's rows, in a simpler drawing, as HTML.

In: a panel as its dashboard's JSON has it, and the rows of its query. What a value says and in which colour is decided
in grafana.preview.display, as Grafana decides it; tiles and tables are drawn here, charts in grafana.preview.charts.
Called by grafana.preview.pages.
"""

from __future__ import annotations

import html
from decimal import Decimal
from typing import Any

from grafana.preview.asking import OpenDashboard, Rows
from grafana.preview.charts import CHARTS, COLORS, Mark
from grafana.preview.display import Field, Shown, field_of
from grafana.preview.links import address_of

# A column of a table is no narrower, unless it has a width of its own.
NARROWEST = 150


def drawn(board: OpenDashboard, panel: dict[str, Any], found: Rows, marks: list[Mark] | None = None) -> str:
    """The panel's body: its drawing, or what it says where there is nothing to draw."""
    kind = panel["type"]
    if kind == "stat":
        return _stat(board, panel, found)
    if not found.rows:
        return f"<div class=empty>{html.escape(panel['fieldConfig']['defaults'].get('noValue') or 'No data')}</div>"
    if kind == "table":
        return _table(board, panel, found)
    return CHARTS[kind](board, panel, found, marks or [])


def _stat(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    """A tile: the last row's figures, named where the text mode says so, with the rows before them as a small line."""
    options = panel["options"]
    shown = _tiles(board, panel, found)
    if not shown:
        nothing = field_of(panel, "", board.timezone).nothing()
        return _figure(nothing, "", "stat words")
    mode = options.get("textMode", "auto")
    named = mode in ("value_and_name", "name") or (mode == "auto" and len(shown) > 1)
    parts = []
    for name, value, values, is_text in shown:
        figure = _figure(value, name if named else "", "stat words" if is_text else "stat", bare=mode == "name")
        if options.get("graphMode", "none") != "none":
            spark = _sparkline([one if isinstance(one, int | float | Decimal) else None for one in values], value.color)
            figure = f'<div style="display: inline-block; width: {98 / len(shown):g}%">{figure}{spark}</div>'
        parts.append(figure)
    return "".join(parts)


def _tiles(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> list[tuple[str, Shown, list[Any], bool]]:
    """Name, what is shown, all values, and whether it is words, of each field that a tile has a figure for."""
    tiles = []
    for at, name in enumerate(found.columns):
        values = [row[at] for row in found.rows]
        # Without a choice of fields only numbers have a place; of no row at all a field is of no kind.
        numeric = any(isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in values)
        empty = all(value is None for value in values)
        if not values or name == "time" or not (numeric or empty or panel["options"]["reduceOptions"].get("fields")):
            continue
        tiles.append((name, field_of(panel, name, board.timezone).show(values[-1]), values, not numeric))
    return tiles


def _figure(shown: Shown, name: str, style: str, *, bare: bool = False) -> str:
    label = f"<small>{html.escape(name)}</small>" if name else ""
    text = "" if bare else html.escape(shown.text)
    return f'<span class="{style}" style="color: {COLORS.get(shown.color, shown.color)}">{label}{text}</span> '


def _sparkline(values: list[Any], color: str) -> str:
    """A small line without axes; days without a value are left out."""
    known = [(place, float(value)) for place, value in enumerate(values) if value is not None]
    top = max((value for _, value in known), default=0.0) or 1.0
    wide = max(len(values) - 1, 1)
    points = " ".join(f"{100 * place / wide:.1f},{38 - 36 * value / top:.1f}" for place, value in known)
    return (
        '<svg viewBox="0 0 100 40" preserveAspectRatio="none" style="display: block; width: 100%; height: 55px">'
        f'<polyline points="{points}" fill="none" stroke="{COLORS.get(color, color)}" '
        'vector-effect="non-scaling-stroke"/></svg>'
    )


def _table(board: OpenDashboard, panel: dict[str, Any], found: Rows) -> str:
    """The rows; a table that is wider than its panel is cut at the panel's edge, and scrolls."""
    fields = [field_of(panel, name, board.timezone, _kind(found, at)) for at, name in enumerate(found.columns)]
    shown = [(at, field) for at, field in enumerate(fields) if not _hidden(field)]
    widths = [field.settings.get("custom.width") for _, field in shown]
    least = sum(width or NARROWEST for width in widths)
    columns = "".join(f'<col style="width: {width}px">' if width else "<col>" for width in widths)
    head = "".join(f"<th>{html.escape(field.name)}</th>" for _, field in shown)
    lines = "".join(f"<tr>{''.join(_cell(board, fields, row, at) for at, _ in shown)}</tr>" for row in found.rows)
    style = f"min-width: {least}px"
    return f'<table style="{style}"><colgroup>{columns}</colgroup><tr>{head}</tr>{lines}</table>'


def _kind(found: Rows, at: int) -> str:
    return "string" if any(isinstance(row[at], str) for row in found.rows) else ""


def _hidden(field: Field) -> bool:
    hide = field.settings.get("custom.hideFrom") or {}
    return bool(field.settings.get("custom.hidden") or hide.get("viz"))


def _cell(board: OpenDashboard, fields: list[Field], row: tuple[Any, ...], at: int) -> str:
    field = fields[at]
    shown = field.show(row[at])
    cell = field.settings.get("custom.cellOptions") or {}
    text = html.escape(shown.text)
    for link in field.settings.get("links") or []:
        address = address_of(link["url"], board, fields, row, at)
        page = address.removeprefix("/d/").split("?")[0]
        text = f'<a href="{html.escape(page)}.html" title="{html.escape(address)}">{text}</a>'
    style = ["white-space: normal"] if cell.get("wrapText") else []
    color = COLORS.get(shown.color, shown.color)
    if cell.get("type") == "color-text":
        style.append(f"color: {color}; font-weight: 600")
    elif cell.get("type") == "color-background":
        style.append(f"background: {color}; color: #fff")
    align = field.settings.get("custom.align", "auto")
    if align == "auto" and isinstance(row[at], int | float | Decimal) and not isinstance(row[at], bool):
        align = "right"
    if align in ("right", "center"):
        style.append(f"text-align: {align}")
    return f'<td style="{"; ".join(style)}">{text}</td>' if style else f"<td>{text}</td>"
