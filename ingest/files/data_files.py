"""Which files a person means by a path: a file, a folder of parts, a hive folder or a pattern; all of one form.

Out: their paths in order, each opened once and held against the checksum files beside it, and the columns of their
headers where they are CSV. Called by ingest.inspection, ingest.datasets and ingest.files.table.
"""

from __future__ import annotations

import csv
import glob
import gzip
import io
import re
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Literal

from core.errors import BadFileError, SourceUnavailableError, printable
from core.files.checksums import checked_sha256
from core.files.columns import shortened
from core.files.input_files import LONGEST_RECORD, MOST_COLUMNS, open_regular
from core.files.table_files import check_parquet, check_text

Form = Literal["csv", "json", "parquet"]
_FORMS: dict[str, Form] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_VALID = "CSV (.csv, .tsv, .txt), JSON lines (.jsonl, .ndjson, .json), each also as .gz, or parquet (.parquet, .pq)"
_DELIMITERS = (",", ";", "\t", "|")
_QUOTES = ('"', "'")
_HIVE = re.compile(r"[^=/]+=[^/]*")
_MOST_FILES = 10_000
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Dialect:
    """How a CSV file parts its values, and the names in its header."""

    delimiter: str
    quote: str
    header: tuple[str, ...]


@dataclass(frozen=True)
class DataFiles:
    """Files of one form.

    Attributes:
        named: what the person named, absolute.
        is_hive: whether folders such as day=2022-02-20 are columns.
        dialect: of CSV.
    """

    named: Path
    paths: tuple[Path, ...]
    form: Form
    is_hive: bool
    dialect: Dialect | None

    @property
    def name(self) -> str:
        """What messages call them."""
        return self.named.name


def find_files(named: Path) -> DataFiles:
    """The files that a path means, opened and checked.

    Raises:
        SourceUnavailableError: there are none.
        BadFileError: one cannot be opened, is empty or what its name does not say, differs from its checksum, or they
            are of several forms or headers.
    """
    if "://" in str(named) or re.match(r"/.*\w+:/", str(named)):
        raise SourceUnavailableError(
            f"{named.name} lies at an address: files of this machine are inspected; get one of them, and write the "
            "address under source.files afterwards"
        )
    files = list_files(named)
    for path in files.paths:
        checked_hash(path)
        _check_content(path, files.form)
    dialect = _common_dialect(files.paths) if files.form == "csv" else None
    return replace(files, dialect=dialect)


def list_files(named: Path) -> DataFiles:
    """The files that a path means, of which none was opened yet: without a dialect.

    Raises:
        SourceUnavailableError: there are none.
        BadFileError: one is no data file by its name, or they are of several forms.
    """
    base, paths = _paths(named)
    forms = Counter(form for form in map(form_of, paths) if form is not None)
    if len(forms) > 1:
        counted = ", ".join(f"{count} {form}" for form, count in forms.most_common())
        raise BadFileError(f"{named} has files of several forms ({counted}): name those of one, such as {base}/*.csv")
    is_hive = all(holds_hive_folders(path.relative_to(base)) for path in paths)
    return DataFiles(named, paths, next(iter(forms)), is_hive, None)


def single_file(files: DataFiles, path: Path) -> DataFiles:
    """One of the files by itself, checked, in a dialect of its own.

    Raises:
        BadFileError: it cannot be opened, is empty or what its name does not say.
    """
    _check_content(path, files.form)
    dialect = read_dialect(path) if files.form == "csv" else None
    return DataFiles(path, (path,), files.form, files.is_hive, dialect)


def checked_hash(path: Path) -> str:
    """The sha256 of a file, held against the checksum files beside it.

    Raises:
        BadFileError: it cannot be opened, or differs.
    """
    return checked_sha256(path, None, f"a file that may be read is needed, {_VALID}")


