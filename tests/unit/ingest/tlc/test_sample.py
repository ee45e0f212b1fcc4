"""The sample source: reproducible bytes, TLC's schema, calibrated figures, and incidents only where planted."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.months import Month
from config.paths import ROOT
from core.errors import ConfigurationError
from ingest.tlc.sample import DEFAULT_SEED, ORIGIN_METADATA_KEY, Vintage, load_incidents, write_sample
from ingest.tlc.sample.incidents import parse_incidents

JANUARY, FEBRUARY = Month(2022, 1), Month(2022, 2)
TOGETHER = [
    "passenger_count", "RatecodeID", "payment_type", "trip_type", "congestion_surcharge", "store_and_fwd_flag",
]  # fmt: skip
NAMES = [
    "VendorID", "lpep_pickup_datetime", "lpep_dropoff_datetime", "store_and_fwd_flag", "RatecodeID", "PULocationID",
    "DOLocationID", "passenger_count", "trip_distance", "fare_amount", "extra", "mta_tax", "tip_amount",
    "tolls_amount", "ehail_fee", "improvement_surcharge", "total_amount", "payment_type", "trip_type",
    "congestion_surcharge",
]  # fmt: skip
MOMENTS, AMOUNTS = ["timestamp[us]"] * 2, ["double"]
EARLY_TYPES = ["int64", *MOMENTS, "string", "double", "int64", "int64", "double"] + AMOUNTS * 6 + ["null"] + AMOUNTS * 5
LATER_TYPES = (
    ["int32", *MOMENTS, "large_string", "int64", "int32", "int32", "int64"] + AMOUNTS * 9 + ["int64", "int64", "double"]
)


def read(path: Path) -> pd.DataFrame:
    trips = pd.read_parquet(path)
    assert isinstance(trips, pd.DataFrame)
    trips["minutes"] = (trips["lpep_dropoff_datetime"] - trips["lpep_pickup_datetime"]).dt.total_seconds() / 60
    trips["day"] = trips["lpep_pickup_datetime"].to_numpy().astype("datetime64[D]").astype(str)
    return trips


def on(trips: pd.DataFrame, day: str) -> pd.DataFrame:
    return trips.loc[trips["day"] == day].reset_index(drop=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """January, February, and February without incidents."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(JANUARY, folder / "january.parquet")
    write_sample(FEBRUARY, folder / "february.parquet")
    write_sample(FEBRUARY, folder / "clean.parquet", incidents=False)
    return folder


@pytest.fixture(scope="module")
def january(folder: Path) -> pd.DataFrame:
    return read(folder / "january.parquet")


@pytest.fixture(scope="module")
def february(folder: Path) -> pd.DataFrame:
    return read(folder / "february.parquet")


@pytest.fixture(scope="module")
def clean(folder: Path) -> pd.DataFrame:
    return read(folder / "clean.parquet")


# ---------------------------------------------------------------- the file


