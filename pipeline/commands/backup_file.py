"""The file that `make backup` writes: a zip of tables as text, of model files, and of a manifest that names them all.

It is data: nothing in it is a statement, and no name in it is used before it is found to be one of ours. What it says
of its size is checked before anything is unpacked, every member against the manifest's size and sha256 as it is read.
Called by pipeline.commands.backup.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.errors import BadFileError

FORMAT = 2
TABLES, MODELS = "tables/", "models/"
MODEL_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\.([0-9a-f]{12})\.skops")
_MANIFEST = "manifest.json"
_CHUNK = 1 << 20
# Of a manifest, and of all that zipfile reads in one piece: the list of members is one.
_LONGEST_READ = 4 << 20
# How many times its own length a backup may come to: real ones come to five to ten times.
_MOST_EXPANDED = 100
_DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, KeyError, ValueError, EOFError, RuntimeError, OverflowError)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Member(_Model):
    """What a member is once it is unpacked."""

    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Table(_Model):
    """The order of a table's columns in its member, and the number and hash of its rows (`rows:hash`)."""

    columns: list[str]
    content: Annotated[str, Field(pattern=r"^\d+:-?\d+$")]


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class DatasetTable(_Model):
    """What the table of a dataset is made of again: its columns beside the warehouse's own, and those of its key."""

    columns: dict[Name, Literal["double precision", "boolean", "text", "timestamp without time zone"]]
    key: list[Name]


class Manifest(_Model):
    """What a backup says of itself.

    Attributes:
        migrations: that the warehouse's tables were made by.
        is_built: whether dbt had built its part of the warehouse, which is not in the backup.
        datasets: the tables that are made by datasets' files, by the datasets' names.
        sequences: last value and whether it was given, by `schema.sequence`.
        members: all but the manifest.
    """

    format: Literal[2]
    made_at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")]
    migrations: list[int]
    is_built: bool
    tables: dict[str, Table]
    datasets: dict[Name, DatasetTable] = Field(default_factory=dict)
    sequences: dict[str, tuple[int, bool]]
    members: dict[str, Member]

    @property
    def models(self) -> list[str]:
        """The names of the model files."""
        return sorted(name.removeprefix(MODELS) for name in self.members if name.startswith(MODELS))

    @property
    def size(self) -> int:
        return sum(member.size for member in self.members.values())


class _AnyFormat(BaseModel):
    format: int


class Writer:
    """A backup that is being written; `members` is what it holds so far."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members: dict[str, Member] = {}

    def add(self, name: str, pieces: Iterable[bytes]) -> Member:
        """Write a member."""
        digest, size = sha256(), 0
        with self._archive.open(name, "w", force_zip64=True) as member:
            for chunk in _chunks(pieces):
                digest.update(chunk)
                size += len(chunk)
                member.write(chunk)
        self.members[name] = Member(size=size, sha256=digest.hexdigest())
        return self.members[name]

    def finish(self, manifest: Manifest) -> None:
        self._archive.writestr(_MANIFEST, manifest.model_dump_json(indent=1))


@contextlib.contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A new backup at a path where there is no file; it is on the disk when the block has ended."""
    with private_file(path) as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            yield Writer(archive)
        file.flush()
        os.fsync(file.fileno())


def private_file(path: Path) -> io.BufferedWriter:
    """A new file that only its owner may read and write, whatever the umask."""
    file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
    os.fchmod(file.fileno(), 0o600)
    return file


def pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _chunks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces: COPY gives a row at a time."""
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= _CHUNK:
            yield bytes(held)
            held.clear()
    yield bytes(held)


@dataclass(frozen=True)
class Backup:
    """A backup that is open for reading."""

    path: Path
    manifest: Manifest
    _archive: zipfile.ZipFile

    def read(self, name: str) -> Iterator[bytes]:
        """What a member holds, and never more than the manifest says.

        Raises:
            BadFileError: it is not what the manifest says; what was given until then is not to be used.
        """
        member, digest = self.manifest.members[name], sha256()
        with _damage(self.path):
            left = member.size
            with self._archive.open(name) as source:
                while chunk := source.read(_CHUNK):
                    left -= len(chunk)
                    if left < 0:
                        break
                    digest.update(chunk)
                    yield chunk
            if left or digest.hexdigest() != member.sha256:
                raise ValueError(f"{name} is not what the manifest says")


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Backup]:
    """A backup whose members are all named in its manifest and are, each of them, what that says.

    Raises:
        BadFileError: it is none of this format, or is damaged.
    """
    with contextlib.ExitStack() as stack:
        with _damage(path):
            archive = stack.enter_context(zipfile.ZipFile(stack.enter_context(_Bounded(path))))
            backup = Backup(path, _manifest(archive, path), archive)
            _check_members(backup, archive.infolist())
        for name in backup.manifest.members:
            for _ in backup.read(name):
                pass
        yield backup


class _Bounded(io.FileIO):
    """A file that is never read in a larger piece than a backup needs."""

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = _LONGEST_READ + 1 if size is None or size < 0 else size
        content = super().read(min(wanted, _LONGEST_READ + 1))
        if len(content) > _LONGEST_READ:
            raise ValueError("its list of members is too long")
        return content


@contextlib.contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (*_DAMAGE, OSError) as error:
        # A place before the file's beginning; anything else is the disk's trouble, not the file's.
        if isinstance(error, OSError) and error.errno != errno.EINVAL:
            raise
        reason = ascii(" ".join(str(error).split())[:200])[1:-1]
        raise BadFileError(
            f"{path} is no backup of this program, or is damaged ({reason}): use another backup"
        ) from error


def _manifest(archive: zipfile.ZipFile, path: Path) -> Manifest:
    info = archive.getinfo(_MANIFEST)
    if info.file_size > _LONGEST_READ:
        raise ValueError(f"its manifest says that it is {info.file_size:,} bytes long")
    content = archive.read(info)
    form = _AnyFormat.model_validate_json(content).format
    if form == 1:
        raise BadFileError(
            f"{path} is a backup of format 1, which is SQL, and no SQL of a file is run any "
            "more: restore it with the version of this program that wrote it, then write another with this version"
        )
    if form != FORMAT:
        raise ValueError(f"its format is {form}, this program knows {FORMAT}")
    return Manifest.model_validate_json(content)


def _check_members(backup: Backup, infos: list[zipfile.ZipInfo]) -> None:
    """Names and sizes, by what the zip and the manifest say of them: nothing is unpacked yet."""
    manifest, length = backup.manifest, backup.path.stat().st_size
    there, named = Counter(info.filename for info in infos), Counter([_MANIFEST, *manifest.members])
    if there != named:
        differ = sorted(set((there - named) | (named - there)))
        raise ValueError(f"it holds some members, and its manifest names others: {differ}")
    for info in infos:
        if info.compress_type != zipfile.ZIP_DEFLATED or info.flag_bits & 1:
            raise ValueError(f"{info.filename} is packed in another way than a backup's members are")
        if info.filename != _MANIFEST and info.file_size != manifest.members[info.filename].size:
            raise ValueError(f"{info.filename} is not as long as the manifest says")
    tables = {name for name in manifest.members if not name.startswith(MODELS)}
    if tables != {f"{TABLES}{name}" for name in manifest.tables}:
        raise ValueError("its members are not the tables that its manifest is about")
    for name in manifest.models:
        match = MODEL_NAME.fullmatch(name)
        if match is None or not manifest.members[MODELS + name].sha256.startswith(match[1]):
            raise ValueError(f"{name} is no name of a model file with that content")
    if sum(info.compress_size for info in infos) > length or manifest.size > _MOST_EXPANDED * length:
        raise ValueError(f"its {length:,} bytes would come to {manifest.size:,}, more than a backup's do")
