"""The short summary that ends a pipeline run: time and rows per step, headline numbers per day."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from config.monitored import load_monitored
from config.paths import state_dir
from config.settings import DATASET, Settings
from core.errors import WarehouseError
from grafana.preview.pages import write_front_page
from pipeline.advice import with_commands
from pipeline.alerts import Alert, alerts_of_months, alerts_table, open_alerts, window_words
from pipeline.console import result_console
from pipeline.runner import Report
from warehouse import database

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.monitoring import Monitoring

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("summary.sql"))
_MOST_ALERTS = 20
_MODELS_ABREAST = 3
# Drift with its mark, drifted columns, missing cells: one column of the table a model, so that three models fit.
_MODEL_CELL = "{:>7} {:>5} {:>7}"


@dataclass(frozen=True)
class _Day:
    """A monitored day of a model; figures are None where there are none."""

    window_date: date
    model_spec: str
    row_count: int
    rejected_count: int
    prediction_drift: float | None
    is_prediction_drifted: bool | None
    num_drifted_columns: int | None
    num_scored_columns: int | None
    share_missing_values: float | None


@dataclass(frozen=True)
class _Latest:
    """A model of a dataset on the latest window that is monitored with it; figures are None where there are none."""

    dataset: str
    model_version: str
    window_date: date
    window_start: datetime
    row_count: int
    prediction_drift: float | None
    is_prediction_drifted: bool | None
    num_drifted_columns: int | None
    num_scored_columns: int | None
    labelled_date: date | None
    labelled_start: datetime | None
    mae: float | None
    roc_auc: float | None
    accuracy: float | None
    task: str
    open_alerts: int


def show(report: Report, settings: Settings, seconds: float) -> None:
    """Print the summary to stdout, in colour on a terminal and plain elsewhere."""
    console = result_console()
    if report.notice:
        console.print(Panel(report.notice, style="bold yellow", expand=False))
    for failed in report.failed:
        console.print(
            Panel(escape(with_commands(f"{failed.name} failed in {failed.step}: {failed.words}")), style="bold red")
        )
    if report.nothing_new:
        console.print(f"Nothing new: the warehouse is up to date ({seconds:.1f} s). {_contents()}")
        console.print(verdict())
        return
    console.print(_steps_table(report))
    with database.connect("summary", read_only=True) as connection:
        if connection.execute("select to_regclass('marts.fct_daily_monitoring')").fetchone() == (None,):
            return  # a first run that could load nothing: there is nothing to show
        months = [month.first_day for month in settings.months]
        parameters = {"months": months, "train_month": settings.train_month.first_day}
        days = database.rows(connection, _QUERIES["days"], _Day, {**parameters, "example": DATASET})
        models = database.rows(connection, _QUERIES["models"], _Latest, {"example": DATASET})
    if models:
        console.print(_models_table(models))
    if days:
        specs = sorted({day.model_spec for day in days})
        for first in range(0, len(specs), _MODELS_ABREAST):
            console.print(_days_table(days, specs[first : first + _MODELS_ABREAST]))
        console.print(
            "drift: score of the prediction against the model's reference; cols: columns past Evidently's threshold "
            "(* prediction among them); missing: share of missing cells"
        )
    _show_alerts(console, alerts_of_months(months, settings.train_month.first_day))
    console.print(
        f"Run {report.run_id} {'partly failed' if report.failed else 'done'} in {seconds:.1f} s. {_contents()}"
    )
    console.print(verdict())
    page = _front_page()
    if page:
        console.print(f"Open this page in a browser: {page}")
    look_at = _last_with_trips([day.window_date for day in days])
    if look_at:
        console.print(f"Look into a day: make report DAY={look_at}")
    console.print('Next: make sql SQL="select * from marts.fct_daily_monitoring", make dbt ARGS="test", make help')


def verdict() -> str:
    """Is all well? By the alerts that are open, in a sentence."""
    alerts = open_alerts()
    if not alerts:
        return "All is well: no alert is open."
    critical = sum(alert.severity == "critical" for alert in alerts)
    seen = sum(alert.is_acknowledged for alert in alerts)
    counts = [f"{critical} critical"] * bool(critical) + [f"{seen} acknowledged"] * bool(seen)
    how_many = "1 alert is open" if len(alerts) == 1 else f"{len(alerts)} alerts are open"
    of_them = f" ({', '.join(counts)})" if counts else ""
    return f"Somebody should look: {how_many}{of_them}. `make check-alerts` lists them."


def _front_page() -> Path | None:
    """The front page of the dashboards, as `make preview` draws it; None where it cannot be drawn."""
    try:
        return write_front_page(state_dir() / "front-page.html")
    except (WarehouseError, psycopg.Error) as error:
        log.warning("there is no page to look at: %s", error)
        return None


def _show_alerts(console: Console, alerts: list[Alert]) -> None:
    if not alerts:
        console.print("No alerts (rules: monitoring.yml).")
        return
    console.print(alerts_table(alerts[:_MOST_ALERTS]))
    if len(alerts) > _MOST_ALERTS:
        console.print(f"and {len(alerts) - _MOST_ALERTS} more in marts.fct_alerts")


def _last_with_trips(days: list[date]) -> date | None:
    """The latest day whose trips are not pruned; None where there is none."""
    with database.connect("summary", read_only=True) as connection:
        day: date | None = database.one_row(
            connection, _QUERIES["last_with_trips"], {"days": days, "example": DATASET}
        )[0]
    return day


def _contents() -> str:
    with database.connect("summary", read_only=True) as connection:
        files, rows, models, windows, origin = database.one_row(connection, _QUERIES["contents"])
    counted = f"{models} model{'s' * (models != 1)}, {windows} monitored windows"
    return f"It holds {files} months ({origin}), {rows:,} rows, {counted}."


def _steps_table(report: Report) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Steps", title_justify="left", title_style="bold")
    for name, justify in (("step", "left"), ("seconds", "right"), ("rows", "right"), ("", "left")):
        table.add_column(name, justify=justify)  # type: ignore[arg-type]  # rich's own literals
    for step in report.steps:
        rows = "-" if step.skipped else f"{step.rows:,}"
        table.add_row(step.name, f"{step.seconds:.1f}", rows, "nothing new" if step.skipped else escape(step.message))
    return table


def _models_table(models: list[_Latest]) -> Table:
    """One line a model of the datasets in datasets/, those with open alerts first."""
    table = Table(box=box.SIMPLE_HEAD, title="Models of datasets", title_justify="left", title_style="bold")
    of = load_monitored().of
    table.add_column("dataset")
    table.add_column("model")
    for name in ("newest window", "rows", "drift", "cols", "performance", "open alerts"):
        table.add_column(name, justify="right")
    for model in models:
        drift = "-" if model.prediction_drift is None else f"{model.prediction_drift:.3f}"
        table.add_row(
            escape(model.dataset),
            escape(model.model_version),
            window_words(of, model.dataset, model.window_date, model.window_start),
            f"{model.row_count:,}",
            f"{drift}{'*' if model.is_prediction_drifted else ' '}",
            "-" if model.num_drifted_columns is None else f"{model.num_drifted_columns}/{model.num_scored_columns}",
            _performance(model, of),
            f"[bold]{model.open_alerts}[/]" if model.open_alerts else "0",
        )
    return table


def _performance(model: _Latest, of: Mapping[str, Monitoring]) -> str:
    if model.labelled_date is None or model.labelled_start is None:
        return "no labels"
    figure = f"AUC {model.roc_auc:.3f}" if model.roc_auc is not None else "-"
    figure = f"MAE {model.mae:,.4g}" if model.mae is not None else figure
    if model.task == "multiclass" and model.accuracy is not None:
        figure = f"accuracy {model.accuracy:.3f}"
    if model.labelled_start == model.window_start:
        return figure
    return f"{figure} ({window_words(of, model.dataset, model.labelled_date, model.labelled_start)})"


def _days_table(days: list[_Day], specs: list[str]) -> Table:
    """One line a day: trips, rejected trips, and for each of the models drift, drifted columns and missing cells."""
    table = Table(box=box.SIMPLE_HEAD, title="Monitored days", title_justify="left", title_style="bold")
    table.add_column("day", no_wrap=True)
    for name in ("trips", "rejected"):
        table.add_column(name, justify="right")
    for spec in specs:
        table.add_column(f"{spec}\n{_MODEL_CELL.format('drift ', 'cols', 'missing')}", justify="right", no_wrap=True)
    by_day: dict[date, dict[str, _Day]] = {}
    for day in days:
        by_day.setdefault(day.window_date, {})[day.model_spec] = day
    for window_date, by_spec in by_day.items():
        first = next(iter(by_spec.values()))
        cells = [f"{window_date:%Y-%m-%d %a}", f"{first.row_count:,}", f"{first.rejected_count:,}"]
        table.add_row(*cells, *(_model_cell(by_spec.get(spec)) for spec in specs))
    return table


def _model_cell(day: _Day | None) -> str:
    if day is None:
        return ""
    drift, drifted, missing = day.prediction_drift, day.num_drifted_columns, day.share_missing_values
    return _MODEL_CELL.format(
        "- " if drift is None else f"{drift:.3f}{'*' if day.is_prediction_drifted else ' '}",
        "-" if drifted is None else f"{drifted}/{day.num_scored_columns}",
        "-" if missing is None else f"{missing:.1%}",
    )
