"""Install a lock file, or the project itself, into an environment: `install.py LOCK VENV`, `install.py project VENV`.

Of what the user's shell and pip.conf say of pip, uv and Python only that counts which says how the package index is
reached; a `user = true`, a PIP_TARGET, a PYTHONPATH are about other environments. The Makefile calls this, with the
environment's own Python, before anything is installed.
"""

import ast
import os
import subprocess
import sys
from pathlib import Path

# How the index is reached, as pip calls it, and what uv calls the same.
REACH = {
    "cache-dir": "",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "default-timeout": "",
    "extra-index-url": "UV_INDEX",
    "find-links": "",
    "index-url": "UV_DEFAULT_INDEX",
    "keyring-provider": "UV_KEYRING_PROVIDER",
    "no-index": "",
    "proxy": "ALL_PROXY",
    "retries": "",
    "timeout": "",
    "trusted-host": "",
    "use-feature": "",
}
UV_REACH = (
    "UV_CACHE_DIR", "UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_HTTP_RETRIES", "UV_HTTP_TIMEOUT", "UV_INDEX",
    "UV_INDEX_STRATEGY", "UV_INDEX_URL", "UV_INSECURE_HOST", "UV_KEYRING_PROVIDER", "UV_LINK_MODE", "UV_NATIVE_TLS",
    "UV_NO_CACHE", "UV_OFFLINE", "UV_SYSTEM_CERTS",
)  # fmt: skip


def main(what: str, venv: str) -> int:
    if os.geteuid() == 0:
        # Root's server runs as another user, who reads its programs here.
        os.umask(0o022)
    python = str(Path(venv) / "bin" / "python")
    environment = environment_for_install(python)
    if what == "project":
        # Nothing is fetched: what builds it is installed already.
        words = ["--no-deps", "--no-build-isolation", "--editable", "."]
        uv_words, pip_words = ["--offline", *words], ["--no-index", *words]
    else:
        uv_words = pip_words = ["--no-deps", "--require-hashes", "-r", what]
    # uv installs in a tenth of pip's time; where it cannot reach the package index in pip's way, pip itself does it.
    uv = Path(sys.executable).with_name("uv")
    by_uv = [str(uv), "pip", "install", "--quiet", "--no-config", "--system-certs", "--python", python]
    if uv.exists() and run([*by_uv, *uv_words], environment, stderr=subprocess.DEVNULL) == 0:
        return 0
    by_pip = [python, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return run([*by_pip, *pip_words], environment)


def environment_for_install(python: str) -> dict[str, str]:
    """The caller's environment without what it says of Python, pip and uv, but for how the index is reached."""
    ours = {"PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "CONDA_"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(tuple(ours))}
    reach = reach_of_pip(python, environment)
    for name, value in reach.items():
        environment["PIP_" + name.upper().replace("-", "_")] = value
    environment["PIP_CONFIG_FILE"] = os.devnull
    of_uv = {name: value for name, value in os.environ.items() if is_reach_of_uv(name)}
    if not {"UV_DEFAULT_INDEX", "UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_INDEX_URL"} & set(of_uv):
        environment |= {REACH[name]: value for name, value in reach.items() if REACH[name].startswith("UV_")}
    for name in ("cert", "client-cert", "proxy"):
        if name in reach:
            environment.setdefault(REACH[name], reach[name])
    environment |= of_uv
    if not has_home():
        environment |= {"PIP_NO_CACHE_DIR": "1", "UV_NO_CACHE": "1"}
    return environment


def reach_of_pip(python: str, environment: dict[str, str]) -> dict[str, str]:
    """What pip's files and variables say of the index; a variable counts more than a file, [install] than [global]."""
    asked = {name: value for name, value in os.environ.items() if option_of(name) in {*REACH, "config-file"}}
    # A `user = true` of pip.conf would be taken for this command's own --user: list that file alone.
    asked |= {"PIP_USER": "0", "PIP_GLOBAL": "0", "PIP_SITE": "0"}
    told = subprocess.run(  # noqa: S603 - fixed words
        [python, "-I", "-m", "pip", "config", "list"],
        env=environment | asked,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    values: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):
        for line in told.splitlines():
            name, _, value = line.removeprefix(section).partition("=")
            if line.startswith(section) and name in REACH:
                values[name] = " ".join(ast.literal_eval(value).split())
    return values


def option_of(variable: str) -> str:
    return variable.removeprefix("PIP_").lower().replace("_", "-") if variable.startswith("PIP_") else ""


def is_reach_of_uv(variable: str) -> bool:
    # UV_INDEX_<name>_USERNAME and _PASSWORD belong to an index of that name.
    return variable in UV_REACH or variable.startswith("UV_INDEX_")


def has_home() -> bool:
    """Whether caches have a place to be."""
    try:
        home = Path.home()
    except RuntimeError:
        return False
    return home.is_absolute() and os.access(home, os.W_OK | os.X_OK)


def run(command: list[str], environment: dict[str, str], stderr: "int | None" = None) -> int:
    return subprocess.run(command, env=environment, stderr=stderr, check=False).returncode  # noqa: S603 - fixed words


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
