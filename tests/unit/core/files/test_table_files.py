"""Files of labels and of predictions are read by one reader: the same faults in the same words, the same texts taken.

What is said of trips, which are parquet only, stands in tests/unit/ingest/tlc/test_read.py.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.monitoring import Model
from core.errors import BadFileError, SourceUnavailableError
from ingest.tlc.read import inspect
from models_ml.label_file import check_feed_file, records
from models_ml.prediction_files import read_predictions
from tests.files import FEBRUARY, trip_table, write_file
from tests.monitoring import green_trips

MODEL: Model = next(model for model in green_trips().models.values() if model.task == "regression")
NEEDED = {
    "labels": ("source_month", "source_row", "label", "observed_at"),
    "predictions": ("source_month", "source_row", "prediction"),
}
RECORD = {
    "source_month": "2022-02",
    "source_row": "7",
    "label": "0.5",
    "prediction": "0.5",
    "observed_at": "2022-02-10 10:00",
}
READERS: dict[str, Callable[[Path], Any]] = {
    "labels": check_feed_file,
    "predictions": lambda path: read_predictions(path, "m", MODEL, ""),
}


def line(kind: str, **values: str) -> str:
    return ",".join({**RECORD, **values}[name] for name in NEEDED[kind]) + "\n"


def header(kind: str) -> str:
    return ",".join(NEEDED[kind]) + "\n"


def good(kind: str) -> str:
    return header(kind) + line(kind) + line(kind, source_row="8")


def last_twice(kind: str, spelling: str) -> str:
    return "".join(f"{row[:-1]},{row[:-1].split(',')[-1]}\n" for row in good(kind).splitlines(True)).replace(
        f"{NEEDED[kind][-1]},{NEEDED[kind][-1]}", f"{NEEDED[kind][-1]},{spelling}"
    )


# How a file is made of a kind, and the parts that its message must have.
BAD: dict[str, tuple[Callable[[str], str | bytes], tuple[str, ...]]] = {
    "name twice": (lambda k: last_twice(k, NEEDED[k][-1]), ("comes twice, the second time as", "remove one of them")),
    "in two cases": (lambda k: last_twice(k, NEEDED[k][-1].upper()), ("comes twice", "upper and lower case are the")),
    "empty": (lambda k: b"", ("is empty (0 bytes)", "a CSV file is needed")),
    "a mark only": (lambda k: b"\xef\xbb\xbf", ("has no header", "separated by commas")),
    "blank header": (lambda k: "\n" + good(k), ("has no header",)),
    "no header": (
        lambda k: line(k),
        ("the required columns source_month, source_row, ", " are missing (it has none of them): a file of"),
    ),
    "UTF-16": (lambda k: good(k).encode("utf-16"), ("is text in UTF-16", "save it as CSV in UTF-8")),
    "latin 1": (lambda k: good(k).encode() + b"\xe9\n", ("is no text in UTF-8 (line 4, byte 1): save it as CSV",)),
    "zipped": (lambda k: gzip.compress(good(k).encode()), ("is no text in UTF-8 (line 1", "save it as CSV")),
    "parquet": (lambda k: b"PAR1" + b"0" * 90 + b"PAR1", ("is no CSV file", "name it .parquet")),
    "a page": (lambda k: "<!DOCTYPE html>\n<html>", ("is a web page", "no CSV file", "get the file again")),
    "semicolons": (lambda k: good(k).replace(",", ";"), ("separated by ';' and not by commas", "points in numbers")),
    "tabs": (lambda k: good(k).replace(",", "\t"), ("separated by '\\t' and not by commas",)),
    "short record": (lambda k: good(k) + "2022-02,9\n", ("line 4 has another number of values (2) than the header (",)),
    "long record": (lambda k: good(k) + line(k)[:-1] + ",1\n", ("line 4 has another number of values (",)),
    "open quotation": (lambda k: good(k) + '"2022-02,1', ("cannot be read as CSV (line 4: unexpected end of data",)),
    "endless value": (
        lambda k: header(k) + line(k, source_row="9" * 3_000_000),
        ("line 2 or the record that it ends is longer than 1,048,576 bytes",),
    ),
    "endless name": (lambda k: "a" * 200_000 + "," + good(k), ("cannot be read as CSV (line 1: field larger than",)),
    "zero character": (lambda k: header(k) + line(k, source_row="7\0"), ("the first is '7\\x00' in record 1",)),
    "missing column": (
        lambda k: good(k).replace("source_row", "row"),
        ("the required column source_row is missing (it has source_month, row", "a file of", "has the columns"),
    ),
    "comma in a number": (lambda k: header(k) + line(k, source_row='"7,5"'), ("none of the 1 values of source_row",)),
    "no month": (lambda k: header(k) + line(k, source_month="2022-02-03"), ("the first day of a month", "is needed")),
}


@pytest.mark.parametrize("kind", list(NEEDED))
@pytest.mark.parametrize("fault", list(BAD))
def test_a_fault_is_told_in_the_same_words(kind: str, fault: str, tmp_path: Path) -> None:
    make, parts = BAD[fault]
    path = tmp_path / "file.csv"
    content = make(kind)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadFileError) as caught:
        READERS[kind](path)
    message = str(caught.value)
    assert message.startswith("file.csv")
    assert [part for part in parts if part not in message] == [], message
    assert message.isprintable()
    assert len(message) < 400


@pytest.mark.parametrize(
    "write",
    [
        lambda text: text.encode(),
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: text.rstrip("\n").encode(),
        lambda text: (text + "\n\n").encode(),
        lambda text: text.upper().encode(),
        lambda text: text.replace(",", " , ").encode(),
        lambda text: text.replace("\n", ",\n").encode(),
        lambda text: ("".join(f",,{row}" for row in text.splitlines(True))).encode(),
        lambda text: "\n".join(",".join(f'"{v}"' for v in row.split(",")) for row in text.splitlines()).encode(),
        lambda text: text.replace("2022-02,", "2022-02-01,").replace(",7,", ",7.0,").encode(),
    ],
)
def test_the_same_texts_are_taken(write: Callable[[str], bytes], tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_bytes(write(good("predictions")))
    rows = READERS["predictions"](path).rows.drop(columns="record")
    assert rows.to_numpy().tolist() == [["m-v1", date(2022, 2, 1), row, 0.5, None] for row in (7, 8)]
    path.write_bytes(write(good("labels")))
    read = [record[:6] for record in records(check_feed_file(path))]
    assert read == [(n, date(2022, 2, 1), 6 + n, 0.5, 1_644_487_200_000_000, None) for n in (1, 2)]


@pytest.mark.parametrize("kind", list(NEEDED))
def test_the_same_parquet_is_taken_and_refused(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    months = pa.array(["2022-02-01"] * 2).dictionary_encode()
    columns = {
        "source_month": months,
        "SOURCE_ROW": pa.array([7.0, 8.0]),
        NEEDED[kind][2]: pa.array([1, 0], pa.uint64()),
        "observed_at": pa.array([0, 0], pa.timestamp("ms")),
    }
    pq.write_table(pa.table(columns), path)
    READERS[kind](path)
    for name, values, words in (
        ("source_month", pa.array([202202] * 2), "the column source_month is of type BIGINT, but the first day of a"),
        ("SOURCE_ROW", pa.array(["7", "8"]), "the column source_row is of type VARCHAR, but a whole number from 0 is"),
        (NEEDED[kind][2], pa.array([True, False]), f"the column {NEEDED[kind][2]} is of type BOOLEAN, but a finite"),
    ):
        pq.write_table(pa.table({**columns, name: values}), path)
        with pytest.raises(BadFileError, match=words):
            READERS[kind](path)


@pytest.mark.parametrize("kind", ["trips", *NEEDED])
def test_parquet_that_is_none_is_told_as_of_trips(kind: str, tmp_path: Path) -> None:
    path = write_file(tmp_path, FEBRUARY, trip_table(FEBRUARY))
    readers: dict[str, Callable[[Path], Any]] = {**READERS, "trips": lambda path: inspect(path, FEBRUARY, "sha")}
    read = readers[kind]
    content = path.read_bytes()
    for written, words in (
        (b"", "is empty \\(0 bytes\\): a parquet file is needed"),
        (b"<html>", "is a web page"),
        (b"a,b\n1,2\n", "is no parquet file"),
        (content[:-9], "is cut off"),
        (content[:-60] + b"\xff" * 52 + content[-8:], "cannot be read as parquet"),
    ):
        path.write_bytes(written)
        with pytest.raises(BadFileError, match=f"^{path.name} {words}"):
            read(path)


@pytest.mark.parametrize("kind", list(NEEDED))
def test_what_is_no_such_file_is_told_in_the_same_words(kind: str, tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailableError, match=f"none.csv is not there: name a file of {kind}, .parquet or .csv"):
        READERS[kind](tmp_path / "none.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(BadFileError, match=rf"folder.csv cannot be opened \(Is a directory\): a file of {kind}"):
        READERS[kind](tmp_path / "folder.csv")
    with pytest.raises(BadFileError, match=r"sheet\.txt\.gz is neither \.parquet nor \.csv by its name"):
        READERS[kind](tmp_path / "sheet.txt.gz")


@pytest.mark.parametrize("kind", list(NEEDED))
def test_a_packed_file_is_read_as_it_is_unpacked(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.csv.gz"
    path.write_bytes(gzip.compress(good(kind).encode()))
    assert (READERS[kind](path).rows if kind == "labels" else len(READERS[kind](path).rows)) == 2
    path.write_bytes(gzip.compress((header(kind) + "1," * 2_000_000).encode()))
    with pytest.raises(BadFileError, match=r"file.csv.gz: line 2 .* is longer than 1,048,576 bytes"):
        READERS[kind](path)
    for content, words in (
        (b"", "is empty"),
        (good(kind).encode(), "cannot be unpacked"),
        (gzip.compress(good(kind).encode())[:-12], "cannot be unpacked"),
        (gzip.compress(b"PAR1"), "is no CSV file"),
    ):
        path.write_bytes(content)
        with pytest.raises(BadFileError, match=f"^file.csv.gz {words}"):
            READERS[kind](path)


def test_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    header = "note,,source_month,source_row,prediction,__index_level_0__"  # the last one is pandas' own
    path.write_text(f"{header}\nx,,2022-02,1,0.5,7\n", encoding="utf-8")
    assert READERS["predictions"](path).extra == ("note", "''")


def test_an_empty_frame_holds_no_value_and_is_of_no_wrong_type(tmp_path: Path) -> None:
    columns = ("source_month", "source_row", "prediction")
    pq.write_table(pa.table({name: pa.nulls(0) for name in columns}), tmp_path / "none.parquet")
    with pytest.raises(BadFileError, match=r"none\.parquet holds no prediction: it has its columns, and no record"):
        READERS["predictions"](tmp_path / "none.parquet")
