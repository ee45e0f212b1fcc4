"""What a source has delivered: parts that are replaced as a whole, each with its identity and a way to read its rows.

A source gives `Delivery` values; ingest.datasets.load compares them with what was delivered before, opens those that
are new, and hands their rows to ingest.datasets.merge. Called by ingest.datasets.load and by the sources.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pyarrow as pa

from core.errors import SourceUnavailableError


@dataclass(frozen=True)
class Rows:
    """The rows of opened deliveries.

    Attributes:
        rows: how many there are, by the deliveries' locations.
        reader: makes, of the deliveries' numbers by their locations, a stream of batches with the raw table's columns,
            then `window_date`, `delivery_id` and `delivery_row` (from 0).
        left_out: columns that the dataset's file does not name.
        failed: raises what stopped the stream, which its receiver shortens; nothing where it ran to its end.
    """

    rows: Mapping[str, int]
    reader: Callable[[Mapping[str, int]], pa.RecordBatchReader]
    left_out: tuple[str, ...]
    failed: Callable[[], None]


@dataclass(frozen=True)
class Delivery:
    """A part of a dataset, such as a file or a day of a table.

    Attributes:
        location: where it lies; what lies there later takes its place.
        sha256: of its content, or of what its place says of that.
        opened: checks deliveries and gives their rows; those that follow each other and have the same one are read
            together. Raises BadFileError for what cannot be loaded.
    """

    location: str
    sha256: str
    bytes: int
    opened: Callable[[Sequence[Delivery]], AbstractContextManager[Rows]]


@dataclass(frozen=True)
class Delivered:
    """All that a source has.

    Attributes:
        missing: what it should have and has not.
        vanished: of a source that is a whole: gives what takes the place of a location that it no longer has, which
            holds no row. None: the rows of what is gone stay.
    """

    deliveries: tuple[Delivery, ...]
    missing: tuple[SourceUnavailableError, ...] = ()
    vanished: Callable[[str], Delivery] | None = None
