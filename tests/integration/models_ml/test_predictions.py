"""Predictions that are made elsewhere: files that are taken in, kept out, refused, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.metrics import accuracy_score, precision_score, recall_score

from config.paths import ROOT
from core.errors import BadFileError, LockedError, ModelError, SourceUnavailableError, UsageError, WarehouseError
from pipeline.commands import predictions
from tests.commands import command, make
from tests.integration.pipeline.test_pipeline import contents, one, rows, run
from warehouse.database import Connection
from warehouse.runs import hold_lock

SPEC, VERSION = "partner_tips", "partner_tips-v1"
JANUARY = {"from": "2022-01-01", "to": "2022-01-31"}
MODEL: dict[str, Any] = {
    "predictions": "loaded",
    "reference": JANUARY,
    "task": "binary",
    "target": "is_tipped",
    "features": [{"name": "trip_distance", "type": "numerical"}, {"name": "pickup_location_id", "type": "categorical"}],
}


@pytest.fixture
def monitoring_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A monitoring.yml with the loaded model beside the project's own ones."""
    path = tmp_path / "monitoring.yml"
    monkeypatch.setenv("WAREHOUSE_MONITORING_FILE", str(path))
    write_model(path)
    return path


def write_model(path: Path, **changes: object) -> None:
    document = yaml.safe_load((ROOT / "monitoring.yml").read_text(encoding="utf-8"))
    document["models"][SPEC] = MODEL | changes
    path.write_text(yaml.safe_dump(document), encoding="utf-8")


@pytest.fixture
def trips(monitored_warehouse: Connection, monitoring_file: Path) -> pd.DataFrame:
    """Every fifth accepted trip of both months, with a prediction of its own."""
    found = rows(
        monitored_warehouse,
        "select source_month, source_row, window_date from intermediate.int_trips_accepted "
        "where source_row %% 5 = 0 order by 1, 2",
    )
    frame = pd.DataFrame(found, columns=["source_month", "source_row", "window_date"])
    return frame.assign(prediction=np.linspace(0, 1, len(frame)))


def write(frame: pd.DataFrame, path: Path) -> Path:
    columns = [name for name in frame.columns if name != "window_date"]
    if path.suffix == ".csv":
        frame[columns].to_csv(path, index=False)
    else:
        frame[columns].to_parquet(path)
    return path


def load(path: Path, version: str = "") -> list[str]:
    said: list[str] = []
    predictions.load(path, SPEC, version, said.append)
    return said


def loaded(connection: Connection, version: str = VERSION) -> list[Any]:
    return rows(
        connection,
        "select source_month, source_row, prediction from ml.predictions "
        "join intermediate.int_trips_accepted using (event_id) where model_version = %s order by event_id",
        version,
    )


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


def test_unknown_rejected_and_double_trips_are_kept_out_and_counted(
    monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path
) -> None:
    ((month, row),) = rows(
        monitored_warehouse, "select source_month, source_row from intermediate.int_trips_rejected limit 1"
    )
    first = trips.iloc[0]
    strange = pd.DataFrame(
        [
            {"source_month": month, "source_row": row, "prediction": 0.5},
            {"source_month": date(2022, 2, 1), "source_row": 10_000_000, "prediction": 0.5},
            {"source_month": date(1999, 1, 1), "source_row": 0, "prediction": 0.5},
            {"source_month": first["source_month"], "source_row": first["source_row"], "prediction": 0.75},
        ]
    )
    said = load(write(pd.concat([trips, strange]), tmp_path / "predictions.parquet"))
    assert "4 kept out (1 duplicate, 1 rejected_trip, 2 unknown_trip; see ml.rejected_predictions)" in said[0]
    kept_out = rows(
        monitored_warehouse,
        "select position, source_row, prediction, reason from ml.rejected_predictions order by position",
    )
    n = len(trips)
    assert kept_out == [
        (n, row, 0.5, "rejected_trip"),
        (n + 1, 10_000_000, 0.5, "unknown_trip"),
        (n + 2, 0, 0.5, "unknown_trip"),
        (n + 3, first["source_row"], 0.75, "duplicate"),
    ]
    assert rows(monitored_warehouse, "select rows, loaded_rows, rejected_rows from ml.prediction_loads") == [
        (n + 4, n, 4)
    ]
    assert loaded(monitored_warehouse)[0][2] == first["prediction"], "the first of two counts"


