"""Whether the relations of a dataset are there and have the columns that are spoken of.

The runner asks before a run does anything, and again once transform has built what was missing.
"""

from __future__ import annotations

from pathlib import Path

from config.monitoring import PREDICTION, Monitoring
from config.paths import DBT_PROJECT_DIR
from core.errors import ConfigurationError
from core.levels import BOOLEAN, NUMBERS, UNCOUNTABLE
from warehouse import database

_QUERIES = database.queries(Path(__file__).with_name("relations.sql"))
_NEEDED = {
    "windows": (
        *("window_date", "window_start", "window_end", "granularity", "content_hash", "duplicate_count"),
        *("is_pruned", "is_partial"),
    ),
    "rows": ("model_version", "window_date", "event_id", "load_id", PREDICTION),
    "accepted": ("event_id", "source_month", "source_row", "load_id", "window_date"),
    "profiles": (
        *("window_date", "model_version", "segment_key", "segment_value", "column_name", "column_type"),
        *("n_missing", "numbers", "categories", "counts", "inputs_hash"),
    ),
    "events": ("event_date", "name", "mutes"),
    "rejections": ("window_start", "rule", "rejected_count"),
}


_AFTER_SCORING = ("profiles",)


def check_relations(monitoring: Monitoring, *, may_be_missing: bool, may_change: bool, scored: bool = True) -> None:
    """Refuse a relation or a column that is not there.

    Args:
        may_be_missing: dbt is still to build its models, one of which may be missing.
        scored: trips have been scored and what follows from it is built.
        may_change: the dbt project has changed; columns are not asked for until it is applied.

    Raises:
        ConfigurationError: names the place in the file, and what is there.
    """
    for kind, needed in _NEEDED.items():
        relation: str = getattr(monitoring.windows, kind)
        columns = columns_of(relation)
        built_later = may_be_missing or (kind in _AFTER_SCORING and not scored)
        if not columns and not (built_later and _is_model(relation)):
            raise ConfigurationError(
                f"{monitoring.dataset}: there is no relation {relation}; its dbt model has to have the columns "
                f"{', '.join(needed)}"
            )
        if may_change or not columns:
            continue
        for column in needed:
            if column not in columns:
                raise ConfigurationError(
                    f"{monitoring.dataset}: {relation} has no column {column}, which its dbt model has to have; it has "
                    f"{', '.join(columns)}"
                )
        if kind == "rows":
            _check_features(monitoring, relation, columns)


def missing_relations(monitoring: Monitoring) -> list[str]:
    """The relations of a dataset that are not there."""
    named = (getattr(monitoring.windows, kind) for kind in _NEEDED)
    return [relation for relation in named if not columns_of(relation)]


def _check_features(monitoring: Monitoring, relation: str, types: dict[str, str]) -> None:
    for spec, model in monitoring.models.items():
        place = f"{monitoring.dataset}.yml, models.{spec}"
        for feature in model.features:
            if feature.name not in types:
                raise ConfigurationError(
                    f"{place}.features: {relation} has no column {feature.name}; it has {', '.join(types)}"
                )
            found = types[feature.name]
            if feature.type == "numerical" and found not in NUMBERS | {BOOLEAN}:
                raise ConfigurationError(
                    f"{place}.features: {feature.name} is declared numerical, but {relation} has it as {found}: "
                    "declare it categorical, or name a column of numbers"
                )
            if found in UNCOUNTABLE:
                raise ConfigurationError(
                    f"{place}.features: {feature.name} is of type {found}, whose values Postgres cannot tell apart: "
                    "name a column that holds what matters of it, such as a text"
                )
        found = types.get(model.target, BOOLEAN)
        if model.has_prediction and found not in NUMBERS | {BOOLEAN}:
            raise ConfigurationError(
                f"{place}.label: {model.target} is of type {found}; a number or a boolean is needed"
            )


def columns_of(relation: str) -> dict[str, str]:
    """The columns of a relation in their order, each with Postgres' name of its type; none where it is not there."""
    with database.connect("relations", read_only=True) as connection:
        return columns_there(connection, relation)


def columns_there(connection: database.Connection, relation: str) -> dict[str, str]:
    """As `columns_of`, of what a connection sees."""
    rows = connection.execute(_QUERIES["columns"], {"relation": relation}).fetchall()
    return {str(name): str(kind) for name, kind in rows}


def _is_model(relation: str) -> bool:
    name = relation.partition(".")[2]
    return any((DBT_PROJECT_DIR / "models").rglob(f"{name}.sql"))
