"""What a green-taxi file holds: its columns, which of them it must have, and what may stand in each.

Three vintages of TLC's schema load into one table: a column's type is checked by family, because the
same column is an integer in one year and a float in another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from core.errors import printable
from core.files import columns

# How TLC calls the files of this dataset.
FILE_PREFIX = "green_tripdata"


class Family(Enum):
    """Kinds of column, each with the DuckDB types that it accepts and the type it is loaded as."""

    WHOLE = ("whole number", "BIGINT", "an integer or float type of up to 64 bits")
    WHOLE_AS_FLOAT = ("whole number", "DOUBLE", "an integer or float type of up to 64 bits")
    NUMBER = ("number", "DOUBLE", "an integer or float type of up to 64 bits")
    TIME = ("timestamp without time zone", "TIMESTAMP", "in s, ms, us or ns")
    TEXT = ("text", "VARCHAR", "a string type")

    def __init__(self, words: str, loaded_as: str, types: str) -> None:
        self.words = words
        self.loaded_as = loaded_as
        self.types = types

    @property
    def needed(self) -> str:
        """What is valid, in words."""
        return f"a {self.words} ({self.types})"

    def accepts(self, duckdb_type: str) -> bool:
        """Whether a column of this type can be loaded without changing a value."""
        if duckdb_type == "NULL":
            return True
        if self is Family.TIME:
            return duckdb_type in {"TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"}
        if self is Family.TEXT:
            return duckdb_type == "VARCHAR"
        # Unsigned 64-bit integers and decimals do not fit the raw table's columns without loss.
        return duckdb_type in _INTEGERS or duckdb_type in {"FLOAT", "DOUBLE"}


_INTEGERS = {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"}


@dataclass(frozen=True)
class Column:
    """One column of the raw table."""

    name: str
    family: Family
    required: bool = True


COLUMNS = (
    Column("vendorid", Family.WHOLE),
    Column("lpep_pickup_datetime", Family.TIME),
    Column("lpep_dropoff_datetime", Family.TIME),
    Column("store_and_fwd_flag", Family.TEXT),
    Column("ratecodeid", Family.WHOLE_AS_FLOAT),
    Column("pulocationid", Family.WHOLE),
    Column("dolocationid", Family.WHOLE),
    Column("passenger_count", Family.WHOLE_AS_FLOAT),
    Column("trip_distance", Family.NUMBER),
    Column("fare_amount", Family.NUMBER),
    Column("extra", Family.NUMBER),
    Column("mta_tax", Family.NUMBER),
    Column("tip_amount", Family.NUMBER),
    Column("tolls_amount", Family.NUMBER),
    Column("ehail_fee", Family.NUMBER, required=False),
    Column("improvement_surcharge", Family.NUMBER),
    Column("total_amount", Family.NUMBER),
    Column("payment_type", Family.WHOLE_AS_FLOAT),
    Column("trip_type", Family.WHOLE_AS_FLOAT),
    Column("congestion_surcharge", Family.NUMBER),
    Column("cbd_congestion_fee", Family.NUMBER, required=False),
)
PICKUP_COLUMN = "lpep_pickup_datetime"
# A file's own word, in its key-value metadata, on the last day (YYYY-MM-DD) that it speaks of; a file without it
# speaks of its whole month.
COVERS_UNTIL_KEY = b"covers_until"


@dataclass(frozen=True)
class FileSchema:
    """How a file's columns map to the raw table's.

    `delivered` maps a raw column's name to the file's spelling of it; `extra` are the file's columns
    that the raw table does not have; `fingerprint` is a hash of all names and types in their order.
    """

    delivered: dict[str, str]
    extra: tuple[str, ...]
    fingerprint: str


def match_schema(found: Sequence[columns.Column], file_name: str) -> FileSchema:
    """Match a file's columns against the known ones.

    Raises:
        BadFileError: required columns are missing, one has another type, or a name comes twice.
    """
    delivered = columns.match(
        file_name,
        found,
        {column.name: column.family for column in COLUMNS},
        {column.name for column in COLUMNS if not column.required},
        "a green-taxi file as TLC issues it is needed; get the file again",
    )
    return FileSchema(
        delivered={name: column.spelling for name, column in delivered.items()},
        extra=tuple(printable(column.spelling) for column in found if column not in delivered.values()),
        fingerprint=hashlib.sha256(repr([(each.spelling, each.type) for each in found]).encode()).hexdigest()[:16],
    )
