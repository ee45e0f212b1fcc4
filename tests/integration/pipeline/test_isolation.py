"""One takes none down: a model whose values are absurd or whose work fails, and what the others get meanwhile."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from config.paths import state_dir
from config.settings import Source, make_settings
from core.errors import ModelError, PartlyFailedError
from models_ml.score import Scoring
from models_ml.store import stored_models
from pipeline import runner
from pipeline.commands import predictions
from pipeline.runner import Pipeline
from pipeline.steps import step as steps
from tests.commands import command
from tests.monitoring import configured_by, documents, green_trips, with_example, write_files
from tests.runs import one, rows, run
from warehouse.database import Connection
from warehouse.engine import bring_up_to_date
from warehouse.runs import Step as Record

SPEC, VERSION = "partner", "partner-v1"
TIPPED, LR, HGB = "green_tipped", "green_duration_lr", "green_duration_hgb"
MODEL: dict[str, Any] = {
    "task": "regression",
    "predictions": "loaded",
    "reference": {"from": "2022-01-20", "to": "2022-01-31"},
    "features": ["trip_distance"],
}
LAST_RUN = "run_id = (select max(run_id) from monitoring.runs where step = 'pipeline')"
AFTER_SCORING = frozenset({"transform", "profiles", "labels", "metrics", "performance", "alarms", "marts"})


def failed_units(connection: Connection) -> list[Any]:
    return rows(
        connection, f"select step, unit from marts.fct_pipeline_runs where unit != '' and {LAST_RUN} order by 1, 2"
    )


def status_of(connection: Connection, step: str) -> object:
    return one(connection, f"select status from monitoring.runs where step = %s and unit = '' and {LAST_RUN}", step)


def test_a_unit_that_fails_is_a_row_of_the_run_log_and_the_steps_go_on(
    empty_warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []

    class Trains(steps.Step):
        name = "train"
        does = "training"

        def take(self, run: steps.Run, record: Record, *, afresh: bool) -> bool:
            for name in ("one", "two", "three"):
                with run.units.unit(name):
                    if name == "two":
                        raise ModelError("too few rows: name another month")
                    record.rows += 5
            record.message = "one, three"
            return True

    class Scores(steps.Step):
        name = "score"
        does = "scoring"

        def take(self, run: steps.Run, record: Record, *, afresh: bool) -> bool:
            return [name for name in ("one", "two", "three") if run.units.has_failed(name)] != ["two"]

    monkeypatch.setattr(runner, "STEPS", (Trains(), Scores()))
    pipeline = Pipeline(make_settings(), told.append)
    why = "too few rows: name another month"
    words = f"1 of 3 models failed, all else is done: two (train): {why}. "
    words += "The next run tries again what failed, and only that"
    for run_id in (1, 2):
        with pytest.raises(PartlyFailedError) as caught:
            pipeline.run()
        assert (str(caught.value), caught.value.exit_code) == (words, 12)
        assert not caught.value.report.nothing_new
        assert rows(
            empty_warehouse,
            "select step, unit, status, rows, message from monitoring.runs where run_id = %s order by step, unit",
            run_id,
        ) == [
            ("pipeline", "", "failed", 0, words),
            ("score", "", "skipped", 0, ""),
            ("train", "", "failed", 10, "one, three; failed: two"),
            ("train", "two", "failed", None, why),
        ]
    assert told[0] == f"failed: two (train): {why}"
    assert told[1].startswith("train               10 rows")
    assert told[1].endswith("one, three; failed: two")
    assert told[2] == "score       nothing new"


@pytest.fixture
def partner(monitored_warehouse: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Every twentieth trip from the reference on with a prediction, of a model beside the project's own ones."""
    rules, example = documents()
    example["models"][SPEC] = MODEL | {"label": example["models"][LR]["label"]}
    for name, value in configured_by(write_files(tmp_path, rules, example)).items():
        monkeypatch.setenv(name, value)
    found = rows(
        monitored_warehouse,
        "select source_month, source_row, window_date, duration_minutes from intermediate.green_trips_accepted "
        "where source_row %% 20 = 0 and window_date >= '2022-01-20' order by 1, 2",
    )
    frame = pd.DataFrame(found, columns=["source_month", "source_row", "window_date", "minutes"])
    return frame.assign(prediction=frame["minutes"] * 0.9 + 1)


def load(frame: pd.DataFrame, path: Path) -> None:
    frame[["source_month", "source_row", "prediction"]].to_parquet(path)
    predictions.load(path, SPEC, "", lambda line: None)


