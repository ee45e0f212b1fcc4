"""Predictions that were made elsewhere, into the warehouse: rows, the model's record, its reference.

A checked file goes in; ml.predictions, ml.prediction_loads, ml.rejected_predictions, ml.models and, once its days are
there, the model's reference come out, on a connection of the caller's and in its one transaction. Called by
pipeline.commands.predictions and pipeline.steps.score, which withdraws predictions of trips that were
replaced.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg import sql

from config.monitoring import DECISION, PREDICTION, Model, Monitoring, Period, Windows
from core.advice import Advice
from core.errors import BadFileError, ConfigurationError, ModelError, UsageError
from core.failpoints import failpoint
from core.frames import PART_ROWS, joined
from core.levels import BOOLEAN, NUMBERS
from models_ml.classes import with_numbers
from models_ml.event_keys import EventKey
from models_ml.inputs import Inputs
from models_ml.prediction_files import PredictionFile
from models_ml.recipes import definition_sha256
from models_ml.references import make_reference, set_reference, store_reference
from models_ml.store import SCORE, loaded_months
from warehouse import database, ledger
from warehouse.ledger import Entry, Key
from warehouse.relations import columns_of

if TYPE_CHECKING:
    import pandas as pd

_QUERIES = database.queries(Path(__file__).with_name("load.sql"))
FEWEST_ROWS = 100


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
        counts: its rows by what became of them: loaded, duplicate, rejected_event, unknown_event.
        changed_days: the days whose predictions are not what they were.
        is_new: False where the same file was loaded before and nothing has changed since.
    """

    model_version: str
    counts: dict[str, int]
    changed_days: tuple[date, ...]
    is_new: bool


def load_predictions(
    connection: database.Connection, monitoring: Monitoring, spec: str, file: PredictionFile
) -> list[Outcome]:
    """Take a file's predictions in, for each model version that it names.

    A prediction for a trip that has one takes its place. Rows whose trip is unknown or rejected, and all but the first
    of a trip, are kept out and recorded.

    Raises:
        UsageError: no trips are loaded yet, or the version's name belongs to another model.
        BadFileError: no row of a version can be loaded.
        ConfigurationError: a feature is no column of the trips.
        ModelError: the model is not what it was when its reference was stored.
    """
    windows = monitoring.windows
    if not database.one_row(connection, _QUERIES["is_there"], {"scored": windows.rows})[0]:
        raise UsageError(f"the warehouse holds no {monitoring.words.many} to predict for: {Advice.UPDATE} first")
    check_features(monitoring, spec)
    versions = sorted(file.rows["model_version"].unique())
    for model_version in versions:
        record_model(connection, monitoring, spec, model_version)
    key = EventKey.of(monitoring)
    for relation in (windows.accepted, windows.rejected):
        key.check(relation, columns_of(relation))
    connection.execute(sql.SQL(_QUERIES["create_incoming"]).format(key=key.staged_columns))
    with connection.cursor().copy(_QUERIES["copy_incoming"]) as copy:
        for position, row in enumerate(file.rows.itertuples(index=False)):
            copy.write_row((position, *row))
            failpoint("predictions.copied")
    # The planner knows nothing of temporary tables until it is told.
    connection.execute("analyze incoming")
    names = sql.SQL(", ").join(sql.Identifier(name) for name in key.staged)
    same = {"is_accepted": key.same("numbered", "accepted"), "is_rejected": key.same("numbered", "rejected")}
    connection.execute(_query("evaluate", windows, key=names, of_rows=key.of_rows, place=key.place("numbered"), **same))
    connection.execute("analyze evaluated")
    return [_take_in(connection, monitoring, model_version, file, key) for model_version in versions]


