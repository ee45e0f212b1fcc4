"""The services around the warehouse - Postgres, Adminer, Grafana - through `docker compose`: up, down, clean-all.

In: docker-compose.yml and `.env`. Out: running containers, and lines for a person. Called by pipeline.cli. The
pipeline itself never needs them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from config import env_file
from config.paths import ROOT
from core.errors import ConfigurationError
from warehouse import database, schema_versions
from warehouse.access import owners, roles

COMPOSE_FILE = ROOT / "docker-compose.yml"
DEFAULT_PROJECT = "model-monitoring-warehouse"
WAIT_SECONDS = 300
REQUIRED = (
    *env_file.SERVER_VARIABLES,
    "DASHBOARD_PASSWORD",
    "ANALYST_PASSWORD",
    "GRAFANA_ADMIN_PASSWORD",
    "GRAFANA_SECRET_KEY",
)
_PORTS = {"PGPORT": "5432", "GRAFANA_PORT": "3000", "ADMINER_PORT": "8080"}
_OPTIONAL = {"ALERT_WEBHOOK_URL": "", "GRAFANA_COOKIE_SECURE": "false"}
_WITHOUT_DOCKER = "the pipeline also works without Docker: move .env away if there is one, and run `make pipeline`"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Addresses:
    """Where the services answer; no passwords."""

    grafana: str
    adminer: str


def up(say: Say) -> Addresses:
    """Make `.env` if it is not there, start the services, wait until all are healthy, prepare the database.

    Raises:
        ConfigurationError: Docker or its engine is missing, `.env` cannot be used, or a service does not get healthy.
        DatabaseError: the database does not let us in.
    """
    docker = _find_docker()
    if not env_file.location().exists():
        _refuse_volumes_of_lost_passwords(docker)
        if env_file.create():
            say(f"{env_file.location()} is made, with random passwords that only you can read")
    values = _checked(env_file.read())
    arguments = ("up", "--detach", "--wait", "--wait-timeout", str(WAIT_SECONDS), "--remove-orphans")
    if _compose(docker, values, *arguments) != 0:
        raise ConfigurationError(
            "the services did not all get healthy: docker's lines above say which and why; "
            f"`docker compose --project-name {_project()} logs` shows more. Where a port is taken, change "
            f"{', '.join(_PORTS)} in {env_file.location()}"
        )
    with database.environment(values), owners.warehouse():
        schema_versions.migrate()
        # Grafana and Adminer log in as roles that the pipeline makes: they are there before its first run.
        roles.ensure_roles()
    query = {"pgsql": "postgres", "username": "analyst", "db": values["PGDATABASE"], "ns": "marts"}
    return Addresses(
        grafana=f"http://127.0.0.1:{values['GRAFANA_PORT']}",
        adminer=f"http://127.0.0.1:{values['ADMINER_PORT']}/?{urlencode(query)}",
    )


def down() -> None:
    """Stop and remove the containers; the databases stay in their volumes."""
    _take_down(_find_docker())


def remove_all() -> None:
    """Stop and remove the containers and the volumes with all data of Postgres and Grafana."""
    _take_down(_find_docker(), "--volumes")


def _take_down(docker: str, *options: str) -> None:
    # Nothing is started: Compose only wants its required variables to be there.
    nothing = dict.fromkeys(REQUIRED, "-") | _PORTS | _OPTIONAL
    if _compose(docker, nothing, "down", "--remove-orphans", *options) != 0:
        raise ConfigurationError("the services were not all removed: docker's lines above say why")


def _find_docker() -> str:
    if not COMPOSE_FILE.exists():
        raise ConfigurationError(f"{COMPOSE_FILE} is not there: services are started from a checkout of the project")
    docker = shutil.which("docker")
    if docker is None:
        raise ConfigurationError(f"docker was not found: install it with its compose plugin; {_WITHOUT_DOCKER}")
    if _ask(docker, "compose", "version").returncode != 0:
        raise ConfigurationError(
            f"{docker} has no `docker compose`: install the compose plugin, version 2.20 or newer; {_WITHOUT_DOCKER}"
        )
    engine = _ask(docker, "version", "--format", "{{.Server.Version}}")
    if engine.returncode != 0:
        reason = " ".join(engine.stderr.split())
        raise ConfigurationError(f"the Docker engine cannot be reached ({reason}): start it; {_WITHOUT_DOCKER}")
    return docker


def _refuse_volumes_of_lost_passwords(docker: str) -> None:
    """New passwords do not open databases that were made with others."""
    label = f"label=com.docker.compose.project={_project()}"
    volumes = _ask(docker, "volume", "ls", "--quiet", "--filter", label).stdout.split()
    if volumes:
        raise ConfigurationError(
            f"{env_file.location()} is not there, but databases made with its passwords are ({', '.join(volumes)}): "
            "bring the file back, or remove the databases with `make clean-all`"
        )


def _checked(values: Mapping[str, str]) -> dict[str, str]:
    """The variables of `.env` with all that the services need."""
    file = env_file.location()
    missing = [name for name in REQUIRED if not values.get(name)]
    if missing:
        raise ConfigurationError(
            f"{file} has no value for {', '.join(missing)}: add it, or move the file away for a new one"
        )
    if values["PGHOST"] != "127.0.0.1":
        raise ConfigurationError(
            f"{file} names the server {values['PGHOST']}, the services listen on 127.0.0.1 only: set PGHOST=127.0.0.1, "
            "or move the file away and set the PG* variables for a server of your own"
        )
    if values["GRAFANA_ADMIN_PASSWORD"] == "admin":  # noqa: S105 - the default that is refused
        raise ConfigurationError(f"{file}: GRAFANA_ADMIN_PASSWORD is Grafana's default: choose another")
    complete = _PORTS | _OPTIONAL | dict(values)
    for name in _PORTS:
        if not (complete[name].isdigit() and 1024 <= int(complete[name]) <= 65535):
            raise ConfigurationError(f"{file}: {name}={complete[name]} is not valid: use a number from 1024 to 65535")
    return complete


def _compose(docker: str, values: Mapping[str, str], *arguments: str) -> int:
    """The exit code of `docker compose`, which sees the values of `.env` whatever the caller's environment says."""
    command = [docker, "compose", "--file", str(COMPOSE_FILE), "--project-name", _project(), *arguments]
    ours = re.findall(r"\$\{(\w+)", COMPOSE_FILE.read_text(encoding="utf-8"))
    others = {name: text for name, text in os.environ.items() if name not in ours and not name.startswith("COMPOSE_")}
    # What it prints is talk.
    return subprocess.run(command, env={**others, **values}, stdout=2, check=False).returncode  # noqa: S603 - fixed words


def _project() -> str:
    """Compose's own variable gives a second checkout containers and volumes of its own."""
    return os.environ.get("COMPOSE_PROJECT_NAME") or DEFAULT_PROJECT


def _ask(docker: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([docker, *arguments], capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
