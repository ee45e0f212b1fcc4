"""Fetches one file over HTTP, so that neither half a file nor a mix of two versions gets the final name.

In: an https address (http only for this machine) and the path that the file is to have.
Out: the file, and a `DownloadRecord`, which also lies beside it as `<name>.download.json`.
Months have a megabyte or two: every attempt begins with the first byte. Called by `ingest.tlc.sources`.
"""

from __future__ import annotations

import hashlib
import logging
import re
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

import requests
from requests.exceptions import ConnectTimeout, ProxyError
from urllib3.exceptions import HTTPError, InvalidHeader, LocationParseError, NewConnectionError
from urllib3.util import Retry, parse_url

from core.advice import Advice
from core.errors import NetworkUnreachableError, SourceUnavailableError, UsageError
from core.files.unfinished import unfinished
from ingest.tlc.records import DownloadRecord, record_path, write_json

logger = logging.getLogger(__name__)

_CHUNK_BYTES = 64 * 1024
_LONGEST_PAUSE_SECONDS = 60.0
_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_MAX_REDIRECTS = 5
_NO_PROXY = {"http": "", "https": ""}
_UNREACHABLE_ATTEMPTS = 2
_VALID_URLS = "https addresses, and http ones of 127.0.0.1, localhost and ::1, without user and password"


# Called with the bytes that have arrived and those of the whole file, None where the server does not say.
Report = Callable[[int, int | None], None]
# Around a download, by the name of its file.
Watch = Callable[[str], AbstractContextManager[Report]]


@contextmanager
def unwatched(name: str) -> Iterator[Report]:
    """Nobody sees it arrive."""
    yield lambda size, total: None


@dataclass(frozen=True)
class _Job:
    session: requests.Session
    url: str
    part: Path
    max_bytes: int
    timeouts: tuple[float, float]
    deadline: float  # on the monotonic clock
    report: Report


class _Session(requests.Session):
    """Leaves redirects to `_answer`, which looks at every address before it is asked."""

    def get_redirect_target(self, resp: requests.Response) -> None:
        return None


class _RetryError(Exception):
    """This attempt failed in a way that may pass; `retry_after` is the wait asked for, in seconds."""

    def __init__(self, reason: str, retry_after: float = 0.0) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


def download(
    url: str,
    target: Path,
    *,
    max_bytes: int = 2 * 1024**3,
    attempts: int = 5,
    backoff_seconds: float = 1.0,
    connect_timeout: float = 5.0,
    read_timeout: float = 60.0,
    total_seconds: float = 3600.0,
    watch: Watch = unwatched,
) -> DownloadRecord:
    """Fetch `url` into `target`, replacing it only when the whole file has arrived, and return its record.

    Times are in seconds; `read_timeout` is the longest silence of the server, `total_seconds` the longest
    time in all, however little comes at a time. The wait after the n-th failed
    attempt is `backoff_seconds` * 2**(n-1), or more if the server asks for it, and a minute at most.

    Raises:
        UsageError: the address is neither https nor http of this machine, or `attempts` is below 1.
        NetworkUnreachableError: no attempt got a connection; told after two attempts.
        SourceUnavailableError: everything else, from a status such as 404 to a full disk.
    """
    if not _is_allowed(url):
        raise UsageError(f"the address {_shown(url)!r} cannot be fetched; valid are {_VALID_URLS}; correct it")
    if attempts < 1:
        raise UsageError(f"attempts is {attempts}; valid are whole numbers from 1; give at least 1")
    try:
        with unfinished(target) as part, watch(target.name) as report, _Session() as session:
            deadline = time.monotonic() + total_seconds
            job = _Job(session, url, part, max_bytes, (connect_timeout, read_timeout), deadline, report)
            record = _fetched(job, attempts, backoff_seconds)
            record_path(target).unlink(missing_ok=True)  # an old record must not describe the new file
        write_json(record_path(target), record)
    except OSError as error:
        raise SourceUnavailableError(
            f"{url} cannot be fetched into {target}: {error}; "
            "a writable folder with free space is needed; check the folder and the disk"
        ) from error
    logger.info("downloaded %s (%d bytes, sha256 %s)", url, record.bytes, record.sha256)
    return record


def _fetched(job: _Job, attempts: int, backoff_seconds: float) -> DownloadRecord:
    """What now lies complete in the part file, after as many attempts as it takes."""
    answers: list[int] = []
    job.session.hooks["response"].append(lambda response, **_: answers.append(response.status_code))
    unreachable = True
    for attempt in range(1, attempts + 1):
        try:
            return _fetched_once(job)
        except (requests.RequestException, HTTPError, _RetryError) as error:
            cause = _cause(error)
            if _is_permanent(error):
                raise SourceUnavailableError(
                    f"{job.url} cannot be fetched: {cause}; a host with a trusted certificate is needed; "
                    "check the address, the proxy settings, this computer's clock and its certificates"
                ) from error
            unreachable = unreachable and not answers and _is_connect_failure(error)
            if unreachable and attempt >= min(attempts, _UNREACHABLE_ATTEMPTS):
                raise NetworkUnreachableError(
                    f"{job.url} cannot be reached: {cause}; a connection to its host is needed; "
                    "check the network and the proxy settings, or put the file into place by hand"
                ) from error
            if attempt == attempts:
                raise SourceUnavailableError(
                    f"{job.url} failed on the last of {attempts} attempts: {cause}; "
                    "a whole answer with status 200 is needed; try again later"
                ) from error
            pause = max(backoff_seconds * 2 ** (attempt - 1), getattr(error, "retry_after", 0.0))
            logger.debug("attempt %d of %d to fetch %s failed: %s", attempt, attempts, job.url, cause)
        time.sleep(min(pause, _LONGEST_PAUSE_SECONDS))
        _check_time(job)
    raise AssertionError("the last attempt returns or raises")


