"""Labels that come in files, on a real Postgres: what a file of them comes to; nothing is lost or counted twice."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from psycopg import errors

from config.label_rules import Labels, ValidRange
from core.errors import BadFileError, ConfigurationError, SourceUnavailableError, UsageError, WarehouseError
from core.files.table_files import TableFile
from models_ml import label_file
from models_ml.event_keys import EventKey
from models_ml.label_feed import LabelLoad, feed_target, load_labels
from tests.labels import (
    ACCEPTED,
    EVENTS,
    FEBRUARY,
    FEED,
    JANUARY,
    NOON,
    REFUSED,
    ROW,
    TABLES,
    TRIPS,
    contents,
    csv,
    done_at,
    known,
    monitoring,
    one,
    parquet,
    pending,
    reasons,
    refresh,
    rows,
)
from warehouse.database import Connection


def load(path: Path, entry: Labels = FEED) -> LabelLoad:
    return load_labels(monitoring(amount=entry), "amount", path)


def test_a_file_that_is_not_what_its_checksum_says_is_refused(shop: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path / "labels.csv", "2022-02,0,1.5,2022-02-10 10:00")
    path.with_name("labels.csv.sha256").write_text("0" * 64, encoding="utf-8")
    with pytest.raises(BadFileError, match=r"labels.csv is not the file that labels.csv.sha256 means"):
        load(path)
    assert rows(shop, "select * from ml.label_loads where origin = 'feed'") == []


def test_every_record_comes_to_one_end(shop: Connection, tmp_path: Path) -> None:
    path = csv(
        tmp_path / "labels.csv",
        "2022-02,0,1.5,2022-02-10 10:00",
        "2022-02-01,1,2e1,2022-02-10T10:00:00.25-05:00",
        "2022-02, 2 ,+.5,2022-02-10 10:00:00Z",
        f"2022-02,{ACCEPTED},7,2022-02-10 10:00",
        ",3,1,2022-02-10 10:00",
        "2022-02,,1,2022-02-10 10:00",
        "2022-02,3,  ,2022-02-10 10:00",
        "2022-02,3,1,",
        "2022-02,3,many,2022-02-10 10:00",
        "2022-02,3,nan,2022-02-10 10:00",
        "2022-02,3,1e999,2022-02-10 10:00",
        "2022-02,3,1,10.02.2022 10:00",
        "2022-02,3,1,2022-02-30 10:00",
        "2022-02,3,1,2022-02-10 10:00+99:00",
        "2022-02,3,1,2022-02-10",
        "2022-02,3,1,infinity",
        "2022-02,999,1,2022-02-10 10:00",
        "2022-03,3,1,2022-02-10 10:00",
        "2022-02-02,3,1,2022-02-10 10:00",
        "2022-13,3,1,2022-02-10 10:00",
        "2022-02,-3,1,2022-02-10 10:00",
        "2022-02,3.5,1,2022-02-10 10:00",
        "2022-02,99999999999999999999,1,2022-02-10 10:00",
        "2022-02,3,1,9998-01-01 00:00",
        "2022-02,3,1,2022-02-01 08:59:59+01:00",
        "2022-02,3,-0.1,2022-02-10 10:00",
        "2022-02,3,50.1,2022-02-10 10:00",
        "2022-02,0,1.5,2022-02-10 10:00",
        "2022-02,0,9,2022-02-10 05:00-05:00",
    )
    result = load(path, Labels(source="feed", ends_at="done_at", valid=ValidRange(min=0, max=50)))
    assert str(result) == (
        "labels: 29 rows: 4 accepted, 0 unchanged, 25 quarantined (5 not_a_time, 5 not_an_event_key, 4 missing_value, "
        "3 not_a_number, 2 duplicate, 2 out_of_range, 2 unknown_event, 1 before_event, 1 future)"
    )
    found = rows(shop, f"select {ROW}, label, observed_at, load_id, target from ml.labels order by 1")
    assert found == [
        (0, 1.5, datetime(2022, 2, 10, 10, tzinfo=UTC), 2, "amount"),
        (1, 20.0, datetime(2022, 2, 10, 15, 0, 0, 250_000, tzinfo=UTC), 2, "amount"),
        (2, 0.5, datetime(2022, 2, 10, 10, tzinfo=UTC), 2, "amount"),
        (ACCEPTED, 7.0, datetime(2022, 2, 10, 10, tzinfo=UTC), 2, "amount"),
    ]
    assert [line for line, _ in reasons(shop)] == list(range(5, 30))
    assert one(shop, "select record from ml.rejected_labels where line = 9") == {
        "source_month": "2022-02", "source_row": "3", "label": "many", "observed_at": "2022-02-10 10:00",
    }  # fmt: skip


VALUES: dict[str, list[Any]] = {
    "month": [JANUARY, FEBRUARY, FEBRUARY, FEBRUARY, None, date(2022, 2, 2), date(2021, 12, 1)],
    "row": [*range(0, ACCEPTED + REFUSED + 3, 3), None, -1],
    "label": [1.0, 2.0, 2.0, 20.0, -5.0, 1e6, None, float("nan"), float("inf"), 0.0],
    "time": [
        *(NOON, NOON, NOON + timedelta(days=1), datetime(2022, 2, 1, 20, tzinfo=UTC), None),
        datetime(2400, 1, 1, tzinfo=UTC),
    ],
}


def expected_outcomes(records: list[tuple[Any, ...]], held: dict[tuple[Any, ...], float]) -> list[str]:
    """What docs/how-to/labels.md says of each record, worked out here once more; `held` has what is there already."""
    seen: set[tuple[Any, ...]] = set()
    outcomes = []
    for month, row, label, time in records:
        key = (month, row, time)
        if None in (month, row, label, time):
            outcome = "missing_value"
        elif label != label or abs(label) == float("inf"):
            outcome = "not_a_number"
        elif month.day > 1 or row < 0:
            outcome = "not_an_event_key"
        elif month not in (JANUARY, FEBRUARY) or not 0 <= row < ACCEPTED + REFUSED:
            outcome = "unknown_event"
        elif time > datetime.now(UTC):
            outcome = "future"
        elif time < done_at(row, month).replace(tzinfo=UTC) + timedelta(hours=5):
            outcome = "before_event"
        elif not 0 <= label <= 100:
            outcome = "out_of_range"
        elif key in seen:
            outcome = "duplicate"
        else:
            outcome = "accepted" if key not in held else "unchanged" if held[key] == label else "duplicate"
            seen.add(key)
        outcomes.append(outcome)
    held |= {
        (record[0], record[1], record[3]): record[2]
        for record, outcome in zip(records, outcomes, strict=True)
        if outcome == "accepted"
    }
    return outcomes


@pytest.mark.parametrize("seed", range(3))
def test_accepted_unchanged_and_quarantined_are_the_rows(shop: Connection, tmp_path: Path, seed: int) -> None:
    """Two files of one feed, drawn at random, against the rules written down a second time."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    entry = Labels(source="feed", ends_at="done_at", valid=ValidRange(min=0, max=100))
    held: dict[tuple[Any, ...], float] = {}
    for number in range(2):
        records: list[Any] = [tuple(chance.choice(values) for values in VALUES.values()) for _ in range(400)]
        expected = Counter(expected_outcomes(records, held))
        result = load(parquet(tmp_path / f"{number}.parquet", records), entry)
        assert result.rows == len(records) == result.accepted + result.unchanged + result.quarantined
        assert (result.accepted, result.unchanged) == (expected.pop("accepted"), expected.pop("unchanged", 0))
        assert result.reasons == expected
        assert result.unchanged > 0 or number == 0
    assert len(result.reasons) == 8
    stored = rows(
        shop, f"select source_month, source_row, observed_at, label from ml.labels join {EVENTS} using (event_id)"
    )
    assert {row[:3]: row[3] for row in stored} == held
    assert one(shop, "select sum(quarantined) from ml.label_loads") == len(reasons(shop))


