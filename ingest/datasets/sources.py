"""Which source a dataset has, and what that has delivered. Called by ingest.datasets.load."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from config.datasets import Dataset
from core.errors import UsageError
from ingest.datasets.delivered import Delivered
from ingest.datasets.source_database import delivered_rows
from ingest.datasets.source_files import delivered_files
from ingest.datasets.source_table import delivered_table


@contextlib.contextmanager
def delivered(name: str, dataset: Dataset) -> Iterator[Delivered]:
    """What the source of a dataset has; its rows may be read inside this block.

    Raises:
        ConfigurationError, SourceUnavailableError, BadFileError: as the sources say.
        UsageError: there is no temporary folder to write to.
    """
    try:
        temporary = tempfile.TemporaryDirectory(prefix="warehouse-", ignore_cleanup_errors=True)
    except OSError as error:
        raise UsageError(
            f"no temporary folder can be made ({error.strerror}): name one that can be written to with TMPDIR"
        ) from error
    with temporary as folder, contextlib.ExitStack() as stack:
        if dataset.source.files is not None:
            yield delivered_files(name, dataset, Path(folder))
        elif dataset.source.database is not None:
            yield stack.enter_context(delivered_rows(name, dataset, Path(folder)))
        else:
            yield delivered_table(name, dataset, Path(folder))


def origin_of(dataset: Dataset) -> str:
    """The kind of source, as raw.files records it."""
    source = dataset.source
    kinds = {"files": source.files, "database": source.database, "table": source.table, "dbt": source.dbt}
    return next(kind for kind, named in kinds.items() if named is not None)
