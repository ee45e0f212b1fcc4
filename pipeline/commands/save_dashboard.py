"""Pull a dashboard that was made by hand out of Grafana, into the folder of custom dashboards.

In: a uid, and where Grafana is and how to get in, from the environment. Out: a reviewable JSON file that Grafana
is provisioned with from then on. The project's own dashboards are generated, and never written here. Called by
pipeline.cli.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from config.paths import DASHBOARDS_DIR, ROOT
from config.private_files import share
from core.errors import ConfigurationError, GrafanaError, UsageError
from core.files.unfinished import unfinished

CUSTOM_DIR = ROOT / "grafana" / "dashboards" / "custom"
_UID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_MOST_BYTES = 10 * 1024**2
_TIMEOUTS = (5.0, 30.0)  # to connect, and of silence, in seconds
_LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
# What Grafana numbers by itself: it differs between installations and with every save.
_VOLATILE = ("id", "version")


class _Bearer(AuthBase):
    """A service account's token; given as `auth`, so that no ~/.netrc takes its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        r.headers["Authorization"] = f"Bearer {self._token}"
        return r


@dataclass(frozen=True)
class Grafana:
    """Where Grafana is, without a slash at the end, and how to get in."""

    url: Url
    auth: AuthBase
    account: str


def grafana_variables() -> dict[str, str]:
    """What the environment says of Grafana, under the names that `.env` has: WAREHOUSE_GRAFANA_URL is GRAFANA_URL."""
    return {
        name.removeprefix("WAREHOUSE_"): value
        for name, value in os.environ.items()
        if name.startswith("WAREHOUSE_GRAFANA_")
    }


def grafana_of(environment: Mapping[str, str]) -> Grafana:
    """The Grafana that GRAFANA_URL, GRAFANA_PORT, GRAFANA_TOKEN and GRAFANA_ADMIN_PASSWORD name.

    Raises:
        ConfigurationError: the address is no address, or there is neither token nor password.
    """
    text = environment.get("GRAFANA_URL") or f"http://127.0.0.1:{environment.get('GRAFANA_PORT') or '3000'}"
    try:
        url = parse_url(text.strip().rstrip("/"))
    except LocationParseError:
        url = Url()
    if url.scheme not in {"http", "https"} or not url.host or url.auth or url.query or url.fragment:
        # Not repeated here: a password may stand in it.
        raise ConfigurationError(
            "GRAFANA_URL (or GRAFANA_PORT) makes no address of a Grafana: write GRAFANA_URL=http://host:port, without "
            "user or password; those go into GRAFANA_ADMIN_PASSWORD or GRAFANA_TOKEN"
        )
    token, password = environment.get("GRAFANA_TOKEN", "").strip(), environment.get("GRAFANA_ADMIN_PASSWORD", "")
    if token:
        if re.fullmatch(r"[!-~]+", token) is None:
            raise ConfigurationError("GRAFANA_TOKEN holds characters that no token has: copy it from Grafana again")
        return Grafana(url, _Bearer(token), "the token in GRAFANA_TOKEN")
    if not password:
        raise ConfigurationError(
            "there is nothing to get into Grafana with: set GRAFANA_ADMIN_PASSWORD (admin's password), or "
            "GRAFANA_TOKEN (a service account's token)"
        )
    auth = HTTPBasicAuth(b"admin", password.encode())
    return Grafana(url, auth, "admin with the password in GRAFANA_ADMIN_PASSWORD")


def save_dashboard(
    uid: str, grafana: Grafana, custom: Path = CUSTOM_DIR, own: Path = DASHBOARDS_DIR
) -> tuple[Path, list[Path]]:
    """Write a dashboard into `custom`; gives its file, and older files of the same uid that it replaced.

    Raises:
        UsageError: the uid cannot be one, or is that of a dashboard of the project's own.
        GrafanaError: Grafana gives no such dashboard; the message says why.
        ConfigurationError: a dashboard of the project's own cannot be read.
    """
    check_uid(uid, own)
    dashboard = _fetched(uid, grafana)
    custom.mkdir(parents=True, exist_ok=True)
    share(custom)
    path = custom / f"{_slug(dashboard.get('title'))}-{uid}.json"
    kept = {name: value for name, value in dashboard.items() if name not in _VOLATILE}
    _write(path, kept)
    older = [file for file in sorted(custom.glob("*.json")) if file != path and _uid_of(file) == uid]
    for file in older:
        file.unlink()
    return path, older