def test_the_same_month_has_the_same_bytes_in_another_process(folder: Path, tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from ingest.tlc.sample import write_sample; from config.months import Month; "
        f"write_sample(Month(2022, 2), Path({str(tmp_path / 'again.parquet')!r}))"
    )
    environment = os.environ | {"PYTHONHASHSEED": "4711", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert (tmp_path / "again.parquet").read_bytes() == (folder / "february.parquet").read_bytes()


def test_another_seed_gives_other_trips(folder: Path, tmp_path: Path) -> None:
    write_sample(JANUARY, tmp_path / "new folder" / "other.parquet", seed=DEFAULT_SEED + 1)
    columns = ["fare_amount"]
    other = pq.read_table(tmp_path / "new folder" / "other.parquet", columns=columns)
    assert not other.equals(pq.read_table(folder / "january.parquet", columns=columns))


@pytest.mark.parametrize(
    ("vintage", "names", "types", "compression"),
    [
        (Vintage.UP_TO_2023_01, NAMES, EARLY_TYPES, "GZIP"),
        (Vintage.FROM_2023_02, NAMES, LATER_TYPES, "ZSTD"),
        (Vintage.FROM_2025_01, [*NAMES, "cbd_congestion_fee"], [*LATER_TYPES, "double"], "ZSTD"),
    ],
)
def test_each_vintage_has_the_schema_tlc_issued(
    tmp_path: Path, vintage: Vintage, names: list[str], types: list[str], compression: str
) -> None:
    write_sample(JANUARY, tmp_path / "month.parquet", vintage=vintage)
    file = pq.ParquetFile(tmp_path / "month.parquet")
    assert file.schema_arrow.names == names
    assert [str(field.type) for field in file.schema_arrow] == types
    assert file.metadata.row_group(0).column(0).compression == compression


@pytest.mark.parametrize(
    ("month", "vintage"),
    [
        (Month(2013, 8), Vintage.UP_TO_2023_01),
        (Month(2023, 1), Vintage.UP_TO_2023_01),
        (Month(2023, 2), Vintage.FROM_2023_02),
        (Month(2024, 12), Vintage.FROM_2023_02),
        (Month(2025, 1), Vintage.FROM_2025_01),
        (Month(2199, 12), Vintage.FROM_2025_01),
    ],
)
def test_the_month_decides_the_vintage(month: Month, vintage: Vintage) -> None:
    assert Vintage.of(month) is vintage


def test_a_leap_february_of_another_century_has_all_its_days(tmp_path: Path) -> None:
    write_sample(Month(2196, 2), tmp_path / "month.parquet")
    days = read(tmp_path / "month.parquet")["day"].value_counts()
    inside = days[days.index.str.startswith("2196-02")]
    assert len(inside) == 29
    assert inside.min() > 1000


def test_the_congestion_fee_of_2025_is_part_of_the_total(tmp_path: Path) -> None:
    write_sample(Month(2025, 1), tmp_path / "month.parquet")
    trips = read(tmp_path / "month.parquet")
    paid = trips.loc[(trips["cbd_congestion_fee"] > 0) & (trips["VendorID"] == 2) & trips["passenger_count"].notna()]
    assert 0.03 < len(paid) / len(trips) < 0.12
    amounts = ["fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge"]
    parts = paid[[*amounts, "congestion_surcharge", "cbd_congestion_fee"]].sum(axis=1)
    assert np.allclose(parts, paid["total_amount"], atol=0.006)


def test_the_metadata_names_the_origin(folder: Path) -> None:
    metadata = pq.read_metadata(folder / "january.parquet").metadata
    assert ORIGIN_METADATA_KEY == b"origin"
    assert metadata[ORIGIN_METADATA_KEY] == b"sample"
    assert metadata[b"seed"] == str(DEFAULT_SEED).encode()
    assert int(metadata[b"generator_version"]) >= 1


def test_a_finished_file_leaves_nothing_beside_it_and_replaces_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "month.parquet"
    target.write_bytes(b"broken")
    write_sample(JANUARY, target, vintage=Vintage.FROM_2025_01)
    assert [path.name for path in target.parent.iterdir()] == ["month.parquet"]
    assert pq.read_metadata(target).num_rows > 60_000


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "month.parquet").mkdir()
    with pytest.raises(OSError, match=r"month\.parquet"):
        write_sample(JANUARY, tmp_path / "month.parquet", vintage=Vintage.FROM_2023_02)
    assert [path.name for path in tmp_path.iterdir()] == ["month.parquet"]


# ---------------------------------------------------------------- the trips


def test_january_is_calibrated(january: pd.DataFrame) -> None:
    """Real figures of 2022-01, within ten percent."""
    metered = january.loc[january["passenger_count"].notna()]
    quantiles = {
        "trip_distance": {0.25: 1.03, 0.5: 1.79, 0.75: 3.21, 0.95: 7.86},
        "fare_amount": {0.05: 4.0, 0.25: 7.0, 0.5: 10.0, 0.75: 15.5, 0.95: 32.0},
        "total_amount": {0.05: 5.8, 0.25: 9.12, 0.5: 13.1, 0.75: 19.86, 0.95: 38.35},
        "minutes": {0.05: 2.12, 0.25: 6.72, 0.5: 11.03, 0.75: 17.30, 0.95: 34.47},
        "tip_amount": {0.75: 2.41, 0.95: 5.16},
    }
    for column, expected in quantiles.items():
        found = metered[column].quantile(list(expected))
        assert found.tolist() == pytest.approx(list(expected.values()), rel=0.10), column
    assert january["passenger_count"].isna().mean() == pytest.approx(0.1007, rel=0.10)
    assert len(january) == pytest.approx(62_495, rel=0.11)


