"""The dashboards as plain HTML pages, without Grafana, for a first look where there is no Docker.

In: the committed dashboards and the warehouse in use, asked as the role `dashboard`. Out: a page each under `reports/`,
with the first option of every variable, or with DATASET, MODEL, COLUMN and DAY as they were given, and with the default
time range; where the model has no day in it, with the model's newest days, which in Grafana are a click away.
Without a DAY the drill-down shows the latest incident of the model, or of the column, on the day that raised it. Panels
show what Grafana shows - the same queries, titles, units, clock, texts and colours, its faults included - in a simpler
drawing; nothing can be chosen.
"""

from __future__ import annotations

import html
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from config.monitored import load_monitored
from core.advice import Advice
from core.errors import ConfigurationError, DatabaseError, UsageError
from core.files.unfinished import unfinished
from grafana.names import COLUMN, FRONT_PAGE, PIPELINE_HEALTH
from grafana.preview.asking import DASHBOARDS, OpenDashboard, as_dashboard, open_dashboard
from grafana.preview.charts import Mark
from grafana.preview.drawing import drawn
from warehouse import database
from warehouse.database import Connection

_QUERIES = database.queries(Path(__file__).with_name("pages.sql"))

_STYLE = """
body {margin: 16px; background: #f4f5f7; color: #24292f; font: 13px system-ui, sans-serif}
h1 {font-size: 20px; margin: 0 0 2px} p {margin: 0 0 12px; color: #5c6670}
main {display: grid; grid-template-columns: repeat(24, 1fr); grid-auto-rows: 34px; gap: 6px; width: 1334px}
section {background: #fff; border: 1px solid #dfe3e8; border-radius: 4px; padding: 6px 10px; overflow: hidden;
  display: flex; flex-direction: column}
h2 {font-size: 12px; margin: 0 0 4px; font-weight: 600; white-space: nowrap; overflow: hidden; text-overflow: ellipsis}
h3 {font-size: 14px; margin: 0; padding: 8px 2px 0; border-bottom: 1px solid #c9ced4}
.body {flex: 1; min-height: 0; overflow: auto} .stat {font-size: 25px; font-weight: 600; line-height: 1.25}
.stat.words {font-size: 17px} .stat small {font-size: 12px; font-weight: 400; color: #5c6670; margin-right: 4px}
.empty {color: #8a939c; padding-top: 6px} table {border-collapse: collapse; width: 100%; font-size: 12px}
table {table-layout: fixed}
th {text-align: left; color: #5c6670; font-weight: 600; position: sticky; top: 0; background: #fff}
td, th {padding: 3px 12px 3px 0; border-bottom: 1px solid #edf0f2; vertical-align: top; white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis} a {color: inherit}
pre {white-space: pre-wrap; margin: 0}
"""


def write_pages(folder: Path, *, dataset: str = "", model: str = "", column: str = "", day: str = "") -> list[Path]:
    """A page for every dashboard, each complete or not at all; gives their paths.

    `model` is a name or a version; '' takes the first, of the dataset if one is named. Without a column and a day it is
    those of the latest incident.

    Raises:
        DatabaseError: the warehouse has no marts to ask.
        UsageError: there is no such dataset or model, or no such column or day of it.
        ConfigurationError: a page cannot be written, or the dashboards' time range holds no day.
    """
    # Asked by the owner: before the first run the role is not there either.
    with database.connect("preview", read_only=True) as connection:
        if connection.execute("select to_regclass('marts.fct_daily_monitoring')").fetchone() == (None,):
            raise DatabaseError(f"the warehouse has no marts to look at: {Advice.UPDATE} first")
    written = []
    with as_dashboard("preview") as connection:
        chosen, shown = _chosen(connection, dataset, model, column, day)
        incident = {} if day else _incident(connection, chosen, shown)
        for source in DASHBOARDS:
            # The day of an incident is the drill-down's; one that a person has named is every page's.
            own = incident if source.stem == COLUMN and not day else {}
            page = _page(connection, _board(connection, source, own | chosen, shown))
            written.append(_written(folder / f"{source.stem}.html", page))
    return written


def write_front_page(path: Path) -> Path:
    """The front page alone, of the first model, complete or not at all; gives its path.

    Raises:
        DatabaseError: the warehouse has no marts to ask, or no model.
        ConfigurationError: the page cannot be written, or the dashboards' time range holds no day.
    """
    (source,) = [source for source in DASHBOARDS if source.stem == FRONT_PAGE]
    with as_dashboard("preview") as connection:
        return _written(path, _page(connection, _board(connection, source, *_chosen(connection))))


def _board(connection: Connection, source: Path, chosen: dict[str, str], shown: dict[str, str]) -> OpenDashboard:
    # Runs are shown as of now, whatever days are looked at.
    board = open_dashboard(source, **({} if source.stem == PIPELINE_HEALTH else shown))
    try:
        board.choose(connection, **chosen)
    except ValueError as error:
        raise ConfigurationError(
            f"{error} from {board.time_from} to {board.time_to}: set `dashboards` in monitoring.yml to days "
            f"that are monitored, then {Advice.WRITE_DASHBOARDS}"
        ) from error
    return board


def _chosen(
    connection: Connection, dataset: str = "", model: str = "", column: str = "", day: str = ""
) -> tuple[dict[str, str], dict[str, str]]:
    """The variables that a person has set, by their names on the dashboards, and the time range that shows days."""
    chosen = _model(connection, dataset, model)
    shown = _range(connection, chosen)
    columns = database.values(connection, _QUERIES["columns"], str, chosen)
    if column and column not in columns:
        version = chosen["model_version"]
        raise UsageError(f"the column '{column}' is not monitored for {version}: use one of {', '.join(columns)}")
    of_column = {"column": column} if column else {}
    return chosen | of_column | ({"day": _day(connection, chosen, shown, day)} if day else {}), shown


