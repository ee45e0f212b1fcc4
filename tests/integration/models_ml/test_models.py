"""Models: the published figures, the same model twice, and files that are not what was pinned."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import skops.io
from sklearn.metrics import roc_auc_score

from config.paths import state_dir
from config.settings import Source, make_settings
from core.errors import ModelError, PartlyFailedError, WarehouseError
from models_ml.artifacts import read_artifact, write_artifact
from models_ml.recipes import definition_sha256
from models_ml.score import Scoring
from models_ml.store import stored_models
from pipeline.runner import Pipeline
from tests.monitoring import green_trips, with_example
from warehouse import database, engine
from warehouse.database import Connection
from warehouse.engine import bring_up_to_date

MODELS = green_trips().models
TIPPED = "green_tipped"
AFTER_SCORING = frozenset({"profiles", "labels", "metrics", "performance", "alarms", "marts"})
AFTER_TRAINING = AFTER_SCORING | {"score"}


def run(folder: Path, without: frozenset[str] = frozenset()) -> None:
    Pipeline(make_settings(data_dir=folder, source=Source.LOCAL), lambda line: None, without=without).run()


def one_row(connection: Connection, query: str, *parameters: object) -> Any:
    (row,) = connection.execute(query.encode(), parameters).fetchall()
    return row


def predictions_hash(connection: Connection) -> Any:
    return connection.execute(
        "select md5(string_agg(prediction::text, ',' order by model_version, event_id)) from ml.predictions"
    ).fetchone()


@pytest.mark.real_data
@pytest.mark.slow
def test_the_published_figures_are_reproduced(empty_warehouse: Connection, real_months: Path) -> None:
    run(real_months, without=AFTER_TRAINING)
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


@pytest.mark.slow
def test_training_twice_gives_the_same_model_in_a_file_of_its_own(
    monitored_warehouse: Connection, sample_dir: Path
) -> None:
    before = predictions_hash(monitored_warehouse)
    versions = [model.model_version for model in stored_models()]
    references = [model.reference_id for model in stored_models()]
    files = {model.artifact_file for model in stored_models()}
    monitored_warehouse.execute("delete from ml.models")
    run(sample_dir, without=AFTER_SCORING)
    assert [model.model_version for model in stored_models()] == versions
    assert [model.reference_id for model in stored_models()] == references
    assert predictions_hash(monitored_warehouse) == before
    # Another warehouse that shares the folder still has its own files.
    again = {model.artifact_file for model in stored_models()}
    assert again.isdisjoint(files)
    assert all((state_dir() / "models" / name).exists() for name in files | again)


def test_every_trip_that_a_model_is_about_is_scored(monitored_warehouse: Connection) -> None:
    counts = monitored_warehouse.execute(
        "select model_version, count(*), count(prediction) from ml.predictions group by 1"
    ).fetchall()
    accepted, by_card = one_row(
        monitored_warehouse,
        "select count(*), count(*) filter (where payment_type = 'credit card') from intermediate.green_trips_accepted",
    )
    assert 0 < by_card < accepted
    expected = {"green_duration_hgb": accepted, "green_duration_lr": accepted, "green_tipped": by_card}
    assert {str(row[0]).split("-")[0]: row[1:] for row in counts} == {
        spec: (count, count) for spec, count in expected.items()
    }


def test_a_model_about_a_part_of_the_trips_sees_no_others(monitored_warehouse: Connection) -> None:
    (model,) = [model for model in stored_models() if model.spec == TIPPED]
    scored = one_row(
        monitored_warehouse,
        "select array_agg(distinct payment_type), min(prediction) > 0, max(prediction) < 1 "
        "from intermediate.green_trips_scored where model_version = %s",
        model.model_version,
    )
    assert scored == (["credit card"], True, True)
    strangers = one_row(
        monitored_warehouse,
        "select count(*), count(*) filter (where trips.payment_type is distinct from 'credit card') "
        "from ml.reference_rows as reference join intermediate.green_trips_accepted as trips "
        "using (event_id) where reference_id = %s",
        model.reference_id,
    )
    assert strangers[0] > 1000
    assert strangers[1] == 0
    # Each of its days counts its own trips; how many came in all is said elsewhere.
    wrong = one_row(
        monitored_warehouse,
        """
        select count(*) filter (where daily.row_count != own.trips), count(*)
        from marts.fct_daily_monitoring as daily
        join (
            select window_date, count(*) as trips from intermediate.green_trips_accepted
            where payment_type = 'credit card' group by 1
        ) as own using (window_date)
        where daily.model_version = %s
        """,
        model.model_version,
    )
    assert wrong == (0, 27)


def test_a_binary_model_has_its_own_training_record(monitored_warehouse: Connection) -> None:
    record = one_row(
        monitored_warehouse,
        "select task, predictions, row_filter, train_mae, validation_mae, train_log_loss, validation_log_loss, "
        "train_auc, validation_auc, status from marts.dim_models where model_spec = %s",
        TIPPED,
    )
    assert record[:5] == ("binary", "scored", {"payment_type": "credit card"}, None, None)
    train_log_loss, validation_log_loss, train_auc, validation_auc, status = record[5:]
    assert 0 < train_log_loss < validation_log_loss
    assert 0.6 < validation_auc < train_auc < 1
    assert status == "ready"
    # The figures are those of the stored reference: the held-out trips, their labels and their predictions.
    rows = monitored_warehouse.execute(
        "select (record ->> 'is_tipped')::float8, (record ->> 'prediction')::float8 from ml.reference_rows "
        "join ml.models using (reference_id) where spec = %s",
        [TIPPED],
    ).fetchall()
    label, probability = np.array(rows, dtype=float).T
    assert validation_log_loss == pytest.approx(
        -np.mean(label * np.log(probability) + (1 - label) * np.log(1 - probability)), abs=1e-9
    )
    assert roc_auc_score(label, probability) == pytest.approx(validation_auc, abs=1e-9)
    # It knows more than the share of tips does.
    share = label.mean()
    assert validation_log_loss < -(share * np.log(share) + (1 - share) * np.log(1 - share))


def test_what_a_model_was_before_there_was_a_choice_keeps_its_hash() -> None:
    """The hashes that models were stored with before there were tasks and filters: they must never change."""
    assert definition_sha256(MODELS["green_duration_lr"]).startswith("1e9a03a66ce673d9")
    assert definition_sha256(MODELS["green_duration_hgb"]).startswith("e2a92c47c8733352")
    tipped = MODELS[TIPPED]
    changes: tuple[dict[str, object], ...] = (
        {"only": {}},
        {"only": {"payment_type": "cash"}},
        {"target": "trip_type_id"},
    )
    for change in changes:
        assert definition_sha256(tipped.model_copy(update=change)) != definition_sha256(tipped)


@pytest.mark.parametrize(
    ("only", "message"),
    [
        (
            {"payment": "cash"},
            "models.green_tipped.predictions.only: intermediate.green_trips_accepted has no column payment: use one",
        ),
        pytest.param(
            {"payment_type": 1},
            "payment_type is of type text and holds no numbers, 1 was found: write payment_type: '1'",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"payment_type_id": "1"},
            "payment_type_id is of type integer and holds numbers, '1' was found",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"payment_type": "'; drop table ml.models; --"},
            "has 0 rows to train on where payment_type = '; drop",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_filter_that_does_not_fit_is_named(
    monitored_warehouse: Connection, sample_dir: Path, only: dict[str, Any], message: str
) -> None:
    monitored_warehouse.execute("delete from ml.models where spec = %s", [TIPPED])
    pipeline = changed_pipeline(sample_dir, {"only": only})
    with pytest.raises(PartlyFailedError, match=re.escape(message)):
        pipeline.run()
    assert monitored_warehouse.execute("select count(*) from ml.models").fetchone() == (2,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"target": "trip_type_id"},
            "a binary model needs the labels 0 and 1; the rows of 2022-01 that train have 1, 2",
        ),
        ({"task": "regression"}, "'boosted_classifier' is for task binary, the model of is_tipped has task regression"),
        (
            {"recipe": "gradient_boosting"},
            "is for task regression, the model of is_tipped has task binary: use one of boos",
        ),
        ({"recipe": "magic"}, "the recipe 'magic' is unknown: use one of boosted_classifier"),
    ],
)
def test_a_recipe_or_a_target_that_does_not_fit_is_named(
    monitored_warehouse: Connection, sample_dir: Path, change: dict[str, Any], message: str
) -> None:
    monitored_warehouse.execute("delete from ml.models where spec = %s", [TIPPED])
    with pytest.raises(WarehouseError, match=re.escape(message)):
        changed_pipeline(sample_dir, change).run()
    assert monitored_warehouse.execute("select count(*) from ml.models").fetchone() == (2,)


def changed_pipeline(folder: Path, change: dict[str, Any]) -> Pipeline:
    """A pipeline on the sample in which green_tipped is another one, and which ends when models are trained."""
    settings = make_settings(data_dir=folder, source=Source.LOCAL)
    pipeline = Pipeline(settings, lambda line: None, without=AFTER_TRAINING)
    tipped = pipeline.monitored.of["green_trips"].models[TIPPED].model_copy(update=change)
    models = pipeline.monitored.of["green_trips"].models | {TIPPED: tipped}
    pipeline.monitored = with_example(pipeline.monitored, models=models)
    return pipeline


def test_the_reference_survives_a_replaced_month(monitored_warehouse: Connection) -> None:
    query = "select md5(string_agg(record::text, ',' order by reference_id, position)) from ml.reference_rows"
    before = monitored_warehouse.execute(query).fetchone()
    monitored_warehouse.execute("delete from raw.green_trips where source_month = '2022-01-01'")
    assert monitored_warehouse.execute(query).fetchone() == before


def test_the_reference_hash_is_that_of_its_rows(monitored_warehouse: Connection) -> None:
    import pandas as pd

    from models_ml.references import frame_sha256

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
    model = stored_models()[0]
    path = tmp_path / model.artifact_file
    content = bytearray((state_dir() / "models" / model.artifact_file).read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    before = predictions_hash(monitored_warehouse)
    monitored_warehouse.execute("update monitoring.ledger set inputs_hash = '' where step = 'score'")
    with pytest.raises(ModelError, match="was changed: its sha256 is") as error:
        bring_up_to_date(Scoring(model, green_trips(), tmp_path), run_id=1)
    assert "not opened" in str(error.value)
    assert predictions_hash(monitored_warehouse) == before


def test_a_file_with_an_unexpected_type_is_refused(tmp_path: Path) -> None:
    class Surprise:
        pass

    with pytest.raises(
        ModelError, match=r"m holds types that are not allowed in model files: .*Surprise\. Use another"
    ):
        write_artifact({"estimator": Surprise()}, tmp_path, "m")
    assert list(tmp_path.iterdir()) == []
    # A file that somebody else has written.
    content = skops.io.dumps({"estimator": Surprise()})
    (tmp_path / "m.skops").write_bytes(content)
    with pytest.raises(ModelError, match="types that are not allowed"):
        read_artifact(tmp_path / "m.skops", hashlib.sha256(content).hexdigest())


@pytest.mark.slow
def test_a_missing_file_is_trained_again_from_the_same_rows(monitored_warehouse: Connection, sample_dir: Path) -> None:
    before = predictions_hash(monitored_warehouse)
    model = stored_models()[0]
    path = state_dir() / "models" / model.artifact_file
    content = path.read_bytes()
    path.unlink()
    try:
        run(sample_dir, without=AFTER_SCORING)
        (again,) = [other for other in stored_models() if other.model_version == model.model_version]
        read_artifact(state_dir() / "models" / again.artifact_file, again.artifact_sha256)
        assert predictions_hash(monitored_warehouse) == before
    finally:
        path.write_bytes(content)  # other tests' databases name this file


def test_what_a_model_is_cannot_change_under_its_name(monitored_warehouse: Connection, sample_dir: Path) -> None:
    before = predictions_hash(monitored_warehouse)
    settings = make_settings(data_dir=sample_dir, source=Source.LOCAL)
    pipeline = Pipeline(settings, lambda line: None, without=AFTER_TRAINING)
    model = pipeline.monitored.of["green_trips"].models["green_duration_lr"]
    for change in (
        {"features": model.features[:2]},
        {"target": "tip_amount"},
        {"recipe": "gradient_boosting"},
    ):
        changed = pipeline.monitored.of["green_trips"].models | {"green_duration_lr": model.model_copy(update=change)}
        pipeline.monitored = with_example(pipeline.monitored, models=changed)
        with pytest.raises(PartlyFailedError, match=r"1 of 3 models failed.* give the changed model a name of its own"):
            pipeline.run()
    assert predictions_hash(monitored_warehouse) == before


@pytest.mark.slow
def test_a_retired_model_keeps_its_rows_and_stops_nobody(
    monitored_warehouse: Connection, sample_dir: Path, tmp_path: Path
) -> None:
    for month in ("2022-01", "2022-02"):
        table = pq.read_table(sample_dir / f"green_tripdata_{month}.parquet")
        pq.write_table(table[: -1000 if month == "2022-02" else None], tmp_path / f"green_tripdata_{month}.parquet")
    pipeline = Pipeline(make_settings(data_dir=tmp_path, source=Source.LOCAL), lambda line: None)
    left = {"green_duration_lr": pipeline.monitored.of["green_trips"].models["green_duration_lr"]}
    pipeline.monitored = with_example(pipeline.monitored, models=left)
    report = pipeline.run()
    assert not report.nothing_new
    active = monitored_warehouse.execute("select model_spec, is_active from marts.dim_models order by 1").fetchall()
    assert active == [("green_duration_hgb", False), ("green_duration_lr", True), (TIPPED, False)]
    kept = "select count(*) from marts.fct_daily_monitoring where model_spec = 'green_duration_hgb'"
    assert monitored_warehouse.execute(kept.encode()).fetchone() == (28,)
    # Named again, it catches up.
    run(tmp_path)
    stale = monitored_warehouse.execute(
        "select count(*) from marts.fct_daily_monitoring as daily join intermediate.int_windows as windows "
        "using (window_start) where daily.row_count != windows.row_count and daily.model_spec != %s",
        [TIPPED],
    ).fetchone()
    assert stale == (0,)


@pytest.mark.slow
def test_too_few_rows_to_train_on_are_named(empty_warehouse: Connection, tmp_path: Path) -> None:
    from config.months import Month
    from ingest.tlc.sample import write_sample

    write_sample(Month(2022, 1), tmp_path / "whole.parquet")
    pq.write_table(pq.read_table(tmp_path / "whole.parquet")[:50], tmp_path / "green_tripdata_2022-01.parquet")
    with pytest.raises(PartlyFailedError, match=r"3 of 3 models .* 2022-01 has \d+ rows to train on, at least 100 are"):
        Pipeline(
            make_settings(data_dir=tmp_path, source=Source.LOCAL, months=[Month(2022, 1)]), lambda line: None
        ).run()
    failed = empty_warehouse.execute(
        "select unit, status, message from monitoring.runs where step = 'train' order by unit"
    ).fetchall()
    assert [row[:2] for row in failed] == [(unit, "failed") for unit in ("", *sorted(MODELS))]
    assert all("rows to train on" in str(row[2]) for row in failed[1:])


def test_nothing_is_pending_after_a_run(monitored_warehouse: Connection) -> None:
    with database.warehouse():
        for model in stored_models():
            work = Scoring(model, green_trips(), state_dir() / "models")
            assert engine.pending(monitored_warehouse, work) == ([], [])
