"""`make verify`: the scores of the warehouse in use are held against Evidently's own, and what differs is found."""

from __future__ import annotations

import pytest

from config.months import Month
from core.errors import UsageError
from pipeline.commands.verify import verify
from tests.commands import command
from tests.runs import one, rows
from warehouse.database import Connection

MODEL = "green_duration_lr"
DAYS = ("2022-02-01", "2022-02-20")
VERIFIED = "select column_name, metric, largest_difference, is_equal, days_computed_since from marts.fct_verification"


@pytest.fixture
def two_days(monitored_warehouse: Connection) -> Connection:
    """Only two days are monitored: Evidently takes its time."""
    monitored_warehouse.execute(
        "delete from monitoring.ledger where step = 'metrics' and "
        "cast(window_start at time zone 'America/New_York' as date) != all(cast(%s as date[]))",
        [list(DAYS)],
    )
    return monitored_warehouse


def stored_scores(connection: Connection, column: str) -> str:
    """How the stored score of a column on the second day is named in SQL."""
    version = one(connection, "select model_version from ml.models where spec = %s", MODEL)
    return (
        f"model_version = '{version}' and layer = 'drift' and metric = 'drift_score' and column_name = '{column}' "
        f"and window_start = timestamp '{DAYS[1]}' at time zone 'America/New_York'"
    )


@pytest.mark.slow
def test_every_method_and_every_stored_score_is_evidentlys(two_days: Connection) -> None:
    assert verify(Month(2022, 2), MODEL)
    found = rows(two_days, VERIFIED + " where metric != 'rounding_difference'")
    assert {name for name, *_ in found} == {
        "passenger_count", "trip_distance", "fare_amount", "total_amount", "pickup_location_id", "dropoff_location_id",
        "prediction",
    }  # fmt: skip
    assert all(difference < 1e-9 and is_equal and not since for _, _, difference, is_equal, since in found)
    # Nine methods for numbers, the five of categories, and the stored score.
    assert rows(two_days, "select column_name, count(*) from marts.fct_verification group by 1 order by 1") == [
        ("dropoff_location_id", 8), ("fare_amount", 14), ("passenger_count", 14), ("pickup_location_id", 8),
        ("prediction", 14), ("total_amount", 14), ("trip_distance", 14),
    ]  # fmt: skip
    count = one(two_days, "select count(*) from monitoring.metric_values where layer = 'verification'")
    two_days.execute(
        "update monitoring.ledger set run_id = run_id + 100 where step = 'metrics' and subject like 'green_d%%'"
    )
    assert one(two_days, "select distinct days_computed_since from marts.fct_verification") == len(DAYS)
    assert verify(None, MODEL)
    assert one(two_days, "select count(*) from monitoring.metric_values where layer = 'verification'") == count


@pytest.mark.slow
def test_a_score_that_is_another_is_found(two_days: Connection) -> None:
    stored = stored_scores(two_days, "fare_amount")
    two_days.execute(f"update monitoring.metric_values set value = value + 1e-6 where {stored}".encode())
    result = command("verify", "--month", "2022-02", "--model", MODEL)
    assert result.returncode == 1, result.stderr
    assert "DIFFERS" in next(line for line in result.stdout.splitlines() if line.strip().startswith("fare_amount"))
    assert result.stdout.count("DIFFERS") == 1
    assert rows(two_days, "select column_name, metric from marts.fct_verification where not is_equal") == [
        ("fare_amount", "stored_difference")
    ]


@pytest.mark.parametrize(
    ("month", "model", "words"),
    [
        ("2022-03", "", "no day of 2022-03 is monitored: use one of 2022-02"),
        ("2022-02", "green", "MODEL 'green' is unknown: use a name"),
    ],
)
def test_what_is_not_there_is_told(monitored_warehouse: Connection, month: str, model: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        verify(Month.parse(month), model)


def test_an_empty_warehouse_has_nothing_to_verify(empty_warehouse: Connection) -> None:
    with pytest.raises(UsageError, match="the warehouse is empty"):
        verify(None, "")