def check_uid(uid: str, own: Path = DASHBOARDS_DIR) -> None:
    """Refuse what cannot be asked for, before anything is asked.

    Raises:
        UsageError: the uid cannot be one, or is that of a dashboard of the project's own.
        ConfigurationError: a dashboard of the project's own cannot be read.
    """
    if _UID.fullmatch(uid) is None:
        raise UsageError(
            f"UID {uid[:60]!r} is not valid: a dashboard's uid has up to 40 letters, digits, - and _, and stands in "
            "its address, /d/<uid>/...: make save-dashboard UID=..."
        )
    for file in sorted(own.glob("*.json")):
        found = _uid_of(file)
        if found is None:
            raise ConfigurationError(f"{file} is no dashboard with a uid: restore it, for example with git checkout")
        if found == uid:
            raise UsageError(
                f"UID {uid!r} is that of {file.name}, one of the project's own dashboards, which are generated: copy "
                "it in Grafana under another name (Save as copy), and give the copy's uid"
            )


def _uid_of(file: Path) -> str | None:
    try:
        uid = json.loads(file.read_text(encoding="utf-8"))["uid"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return uid if isinstance(uid, str) else None


def _fetched(uid: str, grafana: Grafana) -> dict[str, Any]:
    """The dashboard with that uid, as Grafana keeps it."""
    url = f"{grafana.url}/api/dashboards/uid/{uid}"
    try:
        with requests.Session() as session:
            session.trust_env = grafana.url.host not in _LOOPBACK_HOSTS  # no proxy on the way to this machine
            with session.get(
                url,
                auth=grafana.auth,
                headers={"Accept": "application/json"},
                timeout=_TIMEOUTS,
                allow_redirects=False,
                stream=True,
            ) as response:
                _refuse_status(response, uid, grafana)
                body = _body(response, grafana)
    except (requests.RequestException, HTTPError) as error:
        raise GrafanaError(
            f"Grafana cannot be reached at {grafana.url} ({type(error).__name__}): start it, or name its address with "
            "GRAFANA_URL or GRAFANA_PORT"
        ) from error
    try:
        answer = json.loads(body, parse_constant=_no_constant)
        dashboard = answer["dashboard"]
        fits = isinstance(dashboard, dict) and dashboard.get("uid") == uid
    except (ValueError, KeyError, TypeError, RecursionError):
        fits = False
    if not fits:
        raise GrafanaError(
            f"{grafana.url} answers, but not with the dashboard {uid} in JSON as Grafana does: check GRAFANA_URL"
        )
    found: dict[str, Any] = dashboard
    return found


def _refuse_status(response: requests.Response, uid: str, grafana: Grafana) -> None:
    """Raise for every status but 200."""
    status = response.status_code
    if status == requests.codes.ok:
        return
    if 300 <= status < 400:
        reason = "it redirects elsewhere, where no password is sent to: name Grafana's own address with GRAFANA_URL"
    elif status == requests.codes.unauthorized:
        reason = f"it does not let {grafana.account} in: check it"
    elif status == requests.codes.forbidden:
        reason = f"{grafana.account} may not read that dashboard: give it the role Viewer, or use another"
    elif status == requests.codes.not_found:
        reason = "it has none with this uid: the uid stands in a dashboard's address, /d/<uid>/..."
    elif status == requests.codes.not_acceptable:
        reason = (
            "it keeps that dashboard in its newer format (v2): export it there as classic JSON into "
            "grafana/dashboards/custom/"
        )
    else:
        reason = f"it answers with status {status}: look into its log, and try again"
    raise GrafanaError(f"the dashboard {uid} cannot be had from Grafana at {grafana.url}: {reason}")


def _body(response: requests.Response, grafana: Grafana) -> bytes:
    body = b""
    for chunk in response.iter_content(65_536):
        body += chunk
        if len(body) > _MOST_BYTES:
            raise GrafanaError(
                f"{grafana.url} answers with more than {_MOST_BYTES // 1024**2} MiB: that is no dashboard; check "
                "GRAFANA_URL"
            )
    return body


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _slug(title: object) -> str:
    """A title as a part of a file's name."""
    words = re.findall(r"[a-z0-9]+", str(title).lower() if isinstance(title, str) else "")
    return "-".join(words)[:60].strip("-") or "dashboard"


def _write(path: Path, dashboard: dict[str, Any]) -> None:
    """Write whole or not at all, the same bytes for the same dashboard."""
    text = json.dumps(dashboard, indent=2, sort_keys=True) + "\n"
    with unfinished(path) as part:
        part.write_text(text, encoding="utf-8")
        share(part)
