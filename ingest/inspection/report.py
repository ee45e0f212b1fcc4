"""What an inspection says: values that carry it from what looks at data to what prints and writes it.

Called by ingest.inspection and pipeline.commands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from config.dataset_models import Task
from config.datasets import ColumnKind
from ingest.files.data_files import DataFiles
from ingest.inspection.asked import Span

Role = Literal["timestamp", "key", "window", "prediction", "decision", "label", "feature", "ignored"]


@dataclass(frozen=True)
class ColumnReport:
    """A column as it is shown and written.

    Attributes:
        name, spelling: in the warehouse and in the files.
        type: DuckDB's, or what texts of it are read as.
        distinct: how many values; about as many where not `is_exact`.
        missing: rows without a value.
        is_guess: whether kind and role are more than what the person said and the type shows.
        digits: significant digits to keep of a numerical column; None: as many as there are.
        digits_why: what they leave and cost.
    """

    name: str
    spelling: str
    type: str
    kind: ColumnKind
    distinct: int
    is_exact: bool
    missing: int
    example: str
    role: Role
    why: str
    is_guess: bool
    digits: int | None = None
    digits_why: str = ""


@dataclass(frozen=True)
class Windows:
    """What windows to make: of the calendar, of so many rows, or by a column; and why."""

    calendar: str = ""
    rows: int = 0
    column: str = ""
    why: str = ""


@dataclass(frozen=True)
class Positive:
    """A column of two texts or numbers that is to be true or false: `value` is what counts as true."""

    column: str
    value: str
    is_number: bool

    @property
    def name(self) -> str:
        """What the derived column is called."""
        return f"{self.column[:50]}_is_true"

    @property
    def sql(self) -> str:
        """The expression that makes it, in the warehouse's SQL."""
        literal = self.value if self.is_number else "'" + self.value.replace("'", "''") + "'"
        return f"{self.column} = {literal}"


@dataclass(frozen=True)
class ModelReport:
    """The model that predictions are of.

    Attributes:
        probabilities: of a multiclass model, the column of each class.
        threshold: where predictions imply one, or 0.5 as a guess; None beside a decision.
        positives: decision and label that have to be made boolean, by column.
    """

    task: Task
    task_why: str
    prediction: str = ""
    probabilities: dict[str, str] = field(default_factory=dict)
    decision: str = ""
    label: str = ""
    threshold: float | None = None
    threshold_why: str = ""
    positives: dict[str, Positive] = field(default_factory=dict)


@dataclass(frozen=True)
class Inspection:
    """All that was seen of the files of a dataset, and what is proposed for it."""

    files: DataFiles
    rows: int
    columns: tuple[ColumnReport, ...]
    timestamp: str
    timestamp_format: str
    timestamp_why: str
    is_zoned: bool
    first: str
    last: str
    key: tuple[str, ...]
    key_why: str
    windows: Windows
    model: ModelReport | None
    reference: Span | Path
    reference_why: str
    segments: tuple[str, ...]
    warnings: tuple[str, ...]
