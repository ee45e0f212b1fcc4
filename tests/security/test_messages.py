"""No secret that is in use reaches a person's terminal or a table, whatever error it would come with."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from config.paths import ROOT, state_dir
from config.secrets_in_use import without_secrets
from core.errors import BadFileError
from tests.commands import command
from tests.conftest import MONITORED_MONTH, TRAIN_MONTH
from warehouse import database
from warehouse.runs import RunLog, Step, recorded

SECRET = "p@ss wörd/" + secrets.token_hex(8)


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("PGPASSWORD", SECRET, SECRET),
        ("DASHBOARD_PASSWORD", SECRET, SECRET),
        ("AWS_SECRET_ACCESS_KEY", SECRET, SECRET),
        ("ALERT_WEBHOOK_URL", "https://hooks.example/T0/B0/x1y2z3", "https://hooks.example/T0/B0/x1y2z3"),
        ("WAREHOUSE_GRAFANA_TOKEN", SECRET, SECRET),
        ("HTTPS_PROXY", "http://me:s3cret-of-one-hop@proxy:3128", "s3cret-of-one-hop"),
        ("PGPASSWORD", "tiger", "tiger"),
    ],
    ids=["password", "role", "cloud", "webhook", "token", "proxy", "short"],  # pytest exports its ids
)
def test_secrets_of_the_environment_are_taken_out(
    name: str, value: str, secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [f"a {secret} b", f"{secret}", f"({secret!r})", f"?key={quote(secret, safe='')}&x", f"<{secret}>\n{secret}"]
    assert [text for text in said if without_secrets(text) != text] == []
    monkeypatch.setenv(name, value)
    assert [without_secrets(text).replace("'", "").replace('"', "") for text in said] == [
        "a *** b",
        "***",
        "(***)",
        "?key=***&x",
        "<***>\n***",
    ]


def test_what_is_no_secret_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PGUSER": "postgres",
        "PGPASSWORD": "postgres",
        "ANALYST_PASSWORD": "a",
        "DASHBOARD_PASSWORD": "tiger",
        "SECRET_FILE": "/run/secrets",
    }.items():
        monkeypatch.setenv(name, value)
    text = "postgres at /run/secrets saw 2 tigers of https://host/a:b@c"
    assert without_secrets(text) == text


def test_secrets_of_files_are_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file = tmp_path / "env"
    env_file.write_text("GRAFANA_ADMIN_PASSWORD=of-the-env-file\nPGPORT=5432\n")
    env_file.chmod(0o600)
    (tmp_path / "postgres.password").write_text("of-the-state-folder")
    monkeypatch.setenv("WAREHOUSE_ENV_FILE", str(env_file))
    monkeypatch.setenv("WAREHOUSE_STATE_DIR", str(tmp_path))
    assert without_secrets("of-the-env-file 5432 of-the-state-folder") == "*** 5432 ***"


def test_an_address_keeps_its_host_only() -> None:
    assert without_secrets("postgresql://me:pw@host:5/x failed") == "postgresql://***@host:5/x failed"


def test_a_message_reaches_the_run_log_without_secrets(
    empty_warehouse: database.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANALYST_PASSWORD", SECRET)
    with pytest.raises(BadFileError):
        _fail(f"windows {SECRET}")
    with RunLog.open("pipeline", "", {}) as run, run.step("ingest", record=Step("ingest")) as step:
        run.fail_unit("ingest", f"model {SECRET}", f"unit {SECRET}")
        step.message = f"message {SECRET}"
    rows = empty_warehouse.execute("select runs::text from monitoring.runs").fetchall()
    assert len(rows) == 4
    assert SECRET not in str(rows)
    assert [
        words for words in ("windows", "error", "message", "model", "unit") if f"{words} ***" not in str(rows)
    ] == []


def _fail(windows: str) -> None:
    with recorded("labels", windows):
        raise BadFileError(f"error {SECRET}")


@pytest.mark.parametrize("how", ["labels", "SHA256SUMS"])
def test_a_link_to_the_superusers_password_is_told_nowhere(
    how: str, empty_warehouse: database.Connection, sample_dir: Path, tmp_path: Path
) -> None:
    password = state_dir() / "postgres.password"
    before = password.read_text() if password.exists() else None
    password.write_text(secrets.token_urlsafe(24))
    secret = password.read_text()
    try:
        if how == "labels":
            (tmp_path / "labels.csv").symlink_to(password)
            result = command("labels", "--file", str(tmp_path / "labels.csv"), "--target", "duration_minutes")
        else:
            for month in (TRAIN_MONTH, MONITORED_MONTH):
                name = f"green_tripdata_{month}.parquet"
                (tmp_path / name).symlink_to(sample_dir / name)
            (tmp_path / "SHA256SUMS").symlink_to(password)
            result = command("run", "--source", "local", "--data-dir", str(tmp_path))
    finally:
        password.unlink() if before is None else password.write_text(before)
    assert result.returncode in {3, 4}
    assert secret not in result.stdout + result.stderr
    rows = str(empty_warehouse.execute("select runs::text from monitoring.runs").fetchall())
    assert "failed" in rows
    assert secret not in rows
    assert secret[:6] not in result.stderr + rows


_TALK = """
import logging, sys
from pipeline import console
console.settle()
logging.basicConfig(level="DEBUG", stream=sys.stderr)
text = "said " + sys.argv[1]
console.tell(text)
console.tell_error(text)
console.result_console().print(text)
from rich.panel import Panel
from rich.table import Table
table = Table("column")
table.add_row(text)
console.result_console().print(table, Panel(text))
logging.getLogger("x").warning("%s", text)
sys.stderr.write(text)
raise ValueError(text)
"""


def test_nothing_that_is_told_has_a_secret() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _TALK, SECRET],
        cwd=ROOT,
        env=os.environ | {"ANALYST_PASSWORD": SECRET},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    told = ended.stdout + ended.stderr
    assert SECRET not in told
    assert told.count("said ***") == 8, told
