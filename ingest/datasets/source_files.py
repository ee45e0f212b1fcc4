"""The files of a dataset as deliveries, and their rows as the raw table has them.

In: `source.files` of a dataset. Out: a `Delivery` for each file, which reads with its own dialect and holds its own
columns against those of the dataset. Called by ingest.datasets.sources.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from config import paths
from config.datasets import Dataset
from core.errors import SourceUnavailableError
from ingest.datasets.checks import Checked, check_values
from ingest.datasets.delivered import Delivered, Delivery, Rows
from ingest.datasets.opened_rows import BATCH_ROWS, checked, left_out, matched, noting, raise_first, selected
from ingest.datasets.remote_files import RemoteFile, is_address, local_path, remote_files
from ingest.files.data_files import DataFiles, checked_hash, list_files, single_file
from ingest.files.table import opened


def delivered_files(name: str, dataset: Dataset, folder: Path) -> Delivered:
    """The files that the dataset's source names, in the order of their names, each once; and what is not there.

    Args:
        folder: an empty one that is removed when all is loaded; what lies at addresses is fetched into it.

    Raises:
        ConfigurationError: a package for an address is missing, or it is none.
        SourceUnavailableError: what an address names cannot be reached.
        BadFileError: a file cannot be opened, or differs from its checksum.
    """
    places: dict[Path, DataFiles] = {}
    remote: dict[str, RemoteFile] = {}
    missing: list[SourceUnavailableError] = []
    for number, named in enumerate(dataset.source.files or ()):
        try:
            if is_address(named):
                place = f"datasets/{name}.yml, {dataset.source_place}.files"
                for file in remote_files(named, folder / str(number), place):
                    remote.setdefault(file.location, file)
            else:
                files = list_files(paths.ROOT / Path(local_path(named)).expanduser())
                places |= {path: files for path in files.paths if path not in places}
        except FileNotFoundError as error:
            missing.append(SourceUnavailableError(str(error)))
        except SourceUnavailableError as error:
            if is_address(named):
                raise
            missing.append(error)
    deliveries = [_delivery(name, dataset, places[path], path) for path in sorted(places)]
    deliveries += [_remote_delivery(name, dataset, remote[location]) for location in sorted(remote)]
    return Delivered(tuple(deliveries), tuple(missing))


def _delivery(name: str, dataset: Dataset, files: DataFiles, path: Path) -> Delivery:
    root = paths.ROOT
    location = path.relative_to(root) if path.is_relative_to(root) else path
    return Delivery(
        location=str(location),
        sha256=checked_hash(path),
        bytes=path.stat().st_size,
        opened=functools.partial(_opened, name, dataset, files, path),
    )


def _remote_delivery(name: str, dataset: Dataset, file: RemoteFile) -> Delivery:
    return Delivery(file.location, file.sha256, file.bytes, functools.partial(_opened_remote, name, dataset, file))


@contextlib.contextmanager
def _opened_remote(name: str, dataset: Dataset, file: RemoteFile, deliveries: Sequence[Delivery]) -> Iterator[Rows]:
    path = file.fetched()
    try:
        files = DataFiles(path, (path,), file.form, file.is_hive, None)
        with _opened(name, dataset, files, path, deliveries) as rows:
            yield rows
    finally:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _opened(
    name: str, dataset: Dataset, files: DataFiles, path: Path, deliveries: Sequence[Delivery]
) -> Iterator[Rows]:
    (delivery,) = deliveries
    with opened(single_file(files, path), may_be_empty=True) as table:
        fields = matched(name, dataset, table.name, table.fields)
        rows = checked(name, dataset, table, path, fields, is_csv=files.form == "csv")
        check_values(rows)
        errors: list[Exception] = []

        def reader(numbers: Mapping[str, int]) -> pa.RecordBatchReader:
            return noting(_reader(rows, numbers[delivery.location]), errors)

        yield Rows(
            rows={delivery.location: table.rows},
            reader=reader,
            left_out=left_out(dataset, table.fields),
            failed=functools.partial(raise_first, errors),
        )


def _reader(rows: Checked, delivery_id: int) -> pa.RecordBatchReader:
    table = rows.table
    query = (
        f"select {selected(rows)}, "  # noqa: S608 - quoted names and fixed expressions
        f"cast({delivery_id:d} as bigint) as delivery_id, row_number() over () - 1 as delivery_row from {table.source}"
    )
    return table.connection.sql(query, params=table.parameters).to_arrow_reader(BATCH_ROWS)