@pytest.mark.slow
def test_absurd_predictions_are_monitored_and_nobody_else_is_touched(
    monitored_warehouse: Connection, partner: pd.DataFrame, sample_dir: Path, tmp_path: Path
) -> None:
    """Finite predictions that no sum, square or difference of can be held: the run ends well and says so by day."""
    strange = partner.copy()
    greatest = float(np.finfo(float).max)
    chosen = {
        "2022-02-03": [1e200],
        "2022-02-10": [greatest, -greatest, 1e308],
        "2022-02-15": [5e-324],
        # In the reference, too.
        "2022-01-25": [1e200, -1e308],
    }
    for day, values in chosen.items():
        places = strange.index[strange["window_date"].astype(str) == day][: len(values)]
        strange.loc[places, "prediction"] = values
    load(strange, tmp_path / "strange.parquet")
    # A new month for everybody.
    monitored_warehouse.execute("delete from monitoring.ledger where step = 'metrics' and subject != ''")
    run(sample_dir)
    assert rows(monitored_warehouse, f"select distinct status from monitoring.runs where {LAST_RUN} and unit = ''") in (
        [("ok",), ("skipped",)],
        [("skipped",), ("ok",)],
    )
    days = "select model_spec, count(*) from marts.fct_daily_monitoring group by 1 order by 1"
    assert rows(monitored_warehouse, days) == [(HGB, 28), (LR, 28), (TIPPED, 28), (SPEC, 28)]
    quality = "select window_date::text, std, p50 is not null, status from marts.fct_column_quality "
    quality += (
        "where model_version = %s and column_name = 'prediction' and segment = 'all' and status != 'ok' order by 1"
    )
    found = {row[0]: row[1:] for row in rows(monitored_warehouse, quality, VERSION)}
    assert found["2022-02-03"] == found["2022-02-10"] == (None, True, "out_of_range")
    assert "2022-02-15" not in found
    # What is in the marts can be squared, added and averaged.
    for relation, column in (
        ("marts.fct_column_quality", "std"),
        ("marts.fct_column_quality", "maximum"),
        ("marts.fct_column_drift", "drift_score"),
        ("marts.fct_model_performance", "mae"),
        ("marts.fct_model_performance", "rmse"),
        ("marts.fct_estimate_quality", "error"),
        ("marts.fct_concept_drift", "effect_size"),
        ("marts.fct_alarm_scores", "score"),
    ):
        assert (
            one(monitored_warehouse, f"select avg({column}) is null or stddev({column}) >= 0 from {relation}") is True
        )
    assert run(sample_dir).nothing_new


