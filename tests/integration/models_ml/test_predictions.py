"""Predictions that are made elsewhere: what becomes of those that are taken in."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, precision_score, recall_score

from core.errors import LockedError, ModelError, UsageError, WarehouseError
from tests.commands import command, make
from tests.predictions import MODEL, SPEC, VERSION, load, loaded, write, write_model
from tests.runs import contents, one, rows, run
from warehouse.database import Connection
from warehouse.runs import hold_lock


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_good_file_is_loaded_and_its_days_are_the_reference(
    monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path, suffix: str
) -> None:
    path = write(trips, tmp_path / f"predictions{suffix}")
    said = load(path)
    assert said[0].startswith(f"{VERSION}: {len(trips):,} predictions loaded; 58 days changed")
    assert said[1] == f"{VERSION}: its reference is stored"
    expected = list(trips[["source_month", "source_row", "prediction"]].itertuples(index=False, name=None))
    assert loaded(monitored_warehouse) == expected
    # Each prediction belongs to the current file of its trip.
    strangers = one(
        monitored_warehouse,
        "select count(*) from ml.predictions left join raw.files on predictions.load_id = files.load_id "
        "and files.status = 'loaded' "
        "and predictions.event_id between monitoring.first_event(source_month) and monitoring.last_event(source_month) "
        "where model_version = %s and files.load_id is null",
        VERSION,
    )
    assert strangers == 0
    january = trips[[f"{month}" == "2022-01-01" for month in trips["source_month"]]]
    reference = rows(
        monitored_warehouse,
        "select (record ->> 'prediction')::float8, record ? 'is_tipped', segments ->> 'day_type' is not null "
        "from ml.reference_rows join ml.models using (reference_id) where model_version = %s order by position",
        VERSION,
    )
    assert [row[0] for row in reference] == list(january["prediction"])
    assert {row[1:] for row in reference} == {(True, True)}
    model = rows(
        monitored_warehouse,
        "select task, predictions, artifact_file, train_month, origin from ml.models where model_version = %s",
        VERSION,
    )
    assert model == [("binary", "loaded", None, None, "sample")]


@pytest.mark.slow
def test_the_same_file_twice_is_once(monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path) -> None:
    path = write(trips, tmp_path / "predictions.parquet")
    load(path)
    before = contents(monitored_warehouse)
    assert load(path) == [f"{VERSION}: nothing new, the file was loaded before"]
    assert contents(monitored_warehouse) == before
    assert one(monitored_warehouse, "select count(*) from ml.prediction_loads") == 1


def test_versions_are_models_of_their_own(monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path) -> None:
    both = pd.concat([trips.assign(model_version="v1"), trips.assign(model_version="partner_tips-v2")])
    said = load(write(both, tmp_path / "both.parquet"))
    assert len(said) == 4
    assert len(loaded(monitored_warehouse)) == len(loaded(monitored_warehouse, "partner_tips-v2")) == len(trips)
    with pytest.raises(UsageError, match=r"the version named is v3, but .* holds predictions of v"):
        load(tmp_path / "both.parquet", "v3")
    plain = write(trips, tmp_path / "plain.parquet")
    with pytest.raises(UsageError, match="the version 'v 1' is not valid"):
        load(plain, "v 1")
    assert load(plain, "2022.1")[0].startswith("partner_tips-2022.1: ")


@pytest.mark.slow
def test_a_model_waits_until_the_days_of_its_reference_are_there(
    monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path, sample_dir: Path
) -> None:
    late = pd.Series([date(2022, 1, 13) <= day < date(2022, 2, 1) for day in trips["window_date"]])
    said = load(write(trips[~late], tmp_path / "early.csv"))
    assert said[1] == (
        f"{VERSION} waits: its reference, 2022-01-01 to 2022-01-31, has no predictions on 19 of 31 days, the first "
        "2022-01-13: load their predictions"
    )
    run(sample_dir)
    waiting = "select status, reference_id is null from marts.dim_models where model_version = %s"
    assert rows(monitored_warehouse, waiting, VERSION) == [("waiting", True)]
    days = "select count(*) from marts.fct_daily_monitoring where model_version = %s"
    assert one(monitored_warehouse, days, VERSION) == 0
    doctor = command("doctor")
    assert f"{VERSION} waits for the predictions of its reference's days" in doctor.stdout
    assert doctor.returncode == 0
    assert load(write(trips[late], tmp_path / "late.csv"))[1] == f"{VERSION}: its reference is stored"
    run(sample_dir)
    assert rows(monitored_warehouse, waiting, VERSION) == [("ready", False)]
    assert one(monitored_warehouse, days, VERSION) == 28


def test_too_few_predictions_are_no_reference(
    monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path, monitoring_folder: Path
) -> None:
    write_model(monitoring_folder, reference={"from": "2022-02-01", "to": "2022-02-01"})
    day = trips[trips["window_date"] == date(2022, 2, 1)].head(99)
    said = load(write(day, tmp_path / "day.parquet"))
    assert "has 99 predictions, at least 100 are needed" in said[1]
    # Nothing is fixed yet: the reference may still be another one.
    write_model(monitoring_folder, reference={"from": "2022-02-02", "to": "2022-02-02"})
    other = write(trips[trips["window_date"] == date(2022, 2, 2)], tmp_path / "other.parquet")
    assert load(other)[1] == f"{VERSION}: its reference is stored"
    write_model(monitoring_folder)
    with pytest.raises(ModelError, match="has changed what partner_tips is"):
        load(other)


@pytest.mark.slow
def test_corrected_predictions_change_their_day_and_no_other(
    monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path, sample_dir: Path
) -> None:
    load(write(trips, tmp_path / "predictions.parquet"))
    run(sample_dir)
    figures = (
        "select window_date, model_version, row_count, mean_prediction, prediction_drift "
        "from marts.fct_daily_monitoring order by 1, 2"
    )
    profiled = "select window_date, model_version, inputs_hash from intermediate.int_column_profiles group by 1, 2, 3"
    before, profiled_before = rows(monitored_warehouse, figures), rows(monitored_warehouse, profiled)
    own = trips.groupby("window_date")["prediction"].agg(["size", "mean"])
    for day, version, count, mean, _ in before:
        if version == VERSION and count:
            assert (count, mean) == (own.loc[day, "size"], pytest.approx(own.loc[day, "mean"]))
    day = date(2022, 2, 9)
    corrected = trips[trips["window_date"] == day].assign(prediction=0.25)
    said = load(write(corrected, tmp_path / "corrected.csv"))
    assert "1 day changed" in said[0]
    waiting = rows(monitored_warehouse, "select window_date, model_version from marts.fct_waiting_days")
    assert waiting == [(day, VERSION)]
    report = run(sample_dir)
    assert {step.name: step.message for step in report.steps}["metrics"].startswith("1 windows")
    after = rows(monitored_warehouse, figures)
    assert {row[:2] for row in set(after) ^ set(before)} == {(day, VERSION)}
    assert {row[:2] for row in set(rows(monitored_warehouse, profiled)) ^ set(profiled_before)} == {(day, VERSION)}
    assert {(row[0], row[1]): row[3] for row in after}[day, VERSION] == pytest.approx(0.25)
    assert run(sample_dir).nothing_new


@pytest.mark.slow
def test_predictions_of_replaced_trips_are_taken_out(
    monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path, sample_dir: Path
) -> None:
    import pyarrow.parquet as pq

    from pipeline.runner import Pipeline
    from tests.runs import settings

    path = write(trips, tmp_path / "predictions.parquet")
    load(path)
    run(sample_dir)
    folder = tmp_path / "months"
    folder.mkdir()
    (folder / "green_tripdata_2022-01.parquet").symlink_to(sample_dir / "green_tripdata_2022-01.parquet")
    # The same days but for the last rows: most windows keep their content, all trips have another load.
    table = pq.read_table(sample_dir / "green_tripdata_2022-02.parquet")
    pq.write_table(table[:-200], folder / "green_tripdata_2022-02.parquet")
    said: list[str] = []
    Pipeline(settings(folder), said.append).run()
    assert f"warning: trips of 2022-02 were replaced, the predictions of {VERSION} for them are gone" in "\n".join(said)
    counts = "select sum(row_count), count(*) from marts.fct_daily_monitoring where model_version = %s"
    assert rows(monitored_warehouse, counts, VERSION) == [(0, 28)]
    # The same file is new again: it speaks of other rows.
    assert "predictions loaded" in load(path)[0]
    run(folder)
    ((total, days),) = rows(monitored_warehouse, counts, VERSION)
    assert (total > 10_000, days) == (True, 28)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "no model was given: write make predictions FILE=predictions.parquet MODEL=my_model"),
        (["--model", "partner_tips"], 2, "no file was given"),
        (
            ["--model", "green_tipped"],
            2,
            "has a recipe, its predictions are made here; models with loaded predictions:",
        ),
        (["--model", "blue"], 2, "MODEL 'blue' is in no file of datasets/; models with loaded predictions: use one of"),
        (
            ["--model", "partner_tips", "--file", "/nowhere.csv"],
            5,
            "/nowhere.csv is not there: name a file of predictions",
        ),
    ],
)
def test_a_wrong_parameter_is_one_line_and_its_code(
    empty_warehouse: Connection, monitoring_folder: Path, arguments: list[str], code: int, words: str
) -> None:
    result = command("predictions", *arguments)
    assert result.returncode == code
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_make_hands_over_its_variables(monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path) -> None:
    path = write(trips, tmp_path / "my predictions.csv")
    result = make("predictions", f"FILE={path}", "MODEL=partner_tips", "VERSION=v7")
    assert result.returncode == 0, result.stderr
    assert "partner_tips-v7: its reference is stored" in result.stderr


def test_without_trips_or_with_another_command_at_work_nothing_is_loaded(
    empty_warehouse: Connection, monitoring_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "one.csv").write_text("source_month,source_row,prediction\n2022-02,1,0.5\n", encoding="utf-8")
    with pytest.raises(UsageError, match="holds no trips to predict for: bring the warehouse up to date first"):
        load(tmp_path / "one.csv")
    with hold_lock("a test"), pytest.raises(LockedError, match="another command is changing the warehouse"):
        load(tmp_path / "one.csv")


def test_a_feature_that_the_trips_do_not_have_is_named(
    monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path, monitoring_folder: Path
) -> None:
    write_model(monitoring_folder, features=["weather"])
    with pytest.raises(WarehouseError, match=r"green_trips_scored has no column weather: use .*trip_distance"):
        load(write(trips, tmp_path / "predictions.parquet"))
    assert one(monitored_warehouse, "select count(*) from ml.models where spec = %s", SPEC) == 0


@pytest.mark.slow
def test_decisions_that_come_with_predictions_are_what_is_evaluated(
    monitored_warehouse: Connection, monitoring_folder: Path, trips: pd.DataFrame, tmp_path: Path, sample_dir: Path
) -> None:
    """By day and segment as scikit-learn has it; with a text among the features, and then with a threshold alone."""
    features = [*MODEL["features"], "payment_type"]
    write_model(monitoring_folder, features=features, predictions={"loaded": True, "threshold": 0.5})
    trips["prediction"] = np.random.default_rng(13).random(len(trips))
    # A model that decides at 0.65, and never for 1 where the source row ends in 0.
    trips["decision"] = (trips["prediction"] >= 0.65) & (trips["source_row"] % 10 != 0)
    said = load(write(trips, tmp_path / "predictions.csv"))
    others = int(((trips["prediction"] >= 0.5) != trips["decision"]).sum())
    assert said[1] == (
        f"{VERSION}: {others:,} of {len(trips):,} decisions are not what the threshold 0.5 says: the decisions count"
    )
    kept: list[Any] = rows(
        monitored_warehouse,
        "select record ->> 'payment_type', record ->> 'decision' from ml.reference_rows "
        "join ml.models using (reference_id) where model_version = %s",
        VERSION,
    )
    assert {"credit card", "cash"} <= {payment for payment, _ in kept}
    assert {decision for _, decision in kept} == {"0.0", "1.0"}
    run(sample_dir)
    _assert_evaluated_by(monitored_warehouse, trips.assign(decided=trips["decision"]))
    # Without decisions the threshold counts, and another one evaluates again.
    load(write(trips.drop(columns="decision"), tmp_path / "again.csv"))
    write_model(monitoring_folder, features=features, predictions={"loaded": True, "threshold": 0.65})
    run(sample_dir)
    _assert_evaluated_by(monitored_warehouse, trips.assign(decided=trips["prediction"] >= 0.65))


def _assert_evaluated_by(connection: Connection, decided: pd.DataFrame) -> None:
    labels = pd.DataFrame(
        rows(
            connection,
            "select source_month, source_row, is_tipped, payment_type from intermediate.green_trips_accepted",
        ),
        columns=["source_month", "source_row", "label", "payment_type"],
    )
    known = decided.merge(labels.dropna(subset="label"), on=["source_month", "source_row"])
    found = rows(
        connection,
        "select window_date, segment, accuracy, precision, recall from marts.fct_model_performance "
        "where model_version = %s and is_latest and segment in ('all', 'payment_type=credit card')",
        VERSION,
    )
    compared = 0
    for day, segment, *figures in found:
        of_day = known[known["window_date"] == day]
        part = of_day if segment == "all" else of_day[of_day["payment_type"] == "credit card"]
        if figures[0] is None:
            continue
        outcome, said = part["label"].astype(int), part["decided"].astype(int)
        # Where nothing is decided for 1, precision has no value.
        precision = precision_score(outcome, said) if said.any() else None
        expected = [accuracy_score(outcome, said), precision, recall_score(outcome, said)]
        assert figures == pytest.approx(expected, abs=1e-9), (day, segment)
        compared += 1
    assert compared > 40