def _take_in(
    connection: database.Connection, monitoring: Monitoring, model_version: str, file: PredictionFile, named: EventKey
) -> Outcome:
    windows, key = monitoring.windows, {"model_version": model_version}
    found = _rows(connection, "outcome", key)
    counts: dict[str, int] = dict(found)
    if not counts.get("loaded"):
        words = ", ".join(f"{count} {reason}" for reason, count in counts.items())
        records = [", ".join(map(str, record.values())) for (record,) in _rows(connection, "first_records", key)]
        raise BadFileError(
            f"{file.location}: no prediction of {model_version} can be loaded ({words}): {' and '.join(named.names)} "
            f"must be those of accepted rows, as in {windows.accepted}"
            + "".join(
                f"; {examples}" for examples in [named.examples(connection, windows.accepted, records)] if examples
            )
        )
    found = _rows(connection, "months_of_file", key)
    months: list[date] = [row[0] for row in found]
    found = _rows(connection, "changed_days", key)
    connection.execute(_QUERIES["upsert"], key)
    days: set[date] = {row[0] for row in found} | set(_settle(connection, monitoring, model_version, months))
    trips_hash = _trips_hash(connection, model_version, months)
    record: dict[str, object] = {**key, "sha256": file.sha256, "trips_hash": trips_hash, "location": file.location}
    if not days and database.one_row(connection, _QUERIES["is_recorded"], record)[0]:
        return Outcome(model_version, counts, (), is_new=False)
    load_id = database.one_row(connection, _QUERIES["record_load"], record)[0]
    connection.execute(_QUERIES["record_rejected"], {**key, "prediction_load_id": load_id})
    return Outcome(model_version, counts, tuple(sorted(days)), is_new=True)


def _settle(
    connection: database.Connection, monitoring: Monitoring, model_version: str, months: list[date]
) -> list[date]:
    """Predictions of these months, and their ledger, are of the trips that are there; gives their days if some had to
    go.
    """
    windows, parameters = monitoring.windows, {"model_version": model_version, "months": months}
    if monitoring.key:
        connection.execute(_query("match_again", windows), parameters)
    withdrawn = connection.execute(_query("withdraw", windows), parameters).rowcount
    counts: dict[date, int] = dict(_rows(connection, "prediction_counts", parameters))
    for month in months:
        ledger.forget(connection, SCORE, Key(model_version, month.isoformat()))
    for there in loaded_months(windows.windows):
        if there.source_month in counts:
            entry = Entry(there.content_hash, row_count=counts[there.source_month])
            ledger.note(connection, SCORE, there.key(model_version), entry)
    if not withdrawn:
        return []
    found: list[Any] = connection.execute(_query("days_of_months", windows), {"months": months}).fetchall()
    return [row[0] for row in found]


def _trips_hash(connection: database.Connection, model_version: str, months: list[date]) -> str:
    """Of the trips of these months that the predictions are for."""
    known = ledger.known(connection, SCORE, model_version)
    entries = [known.get(Key(model_version, month.isoformat())) for month in months]
    return hashlib.sha256(",".join(entry.inputs_hash for entry in entries if entry).encode()).hexdigest()


def withdraw_replaced(
    connection: database.Connection, monitoring: Monitoring, model_version: str
) -> tuple[list[date], list[date]]:
    """Take out predictions of rows that are there no more; gives the changed months, and their days if any went.

    Rows with a key that came again keep theirs.
    """
    windows = monitoring.windows
    there = {month.source_month.isoformat(): month.content_hash for month in loaded_months(windows.windows)}
    known = ledger.known(connection, SCORE, model_version)
    months = sorted(
        date.fromisoformat(key.part) for key, one in known.items() if one.inputs_hash != there.get(key.part)
    )
    return months, _settle(connection, monitoring, model_version, months) if months else []


def loaded_versions(connection: database.Connection, specs: list[str]) -> list[LoadedVersion]:
    """The active versions of models whose predictions are made elsewhere, also those that wait for their reference."""
    found = _rows(connection, "loaded_versions", {"specs": specs})
    return [LoadedVersion(*row) for row in found]


def complete_reference(connection: database.Connection, version: LoadedVersion, monitoring: Monitoring) -> str:
    """Store the reference of a version that waits for it, if the predictions of its days are there; else says why not.

    Every day of the period that has trips needs predictions, and all of them together at least 100.
    """
    model, segment_columns = monitoring.models[version.spec], monitoring.segments.columns
    if model.reference is None:
        raise ConfigurationError(f"{monitoring.dataset}.yml, models.{version.spec}: it has no reference")
    record_model(connection, monitoring, version.spec, version.model_version)
    period = _period(version, model.reference, monitoring.windows)
    days: Any = connection.execute(_query("reference_days", monitoring.windows), period).fetchall()
    # Windows may be longer than a day, or have gaps, where they are not the worked example's.
    lacking = [
        day
        for day, trips, predictions in days
        if (trips is None and model.in_rows is None) or (trips and not predictions)
    ]
    count = sum(predictions for _, _, predictions in days)
    if lacking:
        return (
            f"its reference, {model.reference}, has no predictions on {len(lacking)} of {len(days)} days, the first "
            f"{monitoring.windows.words(lacking[0])}: {Advice.LOAD_PREDICTIONS}"
        )
    if count < FEWEST_ROWS:
        return f"its reference, {model.reference}, has {count} predictions, at least {FEWEST_ROWS} are needed"
    rows = _reference_rows(connection, period, monitoring, model)
    prefix = f"{version.model_version}-loaded"
    reference = make_reference(prefix, f"loaded predictions of {model.reference}", rows, model.features, model.target)
    store_reference(connection, reference, version.model_version, monitoring.windows.time, segment_columns)
    set_reference(connection, version.model_version, reference.reference_id)
    return ""