def form_of(path: Path) -> Form | None:
    """What a file is by its name."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_packed = suffixes[-1:] == [".gz"]
    form = _FORMS.get("".join((suffixes[:-1] if is_packed else suffixes)[-1:]))
    return None if is_packed and form == "parquet" else form


def _paths(named: Path) -> tuple[Path, tuple[Path, ...]]:
    """The folder that they lie below, and the files."""
    if named.is_dir():
        base, candidates = named, sorted(path for path in named.rglob("*") if not path.is_dir())
        paths = [path for path in candidates if form_of(path) and not _is_hidden(path.relative_to(named))]
    elif not named.exists() and glob.has_magic(str(named)):
        base = Path(*named.parts[: _first_magic(named)])
        candidates = sorted(base.glob(str(named.relative_to(base))))
        paths = [path for path in candidates if not path.is_dir()]
        if paths and not all(form_of(path) for path in paths):
            other = next(path for path in paths if not form_of(path))
            raise BadFileError(f"{other.name} is no data file by its name: {_VALID} is")
    else:
        base, paths = named.parent, [named]
        if not named.exists():
            raise SourceUnavailableError(f"{named} is not there: name a file, a folder of files or a pattern with *")
        if form_of(named) is None:
            raise BadFileError(f"{named.name} is no data file by its name: {_VALID} is")
    if not paths:
        raise SourceUnavailableError(f"{named} has no data files: {_VALID} are read")
    if len(paths) > _MOST_FILES:
        raise BadFileError(f"{named} has {len(paths):,} files, at most {_MOST_FILES:,} are read: name a part of them")
    return base, tuple(paths)


def _first_magic(named: Path) -> int:
    return next(place for place, part in enumerate(named.parts) if glob.has_magic(part))


def _is_hidden(path: Path) -> bool:
    """What other programs leave beside data: _SUCCESS, .part-0.crc."""
    return any(part.startswith((".", "_")) for part in path.parts)


def holds_hive_folders(path: PurePath) -> bool:
    """Whether folders of a path below what was named are such as day=2022-02-20."""
    return any(_HIVE.fullmatch(part) for part in path.parts[:-1])


def _check_content(path: Path, form: Form | None) -> None:
    if form == "parquet":
        check_parquet(path)
    elif form == "csv":
        check_text(path)
    elif path.stat().st_size == 0:
        raise BadFileError(f"{path.name} is empty (0 bytes): JSON lines are needed; get it again")


def _common_dialect(paths: tuple[Path, ...]) -> Dialect:
    first = read_dialect(paths[0])
    for path in paths[1:]:
        other = read_dialect(path)
        if other != first:
            lacking = [name for name in first.header if name not in other.header]
            more = [name for name in other.header if name not in first.header]
            found = f"lacks {shortened(lacking)}" if lacking else f"has {shortened(more)}, too" if more else "differs"
            raise BadFileError(
                f"{path.name} has another header than {paths[0].name} (it {printable(found)}): CSV files of one "
                "dataset have the same columns in the same order; correct it, or name a part of them"
            )
    return first


def read_dialect(path: Path) -> Dialect:
    """The dialect of a CSV file, by its first line: the delimiter and quote that give the most names.

    Raises:
        BadFileError: there is no header, or it is no text in UTF-8.
    """
    line = _first_line(path)
    quote = _QUOTES[1] if line.startswith(_QUOTES[1]) else _QUOTES[0]
    headers = [_names(line, delimiter, quote) for delimiter in _DELIMITERS]
    best = max(range(len(headers)), key=lambda place: len(headers[place]))
    header = headers[best]
    if not any(header):
        raise BadFileError(f"{path.name} has no header: its first line names the columns")
    numbers = sum(_is_number(name) for name in header)
    if 2 * numbers > len(header):
        raise BadFileError(
            f"{path.name} has no header: {numbers} of the {len(header)} values in its first line are numbers; give it "
            "a first line with the columns' names"
        )
    if len(header) > MOST_COLUMNS:
        raise BadFileError(f"{path.name} has {len(header):,} columns, at most {MOST_COLUMNS:,} are read: split it")
    return Dialect(_DELIMITERS[best], quote, header)


def _first_line(path: Path) -> str:
    """The header, whose names hold no line ends."""
    with open_regular(path) as file:
        is_packed = file.peek(2)[:2] == _GZIP
        try:
            text = gzip.GzipFile(fileobj=file) if is_packed else file
            line = text.readline(LONGEST_RECORD + 1)
            decoded = line.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BadFileError(f"{path.name} is no text in UTF-8 (line 1): save it as CSV in UTF-8") from error
        except (OSError, EOFError, zlib.error) as error:
            raise BadFileError(f"{path.name} cannot be unpacked ({error}): get it again") from error
    if len(line) > LONGEST_RECORD:
        raise BadFileError(f"{path.name}: its first line is longer than {LONGEST_RECORD:,} bytes: is it a CSV file?")
    return decoded


def _names(line: str, delimiter: str, quote: str) -> tuple[str, ...]:
    try:
        values = next(csv.reader(io.StringIO(line), delimiter=delimiter, quotechar=quote), [])
    except csv.Error:
        return ()
    return tuple(value.strip() for value in values)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
