"""What the project writes holds data, so its files and folders are their owner's alone, whatever the umask says.

`keep` is called once by every front door whose files are nobody else's; from then on that holds for all that the
process and its children make: models, logs, reports, pages, downloads, what dbt has parsed. As root the server's own
user may still pass through the state folder (warehouse.server.postgres_programs), and reads nothing there.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from config.paths import DEFAULT_REPORT_DIR, DEFAULT_STATE_DIR, ROOT, state_dir

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_IN_STATE_FOLDER = ("logs", "models", "sample", "replay", "dbt")


def keep() -> None:
    """Make private files from now on, and close the folders that an older version has left open."""
    os.umask(_OTHERS)
    for folder in (*(state_dir() / name for name in _IN_STATE_FOLDER), ROOT / DEFAULT_REPORT_DIR):
        _close(folder, _OTHERS)
    # One that a person has named may hold more than the project's.
    _close(ROOT / DEFAULT_STATE_DIR, _OTHERS if os.geteuid() else _OTHERS & ~stat.S_IXOTH)


def share(path: Path) -> None:
    """Let everybody read a file or folder that holds no data, such as a dashboard that Grafana's container reads."""
    path.chmod(0o755 if path.is_dir() else 0o644)


def _close(folder: Path, permissions: int) -> None:
    with contextlib.suppress(OSError):  # it is not there, or not ours
        found = folder.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and found.st_mode & permissions:
            folder.chmod(stat.S_IMODE(found.st_mode) & ~permissions)
