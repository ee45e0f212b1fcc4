"""Alerts as the warehouse knows them (marts.fct_alerts), as a table for a person.

`open_alerts` and `alerts_of_months` read them, `alerts_table` shows them. Called by the summary of a run and by
`make check-alerts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.table import Table

from config.monitored import load_monitored
from config.settings import DATASET
from core.errors import DatabaseError
from warehouse import database

if TYPE_CHECKING:
    from collections.abc import Mapping

    from config.monitoring import Monitoring

_QUERIES = database.queries(Path(__file__).with_name("alerts.sql"))

# Of an incident's id; more than one needs to name it.
_SHOWN_DIGITS = 8


@dataclass(frozen=True)
class Alert:
    """An alert: since when, until when, and what was found on its worst day. `model` is '' for none.

    `is_acknowledged`: somebody has said that they look into it. `incident_id`: what `make ack` takes; '' for others.
    """

    severity: Literal["warning", "critical"]
    rule: str
    model: str
    dataset: str
    column_name: str
    opened: date
    last_seen: date
    is_open: bool
    days: int
    summary: str
    is_acknowledged: bool = False
    incident_id: str = ""
    opened_at: datetime | None = None
    last_seen_at: datetime | None = None

    @property
    def needs_somebody(self) -> bool:
        """Critical, and nobody looks into it yet."""
        return self.severity == "critical" and not self.is_acknowledged


def open_alerts() -> list[Alert]:
    """Alerts that are not resolved, as the front page has them: critical ones first, last what is acknowledged.

    Raises:
        DatabaseError: the warehouse has no marts yet.
    """
    with database.connect("alerts", read_only=True) as connection:
        if not database.one_row(connection, _QUERIES["is_there"])[0]:
            raise DatabaseError(
                f"there is nothing to check in {database.describe()}: marts.fct_alerts is missing; run `make pipeline`"
            )
        return database.rows(connection, _QUERIES["open_alerts"], Alert)


def alerts_of_months(months: list[date], train_month: date) -> list[Alert]:
    """Alerts that are open or opened in one of these months, of the models of a training month or of none.

    Months are given by their first days.
    """
    with database.connect("alerts", read_only=True) as connection:
        parameters = {"months": months, "train_month": train_month}
        return database.rows(connection, _QUERIES["alerts_of_months"], Alert, parameters)


def window_words(of: Mapping[str, Monitoring], dataset: str, day: date, start: datetime | None) -> str:
    """A window of a dataset as a person writes it, by its date and the instant at which it begins."""
    hours = of[dataset].windows.hours if dataset in of else None
    return hours.words(hours.day(start)) if hours is not None and start is not None else f"{day:%Y-%m-%d}"


def alerts_table(alerts: list[Alert]) -> Table:
    """One line an alert; of which dataset it is, where there is another than the worked example."""
    table = Table(box=box.SIMPLE_HEAD, title="Alerts", title_justify="left", title_style="bold")
    of = load_monitored().of
    with_dataset = any(alert.dataset not in ("", DATASET) for alert in alerts)
    for name in (
        "severity",
        "rule",
        *["dataset"] * with_dataset,
        "model or incident",
        "since",
        "last seen",
        "",
        "worst",
    ):
        table.add_column(name)
    for alert in alerts:
        table.add_row(
            f"[bold red]{alert.severity}[/]" if alert.severity == "critical" else alert.severity,
            alert.rule,
            *[alert.dataset] * with_dataset,
            alert.incident_id[:_SHOWN_DIGITS] or alert.model,
            window_words(of, alert.dataset, alert.opened, alert.opened_at),
            window_words(of, alert.dataset, alert.last_seen, alert.last_seen_at),
            "resolved" if not alert.is_open else "acknowledged" if alert.is_acknowledged else "[bold]open[/]",
            alert.summary.replace("[", "\\["),
        )
    return table
