"""Parts of generated months, for tests that need a month and not all of its trips: a run of one is seconds shorter."""

from __future__ import annotations

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc


def thinned(table: pa.Table, first: date, last: date, nth: int) -> pa.Table:
    """Every nth trip that began on these days; the table says that it covers them."""
    pickups = table["lpep_pickup_datetime"]
    inside = pc.and_(
        pc.greater_equal(pickups, pa.scalar(first).cast(pickups.type)),
        pc.less(pickups, pa.scalar(last + timedelta(days=1)).cast(pickups.type)),
    )
    part = table.filter(inside)
    part = part.take(list(range(0, len(part), nth)))
    return covering(part, last)


def covering(table: pa.Table, last: date) -> pa.Table:
    metadata = {**(table.schema.metadata or {}), b"covers_until": last.isoformat().encode()}
    return table.replace_schema_metadata(metadata)


def without_trips(table: pa.Table, day: date, keep: int) -> pa.Table:
    """The table with only the first trips of that day."""
    days = pc.strftime(table["lpep_pickup_datetime"], format="%Y-%m-%d").to_pylist()
    seen, rows = 0, []
    for number, text in enumerate(days):
        seen += text == day.isoformat()
        if text != day.isoformat() or seen <= keep:
            rows.append(number)
    return table.take(rows)
