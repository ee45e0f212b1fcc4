"""The whole line on generated months: what a run leaves behind, what the next one does, what a correction changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from config.months import Month
from ingest.tlc.sample.incidents import load_incidents
from pipeline.runner import Pipeline
from python_metrics.drift.evidently_adapter import statistical_test
from python_metrics.profiles.profiles import present_values
from tests.monitoring import green_trips, with_example
from tests.runs import contents, one, rows, run, settings
from warehouse.database import Connection

STEPS = ["ingest", "transform", "train", "score", "profiles", "labels", "metrics", "performance", "alarms", "marts"]


def test_every_day_of_the_month_has_its_row_for_every_model(monitored_warehouse: Connection) -> None:
    days = rows(
        monitored_warehouse,
        "select window_date, count(*), count(distinct model_version) from marts.fct_daily_monitoring "
        "group by 1 order by 1",
    )
    assert [str(day) for day, _, _ in days] == [f"2022-02-{day:02d}" for day in range(1, 29)]
    assert {(models, distinct) for _, models, distinct in days} == {(3, 3)}


def test_raw_trips_are_accepted_or_rejected(monitored_warehouse: Connection) -> None:
    raw = rows(monitored_warehouse, "select source_month, source_row from raw.green_trips order by 1, 2")
    split = rows(
        monitored_warehouse,
        "select source_month, source_row from intermediate.green_trips_accepted "
        "union all select source_month, source_row from intermediate.green_trips_rejected order by 1, 2",
    )
    assert len(raw) > 100_000
    assert split == raw


def test_daily_figures_equal_what_the_file_says(monitored_warehouse: Connection, sample_dir: Path) -> None:
    trips = pd.read_parquet(sample_dir / "green_tripdata_2022-02.parquet")
    minutes = (trips["lpep_dropoff_datetime"] - trips["lpep_pickup_datetime"]).dt.total_seconds() / 60
    money = trips[["fare_amount", "total_amount"]]
    good = (
        (minutes > 0)
        & (minutes <= 180)
        & trips["trip_distance"].between(0, 100)
        & (money.min(axis=1) >= 0)
        & (money.max(axis=1) <= 1000)
        & trips["PULocationID"].between(1, 265)
        & trips["DOLocationID"].between(1, 265)
    )
    day = trips["lpep_pickup_datetime"].dt.strftime("%Y-%m-%d")
    expected = good.groupby(day).agg(["sum", "size"])
    found = rows(
        monitored_warehouse,
        "select window_date::text, row_count, rejected_count from marts.fct_daily_monitoring "
        "where model_spec = 'green_duration_lr' and row_count > 0",
    )
    assert len(found) == 27  # the incident list has a day without data
    for day, accepted, rejected in found:
        assert (accepted, accepted + rejected) == tuple(expected.loc[day]), day


def test_stored_drift_is_evidentlys_on_the_rows_it_names(monitored_warehouse: Connection) -> None:
    stored = rows(
        monitored_warehouse,
        """
        select model_version, reference_id, column_name, method, threshold, value, n_reference, n_current
        from monitoring.metric_values
        where
            layer = 'drift' and metric = 'drift_score' and segment_key = ''
            and window_start = '2022-02-09 00:00 America/New_York'
        """,
    )
    assert len(stored) == 7 + 7 + 8
    categorical = {"pickup_location_id", "dropoff_location_id", "trip_type_id"}
    for model, reference_id, name, method, threshold, value, n_reference, n_current in stored:
        reference = pd.Series(
            [
                record[0]
                for record in rows(
                    monitored_warehouse,
                    f"select (record ->> '{name}')::float8 from ml.reference_rows where reference_id = %s "
                    "order by position",
                    reference_id,
                )
            ],
            dtype=float,
        )
        current = pd.Series(
            [
                record[0]
                for record in rows(
                    monitored_warehouse,
                    f"select {name}::float8 from intermediate.green_trips_scored "
                    "where model_version = %s and window_date = '2022-02-09'",
                    model,
                )
            ],
            dtype=float,
        )
        if name == "prediction":  # profiles keep so many decimals of it
            kept = green_trips().columns(model[: model.index("-")])[-1].decimals
            assert kept is not None
            reference, current = reference.round(kept), current.round(kept)
        score, _ = statistical_test(
            present_values(reference),
            present_values(current),
            "categorical" if name in categorical else "numerical",
            method,
            threshold,
        )
        assert value == pytest.approx(score, abs=1e-9), (model, name)
        assert (n_reference, n_current) == (reference.notna().sum(), current.notna().sum())


def test_stored_quantiles_are_those_of_the_rows(monitored_warehouse: Connection) -> None:
    (stored,) = rows(
        monitored_warehouse,
        "select minimum, p01, p25, p50, p95, maximum, mean, std, missing_share from marts.fct_column_quality "
        "where column_name = 'fare_amount' and window_date = '2022-02-09' and model_version like 'green_duration_lr%%'",
    )
    fares = np.array(
        rows(
            monitored_warehouse,
            "select fare_amount from intermediate.green_trips_accepted where window_date = '2022-02-09'",
        ),
        dtype=float,
    )
    expected = [*np.quantile(fares, [0, 0.01, 0.25, 0.5, 0.95, 1]), fares.mean(), fares.std(), 0.0]
    assert list(stored) == pytest.approx(expected, abs=1e-9)


QUALITY = (
    "select window_date, {figure} from marts.fct_column_quality "
    "where column_name = '{column}' and model_version like 'green_duration_lr%%'"
)
DRIFT = (
    "select window_date, drift_score from marts.fct_column_drift "
    "where column_name = '{column}' and model_version like 'green_duration_lr%%'"
)
TRIPS = "select window_date, row_count from marts.fct_daily_monitoring where model_spec = 'green_duration_lr'"


@pytest.mark.parametrize(
    ("incident_name", "figure", "least_factor"),
    [
        ("passengers not recorded", QUALITY.format(figure="missing_share", column="passenger_count"), 2.0),
        ("kilometres for miles", QUALITY.format(figure="p50", column="trip_distance"), 1.4),
        ("fare rise", QUALITY.format(figure="mean", column="fare_amount"), 1.02),
        ("zone without pickups", DRIFT.format(column="pickup_location_id"), 1.3),
    ],
)
def test_a_planted_incident_stands_out(
    monitored_warehouse: Connection, incident_name: str, figure: str, least_factor: float
) -> None:
    """The least of the incident's days lies above the most of the ordinary ones, by a factor."""
    incidents = {incident.name: incident for incident in load_incidents()}
    values = rows(monitored_warehouse, figure)
    struck = [value for day, value in values if incidents[incident_name].covers(day)]
    usual = [value for day, value in values if not any(incident.covers(day) for incident in incidents.values())]
    assert len(usual) == 14
    assert min(struck) > least_factor * max(usual)


