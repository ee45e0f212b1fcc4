"""What a person asked a command about, held against what the warehouse has: which models, whether anything is there.

Called by pipeline.commands.backfill, pipeline.commands.reports and pipeline.commands.verify.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from psycopg import sql

from config.hours import is_hour
from config.monitored import load_monitored
from config.monitoring import Monitoring, Windows
from core.errors import ConfigurationError, UsageError
from models_ml.store import stored_models
from warehouse import database
from warehouse.relations import missing_relations

if TYPE_CHECKING:
    from models_ml.store import StoredModel

_QUERIES = database.queries(Path(__file__).with_name("chosen.sql"))


def monitoring_of_model(wanted: str) -> Monitoring:
    """What holds for the dataset of a model, named by its name or a version; '' takes the first that has windows."""
    monitored = load_monitored()
    for monitoring in monitored.of.values():
        if wanted in monitoring.models:
            return monitoring
    with database.connect("datasets", read_only=True) as connection:
        there = [str(row[0]) for row in connection.execute(_QUERIES["datasets"], {"model_version": wanted}).fetchall()]
    there = [name for name in there if name in monitored.of] or list(monitored.of)
    if not there:
        raise UsageError("no dataset is monitored: `make dataset FILE=...` writes the file of one")
    return monitored.of[there[0]]


def check_monitored(monitoring: Monitoring) -> None:
    """Something is monitored, and its relations are there.

    Raises:
        UsageError: the warehouse is empty.
        ConfigurationError: one of the dataset's relations is missing.
    """
    with database.connect("monitored days", read_only=True) as connection:
        is_made = bool(database.one_row(connection, _QUERIES["is_made"])[0])
        is_empty = not is_made or not database.one_row(connection, _QUERIES["has_windows"])[0]
    if is_empty:
        raise UsageError("the warehouse is empty, no day is monitored: run `make pipeline` first")
    missing = missing_relations(monitoring)
    if missing:
        raise ConfigurationError(
            f"days of {monitoring.dataset} are monitored, but its relations {', '.join(missing)} are not there: "
            "`make pipeline` builds them again"
        )


def chosen_models(monitoring: Monitoring, wanted: str) -> list[StoredModel]:
    """The models that are active and asked for: by name or by version, all of them where '' is asked for.

    Raises:
        UsageError: there is none; says which there are.
    """
    active = [stored for stored in stored_models() if stored.spec in monitoring.models]
    if not active:
        raise UsageError("the warehouse has no model yet: run `make pipeline` first")
    models = [stored for stored in active if not wanted or wanted in (stored.spec, stored.model_version)]
    if not models:
        specs = sorted({stored.spec for stored in active})
        versions = [stored.model_version for stored in active]
        raise UsageError(
            f"MODEL '{wanted}' is unknown: use a name ({', '.join(specs)}) or a version ({', '.join(versions)})"
        )
    return models


def window_named(relations: Windows, name: str, typed: date | str) -> date:
    """The day that stands for the window that a person named, by a day or an hour.

    Raises:
        UsageError: it is a day and windows are hours, or the other way round, or the clock has no such hour.
    """
    if relations.hours is None:
        if isinstance(typed, date) or not is_hour(typed):
            return typed if isinstance(typed, date) else date.fromisoformat(typed)
        raise UsageError(f"{name} '{typed}' is an hour, and the windows of this dataset are none: write {typed[:10]}")
    day = relations.hours.typed(typed) if isinstance(typed, str) else None
    if day is None:
        raise UsageError(
            f"{name} '{typed}' is no hour of {relations.timezone}, and windows are hours here: write "
            f"{str(typed)[:10]}T13, and where an hour comes twice its offset, too, such as 2024-10-27T02+0100"
        )
    return day


def is_pruned(relations: Windows, day: date) -> bool:
    """Whether the day's rows are gone, with its findings kept."""
    query = sql.SQL(_QUERIES["is_pruned"]).format(windows=database.relation(relations.windows))
    with database.connect("pruned days", read_only=True) as connection:
        return connection.execute(query, {"day": day}).fetchone() == (True,)
