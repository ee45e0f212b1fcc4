"""Adminer as in the container - its code, our start page - on PHP's own web server: analyst logs in and asks.

Debian's package `adminer` is an older version than the image; addresses and form fields are the same.
"""

from __future__ import annotations

import html
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from config.paths import ROOT
from warehouse import database, schema_versions
from warehouse.access import roles
from warehouse.server import embedded

ADMINER = Path("/usr/share/adminer")
PASSWORD = "analyst-of-a-test"  # noqa: S105 - of a server that lives as long as this test
# What the image's index.php does: it hands the files in plugins-enabled to Adminer.
_INDEX = f"""\
<?php
function adminer_object() {{
    require_once "{ADMINER}/plugins/plugin.php";
    return new AdminerPlugin(array(require "{ROOT}/adminer/start-page.php"));
}}
require "{ADMINER}/adminer.php";
"""


@pytest.fixture(scope="module")
def analyst(tcp_server: embedded.Address) -> str:
    """A role that reads the marts, on a server that asks for its password; gives host:port."""
    variables = tcp_server.environment() | {"ANALYST_PASSWORD": PASSWORD}
    with database.environment(variables), database.warehouse():
        schema_versions.migrate()
        with database.connect("test", autocommit=True) as connection:
            connection.execute("create schema if not exists marts")
            connection.execute(
                "create table marts.fct_of_a_test as select 41 + n as answer from generate_series(1, 2) n"
            )
        # The roles come after the table, as on a warehouse of an older version.
        roles.ensure_roles()
    return f"{tcp_server.host}:{tcp_server.port}"


@pytest.fixture(scope="module")
def adminer(analyst: str, clean_environment: Path) -> Iterator[str]:
    """The address of a running Adminer."""
    php = shutil.which("php")
    if php is None or not (ADMINER / "adminer.php").exists():
        pytest.skip("php or Debian's adminer is not installed: apt-get install php-cli php-pgsql adminer")
    if "pdo_pgsql" not in subprocess.run([php, "-m"], capture_output=True, text=True, check=True).stdout:
        pytest.skip("PHP cannot talk to Postgres: apt-get install php-pgsql")
    folder = clean_environment / "adminer"
    folder.mkdir()
    (folder / "index.php").write_text(_INDEX, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [php, "-S", f"127.0.0.1:{port}", "-t", str(folder)],
            env=os.environ
            | {"ADMINER_DEFAULT_SERVER": analyst, "WAREHOUSE_DATABASE": "warehouse", "TMPDIR": str(folder)},
            stdout=log,
            stderr=log,
        )
    address = f"http://127.0.0.1:{port}/"
    try:
        wait_until_it_answers(address, process, folder / "log")
        yield address
    finally:
        process.terminate()
        process.wait()


def wait_until_it_answers(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    while process.poll() is None:
        try:
            requests.get(address, timeout=10, allow_redirects=False)
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"PHP's web server ended: {log.read_text(encoding='utf-8')}")


def field(page: str, name: str) -> str:
    """The value that a form field of the page is filled with."""
    if found := re.search(rf'<select name=[\'"]{re.escape(name)}[\'"].*?</select>', page, re.DOTALL):
        selected = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', found.group(0))
        assert selected is not None, f"nothing is chosen in {name}"
        return html.unescape(selected.group(1) or selected.group(2))
    found = re.search(rf"""<input[^>]*name=["']{re.escape(name)}["'][^>]*>""", page)
    assert found is not None, f"the page has no field {name}"
    value = re.search(r"""value=["']([^"']*)["']""", found.group(0))
    return html.unescape(value.group(1)) if value else ""


def login(adminer: str, password: str) -> tuple[requests.Session, requests.Response]:
    """Log in as a person does: open the start page, type the password only, send the form."""
    session = requests.Session()
    page = session.get(adminer, timeout=30)
    names = ("auth[driver]", "auth[server]", "auth[username]", "auth[db]")
    form = {name: field(page.text, name) for name in names} | {"auth[password]": password}
    return session, session.post(page.url, data=form, timeout=30)


def ask(session: requests.Session, page: requests.Response, query: str) -> str:
    """The page that answers a query typed into `SQL command`."""
    address = f"{page.url}&sql="
    token = field(session.get(address, timeout=30).text, "token")
    return session.post(address, data={"token": token, "query": query}, timeout=30).text


def test_the_start_page_offers_the_warehouse(adminer: str, analyst: str) -> None:
    page = requests.Session().get(adminer, timeout=30).text
    assert "expired" not in page
    assert field(page, "auth[driver]") == "pgsql"
    assert field(page, "auth[server]") == analyst
    assert field(page, "auth[username]") == "analyst"
    assert field(page, "auth[db]") == "warehouse"
    assert field(page, "auth[password]") == ""


def test_analyst_logs_in_and_asks(adminer: str) -> None:
    session, page = login(adminer, PASSWORD)
    assert "fct_of_a_test" in page.text
    answer = ask(session, page, "select sum(answer) as total, current_user from marts.fct_of_a_test")
    assert re.search(r"<td[^>]*>85<td[^>]*>analyst", answer), answer


def test_analyst_changes_nothing(adminer: str) -> None:
    session, page = login(adminer, PASSWORD)
    answer = ask(session, page, "delete from marts.fct_of_a_test")
    assert "cannot execute DELETE in a read-only transaction" in html.unescape(answer)
    # Nor where the session is told that it may.
    answer = ask(session, page, "set default_transaction_read_only = off; begin; delete from marts.fct_of_a_test")
    assert "permission denied for table fct_of_a_test" in html.unescape(answer)


def test_a_wrong_password_does_not_open_it(adminer: str) -> None:
    _, page = login(adminer, "wrong")
    assert "password authentication failed" in html.unescape(page.text)
    assert "fct_of_a_test" not in page.text


@pytest.mark.parametrize(
    "query",
    [
        "?sqlite=&username=",
        "?server=&username=root",
        "?pgsql=elsewhere%3A5432&username=analyst",
        "?pgsql[]=elsewhere&username=analyst",
        "?username=analyst",
    ],
)
def test_no_other_server_and_no_other_system_is_opened(adminer: str, analyst: str, query: str) -> None:
    answer = requests.get(adminer + query, timeout=30, allow_redirects=False)
    assert answer.status_code == 403
    assert f"the PostgreSQL server {analyst} and no other" in answer.text


@pytest.mark.parametrize(
    "change", [{"auth[server]": "elsewhere:5432"}, {"auth[driver]": "sqlite"}, {"auth[driver]": ""}]
)
def test_a_login_form_for_another_server_is_refused(adminer: str, change: dict[str, str]) -> None:
    session = requests.Session()
    page = session.get(adminer, timeout=30)
    names = ("auth[driver]", "auth[server]", "auth[username]", "auth[db]")
    form = {name: field(page.text, name) for name in names} | {"auth[password]": PASSWORD} | change
    assert session.post(page.url, data=form, timeout=30, allow_redirects=False).status_code == 403


def test_the_cookies_of_a_session_are_for_its_pages_only(adminer: str) -> None:
    page = requests.get(adminer, timeout=30)
    cookie = page.headers["Set-Cookie"].lower()
    assert "httponly" in cookie
    assert "samesite" in cookie
