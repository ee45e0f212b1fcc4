"""What a source has delivered: parts that are replaced as a whole, each with its identity and a way to read its rows.

A source gives `Delivery` values; ingest.datasets.load compares them with what was delivered before, opens those that
are new, and hands their rows to ingest.datasets.merge. Called by both and by the sources.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Rows:
    """The rows of an opened delivery.

    Attributes:
        reader: makes, of the delivery's number, a stream of batches with the raw table's columns, then `window_date`,
            `delivery_id` and `delivery_row` (from 0).
        left_out: columns that the dataset's file does not name.
        failed: raises what stopped the stream, which its receiver shortens; nothing where it ran to its end.
    """

    rows: int
    reader: Callable[[int], pa.RecordBatchReader]
    left_out: tuple[str, ...]
    failed: Callable[[], None]


@dataclass(frozen=True)
class Delivery:
    """A part of a dataset, such as a file.

    Attributes:
        location: where it lies; what lies there later takes its place.
        sha256: of its content.
        opened: checks it and gives its rows; raises BadFileError for what cannot be loaded.
    """

    location: str
    sha256: str
    bytes: int
    opened: Callable[[], AbstractContextManager[Rows]]