def test_the_table_refuses_counts_that_do_not_add_up(shop: Connection, tmp_path: Path) -> None:
    load(csv(tmp_path / "a.csv", "2022-02,1,1,2022-02-10 10:00"))
    with pytest.raises(errors.CheckViolation):
        shop.execute("update ml.label_loads set accepted = accepted + 1")


@pytest.mark.parametrize(
    ("types", "month", "time"),
    [
        ({}, FEBRUARY, NOON),
        ({"source_month": pa.string()}, "2022-02", NOON),
        ({"source_row": pa.int16(), "label": pa.float32()}, FEBRUARY, NOON),
        ({"label": pa.decimal128(10, 2)}, FEBRUARY, NOON),
        ({"label": pa.int32()}, FEBRUARY, NOON),
        ({"observed_at": pa.timestamp("us")}, FEBRUARY, NOON.replace(tzinfo=None)),
        ({"observed_at": pa.timestamp("ns")}, FEBRUARY, NOON.replace(tzinfo=None)),
        ({"observed_at": pa.timestamp("s")}, FEBRUARY, NOON.replace(tzinfo=None)),
        ({"observed_at": pa.timestamp("ms", "America/New_York")}, FEBRUARY, NOON),
    ],
)
def test_types_of_parquet_that_are_taken(
    shop: Connection, tmp_path: Path, types: dict[str, pa.DataType], month: Any, time: datetime
) -> None:
    from decimal import Decimal

    label = Decimal(3) if "label" in types and pa.types.is_decimal(types["label"]) else 3
    assert load(parquet(tmp_path / "a.parquet", [(month, 1, label, time)], **types)).accepted == 1
    assert rows(shop, f"select {ROW}, label, observed_at from ml.labels") == [(1, 3.0, NOON)]


