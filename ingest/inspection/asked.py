"""What a person says of data files: which columns play which role, and what windows are compared with.

Imports nothing heavy: the command line makes these values at each start. Called by ingest.inspection,
pipeline.cli.values and pipeline.commands.dataset.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class Span:
    """From and to, both included: days, values of a column, or rows counted from 1; an open end is None."""

    first: date | int | None
    last: date | int | None


@dataclass(frozen=True)
class Reference:
    """A span, or files of their own; prints as it was typed."""

    text: str
    span: Span | None = None
    files: Path | None = None

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Asked:
    """Spellings of columns, '' or () where nothing was said."""

    files: Path
    timestamp: str = ""
    key: tuple[str, ...] = ()
    prediction: tuple[str, ...] = ()
    decision: str = ""
    label: str = ""
    reference: Reference | None = None
