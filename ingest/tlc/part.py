"""Write the part of a month's file that had come until the end of a day, as a delivery of the month so far.

In: a month's file, as `ingest.tlc.read` has inspected it, and a day. Out: a file with the columns that are loaded, in
their order, and its metadata, which says itself until when it covers. Called by the replay; memory does not grow with
the file.
"""

from __future__ import annotations

import os
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.errors import SourceUnavailableError
from core.files.table_files import damaged
from core.files.unfinished import unfinished
from ingest.tlc.read import BATCH_ROWS, Inspection
from ingest.tlc.schema import COVERS_UNTIL_KEY, PICKUP_COLUMN


def write_part(whole: Inspection, until: date, target: Path) -> None:
    """Write to `target` the trips picked up until the end of that day, and those of no day of the month.

    The file appears complete or not at all.

    Raises:
        BadFileError: the month's file cannot be read to its end.
        SourceUnavailableError: the target cannot be written.
    """
    try:
        with unfinished(target) as part, pq.ParquetFile(whole.path) as file:
            # Nobody loads the others, and how large they become is not known.
            columns = list(whole.schema.delivered.values())
            schema = pa.schema(
                [field for field in file.schema_arrow if field.name in columns], file.schema_arrow.metadata
            )
            metadata = {**(schema.metadata or {}), COVERS_UNTIL_KEY: until.isoformat().encode()}
            schema = schema.with_metadata(metadata)
            with pq.ParquetWriter(part, schema) as writer:
                for batch in file.iter_batches(BATCH_ROWS, columns=columns):
                    kept = batch.filter(_has_come(_pickups(whole, batch), until, whole))
                    writer.write_batch(kept.replace_schema_metadata(metadata))
    except (pa.ArrowException, OSError, ValueError) as error:
        # What the system refuses has a number; damage in the file has none.
        if isinstance(error, OSError) and error.errno:
            raise SourceUnavailableError(
                f"{target} cannot be written ({os.strerror(error.errno)}): a writable folder with free space is "
                "needed; check the folder and the disk"
            ) from error
        raise damaged(whole.path, error) from error


def _pickups(whole: Inspection, batch: pa.RecordBatch) -> pa.Array:
    pickups = batch.column(whole.schema.delivered[PICKUP_COLUMN])
    return pickups.cast(pa.timestamp("us")) if pa.types.is_null(pickups.type) else pickups


def _has_come(pickups: pa.Array, until: date, whole: Inspection) -> pa.Array:
    """For each pickup, whether it lies before the end of the day, outside the month, or nowhere in time."""
    before_end = pc.less(pickups, _midnight(until + timedelta(days=1), pickups.type))
    after_month = pc.greater_equal(pickups, _midnight(whole.month.next.first_day, pickups.type))
    return pc.fill_null(pc.or_(before_end, after_month), True)


def _midnight(day: date, kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(datetime.combine(day, time()), type=kind)