def cut_off(folder: Path) -> Path:
    path = parquet(folder / "cut.parquet", [(FEBRUARY, 1, 1.0, NOON)])
    path.write_bytes(path.read_bytes()[:-20])
    return path


def twice(folder: Path) -> Path:
    table = pq.read_table(parquet(folder / "a.parquet", [(FEBRUARY, 1, 1.0, NOON)]))
    pq.write_table(table.append_column("label", table["label"]), folder / "twice.parquet")
    return folder / "twice.parquet"


def text(name: str, content: bytes) -> Any:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def retyped(value: tuple[Any, Any, Any, Any], **types: pa.DataType) -> Any:
    return lambda folder: parquet(folder / "a.parquet", [value], **types)


HEADER = b"source_month,source_row,label,observed_at\n"
BAD_FILES: list[tuple[Any, type[WarehouseError], str]] = [
    (
        lambda folder: folder / "a.csv",
        SourceUnavailableError,
        "a.csv is not there: name a file of labels, .parquet or .csv",
    ),
    (lambda folder: folder, BadFileError, "neither .parquet nor .csv"),
    (text("a.json", b"{}"), BadFileError, "a.json is neither .parquet nor .csv"),
    (text("a.csv", b""), BadFileError, "a.csv is empty (0 bytes)"),
    (text("a.parquet", b""), BadFileError, "a.parquet is empty (0 bytes)"),
    (text("a.parquet", b"<html>"), BadFileError, "a.parquet is a web page"),
    (cut_off, BadFileError, "cut.parquet is cut off"),
    (twice, BadFileError, "the column 'label' comes twice"),
    (
        text("a.csv", HEADER + b"2022-02,1,1,\xff\xfe\n"),
        BadFileError,
        "a.csv is no text in UTF-8 (line 2, byte 13)",
    ),
    (
        text("a.csv", HEADER + b"2022-02,1,1,2022-02-10 10:00,5\n"),
        BadFileError,
        "line 2 has another number of values (5)",
    ),
    (
        text("a.csv", b"source_month,source_row,label\n2022-02,1,1\n"),
        BadFileError,
        "the required column observed_at is missing (it has source_month, source_row, label): a file of labels has",
    ),
    (text("a.csv", HEADER + b"2022-02,1,1\n"), BadFileError, "line 2 has another number of values (3)"),
    (text("a.csv", HEADER + b'2022-02,1,1,"2022-02-10 10:00\n'), BadFileError, "a.csv cannot be read"),
    (text("a.csv", b"label," + HEADER), BadFileError, "the column 'label' comes twice"),
    (text("a.csv", b"# of May\n" + HEADER), BadFileError, "columns source_month, source_row, label, observed_at are"),
    (
        text("a.csv", b"2022-02,1,1,2022-02-10 10:00\n"),
        BadFileError,
        "are missing (it has none of them)",
    ),
    (text("a.csv", HEADER.replace(b",", b";")), BadFileError, "its header is separated by ';' and not by commas"),
    (
        text("a.csv", HEADER + b"2022-02,1,2022-02-10 10:00,1\n"),
        BadFileError,
        "none of the 1 values of label can be read, the first is '2022-02-10 10:00' in record 1: a finite number is",
    ),
    (text("a.csv", HEADER + b"2022-02,1,1,02/10/2022\n" * 9), BadFileError, "none of the 9 values of observed_at"),
    (
        text("a.csv", HEADER + b"2022-02,1,1,\n2022-02,1,1,2022-02-20\n"),
        BadFileError,
        "the first is '2022-02-20' in record 2: a timestamp such as 2022-02-20 17:05, without a time zone it is UTC",
    ),
    (
        lambda folder: parquet(folder / "a.parquet", [("February", 1, 1.0, NOON)], source_month=pa.string()),
        BadFileError,
        "none of the 1 values of source_month can be read, the first is 'February' in record 1: the first day of a",
    ),
    (retyped((FEBRUARY, True, 1.0, NOON), source_row=pa.bool_()), BadFileError, "source_row is of type BOOLEAN"),
    (
        retyped((FEBRUARY, 1, "1.0", NOON), label=pa.string()),
        BadFileError,
        "label is of type VARCHAR, but a finite number",
    ),
    (retyped((FEBRUARY, 1, True, NOON), label=pa.bool_()), BadFileError, "label is of type BOOLEAN"),
    (retyped((FEBRUARY, 1, 1.0, FEBRUARY), observed_at=pa.date32()), BadFileError, "observed_at is of type DATE"),
    (retyped((202202, 1, 1.0, NOON), source_month=pa.int32()), BadFileError, "source_month is of type INTEGER"),
]