def test_planted_volume_incidents_stand_out(monitored_warehouse: Connection) -> None:
    incidents = {incident.name: incident for incident in load_incidents()}
    trips = dict(rows(monitored_warehouse, TRIPS))
    assert trips[incidents["day without data"].first_day] == 0
    doubled = incidents["rows written twice"].first_day
    same_weekday = [count for day, count in trips.items() if day.weekday() == doubled.weekday() and day != doubled]
    assert trips[doubled] > 1.03 * max(same_weekday[:1])
    weekend_like = [count for day, count in trips.items() if incidents["weekend-like week"].covers(day)]
    ordinary = [
        count
        for day, count in trips.items()
        if day.weekday() < 5 and not any(incident.covers(day) for incident in incidents.values())
    ]
    assert max(weekend_like) < min(ordinary)


def test_a_day_without_data_has_rows_that_say_so(monitored_warehouse: Connection) -> None:
    statuses = dict(
        rows(
            monitored_warehouse,
            """
            select column_name, status from marts.fct_column_drift
            where model_version like 'green_duration_lr%%' and n_current = 0
            """,
        )
    )
    assert set(statuses.values()) == {"empty"}
    assert len(statuses) == 7
    (daily,) = rows(
        monitored_warehouse,
        "select num_drifted_columns, share_missing_values, prediction_drift from marts.fct_daily_monitoring "
        "where row_count = 0 and model_spec = 'green_duration_lr'",
    )
    assert daily == (None, None, None)


def test_every_metric_row_can_be_traced_to_its_file(monitored_warehouse: Connection) -> None:
    untraced = one(
        monitored_warehouse,
        """
        select count(*)
        from monitoring.metric_values as metrics
        left join monitoring.runs as runs on metrics.run_id = runs.run_id and runs.step = 'metrics'
        left join ml.reference_sets as reference_sets on metrics.reference_id = reference_sets.reference_id
        left join monitoring.comparisons as comparisons
            on
                metrics.model_version = comparisons.model_version
                and metrics.reference_id = comparisons.reference_id
                and metrics.window_start = comparisons.window_start
                and metrics.granularity = comparisons.granularity
        left join ml.models as models on metrics.model_version = models.model_version
        left join intermediate.int_windows as windows on metrics.window_start = windows.window_start
        left join raw.files as files on windows.load_id = files.load_id and files.status = 'loaded'
        where
            runs.run_id is null or models.model_version is null or files.sha256 is null
            or coalesce(reference_sets.reference_id, comparisons.reference_id) is null
        """,
    )
    assert untraced == 0
    assert one(monitored_warehouse, "select count(*) from monitoring.metric_values") > 4000


def test_the_origin_is_on_runs_and_in_marts(monitored_warehouse: Connection) -> None:
    # The sample's files say what they are, even when they are offered as local ones.
    for table in ("monitoring.runs where step = 'pipeline'", "marts.fct_daily_monitoring", "marts.dim_models"):
        source, _, condition = table.partition(" where ")
        where = f" where {condition}" if condition else ""
        assert one(monitored_warehouse, f"select distinct origin from {source}{where}") == "sample"


