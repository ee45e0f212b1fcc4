"""Downloads from a real server on this machine that answers each request as its test has scripted."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pty
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.errors import NetworkUnreachableError, SourceUnavailableError, UsageError, WarehouseError
from ingest import download as module
from ingest.records import DownloadRecord, read_record
from pipeline.console import download_bar

download = partial(module.download, backoff_seconds=0.01, connect_timeout=2.0, read_timeout=2.0)

OLD = bytes(range(256)) * 2048
CUT = 3 * 64 * 1024
NEW = bytes(reversed(OLD)) + b"more"
LONG_AGO = "Wed, 01 Mar 2023 00:00:00 GMT"


@dataclass(frozen=True)
class Answer:
    """What the server sends: `body`, of which only the first `cut` bytes arrive, after `stall` seconds."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    stall: float = 0.0
    declares_length: bool = True


Step = Callable[[Mapping[str, str]], Answer]


def always(answer: Answer) -> Step:
    return lambda request: answer


def file(body: bytes, etag: str | None = '"v1"', cut: int | None = None, **headers: str) -> Step:
    """A server that honours `Range` and `If-Range` for a file with this body and etag or `Last_Modified`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()} | ({"ETag": etag} if etag else {})

    def answer(request: Mapping[str, str]) -> Answer:
        asked = re.fullmatch(r"bytes=(\d+)-", request.get("Range", ""))
        if asked is None or request.get("If-Range") not in (None, *sent.values()):
            return Answer(200, body, sent, cut)
        start = int(asked[1])
        if start >= len(body):
            return Answer(416, b"", sent | {"Content-Range": f"bytes */{len(body)}"})
        given = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
        return Answer(206, body[start:], sent | given, cut)

    return answer


class ScriptedServer(HTTPServer):
    """Answers the n-th request with the n-th step (the last one repeats) and keeps the requests' headers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.steps: list[Step] = []
        self.requests: list[Mapping[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/month.parquet"

    def script(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.requests.clear()

    def handle_error(self, request: object, client_address: object) -> None:
        """Stay quiet: clients here hang up on purpose."""


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedServer

    def do_GET(self) -> None:
        server = self.server
        request = dict(self.headers)
        answer = server.steps[min(len(server.requests), len(server.steps) - 1)](request)
        server.requests.append(request)
        time.sleep(answer.stall)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.declares_length:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: answer.cut])

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""


def serving(server: ScriptedServer) -> Iterator[ScriptedServer]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_proxy_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "no_proxy",
        "requests_ca_bundle",
        "curl_ca_bundle",
    ):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    yield from serving(ScriptedServer())


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "raw" / "month.parquet"


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that is taken but refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def version_of(target: Path) -> Path:
    return target.with_name(target.name + ".part.json")


def interrupt(server: ScriptedServer, target: Path, step: Step) -> None:
    """Leave the part that `step` delivers before it cuts the connection."""
    server.script(step)
    with pytest.raises(SourceUnavailableError):
        download(server.url, target, attempts=1)
    assert part_of(target).exists()
    assert not target.exists()


def one_line(error: pytest.ExceptionInfo[WarehouseError]) -> str:
    message = str(error.value)
    assert "\n" not in message
    return message


# ---------- whole files and their records


def test_a_whole_file_arrives_with_its_record(server: ScriptedServer, target: Path) -> None:
    server.script(file(OLD, Last_Modified=LONG_AGO))
    record = download(server.url, target)
    assert target.read_bytes() == OLD
    assert record == DownloadRecord(server.url, hashlib.sha256(OLD).hexdigest(), len(OLD), '"v1"', LONG_AGO)
    assert read_record(target) == record
    assert sorted(path.name for path in target.parent.iterdir()) == [
        "month.parquet",
        "month.parquet.download.json",
    ]
    assert server.requests[0]["Accept-Encoding"] == "identity"


def test_a_second_download_replaces_the_file_and_its_record(server: ScriptedServer, target: Path) -> None:
    server.script(file(OLD), file(NEW, '"v2"'))
    download(server.url, target)
    record = download(server.url, target)
    assert target.read_bytes() == NEW
    assert read_record(target) == record
    assert "Range" not in server.requests[1]