@pytest.mark.parametrize(("write", "kind", "message"), BAD_FILES)
def test_a_file_that_is_no_feed_changes_nothing(
    shop: Connection, tmp_path: Path, write: Any, kind: type[WarehouseError], message: str
) -> None:
    refresh(monitoring(amount=TRIPS), 1)
    before = contents(shop)
    with pytest.raises(kind) as error:
        load(write(tmp_path))
    assert message in str(error.value)
    assert contents(shop) == before


def test_a_file_that_breaks_off_while_it_is_read_changes_nothing(
    shop: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = csv(tmp_path / "a.csv", *(f"2022-02,{row},1,2022-02-10 10:00" for row in range(30)))
    read = label_file.records
    for end in (BadFileError("gone"), None):

        def some(file: TableFile, key: EventKey, end: Exception | None = end) -> Any:
            for number, record in enumerate(read(file, key)):
                if number == 20:
                    if end:
                        raise end
                    return
                yield record

        with monkeypatch.context() as patch:
            patch.setattr("models_ml.label_feed.records", some)
            with pytest.raises(BadFileError, match="gone" if end else "held 30 records when it was checked and 20"):
                load(path)
        assert contents(shop) == {table: [] for table in TABLES}
    assert load(path).accepted == 30


@pytest.mark.parametrize(
    "content",
    [
        "SOURCE_ROW,label,Source_Month,observed_at,note\r\n1,2,2022-02,2022-02-10 10:00,x\r\n#2,2,2022-02,n,\r\n",
        '\ufeffsource_month,source_row,label,observed_at\n"2022-02","1","2","2022-02-10 10:00"\n\n,,,\n',
        'source_month,source_row,label,observed_at,""\n2022-02,1,2,2022-02-10 10:00,\n2022-02,"1\n",2,"a\nb",\n',
    ],
)
def test_csv_is_read_as_it_is_written(shop: Connection, tmp_path: Path, content: str) -> None:
    (tmp_path / "a.csv").write_text(content, encoding="utf-8", newline="")
    result = load(tmp_path / "a.csv")
    assert (result.rows, result.accepted, result.quarantined) == (2, 1, 1)
    assert rows(shop, f"select {ROW}, label from ml.labels") == [(1, 2.0)]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_file_without_records_is_a_load_of_none(shop: Connection, tmp_path: Path, kind: str) -> None:
    path = csv(tmp_path / "a.csv") if kind == "csv" else parquet(tmp_path / "a.parquet", [])
    assert str(load(path)) == "labels: 0 rows: the file has its columns but no record, so no label came"
    assert rows(shop, "select rows from ml.label_loads") == [(0,)]


def test_the_same_file_twice_is_once(shop: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path / "a.csv", "2022-02,1,1,2022-02-10 10:00", "2022-02,1,1,2022-02-10 10:00")
    load(path)
    before = contents(shop)
    again = load(path.rename(tmp_path / "b.csv"))
    assert str(again) == f"labels: nothing new, this file is load {again.label_load_id} already (2 rows)"
    assert contents(shop) == before


def test_the_same_labels_in_another_file_are_unchanged(shop: Connection, tmp_path: Path) -> None:
    load(csv(tmp_path / "a.csv", "2022-02,1,1,2022-02-10 10:00", "2022-02,2,1,2022-02-10 10:00"))
    labels = rows(shop, "select * from ml.labels order by event_id")
    same = csv(tmp_path / "b.csv", "2022-02,2,1.0,2022-02-10 11:00+01:00", "2022-02,1,1.5,2022-02-10 10:00")
    result = load(same)
    assert (result.accepted, result.unchanged, result.reasons) == (0, 1, {"duplicate": 1})
    assert rows(shop, "select * from ml.labels order by event_id") == labels


def test_a_correction_is_kept_beside_what_it_corrects(shop: Connection, tmp_path: Path) -> None:
    load(csv(tmp_path / "a.csv", "2022-02,1,1,2022-02-10 10:00"))
    # The later one may come first.
    load(csv(tmp_path / "b.csv", "2022-02,1,3,2022-02-14 10:00", "2022-02,1,2,2022-02-12 10:00"))
    day = datetime(2022, 2, 10, 10, tzinfo=UTC)
    seen = [known(shop, "amount", day + timedelta(days=days)).get((FEBRUARY, 1)) for days in (-1, 0, 1, 2, 3, 4, 99)]
    assert seen == [None, 1, 1, 2, 2, 3, 3]


def test_after_its_trips_were_replaced_a_feed_is_matched_anew(shop: Connection, tmp_path: Path) -> None:
    path = csv(tmp_path / "a.csv", "2022-01,1,1,2022-02-10 10:00", "2022-02,1,1,2022-02-10 10:00")
    load(path)
    shop.execute("update shop.days set load_id = 7 where load_id = 2")
    shop.execute("update shop.orders set load_id = 7 where load_id = 2")
    assert known(shop, "amount", NOON) == {(JANUARY, 1): 1}
    result = load(path)
    assert (result.accepted, result.unchanged) == (1, 1)
    assert known(shop, "amount", NOON) == {(JANUARY, 1): 1, (FEBRUARY, 1): 1}


def test_a_feed_takes_the_place_of_labels_of_the_trips_and_keeps_it(shop: Connection, tmp_path: Path) -> None:
    refresh(monitoring(amount=TRIPS), 1)
    first = load(csv(tmp_path / "a.csv", "2022-02,1,1,2022-02-10 10:00"))
    assert (first.accepted, first.removed) == (1, 2 * ACCEPTED)
    assert load(csv(tmp_path / "b.csv", "2022-02,1,1,2022-02-10 10:00", "2022-02,1,,")).removed == 0
    assert rows(shop, f"select {ROW} from ml.labels") == [(1,)]
    assert pending(shop, monitoring(amount=FEED)) == ([], [])
    with pytest.raises(ConfigurationError, match=r"came with a feed \(.*a\.csv\).*write `feed: true`"):
        refresh(monitoring(amount=TRIPS), 2)
    assert rows(shop, f"select {ROW} from ml.labels") == [(1,)]


@pytest.mark.parametrize(
    ("labels", "named", "found"),
    [
        ({"a": FEED}, "", "a"),
        ({"a": FEED, "b": TRIPS}, "", "a"),
        ({"a": FEED, "b": FEED}, "b", "b"),
        ({"a": FEED, "b": FEED}, "", UsageError("name the target; datasets/green_trips.yml has: a, b")),
        (
            {"a": FEED},
            "c",
            UsageError("the target 'c' is the label of no model in datasets/green_trips.yml; there"),
        ),
        ({}, "", UsageError("datasets/green_trips.yml has: none")),
        ({"a": FEED, "b": TRIPS}, "b", ConfigurationError("write `label: {column: b, feed: true}`")),
        ({"b": TRIPS}, "", ConfigurationError("the labels of b are taken from the rows themselves")),
    ],
)
def test_which_target_a_file_is_for(labels: dict[str, Labels], named: str, found: str | WarehouseError) -> None:
    if isinstance(found, str):
        assert feed_target(monitoring(**labels), named) == found
        return
    with pytest.raises(type(found)) as error:
        feed_target(monitoring(**labels), named)
    assert str(found) in str(error.value)


def test_a_warehouse_without_trips_is_told_what_to_do(empty_warehouse: Connection, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="bring the warehouse up to date"):
        load(csv(tmp_path / "a.csv", "2022-02,1,1,2022-02-10 10:00"))
