"""Files of predictions that were made elsewhere: read and checked, parquet or CSV.

A path goes in, a frame with one row per prediction comes out; the file is right as a whole or refused as a whole.
Whether its trips are there is the warehouse's question (models_ml.load). Called by pipeline.predictions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.checksums import check_stated
from pipeline.errors import BadFileError, SourceUnavailableError, UsageError
from pipeline.monitoring import Model

if TYPE_CHECKING:
    import pandas as pd

_NEEDED = ("source_month", "source_row", "prediction")
_VERSION_COLUMN = "model_version"
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])(-01)?")
DEFAULT_VERSION = "v1"
_COLUMNS = "source_month (first day of the trips' month), source_row (position in its file, from 0) and prediction"


@dataclass(frozen=True)
class PredictionFile:
    """A checked file.

    Attributes:
        location: where it lies.
        sha256: of its bytes, in hex.
        rows: a row per prediction, in the file's order: model_version, source_month, source_row, prediction.
    """

    location: str
    sha256: str
    rows: pd.DataFrame


def read_predictions(path: Path, spec: str, model: Model, version: str) -> PredictionFile:
    """The predictions in a file; `version` is what a person named, '' takes the file's or v1.

    Raises:
        SourceUnavailableError: there is no such file.
        BadFileError: it is neither parquet nor CSV, lacks a column, holds a value that is not valid, or is not what the
            checksum files beside it say.
        UsageError: the version is no name, or the file names another one.
    """
    if not path.is_file():
        raise SourceUnavailableError(f"FILE '{path}' is not there: name a .parquet or .csv file with {_COLUMNS}")
    sha256 = _sha256(path)
    table = _read(path)
    missing = [name for name in _NEEDED if name not in table.column_names]
    if missing:
        found = ", ".join(table.column_names) or "none"
        raise BadFileError(f"{path} has no column {', '.join(missing)} (it has {found}): it needs {_COLUMNS}")
    if not table.num_rows:
        raise BadFileError(f"{path} holds no prediction")
    predictions = _numbers(path, table["prediction"])
    _check_range(path, predictions, model)
    months = _months(path, table["source_month"])
    source_rows = _whole(path, table["source_row"])
    import pandas as pd

    rows = pd.DataFrame(
        {
            "model_version": _versions(path, table, spec, version),
            "source_month": months,
            "source_row": source_rows,
            "prediction": predictions,
        }
    )
    return PredictionFile(str(path), sha256, rows)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    check_stated(path, sha256)
    return sha256


def _read(path: Path) -> Any:
    from pyarrow import csv, parquet

    types = {"source_month": pa.string(), "source_row": pa.int64(), "prediction": pa.float64()}
    options = csv.ConvertOptions(column_types=types | {_VERSION_COLUMN: pa.string()})
    try:
        if path.suffix.lower() == ".parquet":
            return parquet.read_table(path)
        if path.suffix.lower() == ".csv":
            return csv.read_csv(path, convert_options=options)
    except (pa.ArrowException, OSError) as error:
        if path.suffix.lower() == ".csv":
            _refuse_text(path)
        reason = " ".join(str(error).split())[:300]
        raise BadFileError(f"{path} cannot be read: {reason}. It needs {_COLUMNS}") from error
    raise BadFileError(f"{path} is neither .parquet nor .csv by its name: write one of them, with {_COLUMNS}")


def _refuse_text(path: Path) -> None:
    """Name the first value of a CSV file that is no number by its column and line; silent where another thing is wrong.

    Raises:
        BadFileError: there is one.
    """
    from pyarrow import csv

    numbers: dict[str, Callable[[str], object]] = {"source_row": int, "prediction": float}
    try:
        options = csv.ConvertOptions(column_types=dict.fromkeys(numbers, pa.string()))
        table = csv.read_csv(path, convert_options=options)
    except (pa.ArrowException, OSError):
        return
    for name in [name for name in numbers if name in table.column_names]:
        for row, text in enumerate(table[name].to_pylist()):
            try:
                numbers[name](text)
            except ValueError as error:
                if text not in options.null_values:
                    raise BadFileError(
                        f"{path}, {name}: {text!r} in line {row + 2} is no {'whole ' * (name == 'source_row')}number; "
                        f"it needs {_COLUMNS}"
                    ) from error


def _numbers(path: Path, column: Any) -> np.ndarray[Any, np.dtype[np.float64]]:
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise BadFileError(f"{path}, prediction: its type is {kind}, a number is needed")
    values: np.ndarray[Any, np.dtype[np.float64]] = column.cast(pa.float64()).to_numpy()
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise BadFileError(
            f"{path}, prediction: {len(wrong)} of {len(values)} values are missing or not finite, the first in row "
            f"{wrong[0]}: leave out the trips that have no prediction"
        )
    return values


def _check_range(path: Path, values: np.ndarray[Any, np.dtype[np.float64]], model: Model) -> None:
    wrong = np.flatnonzero((values < 0) | (values > 1))
    if model.task == "binary" and len(wrong):
        raise BadFileError(
            f"{path}, prediction: {len(wrong)} of {len(values)} values lie outside 0 to 1, the first is "
            f"{values[wrong[0]]:g} in row {wrong[0]}: a binary model needs the probability that {model.target} is 1"
        )


def _months(path: Path, column: Any) -> list[date]:
    if pa.types.is_timestamp(column.type) or pa.types.is_date(column.type):
        column = pc.strftime(column.cast(pa.timestamp("us")), format="%Y-%m-%d")
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        raise BadFileError(f"{path}, source_month: its type is {column.type}, a date or a text like 2022-02 is needed")
    known: dict[str | None, date] = {}
    for text in column.unique().to_pylist():
        if text is None or _MONTH.fullmatch(text) is None:
            row = column.to_pylist().index(text)
            raise BadFileError(
                f"{path}, source_month: {text!r} was found in row {row}: write the first day of the month that the "
                "trips' file is named after, such as 2022-02-01, or the month, such as 2022-02"
            )
        known[text] = date(int(text[:4]), int(text[5:7]), 1)
    return [known[text] for text in column.to_pylist()]


def _whole(path: Path, column: Any) -> np.ndarray[Any, np.dtype[np.int64]]:
    kind = column.type
    if column.null_count:
        row = column.to_pylist().index(None)
        raise BadFileError(f"{path}, source_row: {column.null_count} values are missing, the first in row {row}")
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        raise BadFileError(f"{path}, source_row: its type is {kind}, a whole number is needed")
    try:
        values: np.ndarray[Any, np.dtype[np.int64]] = column.cast(pa.int64()).to_numpy()
    except pa.ArrowInvalid as error:
        reason = " ".join(str(error).split())
        raise BadFileError(f"{path}, source_row: whole numbers from 0 are needed ({reason})") from error
    return values


def _versions(path: Path, table: Any, spec: str, version: str) -> list[str]:
    """The full model version of each row, such as my_model-v1."""
    named = version.strip().removeprefix(f"{spec}-")
    if named and _VERSION.fullmatch(named) is None:
        raise UsageError(f"VERSION '{version}' is not valid: use letters, digits, '.', '_' and '-', such as v1")
    if _VERSION_COLUMN not in table.column_names:
        return [f"{spec}-{named or DEFAULT_VERSION}"] * table.num_rows
    column = [
        None if text is None else str(text).removeprefix(f"{spec}-") for text in table[_VERSION_COLUMN].to_pylist()
    ]
    for found in set(column):
        if found is None or _VERSION.fullmatch(found) is None:
            raise BadFileError(
                f"{path}, model_version: {found!r} was found: use letters, digits, '.', '_' and '-', such as v1"
            )
        if named and found != named:
            raise UsageError(f"VERSION is {named}, but {path} holds predictions of {found}: leave VERSION out")
    return [f"{spec}-{text}" for text in column]