def test_null_columns_are_null_together_at_the_end_of_the_file(january: pd.DataFrame) -> None:
    missing = january[TOGETHER].isna()
    assert (missing.all(axis=1) == missing.any(axis=1)).all()
    assert missing["trip_type"].is_monotonic_increasing
    dispatched = january.loc[missing["trip_type"]]
    assert dispatched["trip_distance"].median() == pytest.approx(3.53, rel=0.10)
    assert dispatched["fare_amount"].median() == pytest.approx(18.2, rel=0.10)
    assert january.drop(columns=[*TOGETHER, "ehail_fee"]).notna().all(axis=None)


def test_rows_come_roughly_by_time(january: pd.DataFrame) -> None:
    metered = january.loc[january["passenger_count"].notna() & january["day"].str.startswith("2022-01")]
    hour = metered["lpep_pickup_datetime"].dt.floor("h")
    assert (hour.diff().dt.total_seconds() < 0).mean() == pytest.approx(0.05, abs=0.03)
    assert (metered["lpep_pickup_datetime"].diff().dt.total_seconds() < 0).mean() == pytest.approx(0.465, abs=0.03)


def test_the_oddities_of_real_months_are_there(january: pd.DataFrame) -> None:
    outside = january.loc[~january["day"].str.startswith("2022-01"), "day"]
    assert 3 <= len(outside) <= 21
    assert set(outside) <= {"2008-12-31", "2009-01-01", "2021-12-31", "2022-02-01"}
    assert {"2008-12-31", "2009-01-01"} & set(outside)
    assert 30 <= (january["trip_distance"] > 1000).sum() <= 110
    assert january["trip_distance"].max() > 90_000
    assert (january["trip_distance"] == 0).mean() == pytest.approx(0.0575, rel=0.15)
    assert 30 <= (january["minutes"] == 0).sum() <= 130
    assert 100 <= (january["minutes"] > 1200).sum() <= 260
    assert january["minutes"].max() <= 1440


def test_refunds_are_twins_right_before_their_trip(january: pd.DataFrame) -> None:
    refund = (january["fare_amount"] < 0) & january["passenger_count"].notna()
    assert refund.mean() == pytest.approx(0.0032, rel=0.35)
    twin = january.loc[refund.shift(1, fill_value=False)]
    first = january.loc[refund]
    same = ["lpep_pickup_datetime", "lpep_dropoff_datetime", "PULocationID", "DOLocationID", "trip_distance"]
    assert first[same].reset_index(drop=True).equals(twin[same].reset_index(drop=True))
    assert np.array_equal(first["total_amount"].to_numpy(), -twin["total_amount"].to_numpy())
    assert set(first["payment_type"]) == {3.0, 4.0}


def test_totals_add_up(january: pd.DataFrame) -> None:
    metered = january.loc[january["passenger_count"].notna() & (january["VendorID"] == 2)]
    amounts = ["fare_amount", "extra", "mta_tax", "tip_amount", "tolls_amount", "improvement_surcharge"]
    parts = metered[amounts].sum(axis=1) + metered["congestion_surcharge"]
    refunded = metered["fare_amount"] < 0
    assert np.allclose(parts[~refunded], metered.loc[~refunded, "total_amount"], atol=0.006)
    assert (metered.loc[metered["payment_type"] == 2, "tip_amount"] == 0).all()


def test_codes_have_real_frequencies(january: pd.DataFrame) -> None:
    metered = january.loc[january["passenger_count"].notna()]
    assert (metered["payment_type"] == 1).mean() == pytest.approx(0.607, abs=0.02)
    assert (metered["RatecodeID"] == 5).mean() == pytest.approx(0.048, abs=0.006)
    assert (metered["trip_type"] == 2).mean() == pytest.approx(0.041, abs=0.006)
    assert (metered["VendorID"] == 1).mean() == pytest.approx(0.165, abs=0.015)
    assert (metered["congestion_surcharge"] == 2.75).mean() == pytest.approx(0.257, abs=0.02)
    assert (metered["passenger_count"] == 1).mean() == pytest.approx(0.870, abs=0.015)
    assert (metered["store_and_fwd_flag"] == "Y").mean() == pytest.approx(0.0108, abs=0.003)
    top = metered["PULocationID"].value_counts(normalize=True)
    assert top.index[:3].tolist() == [74, 75, 41]
    assert top[74] == pytest.approx(0.169, rel=0.10)
    pairs = metered.groupby(["PULocationID", "DOLocationID"]).size()
    assert len(pairs) == pytest.approx(5778, rel=0.10)


