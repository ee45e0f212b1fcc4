"""Which files a path means, in which form and dialect; and the message where they cannot be read."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pandas as pd
import pytest

from core.errors import BadFileError, SourceUnavailableError
from ingest.files.data_files import find_files, read_dialect
from ingest.files.table import opened, sampled, warehouse_name
from tests.unit.ingest.conftest import Write

FRAME = pd.DataFrame({"Id": [1, 2, 3], "Na me": ["x;y", 'say "b"', "ü"], "v": [0.5, 1.5, 2.5]})


def rows(path: Path) -> list[tuple[object, ...]]:
    with opened(find_files(path)) as table:
        return table.select(", ".join(field.sql for field in table.fields), "order by 1")


def names(path: Path) -> list[str]:
    with opened(find_files(path)) as table:
        return [field.name for field in table.fields]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv", "a.txt"])
@pytest.mark.parametrize("options", [{}, {"sep": ";"}, {"sep": "\t"}, {"sep": "|"}, {"quotechar": "'"}])
def test_csv_is_read_in_its_dialects(write: Write, name: str, options: dict[str, str]) -> None:
    path = write(name, FRAME, **options, quoting=1)
    assert rows(path) == [("1", "x;y", "0.5"), ("2", 'say "b"', "1.5"), ("3", "ü", "2.5")]
    assert names(path) == ["id", "na_me", "v"]


@pytest.mark.parametrize("name", ["a.parquet", "a.pq", "a.jsonl", "a.jsonl.gz", "a.ndjson", "a.json"])
def test_parquet_and_json_lines_come_with_their_types(write: Write, name: str) -> None:
    assert rows(write(name, FRAME)) == [(1, "x;y", 0.5), (2, 'say "b"', 1.5), (3, "ü", 2.5)]


def test_a_mark_of_utf8_and_ends_of_windows_lines_are_no_part_of_values(write: Write) -> None:
    assert rows(write("a.csv", b"\xef\xbb\xbfa,b\r\n1,2\r\n")) == [("1", "2")]
    assert read_dialect(write("b.csv", b"\xef\xbb\xbfa;b\r\n1;2\r\n")).header == ("a", "b")


def test_a_folder_of_parts_and_a_pattern_are_one_table(write: Write, tmp_path: Path) -> None:
    for part in ("a", "b"):
        write(f"parts/{part}.parquet", FRAME)
    write("parts/_SUCCESS", "")
    write("parts/.part.crc", "x")
    assert len(rows(tmp_path / "parts")) == 6
    assert len(rows(tmp_path / "parts" / "*.parquet")) == 6
    assert [path.name for path in find_files(tmp_path / "parts" / "b*").paths] == ["b.parquet"]


def test_names_with_the_letters_of_patterns_are_files(write: Write) -> None:
    assert len(rows(write("a[1]*.csv", FRAME))) == 3


def test_folders_of_a_hive_are_a_column(write: Write, tmp_path: Path) -> None:
    write("log/day=2022-01-01/a.parquet", FRAME)
    write("log/day=2022-01-02/a.parquet", FRAME)
    assert names(tmp_path / "log")[-1] == "day"
    write("csv/day=2022-01-01/a.csv", FRAME)
    with opened(find_files(tmp_path / "csv")) as table:
        assert [field.name for field in table.fields] == ["id", "na_me", "v", "day"]
        assert str(table.one(f"min({table.fields[-1].sql})")[0]) == "2022-01-01"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.xlsx", "x", "a.xlsx is no data file by its name: CSV (.csv, .tsv, .txt), JSON lines"),
        ("a.parquet.gz", "x", "a.parquet.gz is no data file by its name"),
        ("a.csv", "", "a.csv is empty (0 bytes)"),
        ("a.jsonl", "", "a.jsonl is empty (0 bytes): JSON lines are needed"),
        ("a.csv", "a,b\n", "a.csv holds no row"),
        ("a.csv", "1,2\n3,4\n", "a.csv has no header: 2 of the 2 values in its first line are numbers"),
        ("a.csv", "\n1,2\n", "a.csv has no header: its first line names the columns"),
        ("a.csv", "a,b\n1,2\n1,2,3\n", "a.csv cannot be read as csv (line 3: 3 values, the header has 2 names"),
        ("a.csv", b"a,b\n1,\xe4\n", "it is no text in UTF-8; save it as UTF-8"),
        ("a.csv", b"\xe4,b\n1,2\n", "a.csv is no text in UTF-8 (line 1)"),
        ("a.csv", b"\xff\xfea\x00", "a.csv is text in UTF-16: save it as CSV in UTF-8"),
        ("a.csv", "<!doctype html><p>404", "a.csv is a web page"),
        ("a.csv", b"PAR1 and more", "it begins as a parquet file does: name it .parquet"),
        ("a.csv.gz", b"\x1f\x8b not packed", "a.csv.gz cannot be unpacked"),
        ("a.csv", "a,A\n1,2\n", "a.csv: the column 'a' comes twice, the second time as 'A'"),
        ("a.parquet", "PAR1 and no footer", "a.parquet is cut off"),
        ("a.jsonl", '{"a": 1}\n{"a": tru\n', "a.jsonl cannot be read as json (Invalid Input Error: Malformed JSON"),
    ],
)
def test_what_cannot_be_read_says_why(write: Write, name: str, content: str | bytes, message: str) -> None:
    path = write(name, content)
    with pytest.raises(BadFileError) as caught:
        rows(path)
    assert message in str(caught.value)


def test_no_message_quotes_a_line_of_a_file(write: Write) -> None:
    path = write("a.csv", "a,b\n1,2\nhunter2,secret,3\n")
    with pytest.raises(BadFileError) as caught:
        rows(path)
    assert "hunter2" not in str(caught.value)


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.csv", tmp_path / "*.csv", tmp_path):
        with pytest.raises(SourceUnavailableError, match=r"is not there|has no data files"):
            find_files(path)
    with pytest.raises(SourceUnavailableError, match="lies at an address: files of this machine are inspected"):
        find_files(tmp_path / "s3:/bucket/loans.csv")


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(BadFileError, match="it is a named pipe, no regular file"):
        find_files(tmp_path / "a.csv")


def test_files_of_several_forms_or_headers_are_no_dataset(write: Write, tmp_path: Path) -> None:
    write("a.csv", FRAME)
    write("b.csv", FRAME.drop(columns="v"))
    with pytest.raises(BadFileError, match=r"b.csv has another header than a.csv \(it lacks v\)"):
        find_files(tmp_path)
    write("c.parquet", FRAME)
    with pytest.raises(BadFileError, match=r"files of several forms \(2 csv, 1 parquet\)"):
        find_files(tmp_path)
    write("d.note", "x")
    with pytest.raises(BadFileError, match=r"d.note is no data file by its name"):
        find_files(tmp_path / "d*")


def test_a_file_that_differs_from_its_checksum_is_refused(write: Write, tmp_path: Path) -> None:
    path = write("a.csv", FRAME)
    (tmp_path / "SHA256SUMS").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  a.csv\n", encoding="ascii")
    assert len(rows(path)) == 3
    write("a.csv", FRAME.head(2))
    with pytest.raises(BadFileError, match="is not the file that SHA256SUMS means"):
        find_files(path)


def test_a_sample_is_small_and_the_same_every_time(write: Write) -> None:
    path = write("a.csv.gz", gzip.compress(b"a\n" + b"".join(b"%d\n" % number for number in range(120_000))))
    samples = []
    for _ in range(2):
        with opened(find_files(path)) as table:
            sample = sampled(table)
            assert table.rows == 120_000
            assert sample.rows == sample.one("count(*)")[0]
            samples.append(sample.select("position, c0"))
    assert 30_000 < len(samples[0]) < 50_000
    assert samples[0] == samples[1]
    assert all(position == int(text) + 1 for position, text in samples[0])


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("AGEP", "agep"),
        ("Car Value (€)", "car_value"),
        ("2nd", "c_2nd"),
        ("Größe", "groe"),
        ("", "c"),
        ("a-b", "a_b_2"),
    ],
)
def test_names_in_the_warehouse_are_lower_case_letters_digits_and_underscores(spelling: str, name: str) -> None:
    assert warehouse_name(spelling, {"a_b"}) == name
    assert len(warehouse_name("x" * 200, set())) <= 63
