"""Where the embedded Postgres has its socket: in its data folder, or in a private one where that path cannot be used.

In: the cluster's folder. Out: the socket's, made so that nobody else opens it or can be there before. Called by
warehouse.server.embedded.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import stat
from pathlib import Path

from core.errors import DatabaseError
from warehouse.server import postgres_programs

_PLAIN = re.compile(r"[A-Za-z0-9._/-]+")
# macOS allows 103 bytes for the path of a socket, Linux 107.
_LONGEST = 103 - len("/.s.PGSQL.65535")


def place(data: Path) -> Path:
    """The folder for the socket: the data folder, or another where that path is too long for a socket, or has something
    in it that means more to Postgres or libpq, such as a comma, than to the file system.
    """
    if _PLAIN.fullmatch(str(data)) and len(str(data)) <= _LONGEST:
        return data
    name = hashlib.sha256(os.fsencode(data) + _salt(data)).hexdigest()[:16]
    # Root's server runs as another user, who cannot enter root's own runtime folder.
    runtime = "" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "")
    if not Path(runtime).is_dir() or not _PLAIN.fullmatch(runtime) or len(runtime) > _LONGEST - 40:
        runtime = "/tmp"  # noqa: S108 - the folder made in it is private
    return Path(runtime) / f"warehouse-{os.geteuid()}-{name}"


def make(data: Path) -> Path:
    """The folder for the socket, there and open to the server's user only.

    Raises:
        DatabaseError: somebody else has put something there.
    """
    with contextlib.suppress(FileExistsError):
        handle = os.open(_salt_file(data), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(16))
    folder = place(data)
    if folder == data:
        return folder
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        postgres_programs.give_to_owner(folder)
    user = postgres_programs.owner()
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != (os.geteuid() if user is None else user.pw_uid):
        raise DatabaseError(
            f"{folder}, where the embedded Postgres would put its socket, belongs to another: remove it"
        )
    folder.chmod(0o700)
    return folder


def _salt(data: Path) -> bytes:
    """What nobody else knows, so that nobody can be at the folder's place before; b'' before the first start."""
    with contextlib.suppress(FileNotFoundError):
        return _salt_file(data).read_bytes()
    return b""


def _salt_file(data: Path) -> Path:
    return data.with_name("postgres.socket")
