"""How the calibration measures times, amounts and places, and how it writes figures down."""

from __future__ import annotations

from dataclasses import dataclass, field
from textwrap import wrap

import numpy as np
import numpy.typing as npt
import pandas as pd

from ingest.tlc.sample.calibrate.geometry import GAP_FLOOR, REACH, expected_miles, gravity

LEVELS = (0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 1)
NEARNESS = (0, 0.9, 2, 5, 99)
PACE_KNOTS = (0.1, 0.3, 0.5, 0.8, 1.2, 1.7, 2.5, 4, 6.5, 10, 16, 30)
TIP_EDGES = (0, 10, 15, 25, 40, 9999)
DISPATCHED_BANDS = (0, 1, 2, 3, 4, 6, 9, 15, 99)
DAY_TYPES = ("weekday", "saturday", "sunday")
PAIRS_KEPT = {"metered": 250, "dispatched": 60}

Array = npt.NDArray[np.float64]


@dataclass
class Report:
    """The lines of the yml, section by section; numbers are rounded on the way in."""

    lines: list[str] = field(default_factory=list)

    def comment(self, text: str) -> None:
        self.lines += ["", *wrap(text, 108, initial_indent="# ", subsequent_indent="# ")]

    def section(self, name: str) -> None:
        self.lines.append(f"{name}:")

    def numbers(self, name: str, values: object, digits: int = 4) -> None:
        written = ", ".join(f"{float(value):.{digits}g}" for value in np.atleast_1d(np.asarray(values)))
        self.lines.append(f"  {name}: [{written}]")

    def number(self, name: str, value: float, digits: int = 4) -> None:
        self.lines.append(f"  {name}: {float(value):.{digits}g}")

    def table(self, name: str, header: str, rows: list[str]) -> None:
        self.lines += [f"{name}: |", f"  {header}", *(f"  {row}" for row in rows)]


def quantiles(values: pd.Series) -> Array:
    return np.asarray(np.quantile(values.to_numpy(dtype=float), LEVELS))


def at_once(flat: pd.DataFrame) -> pd.Series:
    """Whether a flat fare was entered without a ride on the meter."""
    return (flat["trip_distance"] < 0.1) | (flat["minutes"] < 1.5)


def write_times(report: Report, metered: pd.DataFrame, dispatched: pd.DataFrame) -> None:
    """Pace (minutes per mile) by distance and hour, and what is left of it."""
    knots = np.sqrt(np.multiply(PACE_KNOTS[1:], PACE_KNOTS[:-1]))
    report.comment(
        "Natural logarithm of minutes per mile: by miles (linear in the logarithm between the knots), "
        "plus the hour's part, plus a residual (tables)."
    )
    report.section("pace")
    report.numbers("knots", PACE_KNOTS)
    ordinary = metered[(metered["kind"] == "ordinary") & (metered["minutes"] < 240)].copy()
    normal = dispatched[dispatched["trip_distance"].between(0.1, 60) & dispatched["minutes"].between(1.5, 240)].copy()
    hourly: dict[str, pd.Series] = {}
    for name, block in (("metered", ordinary), ("dispatched", normal)):
        pace = pd.Series(np.log(block["minutes"] / block["trip_distance"]))
        near = np.digitize(block["trip_distance"], knots)
        values = pace.groupby(near).median().to_numpy()
        if not hourly:
            left = pace - values[near]
            for day_type in DAY_TYPES:
                inside = block["day_type"] == day_type
                hourly[day_type] = left[inside].groupby(block["hour"]).mean() - left.mean()
        part = np.zeros(len(block))
        for day_type in DAY_TYPES:
            rows = (block["day_type"] == day_type).to_numpy()
            part[rows] = hourly[day_type][block["hour"][rows]]
        logarithm = np.log(block["trip_distance"])
        for _ in range(8):  # medians at the knots, seen through the linear interpolation
            left = pace - part - np.interp(logarithm, np.log(PACE_KNOTS), values)
            values = values + left.groupby(near).median().to_numpy()
        block["left"] = pace - part - np.interp(logarithm, np.log(PACE_KNOTS), values)
        report.numbers(name, values)
    for day_type in DAY_TYPES:
        report.numbers(f"hours_{day_type}", hourly[day_type], 3)
    report.comment("Quantile tables; these are their levels.")
    report.lines.append(f"levels: [{', '.join(str(level) for level in LEVELS)}]")
    report.section("tables")
    for name, low, high in (("short", 0, 1), ("middle", 1, 3), ("long", 3, 6), ("far", 6, 99)):
        report.numbers(f"pace_{name}", quantiles(ordinary.loc[ordinary["trip_distance"].between(low, high), "left"]))
    report.numbers("pace_dispatched", quantiles(normal["left"]))
    day_long = metered.loc[(metered["kind"] != "refund") & (metered["minutes"] > 240), "minutes"]
    report.numbers("day_long_minutes", quantiles(day_long))


