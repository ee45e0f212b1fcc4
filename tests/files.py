"""Small parquet files like those TLC issues, of any vintage, the same bytes every time.

Row number n of a table is recognised by its `trip_distance`, which is n + 0.25: a test can see which row
arrived where. Used by the tests of the loader and of its sources.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from config.months import Month

JANUARY, FEBRUARY, MARCH = Month(2022, 1), Month(2022, 2), Month(2022, 3)
DISTANCE_OF_ROW_0 = 0.25
Maker = Callable[[Path, Month], Path]


class Vintage(Enum):
    """The three shapes in which TLC has issued the files: type of an id, of a code, of an unused fee, of a text."""

    UP_TO_2023_01 = (pa.int64(), pa.float64(), pa.null(), pa.string())
    FROM_2023_02 = (pa.int32(), pa.int64(), pa.float64(), pa.large_string())
    FROM_2025_01 = (pa.int32(), pa.int64(), pa.float64(), pa.large_string(), "cbd_congestion_fee")


def trip_schema(vintage: Vintage = Vintage.UP_TO_2023_01) -> pa.Schema:
    """Names, order and types of a vintage's columns."""
    number, code, unused, text, *added = vintage.value
    return pa.schema(
        [
            ("VendorID", number),
            ("lpep_pickup_datetime", pa.timestamp("us")),
            ("lpep_dropoff_datetime", pa.timestamp("us")),
            ("store_and_fwd_flag", text),
            ("RatecodeID", code),
            ("PULocationID", number),
            ("DOLocationID", number),
            ("passenger_count", code),
            ("trip_distance", pa.float64()),
            ("fare_amount", pa.float64()),
            ("extra", pa.float64()),
            ("mta_tax", pa.float64()),
            ("tip_amount", pa.float64()),
            ("tolls_amount", pa.float64()),
            ("ehail_fee", unused),
            ("improvement_surcharge", pa.float64()),
            ("total_amount", pa.float64()),
            ("payment_type", code),
            ("trip_type", code),
            ("congestion_surcharge", pa.float64()),
            *((name, pa.float64()) for name in added),
        ]
    )


