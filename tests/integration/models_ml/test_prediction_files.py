"""Files of predictions that were made elsewhere: what is kept out, refused, and named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.errors import BadFileError, SourceUnavailableError, WarehouseError
from tests.predictions import SPEC, load, loaded, write
from tests.runs import contents, one, rows
from warehouse.database import Connection


def test_unknown_rejected_and_double_trips_are_kept_out_and_counted(
    monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path
) -> None:
    ((month, row),) = rows(
        monitored_warehouse, "select source_month, source_row from intermediate.green_trips_rejected limit 1"
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
    assert "4 kept out (1 duplicate, 1 rejected_event, 2 unknown_event; see ml.rejected_predictions)" in said[0]
    kept_out = rows(
        monitored_warehouse,
        "select position, source_row, prediction, reason from ml.rejected_predictions order by position",
    )
    n = len(trips)
    assert kept_out == [
        (n, row, 0.5, "rejected_event"),
        (n + 1, 10_000_000, 0.5, "unknown_event"),
        (n + 2, 0, 0.5, "unknown_event"),
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
    (lambda t: t.assign(source_row=10_000_000), "can be loaded (49 duplicate, 1 unknown_event): source_month and"),
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
    monitored_warehouse: Connection, monitoring_folder: Path, tmp_path: Path
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


def test_a_decision_that_is_none_is_named(monitored_warehouse: Connection, trips: pd.DataFrame, tmp_path: Path) -> None:
    path = write(trips.assign(decision=["yes", *[0] * (len(trips) - 1)]), tmp_path / "predictions.csv")
    with pytest.raises(BadFileError, match="the first is 'yes' in record 1: 1 or 0, true or false, is needed"):
        load(path)
    assert loaded(monitored_warehouse) == []