def test_the_tutorial_model_errs_as_on_real_trips(january: pd.DataFrame) -> None:
    """Validation error 4.14 minutes on the real 2022-01, within fifteen percent."""
    features = ["passenger_count", "trip_distance", "fare_amount", "total_amount", "PULocationID", "DOLocationID"]
    kept = january.loc[january["minutes"].between(0, 60) & january["passenger_count"].between(1, 8)]
    train, validation = kept[:30_000], kept[30_000:]
    inputs, unseen = (part[features].to_numpy(dtype=float) for part in (train, validation))
    centre = inputs.mean(axis=0)
    slopes, *_ = np.linalg.lstsq(inputs - centre, train["minutes"] - train["minutes"].mean(), rcond=None)
    error = np.abs((unseen - centre) @ slopes + train["minutes"].mean() - validation["minutes"]).mean()
    assert error == pytest.approx(4.142, rel=0.15)


def test_weekends_are_quieter_and_later_than_weekdays(january: pd.DataFrame) -> None:
    inside = january.loc[january["day"].str.startswith("2022-01")]
    weekday = inside["lpep_pickup_datetime"].dt.dayofweek
    trips = inside.groupby(["day", weekday]).size().groupby(level=1).mean()
    assert trips[6] / trips[:5].mean() == pytest.approx(0.68, rel=0.12)
    early = inside["lpep_pickup_datetime"].dt.hour.between(7, 8)
    assert early[weekday < 5].mean() > 1.7 * early[weekday >= 5].mean()


# ---------------------------------------------------------------- the incidents


def incident_days() -> set[str]:
    return {
        (each.first_day + timedelta(days=number)).isoformat()
        for each in load_incidents()
        for number in range((each.last_day - each.first_day).days + 1)
    }


def test_the_planted_incidents_leave_january_and_half_of_february_clean() -> None:
    planted = [(each.kind, each.first_day.day, each.last_day.day, each.column) for each in load_incidents()]
    assert planted == [
        ("null_burst", 3, 3, "passenger_count"),
        ("factor", 8, 8, "trip_distance"),
        ("factor", 10, 12, "fare_amount"),
        ("weekend_week", 14, 18, None),
        ("zone_outage", 21, 22, "PULocationID"),
        ("duplicate_rows", 24, 24, None),
        ("no_data", 26, 26, None),
    ]
    days = incident_days()
    assert {Month.of(date.fromisoformat(day)) for day in days} == {FEBRUARY}
    assert 28 - len(days) >= 12
    for before, after in zip(load_incidents(), load_incidents()[1:], strict=False):
        assert (after.first_day - before.last_day).days >= 2
        assert before.finding.endswith(".")


def test_days_without_incident_are_the_same_with_and_without(february: pd.DataFrame, clean: pd.DataFrame) -> None:
    struck = incident_days()
    for day in sorted(set(clean["day"])):
        assert on(february, day).equals(on(clean, day)) == (day not in struck), day


def test_months_without_incident_have_none(tmp_path: Path) -> None:
    for name, incidents in (("with", True), ("without", False)):
        write_sample(Month(2022, 3), tmp_path / name, incidents=incidents, vintage=Vintage.FROM_2023_02)
    assert (tmp_path / "with").read_bytes() == (tmp_path / "without").read_bytes()


def test_passengers_are_not_recorded(february: pd.DataFrame, clean: pd.DataFrame) -> None:
    found, usual = on(february, "2022-02-03"), on(clean, "2022-02-03")
    extra = found["passenger_count"].isna() & usual["passenger_count"].notna()
    assert extra.sum() / usual["passenger_count"].notna().sum() == pytest.approx(0.30, abs=0.03)
    assert found.drop(columns="passenger_count").equals(usual.drop(columns="passenger_count"))