def changed(trips: pd.DataFrame, column: str, value: object) -> pd.DataFrame:
    """The trips with another value in their fourth row."""
    values = trips[column].astype(object)
    values.iloc[3] = value
    return trips.assign(**{column: values.infer_objects()})


BAD_FILES: tuple[tuple[Callable[[pd.DataFrame], pd.DataFrame], str], ...] = (
    (
        lambda t: t.drop(columns="prediction"),
        "the required column prediction is missing (it has source_month, source_row): a file of predictions has",
    ),
    (lambda t: t.iloc[:0], "holds no prediction"),
    (
        lambda t: t.assign(prediction="high"),
        "the column prediction is of type VARCHAR, but a finite number is needed",
    ),
    (lambda t: t.assign(prediction=True), "the column prediction is of type BOOLEAN, but a finite"),
    (
        lambda t: changed(t, "prediction", np.nan),
        "1 of 50 values of prediction are missing, the first in record 4: a",
    ),
    (
        lambda t: changed(t, "prediction", np.inf),
        "1 of 50 values of prediction cannot be read, the first is 'inf' in",
    ),
    (
        lambda t: changed(t, "prediction", -2.5),
        "1 of 50 values of prediction lie outside 0 to 1, the first is -2.5 in record 4: a binary model "
        "needs the probability that "
        "is_tipped is 1",
    ),
    (lambda t: changed(t, "prediction", 1.01), "lie outside 0 to 1, the first is 1.01 in record 4"),
    (
        lambda t: t.assign(source_row=0.5),
        "none of the 50 values of source_row can be read, the first is '0.5' in record 1: a whole",
    ),
    (
        lambda t: t.assign(source_row="seven"),
        "the column source_row is of type VARCHAR, but a whole number from 0 is needed",
    ),
    (
        lambda t: changed(t, "source_row", np.nan),
        "1 of 50 values of source_row are missing, the first in record 4: a whole number",
    ),
    (
        lambda t: t.assign(source_month="February"),
        "none of the 50 values of source_month can be read, the first is 'February' in record 1: the first day",
    ),
    (
        lambda t: changed(t, "source_month", date(2022, 2, 3)),
        "source_month cannot be read, the first is '2022-02-03' in record 4",
    ),
    (
        lambda t: t.assign(source_month=202202),
        "the column source_month is of type BIGINT, but the first day of a month",
    ),
    (lambda t: t.assign(model_version="v1; drop"), "model_version 'v1; drop' was found in record 1: letters"),
    (lambda t: t.assign(source_row=10_000_000), "can be loaded (49 duplicate, 1 unknown_trip): source_month and"),
)


@pytest.mark.slow
def test_bad_files_change_nothing(monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path) -> None:
    before = contents(monitored_warehouse)
    for number, (make_frame, message) in enumerate(BAD_FILES):
        path = write(make_frame(trips.tail(50)), tmp_path / f"predictions_{number}.parquet")
        with pytest.raises(BadFileError) as error:
            load(path)
        assert message in str(error.value)
        assert path.name in str(error.value)
    # Once for all of them: it takes longer than they do.
    assert contents(monitored_warehouse) == before


def test_what_is_no_file_of_predictions_is_named(
    monitored_warehouse: Connection, monitoring_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1")
    (tmp_path / "text.csv").write_text(
        "source_month,source_row,prediction\n2022-02,1,0.5\n2022-02,2,high\n", encoding="utf-8"
    )
    (tmp_path / "key.csv").write_text("source_month,source_row,prediction\n2022-02,1.5,0.5\n", encoding="utf-8")
    (tmp_path / "sheet.xlsx").write_bytes(b"")
    cases: list[tuple[str, type[WarehouseError], str]] = [
        ("nowhere.parquet", SourceUnavailableError, "is not there: name a file of predictions, .parquet or .csv"),
        ("torn.parquet", BadFileError, "torn.parquet is cut off|cannot be read as parquet"),
        (
            "key.csv",
            BadFileError,
            "key.csv: none of the 1 values of source_row can be read, the first is '1.5' in record 1: a whole number",
        ),
        (
            "text.csv",
            BadFileError,
            "text.csv: 1 of 2 values of prediction cannot be read, the first is 'high' in record 2: a finite",
        ),
        ("sheet.xlsx", BadFileError, "is neither .parquet nor .csv by its name"),
    ]
    for name, kind, message in cases:
        with pytest.raises(kind, match=message):
            load(tmp_path / name)
    assert one(monitored_warehouse, "select count(*) from ml.models where spec = %s", SPEC) == 0


def test_a_file_that_is_not_what_its_checksum_says_is_refused(
    monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path
) -> None:
    path = write(trips.tail(50), tmp_path / "predictions.parquet")
    (tmp_path / "SHA256SUMS").write_text(f"{'0' * 64}  {path.name}\n", encoding="utf-8")
    before = contents(monitored_warehouse)
    with pytest.raises(BadFileError, match="is not the file that SHA256SUMS means"):
        load(path)
    assert contents(monitored_warehouse) == before


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
    monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path, monitoring_file: Path
) -> None:
    write_model(monitoring_file, reference={"from": "2022-02-01", "to": "2022-02-01"})
    day = trips[trips["window_date"] == date(2022, 2, 1)].head(99)
    said = load(write(day, tmp_path / "day.parquet"))
    assert "has 99 predictions, at least 100 are needed" in said[1]
    # Nothing is fixed yet: the reference may still be another one.
    write_model(monitoring_file, reference={"from": "2022-02-02", "to": "2022-02-02"})
    other = write(trips[trips["window_date"] == date(2022, 2, 2)], tmp_path / "other.parquet")
    assert load(other)[1] == f"{VERSION}: its reference is stored"
    write_model(monitoring_file)
    with pytest.raises(ModelError, match="has changed what partner_tips is"):
        load(other)


