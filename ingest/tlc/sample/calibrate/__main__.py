"""Measures the figures behind the sample source from real TLC months.

Goes in: a folder with TLC's `green_tripdata_YYYY-MM.parquet` files. Comes out:
`ingest/tlc/sample/calibration.yml`. January and February 2022 give the distributions, the months of 2022 the
seasons, and January 2025 (where present) the congestion fee of that year. Only summary figures are
written, never a trip.

    python -m ingest.tlc.sample.calibrate FOLDER
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from ingest.tlc.sample.calibrate.geometry import expected_miles, zone_positions
from ingest.tlc.sample.calibrate.measures import (
    DAY_TYPES,
    PACE_KNOTS,
    Report,
    at_once,
    write_amounts,
    write_times,
    write_zones,
)

OUTPUT = Path(__file__).parents[1] / "calibration.yml"
MAIN_MONTHS = ("2022-01", "2022-02")
# Public holidays, the snowstorm of 2022-01-29 and the days around it
UNUSUAL_DAYS = (
    "2022-01-01",
    "2022-01-07",
    "2022-01-17",
    "2022-01-28",
    "2022-01-29",
    "2022-01-30",
    "2022-02-21",
)
KINDS = ("ordinary", "aborted", "no_distance", "flat", "airport")


def read_month(folder: Path, month: str) -> pd.DataFrame:
    """One month's trips with pickups inside it, plus minutes, day, hour, weekday, day_type and dispatched."""
    trips = pd.read_parquet(folder / f"green_tripdata_{month}.parquet")
    pickup = trips["lpep_pickup_datetime"]
    trips["minutes"] = (trips["lpep_dropoff_datetime"] - pickup).dt.total_seconds() / 60
    trips["day"] = pickup.dt.strftime("%Y-%m-%d")
    trips["hour"], trips["weekday"] = pickup.dt.hour, pickup.dt.dayofweek
    trips["dispatched"] = trips["passenger_count"].isna()
    trips["day_type"] = trips["weekday"].map({5: "saturday", 6: "sunday"}).fillna("weekday")
    inside = pickup.dt.strftime("%Y-%m") == month
    trips = trips.loc[inside].reset_index(drop=True)
    return pd.DataFrame(trips)


def kind_of(trips: pd.DataFrame) -> pd.Series:
    """How a metered trip came about: one of KINDS, or "refund" for negative fares."""
    vendor_1 = trips["VendorID"] == 1
    short = (trips["trip_distance"] < 0.1) | (trips["minutes"] < 1.5)
    bare = vendor_1 & (trips["trip_distance"] == 0) & (trips["minutes"] >= 1.5)
    choices = [
        trips["fare_amount"] < 0, trips["RatecodeID"] == 5, trips["RatecodeID"] > 1, bare, short,
    ]  # fmt: skip
    names = ["refund", "flat", "airport", "no_distance", "aborted"]
    return pd.Series(np.select(choices, names, "ordinary"), index=trips.index)


def extra_spread(values: pd.Series, trips: pd.DataFrame) -> float:
    """Standard deviation of a day's mean beyond sampling, within the same weekday of the same month."""
    by_day = values.groupby([trips["day"].str[:7], trips["weekday"], trips["day"]]).agg(["mean", "var", "size"])
    left = by_day["mean"] - by_day["mean"].groupby(level=[0, 1]).transform("mean")
    degrees = len(by_day) - by_day.groupby(level=[0, 1]).ngroups
    spread = (left**2).sum() / degrees - (by_day["var"] / by_day["size"]).mean()
    return float(np.sqrt(max(spread, 0.0)))