def test_distances_are_in_kilometres(february: pd.DataFrame, clean: pd.DataFrame) -> None:
    found, usual = on(february, "2022-02-08"), on(clean, "2022-02-08")
    assert np.allclose(found["trip_distance"], usual["trip_distance"] * 1.609344, atol=0.0051)
    assert found.drop(columns="trip_distance").equals(usual.drop(columns="trip_distance"))


@pytest.mark.parametrize("day", ["2022-02-10", "2022-02-11", "2022-02-12"])
def test_fares_and_totals_rise(february: pd.DataFrame, clean: pd.DataFrame, day: str) -> None:
    found, usual = on(february, day), on(clean, day)
    for column in ("fare_amount", "total_amount"):
        assert np.allclose(found[column], usual[column] * 1.15, atol=0.0051)
    rest = ["fare_amount", "total_amount"]
    assert found.drop(columns=rest).equals(usual.drop(columns=rest))


def test_five_weekdays_follow_the_weekend(february: pd.DataFrame, clean: pd.DataFrame) -> None:
    days = [f"2022-02-{number}" for number in range(14, 19)]
    found, usual = february.loc[february["day"].isin(days)], clean.loc[clean["day"].isin(days)]
    assert 0.65 < len(found) / len(usual) < 0.88
    weekend = clean.loc[clean["day"].isin(["2022-02-05", "2022-02-06", "2022-02-19", "2022-02-20"])]
    early = {
        name: trips["lpep_pickup_datetime"].dt.hour.between(7, 8).mean()
        for name, trips in {"found": found, "usual": usual, "weekend": weekend}.items()
    }
    assert early["found"] == pytest.approx(early["weekend"], abs=0.012)
    assert early["usual"] - early["found"] > 0.03


@pytest.mark.parametrize("day", ["2022-02-21", "2022-02-22"])
def test_a_zone_of_the_top_five_has_no_pickups(february: pd.DataFrame, clean: pd.DataFrame, day: str) -> None:
    found, usual = on(february, day), on(clean, day)
    assert 75 in usual["PULocationID"].value_counts().index[:5]
    assert found.equals(usual.loc[usual["PULocationID"] != 75].reset_index(drop=True))


def test_rows_are_written_twice(february: pd.DataFrame, clean: pd.DataFrame) -> None:
    found, usual = on(february, "2022-02-24"), on(clean, "2022-02-24")
    assert usual.duplicated().sum() == 0
    assert found.duplicated().sum() / len(usual) == pytest.approx(0.08, abs=0.015)
    assert found.drop_duplicates(ignore_index=True).equals(usual)


def test_the_day_without_data_is_empty(february: pd.DataFrame, clean: pd.DataFrame) -> None:
    assert len(on(clean, "2022-02-26")) > 1000
    assert on(february, "2022-02-26").empty


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "flood"}, "kind"),
        ({"colour": "red"}, "colour"),
        ({"last_day": "2022-01-01"}, "ends before it begins"),
    ],
)
def test_a_malformed_incident_is_refused(change: dict[str, str], message: str) -> None:
    fields = {
        "name": "storm", "kind": "no_data", "first_day": "2022-02-01", "last_day": "2022-02-01",
        "columns": "[]", "strength": "null", "finding": "Nothing.",
    } | change  # fmt: skip
    text = "- {" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}"
    with pytest.raises(ConfigurationError, match=message):
        parse_incidents(text)


def test_incidents_may_not_share_a_day() -> None:
    one = (
        "- {name: a, kind: no_data, first_day: 2022-02-01, last_day: 2022-02-03, columns: [], strength: null, "
        "finding: x}"
    )
    with pytest.raises(ConfigurationError, match="share a day"):
        parse_incidents(one + "\n" + one.replace("02-01", "02-02"))


def test_missing_values_are_nulls_not_nan(folder: Path) -> None:
    table = pq.read_table(folder / "february.parquet")
    for field in table.schema:
        if pa.types.is_floating(field.type):
            assert not np.isnan(table[field.name].drop_null().to_numpy()).any(), field.name
