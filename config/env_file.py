"""The file `.env`: address and passwords of the services that run in Docker, made once and never overwritten.

In: nothing but the file itself. Out: its variables as a dictionary. warehouse.database asks it which server is used,
pipeline.commands.services makes it. WAREHOUSE_ENV_FILE names another place for it.
"""

from __future__ import annotations

import io
import os
import secrets
import stat
from pathlib import Path

from dotenv.parser import parse_stream

from config.paths import PACKAGE_DIR, ROOT
from core.errors import ConfigurationError
from core.files.input_files import LARGEST_TEXT, open_regular

SERVER_VARIABLES = ("PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE")
_SERVER_DEFAULTS = {"PGHOST": "127.0.0.1", "PGPORT": "5432", "PGUSER": "warehouse", "PGDATABASE": "warehouse"}
_TEMPLATE = """\
# Written once; only you can read it. Passwords are taken over when the services are first made: to change one later,
# change it in Postgres or Grafana too, or begin anew without their data.

# The warehouse, as libpq names its parts; the port is the published one.
PGHOST={PGHOST}
PGPORT={PGPORT}
PGUSER={PGUSER}
PGPASSWORD={PGPASSWORD}
PGDATABASE={PGDATABASE}

# Roles that read the marts: `dashboard` is Grafana's, `analyst` is for people.
DASHBOARD_PASSWORD={DASHBOARD_PASSWORD}
ANALYST_PASSWORD={ANALYST_PASSWORD}

# Grafana: the password of its user `admin`, and the key that its own database is encrypted with.
GRAFANA_ADMIN_PASSWORD={GRAFANA_ADMIN_PASSWORD}
GRAFANA_SECRET_KEY={GRAFANA_SECRET_KEY}
GRAFANA_PORT=3000
# true behind a proxy that speaks TLS: its cookies then travel over nothing else.
GRAFANA_COOKIE_SECURE=false

ADMINER_PORT=8080

# Alerts are posted to this address; empty: to nobody. Starting the services again takes a change over.
ALERT_WEBHOOK_URL=
"""
_RANDOM = ("PGPASSWORD", "DASHBOARD_PASSWORD", "ANALYST_PASSWORD", "GRAFANA_ADMIN_PASSWORD", "GRAFANA_SECRET_KEY")


def location() -> Path:
    """Where the file is, or would be."""
    return Path(os.environ.get("WAREHOUSE_ENV_FILE") or ROOT / ".env").absolute()


def create() -> bool:
    """Make the file with random passwords, complete or not at all; False where one is there already.

    Raises:
        ConfigurationError: it cannot be written there.
    """
    path = location()
    if path.exists():
        return False
    values = _SERVER_DEFAULTS | {name: secrets.token_urlsafe(24) for name in _RANDOM}
    unfinished = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(_TEMPLATE.format(**values))
                file.flush()
                os.fsync(file.fileno())
            # A link fails where the name is taken; a rename would replace what is there.
            path.hardlink_to(unfinished)
        finally:
            unfinished.unlink()
    except FileExistsError:
        return False
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written ({error.strerror}): make the folder writable, or name another place "
            "with WAREHOUSE_ENV_FILE"
        ) from error
    return True


def read() -> dict[str, str]:
    """The variables of the file, as they are written there; none where there is no file.

    Raises:
        ConfigurationError: the file is another user's, others can read it, or a line of it is not NAME=value.
    """
    path = location()
    try:
        with open_regular(path) as file:
            found = os.fstat(file.fileno())
            text = file.read(LARGEST_TEXT).decode()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise ConfigurationError(f"{path} cannot be read ({reason}): it must be a text file") from error
    mode = stat.S_IMODE(found.st_mode)
    # Whose file it is decides which server is used; the owner of the program's files decides more than that.
    if found.st_uid not in {os.geteuid(), 0, PACKAGE_DIR.stat().st_uid}:
        raise ConfigurationError(
            f"{path} says which server is used, and belongs to another user (number {found.st_uid}): make it your own "
            "with chown, or name another file with WAREHOUSE_ENV_FILE"
        )
    if mode & 0o077:
        raise ConfigurationError(
            f"{path} holds passwords and others can read it (mode {mode:04o}): run chmod 600 {path.name}"
        )
    return _parse(path, text)


def _parse(path: Path, text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    lines: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.key is None and not binding.error:
            continue
        blank = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + binding.original.string[:blank].count("\n")
        if binding.error or binding.key is None or binding.value is None:
            # The line itself may hold a password.
            raise ConfigurationError(f"{path}, line {line} is neither NAME=value nor a comment: correct it")
        if binding.key in values:
            raise ConfigurationError(
                f"{path}: {binding.key} comes twice, in line {lines[binding.key]} and in line {line}: keep one of them"
            )
        lines[binding.key] = line
        values[binding.key] = binding.value
    return values


def names_server() -> bool:
    """Whether there is a file and it names a server.

    Raises:
        ConfigurationError: as `read`.
    """
    return bool(read().get("PGHOST"))


def is_named_by(host: str, port: str) -> bool:
    """Whether these are the address that the file gives; a file that cannot be used gives none."""
    try:
        values = read()
    except ConfigurationError:
        return False
    return bool(values.get("PGHOST")) and (host, port) == (values["PGHOST"], values.get("PGPORT", "5432"))
