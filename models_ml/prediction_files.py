"""Files of predictions that were made elsewhere: read and checked, parquet or CSV.

A path goes in, a frame with one row per prediction comes out; the file is right as a whole or refused as a whole.
Whether its trips are there is the warehouse's question (models_ml.load). Called by pipeline.commands.predictions.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from config.monitoring import Model
from core.errors import BadFileError, UsageError
from core.files.columns import DECISION, NAME, NUMBER
from core.files.table_files import TableFile, check_rows, open_table, pattern, reading
from models_ml.event_keys import BY_PLACE, EventKey

if TYPE_CHECKING:
    import pandas as pd

_WHAT = "a file of predictions"
_OPTIONAL = {"model_version": NAME}
_OF_BINARY = _OPTIONAL | {"decision": DECISION}
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
DEFAULT_VERSION = "v1"


@dataclass(frozen=True)
class PredictionFile:
    """A checked file.

    Attributes:
        location: where it lies.
        sha256: of its bytes, in hex.
        rows: a row per prediction, in the file's order: model_version, the columns of the key (source_month and
            source_row where rows are named by their place), prediction, decision (None where the file has none), record
            (the key as it stands in the file, in JSON).
        extra: columns that were not read.
    """

    location: str
    sha256: str
    rows: pd.DataFrame
    extra: tuple[str, ...] = ()


def read_predictions(path: Path, spec: str, model: Model, version: str, key: EventKey = BY_PLACE) -> PredictionFile:
    """The predictions in a file; `version` is what a person named, '' takes the file's or v1.

    Raises:
        SourceUnavailableError: there is no such file.
        BadFileError: it is neither parquet nor CSV, lacks a column, holds a value that is not valid, or is not what the
            checksum files beside it say.
        UsageError: the version is no name, or the file names another one.
    """
    optional = _OF_BINARY if model.task == "binary" else _OPTIONAL
    file = open_table(path, _WHAT, {**key.values, "prediction": NUMBER}, optional, key.aliases(path, _WHAT))
    if not file.rows:
        raise BadFileError(f"{path.name} holds no prediction: it has its columns, and no record")
    for name in file.columns:
        if file.present[name] < file.rows:
            raise BadFileError(file.missing(name))
        if file.readable[name] < file.rows:
            raise BadFileError(file.unreadable(name))
    import pandas as pd

    table = _table(file, key)
    predictions = table["prediction"].to_numpy()
    _check_range(path, predictions, model)
    rows = pd.DataFrame(
        {
            "model_version": _versions(path, table, spec, version),
            **{name: table[name].to_pylist() for name in key.names},
            "prediction": predictions,
            "decision": table["decision"].to_pylist() if "decision" in table.column_names else None,
            "record": table["record"].to_pylist(),
        }
    )
    return PredictionFile(str(path), file.sha256, rows, file.extra)


def _table(file: TableFile, key: EventKey) -> Any:
    """The values of its columns in file order, as an Arrow table."""
    values = "".join(f", {file.value(name)} as {name}" for name in file.columns)
    texts = ", ".join(f"'{name}', {file.text(name)}" for name in key.names)
    record = f"cast(json_object({texts}) as varchar) as record"
    query = f"select row_number() over () as line{values}, {record} from {file.source}"  # noqa: S608 - quoted names
    with reading(file.path) as connection:
        table = connection.sql(query, params={"path": pattern(file.path)}).to_arrow_table()
    check_rows(file.path, file.rows, table.num_rows)
    return table


def _check_range(path: Path, values: np.ndarray[Any, np.dtype[np.float64]], model: Model) -> None:
    wrong = np.flatnonzero((values < 0) | (values > 1))
    if model.task == "binary" and len(wrong):
        raise BadFileError(
            f"{path.name}: {len(wrong)} of {len(values)} values of prediction lie outside 0 to 1, the first is "
            f"{values[wrong[0]]:g} in record {wrong[0] + 1}: a binary model needs the probability that {model.target} "
            "is 1"
        )


def _versions(path: Path, table: Any, spec: str, version: str) -> list[str]:
    """The full model version of each row, such as my_model-v1."""
    named = version.strip().removeprefix(f"{spec}-")
    if named and _VERSION.fullmatch(named) is None:
        raise UsageError(f"the version '{version}' is not valid: use letters, digits, '.', '_' and '-', such as v1")
    if "model_version" not in table.column_names:
        return [f"{spec}-{named or DEFAULT_VERSION}"] * table.num_rows
    column = [str(text).removeprefix(f"{spec}-") for text in table["model_version"].to_pylist()]
    for found in dict.fromkeys(column):
        if _VERSION.fullmatch(found) is None:
            raise BadFileError(
                f"{path.name}: model_version {found[:60]!r} was found in record {column.index(found) + 1}: letters, "
                "digits, '.', '_' and '-', such as v1, are needed"
            )
        if named and found != named:
            raise UsageError(f"the version named is {named}, but {path.name} holds predictions of {found}: name none")
    return [f"{spec}-{text}" for text in column]
