"""What the warehouse knows of models: which there are, and which months there are to score.

Light on purpose: the runner asks it at every run, also when there is nothing to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from psycopg import sql

from config.months import Month
from warehouse import database, ledger
from warehouse.ledger import Key

_QUERIES = database.queries(Path(__file__).with_name("models.sql"))
SCORE = "score"


@dataclass(frozen=True)
class StoredModel:
    """A row of ml.models, as far as others need it.

    A model whose predictions are loaded has no training month and no file (both texts about it are empty).
    """

    model_version: str
    spec: str
    train_month: Month | None
    artifact_file: str
    artifact_sha256: str
    feature_names: tuple[str, ...]
    reference_id: str
    definition_sha256: str
    evaluation_reference_id: str
    dataset: str

    @property
    def is_loaded(self) -> bool:
        """Whether its predictions are made elsewhere and loaded."""
        return self.train_month is None


def mark_active(specs: list[str], broken: list[str]) -> None:
    """Note which models are monitored; others keep their rows and get no new ones, but those of `broken` datasets."""
    with database.connect("models") as connection:
        connection.execute(_QUERIES["mark_active"], {"specs": specs, "broken": broken})


def stored_models() -> list[StoredModel]:
    """The active models of the warehouse that have a reference, by training month and version."""
    with database.connect("models", read_only=True) as connection:
        rows = connection.execute(_QUERIES["models"]).fetchall()
    return [
        StoredModel(
            model_version=str(row[0]),
            spec=str(row[1]),
            train_month=None if row[2] is None else Month.parse(str(row[2])[:7]),
            artifact_file=str(row[3]),
            artifact_sha256=str(row[4]),
            feature_names=tuple(row[5]) if isinstance(row[5], list) else (),
            reference_id=str(row[6]),
            definition_sha256=str(row[7]),
            evaluation_reference_id=str(row[8]),
            dataset=str(row[9]),
        )
        for row in rows
    ]


def scored_months(model_version: str) -> set[date]:
    """The months, by their first days, that a model has predictions for."""
    with database.connect("score", read_only=True) as connection:
        return {date.fromisoformat(key.part) for key in ledger.known(connection, SCORE, model_version)}


@dataclass(frozen=True)
class LoadedMonth:
    """A month of the warehouse, by its first day; the rows of a pruned one are gone."""

    source_month: date
    load_id: int
    content_hash: str
    is_pruned: bool

    def key(self, subject: str) -> Key:
        """Of what is made of the month for a model, or a target."""
        return Key(subject, self.source_month.isoformat())


def loaded_months(windows: str) -> list[LoadedMonth]:
    """The months that a dataset has, oldest first; `windows` is the relation of its windows."""
    query = sql.SQL(_QUERIES["months"]).format(windows=database.relation(windows))
    with database.connect("months", read_only=True) as connection:
        rows: list[Any] = connection.execute(query).fetchall()
    return [LoadedMonth(*row) for row in rows]
