"""Is a file the one that its publisher, its download or its owner meant? Hashes that lie beside it say so.

In: a file of trips, labels or predictions. Out: the sha256 of its bytes, held against the line of `SHA256SUMS` in the
same folder and against `<name>.sha256`, where there are such; a month's file also against what its download wrote down.
Both are what `sha256sum` writes. Called by ingest, models_ml and pipeline.
"""

from __future__ import annotations

import re
from hashlib import file_digest
from pathlib import Path

from core.advice import Advice
from core.errors import BadFileError
from core.files.input_files import open_regular, read_small

LIST_NAME = "SHA256SUMS"
_OWN_SUFFIX = ".sha256"
# A line of sha256sum: a backslash where the name is escaped, the hash, a space, a space (or * for binary), the name.
_LINE = re.compile(r"(?P<escaped>\\?)(?P<sha256>[0-9a-fA-F]{64}) [ *](?P<name>.+)")
_BARE = re.compile(r"[0-9a-fA-F]{64}")
_MONTH_NEEDED = f"a parquet file that may be read is needed there; put it there, or {Advice.NAME_DATA_FOLDER}"
_ESCAPES = {r"\\": "\\", r"\n": "\n", r"\r": "\r"}


def checked_sha256(path: Path, downloaded: str | None, needed: str = _MONTH_NEEDED) -> str:
    """A file's sha256, after every hash that is known of it has agreed; `downloaded` is the download's own.

    `needed` are words on what has to be there where the file cannot be opened.

    Raises:
        BadFileError: the file cannot be opened, differs from one of them, or a checksum file cannot be understood.
    """
    try:
        with open_regular(path) as file:
            sha256 = file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise BadFileError(f"{path} cannot be opened ({error.strerror}): {needed}") from error
    if downloaded not in (None, sha256):
        raise BadFileError(
            f"{path} has changed since it was downloaded (sha256 {sha256[:12]}..., then {str(downloaded)[:12]}...): "
            f"delete it to fetch it again, or delete {path.name}.download.json to load it as a file of your own"
        )
    _check_stated(path, sha256)
    return sha256


def _check_stated(path: Path, sha256: str) -> None:
    """Hold the sha256 of a file's bytes against the checksum files beside it, if there are such.

    Raises:
        BadFileError: it differs from one of them, or a checksum file cannot be understood.
    """
    for source, expected in _stated(path).items():
        if expected != sha256:
            raise BadFileError(
                f"{path.name} is not the file that {source} means (its sha256 is {sha256[:12]}..., {source} says "
                f"{expected[:12]}...): it was damaged on its way or replaced; get it again, or correct {source} "
                f"in {path.parent} if this is the right file"
            )


def without_checksum(paths: list[Path]) -> list[str]:
    """Names of the files that nothing vouches for in folders where SHA256SUMS vouches for others."""
    return [path.name for path in paths if (path.parent / LIST_NAME).exists() and not _stated(path)]


def listed_in(folder: Path, names: list[str]) -> dict[str, str]:
    """What the checksum files of a folder say of these files: name and sha256; no entry where they say nothing."""
    stated = {name: _stated(folder / name) for name in names}
    return {name: next(iter(hashes.values())) for name, hashes in stated.items() if hashes}


def _stated(path: Path) -> dict[str, str]:
    """The hashes that are said to be this file's, by the name of the checksum file."""
    stated = {}
    in_list = _lines(path.parent / LIST_NAME).get(path.name)
    if in_list is not None:
        stated[LIST_NAME] = in_list
    own = path.with_name(path.name + _OWN_SUFFIX)
    entries = _lines(own, bare_name=path.name)
    if path.name in entries:
        stated[own.name] = entries[path.name]
    elif own.exists():
        raise BadFileError(
            f"{own} says nothing of {path.name}: one line `<sha256>  {path.name}` is needed; write it anew with "
            f"`sha256sum {path.name}`, or delete it"
        )
    return stated


def _lines(path: Path, bare_name: str = "") -> dict[str, str]:
    """Hashes by file name; a line that is nothing but a hash is of `bare_name`. Empty where there is no such file."""
    try:
        text = read_small(path).decode("utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise BadFileError(
            f"{path} cannot be read ({reason}): a text of lines `<sha256>  <file name>` is needed; write it anew with "
            "`sha256sum`, or delete it"
        ) from error
    entries: dict[str, str] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        content = line.removesuffix("\r")
        if not content.strip() or content.startswith("#"):
            continue
        name, sha256 = _entry(path, number, content, bare_name)
        if entries.setdefault(name, sha256) != sha256:
            raise BadFileError(
                f"{path}, line {number}: it has another hash of the file that line {lines[name]} names: one line a "
                "file is valid; delete the wrong one"
            )
        lines.setdefault(name, number)
    return entries


def _entry(path: Path, number: int, line: str, bare_name: str) -> tuple[str, str]:
    if bare_name and _BARE.fullmatch(line.strip()):
        return bare_name, line.strip().lower()
    found = _LINE.fullmatch(line)
    if found is None:
        raise BadFileError(
            f"{path}, line {number} is no checksum: lines `<64 hexadecimal digits>  <file name>`, as "
            "`sha256sum *.parquet` writes them, are valid; write the file anew, or delete it"
        )
    name = found["name"]
    if found["escaped"]:
        name = re.sub(r"\\[\\nr]", lambda escape: _ESCAPES[escape.group()], name)
    return name.removeprefix("./"), found["sha256"].lower()