def write_volume(report: Report, folder: Path, trips: pd.DataFrame, usual: pd.DataFrame) -> None:
    counts = {month: read_month(folder, month) for month in (f"2022-{number:02d}" for number in range(1, 13))}
    per_day = np.array([len(month) / month["day"].nunique() for month in counts.values()])
    smooth = np.log(per_day)
    for _ in range(3):
        smooth = (np.roll(smooth, 1) + 2 * smooth + np.roll(smooth, -1)) / 4
    level = np.exp((smooth + smooth.mean()) / 2)
    level *= len(trips) / (level[0] * 31 + level[1] * 28)
    report.comment(
        "Trips a day. The seasons of 2022, smoothed and halved, at the level of the calibrated months: a "
        "month differs from the next by less than a day from the next, so the sample has no trend that a "
        "monitor would rightly call an incident. dispatched_share: trips without passenger_count and its "
        "companions, by month. Weekdays: Monday first."
    )
    report.section("volume")
    report.numbers("trips_per_day", level)
    report.numbers("dispatched_share", [month["dispatched"].mean() for month in counts.values()])
    noise = {}
    for name, block in (("metered", usual[~usual["dispatched"]]), ("dispatched", usual[usual["dispatched"]])):
        daily = block.groupby("day").size()
        weekday, month = pd.to_datetime(daily.index).dayofweek, daily.index.str[:7]
        relative = daily / daily.groupby(month).transform("mean")
        factor = relative.groupby(weekday).mean()
        left = np.log(relative.to_numpy() / factor[weekday].to_numpy())
        for each in MAIN_MONTHS:
            inside = np.flatnonzero(month == each)
            left[inside] -= np.polyval(np.polyfit(inside, left[inside], 1), inside)
        noise[name] = 1.4826 * np.median(np.abs(left))
        report.numbers(f"{name}_weekday", factor / factor.mean())
    metered = usual[~usual["dispatched"]]
    ordinary = metered[metered["kind"] == "ordinary"]
    pace = pd.Series(np.log(ordinary["minutes"] / ordinary["trip_distance"])).clip(0, 4)
    top = metered["PULocationID"].value_counts().index[:8]
    zone = [
        extra_spread((metered["PULocationID"] == z) * 1.0, metered) / (metered["PULocationID"] == z).mean() for z in top
    ]
    large = (metered["passenger_count"] >= 5) * 1.0
    report.comment(
        "Day-to-day spread beyond sampling (weather, traffic, fleets): standard deviations of logarithms, "
        "except for card and vendor_1, which are shares."
    )
    report.section("noise")
    report.number("metered", noise["metered"], 2)
    report.number("dispatched", noise["dispatched"], 2)
    report.number("pace", extra_spread(pace, ordinary), 2)
    report.number("zone", float(np.median(zone)), 2)
    report.number("distance", 2 * extra_spread(ordinary["trip_distance"].rank(pct=True), ordinary), 2)
    report.number("card", extra_spread((metered["payment_type"] == 1) * 1.0, metered), 2)
    report.number("vendor_1", extra_spread((metered["VendorID"] == 1) * 1.0, metered), 2)
    report.number("large_party", extra_spread(large, metered) / large.mean(), 2)
    report.comment("Share of a day's trips in each hour, midnight first.")
    report.section("hours")
    hours = usual["hour"].to_numpy()
    weekend = usual["weekday"].to_numpy() >= 5
    parts = {name: (~usual["dispatched"] & (usual["day_type"] == name)).to_numpy() for name in DAY_TYPES}
    parts["no_distance"] = (usual["kind"] == "no_distance").to_numpy()
    parts["dispatched_weekday"] = (usual["dispatched"] & ~weekend).to_numpy()
    parts["dispatched_weekend"] = (usual["dispatched"] & weekend).to_numpy()
    for name, part in parts.items():
        report.numbers(name, np.bincount(hours[part], minlength=24) / part.sum(), 3)