def test_a_failed_second_download_leaves_the_first_file(server: ScriptedServer, target: Path) -> None:
    server.script(file(OLD), always(Answer(404)))
    record = download(server.url, target)
    with pytest.raises(SourceUnavailableError):
        download(server.url, target)
    assert target.read_bytes() == OLD
    assert read_record(target) == record


def test_a_body_of_undeclared_length_arrives(server: ScriptedServer, target: Path) -> None:
    server.script(always(Answer(200, OLD, declares_length=False)))
    assert download(server.url, target).bytes == len(OLD)
    assert target.read_bytes() == OLD


@pytest.mark.parametrize("garbled", [b"", b"{", b"[]", b"\xff\xfe", b'{"url": "x", "bytes": "many"}', b"[" * 100_000])
def test_a_garbled_record_is_none(server: ScriptedServer, target: Path, garbled: bytes) -> None:
    server.script(file(OLD))
    download(server.url, target)
    target.with_name("month.parquet.download.json").write_bytes(garbled)
    assert read_record(target) is None


def test_a_record_without_its_file_or_with_another_size_is_none(server: ScriptedServer, target: Path) -> None:
    assert read_record(target) is None
    server.script(file(OLD))
    download(server.url, target)
    target.write_bytes(OLD + b"x")
    assert read_record(target) is None
    target.unlink()
    assert read_record(target) is None


def test_one_line_is_logged_and_nothing_printed(
    server: ScriptedServer, target: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO, logger="ingest.download")
    server.script(always(Answer(500)), file(OLD))
    download(server.url, target)
    assert [entry.levelname for entry in caplog.records] == ["INFO"]
    assert server.url in caplog.text
    assert capfd.readouterr() == ("", "")


