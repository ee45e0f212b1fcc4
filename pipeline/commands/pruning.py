"""`make prune`: the rows of old months go, and what was found out about them stays.

Trips, their predictions and their labels go; windows, counts of rejections, profiles, metric rows, alarms and incidents
stay. A month is one transaction: it is there or pruned, never half. Called by pipeline.cli.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from psycopg import sql

from config.months import Month
from core.errors import UsageError
from warehouse import database
from warehouse.session import changes

_QUERIES = database.queries(Path(__file__).with_name("pruning.sql"))
_KEPT = ("pruned_windows", "pruned_rejections", "pruned_profiled_windows", "pruned_profiles")
_STEPS = (
    *("keep_windows", "keep_rejections", "keep_profiled_windows", "keep_profiles"),
    *("delete_accepted", "delete_rejected", "mark_profiled_windows", "mark_windows"),
    *("delete_predictions", "delete_rejected_predictions", "delete_labels", "delete_rejected_labels", "delete_trips"),
    "mark_file",
)
_SHRUNK = (
    *("raw.green_trips", "intermediate.green_trips_accepted", "intermediate.green_trips_rejected"),
    *("ml.predictions", "ml.labels"),
)


@dataclass(frozen=True)
class _Month:
    source_month: date
    load_id: int
    rows: int
    is_trained_on: bool

    @property
    def month(self) -> Month:
        return Month.of(self.source_month)


def prune(raw_months: int, tell: Callable[[str], None]) -> int:
    """Take the rows of all months away but the newest `raw_months` calendar months; gives the months pruned.

    Months are counted back from the newest one that is loaded, not from today. A month that an active model was trained
    on stays: should the model's file be lost, it is trained again from these rows.

    Raises:
        UsageError: the warehouse is not up to date: what is not computed yet could never be.
        LockedError: a pipeline is at work.
    """
    with (
        changes("prune", f"all but the newest {raw_months} months") as record,
        contextlib.closing(database.connect("prune", autocommit=True)) as connection,
    ):
        months = _months(connection)
        first_kept = _back(months[-1].month, raw_months - 1)
        old = [one for one in months if one.month < first_kept]
        for one in old:
            if one.is_trained_on:
                tell(f"{one.month} stays: an active model was trained on it")
        pruned = [one for one in old if not one.is_trained_on]
        for one in pruned:
            _prune(connection, one)
            tell(f"{one.month} is pruned: {one.rows:,} trips, their predictions and labels are gone")
        record.message, record.skipped = ", ".join(str(one.month) for one in pruned), not pruned
        if pruned:
            for name in _SHRUNK:
                connection.execute(sql.SQL("vacuum (analyze) {}").format(database.relation(name)))
    return len(pruned)


def _months(connection: database.Connection) -> list[_Month]:
    is_made = database.one_row(connection, _QUERIES["is_made"])[0]
    rows: list[Any] = connection.execute(_QUERIES["months"]).fetchall() if is_made else []
    if not rows:
        raise UsageError("the warehouse holds no trips: there is nothing to prune")
    last: Any = connection.execute(_QUERIES["last_run"]).fetchone()
    if last is None or last[0] not in ("ok", "skipped"):
        raise UsageError(
            f"the last run is {last[0] if last else 'missing'}: run `make pipeline` to its end first, what it has not "
            "computed of a month cannot be computed once its trips are gone"
        )
    return [_Month(*row) for row in rows]


def _back(month: Month, count: int) -> Month:
    """The month so many months before."""
    number = month.year * 12 + month.month - 1 - count
    return Month(number // 12, number % 12 + 1)


def _prune(connection: database.Connection, one: _Month) -> None:
    parameters: dict[str, object] = {"month": one.source_month, "load_id": one.load_id}
    with database.transaction(connection):
        connection.execute(_QUERIES["lock_files"])
        if not database.one_row(connection, _QUERIES["is_transformed"], parameters)[0]:
            raise UsageError(
                f"windows and profiles of {one.month} are not those of its file: run `make pipeline` first"
            )
        for table in _KEPT:
            connection.execute(sql.SQL(_QUERIES["forget_kept"]).format(table=sql.Identifier(table)))
        for step in _STEPS:
            connection.execute(_QUERIES[step], parameters)
