"""The trips of one generated day.

Goes in: a stream of draws, the figures and the day's circumstances. Comes out: columns of float64 with TLC's
names (NaN is null; times are seconds since 1970, wall clock), plus `file_hour` and `file_place`, which
`ingest.tlc.sample.months` sorts the file by. Metered trips come from the cab's meter; dispatched ones lack
passenger_count and its five companions.
"""

from __future__ import annotations

import numpy as np

from ingest.tlc.sample.calibration import Array, Calibration, Rows
from ingest.tlc.sample.draws import Draws, Mask
from ingest.tlc.sample.incidents import Columns, take
from ingest.tlc.sample.parts import (  # fmt: skip
    ABORTED,
    AIRPORT,
    FLAT,
    NO_DISTANCE,
    ORDINARY,
    SURCHARGE,
    Day,
    driven_miles,
    dropoff_rows,
    extras,
    from_table,
    from_tables,
    passenger_counts,
    payment_codes,
    road_minutes,
    tolls,
)

FEE = 0.75  # dollars, congestion fee from 2025
JFK_FARE = 52.0  # dollars, rate code 2
AIRPORT_ZONES = (132, 1, 265)  # of rate codes 2, 3 and 4: JFK, Newark, outside the city
NULL_TOGETHER = (
    "passenger_count", "RatecodeID", "payment_type", "trip_type", "congestion_surcharge", "store_and_fwd_flag",
)  # fmt: skip
_SIGNED = (
    "fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge", "total_amount",
    "congestion_surcharge", "cbd_congestion_fee",
)  # fmt: skip
_METER_WAITS = 90.0  # minutes that reach the fare