def test_a_terminal_is_shown_a_progress_bar(
    server: ScriptedServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen, terminal = pty.openpty()
    server.script(file(OLD))
    with os.fdopen(screen, "rb") as seen, os.fdopen(terminal, "w") as stderr:
        monkeypatch.setattr("sys.stderr", stderr)
        download(server.url, target.with_name("month[bold].parquet"), watch=download_bar)
        stderr.flush()
        assert b"month[bold].parquet" in seen.read1()


# ---------- resuming


def test_a_cut_download_goes_on_where_it_ended(server: ScriptedServer, target: Path) -> None:
    server.script(file(OLD, cut=CUT), file(OLD))
    record = download(server.url, target)
    assert target.read_bytes() == OLD
    assert record.sha256 == hashlib.sha256(OLD).hexdigest()
    assert server.requests[1]["Range"] == f"bytes={CUT}-"
    assert server.requests[1]["If-Range"] == '"v1"'


def test_the_next_call_goes_on_where_the_last_one_was_interrupted(server: ScriptedServer, target: Path) -> None:
    interrupt(server, target, file(OLD, Last_Modified=LONG_AGO, cut=CUT))
    assert part_of(target).read_bytes() == OLD[:CUT]
    assert read_record(target) is None
    server.script(file(OLD))
    record = download(server.url, target)
    assert [request.get("Range") for request in server.requests] == [f"bytes={CUT}-"]
    assert target.read_bytes() == OLD
    assert (record.etag, record.last_modified) == ('"v1"', LONG_AGO)
    assert not part_of(target).exists()
    assert not version_of(target).exists()


def test_last_modified_serves_where_the_etag_is_weak(server: ScriptedServer, target: Path) -> None:
    server.script(file(OLD, 'W/"v1"', cut=CUT, Last_Modified=LONG_AGO), file(OLD, 'W/"v1"', Last_Modified=LONG_AGO))
    record = download(server.url, target)
    assert server.requests[1]["If-Range"] == LONG_AGO
    assert target.read_bytes() == OLD
    assert record.last_modified == LONG_AGO


@pytest.mark.parametrize("etag", ['W/"v1"', None])
def test_without_a_validator_a_cut_download_restarts(server: ScriptedServer, target: Path, etag: str | None) -> None:
    server.script(file(OLD, etag, cut=CUT), file(NEW, etag))
    download(server.url, target)
    assert "Range" not in server.requests[1]
    assert target.read_bytes() == NEW


def test_a_date_of_this_very_second_is_no_validator(server: ScriptedServer, target: Path) -> None:
    def just_written(request: Mapping[str, str]) -> Answer:
        now = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
        return Answer(200, OLD, {"Last-Modified": now}, cut=CUT)

    server.script(just_written, file(NEW))
    download(server.url, target)
    assert "Range" not in server.requests[1]
    assert target.read_bytes() == NEW


def test_a_changed_etag_restarts(server: ScriptedServer, target: Path) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    server.script(file(NEW, '"v2"'))
    record = download(server.url, target)
    assert server.requests[0]["Range"] == f"bytes={CUT}-"
    assert len(server.requests) == 1
    assert target.read_bytes() == NEW
    assert record.etag == '"v2"'


def test_a_restart_that_is_cut_goes_on_with_the_new_version(server: ScriptedServer, target: Path) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    server.script(file(NEW, '"v2"', cut=100_000), file(NEW, '"v2"'))
    download(server.url, target)
    assert server.requests[1]["If-Range"] == '"v2"'
    assert target.read_bytes() == NEW


@pytest.mark.parametrize(
    "wrong",
    [
        {"Content-Range": f"bytes 0-{len(OLD) - 1}/{len(OLD)}", "ETag": '"v1"'},
        {"Content-Range": f"bytes {CUT}-{len(OLD) - 1}/{len(NEW)}", "ETag": '"v1"'},
        {"Content-Range": f"bytes {CUT}-{len(OLD) - 1}/*", "ETag": '"v1"'},
        {"Content-Range": "garbled", "ETag": '"v1"'},
        {"ETag": '"v1"'},
        {"Content-Range": f"bytes {CUT}-{len(OLD) - 1}/{len(OLD)}"},
        {"Content-Range": f"bytes {CUT}-{len(OLD) - 1}/{len(OLD)}", "ETag": '"v2"'},
        {
            "Content-Range": f"bytes {CUT}-{len(OLD) - 1}/{len(OLD)}",
            "ETag": '"v1"',
            "Content-Encoding": "gzip",
        },
    ],
)
def test_a_partial_answer_that_does_not_fit_restarts(
    server: ScriptedServer, target: Path, wrong: Mapping[str, str]
) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    first = re.match(r"bytes (\d+)", wrong.get("Content-Range", ""))
    body = NEW[int(first[1]) if first else CUT : len(OLD)]
    server.script(always(Answer(206, body, wrong)), file(NEW, '"v2"'))
    download(server.url, target, attempts=1)
    assert [request.get("Range") for request in server.requests] == [f"bytes={CUT}-", None]
    assert target.read_bytes() == NEW


def test_a_server_that_sends_a_piece_at_a_time_is_asked_for_the_rest(server: ScriptedServer, target: Path) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    piece = {"Content-Range": f"bytes {CUT}-{CUT + 99}/{len(OLD)}", "ETag": '"v1"'}
    server.script(always(Answer(206, OLD[CUT : CUT + 100], piece)), file(OLD))
    download(server.url, target)
    assert server.requests[1]["Range"] == f"bytes={CUT + 100}-"
    assert target.read_bytes() == OLD


def test_a_complete_part_above_the_bound_is_refused(server: ScriptedServer, target: Path) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    part_of(target).write_bytes(OLD)
    server.script(file(OLD))
    with pytest.raises(SourceUnavailableError, match="valid are at most 1000"):
        download(server.url, target, max_bytes=1000)


def test_a_complete_part_is_finished_by_416(server: ScriptedServer, target: Path) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    part_of(target).write_bytes(OLD)
    server.script(file(OLD))
    assert download(server.url, target).bytes == len(OLD)
    assert len(server.requests) == 1
    assert target.read_bytes() == OLD


@pytest.mark.parametrize("length", [7, CUT])
def test_416_for_another_length_restarts(server: ScriptedServer, target: Path, length: int) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    server.script(always(Answer(416, b"", {"Content-Range": f"bytes */{length}"})), file(NEW, '"v2"'))
    download(server.url, target, attempts=1)
    assert target.read_bytes() == NEW


@pytest.mark.parametrize(
    "garbled",
    [
        b"",
        b"{",
        b"null",
        b"\xff",
        '{"url": "?", "etag": "\u6f22", "last_modified": null, "total": null}'.encode(),
    ],
)
def test_a_garbled_part_version_restarts(server: ScriptedServer, target: Path, garbled: bytes) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    version_of(target).write_bytes(garbled.replace(b"?", server.url.encode()))
    server.script(file(NEW, '"v2"'))
    download(server.url, target)
    assert "Range" not in server.requests[0]
    assert target.read_bytes() == NEW


def test_a_part_of_another_address_is_not_continued(server: ScriptedServer, target: Path) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    server.script(file(NEW))
    download(server.url + "?other", target)
    assert "Range" not in server.requests[0]
    assert target.read_bytes() == NEW


def test_a_part_with_no_version_beside_it_is_not_continued(server: ScriptedServer, target: Path) -> None:
    target.parent.mkdir()
    part_of(target).write_bytes(b"from somewhere")
    server.script(file(OLD))
    download(server.url, target)
    assert target.read_bytes() == OLD


def test_an_unreachable_network_keeps_the_part(server: ScriptedServer, target: Path, closed_port: int) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    with pytest.raises(NetworkUnreachableError):
        download(f"http://127.0.0.1:{closed_port}/", target)
    assert part_of(target).read_bytes() == OLD[:CUT]


# ---------- retrying


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_tried_again(server: ScriptedServer, target: Path, status: int) -> None:
    server.script(always(Answer(status)), file(OLD))
    download(server.url, target)
    assert len(server.requests) == 2
    assert target.read_bytes() == OLD


def test_a_lasting_failure_ends_after_all_attempts(server: ScriptedServer, target: Path) -> None:
    server.script(always(Answer(503)))
    with pytest.raises(SourceUnavailableError, match=r"last of 3 attempts: status 503; .* try again later") as error:
        download(server.url, target, attempts=3)
    assert server.url in one_line(error)
    assert not isinstance(error.value, NetworkUnreachableError)
    assert len(server.requests) == 3


def test_a_short_body_is_tried_again_and_named(server: ScriptedServer, target: Path) -> None:
    server.script(always(Answer(200, OLD, cut=1000)), always(Answer(200, OLD, cut=1000)), file(OLD))
    with pytest.raises(SourceUnavailableError, match="1000 bytes read, 523288 more expected"):
        download(server.url, target, attempts=2)
    assert not target.exists()
    server.script(always(Answer(200, OLD, cut=1000)), file(OLD))
    download(server.url, target)
    assert target.read_bytes() == OLD


def test_a_silent_server_is_tried_again(server: ScriptedServer, target: Path) -> None:
    server.script(always(Answer(200, OLD, stall=0.2)), file(OLD))
    download(server.url, target, read_timeout=0.1)
    assert target.read_bytes() == OLD


@pytest.mark.parametrize(
    ("wait", "least_seconds"),
    [("3600", 0.3), ("Fri, 31 Dec 2999 23:59:59 GMT", 0.3), ("soon", 0), ("9" * 5000, 0)],
)
def test_retry_after_is_waited_for_up_to_the_bound(
    server: ScriptedServer, target: Path, wait: str, least_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_PAUSE_SECONDS", 0.3)
    server.script(always(Answer(429, headers={"Retry-After": wait})), file(OLD))
    begin = time.monotonic()
    download(server.url, target)
    assert least_seconds <= time.monotonic() - begin < 10
    assert target.read_bytes() == OLD


# ---------- refusing


@pytest.mark.parametrize("status", [403, 404])
def test_an_unpublished_file_is_told_at_once(server: ScriptedServer, target: Path, status: int) -> None:
    server.script(always(Answer(status)))
    with pytest.raises(SourceUnavailableError, match=f"status {status}; .* not published yet; ask for") as error:
        download(server.url, target)
    assert server.url in one_line(error)
    assert len(server.requests) == 1
    assert list(target.parent.iterdir()) == []


@pytest.mark.parametrize("status", [204, 206, 400, 401, 410, 416])
def test_any_other_status_is_told_at_once(server: ScriptedServer, target: Path, status: int) -> None:
    server.script(always(Answer(status)))
    with pytest.raises(SourceUnavailableError, match=f"status {status}; a published file answers 200; check"):
        download(server.url, target)
    assert len(server.requests) == 1


def test_a_file_declared_too_large_is_refused(server: ScriptedServer, target: Path) -> None:
    server.script(file(OLD))
    with pytest.raises(SourceUnavailableError, match=r"has 524288 bytes; valid are at most 524287; .* max_bytes"):
        download(server.url, target, max_bytes=len(OLD) - 1)
    assert len(server.requests) == 1
    assert list(target.parent.iterdir()) == []
    assert download(server.url, target, max_bytes=len(OLD)).bytes == len(OLD)


def test_a_stream_that_grows_too_large_is_stopped(server: ScriptedServer, target: Path) -> None:
    server.script(always(Answer(200, OLD, declares_length=False)))
    with pytest.raises(SourceUnavailableError, match=r"has at least [0-9]{6} bytes; valid are at most 100000"):
        download(server.url, target, max_bytes=100_000)
    assert list(target.parent.iterdir()) == []


def test_a_resumed_file_is_held_to_the_bound_as_a_whole(server: ScriptedServer, target: Path) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    server.script(file(OLD))
    with pytest.raises(SourceUnavailableError, match="has 524288 bytes; valid are at most 400000"):
        download(server.url, target, max_bytes=400_000)
    assert list(target.parent.iterdir()) == []


def test_an_encoded_answer_is_refused(server: ScriptedServer, target: Path) -> None:
    server.script(always(Answer(200, b"x", {"Content-Encoding": "gzip"})))
    with pytest.raises(SourceUnavailableError, match="content encoding 'gzip'; only identity is valid"):
        download(server.url, target)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/month.parquet",
        "http://127.0.0.1.example.com/",
        "http://localhost@example.com/",
        "http://[::2]/",
        "ftp://127.0.0.1/",
        "file:///etc/hosts",
        "month.parquet",
        "https://",
        "http://[",
        "",
    ],
)
def test_an_address_that_is_not_allowed_is_a_usage_error(url: str, target: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot be fetched; valid are https addresses, and http ones of") as error:
        download(url, target)
    assert repr(url.replace("localhost@", "***@")) in one_line(error)
    assert not target.parent.exists()


@pytest.mark.parametrize("address", ["https://me:hunter2@example.com/a", "http://me:hunter2@127.0.0.1/a?key=hunter2"])
def test_an_address_with_a_password_is_refused_and_not_repeated(address: str, target: Path) -> None:
    with pytest.raises(UsageError, match=r"without user and password; correct it") as error:
        download(address, target)
    assert "hunter2" not in one_line(error)


def test_an_address_that_no_request_can_be_made_of_is_told_at_once(target: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="invalid label"):
        download("https://.example.com/", target, backoff_seconds=60)


def test_no_attempts_is_a_usage_error(server: ScriptedServer, target: Path) -> None:
    with pytest.raises(UsageError, match="attempts is 0"):
        download(server.url, target, attempts=0)


@pytest.mark.parametrize("location", ["http://example.com/x", "//example.com/x", "ftp://127.0.0.1/x", "http://["])
def test_a_redirect_to_an_address_that_is_not_allowed_is_refused(
    server: ScriptedServer, target: Path, location: str
) -> None:
    server.script(always(Answer(302, headers={"Location": location})))
    with pytest.raises(SourceUnavailableError, match=r"redirects to .*; valid are https addresses") as error:
        download(server.url, target)
    assert location in one_line(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["https://example.com/x?token=hunter2", "//localhost:1/x", "http://[::1]/x"])
def test_a_redirect_to_another_host_is_refused(server: ScriptedServer, target: Path, location: str) -> None:
    server.script(always(Answer(302, headers={"Location": location})))
    with pytest.raises(SourceUnavailableError, match=r"another host; only the one that was named is valid") as error:
        download(server.url, target)
    assert "name it with TLC_URL" in one_line(error)
    assert "hunter2" not in one_line(error)
    assert len(server.requests) == 1


def test_what_arrives_can_be_read_and_not_run(server: ScriptedServer, target: Path) -> None:
    server.script(file(OLD))
    download(server.url, target)
    assert all(not path.stat().st_mode & 0o111 for path in target.parent.iterdir())


def test_a_redirect_on_this_machine_is_followed_with_the_range(server: ScriptedServer, target: Path) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    server.script(always(Answer(302, headers={"Location": "/elsewhere"})), file(OLD))
    assert download(server.url, target).url == server.url
    assert server.requests[1]["Range"] == f"bytes={CUT}-"
    assert target.read_bytes() == OLD


def test_endless_redirects_are_refused(server: ScriptedServer, target: Path) -> None:
    server.script(always(Answer(302, headers={"Location": "/month.parquet"})))
    with pytest.raises(SourceUnavailableError, match="redirects again and again"):
        download(server.url, target)
    assert len(server.requests) == 6


def test_a_folder_that_cannot_be_made_is_named(server: ScriptedServer, tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("a file, where a folder should be")
    with pytest.raises(SourceUnavailableError, match="a writable folder with free space is needed") as error:
        download(server.url, tmp_path / "raw" / "month.parquet")
    assert "month.parquet" in one_line(error)


# ---------- reaching


def test_a_refused_connection_is_an_unreachable_network(target: Path, closed_port: int) -> None:
    begin = time.monotonic()
    with pytest.raises(
        NetworkUnreachableError, match=r"cannot be reached: .*Connection refused; .*check the network"
    ) as error:
        download(f"http://127.0.0.1:{closed_port}/month.parquet", target, attempts=50, backoff_seconds=0.1)
    assert time.monotonic() - begin < 1
    assert "HTTPConnection" not in one_line(error)


def test_an_unreachable_proxy_is_an_unreachable_network(
    target: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port}")
    with pytest.raises(NetworkUnreachableError, match="check the network and the proxy settings"):
        download("https://example.com/month.parquet", target)


def test_no_proxy_stands_between_this_machine_and_itself(
    server: ScriptedServer, target: Path, closed_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port}")
    server.script(file(OLD))
    assert download(server.url, target).bytes == len(OLD)


def test_a_host_that_answered_once_is_not_unreachable(server: ScriptedServer, target: Path, closed_port: int) -> None:
    server.script(always(Answer(302, headers={"Location": f"http://127.0.0.1:{closed_port}/"})))
    with pytest.raises(SourceUnavailableError, match=r"last of 3 attempts: .*Connection refused") as error:
        download(server.url, target, attempts=3)
    assert not isinstance(error.value, NetworkUnreachableError)


def test_tls_with_a_server_that_speaks_none_is_not_unreachable(server: ScriptedServer, target: Path) -> None:
    with pytest.raises(SourceUnavailableError, match="SSL") as error:
        download(server.url.replace("http:", "https:"), target, attempts=2)
    assert not isinstance(error.value, NetworkUnreachableError)


@pytest.fixture
def untrusted_server(tmp_path: Path) -> Iterator[ScriptedServer]:
    """A TLS server whose certificate is signed by nobody but itself."""
    private_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, private_key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(private_key, hashes.SHA256())
    )
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    encoding = serialization.Encoding.PEM
    key.write_bytes(
        private_key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate.write_bytes(signed.public_bytes(encoding))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = ScriptedServer()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    yield from serving(server)


def test_an_untrusted_certificate_is_told_at_once(untrusted_server: ScriptedServer, target: Path) -> None:
    untrusted_server.script(file(OLD))
    with pytest.raises(SourceUnavailableError, match="a host with a trusted certificate is needed") as error:
        download(untrusted_server.url.replace("http:", "https:"), target, backoff_seconds=60)
    assert "CERTIFICATE_VERIFY_FAILED" in one_line(error)
    assert not isinstance(error.value, NetworkUnreachableError)
    assert untrusted_server.requests == []


def test_the_part_version_names_the_address_and_the_version(server: ScriptedServer, target: Path) -> None:
    interrupt(server, target, file(OLD, cut=CUT))
    assert json.loads(version_of(target).read_text()) == {
        "url": server.url,
        "etag": '"v1"',
        "last_modified": None,
        "total": len(OLD),
    }
