"""Predictions that were made elsewhere, into the warehouse: rows, the model's record, its reference.

A checked file goes in; ml.predictions, ml.prediction_loads, ml.rejected_predictions, ml.models and, once its days are
there, the model's reference come out, on a connection of the caller's and in its one transaction. Called by
pipeline.commands.predictions and pipeline.steps.score, which withdraws predictions of trips that were
replaced.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import sql

from config.monitoring import DECISION, PREDICTION, Model
from config.settings import DATASET
from core.advice import Advice
from core.errors import BadFileError, ConfigurationError, ModelError, UsageError
from core.failpoints import failpoint
from core.levels import BOOLEAN, NUMBERS
from models_ml.inputs import Inputs
from models_ml.prediction_files import PredictionFile
from models_ml.recipes import definition_sha256
from models_ml.references import make_reference, store_reference
from models_ml.rows import SCORED
from models_ml.store import SCORE, loaded_months
from warehouse import database, ledger
from warehouse.ledger import Entry, Key
from warehouse.relations import columns_of

if TYPE_CHECKING:
    import pandas as pd

_QUERIES = database.queries(Path(__file__).with_name("load.sql"))
_FEWEST_ROWS = 100
_KEYS = ("event_id", "window_date", "pickup_at")


@dataclass(frozen=True)
class LoadedVersion:
    """A model version whose predictions are loaded; its reference is None while it waits for its days."""

    model_version: str
    spec: str
    reference_id: str | None


@dataclass(frozen=True)
class Outcome:
    """What a file has changed for a model version.

    Attributes:
        counts: its rows by what became of them: loaded, duplicate, rejected_trip, unknown_trip.
        changed_days: the days whose predictions are not what they were.
        is_new: False where the same file was loaded before and nothing has changed since.
    """

    model_version: str
    counts: dict[str, int]
    changed_days: tuple[date, ...]
    is_new: bool


def load_predictions(connection: database.Connection, spec: str, model: Model, file: PredictionFile) -> list[Outcome]:
    """Take a file's predictions in, for each model version that it names.

    A prediction for a trip that has one takes its place. Rows whose trip is unknown or rejected, and all but the first
    of a trip, are kept out and recorded.

    Raises:
        UsageError: no trips are loaded yet, or the version's name belongs to another model.
        BadFileError: no row of a version can be loaded.
        ConfigurationError: a feature is no column of the trips.
        ModelError: the model is not what it was when its reference was stored.
    """
    if not database.one_row(connection, _QUERIES["is_there"])[0]:
        raise UsageError(f"the warehouse holds no trips to predict for: {Advice.UPDATE} first")
    _check_features(spec, model)
    versions = sorted(file.rows["model_version"].unique())
    for model_version in versions:
        _record_model(connection, model_version, spec, model)
    connection.execute(_QUERIES["create_incoming"])
    with connection.cursor().copy(_QUERIES["copy_incoming"]) as copy:
        for position, row in enumerate(file.rows.itertuples(index=False)):
            copy.write_row((position, *row))
            failpoint("predictions.copied")
    # The planner knows nothing of temporary tables until it is told.
    connection.execute("analyze incoming")
    connection.execute(_QUERIES["evaluate"])
    connection.execute("analyze evaluated")
    return [_take_in(connection, model_version, file) for model_version in versions]


def _take_in(connection: database.Connection, model_version: str, file: PredictionFile) -> Outcome:
    key = {"model_version": model_version}
    found = _rows(connection, "outcome", key)
    counts: dict[str, int] = dict(found)
    if not counts.get("loaded"):
        words = ", ".join(f"{count} {reason}" for reason, count in counts.items())
        raise BadFileError(
            f"{file.location}: no prediction of {model_version} can be loaded ({words}): source_month and source_row "
            "must be those of accepted trips, as in intermediate.int_trips_accepted"
        )
    found = _rows(connection, "months_of_file", key)
    months: list[date] = [row[0] for row in found]
    found = _rows(connection, "changed_days", key)
    connection.execute(_QUERIES["upsert"], key)
    days: set[date] = {row[0] for row in found} | set(_settle(connection, model_version, months))
    trips_hash = _trips_hash(connection, model_version, months)
    record: dict[str, object] = {**key, "sha256": file.sha256, "trips_hash": trips_hash, "location": file.location}
    if not days and database.one_row(connection, _QUERIES["is_recorded"], record)[0]:
        return Outcome(model_version, counts, (), is_new=False)
    load_id = database.one_row(connection, _QUERIES["record_load"], record)[0]
    connection.execute(_QUERIES["record_rejected"], {**key, "prediction_load_id": load_id})
    return Outcome(model_version, counts, tuple(sorted(days)), is_new=True)


def _settle(connection: database.Connection, model_version: str, months: list[date]) -> list[date]:
    """Predictions of these months, and their ledger, are of the trips that are there; gives their days if some had to
    go.
    """
    parameters = {"model_version": model_version, "months": months}
    withdrawn = connection.execute(_QUERIES["withdraw"], parameters).rowcount
    counts: dict[date, int] = dict(_rows(connection, "prediction_counts", parameters))
    for month in months:
        ledger.forget(connection, SCORE, Key(model_version, month.isoformat()))
    for there in loaded_months():
        if there.source_month in counts:
            entry = Entry(there.content_hash, row_count=counts[there.source_month])
            ledger.note(connection, SCORE, there.key(model_version), entry)
    if not withdrawn:
        return []
    found = _rows(connection, "days_of_months", {"months": months})
    return [row[0] for row in found]


def _trips_hash(connection: database.Connection, model_version: str, months: list[date]) -> str:
    """Of the trips of these months that the predictions are for."""
    known = ledger.known(connection, SCORE, model_version)
    entries = [known.get(Key(model_version, month.isoformat())) for month in months]
    return hashlib.sha256(",".join(entry.inputs_hash for entry in entries if entry).encode()).hexdigest()


def withdraw_replaced(connection: database.Connection, model_version: str) -> tuple[list[date], list[date]]:
    """Take out predictions of trips that are there no more; gives the changed months, and their days if any went."""
    there = {month.source_month.isoformat(): month.content_hash for month in loaded_months()}
    known = ledger.known(connection, SCORE, model_version)
    months = sorted(
        date.fromisoformat(key.part) for key, one in known.items() if one.inputs_hash != there.get(key.part)
    )
    return months, _settle(connection, model_version, months) if months else []


def loaded_versions(connection: database.Connection) -> list[LoadedVersion]:
    """The active model versions whose predictions are loaded, also those that wait for their reference."""
    found = _rows(connection, "loaded_versions")
    return [LoadedVersion(*row) for row in found]


def complete_reference(
    connection: database.Connection, version: LoadedVersion, model: Model, segment_columns: tuple[str, ...]
) -> str:
    """Store the reference of a version that waits for it, if the predictions of its days are there; else says why not.

    Every day of the period that has trips needs predictions, and all of them together at least 100.
    """
    if model.reference is None:
        raise ConfigurationError(f"monitoring.yml, models.{version.spec}: it has no reference")
    _record_model(connection, version.model_version, version.spec, model)
    period = {"model_version": version.model_version, "from": model.reference.from_, "to": model.reference.to}
    days = _rows(connection, "reference_days", period)
    lacking = [day for day, trips, predictions in days if trips is None or (trips and not predictions)]
    count = sum(predictions for _, _, predictions in days)
    if lacking:
        return (
            f"its reference, {model.reference}, has no predictions on {len(lacking)} of {len(days)} days, the first "
            f"{lacking[0]}: {Advice.LOAD_PREDICTIONS}"
        )
    if count < _FEWEST_ROWS:
        return f"its reference, {model.reference}, has {count} predictions, at least {_FEWEST_ROWS} are needed"
    rows = _reference_rows(connection, period, model, segment_columns)
    prefix = f"{version.model_version}-loaded"
    reference = make_reference(prefix, f"loaded predictions of {model.reference}", rows, model.features, model.target)
    store_reference(connection, reference, version.model_version, segment_columns)
    values = {"model_version": version.model_version, "reference_id": reference.reference_id}
    connection.execute(_QUERIES["set_reference"], values)
    return ""


def _reference_rows(
    connection: database.Connection, period: dict[str, Any], model: Model, segment_columns: tuple[str, ...]
) -> pd.DataFrame:
    import pandas as pd

    types = columns_of(SCORED)
    others = [name for name in (DECISION, *segment_columns) if name in types]
    wanted = [*_KEYS, *model.feature_names, PREDICTION, *others]
    # Labels belong to the reference as far as the trips have them.
    if types.get(model.target) in NUMBERS | {BOOLEAN}:
        wanted.append(model.target)
    names = list(dict.fromkeys(wanted))
    columns = Inputs(model.features, types).columns(names, (*segment_columns, model.target))
    query = sql.SQL(_QUERIES["reference_rows"]).format(columns=columns)
    return pd.DataFrame(connection.execute(query, period).fetchall(), columns=names)


def _rows(connection: database.Connection, query: str, parameters: dict[str, Any] | None = None) -> list[Any]:
    return connection.execute(_QUERIES[query], parameters).fetchall()


def _check_features(spec: str, model: Model) -> None:
    types = columns_of(SCORED)
    missing = [name for name in model.feature_names if name not in types]
    if missing:
        raise ConfigurationError(
            f"monitoring.yml, models.{spec}: {SCORED} has no column {', '.join(missing)}: use "
            f"{', '.join(sorted(types))}"
        )


def _record_model(connection: database.Connection, model_version: str, spec: str, model: Model) -> None:
    """The version's row of ml.models; what the model is may change until its reference is stored."""
    definition = definition_sha256(model)
    known: Any = connection.execute(_QUERIES["known_version"], {"model_version": model_version}).fetchone()
    if known is not None:
        of_spec, predictions, of_definition, reference_id = known
        if of_spec != spec or predictions != "loaded":
            raise UsageError(f"{model_version} is a version of {of_spec} already: name another VERSION")
        if of_definition == definition:
            return
        if reference_id is not None:
            raise ModelError(
                f"monitoring.yml has changed what {spec} is (task, reference, features or target), but {model_version} "
                "was made before: undo the change, or give the changed model a name of its own"
            )
    connection.execute(
        _QUERIES["insert_model"],
        {
            "model_version": model_version,
            "dataset": DATASET,
            "spec": spec,
            "definition_sha256": definition,
            "feature_names": list(model.feature_names),
            "origin": database.one_row(connection, _QUERIES["origin"])[0],
            "task": model.task,
        },
    )
