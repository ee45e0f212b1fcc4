"""Dashboards pulled from a real HTTP server that answers as Grafana's API does, and in every way that it should not."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from config.paths import DASHBOARDS_DIR
from core.errors import ConfigurationError, GrafanaError, UsageError, WarehouseError
from pipeline.commands.save_dashboard import CUSTOM_DIR, Grafana, grafana_of, save_dashboard
from tests.commands import command, make

PASSWORD = "pass:wörd-nobody-sees"  # noqa: S105 - of a server that lives for one test
TOKEN = "glsa_nobody_sees_this"  # noqa: S105 - of the same server
WRONG = "hunter2"
UID = "cIBgcSjkk"


def answer_for(uid: str = UID, title: str = "Production Overview", **more: Any) -> dict[str, Any]:
    """A dashboard as GET /api/dashboards/uid/:uid gives it."""
    return {
        "dashboard": {
            "id": 1, "uid": uid, "title": title, "tags": ["templated"], "timezone": "browser", "schemaVersion": 41,
            "version": 7, "panels": [{"id": 2, "title": "Fälle"}, {"id": 1, "title": "b"}], **more,
        },
        "meta": {
            "isStarred": False, "url": f"/d/{uid}/production-overview", "folderId": 2, "folderUid": "l3KqBxCMz",
            "slug": "production-overview", "version": 7,
        },
    }  # fmt: skip


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class FakeGrafana(ThreadingHTTPServer):
    """Lets admin with the password, or the token, in; gives `dashboards`, or `instead` whatever is asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.dashboards = {UID: answer_for()}
        self.instead: Answer | None = None
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        return {"GRAFANA_URL": self.url, "GRAFANA_ADMIN_PASSWORD": PASSWORD}

    def answer(self, path: str, authorization: str) -> Answer:
        if self.instead:
            return self.instead
        basic = "Basic " + base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
        if authorization not in (basic, f"Bearer {TOKEN}"):
            return Answer(401, b'{"message":"Invalid username or password"}')
        found = self.dashboards.get(path.removeprefix("/api/dashboards/uid/"))
        if found is None:
            return Answer(404, b'{"message":"Dashboard not found"}')
        return Answer(200, json.dumps(found).encode())