def label_reference(connection: database.Connection, version: LoadedVersion, monitoring: Monitoring) -> str:
    """Keep the rows of a stored reference with the labels that have come in files since, for a version to be evaluated
    with; gives what it has now, '' where that is nothing new.

    What windows are compared with stays. All that is estimated follows from these rows, so they are only made anew when
    their labels have doubled, or all are there.
    """
    model = monitoring.models[version.spec]
    if model.reference is None or not _takes_feed(monitoring, model):
        return ""
    of: dict[str, object] = {
        "model_version": version.model_version,
        "dataset": monitoring.dataset,
        "target": model.target,
    }
    if not database.one_row(connection, _QUERIES["labels_came"], of)[0]:
        return ""
    rows = _reference_rows(connection, _period(version, model.reference, monitoring.windows), monitoring, model)
    if model.target not in rows:
        # Those that came are of other days.
        return ""
    labelled = rows[rows[model.target].notna()].reset_index(drop=True)
    before = int(database.one_row(connection, _QUERIES["labelled_rows"], of)[0])
    if len(labelled) <= before or (len(labelled) < 2 * before and len(labelled) < len(rows)):
        return ""
    reference = make_reference(
        f"{version.model_version}-labelled",
        f"labelled rows of {model.reference}",
        labelled,
        model.features,
        model.target,
    )
    columns = monitoring.segments.columns
    store_reference(connection, reference, version.model_version, monitoring.windows.time, columns)
    values = {"model_version": version.model_version, "reference_id": reference.reference_id}
    connection.execute(_QUERIES["set_evaluation_reference"], values)
    return f"{len(labelled):,} of {len(rows):,} rows of its reference have a label"


def lacks_labels(connection: database.Connection, version: LoadedVersion, monitoring: Monitoring) -> bool:
    """Whether no row of a stored reference has a label, of a model whose labels may come in files."""
    model = monitoring.models[version.spec]
    if not _takes_feed(monitoring, model):
        return False
    of: dict[str, object] = {"model_version": version.model_version, "target": model.target}
    return not database.one_row(connection, _QUERIES["is_labelled"], of)[0]


def _takes_feed(monitoring: Monitoring, model: Model) -> bool:
    """Whether labels of its reference may come in files: where its rows have none, or not all of them."""
    entry = monitoring.labels.get(model.target)
    if entry is None or not entry.takes_feed:
        return False
    return entry.may_come_later or columns_of(monitoring.windows.rows).get(model.target) not in NUMBERS | {BOOLEAN}


def _period(version: LoadedVersion, reference: Period, windows: Windows) -> dict[str, Any]:
    """The days of a reference, and those that stand for its first and its last window."""
    first, last = windows.span(reference.from_, reference.to)
    days = {"from": reference.from_, "to": reference.to, "first": first, "last": last}
    return {"model_version": version.model_version, **days}


def _reference_rows(
    connection: database.Connection, period: dict[str, Any], monitoring: Monitoring, model: Model
) -> pd.DataFrame:
    import pandas as pd

    windows = monitoring.windows
    names, columns = reference_columns(monitoring, model, columns_of(windows.rows))
    query = _query("reference_rows", windows, columns=columns)
    with connection.cursor("reference_rows") as cursor:
        cursor.execute(query, period)
        parts = [pd.DataFrame(part, columns=names) for part in iter(lambda: cursor.fetchmany(PART_ROWS), [])]
    rows = with_numbers(connection, monitoring, model, joined(parts or [pd.DataFrame([], columns=names)]))
    if not _takes_feed(monitoring, model):
        return rows
    of = {**period, "dataset": monitoring.dataset, "target": model.target}
    came = {(event_id, load_id): label for event_id, load_id, label in _rows(connection, "labels_of_reference", of)}
    of_rows = zip(rows["event_id"], rows["load_id"], strict=True)
    labels = pd.Series([came.get(row) for row in of_rows], rows.index, "float64")
    own = rows[model.target].astype("float64") if model.target in rows else labels
    if labels.notna().any() or model.target in rows:
        rows[model.target] = labels.fillna(own)
    return rows