def test_a_second_run_does_nothing(monitored_warehouse: Connection, sample_dir: Path) -> None:
    before = contents(monitored_warehouse)
    report = run(sample_dir)
    assert report.nothing_new
    assert [(step.name, step.skipped) for step in report.steps] == [(name, True) for name in STEPS]
    assert contents(monitored_warehouse) == before


@pytest.fixture
def corrected_dir(tmp_path: Path, sample_dir: Path) -> Path:
    """January as it was; February came again: the 10th is empty and the 11th has lost its first 100 trips."""
    folder = tmp_path / "corrected"
    folder.mkdir()
    (folder / "green_tripdata_2022-01.parquet").symlink_to(sample_dir / "green_tripdata_2022-01.parquet")
    table = pq.read_table(sample_dir / "green_tripdata_2022-02.parquet")
    day = pc.strftime(table["lpep_pickup_datetime"], format="%Y-%m-%d").to_pylist()
    lost = set([number for number, text in enumerate(day) if text == "2022-02-11"][:100])
    keep = [text != "2022-02-10" and number not in lost for number, text in enumerate(day)]
    pq.write_table(table.filter(keep), folder / "green_tripdata_2022-02.parquet")
    return folder


@pytest.mark.slow
def test_a_corrected_month_changes_its_days_and_no_others_until_it_is_as_it_was(
    monitored_warehouse: Connection, corrected_dir: Path, sample_dir: Path
) -> None:
    original = contents(monitored_warehouse)
    daily = "select window_date::text, model_spec, row_count, prediction_drift from marts.fct_daily_monitoring"
    before = {(row[0], row[1]): row for row in rows(monitored_warehouse, daily)}
    first_run = one(monitored_warehouse, "select max(run_id) from monitoring.runs")
    run(corrected_dir)
    after = {(row[0], row[1]): row for row in rows(monitored_warehouse, daily)}
    assert after.keys() == before.keys()
    changed = {day for (day, _), row in after.items() if row != before[day, _]}
    assert changed == {"2022-02-10", "2022-02-11"}
    assert after["2022-02-10", "green_duration_lr"][2:] == (0, None)
    assert after["2022-02-11", "green_duration_lr"][2] < before["2022-02-11", "green_duration_lr"][2]
    # Untouched days were not computed again.
    recomputed = rows(
        monitored_warehouse,
        "select distinct (window_start at time zone 'America/New_York')::date::text from monitoring.metric_values "
        "where run_id > %s and layer != 'comparison' order by 1",
        first_run,
    )
    assert [day for (day,) in recomputed] == ["2022-02-10", "2022-02-11"]
    # The day that emptied upstream is empty in every layer.
    for table in ("green_trips_accepted", "green_trips_rejected", "green_trips_scored"):
        assert (
            one(monitored_warehouse, f"select count(*) from intermediate.{table} where window_date = '2022-02-10'") == 0
        )
    # Corrected back, it leaves what a fresh run would: raw.files keeps the history of loads, all else is as it was.
    assert contents(monitored_warehouse) != original
    run(sample_dir)
    back = contents(monitored_warehouse)
    del back["raw.files"], original["raw.files"]
    assert back == original


@pytest.mark.slow
def test_a_dropped_table_is_built_again(monitored_warehouse: Connection, sample_dir: Path) -> None:
    before = contents(monitored_warehouse)
    monitored_warehouse.execute("drop table marts.fct_column_drift")
    monitored_warehouse.execute("drop table intermediate.green_trips_rejected cascade")
    report = run(sample_dir)
    assert not report.nothing_new
    assert contents(monitored_warehouse) == before


@pytest.mark.slow
def test_another_threshold_is_applied_to_all_windows(monitored_warehouse: Connection, sample_dir: Path) -> None:
    pipeline = Pipeline(settings(sample_dir), lambda line: None)
    drift = pipeline.monitored.of["green_trips"].drift
    strict = drift.model_copy(update={"numerical": drift.numerical.model_copy(update={"threshold": 1e-6})})
    pipeline.monitored = with_example(pipeline.monitored, drift=strict)
    before = one(monitored_warehouse, "select sum(num_drifted_columns) from marts.fct_daily_monitoring")
    pipeline.run()
    assert one(monitored_warehouse, "select sum(num_drifted_columns) from marts.fct_daily_monitoring") > before
    assert (
        one(monitored_warehouse, "select distinct threshold from marts.fct_column_drift where method = 'wasserstein'")
        == 1e-6
    )


@pytest.mark.slow
def test_the_monitored_month_alone_can_be_the_training_month(monitored_warehouse: Connection, sample_dir: Path) -> None:
    run(sample_dir, train_month=Month(2022, 2))
    versions = rows(monitored_warehouse, "select model_spec, train_month::text from marts.dim_models order by 2, 1")
    assert [month for _, month in versions] == 3 * ["2022-01-01"] + 3 * ["2022-02-01"]
    days = rows(
        monitored_warehouse,
        "select train_month::text, count(*) from marts.fct_daily_monitoring "
        "join marts.dim_models using (model_version) "
        "group by 1 order by 1",
    )
    assert days == [("2022-01-01", 3 * 28), ("2022-02-01", 3 * 28)]
