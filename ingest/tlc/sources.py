"""Find the file of each month that is asked for: in the data folder, at TLC, or generated.

`find_files` decides for all months together, before anything is loaded, because generated and real
months never mix in one warehouse. Called by pipeline.steps.ingest.
"""

from __future__ import annotations

import dataclasses
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from config.months import Month
from config.settings import DATASET, Settings, Source
from core.advice import Advice
from core.errors import NetworkUnreachableError, OriginMixError, SourceUnavailableError
from core.files.checksums import LIST_NAME, without_checksum
from ingest.tlc.records import read_record
from ingest.tlc.sample import GENERATOR_VERSION, write_sample
from ingest.tlc.schema import FILE_PREFIX
from warehouse import database

if TYPE_CHECKING:
    from ingest.tlc.download import Watch

log = logging.getLogger(__name__)

_QUERIES = database.queries(Path(__file__).with_name("sources.sql"))


@dataclass(frozen=True)
class SourceFile:
    """A month's file on disk; `location` is where it came from (a path or an address).

    `sha256` is what the bytes were when the file was downloaded, or None for a file of the user's own.
    """

    month: Month
    path: Path
    location: str
    origin: str
    sha256: str | None = None


@dataclass(frozen=True)
class Held:
    """What the warehouse holds already."""

    months: frozenset[Month]
    has_sample: bool
    has_real: bool
    # Months whose trips were taken away; they are not among `months`.
    pruned: frozenset[Month] = frozenset()


@dataclass(frozen=True)
class Found:
    """The files to load; `notice` is set when generated months stand in for real ones."""

    files: tuple[SourceFile, ...]
    notice: str = ""
    notes: tuple[str, ...] = ()


def held_months() -> Held:
    """Months and kinds of origin in the warehouse."""
    with database.connect("ingest sources", read_only=True) as connection:
        rows = connection.execute(_QUERIES["held_months"], {"dataset": DATASET}).fetchall()
    origins = {str(row[1]) for row in rows}
    return Held(
        months=frozenset(Month.parse(str(row[0])[:7]) for row in rows if not row[2]),
        pruned=frozenset(Month.parse(str(row[0])[:7]) for row in rows if row[2]),
        has_sample="sample" in origins,
        has_real=bool(origins - {"sample"}),
    )


def find_files(settings: Settings, held: Held, watch: Watch | None = None) -> Found:
    """The files of all needed months; a month that is loaded and has no file on disk is left as it is.

    So is a month that was pruned, whether its file is there or not, unless the settings name it to be loaded again.
    `watch` is around each download, see ingest.tlc.download.

    Raises:
        SourceUnavailableError: a month's file is not there and cannot be fetched.
        OriginMixError: the source asked for does not go with what the warehouse holds.
        BadFileError: a checksum file cannot be understood.
    """
    pruned = sorted((held.pruned & set(settings.needed_months)) - settings.reload)
    found = _find_files(dataclasses.replace(settings, left_out=frozenset(pruned)), held, watch)
    notes = tuple(
        f"{month} was pruned and is left as it is; to load its file again, {Advice.RELOAD} (reload={month})"
        for month in pruned
    )
    return dataclasses.replace(found, notes=(*found.notes, *notes))


