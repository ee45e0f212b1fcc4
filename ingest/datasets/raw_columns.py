"""The columns that a dataset has in its raw table, by its file; and a hash of all that decides what its rows become.

Called by ingest.datasets.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from config.dataset_models import ColumnWindow
from config.datasets import ColumnKind, Dataset

POSTGRES_TYPES: dict[ColumnKind, str] = {
    "numerical": "double precision",
    "boolean": "boolean",
    "categorical": "text",
    "text": "text",
    "datetime": "timestamp without time zone",
    "ignored": "text",
}


@dataclass(frozen=True)
class RawColumn:
    """A column of the raw table.

    Attributes:
        source_name: the source's spelling, where the dataset's file names it.
        may_be_absent: a label and the time that it is known at may come later than the rows.
        is_version: a name that is kept letter by letter.
    """

    name: str
    kind: ColumnKind
    source_name: str | None = None
    may_be_absent: bool = False
    is_version: bool = False

    @property
    def type(self) -> str:
        """Postgres' name of its type."""
        return POSTGRES_TYPES[self.kind]


def raw_columns(dataset: Dataset) -> tuple[RawColumn, ...]:
    """The columns in the order of the file; those of type ignored only where they play a role."""
    late = dataset.late_columns
    versions = {model.predictions.version for model in dataset.models.values()}
    needed = _needed_names(dataset)
    return tuple(
        RawColumn(name, spec.type, spec.source_name, name in late - needed, name in versions)
        for name, spec in dataset.columns.items()
        if spec.type != "ignored" or name in needed | late
    )


def _needed_names(dataset: Dataset) -> set[str]:
    """The columns with a role, but for labels."""
    names = {*dataset.event.key, *filter(None, [dataset.event.timestamp, window_column(dataset)])}
    for model in dataset.models.values():
        names |= set(model.predictions.columns)
        names |= {window.column for window in model.performance_windows if isinstance(window, ColumnWindow)}
    return names


def window_column(dataset: Dataset) -> str | None:
    """The column that cuts windows, if one does."""
    return dataset.windows.column if isinstance(dataset.windows, ColumnWindow) else None


def settings_hash(dataset: Dataset) -> str:
    """A hash of what the dataset's file says of events, windows and columns: with another, files are read again.

    Not of the list of files: what the rows of one become does not depend on which others are named.
    """
    event = dataset.event
    settings = {
        "event": [event.timestamp, event.format, event.timezone, list(event.key), event.replace],
        "windows": str(dataset.windows),
        "columns": [[each.name, each.kind, each.source_name, each.is_version] for each in raw_columns(dataset)],
    }
    return hashlib.sha256(json.dumps(settings).encode()).hexdigest()
