"""`make audit`: ask an advisory service for known vulnerabilities of every locked package.

Lock files go in; pip-audit prints what it finds. Nothing is installed and no package is asked for: names and versions
go to the service (OSV, or the one that OSV_URL names), and only there. Run by the Makefile, with an environment of its
own.

Exit codes: 0 nothing known, 1 something is, 5 the service cannot be reached or answers nonsense: nothing was said.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import requests

DEFAULT_URL = "https://api.osv.dev/v1/query"
_UNREACHABLE = 5


def main(locks: list[Path]) -> int:
    """Audit these lock files; gives the exit code."""
    url = os.environ.get("WAREHOUSE_ARG_OSV_URL") or DEFAULT_URL
    reason = _why_unreachable(url)
    if reason:
        print(
            f"error: the advisory service {url} cannot be reached ({reason}): NOTHING WAS AUDITED. Run this where it "
            "can be, or name a mirror of it with OSV_URL",
            file=sys.stderr,
        )
        return _UNREACHABLE
    code = 0
    for lock in locks:
        print(f"{lock}:", file=sys.stderr, flush=True)
        code = max(code, _audit(lock, url))
    return code


def _why_unreachable(url: str) -> str:
    """Asks about a package that cannot be; '' where there is an answer of the right kind."""
    question = {"package": {"name": "no-such-package-0", "ecosystem": "PyPI"}, "version": "0"}
    try:
        answer = requests.post(url, json=question, timeout=15)
        answer.raise_for_status()
        answer.json()
    except (requests.RequestException, ValueError) as error:
        return type(error).__name__ if isinstance(error, requests.ConnectionError) else str(error)
    return ""


def _audit(lock: Path, url: str) -> int:
    """1 where an advisory was found, else 0; 5 where pip-audit did not come to an end."""
    # Hashes are needed, so that a lock file without them is no clean one; pip itself has nothing to resolve.
    options = ["--require-hashes", "--disable-pip", "--strict", "--progress-spinner", "off", "--aliases", "on"]
    ended = subprocess.run(  # noqa: S603 - fixed words and the lock files that make names
        [sys.executable, "-m", "pip_audit", "-r", str(lock), *options, "-s", "osv", "--osv-url", url],
        check=False,
        capture_output=True,
        text=True,
    )
    sys.stdout.write(ended.stdout)
    found = ended.returncode == 1 and ended.stdout.startswith("Name ")
    if ended.returncode == 0 or found:
        sys.stderr.write(ended.stderr)
        return ended.returncode
    lines = ended.stderr.strip().splitlines() or ["no word"]
    print(f"error: pip-audit did not finish with {lock} ({lines[-1][:300]}): it was NOT audited", file=sys.stderr)
    return _UNREACHABLE


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