def write_codes(report: Report, metered: pd.DataFrame, dispatched: pd.DataFrame) -> None:
    paid = metered[metered["kind"] != "refund"]
    share = paid["kind"].value_counts(normalize=True)
    report.comment(
        "How a metered trip comes about: ordinary, aborted (next to no distance or time), no_distance "
        "(vendor 1 writes no distance and a fare of its own), flat (a fare agreed on: rate code 5), "
        "airport (codes 2, 3, 4). vendor_1: its share within each kind, in the same order."
    )
    report.section("kinds")
    report.numbers("share", share[list(KINDS)])
    report.numbers("vendor_1", [(paid.loc[paid["kind"] == kind, "VendorID"] == 1).mean() for kind in KINDS])
    report.comment(
        "passengers: shares of 0 to 9, by vendor. payment: shares of card, cash, no charge, dispute; "
        "vendor 2 books the last two only on refunds. card: share by miles (pace.knots). rate: codes 2, 3 "
        "and 4."
    )
    report.section("codes")
    for vendor in (1, 2):
        parties = paid.loc[paid["VendorID"] == vendor, "passenger_count"].value_counts(normalize=True)
        report.numbers(f"passengers_{vendor}", [parties.get(number, 0.0) for number in range(10)])
    ordinary = paid[paid["kind"] == "ordinary"]
    payers = {
        "ordinary_1": ordinary[ordinary["VendorID"] == 1],
        "ordinary_2": ordinary[ordinary["VendorID"] == 2],
    }
    aborted = paid[paid["kind"] == "aborted"]
    payers |= {f"aborted_{vendor}": aborted[aborted["VendorID"] == vendor] for vendor in (1, 2)}
    payers |= {kind: paid[paid["kind"] == kind] for kind in ("flat", "airport")}
    for name, part in payers.items():
        payment = part["payment_type"].value_counts(normalize=True)
        report.numbers(f"payment_{name}", [payment.get(number, 0.0) for number in range(1, 5)])
    nearest = np.digitize(ordinary["trip_distance"], np.sqrt(np.multiply(PACE_KNOTS[1:], PACE_KNOTS[:-1])))
    report.numbers("card", (ordinary["payment_type"] == 1).groupby(nearest).mean(), 3)
    airport = paid.loc[paid["kind"] == "airport", "RatecodeID"].value_counts(normalize=True)
    report.numbers("rate", [airport[2], airport[3], airport[4]], 3)
    flat = paid[paid["kind"] == "flat"]
    refunds = metered[metered["kind"] == "refund"]
    keys = ["VendorID", "lpep_pickup_datetime", "lpep_dropoff_datetime", "PULocationID", "DOLocationID"]
    refunded = paid.merge(refunds[keys].drop_duplicates(), on=keys)["kind"].value_counts() / paid["kind"].value_counts()
    report.comment("Shares of single things, within the kind or block named.")
    report.section("shares")
    report.number("stored_vendor_1", (paid.loc[paid["VendorID"] == 1, "store_and_fwd_flag"] == "Y").mean())
    report.number("flat_street_hail", (flat["trip_type"] == 1).mean())
    report.number("flat_at_once", at_once(flat).mean())
    report.number("aborted_same_zone", (aborted["PULocationID"] == aborted["DOLocationID"]).mean())
    for kind in ("ordinary", "aborted", "flat"):
        report.number(f"refund_{kind}", refunded.get(kind, 0.0))
    report.number("refund_dispute", (refunds["payment_type"] == 4).mean())
    card = paid[paid["payment_type"] == 1]
    for kind in ("aborted", "flat"):
        report.number(f"tip_{kind}", (card.loc[card["kind"] == kind, "tip_amount"] > 0).mean())
    one = ordinary[(ordinary["VendorID"] == 1) & ordinary["hour"].isin([21, 22, 23])]
    report.number("no_extra_vendor_1", (one["extra"] % 2.75 == 0).mean())
    report.number("day_long", (paid["minutes"] > 240).mean())
    report.number("day_long_dispatched", (dispatched["minutes"] > 240).mean())
    report.number("absurd_miles", (paid["trip_distance"] > 1000).mean())
    report.number("absurd_miles_dispatched", (dispatched["trip_distance"] > 1000).mean())
    report.number("no_miles_dispatched", (dispatched["trip_distance"] == 0).mean())
    report.number("vendor_1_dispatched", (dispatched["VendorID"] == 1).mean())
    report.number("refund_dispatched", (dispatched["fare_amount"] < 0).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the TLC files are")
    folder = parser.parse_args().folder
    trips = pd.concat([read_month(folder, month) for month in MAIN_MONTHS], ignore_index=True)
    trips["kind"] = kind_of(trips).where(~trips["dispatched"], "dispatched")
    usual = trips[~trips["day"].isin(UNUSUAL_DAYS)]
    metered, dispatched = trips[~trips["dispatched"]], trips[trips["dispatched"]]
    place = zone_positions(trips)
    cbd = pd.Series(dtype=float)
    if (folder / "green_tripdata_2025-01.parquet").exists():
        later = read_month(folder, "2025-01")
        later = later[~later["dispatched"]]
        cbd = (later["cbd_congestion_fee"] > 0).groupby(later["DOLocationID"]).mean()
    report = Report()
    report.comment(
        "Figures of the sample source, measured from NYC green-taxi months by "
        "ingest/tlc/sample/calibrate: do not edit, run it again. Distributions: 2022-01 and 2022-02; "
        "seasons: 2022; congestion fee: 2025-01."
    )
    write_volume(report, folder, trips, usual)
    write_codes(report, metered, dispatched)
    write_times(report, metered, dispatched)
    write_amounts(report, metered, dispatched, place.index.to_numpy(), expected_miles(place))
    write_zones(report, metered, dispatched, place, cbd)
    OUTPUT.write_text("\n".join(report.lines).lstrip() + "\n", encoding="utf-8")
    sys.stderr.write(f"{OUTPUT} written: {OUTPUT.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
