"""Models: the published figures, the same model twice, and files that are not what was pinned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from models_ml.artifacts import read_artifact, write_artifact
from models_ml.store import PendingMonth, pending_months, stored_models
from pipeline import database
from pipeline.database import Connection
from pipeline.errors import ModelError
from pipeline.monitoring import load_monitoring
from pipeline.settings import make_settings, state_dir
from pipeline.steps import Pipeline

MODELS = load_monitoring().models


def run(folder: Path) -> None:
    Pipeline(make_settings(data_dir=str(folder), source="local"), lambda line: None).run()


def predictions_hash(connection: Connection) -> Any:
    return connection.execute(
        "select md5(string_agg(prediction::text, ',' order by model_version, source_month, source_row)) "
        "from ml.predictions"
    ).fetchone()


@pytest.mark.real_data
def test_the_published_figures_are_reproduced(empty_warehouse: Connection, real_months: Path) -> None:
    run(real_months)
    found: list[Any] = empty_warehouse.execute("select spec, training_metrics from ml.models").fetchall()
    records: dict[str, Any] = dict(found)
    baseline = records["green_duration_lr"]
    assert baseline["train_mae"] == pytest.approx(3.804665373785083, abs=1e-9)
    assert baseline["validation_mae"] == pytest.approx(4.14206407368847, abs=1e-9)
    assert baseline["prediction_drift"] == pytest.approx(0.030493164661663727, abs=1e-9)
    assert baseline["validation_rows"] == 55211 - 30000
    boosted = records["green_duration_hgb"]
    assert boosted["validation_mae"] < baseline["validation_mae"]
    counts = empty_warehouse.execute(
        "select source_month::text, rows from raw.files where status = 'loaded' order by 1"
    ).fetchall()
    assert counts == [("2022-01-01", 62495), ("2022-02-01", 69399)]


def test_training_twice_gives_the_same_model(monitored_warehouse: Connection, sample_dir: Path) -> None:
    before = predictions_hash(monitored_warehouse)
    versions = [model.model_version for model in stored_models()]
    references = [model.reference_id for model in stored_models()]
    monitored_warehouse.execute("delete from ml.models")
    run(sample_dir)
    assert [model.model_version for model in stored_models()] == versions
    assert [model.reference_id for model in stored_models()] == references
    assert predictions_hash(monitored_warehouse) == before


def test_every_accepted_trip_is_scored_by_every_model(monitored_warehouse: Connection) -> None:
    counts = monitored_warehouse.execute(
        "select model_version, count(*), count(prediction) from ml.predictions group by 1"
    ).fetchall()
    (accepted,) = monitored_warehouse.execute("select count(*) from intermediate.int_trips_accepted").fetchall()
    assert len(counts) == 2
    assert {row[1:] for row in counts} == {(accepted[0], accepted[0])}


def test_the_reference_survives_a_replaced_month(monitored_warehouse: Connection) -> None:
    query = "select md5(string_agg(record::text, ',' order by reference_id, position)) from ml.reference_rows"
    before = monitored_warehouse.execute(query).fetchone()
    monitored_warehouse.execute("delete from raw.green_trips where source_month = '2022-01-01'")
    assert monitored_warehouse.execute(query).fetchone() == before


def test_the_reference_hash_is_that_of_its_rows(monitored_warehouse: Connection) -> None:
    import pandas as pd

    from models_ml.train import frame_sha256

    for model in stored_models():
        spec = MODELS[model.spec]
        records = monitored_warehouse.execute(
            "select record from ml.reference_rows where reference_id = %s order by position", [model.reference_id]
        ).fetchall()
        columns = [*spec.feature_names, "prediction", spec.target]
        frame = pd.DataFrame([row[0] for row in records], columns=columns).astype("float64")
        row = monitored_warehouse.execute(
            "select content_sha256 from ml.reference_sets where reference_id = %s", [model.reference_id]
        ).fetchone()
        assert row == (frame_sha256(frame),)
        assert model.reference_id.endswith(str(row[0])[:12])


def test_a_tampered_file_is_refused(monitored_warehouse: Connection, tmp_path: Path) -> None:
    from models_ml.score import score

    model = stored_models()[0]
    path = tmp_path / model.artifact_file
    content = bytearray((state_dir() / "models" / model.artifact_file).read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    before = predictions_hash(monitored_warehouse)
    month = PendingMonth(model.train_month.first_day, 1, "other")
    with pytest.raises(ModelError, match="was changed: its sha256 is") as error:
        score(model, MODELS[model.spec], [month], model_dir=tmp_path, run_id=1)
    assert "not opened" in str(error.value)
    assert predictions_hash(monitored_warehouse) == before


def test_a_file_with_an_unexpected_type_is_refused(tmp_path: Path) -> None:
    class Surprise:
        pass

    name, sha256 = write_artifact({"estimator": Surprise()}, tmp_path, "m")
    with pytest.raises(ModelError, match="types that are not allowed"):
        read_artifact(tmp_path / name, sha256)


def test_a_missing_file_is_trained_again_from_the_same_rows(monitored_warehouse: Connection, sample_dir: Path) -> None:
    before = predictions_hash(monitored_warehouse)
    model = stored_models()[0]
    path = state_dir() / "models" / model.artifact_file
    content = path.read_bytes()
    path.unlink()
    try:
        run(sample_dir)
        (again,) = [other for other in stored_models() if other.model_version == model.model_version]
        read_artifact(state_dir() / "models" / again.artifact_file, again.artifact_sha256)
        assert predictions_hash(monitored_warehouse) == before
    finally:
        path.write_bytes(content)  # other tests' databases name this file


@pytest.mark.slow
def test_two_warehouses_that_share_a_folder_keep_their_own_files(
    monitored_warehouse: Connection, sample_dir: Path
) -> None:
    files = {model.artifact_file for model in stored_models()}
    monitored_warehouse.execute("delete from ml.models")
    run(sample_dir)
    again = {model.artifact_file for model in stored_models()}
    assert again.isdisjoint(files)
    assert all((state_dir() / "models" / name).exists() for name in files | again)


def test_what_a_model_is_cannot_change_under_its_name(monitored_warehouse: Connection, sample_dir: Path) -> None:
    before = predictions_hash(monitored_warehouse)
    pipeline = Pipeline(make_settings(data_dir=str(sample_dir), source="local"), lambda line: None)
    model = pipeline.monitoring.models["green_duration_lr"]
    for change in (
        {"features": model.features[:2]},
        {"target": "tip_amount"},
        {"recipe": "gradient_boosting"},
    ):
        changed = pipeline.monitoring.models | {"green_duration_lr": model.model_copy(update=change)}
        pipeline.monitoring = pipeline.monitoring.model_copy(update={"models": changed})
        with pytest.raises(ModelError, match="give the changed model a name of its own"):
            pipeline.run()
    assert predictions_hash(monitored_warehouse) == before


@pytest.mark.slow
def test_a_retired_model_keeps_its_rows_and_stops_nobody(
    monitored_warehouse: Connection, sample_dir: Path, tmp_path: Path
) -> None:
    for month in ("2022-01", "2022-02"):
        table = pq.read_table(sample_dir / f"green_tripdata_{month}.parquet")
        pq.write_table(table[: -1000 if month == "2022-02" else None], tmp_path / f"green_tripdata_{month}.parquet")
    pipeline = Pipeline(make_settings(data_dir=str(tmp_path), source="local"), lambda line: None)
    left = {"green_duration_lr": pipeline.monitoring.models["green_duration_lr"]}
    pipeline.monitoring = pipeline.monitoring.model_copy(update={"models": left})
    report = pipeline.run()
    assert not report.nothing_new
    active = monitored_warehouse.execute("select model_spec, is_active from marts.dim_models order by 1").fetchall()
    assert active == [("green_duration_hgb", False), ("green_duration_lr", True)]
    kept = "select count(*) from marts.fct_daily_monitoring where model_spec = 'green_duration_hgb'"
    assert monitored_warehouse.execute(kept.encode()).fetchone() == (28,)
    # Named again, it catches up.
    run(tmp_path)
    stale = monitored_warehouse.execute(
        "select count(*) from marts.fct_daily_monitoring as daily join intermediate.int_windows as windows "
        "using (window_start) where daily.trip_count != windows.trip_count"
    ).fetchone()
    assert stale == (0,)


def test_too_few_rows_to_train_on_are_named(empty_warehouse: Connection, tmp_path: Path) -> None:
    from ingest.sample import write_sample
    from pipeline.months import Month

    write_sample(Month(2022, 1), tmp_path / "whole.parquet")
    pq.write_table(pq.read_table(tmp_path / "whole.parquet")[:50], tmp_path / "green_tripdata_2022-01.parquet")
    with pytest.raises(ModelError, match=r"2022-01 has \d+ rows to train on, at least 100 are needed"):
        Pipeline(make_settings(data_dir=str(tmp_path), source="local", months="2022-01"), lambda line: None).run()
    failed = empty_warehouse.execute("select status, message from monitoring.runs where step = 'train'").fetchone()
    assert failed is not None
    assert failed[0] == "failed"
    assert "rows to train on" in str(failed[1])


def test_nothing_is_pending_after_a_run(monitored_warehouse: Connection) -> None:
    with database.warehouse():
        for model in stored_models():
            assert pending_months(model.model_version) == []