def metered_trips(draws: Draws, figures: Calibration, day: Day, count: int | None = None) -> Columns:
    """The day's metered trips and the refunds of some, each refund right before its trip."""
    n = day.metered if count is None else count
    kind = draws.pick(n, figures.figures("kinds", "share"))
    vendor_share = figures.figures("kinds", "vendor_1")[kind]
    vendor_1 = draws.chance(n, np.where(vendor_share < 1, vendor_share + day.vendor_1, 1.0))
    second = _second_of_day(draws, figures, day.day_type, n)
    called = kind == NO_DISTANCE
    second[called] = _second_of_day(draws, figures, "no_distance", n)[called]
    hour = second // 3600

    spread = np.isin(kind, (NO_DISTANCE, FLAT))  # begin all over the city, as dispatched trips do
    weekly = figures.zones["weekend" if day.weekend else "weekday"]
    pickup = draws.pick(n, weekly * day.zones)
    pickup[spread] = draws.pick(n, figures.zones["dispatched"] * day.zones)[spread]
    dropoff = dropoff_rows(draws, figures, "metered", pickup, day.tilt)
    dropoff[spread] = dropoff_rows(draws, figures, "dispatched", pickup, day.tilt)[spread]
    at_once = (kind == FLAT) & draws.chance(n, figures.figure("shares", "flat_at_once"))
    stays = at_once | ((kind == ABORTED) & draws.chance(n, figures.figure("shares", "aborted_same_zone")))
    dropoff = np.where(stays, pickup, dropoff)
    rate = np.where(kind == FLAT, 5, 1)
    airport = kind == AIRPORT
    rate[airport] = 2 + draws.pick(n, figures.figures("codes", "rate"))[airport]
    for code, zone in enumerate(AIRPORT_ZONES, start=2):
        dropoff[rate == code] = np.searchsorted(figures.zones["zone"], zone)
    expected = figures.miles[pickup, dropoff]

    miles = driven_miles(draws, figures, "metered", expected)
    rank, other = draws.uniform(n), draws.uniform(n)
    minutes = road_minutes(figures, "metered", day, hour, miles, rank)
    base, per_mile, per_minute = figures.figures("fares", "meter")
    fare = base + per_mile * miles + per_minute * np.minimum(minutes, _METER_WAITS)
    fare = np.maximum(np.round(2 * (fare + from_table(figures, "fare_left", other))) / 2, 2.5)
    for chosen, new_miles, new_minutes, new_fare in (
        (kind == ABORTED, *_aborted(figures, rank)),
        (called, np.zeros(n), *_no_distance(figures, rank, other)),
        (kind == FLAT, *_flat(figures, miles, minutes, rank, other, at_once)),
        (airport, *_airport(figures, rate, rank)),
    ):
        miles, minutes = np.where(chosen, new_miles, miles), np.where(chosen, new_minutes, minutes)
        fare = np.where(chosen, new_fare, fare)
    day_long = draws.chance(n, figures.figure("shares", "day_long"))
    minutes = np.where(day_long, from_table(figures, "day_long_minutes", other), minutes)
    astray = draws.chance(n, figures.figure("shares", "absurd_miles"))
    payment = payment_codes(draws, figures, day, kind, vendor_1, miles)
    miles = np.where(astray, from_table(figures, "absurd_miles", rank), miles)

    surcharged = draws.chance(n, figures.zones["surcharge"][dropoff] / 100) & ~called
    extra = np.where(kind <= ABORTED, extras(draws, figures, day, hour, vendor_1, surcharged), 0.0)
    toll = np.where((kind == ORDINARY) | called, tolls(draws, figures, "metered", expected), 0.0)
    never = np.array([0.0, 1.0, 1.0, 1.0, 0.0])
    never[[ABORTED, FLAT]] -= [figures.figure("shares", f"tip_{name}") for name in ("aborted", "flat")]
    columns = {
        "VendorID": np.where(vendor_1, 1.0, 2.0),
        "store_and_fwd_flag": 1.0 * (vendor_1 & draws.chance(n, figures.figure("shares", "stored_vendor_1"))),
        "RatecodeID": rate.astype(np.float64),
        "passenger_count": passenger_counts(draws, figures, day, vendor_1),
        "trip_distance": np.where(vendor_1, np.round(miles, 1), np.round(miles, 2)),
        "fare_amount": np.round(fare, 2),
        "extra": extra,
        "mta_tax": np.where(kind == FLAT, 0.0, 0.5),
        "tolls_amount": toll,
        "payment_type": payment,
        "trip_type": np.where(
            (kind == FLAT) & ~draws.chance(n, figures.figure("shares", "flat_street_hail")), 2.0, 1.0
        ),
        "congestion_surcharge": np.where(surcharged, SURCHARGE, 0.0),
    }
    in_total = np.where(vendor_1 & (kind <= ABORTED), 0.0, columns["congestion_surcharge"])
    may_tip = (payment == 1) & ~draws.chance(n, never[kind])
    columns |= _times(day, second, minutes) | _zones(draws, figures, pickup, dropoff)
    _settle(draws, figures, day, columns, "metered", may_tip, in_total)
    late = draws.chance(n, 0.03)  # a few come with the next hour's trips
    columns |= {"file_hour": columns["lpep_pickup_datetime"] // 3600 + late, "file_place": draws.uniform(n)}
    return _with_refunds(draws, figures, columns, kind, ~vendor_1)


def dispatched_trips(draws: Draws, figures: Calibration, day: Day) -> Columns:
    """The day's dispatched trips."""
    n = day.dispatched
    vendor_1 = draws.chance(n, figures.figure("shares", "vendor_1_dispatched"))
    hours = "dispatched_weekend" if day.weekend else "dispatched_weekday"
    second = _second_of_day(draws, figures, hours, n)
    second = np.where(vendor_1, second, second // 60 * 60)
    hour = second // 3600
    pickup = draws.pick(n, figures.zones["dispatched"] * day.zones)
    dropoff = dropoff_rows(draws, figures, "dispatched", pickup, day.tilt)
    expected = figures.miles[pickup, dropoff]
    miles = driven_miles(draws, figures, "dispatched", expected)
    rank, other = draws.uniform(n), draws.uniform(n)
    minutes = road_minutes(figures, "dispatched", day, hour, miles, rank)
    band = np.digitize(miles, figures.figures("gravity", "dispatched_bands")[1:-1])
    fare_rank = np.where(draws.chance(n, 0.35), rank, other)  # fares follow the time on the road loosely
    fare = from_tables(figures, [f"dispatched_fare_{number}" for number in range(8)], band, fare_rank)
    refunded = draws.chance(n, figures.figure("shares", "refund_dispatched"))
    day_long = draws.chance(n, figures.figure("shares", "day_long_dispatched"))
    minutes = np.where(day_long, from_table(figures, "day_long_minutes", other), minutes)
    unknown = draws.chance(n, figures.figure("shares", "no_miles_dispatched"))
    astray = draws.chance(n, figures.figure("shares", "absurd_miles_dispatched"))
    miles = np.where(unknown, 0.0, np.where(astray, from_table(figures, "absurd_miles", rank), miles))
    surcharged = draws.chance(n, figures.zones["surcharge"][dropoff] / 100)
    extra = extras(draws, figures, day, hour, vendor_1, np.zeros(n, dtype=np.bool_))
    columns = {name: np.full(n, np.nan) for name in NULL_TOGETHER}
    columns |= {
        "VendorID": np.where(vendor_1, 1.0, 2.0),
        "trip_distance": np.where(vendor_1, np.round(miles, 1), np.round(miles, 2)),
        "fare_amount": np.round(np.where(refunded, -fare, fare), 2),
        "extra": np.where(vendor_1, extra, 0.0),
        "mta_tax": np.where(vendor_1, 0.5, 0.0),
        "tolls_amount": tolls(draws, figures, "dispatched", expected),
    }
    minutes = np.where(vendor_1, minutes, np.round(minutes))
    columns |= _times(day, second, minutes) | _zones(draws, figures, pickup, dropoff)
    _settle(
        draws, figures, day, columns, "dispatched", np.ones(n, dtype=np.bool_), np.where(surcharged, SURCHARGE, 0.0)
    )
    return columns | {"file_hour": columns["lpep_pickup_datetime"] // 3600, "file_place": draws.uniform(n)}


def _second_of_day(draws: Draws, figures: Calibration, hours: str, count: int) -> Rows:
    hour = draws.pick(count, figures.figures("hours", hours))
    return hour * 3600 + (draws.uniform(count) * 3600).astype(np.int64)


def _aborted(figures: Calibration, rank: Array) -> tuple[Array, Array, Array]:
    """Miles, minutes, dollars: either no distance or no time."""
    fare = np.round(2 * from_table(figures, "aborted_fare", rank)) / 2
    return from_table(figures, "aborted_miles", 1 - rank), from_table(figures, "aborted_minutes", rank), fare


def _no_distance(figures: Calibration, rank: Array, other: Array) -> tuple[Array, Array]:
    """Minutes, dollars (always ending in 20 cents)."""
    minutes = from_table(figures, "no_distance_minutes", rank)
    base, per_minute = figures.figures("fares", "no_distance")
    fare = base + per_minute * np.minimum(minutes, _METER_WAITS) + from_table(figures, "no_distance_left", other)
    return minutes, np.asarray(np.maximum(np.floor(fare), 12.0) + 0.2)


def _flat(
    figures: Calibration, miles: Array, minutes: Array, rank: Array, other: Array, at_once: Mask
) -> tuple[Array, Array, Array]:
    """Miles, minutes, dollars: a fare agreed on, some entered at once and driven off the meter."""
    level, exponent = figures.figures("fares", "flat")
    fare = np.exp(level + exponent * np.log1p(miles) + from_table(figures, "flat_left", other))
    fare = np.where(at_once, from_table(figures, "flat_at_once_fare", other), fare)
    minutes = np.where(at_once, from_table(figures, "flat_at_once_minutes", rank), minutes)
    return np.where(at_once, 0.0, miles), minutes, np.asarray(np.round(fare), dtype=np.float64)


def _airport(figures: Calibration, rate: Rows, rank: Array) -> tuple[Array, Array, Array]:
    """Miles, minutes, dollars."""
    fare = np.where(rate == 2, JFK_FARE, np.round(2 * from_table(figures, "airport_fare", rank)) / 2)
    return from_table(figures, "airport_miles", rank), from_table(figures, "airport_minutes", rank), fare


def _times(day: Day, second: Rows, minutes: Array) -> Columns:
    pickup = np.asarray(day.midnight + second, dtype=np.float64)
    return {"lpep_pickup_datetime": pickup, "lpep_dropoff_datetime": pickup + np.round(60 * minutes)}


def _zones(draws: Draws, figures: Calibration, pickup: Rows, dropoff: Rows) -> Columns:
    zone = figures.zones["zone"]
    fee = np.where(draws.chance(len(dropoff), figures.zones["fee"][dropoff] / 100), FEE, 0.0)
    return {"PULocationID": zone[pickup], "DOLocationID": zone[dropoff], "cbd_congestion_fee": fee}


def _settle(
    draws: Draws, figures: Calibration, day: Day, columns: Columns, block: str, may_tip: Mask, surcharge: Array
) -> None:
    """Adds improvement_surcharge, tip_amount and total_amount, which is the sum of all amounts."""
    n = len(may_tip)
    if not day.with_fee:
        columns["cbd_congestion_fee"] = np.zeros(n)
    columns["improvement_surcharge"] = np.full(n, 0.3)
    parts = ("fare_amount", "extra", "mta_tax", "tolls_amount", "improvement_surcharge", "cbd_congestion_fee")
    due = surcharge + sum(columns[name] for name in parts)
    band = np.digitize(due, figures.figures("fares", "tip_edges")[1:-1])
    ratio = from_tables(figures, [f"tip_{block}_{number}" for number in range(5)], band, draws.uniform(n))
    tipped = may_tip & draws.chance(n, figures.figures("fares", f"tip_{block}")[band])
    columns["tip_amount"] = np.where(tipped, np.round(np.abs(ratio * due), 2), 0.0)
    columns["total_amount"] = np.round(due + columns["tip_amount"], 2)


def _with_refunds(draws: Draws, figures: Calibration, columns: Columns, kind: Rows, vendor_2: Mask) -> Columns:
    """Vendor 2 books a refund as a twin with negative amounts, and the trip itself as paid in cash."""
    shares = figures.sections["shares"]
    share = np.zeros(5)
    share[[ORDINARY, ABORTED, FLAT]] = [shares[f"refund_{name}"][0] for name in ("ordinary", "aborted", "flat")]
    cash = vendor_2 & (columns["payment_type"] == 2) & (columns["fare_amount"] > 0)
    cash &= columns["trip_distance"] < 1  # refunds follow trips that hardly began
    by_kind = np.bincount(kind, minlength=5) / np.maximum(np.bincount(kind, cash, minlength=5), 1)
    refunded = cash & draws.chance(len(kind), (share * by_kind)[kind])
    twins = take(columns, refunded)
    twins |= {name: -twins[name] for name in _SIGNED if name != "congestion_surcharge"}
    disputed = draws.chance(len(twins["extra"]), figures.figure("shares", "refund_dispute"))
    twins["payment_type"] = np.where(disputed, 4.0, 3.0)
    return {name: np.concatenate([twins[name], columns[name]]) for name in columns}
