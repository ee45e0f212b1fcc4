"""Windows that a person wants computed again.

A backfill says in the ledger, in one transaction, that its windows are to be made again. The ordinary steps complete
it, also after it was interrupted. Called by pipeline.commands.backfill.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from psycopg import sql

from config.monitoring import Windows
from python_metrics.monitored import MonitoredModel
from warehouse import database
from warehouse.ledger import AGAIN

_QUERIES = database.queries(Path(__file__).with_name("backfills.sql"))


@dataclass(frozen=True)
class Span:
    """Days of a backfill, both ends included; `words` names the window that a day stands for."""

    first: date
    last: date
    words: Callable[[date], str] = str

    def __str__(self) -> str:
        first, last = self.words(self.first), self.words(self.last)
        return first if first == last else f"{first} to {last}"


@dataclass(frozen=True)
class BackfilledModel:
    """A model with the months, by their first days, whose days are computed though they never were before."""

    model: MonitoredModel
    new_months: Sequence[date]


@dataclass(frozen=True)
class Begun:
    """A backfill that is under way; `left` of `windows` wait."""

    windows: int
    left: int
    # When it was begun; None where it has just been.
    since: datetime | None


def days_there(relations: Windows) -> list[date]:
    """The days that can be computed, by date."""
    query = sql.SQL(_QUERIES["days"]).format(windows=database.relation(relations.windows))
    with database.connect("backfill", read_only=True) as connection:
        rows: list[Any] = connection.execute(query).fetchall()
    return [day for (day,) in rows]


def pruned_days(relations: Windows, first: date, last: date) -> int:
    """How many days of a span have lost their trips to pruning."""
    query = sql.SQL(_QUERIES["pruned_days"]).format(windows=database.relation(relations.windows))
    with database.connect("backfill", read_only=True) as connection:
        rows: list[Any] = connection.execute(query, {"first": first, "last": last}).fetchall()
    return int(rows[0][0])


def begin(relations: Windows, span: Span, models: Sequence[BackfilledModel], run_id: int) -> Begun:
    """Make the span's windows pending, in one transaction; where the same was begun before and not ended, go on."""
    windows = database.relation(relations.windows)
    versions = sorted(one.model.model_version for one in models)
    of_span: dict[str, object] = {"first": span.first, "last": span.last, "run_id": run_id}
    with database.connect("backfill") as connection:
        known: Any = connection.execute(_QUERIES["unfinished"], {**of_span, "model_versions": versions}).fetchone()
        if known is None:
            count = 0
            for one in models:
                parameters = {
                    **of_span,
                    "model_version": one.model.model_version,
                    "reference_id": one.model.reference_id,
                    "months": [month.isoformat() for month in one.new_months],
                    "again": AGAIN,
                }
                made = sql.SQL(_QUERIES["invalidate_windows"]).format(windows=windows)
                count += connection.execute(made, parameters).rowcount
                connection.execute(sql.SQL(_QUERIES["invalidate_evaluations"]).format(windows=windows), parameters)
                connection.execute(_QUERIES["invalidate_comparisons"], parameters)
            connection.execute(_QUERIES["insert_backfill"], {**of_span, "model_versions": versions, "windows": count})
        query = sql.SQL(_QUERIES["left"]).format(windows=windows)
        found: Any = connection.execute(query, {**of_span, "model_versions": versions}).fetchone()
    left, of_all = found
    return Begun(of_all, left, known[1] if known else None)