def _fetched_once(job: _Job) -> DownloadRecord:
    with _answer(job) as response:
        _refuse_status(job, response)
        encoding = response.headers.get("Content-Encoding", "identity")
        if encoding != "identity":
            raise SourceUnavailableError(
                f"{job.url} answers with content encoding {encoding!r}; only identity is valid, so that sizes "
                "can be checked; use an address that serves the file as it is"
            )
        return _saved(job, response)


def _answer(job: _Job) -> requests.Response:
    """The first answer that is no redirect; only redirects to allowed addresses are followed."""
    url, headers = job.url, {"Accept-Encoding": "identity"}
    for _ in range(_MAX_REDIRECTS + 1):
        proxies = _NO_PROXY if parse_url(url).host in _LOOPBACK_HOSTS else None
        response = job.session.get(url, headers=headers, timeout=job.timeouts, proxies=proxies, stream=True)
        location = requests.Session.get_redirect_target(job.session, response)
        if location is None:
            return response
        response.close()
        with suppress(ValueError):  # of a location that is no address; it is refused below
            location = urljoin(url, location)
        if not _is_allowed(location):
            raise SourceUnavailableError(
                f"{job.url} redirects to {_shown(location)!r}; valid are {_VALID_URLS}; check the source's address"
            )
        # What is fetched comes from the host that was configured, not from where that one points.
        if parse_url(location).host != parse_url(job.url).host:
            raise SourceUnavailableError(
                f"{job.url} redirects to {_shown(location)!r}, another host; only the one that was named is valid; if "
                f"you trust the other one, {Advice.NAME_ADDRESS}"
            )
        url = location
    raise SourceUnavailableError(
        f"{job.url} redirects again and again; valid are {_MAX_REDIRECTS} times; check the source's address"
    )


def _saved(job: _Job, response: requests.Response) -> DownloadRecord:
    """Write the answer to the part file, in place of what an attempt before has left there."""
    size, total, digest = 0, response.raw.length_remaining, hashlib.sha256()
    if total is not None and total > job.max_bytes:
        raise _too_large(job, f"{total} bytes")
    job.report(size, total)
    with job.part.open("wb") as part:
        # What has come, not so much as to fill a chunk: a server that sends little at a time is not waited for.
        while chunk := response.raw.read1(_CHUNK_BYTES):
            size += len(chunk)
            if size > job.max_bytes:
                raise _too_large(job, f"at least {size} bytes")
            part.write(chunk)
            digest.update(chunk)
            job.report(size, total)
            _check_time(job)
    if total not in (None, size):
        raise _RetryError(f"the answer ended at byte {size} of {total}")
    headers = response.headers
    return DownloadRecord(job.url, digest.hexdigest(), size, headers.get("ETag"), headers.get("Last-Modified"))


def _check_time(job: _Job) -> None:
    if time.monotonic() > job.deadline:
        raise SourceUnavailableError(
            f"{job.url} takes longer than a file may: try again later, or put the file into place by hand"
        )


def _refuse_status(job: _Job, response: requests.Response) -> None:
    """Raise for every status but 200."""
    status = response.status_code
    if status == requests.codes.ok:
        return
    if status == requests.codes.too_many_requests or status >= requests.codes.internal_server_error:
        retry_after = 0.0
        with suppress(KeyError, ValueError, InvalidHeader):  # it says nothing that can be used: the usual pause
            retry_after = Retry().parse_retry_after(response.headers["Retry-After"])
        raise _RetryError(f"status {status}", retry_after)
    advice = "check the source's address"
    if status in (requests.codes.forbidden, requests.codes.not_found):
        advice = "that month is probably not published yet; ask for an earlier month or check the address"
    raise SourceUnavailableError(f"{job.url} answered with status {status}; a published file answers 200; {advice}")


def _too_large(job: _Job, found: str) -> SourceUnavailableError:
    return SourceUnavailableError(
        f"{job.url} has {found}; valid are at most {job.max_bytes}; check the address or raise max_bytes"
    )


def _is_allowed(url: str) -> bool:
    try:
        parsed = parse_url(url)
    except LocationParseError:
        return False
    is_local = parsed.host in _LOOPBACK_HOSTS
    # A password in an address would stand in the warehouse, beside the file and in every message.
    is_open = bool(parsed.host) and parsed.auth is None
    return is_open and (parsed.scheme == "https" or (parsed.scheme == "http" and is_local))


def _shown(url: str) -> str:
    """An address as it may stand in a message: without user, password and query, which may be secrets."""
    return re.sub(r"//[^/?#]*@", "//***@", url.split("?")[0])


def _is_permanent(error: Exception) -> bool:
    """Whether trying again is of no use: an untrusted certificate, or an address that cannot be asked."""
    return isinstance(_root(error), ssl.SSLCertVerificationError) or isinstance(error, ValueError)


def _is_connect_failure(error: Exception) -> bool:
    """Whether no connection came about: no name, no route, refused, connect timeout, or a failing proxy."""
    return isinstance(error, ConnectTimeout | ProxyError) or isinstance(_root(error), NewConnectionError)


def _root(error: BaseException) -> BaseException:
    """The innermost error: requests and urllib3 wrap them, as `reason` or as the last argument."""
    for inner in (getattr(error, "reason", None), *error.args[-1:]):
        if isinstance(inner, BaseException):
            return _root(inner)
    return error


def _cause(error: BaseException) -> str:
    """The innermost error on one line, without the names of connection objects."""
    root = _root(error)
    text = root.args[-1] if root.args and isinstance(root.args[-1], str) else str(root)
    return re.sub(r"^HTTPS?Connection(Pool)?\(.*?\): ", "", " ".join(text.split())) or type(root).__name__
