"""`make predictions`: load predictions that were made elsewhere, for a model with `predictions: loaded`.

A file goes in, whole or not at all: one transaction under the warehouse's lock. The next pipeline run computes the days
whose predictions have changed. Called by pipeline.cli.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from config.monitored import Monitored, load_monitored
from config.monitoring import Model, Monitoring
from core.errors import UsageError
from core.failpoints import failpoint
from core.files.columns import shortened
from models_ml.event_keys import EventKey
from models_ml.load import complete_reference, load_predictions, loaded_versions
from models_ml.prediction_files import read_predictions
from python_metrics.store import invalidate_days
from warehouse import database
from warehouse.access.roles import Role
from warehouse.session import changes

if TYPE_CHECKING:
    from models_ml.load import Outcome
    from models_ml.prediction_files import PredictionFile

_EXAMPLE = "write make predictions FILE=predictions.parquet MODEL=my_model"


def load(file: Path | None, model: str, version: str, tell: Callable[[str], None]) -> None:
    """Load a file. `tell` takes lines for a person.

    Raises:
        UsageError: no file or model was named, or the model is not one whose predictions are loaded.
        BadFileError: the file cannot be loaded; nothing was changed.
        LockedError: another command is changing the warehouse.
    """
    monitoring, spec = _spec(load_monitored(), model.strip())
    if file is None:
        raise UsageError(f"no file was given: {_EXAMPLE}")
    found = read_predictions(file, spec, monitoring.models[spec], version, EventKey.of(monitoring))
    with changes("predictions", f"{spec} {version} {file}", Role.MONITOR) as record:
        with database.connect("predictions") as connection:
            lines = _take_in(connection, monitoring, spec, found)
        record.message = "; ".join(lines)
    for line in lines:
        tell(line)
    if found.extra:
        tell(f"note: unknown columns were not read: {shortened(found.extra)}")


def _spec(monitored: Monitored, name: str) -> tuple[Monitoring, str]:
    """The model with the dataset that it is of."""
    loaded = [
        spec for each in monitored.of.values() for spec, model in each.models.items() if model.predictions == "loaded"
    ]
    if name in loaded:
        return next(each for each in monitored.of.values() if name in each.models), name
    hint = (
        f"use one of {', '.join(loaded)}"
        if loaded
        else "none has: give one `predictions: loaded` in its dataset's file"
    )
    if not name:
        raise UsageError(f"no model was given: {_EXAMPLE}; models with loaded predictions: {hint}")
    found = "has a recipe, its predictions are made here" if name in monitored.specs else "is in no file of datasets/"
    unreadable = "".join(f"; {error}" for error in monitored.broken.values())
    raise UsageError(f"MODEL '{name}' {found}; models with loaded predictions: {hint}{unreadable}")


def _take_in(connection: database.Connection, monitoring: Monitoring, spec: str, file: PredictionFile) -> list[str]:
    lines = []
    for outcome in load_predictions(connection, monitoring, spec, file):
        invalidate_days(connection, monitoring.windows, outcome.model_version, list(outcome.changed_days))
        lines.append(_words(outcome))
        lines += _contradictions(outcome, file, monitoring.models[spec])
        failpoint("predictions.version_taken")
    for version in loaded_versions(connection, [spec]):
        if version.reference_id is not None:
            continue
        why = complete_reference(connection, version, monitoring)
        lines.append(
            f"{version.model_version} waits: {why}" if why else f"{version.model_version}: its reference is stored"
        )
    failpoint("predictions.before_commit")
    return lines


def _contradictions(outcome: Outcome, file: PredictionFile, model: Model) -> list[str]:
    """How many decisions of the file are not what the model's threshold says: they count all the same."""
    rows = file.rows[file.rows["model_version"] == outcome.model_version]
    decided = rows[rows["decision"].notna()]
    others = int(((decided["prediction"] >= model.decides_at) != decided["decision"].astype(bool)).sum())
    if not others:
        return []
    return [
        f"{outcome.model_version}: {others:,} of {len(decided):,} decisions are not what the threshold "
        f"{model.decides_at:g} says: the decisions count"
    ]


def _words(outcome: Outcome) -> str:
    if not outcome.is_new:
        return f"{outcome.model_version}: nothing new, the file was loaded before"
    kept_out = {reason: count for reason, count in outcome.counts.items() if reason != "loaded"}
    words = f"{outcome.model_version}: {outcome.counts['loaded']:,} predictions loaded"
    if kept_out:
        listed = ", ".join(f"{count:,} {reason}" for reason, count in kept_out.items())
        words += f", {sum(kept_out.values()):,} kept out ({listed}; see ml.rejected_predictions)"
    days = len(outcome.changed_days)
    return f"{words}; {days} {'day' if days == 1 else 'days'} changed, `make pipeline` monitors them"
