"""Files that mean ill: none quotes a secret, keeps a reader waiting, loses a record or takes the machine's memory."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.paths import ROOT
from config.rules_file import load_rules
from core.errors import BadFileError, ConfigurationError
from core.files.checksums import checked_sha256
from core.files.input_files import LARGEST_TEXT
from ingest.tlc.read import inspect
from ingest.tlc.records import read_record
from models_ml.label_file import check_feed_file
from tests.files import FEBRUARY, trip_table, write_file
from tests.unit.core.files.test_table_files import NEEDED, READERS, good, header, line

READ = """
import sys, resource
from pathlib import Path
from tests.security.test_inputs import ALL_READERS
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    ALL_READERS[sys.argv[1]](Path(sys.argv[2]))
except Exception as error:
    print(type(error).__name__, error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
ALL_READERS: dict[str, Callable[[Path], Any]] = {**READERS, "trips": lambda path: inspect(path, FEBRUARY, "sha")}


def refusal(read: Callable[[Path], Any], path: Path) -> str:
    with pytest.raises((BadFileError, ConfigurationError)) as caught:
        read(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "content", ["{0}", "{0}\n", "{0}:{0},{0}\n", "user={0}\n\n{0}", '"{0}\n', "\n{0}", "{0},{0}\n"]
)
@pytest.mark.parametrize("kind", list(NEEDED))
def test_a_link_to_a_secret_is_never_quoted(kind: str, content: str, tmp_path: Path) -> None:
    secret = secrets.token_urlsafe(24)
    (tmp_path / "password").write_text(content.format(secret))
    for suffix in (".csv", ".parquet"):
        link = tmp_path / f"link{suffix}"
        link.symlink_to(tmp_path / "password")
        message = refusal(READERS[kind], link)
        assert not any(secret[at : at + 5] in message for at in range(len(secret) - 4)), message


def test_what_lies_beside_the_data_is_never_quoted(tmp_path: Path) -> None:
    secret = secrets.token_urlsafe(24)
    (tmp_path / "password").write_text(f"{secret}\n")
    path = write_file(tmp_path, FEBRUARY, trip_table(FEBRUARY))
    for name in ("SHA256SUMS", f"{path.name}.sha256"):
        link = tmp_path / name
        link.symlink_to(tmp_path / "password")
        assert secret[:4] not in refusal(lambda found: checked_sha256(found, None), path)
        link.unlink()


@pytest.mark.parametrize("text", ["{0}", "password: {0}", "models: {{}}\npassword: {0}", "- {0}"])
def test_another_file_than_a_monitoring_yml_is_never_quoted(text: str, tmp_path: Path) -> None:
    secret = secrets.token_urlsafe(24)
    (tmp_path / "secrets.yml").write_text(text.format(secret))
    assert secret[:4] not in refusal(load_rules, tmp_path / "secrets.yml")


def test_a_link_to_a_file_of_the_kind_is_read(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = write_file(tmp_path / "elsewhere", FEBRUARY, trip_table(FEBRUARY))
    (tmp_path / path.name).symlink_to(path)
    assert inspect(tmp_path / path.name, FEBRUARY, "sha").rows == 12
    (tmp_path / "object-without-a-suffix").write_text(good("labels"))
    (tmp_path / "labels.csv").symlink_to(tmp_path / "object-without-a-suffix")
    assert check_feed_file(tmp_path / "labels.csv").rows == 2


@pytest.mark.parametrize("make", ["fifo", "socket", "device", "folder"])
def test_what_is_no_regular_file_is_refused_at_once(make: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def put(path: Path) -> None:
        if make == "fifo":
            os.mkfifo(path)
        elif make == "socket":
            with socket.socket(socket.AF_UNIX) as listening:
                monkeypatch.chdir(path.parent)  # a socket's path is short
                listening.bind(path.name)
        elif make == "device":
            path.symlink_to("/dev/zero")
        else:
            path.mkdir()

    words = {"fifo": "named pipe", "socket": "socket", "device": "device", "folder": "Is a directory"}[make]
    for name, read in (
        ("file.csv", READERS["labels"]),
        ("file.parquet", READERS["predictions"]),
        (f"green_tripdata_{FEBRUARY}.parquet", ALL_READERS["trips"]),
        ("monitoring.yml", load_rules),
    ):
        put(tmp_path / name)
        if name.startswith("green"):
            assert words in refusal(lambda found: checked_sha256(found, None), tmp_path / name)
        else:
            assert words in refusal(read, tmp_path / name)
    path = write_file(tmp_path / "whole", FEBRUARY, trip_table(FEBRUARY))
    put(path.with_name("SHA256SUMS"))
    put(path.with_name(f"{path.name}.download.json"))
    assert words in refusal(lambda found: checked_sha256(found, None), path)
    assert read_record(path) is None


def test_settings_and_checksums_of_any_size_are_not_read(tmp_path: Path) -> None:
    path = write_file(tmp_path, FEBRUARY, trip_table(FEBRUARY))
    with (tmp_path / "SHA256SUMS").open("wb") as file:
        file.truncate(LARGEST_TEXT + 1)
    assert "larger than 16,777,216 bytes" in refusal(lambda found: checked_sha256(found, None), path)
    (tmp_path / "SHA256SUMS").rename(tmp_path / "monitoring.yml")
    assert "larger than 16,777,216 bytes" in refusal(load_rules, tmp_path / "monitoring.yml")


def _quoted(size: int) -> Callable[[str], str]:
    return lambda kind: header(kind)[:-1] + ",note\n" + line(kind)[:-1] + ',"' + "b" * size + '\nx"\n'


LOST: dict[str, Callable[[str], str]] = {
    "a value of two lines": _quoted(70_000_000),
    "a value of two lines that other readers drop": _quoted(3_000_000),
    "a long last line": lambda kind: good(kind) + line(kind)[:-1] + "0" * 3_000_000,
    "a long value": lambda kind: header(kind) + line(kind)[:-1] + "0" * 1001 + "\n",
}


@pytest.mark.parametrize("kind", list(NEEDED))
@pytest.mark.parametrize("case", list(LOST))
def test_every_record_is_read_or_the_file_is_refused(kind: str, case: str, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text(LOST[case](kind))
    message = refusal(READERS[kind], path)
    assert message.startswith("file.csv")
    assert len(message) < 400


@pytest.mark.parametrize("kind", list(NEEDED))
@pytest.mark.parametrize("size", [10, 100_000])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_records_of_several_lines_are_counted(kind: str, size: int, end: str, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    note = f',"{"b" * size}{end}{end}""x"""{end}'
    records = "".join(line(kind, source_row=str(row))[:-1] + note for row in range(30))
    path.write_bytes((header(kind)[:-1] + f",note{end}" + records).encode())
    found = READERS[kind](path)
    assert (found.rows if isinstance(found.rows, int) else len(found.rows)) == 30


def test_rows_that_a_footer_promises_and_nobody_finds_are_missed(tmp_path: Path) -> None:
    path = tmp_path / "labels.parquet"
    columns = {"source_month": ["2022-02-01"] * 77, "source_row": range(77), "label": [0.5] * 77}
    pq.write_table(pa.table({**columns, "observed_at": pa.array([0] * 77, pa.timestamp("us"))}), path)
    content = path.read_bytes()
    footer = content[-8 - int.from_bytes(content[-8:-4], "little") :]
    # The row count of the whole file, as thrift writes it: field 3, an i64 of 77 in zigzag (154).
    assert footer.count(b"\x16\x9a\x01\x19") == 1
    path.write_bytes(content.removesuffix(footer) + footer.replace(b"\x16\x9a\x01\x19", b"\x16\x9c\x01\x19"))
    assert "its footer promises 78 rows, 77 are there" in refusal(READERS["labels"], path)


def _dictionary(rows: int, text: str) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array([text]))


def _bomb(folder: Path, kind: str, column: str, plain: bool) -> Path:
    """A small parquet file whose text column unpacks to 300 MB, more than may be read at once."""
    rows, text = 30_000, "x" * 10_000
    if kind == "trips":
        table = trip_table(FEBRUARY).take(pa.array([0] * rows))
    else:
        columns: dict[str, Any] = {"source_month": _dictionary(rows, "2022-02-01"), "source_row": range(rows)}
        columns |= {"label": [0.5] * rows, "observed_at": pa.array([0] * rows, pa.timestamp("us"))}
        columns |= {"prediction": [0.5] * rows}
        table = pa.table({name: columns[name] for name in NEEDED[kind]})
    bomb = _dictionary(rows, text)
    if plain:
        bomb = bomb.cast(pa.string())
    names = table.column_names
    table = (
        table.set_column(names.index(column), column, bomb) if column in names else table.append_column(column, bomb)
    )
    path = folder / f"green_tripdata_{FEBRUARY}.parquet"
    pq.write_table(table, path, compression="zstd", use_dictionary=not plain, data_page_size=2**30, row_group_size=rows)
    return path


BOMBS = {
    ("trips", "store_and_fwd_flag", False): "of at most 1,000 bytes",
    ("trips", "store_and_fwd_flag", True): "unpacks to 300,",
    ("trips", "note", True): "",
    ("labels", "source_month", False): "a value of source_month of 10,000 bytes",
    ("labels", "note", False): "",
    ("predictions", "model_version", False): "a value of model_version of 10,000 bytes",
    ("predictions", "model_version", True): "unpacks to 300,",
    ("predictions", "note", True): "",
}


def make_bombs(folder: Path) -> None:
    for kind, column, plain in BOMBS:
        path = folder / _name(kind, column, plain)
        path.mkdir()
        _bomb(path, kind, column, plain)


def _name(kind: str, column: str, plain: bool) -> str:
    return f"{kind}-{column}-{plain}"


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them. A child is measured from what this process has at its beginning: another one makes them."""
    folder = tmp_path_factory.mktemp("bombs")
    made = (
        "import sys, pathlib; from tests.security.test_inputs import make_bombs; make_bombs(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", made, str(folder)], cwd=ROOT, check=True, timeout=600)
    return folder


@pytest.mark.parametrize(("kind", "column", "plain"), list(BOMBS))
def test_small_parquet_takes_little_memory(kind: str, column: str, plain: bool, bombs: Path) -> None:
    path = bombs / _name(kind, column, plain) / f"green_tripdata_{FEBRUARY}.parquet"
    assert path.stat().st_size < 500_000
    said, grown = _grown(kind, path)
    words = BOMBS[kind, column, plain]
    assert (words in said) if words else (said == ""), said
    assert grown < 150


@pytest.mark.parametrize("kind", list(NEEDED))
def test_a_header_without_an_end_takes_little_memory(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    with path.open("w") as file:
        file.write(header(kind)[:-1] + ",")
        for _ in range(300):
            file.write("a" * 1_000_000)
        file.write("\n" + line(kind))
    said, grown = _grown(kind, path)
    assert "line 1 or the record that it ends is longer than" in said
    assert grown < 100


def _grown(kind: str, path: Path) -> tuple[str, float]:
    """What reading said, and by how many MB the process that read has grown."""
    ended = subprocess.run(
        [sys.executable, "-c", READ, kind, str(path)], cwd=ROOT, capture_output=True, text=True, check=True, timeout=300
    )
    *said, grown = ended.stdout.splitlines()
    return "\n".join(said), int(grown) / 1024


def test_a_parquet_file_of_too_many_rows_columns_or_footer_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file.parquet"
    pq.write_table(
        pa.table({name: pa.nulls(1) for name in (*NEEDED["labels"], *(f"c{number}" for number in range(9_999)))}), path
    )
    assert "has 1 rows and 10,003 columns, at most 10,000,000 and 10,000 are read" in refusal(READERS["labels"], path)
    many = {name: pa.nulls(10_000_001) for name in NEEDED["labels"]}
    pq.write_table(pa.table(many), path)
    assert "at most 10,000,000" in refusal(READERS["labels"], path)
    content = path.read_bytes()
    path.write_bytes(content[:-8] + (17 * 1024**2).to_bytes(4, "little") + content[-4:])
    assert "its footer is said to have 17,825,792 bytes" in refusal(READERS["labels"], path)
