"""What is kept beside a downloaded file: small JSON records, written whole or not at all.

A `DownloadRecord` lies beside a complete file as `<name>.download.json`. Called by ingest.tlc.download, which
writes it, and by ingest.tlc.sources, which reads it without needing anything of the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter

from core.files.input_files import read_small
from core.files.unfinished import unfinished

_Stored = TypeVar("_Stored")
_SUFFIX = ".download.json"


@dataclass(frozen=True)
class DownloadRecord:
    """Where a downloaded file came from and what arrived; `bytes` is its size, `sha256` is in hex."""

    url: str
    sha256: str
    bytes: int
    etag: str | None
    last_modified: str | None


def read_record(target: Path) -> DownloadRecord | None:
    """The record of a downloaded file; None if the file or the record is missing, or the two do not fit."""
    record = stored(record_path(target), DownloadRecord)
    if record is None or not target.is_file() or target.stat().st_size != record.bytes:
        return None
    return record


def record_path(target: Path) -> Path:
    """Where the record of a downloaded file lies."""
    return target.with_name(target.name + _SUFFIX)


def stored(path: Path, kind: type[_Stored]) -> _Stored | None:
    """The value stored at `path`; None if it is missing or garbled."""
    try:
        return TypeAdapter(kind).validate_json(read_small(path), strict=True)
    except (OSError, ValueError):
        return None


def write_json(path: Path, value: object) -> None:
    """Store a value; the file appears complete or not at all."""
    with unfinished(path) as part:
        part.write_bytes(TypeAdapter(type(value)).dump_json(value, indent=2) + b"\n")
