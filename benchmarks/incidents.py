"""Incidents planted in real days: kinds, strengths and the column that ought to be named.

A day's rows go in, the same day with the incident comes out; the rows that are hit are drawn by a generator seeded
with kind, strength and day. Called by benchmarks.signal and benchmarks.signal_outcomes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.trip_days import Rows

Floats = npt.NDArray[np.float64]

KM_PER_MILE = 1.609344
TABLE = ""
MONDAY = 0


@dataclass(frozen=True)
class Before:
    """What is known when an incident begins.

    Attributes:
        fares, totals: every value of the days before, sorted.
        zones: pickup zones, the busiest first.
        weekend: the rows of the Saturday and Sunday before, by column.
    """

    fares: Floats
    totals: Floats
    zones: Floats
    weekend: dict[str, Floats]


Plant = Callable[[Rows, float, Before, np.random.Generator], Rows]


@dataclass(frozen=True)
class Kind:
    """A kind of incident.

    Attributes:
        name: as the table has it.
        strengths: shares, or ranks.
        unit: how a strength is written.
        columns: any of these is the right one to name; none: the rows change as a whole.
        plant: does it.
        days: how long it lasts.
        weekday: the only weekday it begins on.
    """

    name: str
    strengths: tuple[float, ...]
    unit: str
    columns: frozenset[str]
    plant: Plant
    days: int = 3
    weekday: int | None = None

    def text(self, strength: float) -> str:
        return self.unit.format(f"{abs(strength) * 100:g}" if "%" in self.unit else f"{strength:g}")


def plant(kind: Kind, strength: float, rows: Rows, before: Before) -> Rows:
    """The day with the incident; the same arguments give the same rows."""
    seed = [zlib.crc32(kind.name.encode()), round(abs(strength) * 10000), rows.date.toordinal()]
    return kind.plant(rows, strength, before, np.random.default_rng(seed))


def before_of(days: Sequence[Rows]) -> Before:
    """What the days before, oldest first, say."""
    pickup = np.concatenate([rows.columns["pickup_location_id"] for rows in days])
    zones, counts = np.unique(pickup, return_counts=True)
    weekend = [rows for rows in days[-7:] if rows.date.weekday() >= 5]
    return Before(
        np.unique(np.concatenate([rows.columns["fare_amount"] for rows in days])),
        np.unique(np.concatenate([rows.columns["total_amount"] for rows in days])),
        zones[np.argsort(-counts, kind="stable")],
        {name: np.concatenate([rows.columns[name] for rows in weekend]) for name in days[0].columns},
    )


def _hit(rows: Rows, share: float, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Exactly that share of the rows, at least one."""
    hit = np.zeros(rows.n, dtype=bool)
    hit[random.permutation(rows.n)[: max(round(share * rows.n), 1)]] = True
    return hit


def _missing(rows: Rows, share: float, _: Before, random: np.random.Generator) -> Rows:
    values = rows.columns["passenger_count"]
    return rows.with_columns(passenger_count=np.where(_hit(rows, share, random), np.nan, values))


def _constant(rows: Rows, _share: float, _before: Before, _random: np.random.Generator) -> Rows:
    values = rows.columns["passenger_count"]
    return rows.with_columns(passenger_count=np.where(np.isnan(values), values, 1.0))


def _kilometres(rows: Rows, share: float, _: Before, random: np.random.Generator) -> Rows:
    miles = rows.columns["trip_distance"]
    return rows.with_columns(trip_distance=np.where(_hit(rows, share, random), np.round(miles * KM_PER_MILE, 2), miles))


def _outliers(rows: Rows, share: float, _: Before, random: np.random.Generator) -> Rows:
    miles = rows.columns["trip_distance"]
    return rows.with_columns(trip_distance=np.where(_hit(rows, share, random), 10000.0, miles))


def _fare(rows: Rows, share: float, _: Before, _random: np.random.Generator) -> Rows:
    return rows.with_columns(fare_amount=np.round(rows.columns["fare_amount"] * (1 + share), 2))


def _fare_and_total(rows: Rows, share: float, _: Before, _random: np.random.Generator) -> Rows:
    fare = np.round(rows.columns["fare_amount"] * (1 + share), 2)
    total = np.round(rows.columns["total_amount"] + fare - rows.columns["fare_amount"], 2)
    return rows.with_columns(fare_amount=fare, total_amount=total)


def _known_fare_and_total(rows: Rows, share: float, before: Before, random: np.random.Generator) -> Rows:
    moved = _fare_and_total(rows, share, before, random).columns
    return rows.with_columns(
        fare_amount=_nearest(before.fares, moved["fare_amount"]),
        total_amount=_nearest(before.totals, moved["total_amount"]),
    )


