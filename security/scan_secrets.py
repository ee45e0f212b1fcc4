"""`make secret-scan`: does any file that git keeps hold a password, a key or a token?

detect-secrets looks; what it finds and what is none stands in allowed_secrets.yml with the reason, by file and hash and
not by line, so that it stays true when lines move. Run by the Makefile, with an environment of its own.

Exit codes: 0 nothing new, 1 a finding that is not allowed, or an allowed one that is there no more, 3 a list of them
that is no valid YAML.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings

# The program's own reader of YAML: it needs nothing but the parser, which this environment has.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from config.yaml_file import read_yaml
from core.errors import ConfigurationError

ALLOWED = Path(__file__).with_name("allowed_secrets.yml")
# Hashes by nature: lock files, which uv writes and `pip --require-hashes` reads, and the list of what is allowed.
_SKIPPED = (".lock", "security/allowed_secrets.yml")
Found = tuple[str, str, str]


def main(root: Path, allowed_file: Path) -> int:
    """Scan the files of a repository; gives the exit code."""
    found = {secret: line for name in _files(root) for secret, line in _secrets(root, name)}
    document = read_yaml(allowed_file) or []
    allowed = {(one["file"], one["type"], one["hash"]) for one in document}
    for secret in sorted(found.keys() - allowed):
        name, kind, digest = secret
        print(
            f"{name}:{found[secret]}: {kind} (hash {digest}): take it out and change it wherever it is used; if it is "
            f"none, say why in {allowed_file.name}"
        )
    for name, kind, digest in sorted(allowed - found.keys()):
        print(f"{allowed_file.name}: {kind} {digest} of {name} is there no more: take the entry out")
    clean = found.keys() == allowed
    print(f"{'nothing new' if clean else 'see above'}; {len(allowed)} known findings", file=sys.stderr)
    return 0 if clean else 1


def _files(root: Path) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - the git in use
        cwd=root,
        capture_output=True,
        check=True,
    )
    names = [name.decode() for name in listed.stdout.split(b"\0") if name]
    return [name for name in names if not name.endswith(_SKIPPED) and (root / name).is_file()]


def _secrets(root: Path, name: str) -> list[tuple[Found, int]]:
    collection = SecretsCollection(root=str(root))
    with default_settings():
        collection.scan_file(name)
    return [((name, secret.type, secret.secret_hash), secret.line_number) for _, secret in collection]


if __name__ == "__main__":
    try:
        sys.exit(main(Path.cwd(), ALLOWED))
    except ConfigurationError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