def write_amounts(report: Report, metered: pd.DataFrame, dispatched: pd.DataFrame, zones: Array, miles: Array) -> None:
    """Distances against the pair's expected ones, fares, tips and tolls; continues the section `tables`."""

    def expected(block: pd.DataFrame) -> Array:
        rows = np.searchsorted(zones, block["PULocationID"]), np.searchsorted(zones, block["DOLocationID"])
        return np.asarray(miles[rows])

    ordinary = metered[metered["kind"] == "ordinary"]
    normal = dispatched[dispatched["trip_distance"].between(0.05, 60)]
    for name, block in (("metered", ordinary), ("dispatched", normal)):
        ratio = np.log(block["trip_distance"].clip(0.1, 60) / expected(block))
        band = np.digitize(expected(block), NEARNESS[1:-1])
        for number in range(len(NEARNESS) - 1):
            report.numbers(f"ratio_{name}_{number}", quantiles(ratio[band == number]))
    report.numbers("absurd_miles", quantiles(dispatched.loc[dispatched["trip_distance"] > 1000, "trip_distance"]), 6)
    fares = ordinary[ordinary["minutes"].between(1.5, 60) & (ordinary["fare_amount"] > 0)]
    design = np.column_stack([np.ones(len(fares)), fares["trip_distance"], fares["minutes"]])
    meter, *_ = np.linalg.lstsq(design, fares["fare_amount"].to_numpy(), rcond=None)
    report.numbers("fare_left", quantiles(fares["fare_amount"] - design @ meter))
    aborted = metered[metered["kind"] == "aborted"]
    for column, name in (("trip_distance", "miles"), ("minutes", "minutes"), ("fare_amount", "fare")):
        report.numbers(f"aborted_{name}", quantiles(aborted[column].clip(upper=230 if name == "minutes" else None)))
    bare = metered[(metered["kind"] == "no_distance") & (metered["minutes"] < 240)]
    slope, base = np.polyfit(bare["minutes"].clip(upper=90), bare["fare_amount"], 1)
    report.numbers("no_distance_minutes", quantiles(bare["minutes"]))
    report.numbers("no_distance_left", quantiles(bare["fare_amount"] - base - slope * bare["minutes"].clip(upper=90)))
    flat = metered[metered["kind"] == "flat"]
    ridden = flat[~at_once(flat) & (flat["fare_amount"] > 1)]
    exponent, level = np.polyfit(np.log1p(ridden["trip_distance"]), np.log(ridden["fare_amount"]), 1)
    left = np.log(ridden["fare_amount"]) - level - exponent * np.log1p(ridden["trip_distance"])
    report.numbers("flat_left", quantiles(left))
    entered = flat[at_once(flat)]
    report.numbers("flat_at_once_fare", quantiles(entered["fare_amount"]))
    report.numbers("flat_at_once_minutes", quantiles(entered["minutes"].clip(upper=230)))
    airport = metered[metered["kind"] == "airport"]
    for column, name in (("trip_distance", "miles"), ("minutes", "minutes")):
        report.numbers(f"airport_{name}", quantiles(airport[column].clip(upper=230)))
    report.numbers("airport_fare", quantiles(airport.loc[airport["RatecodeID"] > 2, "fare_amount"]))
    by_card = ordinary[(ordinary["payment_type"] == 1) & (ordinary["fare_amount"] > 0)]
    tips = {}
    for name, block in (("metered", by_card), ("dispatched", dispatched[dispatched["fare_amount"] > 0])):
        due = block["total_amount"] - block["tip_amount"]
        band, tipped = np.digitize(due, TIP_EDGES[1:-1]), block["tip_amount"] > 0
        tips[name] = tipped.groupby(band).mean()
        for number in range(len(TIP_EDGES) - 1):
            chosen = tipped & (band == number)
            report.numbers(f"tip_{name}_{number}", quantiles((block["tip_amount"] / due)[chosen]).clip(0, 2))
    band = np.digitize(normal["trip_distance"], DISPATCHED_BANDS[1:-1])
    for number in range(len(DISPATCHED_BANDS) - 1):
        report.numbers(
            f"dispatched_fare_{number}",
            quantiles(normal.loc[(band == number) & (normal["fare_amount"] > 0), "fare_amount"]),
        )
    report.comment(
        "Dollars. meter: base, per mile, per minute; no_distance: base, per minute; flat: log base and "
        "exponent of miles + 1. toll_share: by expected miles (toll_miles); toll_weight: shares of the "
        "toll amounts."
    )
    report.section("fares")
    report.numbers("meter", meter)
    report.numbers("no_distance", [base, slope])
    report.numbers("flat", [level, exponent])
    report.numbers("tip_edges", TIP_EDGES)
    for name, share in tips.items():
        report.numbers(f"tip_{name}", share, 3)
    report.numbers("toll_miles", [1, 3, 5, 7, 9, 12, 18])
    for name, block in (("metered", ordinary), ("dispatched", normal)):
        nearest = np.digitize(expected(block), (2, 4, 6, 8, 10, 14))
        report.numbers(f"toll_{name}", (block["tolls_amount"] > 0).groupby(nearest).mean(), 2)
    both = pd.concat([ordinary, normal])
    tolls = both.loc[both["tolls_amount"] > 0, "tolls_amount"].value_counts(normalize=True)[:8]
    report.numbers("toll_amount", tolls.index)
    report.numbers("toll_weight", tolls / tolls.sum(), 3)


