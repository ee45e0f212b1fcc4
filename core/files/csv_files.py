"""CSV as text in UTF-8, record by record, before DuckDB reads it: is it whole, and are its lines and values of bounds?

A path goes in, the header or the number of records comes out. What is counted here is held against what DuckDB gives:
a record that one of them does not see is none that may be lost. Called by core.files.table_files.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, cast

from core.errors import BadFileError
from core.files.input_files import LONGEST_RECORD, LONGEST_VALUE, open_regular

_CHUNK_BYTES = 64 * 1024
_MARK = b"\xef\xbb\xbf"


def open_text(path: Path) -> BinaryIO:
    """A regular file of text, unpacked as it is read where its name ends with .gz.

    Raises:
        OSError: as `open_regular`.
    """
    file: BinaryIO = open_regular(path)
    if path.suffix.lower() == ".gz":
        return cast(BinaryIO, _Unpacked(file))
    return file


class _Unpacked(gzip.GzipFile):
    """Closes the file that it reads, too; whatever is wrong with that is an OSError."""

    def __init__(self, packed: BinaryIO) -> None:
        super().__init__(fileobj=packed)
        self._packed = packed

    def read(self, size: int | None = -1) -> bytes:
        try:
            return super().read(size)
        except (EOFError, zlib.error) as error:
            raise gzip.BadGzipFile(str(error)) from error

    def close(self) -> None:
        super().close()
        self._packed.close()


def read_header(path: Path) -> list[str]:
    """The values of the first line, without blanks around them.

    Raises:
        BadFileError: there are none, or they cannot be read.
    """
    _, values = next(_records(path), (1, []))
    header = [name.strip() for name in values]
    if not any(header):
        raise BadFileError(f"{path.name} has no header: its first line names the columns, separated by commas")
    return header


def count_records(path: Path, width: int, needed: Mapping[str, int]) -> int:
    """How many records follow the header; `needed` are the places of the columns that are read, by name.

    Raises:
        BadFileError: one cannot be read, is too long, has another number of values, or one that is too long.
    """
    count = 0
    for line, values in _records(path):
        if not values:
            continue
        if len(values) != width:
            raise BadFileError(
                f"{path.name}: line {line} has another number of values ({len(values)}) than the header ({width}): "
                "correct it"
            )
        for name, place in needed.items():
            if len(values[place]) > LONGEST_VALUE:
                raise BadFileError(
                    f"{path.name}: line {line} holds a value of {name} of {len(values[place]):,} letters, at most "
                    f"{LONGEST_VALUE:,} are valid: correct it"
                )
        count += 1
    return max(0, count - 1)


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it begins in; a blank line is one without a value."""
    size = 0

    def lines(file: BinaryIO) -> Iterator[str]:
        nonlocal size
        for number, line in enumerate(_lines(file), 1):
            size += len(line)
            if size > LONGEST_RECORD:
                raise BadFileError(
                    f"{path.name}: line {number} or the record that it ends is longer than {LONGEST_RECORD:,} bytes, "
                    "the most that is read: is a quotation open, or is it no CSV file? Correct it"
                )
            try:
                yield line.decode()
            except UnicodeDecodeError as error:
                raise BadFileError(
                    f"{path.name} is no text in UTF-8 (line {number}, byte {error.start + 1}): save it as CSV in UTF-8"
                ) from error

    first = 1
    with open_text(path) as file:
        reader = csv.reader(lines(file), strict=True)
        try:
            for values in reader:
                size = 0
                yield first, values
                first = reader.line_num + 1
        except gzip.BadGzipFile as error:
            raise BadFileError(f"{path.name} cannot be unpacked ({error}): get it again") from error
        except csv.Error as error:
            raise BadFileError(
                f"{path.name} cannot be read as CSV (line {first}: {error}): correct it, or get it again"
            ) from error


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines with their ends (any of three), without the mark of UTF-8; one that is too long comes in pieces."""
    rest = file.read(_CHUNK_BYTES).removeprefix(_MARK)
    while chunk := file.read(_CHUNK_BYTES):
        # What may go on in the next chunk waits: the last line, and a \r before its \n.
        *whole, rest = (rest + chunk).splitlines(keepends=True)
        yield from whole
        if len(rest) > LONGEST_RECORD:
            yield rest
            rest = b""
    yield from rest.splitlines(keepends=True)