@pytest.mark.slow
def test_corrected_predictions_change_their_day_and_no_other(
    monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path, sample_dir: Path
) -> None:
    load(write(trips, tmp_path / "predictions.parquet"))
    run(sample_dir)
    figures = (
        "select window_date, model_version, trip_count, mean_prediction, prediction_drift "
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
    from tests.integration.pipeline.test_pipeline import settings

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
    counts = "select sum(trip_count), count(*) from marts.fct_daily_monitoring where model_version = %s"
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
        (["--model", "blue"], 2, "MODEL 'blue' is not in monitoring.yml; models with loaded predictions: use one of"),
        (
            ["--model", "partner_tips", "--file", "/nowhere.csv"],
            5,
            "/nowhere.csv is not there: name a file of predictions",
        ),
    ],
)
def test_a_wrong_parameter_is_one_line_and_its_code(
    empty_warehouse: Connection, monitoring_file: Path, arguments: list[str], code: int, words: str
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
    empty_warehouse: Connection, monitoring_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "one.csv").write_text("source_month,source_row,prediction\n2022-02,1,0.5\n", encoding="utf-8")
    with pytest.raises(UsageError, match="holds no trips to predict for: bring the warehouse up to date first"):
        load(tmp_path / "one.csv")
    with hold_lock("a test"), pytest.raises(LockedError, match="another command is changing the warehouse"):
        load(tmp_path / "one.csv")


def test_a_feature_that_the_trips_do_not_have_is_named(
    monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path, monitoring_file: Path
) -> None:
    write_model(monitoring_file, features=[{"name": "weather", "type": "numerical"}])
    with pytest.raises(WarehouseError, match=r"int_trips_scored has no column weather: use .*trip_distance"):
        load(write(trips, tmp_path / "predictions.parquet"))
    assert one(monitored_warehouse, "select count(*) from ml.models where spec = %s", SPEC) == 0


@pytest.mark.slow
def test_decisions_that_come_with_predictions_are_what_is_evaluated(
    monitored_warehouse: Connection, monitoring_file: Path, trips: pd.DataFrame, tmp_path: Path, sample_dir: Path
) -> None:
    """By day and segment as scikit-learn has it; with a text among the features, and then with a threshold alone."""
    features = [*MODEL["features"], {"name": "payment_type", "type": "categorical"}]
    write_model(monitoring_file, features=features, threshold=0.5)
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
    write_model(monitoring_file, features=features, threshold=0.65)
    run(sample_dir)
    _assert_evaluated_by(monitored_warehouse, trips.assign(decided=trips["prediction"] >= 0.65))


def _assert_evaluated_by(connection: Connection, decided: pd.DataFrame) -> None:
    labels = pd.DataFrame(
        rows(
            connection, "select source_month, source_row, is_tipped, payment_type from intermediate.int_trips_accepted"
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


def test_a_decision_that_is_none_is_named(monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path) -> None:
    path = write(trips.assign(decision=["yes", *[0] * (len(trips) - 1)]), tmp_path / "predictions.csv")
    with pytest.raises(BadFileError, match="the first is 'yes' in record 1: 1 or 0, true or false, is needed"):
        load(path)
    assert loaded(monitored_warehouse) == []
