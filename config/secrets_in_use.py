"""The one filter for what is told and kept: the secrets that are in use here are taken out of it.

Secrets are the values of variables that are named as such, in the environment and in `.env`, passwords in addresses,
and the superuser's password in the state folder. Called by pipeline.console, for all that a person is told, and by
whoever writes messages into tables.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote

from config import env_file
from config.paths import state_dir
from core.errors import ConfigurationError
from core.files.input_files import read_small

_SECRET_NAME = re.compile(r"(?i)PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL|WEBHOOK|API_?KEY|PRIVATE_?KEY")
_NAME_OF_A_PLACE = re.compile(r"(?i)_(FILE|PATH|DIR|FOLDER)$")
_IN_ADDRESS = re.compile(r"(?<=://)[^\s/@:]*:[^\s/@]+(?=@)")
# A short secret is taken out where it stands as a word; what is shorter than a word of use is none.
_LONG = 8
_SHORTEST = 4
_STANDS_OPENLY = ("PGUSER", "PGDATABASE", "PGHOST", "PGPORT", "USER")


def without_secrets(text: str) -> str:
    """The text with every secret that is known as ***."""
    if "://" in text:
        text = _IN_ADDRESS.sub("***", text)
    for secret in sorted(set(_secrets()), key=len, reverse=True):
        for spelling in {secret, repr(secret)[1:-1], quote(secret, safe=""), quote(secret)}:
            if spelling in text:
                pattern = re.escape(spelling)
                text = re.sub(pattern if len(secret) >= _LONG else rf"(?<!\w){pattern}(?!\w)", "***", text)
    return text


def _secrets() -> Iterator[str]:
    variables: Mapping[str, str] = os.environ
    with contextlib.suppress(ConfigurationError):  # a .env that may not be used gives no secrets to this process
        variables = {**env_file.read(), **variables}
    openly = {os.environ.get(name) for name in _STANDS_OPENLY}
    names = [name for name in variables if _SECRET_NAME.search(name) and not _NAME_OF_A_PLACE.search(name)]
    found = [variables[name] for name in names]
    found += [login.partition(":")[2] for value in variables.values() for login in _IN_ADDRESS.findall(value)]
    with contextlib.suppress(OSError, ValueError):  # there is no embedded server here
        found.append(read_small(state_dir() / "postgres.password").decode().strip())
    yield from (value for value in found if len(value) >= _SHORTEST and value not in openly)
