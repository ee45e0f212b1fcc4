"""Marts that are made window by window: only what has changed is made again, and as if all had been."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from pipeline import dbt
from tests.warehouse_hashes import hashes
from warehouse.database import Connection

CHANGED = date(2022, 2, 10)
MARTS = (
    "fct_change_attribution",
    "fct_column_distribution",
    "fct_column_drift",
    "fct_column_quality",
    "fct_concept_drift",
    "fct_daily_monitoring",
    "fct_estimate_quality",
    "fct_model_performance",
    "fct_segment_fairness",
    "fct_segment_monitoring",
)
OF_WINDOW = "like 'green_duration_lr%' and window_start = '2022-02-10 00:00-05'"


def written(connection: Connection, mart: str) -> dict[tuple[str, date], set[str]]:
    """By model and day, the transactions that wrote the mart's rows."""
    query = f"select model_version, window_date, xmin::text from marts.{mart} group by 1, 2, 3"
    found: dict[tuple[str, date], set[str]] = {}
    rows: list[Any] = connection.execute(query.encode()).fetchall()
    for model_version, day, transaction in rows:
        found.setdefault((model_version, day), set()).add(transaction)
    return found


def build(*arguments: str) -> None:
    # The tests of the data would find what is changed here by hand.
    dbt.build("--select", "int_monitored_windows", "marts", *arguments, run_id=None, with_tests=False)


@pytest.mark.slow
def test_a_changed_window_is_made_again_alone_and_as_from_nothing(monitored_warehouse: Connection) -> None:
    monitored_warehouse.execute(
        f"update monitoring.metric_values set run_id = 77, value = value * 1.5 where model_version {OF_WINDOW}".encode()
    )
    ledger = "update monitoring.ledger set run_id = 77 where step in ('metrics', 'performance') and subject "
    monitored_warehouse.execute(f"{ledger}{OF_WINDOW}".encode())
    monitored_warehouse.execute(
        "delete from monitoring.ledger "
        "where step = 'metrics' and subject like 'green_tipped%' and window_start = '2022-02-20 00:00-05'"
    )
    before = {mart: written(monitored_warehouse, mart) for mart in MARTS}
    build()
    for mart in MARTS:
        after = written(monitored_warehouse, mart)
        anew = {key for key, transactions in after.items() if transactions != before[mart].get(key)}
        gone = {(model.split("-")[0], day) for model, day in before[mart].keys() - after.keys()}
        # What an estimator has been worth is told on each of the four weeks that follow.
        last = CHANGED + timedelta(days=27) if mart == "fct_estimate_quality" else CHANGED
        changed = {key for key in anew if key[0].startswith("green_duration_lr")}
        assert min(day for _, day in changed) == CHANGED, mart
        assert max(day for _, day in changed) == min(last, date(2022, 2, 28)), mart
        if mart != "fct_estimate_quality":
            assert len(anew) == 1, mart
        assert gone == {("green_tipped", date(2022, 2, 20))}, mart
    by_windows = hashes(monitored_warehouse, schemas=("marts",))
    build("--full-refresh")
    assert hashes(monitored_warehouse, schemas=("marts",)) == by_windows
