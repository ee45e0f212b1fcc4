"""What may be opened as an input, and how large it may be: one place for every file that a person names or lies there.

An input is a regular file, or a link to one; a pipe, a device, a socket or a folder is refused before it is opened.
What a link leads to is read as what its name says and nothing else: messages quote column names and values of declared
columns, never a line that could not be understood. Called by whoever opens a file of trips, labels, predictions,
checksums or settings.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from pathlib import Path

# Limits, in bytes where nothing else is said (docs/reference/files.md).
# Of settings and checksums: the whole file.
LARGEST_TEXT = 16 * 1024**2
# Of a table: rows (of parquet), columns, a line and a record of CSV, a value of a column that is read, a parquet file's
# footer, and what one column of one row group is said to hold when it is unpacked.
MOST_ROWS = 10_000_000
MOST_COLUMNS = 10_000
LONGEST_RECORD = 1024**2
LONGEST_VALUE = 1000
LARGEST_FOOTER = 16 * 1024**2
LARGEST_CHUNK = 256 * 1024**2
# What reading may take beside that, whatever a page says of its own size: a setting of DuckDB.
MOST_MEMORY = "1GB"

_KINDS = {
    stat.S_IFIFO: "it is a named pipe, no regular file",
    stat.S_IFCHR: "it is a device, no regular file",
    stat.S_IFBLK: "it is a device, no regular file",
    stat.S_IFSOCK: "it is a socket, no regular file",
}


def open_regular(path: Path) -> io.BufferedReader:
    """A regular file, open for reading; what would keep the reader waiting is never waited for.

    Raises:
        OSError: it cannot be opened, or is no regular file; `strerror` says so.
    """
    _check_kind(path, path.stat().st_mode)
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb")
    try:
        # Another may lie there since.
        _check_kind(path, os.fstat(file.fileno()).st_mode)
    except OSError:
        file.close()
        raise
    return file


def read_small(path: Path) -> bytes:
    """All bytes of a regular file of settings or checksums.

    Raises:
        OSError: as `open_regular`, or it is too large to be one.
    """
    with open_regular(path) as file:
        content = file.read(LARGEST_TEXT + 1)
    if len(content) > LARGEST_TEXT:
        raise OSError(errno.EFBIG, f"it is larger than {LARGEST_TEXT:,} bytes, the most that is read", str(path))
    return content


def _check_kind(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, _KINDS.get(stat.S_IFMT(mode), "it is no regular file"), str(path))