def _model(connection: Connection, dataset: str, model: str) -> dict[str, str]:
    """The dataset and the version of the model that is asked for, or of the first."""
    models = connection.execute(_QUERIES["models"], _default_range()).fetchall()
    if not models:
        raise DatabaseError(f"the warehouse has no model to look at: {Advice.UPDATE} first")
    datasets = list(dict.fromkeys(str(one[0]) for one in models))
    if dataset and dataset not in datasets:
        raise UsageError(f"the dataset '{dataset}' has no model to look at: use one of {', '.join(datasets)}")
    of_dataset = [one for one in models if not dataset or one[0] == dataset]
    matching = [(of, version) for of, spec, version in of_dataset if not model or model in (spec, version)]
    if not matching:
        specs = ", ".join(sorted({str(spec) for _, spec, _ in of_dataset}))
        known = ", ".join(str(version) for _, _, version in of_dataset)
        where = f" in {dataset}" * bool(dataset)
        raise UsageError(f"the model '{model}' is unknown{where}: use a name ({specs}) or a version ({known})")
    of, version = matching[0]
    return {"dataset": str(of), "model_version": str(version)}


def _incident(connection: Connection, chosen: dict[str, str], shown: dict[str, str]) -> dict[str, str]:
    """The variables that show the latest incident within the time range, as far as they are not chosen."""
    parameters = {"column": "", **chosen, **shown}
    found = connection.execute(_QUERIES["latest_incident"], parameters).fetchone()
    if found is None:
        return {}
    column, instant, statistic = found
    return {
        name: str(value)
        for name, value in (("column", column), ("day", instant), ("statistic", statistic))
        if name not in chosen
    }


def _range(connection: Connection, chosen: dict[str, str]) -> dict[str, str]:
    """The default time range; where the model has no day in it, its newest days, if there are any."""
    shown = _default_range()
    has_days, newest_from, newest_to = database.one_row(connection, _QUERIES["newest_days"], {**chosen, **shown})
    return shown if has_days or newest_to is None else {"time_from": str(newest_from), "time_to": str(newest_to)}


def _default_range() -> dict[str, str]:
    (source,) = [path for path in DASHBOARDS if path.stem == COLUMN]
    board = open_dashboard(source)
    return {"time_from": board.time_from, "time_to": board.time_to}


def _day(connection: Connection, chosen: dict[str, str], shown: dict[str, str], day: str) -> str:
    """The day as the variable of the dashboards has it."""
    found: list[Any] = connection.execute(_QUERIES["days"], chosen | shown).fetchall()
    monitored = load_monitored().of.get(chosen["dataset"])
    hours = monitored.windows.hours if monitored else None
    # The axis of time has days at their midnights and hours where they are, both by UTC's clock.
    days = (
        {hours.words(hours.day(start)): f"{start.timestamp() * 1000:.0f}" for _, start in found}
        if hours
        else {str(date): f"{datetime.combine(date, time(), UTC).timestamp() * 1000:.0f}" for date, _ in found}
    )
    if day not in days:
        between = f"use one of {min(days)} to {max(days)}" if days else "none is"
        version = chosen["model_version"]
        raise UsageError(f"the day '{day}' is not monitored for {version} in the dashboards' time range: {between}")
    return days[day]


def _written(target: Path, text: str) -> Path:
    try:
        with unfinished(target) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the page cannot be written to {target}: {error.strerror or error}. Make room or give the folder free, or "
            f"{Advice.NAME_REPORT_FOLDER}"
        ) from error
    return target


def _page(connection: Connection, board: OpenDashboard) -> str:
    title = html.escape(board.document["title"])
    choices = ", ".join(f"{name}: {text}" for name, text in board.texts.items())
    marks = board.marks(connection)
    panels = "".join(_panel(connection, asked, panel, marks) for asked, panel in board.repeated())
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        f"<script>{get_plotlyjs()}</script><h1>{title}</h1>"
        f"<p>{html.escape(board.document['description'])} A preview without Grafana; {html.escape(choices)}</p>"
        f"<main>{panels}</main></html>"
    )


def _panel(connection: Connection, board: OpenDashboard, panel: dict[str, Any], marks: list[Mark]) -> str:
    place = panel["gridPos"]
    area = f"grid-column: {place['x'] + 1} / span {place['w']}; grid-row: {place['y'] + 1} / span {place['h']}"
    if panel["type"] == "row":
        return f'<h3 style="{area}">{html.escape(board.in_words(panel["title"]))}</h3>'
    if panel["type"] == "text":
        body = f"<pre>{html.escape(board.in_words(panel['options']['content']))}</pre>"
    else:
        found = [board.run(connection, target["rawSql"]) for target in panel["targets"]]
        body = drawn(board, panel, found[0], [mark for mark in marks if _marks(mark[0], panel)])
    description = html.escape(board.in_words(panel["description"]), quote=True)
    title = html.escape(board.in_words(panel["title"]))
    return f'<section style="{area}" title="{description}"><h2>{title}</h2><div class=body>{body}</div></section>'


def _marks(annotation: dict[str, Any], panel: dict[str, Any]) -> bool:
    """Whether the annotation is drawn in the panel."""
    only = annotation.get("filter") or {}
    return not only.get("ids") or (panel["id"] in only["ids"]) != bool(only.get("exclude"))