def _find_files(settings: Settings, held: Held, watch: Watch | None) -> Found:
    if settings.source is Source.SAMPLE or (settings.source is Source.AUTO and held.has_sample):
        return _sample(settings, held)
    if held.has_sample and settings.source is Source.TLC:
        raise OriginMixError(
            f"the source {settings.source} asks for real months, but the warehouse holds generated ones: they are "
            f"never mixed: {Advice.EMPTY}, or name another database with PGDATABASE"
        )
    if settings.source is Source.LOCAL and not settings.data_dir.is_dir():
        raise SourceUnavailableError(
            f"the folder {settings.data_dir} does not exist: put the parquet files there, or {Advice.NAME_DATA_FOLDER}"
        )
    files: list[SourceFile] = []
    notes: list[str] = []
    for month in settings.needed_months:
        try:
            file = _real_file(settings, month, held, watch)
        except NetworkUnreachableError as error:
            if settings.source is Source.AUTO and not files and not held.has_real and not _any_local(settings):
                log.info("the sample stands in: %s", error)
                return _sample(settings, held, because=f"{settings.tlc_url} cannot be reached")
            raise SourceUnavailableError(
                f"{file_name(month)} is not in {settings.data_dir} and cannot be fetched: {error}"
            ) from error
        if file is not None:
            files.append(file)
        elif settings.source is Source.LOCAL:
            notes.append(f"{month} has no file in {settings.data_dir} and is left as it was loaded")
    notes += [
        f"{name} has no line in {LIST_NAME}: its bytes are not checked"
        for name in without_checksum([file.path for file in files])
    ]
    return Found(tuple(files), notes=tuple(notes))


def file_name(month: Month) -> str:
    """TLC's name for a month's file."""
    return f"{FILE_PREFIX}_{month}.parquet"


def _local_path(settings: Settings, month: Month) -> Path:
    return settings.data_dir / file_name(month)


def _any_local(settings: Settings) -> bool:
    return any(_local_path(settings, month).exists() for month in settings.needed_months)


def _real_file(settings: Settings, month: Month, held: Held, watch: Watch | None) -> SourceFile | None:
    path = _local_path(settings, month)
    record = read_record(path)
    if path.exists() and not (settings.source is Source.TLC and record is None):
        if record is None:
            return SourceFile(month, path, str(path), "local")
        return SourceFile(month, path, record.url, "tlc", record.sha256)
    if month in held.months and not path.exists():
        return None
    if settings.source is Source.LOCAL:
        there = sorted(file.name for file in settings.data_dir.glob(f"{FILE_PREFIX}_*.parquet"))
        raise SourceUnavailableError(
            f"{path} does not exist (the folder holds {', '.join(there) or 'no such file'}): put the file there, "
            f"{Advice.NAME_DATA_FOLDER}, or {Advice.CHOOSE_SOURCE} (source=tlc)"
        )
    if path.exists():
        raise SourceUnavailableError(
            f"{path} was not downloaded by this program: the source tlc would overwrite it. Move it away, "
            f"or {Advice.CHOOSE_SOURCE} (source=local) to load it as it is"
        )
    # The network's libraries are imported when something is to be fetched.
    from ingest.tlc.download import download, unwatched

    url = f"{settings.tlc_url}/{file_name(month)}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return SourceFile(month, path, url, "tlc", download(url, path, watch=watch or unwatched).sha256)


def _sample(settings: Settings, held: Held, because: str = "") -> Found:
    if held.has_real:
        raise OriginMixError(
            "the source sample asks for generated months, but the warehouse holds real ones: they are never mixed: "
            f"{Advice.EMPTY}, or name another database with PGDATABASE"
        )
    if settings.source is Source.AUTO and _any_local(settings):
        raise OriginMixError(
            f"{settings.data_dir} holds files of these months, but the warehouse holds generated ones: real and "
            f"generated months are never mixed. To load the files, {Advice.EMPTY} and run again; to go on with "
            f"generated months, {Advice.CHOOSE_SOURCE} (source=sample); where the files are generated, too, "
            f"{Advice.CHOOSE_SOURCE} (source=local)"
        )
    files = []
    for month in settings.needed_months:
        # A folder per generator version: an older program's file is not taken for this one's.
        path = settings.sample_dir / f"v{GENERATOR_VERSION}" / file_name(month)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_sample(month, path)
        files.append(SourceFile(month, path, f"sample generator v{GENERATOR_VERSION}", "sample"))
    reason = because or ("the warehouse holds the sample" if settings.source is Source.AUTO else "the source sample")
    return Found(tuple(files), notice=f"GENERATED SAMPLE DATA - not real trips ({reason})")