def write_zones(
    report: Report, metered: pd.DataFrame, dispatched: pd.DataFrame, place: pd.DataFrame, cbd: pd.Series
) -> None:
    """The table of zones, the factors of distance, and the frequent pairs."""
    zones, miles = place.index.to_numpy(), expected_miles(place)
    ordinary = metered[metered["kind"] == "ordinary"]
    parts = {"metered": ordinary, "dispatched": dispatched[dispatched["trip_distance"].between(0.05, 60)]}
    fitted = {name: gravity(part, zones, miles, PAIRS_KEPT[name]) for name, part in parts.items()}
    weekend = ordinary["weekday"] >= 5
    pickups = {"weekday": ordinary[~weekend], "weekend": ordinary[weekend], "dispatched": dispatched}
    columns = {
        name: part["PULocationID"].value_counts(normalize=True).reindex(zones, fill_value=0.0) * 1e5
        for name, part in pickups.items()
    }
    surcharge = (metered["congestion_surcharge"] > 0).groupby(metered["DOLocationID"]).mean().reindex(zones).fillna(0)
    cbd = cbd.reindex(zones).fillna(0)
    report.comment(
        "Dropoffs follow gravity: the dropoff zone's pull times the factor of the band that the pair's "
        "expected miles, sqrt(gap² + floor²), fall into."
    )
    report.section("gravity")
    report.number("floor", GAP_FLOOR)
    report.numbers("nearness", NEARNESS)
    report.numbers("dispatched_bands", DISPATCHED_BANDS)
    report.numbers("edges", REACH)
    for name, (_, reach, _) in fitted.items():
        report.numbers(name, reach, 3)
    report.comment(
        "One row per zone: place on a flat map in miles; pickups (metered on weekdays and weekends, "
        "dispatched) in 100,000ths; the pull of its dropoffs (metered, dispatched); the percentages of "
        "its dropoffs that pay the congestion surcharge and, from 2025, the congestion fee."
    )
    rows = []
    for row, zone in enumerate(zones):
        numbers = [place["x"].iloc[row], place["y"].iloc[row]]
        shares = [columns[name].iloc[row] for name in pickups] + [pull[row] * 1e5 for pull, _, _ in fitted.values()]
        rest = [surcharge.iloc[row] * 100, cbd.iloc[row] * 100]
        rows.append(" ".join([str(zone), *(f"{n:.1f}" for n in numbers), *(f"{n:.0f}" for n in shares + rest)]))
    header = "zone x y weekday weekend dispatched pull pull_dispatched surcharge fee"
    report.table("zones", header, rows)
    report.comment("Frequent pairs: their share, in 10,000ths, of the trips from the pickup zone.")
    for name, (_, _, pairs) in fitted.items():
        report.table(f"pairs_{name}", "from to share", [f"{a} {b} {share * 1e4:.0f}" for a, b, share in pairs])
