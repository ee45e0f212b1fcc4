"""A generated day's circumstances, and the parts its trips are put together from.

Goes in: a stream of draws, the figures, and arrays with one entry a trip. Comes out: arrays of the same length:
zones, miles, minutes, dollars, codes. Its caller is `ingest.tlc.sample.trips`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from ingest.tlc.sample.calibration import Array, Calibration, Rows
from ingest.tlc.sample.draws import Draws, Mask

SURCHARGE = 2.75  # dollars, for trips to Manhattan south of 96th Street
ORDINARY, ABORTED, NO_DISTANCE, FLAT, AIRPORT = range(5)
_LONGEST = 240.0  # minutes; beyond, a trip is one of the day-long ones


@dataclass(frozen=True)
class Day:
    """A day's circumstances, shared by all its trips."""

    midnight: float  # seconds since 1970
    workday: bool  # by the calendar: the rush-hour extra is charged
    template: int  # weekday (Monday 0) whose traffic the day follows
    metered: int  # trips
    dispatched: int  # trips
    pace: float  # added to the logarithm of minutes per mile
    tilt: float  # above 1: nearer dropoffs
    zones: Array  # factor of each zone's pickups
    card: float  # added to the share of card payments
    vendor_1: float  # added to the share of vendor 1
    large_party: float  # factor of parties of five and more
    with_fee: bool  # the congestion fee of 2025 is in force

    @classmethod
    def draw(cls, draws: Draws, figures: Calibration, day: date, template: int, *, with_fee: bool) -> Day:
        """A day's level from its season and weekday, and its noise."""
        season = day.month - 1 + (day.day - 0.5) / 30.5
        middles = np.arange(12) + 0.5
        level = np.interp(season, middles, figures.figures("volume", "trips_per_day"), period=12)
        dispatched = np.interp(season, middles, figures.figures("volume", "dispatched_share"), period=12)
        z = draws.normal(8)
        noise = {name: figures.figure("noise", name) for name in figures.sections["noise"]}
        metered_level = level * (1 - dispatched) * figures.figures("volume", "metered_weekday")[template]
        dispatched_level = level * dispatched * figures.figures("volume", "dispatched_weekday")[template]
        return cls(
            midnight=(day.toordinal() - date(1970, 1, 1).toordinal()) * 86400.0,
            workday=day.weekday() < 5,
            template=template,
            metered=round(metered_level * np.exp(noise["metered"] * z[0])),
            dispatched=round(dispatched_level * np.exp(noise["dispatched"] * z[1])),
            pace=float(noise["pace"] * z[2]),
            tilt=float(np.exp(noise["distance"] * z[3])),
            zones=np.exp(noise["zone"] * draws.normal(len(figures.zones["zone"]))),
            card=float(noise["card"] * z[4]),
            vendor_1=float(noise["vendor_1"] * z[5]),
            large_party=float(np.exp(noise["large_party"] * z[6])),
            with_fee=with_fee,
        )

    @property
    def weekend(self) -> bool:
        return self.template >= 5

    @property
    def day_type(self) -> str:
        return {5: "saturday", 6: "sunday"}.get(self.template, "weekday")


def from_table(figures: Calibration, name: str, ranks: Array) -> Array:
    """Values of a quantile table at ranks in [0, 1)."""
    return np.interp(ranks, figures.levels, figures.figures("tables", name))


def from_tables(figures: Calibration, names: list[str], band: Rows, ranks: Array) -> Array:
    """Values of one quantile table a row, chosen by `band`."""
    values = np.empty(len(ranks))
    for number, name in enumerate(names):
        inside = band == number
        values[inside] = from_table(figures, name, ranks[inside])
    return values


def dropoff_rows(draws: Draws, figures: Calibration, block: str, pickup: Rows, tilt: float) -> Rows:
    """Rows of the dropoff zones for rows of pickup zones."""
    table = figures.dropoffs[block]
    rank = draws.uniform(len(pickup)) ** tilt
    place = np.searchsorted(table.reached.ravel(), pickup + rank, side="right")
    width = len(table.order)
    nearest = np.clip(place - pickup * width, 0, width - 1)
    return np.asarray(table.order[pickup, nearest], dtype=np.int64)