@pytest.mark.slow
def test_a_model_that_fails_stops_no_other_and_comes_again(
    monitored_warehouse: Connection, sample_dir: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "months"
    folder.mkdir()
    (folder / "green_tripdata_2022-01.parquet").symlink_to(sample_dir / "green_tripdata_2022-01.parquet")
    table = pq.read_table(sample_dir / "green_tripdata_2022-02.parquet")
    pq.write_table(table[:-1500], folder / "green_tripdata_2022-02.parquet")
    # One model's file is another one than was pinned, and no card payment is left to train another on.
    ((version, name),) = rows(
        monitored_warehouse, "select model_version, artifact_file from ml.models where spec = %s", LR
    )
    path = state_dir() / "models" / name
    monitored_warehouse.execute("delete from ml.models where spec = %s", [TIPPED])
    cards = "update intermediate.green_trips_accepted set payment_type = %s, payment_type_id = %s "
    cards += "where source_month = '2022-01-01' and payment_type = %s"
    monitored_warehouse.execute(cards.encode(), ["cash before", 2, "credit card"])
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        result = command("run", "--source", "local", "--data-dir", str(folder))
        assert result.returncode == 12, result.stderr
        assert (
            "error: 2 of 3 models failed, all else is done: green_tipped (train): green_tipped: 2022-01 has 0 rows to"
            in (" ".join(result.stderr.split()))
        )
        assert "was changed: its sha256 is" in result.stderr
        assert "Traceback" not in result.stderr
        # The summary names it first.
        assert result.stdout.index("green_tipped failed in train") < result.stdout.index("Steps")
        assert failed_units(monitored_warehouse) == [("score", version), ("train", TIPPED)]
        steps = ("train", "score", "metrics", "marts", "pipeline")
        assert [status_of(monitored_warehouse, step) for step in steps] == [
            "failed", "failed", "ok", "ok", "failed",
        ]  # fmt: skip
        # The healthy model has all of the month; the one that failed has what it had.
        matching = (
            "select count(*) filter (where daily.row_count = windows.row_count), count(*) "
            "from marts.fct_daily_monitoring as daily join intermediate.int_windows as windows using (window_start) "
            "where daily.model_spec = %s"
        )
        assert rows(monitored_warehouse, matching, HGB) == [(28, 28)]
        ((right, days),) = rows(monitored_warehouse, matching, LR)
        assert right < days == 28
        # Its dashboards say that it is not trained, and why; somebody is told.
        ((status, reason),) = rows(
            monitored_warehouse, "select status, status_reason from marts.dim_models where model_spec = %s", TIPPED
        )
        assert status == "not_trained"
        assert "0 rows to train on where payment_type = credit card" in reason
        alerts = rows(monitored_warehouse, "select summary from marts.fct_alerts where rule = 'failed_run' and is_open")
        assert [row[0].startswith("a run failed: 2 of 3 models failed") for row in alerts] == [True]
        # Again: only what failed is tried.
        again = Pipeline(make_settings(data_dir=folder, source=Source.LOCAL), lambda line: None)
        with pytest.raises(PartlyFailedError) as caught:
            again.run()
        report = caught.value.report
        assert {step.name for step in report.steps if not step.skipped} <= {"train", "score", "performance", "alarms"}
        assert sum(step.rows for step in report.steps) == 0
    finally:
        path.write_bytes(content)
    monitored_warehouse.execute(cards.encode(), ["credit card", 1, "cash before"])
    report = run(folder)
    assert not report.failed
    assert failed_units(monitored_warehouse) == []
    assert rows(monitored_warehouse, matching, LR) == [(28, 28)]
    assert rows(monitored_warehouse, "select model_spec, status from marts.dim_models order by 1") == [
        (HGB, "ready"), (LR, "ready"), (TIPPED, "ready"),
    ]  # fmt: skip
    assert one(monitored_warehouse, "select count(*) from marts.fct_alerts where rule = 'failed_run' and is_open") == 0
    assert run(folder).nothing_new


def test_a_month_without_card_payments_leaves_the_others_alone(
    monitored_warehouse: Connection, sample_dir: Path
) -> None:
    monitored_warehouse.execute("delete from ml.models where spec = %s", [TIPPED])
    monitored_warehouse.execute("update intermediate.green_trips_accepted set is_tipped = 1")
    told: list[str] = []
    settings = make_settings(data_dir=sample_dir, source=Source.LOCAL)
    pipeline = Pipeline(settings, told.append, without=AFTER_SCORING)
    with pytest.raises(PartlyFailedError, match="1 of 3 models failed") as caught:
        pipeline.run()
    assert caught.value.exit_code == 12
    (failed,) = caught.value.report.failed
    assert (failed.step, failed.name) == ("train", TIPPED)
    assert "a binary model needs the labels 0 and 1" in failed.words
    assert any(line.startswith(f"failed: {TIPPED} (train): ") for line in told)
    # The step after it was taken, and had nothing to do for the others.
    assert status_of(monitored_warehouse, "score") == "skipped"
    assert status_of(monitored_warehouse, "pipeline") == "failed"
    message = one(monitored_warehouse, f"select message from monitoring.runs where unit = %s and {LAST_RUN}", TIPPED)
    assert message == failed.words


def test_the_labels_of_one_target_leave_the_others_alone(monitored_warehouse: Connection, sample_dir: Path) -> None:
    monitored_warehouse.execute("delete from ml.labels")
    monitored_warehouse.execute("delete from ml.label_loads")
    monitored_warehouse.execute("delete from monitoring.ledger where step = 'labels'")
    settings = make_settings(data_dir=sample_dir, source=Source.LOCAL)
    without = frozenset({"transform", "train", "score", "profiles", "metrics", "performance", "alarms", "marts"})
    pipeline = Pipeline(settings, lambda line: None, without=without)
    wrong = pipeline.monitored.of["green_trips"].labels["is_tipped"].model_copy(update={"ends_at": "arrived_at"})
    labels = pipeline.monitored.of["green_trips"].labels | {"is_tipped": wrong}
    pipeline.monitored = with_example(pipeline.monitored, labels=labels)
    with pytest.raises(PartlyFailedError, match=r"^labels of is_tipped failed, all else is done: .*arrived_at"):
        pipeline.run()
    assert rows(monitored_warehouse, "select target, count(*) > 0 from ml.labels group by 1") == [
        ("duration_minutes", True)
    ]
    units = rows(monitored_warehouse, f"select step, unit, status from monitoring.runs where unit != '' and {LAST_RUN}")
    assert units == [("labels", "labels of is_tipped", "failed")]


def test_a_prediction_that_is_no_number_is_missing(
    monitored_warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def predict(estimator: object, inputs: pd.DataFrame, task: str) -> np.ndarray[Any, Any]:
        return np.where(inputs["trip_distance"] > 5, np.inf, 1.0)

    (stored,) = [model for model in stored_models() if model.spec == LR]
    monkeypatch.setattr("models_ml.score.predict", predict)
    monitored_warehouse.execute(
        "delete from monitoring.ledger where step = 'score' and subject = %s and part = '2022-02-01'",
        [stored.model_version],
    )
    work = Scoring(stored, green_trips(), state_dir() / "models")
    count = bring_up_to_date(work, run_id=1).rows
    far = (
        "select count(*) filter (where trip_distance > 5) "
        "from intermediate.green_trips_accepted where source_month = %s"
    )
    written = rows(
        monitored_warehouse,
        "select count(*), count(prediction), max(prediction) from ml.predictions "
        "where model_version = %s and event_id >= monitoring.first_event('2022-02-01')",
        stored.model_version,
    )
    assert written == [(count, count - one(monitored_warehouse, far, date(2022, 2, 1)), 1.0)]
