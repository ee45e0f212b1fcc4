"""The sample source: generated months of NYC green-taxi trips, for a warehouse without network.

Goes in: a month. Comes out: a parquet file with the columns, types and compression that TLC issues for that
month, the same bytes for the same month, seed and vintage. The figures behind the trips are measured from real months
(`calibration.yml`); `incidents.yml` names the days on which something is wrong, all others are
ordinary. `ingest.tlc.sources` calls it; the loader knows a generated file by its metadata.
"""

from __future__ import annotations

import enum
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from config.months import Month
from core.failpoints import failpoint
from core.files.unfinished import unfinished
from ingest.tlc.sample.calibration import Calibration, load_calibration
from ingest.tlc.sample.draws import Draws
from ingest.tlc.sample.incidents import Columns, incident_on, strike, take
from ingest.tlc.sample.parts import Day
from ingest.tlc.sample.trips import dispatched_trips, metered_trips

DEFAULT_SEED = 7  # its 2022-01 has an absurd distance early on, as the real month: a model trained on it bears others
GENERATOR_VERSION = 1
ORIGIN_METADATA_KEY = b"origin"
ORIGIN = b"sample"
_CLOCK_RESET = (date(2008, 12, 31), date(2009, 1, 1))  # days that a meter's clock falls back to
_WHOLE_DAY, _TRIPS, _STRUCK, _STRAYS = 0, (1, 2), (3, 4), 5  # streams of draws of a day; pairs are the two blocks


class Vintage(enum.Enum):
    """The three shapes in which TLC has issued green-taxi months."""

    UP_TO_2023_01 = "up to 2023-01"
    FROM_2023_02 = "2023-02..2024-12"
    FROM_2025_01 = "from 2025-01"

    @classmethod
    def of(cls, month: Month) -> Vintage:
        """The shape TLC used, or uses, for a month."""
        if month < Month(2023, 2):
            return cls.UP_TO_2023_01
        return cls.FROM_2023_02 if month < Month(2025, 1) else cls.FROM_2025_01


def sample_schema(vintage: Vintage) -> pa.Schema:
    """Names, order and types of the vintage's columns, without metadata."""
    early = vintage is Vintage.UP_TO_2023_01
    number, code = (pa.int64(), pa.float64()) if early else (pa.int32(), pa.int64())
    amount, moment = pa.float64(), pa.timestamp("us")
    fields = [
        ("VendorID", number),
        ("lpep_pickup_datetime", moment),
        ("lpep_dropoff_datetime", moment),
        ("store_and_fwd_flag", pa.string() if early else pa.large_string()),
        ("RatecodeID", code),
        ("PULocationID", number),
        ("DOLocationID", number),
        ("passenger_count", code),
        ("trip_distance", amount),
        ("fare_amount", amount),
        ("extra", amount),
        ("mta_tax", amount),
        ("tip_amount", amount),
        ("tolls_amount", amount),
        ("ehail_fee", pa.null() if early else amount),
        ("improvement_surcharge", amount),
        ("total_amount", amount),
        ("payment_type", code),
        ("trip_type", code),
        ("congestion_surcharge", amount),
    ]
    if vintage is Vintage.FROM_2025_01:
        fields.append(("cbd_congestion_fee", amount))
    return pa.schema(fields)


def write_sample(
    month: Month,
    target: Path,
    *,
    vintage: Vintage | None = None,
    seed: int = DEFAULT_SEED,
    incidents: bool = True,
) -> None:
    """Write a generated month to `target`, whole or not at all; missing folders are made.

    `vintage` defaults to the month's own; `seed` is any whole number from 0; without `incidents` the planted ones are
    left out and every other day stays as it is.
    """
    vintage = vintage or Vintage.of(month)
    columns = _month_of_trips(month, seed, incidents=incidents, with_fee=vintage is Vintage.FROM_2025_01)
    metadata = {
        ORIGIN_METADATA_KEY: ORIGIN,
        b"generator_version": str(GENERATOR_VERSION).encode(),
        b"seed": str(seed).encode(),
    }
    schema = sample_schema(vintage).with_metadata(metadata)
    table = pa.table([_to_arrow(columns, field) for field in schema], schema=schema)
    early = vintage is Vintage.UP_TO_2023_01
    with unfinished(target) as part:
        pq.write_table(
            table,
            part,
            compression="gzip" if early else "zstd",
            compression_level=6 if early else 3,
            version="2.6" if vintage is Vintage.FROM_2025_01 else "1.0",
        )
        failpoint("sample.file_unfinished")