class _Handler(BaseHTTPRequestHandler):
    server: FakeGrafana

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        answer = self.server.answer(self.path, self.headers.get("Authorization", ""))
        self.send_response(answer.status)
        for name, value in {"Content-Type": "application/json", **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        with suppress(OSError):  # of a client that has seen enough
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    with FakeGrafana() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def save(grafana: FakeGrafana, folder: Path, uid: str = UID, **environment: str) -> tuple[Path, list[Path]]:
    return save_dashboard(uid, grafana_of(grafana.environment | environment), folder / "custom", folder)


def refused(grafana: FakeGrafana, folder: Path, uid: str = UID, **environment: str) -> str:
    """The message with which it fails; nothing was written, and no secret stands in it."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(WarehouseError) as caught:
        save(grafana, folder, uid, **environment)
    assert isinstance(caught.value, GrafanaError), caught.value
    message = str(caught.value)
    assert PASSWORD not in message
    assert TOKEN not in message
    assert message.isprintable()
    assert [file for file in sorted(folder.rglob("*")) if file.is_file()] == [file for file in before if file.is_file()]
    return message


def test_a_dashboard_is_saved_without_what_grafana_numbers(grafana: FakeGrafana, tmp_path: Path) -> None:
    path, older = save(grafana, tmp_path)
    assert path == tmp_path / "custom" / f"production-overview-{UID}.json"
    assert older == []
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    text = path.read_text(encoding="utf-8")
    assert text.endswith("}\n")
    saved = json.loads(text)
    expected = answer_for()["dashboard"]
    del expected["id"], expected["version"]
    assert saved == expected
    assert list(saved) == sorted(saved)
    # Ids and the order of panels mean something.
    assert [panel["id"] for panel in saved["panels"]] == [2, 1]
    assert grafana.asked == [f"/api/dashboards/uid/{UID}"]


def test_the_same_dashboard_gives_the_same_bytes(grafana: FakeGrafana, tmp_path: Path) -> None:
    first = save(grafana, tmp_path)[0].read_bytes()
    changed = answer_for()
    changed["dashboard"] = dict(reversed(changed["dashboard"].items())) | {"version": 8, "id": 99}
    grafana.dashboards[UID] = changed
    assert save(grafana, tmp_path)[0].read_bytes() == first


def test_a_renamed_dashboard_leaves_no_second_file_of_its_uid(grafana: FakeGrafana, tmp_path: Path) -> None:
    first, _ = save(grafana, tmp_path)
    other = tmp_path / "custom" / "of-another-uid.json"
    other.write_text('{"uid": "another"}')
    grafana.dashboards[UID] = answer_for(title="  Über/../Fahrten -- 2  ")
    second, older = save(grafana, tmp_path)
    assert second.name == f"ber-fahrten-2-{UID}.json"
    assert older == [first]
    assert sorted(file.name for file in other.parent.iterdir()) == sorted([second.name, other.name])


@pytest.mark.parametrize("title", ["", "///", "日本", None, 5])
def test_a_title_without_a_word_gives_a_name_all_the_same(grafana: FakeGrafana, tmp_path: Path, title: Any) -> None:
    grafana.dashboards[UID] = answer_for(title=title)
    assert save(grafana, tmp_path)[0].name == f"dashboard-{UID}.json"


def test_a_token_lets_in_too(grafana: FakeGrafana, tmp_path: Path) -> None:
    save(grafana, tmp_path, GRAFANA_TOKEN=f" {TOKEN}\n", GRAFANA_ADMIN_PASSWORD="")


def test_no_other_way_in_is_taken(grafana: FakeGrafana, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a netrc nor a proxy of the environment comes between."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login admin password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    save(grafana, tmp_path / "a")
    save(grafana, tmp_path / "b", GRAFANA_TOKEN=TOKEN)


@pytest.mark.parametrize("uid", ["", "a b", "../../etc", "a/b", "a" * 41, "ü", "a\nb", "a?b", "%2e"])
def test_what_cannot_be_a_uid_is_not_asked_for(grafana: FakeGrafana, tmp_path: Path, uid: str) -> None:
    with pytest.raises(UsageError, match=r"is not valid: a dashboard's uid has up to 40 letters"):
        save(grafana, tmp_path, uid)
    assert grafana.asked == []


def test_our_own_dashboards_are_never_written(grafana: FakeGrafana, tmp_path: Path) -> None:
    own = tmp_path / "pipeline.json"
    own.write_text(json.dumps({"uid": UID, "title": "Production Overview"}))
    with pytest.raises(UsageError, match=r"pipeline\.json, one of the project's own.*under another name") as caught:
        save(grafana, tmp_path)
    assert caught.value.exit_code == 2
    assert grafana.asked == []
    assert [file.name for file in tmp_path.iterdir()] == [own.name]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"uid": null}', "{"])
def test_an_own_dashboard_that_cannot_be_read_is_no_licence(grafana: FakeGrafana, tmp_path: Path, text: str) -> None:
    (tmp_path / "broken.json").write_text(text)
    with pytest.raises(ConfigurationError, match=r"broken\.json is no dashboard with a uid"):
        save(grafana, tmp_path)


def test_the_projects_own_dashboards_have_uids() -> None:
    for file in DASHBOARDS_DIR.glob("*.json"):
        assert json.loads(file.read_text(encoding="utf-8"))["uid"], file


def test_an_unknown_uid_is_told(grafana: FakeGrafana, tmp_path: Path) -> None:
    assert f"the dashboard nosuch cannot be had from Grafana at {grafana.url}: it has none" in refused(
        grafana, tmp_path, "nosuch"
    )


def test_a_wrong_password_is_told_and_not_shown(grafana: FakeGrafana, tmp_path: Path) -> None:
    message = refused(grafana, tmp_path, GRAFANA_ADMIN_PASSWORD=WRONG)
    assert "does not let admin with the password in GRAFANA_ADMIN_PASSWORD in" in message
    assert WRONG not in message


def test_a_wrong_token_is_told_and_not_shown(grafana: FakeGrafana, tmp_path: Path) -> None:
    message = refused(grafana, tmp_path, GRAFANA_TOKEN=WRONG)
    assert "does not let the token in GRAFANA_TOKEN in" in message
    assert WRONG not in message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(403, b'{"message":"Access denied"}'), "may not read that dashboard"),
        (Answer(406, b'{"message":"dashboard api version not supported"}'), "newer format (v2)"),
        (Answer(500, b"oops"), "answers with status 500"),
        (Answer(302, b"", {"Location": "http://127.0.0.1:1/login?token=x"}), "redirects elsewhere"),
        (Answer(200, b"<html>Welcome</html>"), "but not with the dashboard cIBgcSjkk in JSON"),
        (Answer(200, b""), "but not with the dashboard"),
        (Answer(200, b"[]"), "but not with the dashboard"),
        (Answer(200, b'{"dashboard": 5}'), "but not with the dashboard"),
        (Answer(200, json.dumps(answer_for("another")).encode()), "but not with the dashboard"),
        (Answer(200, json.dumps(answer_for(value=float("nan"))).encode()), "but not with the dashboard"),
        (Answer(200, b'{"dashboard": ' + b"[" * 200_000), "but not with the dashboard"),
        (Answer(200, b"\xff\xfe"), "but not with the dashboard"),
        (Answer(200, b" " * (10 * 1024**2 + 1)), "more than 10 MiB"),
    ],
)
def test_an_answer_that_is_no_dashboard_is_told(
    grafana: FakeGrafana, tmp_path: Path, answer: Answer, words: str
) -> None:
    grafana.instead = answer
    assert words in refused(grafana, tmp_path)
    assert len(grafana.asked) == 1


def test_a_grafana_that_does_not_run_is_told(grafana: FakeGrafana, tmp_path: Path) -> None:
    message = refused(grafana, tmp_path, GRAFANA_URL="http://127.0.0.1:1")
    assert "Grafana cannot be reached at http://127.0.0.1:1" in message


@pytest.mark.parametrize(
    "url", ["grafana:3000", "ftp://host", "http://", "http://u:hunter2@host", "http://h/?a=b", "x"]
)
def test_an_address_that_is_none_is_told_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="makes no address of a Grafana") as caught:
        grafana_of({"GRAFANA_URL": url, "GRAFANA_ADMIN_PASSWORD": "x"})
    assert "hunter2" not in str(caught.value)


def test_without_a_way_in_nothing_is_asked() -> None:
    with pytest.raises(ConfigurationError, match="set GRAFANA_ADMIN_PASSWORD"):
        grafana_of({})
    with pytest.raises(ConfigurationError, match="GRAFANA_TOKEN holds characters") as caught:
        grafana_of({"GRAFANA_TOKEN": "hunter2\nX-Other: 1"})
    assert "hunter2" not in str(caught.value)


def test_the_port_of_the_services_is_the_default() -> None:
    def url(**environment: str) -> str:
        found: Grafana = grafana_of({"GRAFANA_ADMIN_PASSWORD": "x", **environment})
        return str(found.url)

    assert url() == "http://127.0.0.1:3000"
    assert url(GRAFANA_PORT="3001", GRAFANA_URL="") == "http://127.0.0.1:3001"
    assert url(GRAFANA_URL="https://host/sub/", GRAFANA_PORT="3001") == "https://host/sub"


def test_make_hands_the_uid_over(grafana: FakeGrafana, monkeypatch: pytest.MonkeyPatch) -> None:
    """UID is a name of the shell's own, which make cannot export."""
    for name, value in grafana.environment.items():
        monkeypatch.setenv(f"WAREHOUSE_{name}", value)
    uid = "test-saved-by-make"
    grafana.dashboards[uid] = answer_for(uid)
    path = CUSTOM_DIR / f"production-overview-{uid}.json"
    try:
        result = make("save-dashboard", f"UID={uid}")
        assert result.returncode == 0, result.stderr
        assert path.exists()
        assert f"saved {path}" in result.stderr
    finally:
        path.unlink(missing_ok=True)
    strange = make("save-dashboard", "UID=$HOME")
    assert "UID '$HOME' is not valid" in strange.stderr


def test_the_command_ends_with_its_code(grafana: FakeGrafana) -> None:
    result = command(
        "save-dashboard", "nosuch", **{f"WAREHOUSE_{name}": value for name, value in grafana.environment.items()}
    )
    assert result.returncode == 14
    assert PASSWORD not in result.stderr + result.stdout
    assert [line[:6] for line in result.stderr.splitlines()] == ["error:"]
    assert command("save-dashboard", "nosuch").returncode == 3
    # What no password could make right is said first.
    for uid, words in (("no uid", "is not valid"), ("column", "one of the project's own dashboards")):
        result = command("save-dashboard", uid)
        assert result.returncode == 2
        assert words in result.stderr
