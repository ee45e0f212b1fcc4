"""`make audit` and `make secret-scan` with the real pip-audit and detect-secrets, in an environment as make's."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from config.paths import ROOT

pytestmark = pytest.mark.hard

LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with what requirements/audit.lock names."""
    folder = tmp_path_factory.mktemp("tools") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    install = ["-m", "uv", "pip", "install", "--quiet", "--system-certs", "--no-deps", "--require-hashes"]
    locked = ["--python", str(python), "-r", str(ROOT / "requirements" / "audit.lock")]
    subprocess.run([sys.executable, *install, *locked], check=True)
    return python


class _Osv(BaseHTTPRequestHandler):
    """Answers as OSV does: one package has an advisory."""

    vulnerable = ""
    asked: list[str] = []  # noqa: RUF012 - of one server in one test

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = question["package"]["name"]
        self.asked.append(f"{name}=={question['version']}")
        advisory = {"id": "PYSEC-0-1", "summary": "bad", "aliases": ["CVE-0-1"], "modified": "2026-01-01T00:00:00Z"}
        affected = [{"package": {"name": name, "ecosystem": "PyPI"}, "versions": [question["version"]]}]
        found = [advisory | {"affected": affected}] if name == self.vulnerable else []
        body = json.dumps({"vulns": found} if found else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def osv() -> Iterator[tuple[str, type[_Osv]]]:
    handler = type("Handler", (_Osv,), {"asked": [], "vulnerable": ""})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query", handler
    server.shutdown()
    server.server_close()


def audit(tools: Path, url: str, locks: list[Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(tools), "security/audit.py", *map(str, locks)],
        cwd=ROOT,
        env=os.environ | {"WAREHOUSE_ARG_OSV_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_locked_package_is_asked_for(tools: Path, osv: tuple[str, type[_Osv]]) -> None:
    url, handler = osv
    result = audit(tools, url, LOCKS)
    assert result.returncode == 0, result.stderr
    lines = [line for path in LOCKS for line in path.read_text(encoding="utf-8").splitlines() if "==" in line]
    locked = {re.split(r"[=\[]", line)[0].lower() for line in lines if ";" not in line}
    asked = {one.split("==")[0].lower().replace("_", "-") for one in handler.asked}
    assert locked - asked == set()
    assert len(locked) > 100
    assert any(one.startswith("dbt-core==") for one in handler.asked)


def test_a_known_vulnerability_is_named(tools: Path, osv: tuple[str, type[_Osv]]) -> None:
    url, handler = osv
    handler.vulnerable = "requests"
    result = audit(tools, url, [ROOT / "requirements" / "audit.lock"])
    assert result.returncode == 1
    assert "PYSEC-0-1" in result.stdout
    assert "requests" in result.stdout


def test_a_service_that_is_not_there_is_no_clean_audit(tools: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/"
    result = audit(tools, url, LOCKS)
    assert result.returncode == 5
    assert f"the advisory service {url} cannot be reached (ConnectionError): NOTHING WAS AUDITED" in result.stderr


def test_a_lock_without_hashes_is_no_clean_audit(tools: Path, osv: tuple[str, type[_Osv]], tmp_path: Path) -> None:
    (tmp_path / "loose.lock").write_text("requests==2.32.0\n")
    result = audit(tools, osv[0], [tmp_path / "loose.lock"])
    assert result.returncode == 5
    assert "it was NOT audited" in result.stderr


def test_no_lock_file_names_an_address() -> None:
    for path in LOCKS:
        text = path.read_text(encoding="utf-8")
        assert "://" not in text, path
        assert "--hash=sha256:" in text


def scan(tools: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(tools), str(ROOT / "security" / "scan_secrets.py")],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_project_holds_no_secret(tools: Path) -> None:
    result = scan(tools, ROOT)
    assert result.returncode == 0, result.stdout
    assert "nothing new" in result.stderr


def test_a_secret_is_found(tools: Path, tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    key = "AKIA" + "QYLPMN5HHHFPZAM2"
    (tmp_path / "notes.py").write_text(f'first = 1\nkey = "{key}"\n')
    (tmp_path / ".gitignore").write_text(".env\n")
    (tmp_path / ".env").write_text(f"PGPASSWORD={key}\n")
    result = scan(tools, tmp_path)
    assert result.returncode == 1
    assert "notes.py:2: AWS Access Key" in result.stdout
    assert ".env" not in result.stdout
    # An entry that has nothing to allow is said as well, so that the list stays short.
    assert "of pipeline/commands/services.py is there no more: take the entry out" in result.stdout
