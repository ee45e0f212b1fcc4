"""Downloads from a real server on this machine that answers each request as its test has scripted."""

from __future__ import annotations

import hashlib
import logging
import os
import pty
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
from ingest.tlc import download as module
from ingest.tlc.records import DownloadRecord, read_record
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


def file(body: bytes, etag: str = '"v1"', cut: int | None = None, **headers: str) -> Step:
    """A file with this body, etag and perhaps `Last_Modified`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return always(Answer(200, body, sent | {"ETag": etag}, cut))


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
    caplog.set_level(logging.INFO, logger="ingest.tlc.download")
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


def test_another_version_after_a_cut_is_not_mixed_with_the_first(server: ScriptedServer, target: Path) -> None:
    server.script(file(OLD, cut=CUT), file(NEW, '"v2"'))
    record = download(server.url, target)
    assert "Range" not in server.requests[1]
    assert target.read_bytes() == NEW
    assert (record.sha256, record.etag) == (hashlib.sha256(NEW).hexdigest(), '"v2"')


def test_what_a_failed_download_has_got_is_removed(server: ScriptedServer, target: Path) -> None:
    server.script(file(OLD, cut=CUT))
    with pytest.raises(SourceUnavailableError):
        download(server.url, target, attempts=2)
    assert list(target.parent.iterdir()) == []


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


def test_an_address_that_no_request_can_use_is_told_at_once(target: Path) -> None:
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
    assert "name its address" in one_line(error)
    assert "hunter2" not in one_line(error)
    assert len(server.requests) == 1


def test_what_arrives_can_be_read_and_not_run(server: ScriptedServer, target: Path) -> None:
    server.script(file(OLD))
    download(server.url, target)
    assert all(not path.stat().st_mode & 0o111 for path in target.parent.iterdir())


def test_a_redirect_on_this_machine_is_followed(server: ScriptedServer, target: Path) -> None:
    server.script(always(Answer(302, headers={"Location": "/elsewhere"})), file(OLD))
    assert download(server.url, target).url == server.url
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
