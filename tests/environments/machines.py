"""A fresh clone of this repository's HEAD, used by somebody whose machine is not like ours."""

from __future__ import annotations

import csv
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.paths import ROOT

DAYS, MODELS = 28, 3
NOBODY = 65534
PIP_CONF = """\
[global]
user = true
target = {junk}/target
require-virtualenv = true
no-binary = :all:
[install]
prefix = {junk}/prefix
"""


@dataclass(frozen=True)
class Ended:
    """What a command said."""

    code: int
    stdout: str
    stderr: str

    @property
    def code_of_program(self) -> int:
        """make itself ends with 2 and names the code of what it ran, where it has a German catalogue in German."""
        return int((re.findall(r"(?:Error|Fehler) (\d+)", self.stderr) or [str(self.code)])[-1])


@dataclass(frozen=True)
class Machine:
    """A clone and the environment of who uses it."""

    folder: Path
    environment: dict[str, str]
    user: int | None = None
    umask: int = -1
    python: str = ""

    def run(self, command: list[str], *, cwd: Path | None = None, stdin: str = "", **more: str) -> Ended:
        """Run as that user; a traceback is nobody's answer."""
        identity: dict[str, int | list[int]] = {}
        if self.user is not None:
            identity = {"user": self.user, "group": self.user, "extra_groups": []}
        ended = subprocess.run(
            command,
            cwd=cwd or self.folder,
            env=self.environment | more,
            umask=self.umask,
            input=stdin,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=2400,
            check=False,
            **identity,  # type: ignore[call-overload]  # mypy does not see which value is whose
        )
        assert "Traceback" not in ended.stderr, f"{command}\n{ended.stderr}"
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def make(self, *words: str, stdin: str = "", **more: str) -> Ended:
        python = [f"PYTHON={self.python}"] if self.python else []
        return self.run(["make", "--silent", *python, *words], cwd=None, stdin=stdin, **more)

    def program(self, *words: str, cwd: Path, **more: str) -> Ended:
        """The installed program, from another folder."""
        return self.run([str(self.folder / ".venv" / "bin" / "monitoring-warehouse"), *words], cwd=cwd, **more)

    def rows(self, query: str, **more: str) -> list[list[str]]:
        ended = self.make("sql", f"SQL={query}", **more)
        assert ended.code == 0, ended.stderr
        return list(csv.reader(io.StringIO(ended.stdout)))[1:]

    def check_whole_warehouse(self, **more: str) -> None:
        """A month is monitored, with everything that a run on the sample gives."""
        counted = self.rows(
            "select (select count(*) from marts.fct_daily_monitoring), (select count(*) from marts.fct_column_drift "
            "where status = 'ok') > 500, (select count(*) from marts.fct_incidents) > 0, (select count(*) from "
            "marts.fct_model_performance) > 80, (select count(*) from marts.dim_models)",
            **more,
        )
        assert counted == [[str(DAYS * MODELS), "t", "t", "t", str(MODELS)]]
        assert "nothing new" in self.make("pipeline", "SOURCE=sample", **more).stderr


@contextmanager
def fresh_clone(name: str, user: int | None = None, umask: int = 0o022) -> Iterator[Path]:
    """The committed HEAD in a folder of that name, below one that everybody may pass through."""
    above = Path(tempfile.mkdtemp(prefix="warehouse-environment-"))
    above.chmod(0o711)
    try:
        clone = above / name
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True, umask=umask)
        if user is not None:
            for path in (clone, *clone.rglob("*")):
                os.chown(path, user, user, follow_symlinks=False)
        yield clone
    finally:
        python = clone / ".venv" / "bin" / "python"
        if python.exists():
            # The program itself names the folder that it was installed in last.
            subprocess.run(
                [str(python), "-m", "pipeline", "db-stop"],
                cwd=clone,
                env=plain_environment() | {"WAREHOUSE_STATE_DIR": str(clone / ".local")},
                check=False,
                capture_output=True,
            )
        shutil.rmtree(above)


def plain_environment() -> dict[str, str]:
    """What a login gives, and how this machine reaches its package index."""
    kept = ("PATH", "PYENV_ROOT", "PIP_INDEX_URL", "PIP_CERT", "PIP_DEFAULT_TIMEOUT", "SSL_CERT_FILE", "SSL_CERT_DIR")
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
    return {name: os.environ[name] for name in (*kept, *proxies) if name in os.environ} | {"TERM": "dumb"}


def hostile_environment(junk: Path) -> dict[str, str]:
    """Every variable of some other program that has ever changed what this one does, at once."""
    (junk / "modules").mkdir(parents=True)
    for name in ("sitecustomize", "numpy", "pandas", "psycopg"):
        (junk / "modules" / f"{name}.py").write_text("raise SystemExit('another program imports this')\n")
    (junk / "pip.conf").write_text(PIP_CONF.format(junk=junk))
    text = Path(__file__).with_name("hostile.env").read_text(encoding="utf-8").replace("{junk}", str(junk))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {line.partition("=")[0]: line.partition("=")[2] for line in lines} | german(junk)


def german(folder: Path) -> dict[str, str]:
    """A German terminal of the last century, without UTF-8, where the machine can make such a locale."""
    made = folder / "locales" / "de_DE"
    made.parent.mkdir(parents=True)
    if shutil.which("localedef") and Path("/usr/share/i18n/locales/de_DE").exists():
        subprocess.run(["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(made)], check=True, capture_output=True)
        return {"LOCPATH": str(made.parent), "LANG": "de_DE", "LC_ALL": "de_DE"}
    return {"LANG": "de_DE"}


def python_for_everybody() -> str:
    """A Python that also others than root can run, with what makes environments.

    Skips the test where there is none.
    """
    program = "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"
    for path in (Path(sys.base_prefix) / "bin" / "python3", Path("/usr/local/bin/python3"), Path("/usr/bin/python3")):
        try:
            ended = subprocess.run(
                [str(path), "-c", program], cwd="/", user=NOBODY, group=NOBODY, extra_groups=[], env={}, check=False
            )
        except OSError:
            continue
        if ended.returncode == 0:
            return str(path)
    pytest.skip("no Python 3.11 with ensurepip that another user than root can run")