def driven_miles(draws: Draws, figures: Calibration, block: str, expected: Array) -> Array:
    """Driven miles for the pairs' expected ones."""
    band = np.digitize(expected, figures.figures("gravity", "nearness")[1:-1])
    names = [f"ratio_{block}_{number}" for number in range(4)]
    return expected * np.exp(from_tables(figures, names, band, draws.uniform(len(expected))))


def road_minutes(figures: Calibration, block: str, day: Day, hour: Rows, miles: Array, ranks: Array) -> Array:
    """Minutes on the road for miles driven, from the pace by distance, hour, day and rank."""
    miles = np.maximum(miles, 0.1)
    pace = np.interp(np.log(miles), np.log(figures.figures("pace", "knots")), figures.figures("pace", block))
    pace += figures.figures("pace", f"hours_{day.day_type}")[hour] + day.pace
    if block == "metered":
        names = ["pace_short", "pace_middle", "pace_long", "pace_far"]
        pace += from_tables(figures, names, np.digitize(miles, [1.0, 3.0, 6.0]), ranks)
    else:
        pace += from_table(figures, "pace_dispatched", ranks)
    return np.minimum(miles * np.exp(pace), _LONGEST)


def extras(draws: Draws, figures: Calibration, day: Day, hour: Rows, vendor_1: Mask, surcharged: Mask) -> Array:
    """Night and rush-hour extras; vendor 1 forgets some and books the congestion surcharge here as well."""
    extra = np.where((hour >= 20) | (hour < 6), 0.5, 0.0)
    if day.workday:
        extra[(hour >= 16) & (hour < 20)] = 1.0
    forgotten = draws.chance(len(hour), figures.figure("shares", "no_extra_vendor_1"))
    return np.where(vendor_1, np.where(forgotten, 0.0, extra) + SURCHARGE * surcharged, extra)


def tolls(draws: Draws, figures: Calibration, block: str, expected: Array) -> Array:
    share = np.interp(expected, figures.figures("fares", "toll_miles"), figures.figures("fares", f"toll_{block}"))
    amount = figures.figures("fares", "toll_amount")
    paid = amount[draws.pick(len(expected), figures.figures("fares", "toll_weight"))]
    return np.where(draws.chance(len(expected), share), paid, 0.0)


def passenger_counts(draws: Draws, figures: Calibration, day: Day, vendor_1: Mask) -> Array:
    count = len(vendor_1)
    party = np.where(np.arange(10) >= 5, day.large_party, 1.0)
    first = draws.pick(count, figures.figures("codes", "passengers_1") * party)
    second = draws.pick(count, figures.figures("codes", "passengers_2") * party)
    return np.where(vendor_1, first, second).astype(np.float64)


def payment_codes(draws: Draws, figures: Calibration, day: Day, kind: Rows, vendor_1: Mask, miles: Array) -> Array:
    """Payment codes 1 to 4 (card, cash, no charge, dispute)."""
    payment = np.ones(len(kind), dtype=np.int64)
    inside = {"flat": kind == FLAT, "airport": kind == AIRPORT}
    for name, number in (("ordinary", ORDINARY), ("aborted", ABORTED)):
        inside[f"{name}_1"] = (kind == number) & vendor_1
        inside[f"{name}_2"] = (kind == number) & ~vendor_1
    for name, rows in inside.items():
        payment[rows] = 1 + draws.pick(int(rows.sum()), figures.figures("codes", f"payment_{name}"))
    knots = np.log(figures.figures("pace", "knots"))
    share = np.interp(np.log(np.maximum(miles, 0.1)), knots, figures.figures("codes", "card")) + day.card
    by_miles = np.where(draws.chance(len(kind), share), 1, 2)
    return np.where((kind == ORDINARY) & (payment <= 2), by_miles, payment).astype(np.float64)