def _nearest(known: Floats, values: Floats) -> Floats:
    above = np.clip(np.searchsorted(known, values), 1, len(known) - 1)
    nearest: Floats = np.where(values - known[above - 1] <= known[above] - values, known[above - 1], known[above])
    return nearest


def _zone_out(rows: Rows, rank: float, before: Before, _: np.random.Generator) -> Rows:
    return rows.taken(np.flatnonzero(rows.columns["pickup_location_id"] != before.zones[round(rank) - 1]))


def _to_one_zone(rows: Rows, share: float, before: Before, random: np.random.Generator) -> Rows:
    # One zone of the busiest twenty per week.
    zone = before.zones[(rows.date.toordinal() // 7) % 20]
    values = rows.columns["pickup_location_id"]
    return rows.with_columns(pickup_location_id=np.where(_hit(rows, share, random), zone, values))


def _duplicates(rows: Rows, share: float, _: Before, random: np.random.Generator) -> Rows:
    copied = np.flatnonzero(_hit(rows, share, random))
    return rows.taken(np.concatenate([np.arange(rows.n), copied]), rows.duplicates + len(copied))


def _volume(rows: Rows, share: float, _: Before, random: np.random.Generator) -> Rows:
    return rows.taken(np.flatnonzero(~_hit(rows, share, random)))


def _rounded(rows: Rows, share: float, _: Before, random: np.random.Generator) -> Rows:
    fare = rows.columns["fare_amount"]
    return rows.with_columns(fare_amount=np.where(_hit(rows, share, random), np.rint(fare), fare))


def _swapped(rows: Rows, share: float, _: Before, random: np.random.Generator) -> Rows:
    code = rows.columns["payment_type_id"]
    other = np.where(code == 1, 2.0, np.where(code == 2, 1.0, code))
    return rows.with_columns(payment_type_id=np.where(_hit(rows, share, random), other, code))


def _weekend(rows: Rows, share: float, before: Before, random: np.random.Generator) -> Rows:
    hit = np.flatnonzero(_hit(rows, share, random))
    drawn = random.integers(0, len(before.weekend["trip_distance"]), len(hit))
    columns = {name: values.copy() for name, values in rows.columns.items()}
    for name, values in columns.items():
        values[hit] = before.weekend[name][drawn]
    return rows.with_columns(**columns)


_FARES = frozenset({"fare_amount", "total_amount"})
KINDS = (
    Kind("passenger_count missing", (0.03, 0.05, 0.1, 0.2, 0.5), "+{} %", frozenset({"passenger_count"}), _missing),
    Kind("passenger_count constant", (1.0,), "{} %", frozenset({"passenger_count"}), _constant),
    Kind("km for miles", (0.1, 0.25, 0.5, 1.0), "{} %", frozenset({"trip_distance"}), _kilometres),
    Kind("10,000-mile trips", (0.001, 0.003, 0.01), "{} %", frozenset({"trip_distance"}), _outliers),
    Kind("fare only", (0.03, 0.05, 0.1, 0.2), "+{} %", frozenset({"fare_amount"}), _fare),
    Kind("fare and total, new values", (0.03, 0.05, 0.1, 0.2), "+{} %", _FARES, _fare_and_total),
    Kind("fare and total, known values", (0.03, 0.05, 0.1, 0.2), "+{} %", _FARES, _known_fare_and_total),
    Kind("fares rounded", (0.25, 0.5, 1.0), "{} %", frozenset({"fare_amount"}), _rounded),
    Kind("zone out, by rank", (20, 10, 5, 1), "{}", frozenset({"pickup_location_id"}), _zone_out),
    Kind("moved to one zone", (0.02, 0.05, 0.1, 0.2), "{} %", frozenset({"pickup_location_id"}), _to_one_zone),
    Kind("payment codes swapped", (0.05, 0.1, 0.3, 1.0), "{} %", frozenset({"payment_type_id"}), _swapped),
    Kind("duplicated rows", (0.02, 0.05, 0.1, 0.2), "{} %", frozenset({TABLE}), _duplicates),
    Kind("volume", (0.15, 0.3, 0.5), "-{} %", frozenset({TABLE}), _volume),
    Kind("weekend-like Monday", (0.25, 0.5, 1.0), "{} %", frozenset(), _weekend, days=1, weekday=MONDAY),
)


def drifting(rows: Rows, before: Before, share: float) -> Rows:
    """Fare and total raised by the share, moved to values that are known."""
    return _known_fare_and_total(rows, share, before, np.random.default_rng(0))