def reference_columns(monitoring: Monitoring, model: Model, types: dict[str, str]) -> tuple[list[str], sql.Composable]:
    """The columns that a reference keeps of rows with columns of these types: their names, and as they are selected."""
    windows, segment_columns = monitoring.windows, monitoring.segments.columns
    others = [name for name in (DECISION, *segment_columns) if name in types]
    wanted = ["event_id", "load_id", "window_date", windows.time, *model.feature_names, PREDICTION, *others]
    # Labels belong to the reference as far as the trips have them.
    if model.target in types and (model.task == "multiclass" or types[model.target] in NUMBERS | {BOOLEAN}):
        wanted.append(model.target)
    names = list(dict.fromkeys(wanted))
    return names, Inputs(model.features, types).columns(names, (*segment_columns, model.target))


def _rows(connection: database.Connection, query: str, parameters: dict[str, Any] | None = None) -> list[Any]:
    return connection.execute(_QUERIES[query], parameters).fetchall()


def _query(name: str, windows: Windows, **more: sql.Composable) -> sql.Composed:
    """A query of a dataset's relations."""
    return sql.SQL(_QUERIES[name]).format(
        accepted=database.relation(windows.accepted),
        rejected=database.relation(windows.rejected),
        scored=database.relation(windows.rows),
        windows=database.relation(windows.windows),
        of_period=sql.SQL(_QUERIES["of_period"]).format(
            time=sql.Identifier(windows.time if windows.are_by_time else "window_date")
        ),
        **more,
    )


def _origin(connection: database.Connection, windows: Windows) -> str:
    row: Any = connection.execute(_query("origin", windows)).fetchone()
    return str(row[0])


def check_features(monitoring: Monitoring, spec: str) -> None:
    """Raises:
    ConfigurationError: a feature is no column of the rows.
    """
    relation = monitoring.windows.rows
    types = columns_of(relation)
    missing = [name for name in monitoring.models[spec].feature_names if name not in types]
    if missing:
        raise ConfigurationError(
            f"{monitoring.dataset}.yml, models.{spec}: {relation} has no column {', '.join(missing)}: use "
            f"{', '.join(sorted(types))}"
        )


def record_model(
    connection: database.Connection, monitoring: Monitoring, spec: str, model_version: str, version: str = ""
) -> None:
    """A version's row of ml.models; what the model is may change until its reference is stored.

    A model whose predictions are in the rows may change at any time: all that is said of it is made again.

    Args:
        version: the value of the rows' column of versions, where they have one.
    """
    model = monitoring.models[spec]
    is_model = model.has_prediction or model.task == "multiclass"
    kind = "loaded" if model.in_rows is None else "columns" if is_model else "none"
    definition = definition_sha256(model)
    known: Any = connection.execute(_QUERIES["known_version"], {"model_version": model_version}).fetchone()
    if known is not None:
        of_spec, predictions, of_definition, reference_id = known
        if of_spec != spec or (predictions != kind and "loaded" in (predictions, kind)):
            raise UsageError(f"{model_version} is a version of {of_spec} already: name another VERSION")
        if of_definition == definition:
            return
        if reference_id is not None and model.in_rows is None:
            raise ModelError(
                f"{monitoring.dataset}.yml has changed what {spec} is (task, reference, features or label), but "
                f"{model_version} was made before: undo the change, or give the changed model a name of its own"
            )
    connection.execute(
        _QUERIES["insert_model"],
        {
            "model_version": model_version,
            "dataset": monitoring.dataset,
            "spec": spec,
            "definition_sha256": definition,
            "feature_names": list(model.feature_names),
            "origin": _origin(connection, monitoring.windows),
            "task": model.task,
            "predictions": kind,
            "row_filter": json.dumps({model.in_rows.version: version} if model.in_rows and version else {}),
        },
    )