def _month_of_trips(month: Month, seed: int, *, incidents: bool, with_fee: bool) -> Columns:
    """All trips of the file in file order: metered ones roughly by time, then the dispatched ones."""
    figures = load_calibration()
    blocks: tuple[list[Columns], list[Columns]] = ([], [])
    day = month.first_day
    while day < month.next.first_day:
        incident = incident_on(day) if incidents else None
        template = incident.template(day) if incident else day.weekday()
        today = Day.draw(_draws(seed, day, _WHOLE_DAY), figures, day, template, with_fee=with_fee)
        for number in range(2):
            draws = _draws(seed, day, _TRIPS[number])
            trips = (metered_trips if number == 0 else dispatched_trips)(draws, figures, today)
            if incident:
                trips = strike(incident, trips, _draws(seed, day, _STRUCK[number]))
            blocks[number].append(trips)
        day += timedelta(days=1)
    blocks[0].extend(_strays(figures, month, seed, with_fee=with_fee))
    return _join([_sorted(_join(block)) for block in blocks])


def _strays(figures: Calibration, month: Month, seed: int, *, with_fee: bool) -> list[Columns]:
    """3 to 20 metered trips dated outside the month: the days next to it, and a clock that was reset."""
    draws = _draws(seed, month.first_day, _STRAYS)
    size, share, clock = draws.uniform(3)
    neighbours = 2 + int(18 * size)
    before = round(neighbours * (0.5 + 0.4 * share))
    counts = {
        month.first_day - timedelta(days=1): before,
        month.next.first_day: neighbours - before,
        _CLOCK_RESET[int(2 * clock)]: 1,
    }
    hours = (month.next.first_day - month.first_day).days * 24
    first_hour = (month.first_day - date(1970, 1, 1)).days * 24
    strays = []
    for day, count in counts.items():
        whole_day = Day.draw(draws, figures, day, day.weekday(), with_fee=with_fee)
        trips = metered_trips(draws, figures, whole_day, count)
        trips["file_hour"] = np.floor(first_hour + hours * draws.uniform(len(trips["file_hour"])))
        strays.append(trips)
    return strays


def _draws(seed: int, day: date, stream: int) -> Draws:
    return Draws(seed, day.toordinal(), stream)


def _join(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _sorted(columns: Columns) -> Columns:
    """By hour, in no order within it; a refund and its trip, or a row and its copy, stay together."""
    return take(columns, np.lexsort((columns["file_place"], columns["file_hour"])))


def _to_arrow(columns: Columns, field: pa.Field) -> pa.Array:
    """A column in the field's type; NaN becomes null."""
    count = len(columns["PULocationID"])
    if field.name not in columns:
        return pa.nulls(count, field.type)
    values = columns[field.name]
    missing = np.isnan(values)
    if field.name == "store_and_fwd_flag":
        flags = np.where(values == 1.0, "Y", "N")
        return pa.array(flags, type=pa.string(), mask=missing).cast(field.type)
    if pa.types.is_floating(field.type):
        return pa.array(values, mask=missing)
    whole = np.where(missing, 0.0, values)
    if pa.types.is_timestamp(field.type):
        return pa.array(whole.astype(np.int64) * 1_000_000).cast(field.type)
    return pa.array(whole.astype(np.int64), mask=missing).cast(field.type)