def trip_table(month: Month, rows: int = 12, vintage: Vintage = Vintage.UP_TO_2023_01) -> pa.Table:
    """Trips of one month; the later half of the rows comes without what TLC leaves out for dispatched trips."""
    first = datetime(month.year, month.month, 1)
    pickups = [first + timedelta(minutes=7 * number % 40_000, seconds=number % 60) for number in range(rows)]
    metered = [number < (rows + 1) // 2 for number in range(rows)]
    values = {
        "VendorID": [1 + number % 2 for number in range(rows)],
        "lpep_pickup_datetime": pickups,
        "lpep_dropoff_datetime": [pickup + timedelta(minutes=11) for pickup in pickups],
        "store_and_fwd_flag": ["N" if known else None for known in metered],
        "RatecodeID": [1 if known else None for known in metered],
        "PULocationID": [74 + number % 5 for number in range(rows)],
        "DOLocationID": [41 + number % 7 for number in range(rows)],
        "passenger_count": [1 + number % 3 if known else None for number, known in enumerate(metered)],
        "trip_distance": [DISTANCE_OF_ROW_0 + number for number in range(rows)],
        "fare_amount": [5.5 + number % 9 for number in range(rows)],
        "extra": [0.5] * rows,
        "mta_tax": [0.5] * rows,
        "tip_amount": [number % 4 * 1.25 for number in range(rows)],
        "tolls_amount": [0.0] * rows,
        "ehail_fee": [None] * rows,
        "improvement_surcharge": [0.3] * rows,
        "total_amount": [6.8 + number % 9 + number % 4 * 1.25 for number in range(rows)],
        "payment_type": [1 + number % 2 if known else None for number, known in enumerate(metered)],
        "trip_type": [1 if known else None for known in metered],
        "congestion_surcharge": [2.75 if known else None for known in metered],
        "cbd_congestion_fee": [0.75] * rows,
    }
    schema = trip_schema(vintage)
    return pa.table([pa.array(values[field.name], type=field.type) for field in schema], schema=schema)


def with_column(table: pa.Table, name: str, values: pa.Array | pa.ChunkedArray) -> pa.Table:
    """The table with this column in place of the one of the same name, or added at the end."""
    place = table.schema.get_field_index(name)
    return table.append_column(name, values) if place < 0 else table.set_column(place, name, values)


def with_value(table: pa.Table, name: str, row: int, value: object) -> pa.Table:
    """The table with one value changed."""
    values = table[name].to_pylist()
    values[row] = value
    return with_column(table, name, pa.array(values, type=table.schema.field(name).type))


def named(folder: Path, month: Month) -> Path:
    """Where a month's file lies in a folder."""
    return folder / f"green_tripdata_{month}.parquet"


def write_file(folder: Path, month: Month, table: pa.Table | None = None, **options: object) -> Path:
    """Write a month's file (12 trips unless told) in `folder`, which is made; options go to pyarrow's writer."""
    folder.mkdir(parents=True, exist_ok=True)
    path = named(folder, month)
    pq.write_table(trip_table(month) if table is None else table, path, **options)
    return path


def _written_bytes(folder: Path, month: Month, content: bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = named(folder, month)
    path.write_bytes(content)
    return path


def cut_off(folder: Path, month: Month) -> Path:
    """A file of which the last third is missing."""
    path = write_file(folder, month)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    return path


def with_damaged_column(folder: Path, month: Month, table: pa.Table, column: str) -> Path:
    """A gzip file in which the middle half of a column's last chunk is overwritten; its footer is whole.

    The column must have values there: a chunk of nothing but nulls is never read.
    """
    path = write_file(folder, month, table, compression="gzip", use_dictionary=False, row_group_size=1000)
    metadata = pq.read_metadata(path)
    chunk = metadata.row_group(metadata.num_row_groups - 1).column(table.schema.get_field_index(column))
    start, size = chunk.data_page_offset, chunk.total_compressed_size
    content = bytearray(path.read_bytes())
    content[start + size // 4 : start + 3 * size // 4] = b"\xff" * (3 * size // 4 - size // 4)
    path.write_bytes(bytes(content))
    return path


def with_damaged_footer(folder: Path, month: Month) -> Path:
    """A file whose first and last bytes are right and whose footer is not."""
    path = write_file(folder, month)
    content = bytearray(path.read_bytes())
    length = int.from_bytes(content[-8:-4], "little")
    content[-8 - length : -8] = b"\xff" * length
    path.write_bytes(bytes(content))
    return path


def _with_promised_rows(folder: Path, month: Month) -> Path:
    """A file of 12 rows whose footer promises 13 in all, and 12 in its only row group."""
    path = write_file(folder, month)
    content = path.read_bytes()
    # The footer's number of rows is the first field in it that is a (zigzag) 12 of 64 bits.
    place = content.index(b"\x16\x18", len(content) - 8 - int.from_bytes(content[-8:-4], "little"))
    path.write_bytes(content[:place] + b"\x16\x1a" + content[place + 2 :])
    return path


def _retyped(name: str, new_type: pa.DataType) -> Maker:
    def make(folder: Path, month: Month) -> Path:
        table = trip_table(month)
        return write_file(folder, month, with_column(table, name, table[name].cast(new_type)))

    return make


def _without(*names: str) -> Maker:
    return lambda folder, month: write_file(folder, month, trip_table(month).drop_columns(list(names)))


def _with(name: str, row: int, value: object) -> Maker:
    return lambda folder, month: write_file(folder, month, with_value(trip_table(month), name, row, value))


def _with_id(value: float) -> Maker:
    """One vendor's number, delivered as a float, is this."""
    numbers = pa.array([value] + [1.0] * 11)
    return lambda folder, month: write_file(folder, month, with_column(trip_table(month), "VendorID", numbers))


def _with_second(name: str) -> Maker:
    """The vendor's number comes a second time under this name."""

    def make(folder: Path, month: Month) -> Path:
        table = trip_table(month)
        return write_file(folder, month, table.append_column(name, table["VendorID"]))

    return make


def _of_month(other: Month, rows: int, own_rows: int = 0) -> Maker:
    def make(folder: Path, month: Month) -> Path:
        return write_file(folder, month, pa.concat_tables([trip_table(month, own_rows), trip_table(other, rows)]))

    return make


def _yellow(folder: Path, month: Month) -> Path:
    table = trip_table(month)
    return write_file(
        folder, month, table.rename_columns([name.replace("lpep", "tpep") for name in table.column_names])
    )


def _without_pickups(folder: Path, month: Month) -> Path:
    table = trip_table(month)
    return write_file(folder, month, with_column(table, "lpep_pickup_datetime", pa.nulls(12, pa.timestamp("us"))))


def _with_name(written: bytes, instead: bytes) -> Maker:
    """The name of a column is this, byte by byte."""

    def make(folder: Path, month: Month) -> Path:
        path = write_file(folder, month)
        path.write_bytes(path.read_bytes().replace(written, instead))
        return path

    return make


def _with_text(value: bytes) -> Maker:
    """The flag holds these bytes, whatever they mean."""

    def make(folder: Path, month: Month) -> Path:
        texts = pa.Array.from_buffers(pa.string(), 12, pa.array([value] * 12).buffers())
        return write_file(folder, month, with_column(trip_table(month), "store_and_fwd_flag", texts))

    return make


_PAGE = b"\n<!DOCTYPE html>\n<html><body>404</body></html>\n"
_AGAIN = "get the file again"
_DAMAGED = ("cannot be read as parquet (", "): the file is damaged; get it again")
_VENDOR_VALID = ("the column vendorid holds values that are not valid (1 of 12)", "only whole numbers of up to", _AGAIN)
# How a file that must not be loaded is made, and the parts that its message must have.
BAD_FILES: dict[str, tuple[Maker, tuple[str, ...]]] = {
    "zero bytes": (
        lambda f, m: _written_bytes(f, m, b""),
        ("is empty (0 bytes)", "a parquet file is needed", "get it"),
    ),
    "html page": (
        lambda f, m: _written_bytes(f, m, _PAGE),
        ("is a web page", "begins with <!doctype", "no parquet", _AGAIN),
    ),
    "xml answer": (lambda f, m: _written_bytes(f, m, b"<?xml version='1.0'?><Error/>"), ("is a web page", _AGAIN)),
    "csv": (lambda f, m: _written_bytes(f, m, b"VendorID,fare\n1,2\n"), ("is no parquet file", "PAR1", _AGAIN)),
    "one byte": (lambda f, m: _written_bytes(f, m, b"P"), ("is no parquet file", "PAR1", _AGAIN)),
    "magic only": (lambda f, m: _written_bytes(f, m, b"PAR1"), _DAMAGED),
    "magic twice": (lambda f, m: _written_bytes(f, m, b"PAR1PAR1"), _DAMAGED),
    "cut off": (cut_off, ("is cut off", "without a parquet footer", _AGAIN)),
    "damaged footer": (with_damaged_footer, _DAMAGED),
    "fewer rows than promised": (
        _with_promised_rows,
        ("its footer promises 13 rows, 12 are there", "the file is damaged; get it again"),
    ),
    "missing column": (_without("VendorID"), ("the required column vendorid is missing", "it has lpep_pickup", _AGAIN)),
    "missing columns": (_without("extra", "trip_type"), ("the required columns extra, trip_type are missing", _AGAIN)),
    "missing column beside a name of two lines": (
        _with_name(b"VendorID", b"Two\nIDs."),
        ("the required column vendorid is missing", "it has two\\nids., lpep_pickup", _AGAIN),
    ),
    "name not in UTF-8": (_with_name(b"VendorID", b"\xff\xfendorID"), _DAMAGED),
    "yellow taxis": (_yellow, ("lpep_pickup_datetime, lpep_dropoff_datetime are missing", "tpep_pickup_datetime")),
    "text for a number": (
        _retyped("fare_amount", pa.string()),
        ("fare_amount", "VARCHAR", "but a number (an integer", _AGAIN),
    ),
    "number for a text": (
        lambda f, m: write_file(f, m, with_column(trip_table(m), "store_and_fwd_flag", pa.array([1] * 12))),
        ("store_and_fwd_flag", "BIGINT", "but a text (a string type) is needed", _AGAIN),
    ),
    "text for a time": (
        _retyped("lpep_pickup_datetime", pa.string()),
        (
            "lpep_pickup_datetime",
            "VARCHAR",
            "but a timestamp without time zone (in s, ms, us or ns) is needed",
            "convert",
        ),
    ),
    "date for a time": (_retyped("lpep_dropoff_datetime", pa.date32()), ("lpep_dropoff_datetime", "DATE", "timestamp")),
    "time with zone": (
        _retyped("lpep_pickup_datetime", pa.timestamp("us", "America/New_York")),
        (
            "lpep_pickup_datetime",
            "TIMESTAMP WITH TIME ZONE",
            "but a timestamp without time zone (in s, ms, us or ns) is needed",
            "convert",
        ),
    ),
    "column in two cases": (
        _with_second("vendorid"),
        ("'VendorID' comes twice, the second time as 'vendorid'", "remove one", _AGAIN),
    ),
    "column twice": (_with_second("VendorID"), ("'VendorID' comes twice", "remove one", _AGAIN)),
    "fraction of a passenger": (
        _with("passenger_count", 3, 1.5),
        (
            "the column passenger_count holds values that are not valid (1 of 12)",
            "only whole numbers are valid",
            _AGAIN,
        ),
    ),
    "fraction of a vendor": (_with_id(1.25), _VENDOR_VALID),
    "endless vendor": (_with_id(float("inf")), _VENDOR_VALID),
    "vendor not a number": (_with_id(float("nan")), _VENDOR_VALID),
    "vendor beyond all bounds": (_with_id(1e300), _VENDOR_VALID),
    "other month": (_of_month(MARCH, 12), ("only 0 of its 12 trips", "2022-03-01", "rename it or get the right one")),
    "mostly other month": (_of_month(MARCH, 7, 5), ("only 5 of its 12 trips", "2022-03-01", "rename it")),
    "no pickup at all": (
        _without_pickups,
        ("the column lpep_pickup_datetime is missing in all 12 trips", "to be of 2022-02", _AGAIN),
    ),
    "zero character in a text": (
        _with_text(b"a\0"),
        ("store_and_fwd_flag holds values that are not valid (12 of 12)", "only text without zero characters", _AGAIN),
    ),
    "text not in UTF-8": (_with_text(b"\xff\xfe"), ("UTF8", *_DAMAGED)),
}
