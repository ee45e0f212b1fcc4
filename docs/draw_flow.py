"""Draws docs/flow.svg, the picture of the README: `make picture`. Plain SVG, readable on light and dark pages."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 1080, 330
BOX_WIDTH, BOX_HEIGHT = 168, 92


@dataclass(frozen=True)
class Box:
    """A station of the flow: what it is called, what lies in it, who fills it."""

    x: int
    y: int
    title: str
    lines: tuple[str, ...]
    colour: str


DATA, SQL, PYTHON = "#5b6b7a", "#c2571a", "#2b6cb0"
BOXES = {
    "files": Box(20, 40, "parquet files", ("local, TLC", "or generated sample"), DATA),
    "raw": Box(238, 40, "raw", ("files, green_trips", "one transaction a file"), DATA),
    "trips": Box(456, 40, "intermediate", ("accepted + rejected", "windows, profiles"), SQL),
    "ml": Box(674, 40, "ml", ("models, references,", "predictions, labels"), PYTHON),
    "metrics": Box(674, 200, "monitoring", ("drift, quality, performance,", "incidents, runs"), PYTHON),
    "marts": Box(456, 200, "marts", ("figures, incidents, alerts,", "models, files, runs"), SQL),
    "you": Box(238, 200, "you", ("Grafana, a page, SQL,", "any BI tool"), DATA),
}
ARROWS = (
    ("files", "raw", "ingest", "DuckDB, ADBC"),
    ("raw", "trips", "transform", "dbt"),
    ("trips", "ml", "train, score, labels", "scikit-learn"),
    ("ml", "metrics", "metrics, performance, alarms", "numpy, scipy, Evidently"),
    ("metrics", "marts", "marts", "dbt"),
    ("marts", "you", "", ""),
)


def text(x: float, y: float, content: str, size: int, colour: str, weight: int = 400, anchor: str = "middle") -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(content)}</text>'
    )


def draw_box(box: Box) -> str:
    middle = box.x + BOX_WIDTH / 2
    parts = [
        f'<rect x="{box.x}" y="{box.y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="8" fill="#ffffff" '
        f'stroke="{box.colour}" stroke-width="2"/>',
        text(middle, box.y + 30, box.title, 17, box.colour, 700),
    ]
    parts += [text(middle, box.y + 55 + 19 * row, line, 12, "#333333") for row, line in enumerate(box.lines)]
    return "".join(parts)


def draw_arrow(start: Box, end: Box, label: str, tool: str) -> str:
    x1: float
    x2: float
    y1: float
    y2: float
    if start.y == end.y:
        forward = end.x > start.x
        x1 = start.x + (BOX_WIDTH if forward else 0)
        x2 = end.x + (0 if forward else BOX_WIDTH)
        y1 = y2 = start.y + BOX_HEIGHT / 2
        labels = text((x1 + x2) / 2, y1 - 56, label, 12, "#333333", 600) + text(
            (x1 + x2) / 2, y1 + 64, tool, 11, "#666666"
        )
    else:
        x1 = x2 = start.x + BOX_WIDTH / 2
        y1, y2 = start.y + BOX_HEIGHT, end.y
        labels = text(x1 + 10, (y1 + y2) / 2 - 2, label, 12, "#333333", 600, "start") + text(
            x1 + 10, (y1 + y2) / 2 + 14, tool, 11, "#666666", 400, "start"
        )
    return (
        f'<line x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}" stroke="#333333" stroke-width="1.6" '
        f'marker-end="url(#tip)"/>{labels}'
    )


def picture() -> str:
    """The whole SVG."""
    body = "".join(draw_arrow(BOXES[start], BOXES[end], label, tool) for start, end, label, tool in ARROWS)
    body += "".join(draw_box(box) for box in BOXES.values())
    for row, (colour, words) in enumerate(((SQL, "built by dbt"), (PYTHON, "written by Python"), (DATA, "in and out"))):
        y = 218 + row * 24
        body += (
            f'<rect x="900" y="{y - 11}" width="14" height="14" rx="3" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        body += text(922, y + 1, words, 12, "#333333", anchor="start")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        'font-family="Helvetica, Arial, sans-serif" role="img" aria-label="How data flows from files to marts">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z" fill="#333333"/></marker></defs>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="10" fill="#f7f7f5"/>{body}</svg>\n'
    )


if __name__ == "__main__":
    Path(__file__).with_name("flow.svg").write_text(picture(), encoding="utf-8")
