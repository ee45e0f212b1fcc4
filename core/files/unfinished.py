"""A file that appears complete or not at all, whatever happens to the process that writes it.

What is written lies beside it under a name that carries the process's number; what killed processes have left there is
removed by the next one that writes into the folder. Called by whoever writes files; two have other needs: `.env` must
never take the place of another (config.env_file), a cluster is a folder (warehouse.server.postgres_programs).
"""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil

_NAME = re.compile(r"\..+\.(\d+)\.[0-9a-f]{32}\.part")


@contextlib.contextmanager
def unfinished(target: Path) -> Iterator[Path]:
    """A path to write to; it becomes the target where the block ends well, and is removed where it does not."""
    target.parent.mkdir(parents=True, exist_ok=True)
    remove_left_behind(target.parent)
    part = target.with_name(f".{target.name}.{os.getpid()}.{uuid.uuid4().hex}.part")
    try:
        yield part
        with part.open("rb") as written:
            os.fsync(written.fileno())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def remove_left_behind(folder: Path) -> None:
    """Remove the unfinished files of processes that are no more."""
    for path in folder.glob(".*.part"):
        found = _NAME.fullmatch(path.name)
        if found and not psutil.pid_exists(int(found[1])):
            path.unlink(missing_ok=True)
