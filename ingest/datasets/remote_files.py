"""Files at addresses: s3://, gs://, memory:// and all that fsspec knows, and https:// by the program's own downloads.

In: an address of a file, a folder or a pattern. Out: its files with an identity that costs no download where their
place gives one, each fetched when it is opened. Called by ingest.datasets.source_files.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import fsspec
import requests

from core.errors import BadFileError, ConfigurationError, SourceUnavailableError
from ingest.files.data_files import Form, form_of, holds_hive_folders
from ingest.tlc.download import download

# Of one file.
MOST_BYTES = 2 * 1024**3
_MOST_FILES = 10_000
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://|[A-Za-z][A-Za-z0-9+.-]*::")
_LOCAL = "file://"
_CHUNK = 1024**2
_SECONDS = 30
# What places call an identity of a content, and what changes with it.
_TAGS = ("ETag", "etag", "md5Hash", "content_md5", "sha256", "checksum")
_MOMENTS = ("mtime", "LastModified", "last_modified", "updated", "modified")


@dataclass(frozen=True)
class RemoteFile:
    """A file at an address.

    Attributes:
        location: the address without what may be a secret.
        sha256: of what its place says of its content, or of the content.
        fetched: brings it to this machine; the caller removes it.
    """

    location: str
    sha256: str
    bytes: int
    form: Form
    is_hive: bool
    fetched: Callable[[], Path]


def is_address(named: str) -> bool:
    """Whether it is more than a path of this machine."""
    return _ADDRESS.match(named) is not None and not named.startswith(_LOCAL)


def local_path(named: str) -> str:
    """A path of this machine, however it is written."""
    return named.removeprefix(_LOCAL)


def remote_files(address: str, folder: Path, place: str) -> list[RemoteFile]:
    """The files that an address means.

    Args:
        folder: where they are fetched to; it need not be there.
        place: what names the address, in messages.

    Raises:
        ConfigurationError: it holds a password, is of no kind that is known, or a package for it is missing.
        SourceUnavailableError: it cannot be reached.
        FileNotFoundError: there is no such file; its text says so.
        BadFileError: a file is no data file by its name.
    """
    if "@" in urlsplit(address).netloc and ":" in urlsplit(address).netloc.rpartition("@")[0]:
        raise ConfigurationError(
            f"{place}: an address holds a password: keep it where its library looks for it, such as in the environment"
        )
    if address.startswith(("http://", "https://")):
        return [_of_web(address, folder)]
    return _of_file_system(address, folder, place)


def _of_web(address: str, folder: Path) -> RemoteFile:
    shown = address.partition("?")[0].partition("#")[0]
    form, name = _form(shown), PurePosixPath(urlsplit(address).path).name
    # The library's own errors may quote all of an address.
    try:
        answer = requests.head(address, timeout=_SECONDS, allow_redirects=True, headers={"Accept-Encoding": "identity"})
    except requests.RequestException as error:
        raise SourceUnavailableError(
            f"{shown} cannot be reached ({type(error).__name__}): check the network and the address"
        ) from None
    if answer.status_code in (requests.codes.not_found, requests.codes.gone):
        raise FileNotFoundError(f"{shown} is not there (status {answer.status_code}): check the address")
    fetch = functools.partial(_download, address, folder / name)
    tag = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    if answer.ok and tag and "Content-Length" in answer.headers:
        size = int(answer.headers["Content-Length"])
        return RemoteFile(shown, _hash(f"{tag} {size}"), size, form, False, fetch)
    return _by_content(shown, form, is_hive=False, fetch=fetch)


def _download(address: str, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    download(address, target, max_bytes=MOST_BYTES)
    return target


def _of_file_system(address: str, folder: Path, place: str) -> list[RemoteFile]:
    try:
        system, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        raise ConfigurationError(
            f"{place}: {address} needs a package that is not installed ({error}): install it beside this program"
        ) from error
    except ValueError as error:
        raise ConfigurationError(
            f"{place}: {address} is no address that is known here: one of fsspec's is needed, such as "
            "s3://bucket/loans/*.parquet"
        ) from error
    try:
        base, names = _names(system, str(path))
        infos = {name: system.info(name) for name in names}
    except FileNotFoundError:
        base, infos = "", {}
    except (BadFileError, ConfigurationError):
        raise
    except Exception as error:
        raise _unreachable(address, error) from error
    if not infos:
        raise FileNotFoundError(f"{address} is not there, or has no data files: check the address")
    if len(infos) > _MOST_FILES:
        raise BadFileError(f"{address} has {len(infos):,} files, at most {_MOST_FILES:,} are read: name a part of them")
    relative = {name: PurePosixPath(name).relative_to(base) for name in infos}
    is_hive = all(map(holds_hive_folders, relative.values()))
    return [_of_system(system, name, infos[name], folder / relative[name], is_hive=is_hive) for name in sorted(infos)]


def _names(system: Any, path: str) -> tuple[str, list[str]]:
    """The folder that they lie below, and the files."""
    if any(letter in path for letter in "*?["):
        parts = PurePosixPath(path).parts
        magic = next(number for number, part in enumerate(parts) if any(letter in part for letter in "*?["))
        return str(PurePosixPath(*parts[:magic])), [name for name in system.glob(path) if not system.isdir(name)]
    if system.isdir(path):
        names = [name for name in system.find(path) if form_of(Path(name))]
        return path, [name for name in names if not _is_hidden(PurePosixPath(name).relative_to(path))]
    return str(PurePosixPath(path).parent), [path]


def _is_hidden(path: PurePosixPath) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _of_system(system: Any, name: str, info: dict[str, Any], target: Path, *, is_hive: bool) -> RemoteFile:
    location = str(system.unstrip_protocol(name))
    size = int(info.get("size") or 0)
    tag = next((info[key] for key in (*_TAGS, *_MOMENTS) if info.get(key)), None)
    fetch = functools.partial(_copy, system, name, location, target)
    if tag is None:
        return _by_content(location, _form(name), is_hive=is_hive, fetch=fetch)
    return RemoteFile(location, _hash(f"{tag} {size}"), size, _form(name), is_hive, fetch)


def _copy(system: Any, name: str, location: str, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with system.open(name, "rb") as source, target.open("wb") as file:
            for chunk in _chunks(source, location):
                file.write(chunk)
    except BadFileError:
        raise
    except Exception as error:
        raise _unreachable(location, error) from error
    return target


def _chunks(source: Any, location: str) -> Iterator[bytes]:
    size = 0
    while chunk := source.read(_CHUNK):
        size += len(chunk)
        if size > MOST_BYTES:
            raise BadFileError(f"{location} has more than {MOST_BYTES:,} bytes, the most that is fetched: split it")
        yield chunk


def _by_content(location: str, form: Form, *, is_hive: bool, fetch: Callable[[], Path]) -> RemoteFile:
    """A file of which its place says nothing is fetched to be known, and kept until it is opened."""
    path = fetch()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return RemoteFile(location, digest.hexdigest(), path.stat().st_size, form, is_hive, lambda: path)


def _form(name: str) -> Form:
    form = form_of(Path(PurePosixPath(name).name))
    if form is None:
        raise BadFileError(f"{name} is no data file by its name: CSV, JSON lines or parquet is needed")
    return form


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _unreachable(address: str, error: Exception) -> SourceUnavailableError:
    return SourceUnavailableError(
        f"{address} cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:160]}): check the address, "
        "the network and the rights"
    )
