"""docker-compose.yml and Grafana's provisioning: valid, closed to the outside, without secrets, complete."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from config import env_file
from config.paths import ROOT
from pipeline.commands import services

PROVISIONING = ROOT / "grafana" / "provisioning"


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def compose() -> Any:
    return load(services.COMPOSE_FILE)


def compose_schema() -> Any:
    vendored = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    return json.loads(vendored.read_text(encoding="utf-8"))


SERVICES: dict[str, Any] = compose()["services"]
each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES.keys())


def test_the_file_follows_the_compose_specification() -> None:
    jsonschema.validate(compose(), compose_schema())


def test_the_schema_refuses_what_compose_would() -> None:
    broken = compose()
    broken["services"]["postgres"]["health_check"] = {}
    with pytest.raises(jsonschema.ValidationError, match="health_check"):
        jsonschema.validate(broken, compose_schema())


@pytest.mark.parametrize("webhook", ["", "https://alerts.example/hook"])
def test_compose_itself_accepts_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, webhook: str) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed: only its schema was asked")
    monkeypatch.setenv("WAREHOUSE_ENV_FILE", str(tmp_path / ".env"))
    env_file.create()
    result = subprocess.run(
        [docker, "compose", "--file", str(services.COMPOSE_FILE), "config", "--format", "json"],
        env=os.environ | env_file.read() | {"ALERT_WEBHOOK_URL": webhook},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    understood = json.loads(result.stdout)["services"]
    assert {port["host_ip"] for service in understood.values() for port in service["ports"]} == {"127.0.0.1"}
    sources = {Path(mount["source"]).name for mount in understood["grafana"]["volumes"] if mount["type"] == "bind"}
    assert ("notify-webhook.yml" if webhook else "notify.yml") in sources


def test_compose_stops_where_a_password_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    monkeypatch.setenv("WAREHOUSE_ENV_FILE", str(tmp_path / ".env"))
    env_file.create()
    for name in services.REQUIRED:
        if name in {"PGHOST", "PGPORT", "ANALYST_PASSWORD"}:
            continue  # not Compose's, or with a default
        result = subprocess.run(
            [docker, "compose", "--file", str(services.COMPOSE_FILE), "config", "--quiet"],
            env=os.environ | env_file.read() | {name: ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode != 0
        assert f"required variable {name} is missing a value: run make up" in result.stderr


def test_the_services_are_the_three() -> None:
    assert set(SERVICES) == {"postgres", "adminer", "grafana"}
    assert compose()["name"] == services.DEFAULT_PROJECT


@each_service
def test_an_image_has_an_exact_version(service: Any) -> None:
    image, _, digest = service["image"].partition("@")
    repository, _, tag = image.partition(":")
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", digest)
    parts = 2 if repository == "postgres" else 3
    assert re.fullmatch(r"\d+" + r"\.\d+" * (parts - 1), tag), service["image"]


@each_service
def test_ports_are_published_on_this_machine_only(service: Any) -> None:
    assert service["ports"]
    for port in service["ports"]:
        assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z]+_?PORT:-\d+\}:\d+", port), port


@each_service
def test_a_service_has_no_more_rights_than_it_needs(service: Any) -> None:
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["cap_drop"] == ["ALL"]
    assert set(service.get("cap_add", [])) <= {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
    assert not service.keys() & {"privileged", "network_mode", "pid", "ipc", "devices", "userns_mode"}


@each_service
def test_a_service_has_bounds_and_writes_to_volumes_and_memory_only(service: Any) -> None:
    assert service["read_only"] is True
    assert re.fullmatch(r"[1-9]\d*[mg]", service["mem_limit"])
    assert 0 < service["pids_limit"] <= 300
    assert service["tmpfs"]
    for mount in service["tmpfs"]:
        assert {"noexec", "nosuid", "nodev"} <= set(mount.partition(":")[2].split(",")), mount


def test_adminer_and_grafana_do_not_see_each_other() -> None:
    networks = {name: set(service["networks"]) for name, service in SERVICES.items()}
    assert not networks["adminer"] & networks["grafana"]
    assert networks["postgres"] == networks["adminer"] | networks["grafana"] == set(compose()["networks"])


def test_grafana_runs_its_own_scripts_and_keeps_its_cookies_at_home() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_SECURITY_CONTENT_SECURITY_POLICY"] == "true"
    assert environment["GF_SECURITY_COOKIE_SAMESITE"] == "lax"
    assert environment["GF_SECURITY_COOKIE_SECURE"] == "${GRAFANA_COOKIE_SECURE:-false}"
    assert "GF_SECURITY_ALLOW_EMBEDDING" not in environment


@each_service
def test_a_service_says_when_it_is_healthy(service: Any) -> None:
    check = service["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


def test_what_needs_postgres_waits_until_it_is_healthy() -> None:
    for name in ("adminer", "grafana"):
        assert SERVICES[name]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_both_databases_lie_in_named_volumes() -> None:
    assert set(compose()["volumes"]) == {"postgres-data", "grafana-data"}
    # From version 18 on the image refuses a volume at /var/lib/postgresql/data.
    assert "postgres-data:/var/lib/postgresql" in SERVICES["postgres"]["volumes"]
    assert "grafana-data:/var/lib/grafana" in SERVICES["grafana"]["volumes"]


@each_service
def test_files_of_the_project_are_mounted_read_only_and_are_there(service: Any) -> None:
    for mount in service["volumes"]:
        if isinstance(mount, str) or mount["type"] != "bind":
            continue
        assert mount["read_only"] is True
        assert mount["bind"] == {"create_host_path": False}
        for webhook in ("", "-webhook"):
            path = ROOT / mount["source"].replace("${ALERT_WEBHOOK_URL:+-webhook}", webhook)
            assert path.exists(), path


def test_every_variable_is_in_the_env_file_or_has_a_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAREHOUSE_ENV_FILE", str(tmp_path / ".env"))
    env_file.create()
    written = env_file.read()
    text = services.COMPOSE_FILE.read_text(encoding="utf-8")
    used = re.findall(r"(?<!\$)\$\{([A-Z_]+)(:[-?+])?", text)
    assert used
    for name, condition in used:
        assert name in written, name
        # Unset or empty, it has a default or stops Compose.
        assert condition, name
    assert not re.search(r"(?<!\$)\$[A-Za-z]", text)


def test_passwords_have_no_default() -> None:
    text = services.COMPOSE_FILE.read_text(encoding="utf-8")
    for name in services.REQUIRED:
        if name.endswith(("PASSWORD", "KEY")) and name != "ANALYST_PASSWORD":
            assert re.findall(rf"\$\{{{name}(.)", text), name
            assert set(re.findall(rf"\$\{{{name}(..)", text)) == {":?"}, name


def test_grafana_is_closed_and_fetches_nothing() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_SECURITY_ADMIN_PASSWORD"].startswith("${GRAFANA_ADMIN_PASSWORD:?")
    for name, value in {
        "GF_AUTH_ANONYMOUS_ENABLED": "false",
        "GF_USERS_ALLOW_SIGN_UP": "false",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_SECURITY_DISABLE_GRAVATAR": "true",
    }.items():
        assert environment[name] == value, name
    assert "GF_INSTALL_PLUGINS" not in environment


@pytest.mark.parametrize("password", ["", "admin"])
def test_grafana_does_not_start_with_a_default_password(password: str) -> None:
    result = start_grafana(password)
    assert result.returncode == 1
    assert "set GRAFANA_ADMIN_PASSWORD in .env" in result.stderr
    assert result.stdout == ""


def test_grafana_starts_with_another_password() -> None:
    assert start_grafana("admin2").stdout == "started\n"


def start_grafana(password: str) -> subprocess.CompletedProcess[str]:
    """The container's entrypoint, with `echo started` in place of the image's own start script."""
    shell, option, script = SERVICES["grafana"]["entrypoint"]
    assert "exec /run.sh" in script
    script = script.replace("$$", "$").replace("exec /run.sh", "echo started")
    return subprocess.run(
        [shell, option, script],
        env={"GF_SECURITY_ADMIN_PASSWORD": password},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_data_source_is_the_read_only_role_with_its_secret_from_the_environment() -> None:
    (source,) = load(PROVISIONING / "datasources" / "warehouse.yml")["datasources"]
    assert (source["uid"], source["type"], source["user"]) == (
        "warehouse",
        "grafana-postgresql-datasource",
        "dashboard",
    )
    assert source["url"] == "postgres:5432"
    assert source["editable"] is False
    assert source["secureJsonData"] == {"password": "$DASHBOARD_PASSWORD"}
    # Grafana ignores a database at the top level since version 9.
    assert "database" not in source
    assert "password" not in source
    settings = source["jsonData"]
    assert settings["database"] == "$PGDATABASE"
    assert settings["sslmode"] == "disable"
    assert settings["maxIdleConns"] <= settings["maxOpenConns"] < 20


def test_provisioning_reads_only_variables_that_the_container_has() -> None:
    given = set(SERVICES["grafana"]["environment"])
    for path in PROVISIONING.rglob("*.yml"):
        if path.name == "rules.yml":
            continue  # its $ are references between queries
        text = "\n".join(line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
        assert set(re.findall(r"\$\{?(\w+)", text)) <= given, path


def test_dashboards_come_from_two_folders_that_do_not_overlap() -> None:
    providers = load(PROVISIONING / "dashboards" / "warehouse.yml")["providers"]
    places = {provider["folder"]: provider["options"]["path"] for provider in providers}
    assert places == {"Model monitoring": "/etc/grafana/dashboards", "Custom": "/etc/grafana/dashboards-custom"}
    assert all(provider["type"] == "file" and provider["allowUiUpdates"] is False for provider in providers)
    mounts = {mount["target"]: mount for mount in SERVICES["grafana"]["volumes"] if isinstance(mount, dict)}
    assert mounts["/etc/grafana/dashboards"]["source"] == "./grafana/dashboards"
    assert mounts["/etc/grafana/dashboards-custom"]["source"] == "./grafana/dashboards/custom"
    # Grafana reads subfolders; an empty one lies over `custom`.
    assert mounts["/etc/grafana/dashboards/custom"]["type"] == "tmpfs"


def test_a_webhook_gets_every_alert_as_a_sentence() -> None:
    webhook = load(PROVISIONING / "notify-webhook.yml")
    (contact,) = webhook["contactPoints"]
    (receiver,) = contact["receivers"]
    assert receiver["type"] == "webhook"
    assert receiver["settings"]["url"] == "$ALERT_WEBHOOK_URL"
    (policy,) = webhook["policies"]
    assert policy["receiver"] == contact["name"]
    assert "routes" not in policy
    assert "alertname" in policy["group_by"]
    title = receiver["settings"]["title"]
    assert "Annotations.summary" in title, "a sentence, not a list of labels"
    assert "Annotations.page" in receiver["settings"]["message"]


def test_without_a_webhook_nobody_is_told_and_nothing_is_tried() -> None:
    without = load(PROVISIONING / "notify.yml")
    (contact,) = load(PROVISIONING / "notify-webhook.yml")["contactPoints"]
    assert without["deleteContactPoints"] == [{"orgId": 1, "uid": contact["receivers"][0]["uid"]}]
    assert "contactPoints" not in without
    # Grafana's own contact point sends e-mails: the one route takes every alert, and is muted all day.
    (policy,) = without["policies"]
    (route,) = policy["routes"]
    assert route["object_matchers"] == [["alertname", "=~", ".+"]]
    (mute,) = without["muteTimes"]
    assert route["mute_time_intervals"] == [mute["name"]]
    assert mute["time_intervals"] == [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]


def test_links_in_notifications_have_the_port_that_grafana_has() -> None:
    (port,) = SERVICES["grafana"]["ports"]
    published = port.removeprefix("127.0.0.1:").removesuffix(":3000")
    assert SERVICES["grafana"]["environment"]["GF_SERVER_ROOT_URL"] == f"http://127.0.0.1:{published}/"


_SECRET = re.compile(
    r"""(?ix) [\w.-]* (?:password|passwd|secret|token|api_?key) [\w.-]* ["']? [ \t]* [:=] [ \t]*
    ["']? (?P<value> [^\s"'#,)\]}]+ )"""
)
# A variable, a parameter of SQL or what it makes of one, or what dbt puts in.
_NO_SECRET = re.compile(r"\$[({]?[A-Z_]+|\{\{|\.\.\.|%\(|\(cast\(")


def tracked(*patterns: str) -> list[Path]:
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("no git checkout: which files are committed cannot be asked")
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


def secrets_in(text: str) -> list[str]:
    return [found.group(0).strip() for found in _SECRET.finditer(text) if not _NO_SECRET.match(found.group("value"))]


def test_no_committed_file_holds_a_password() -> None:
    paths = tracked(
        "*.yml", "*.yaml", "*.json", "*.php", "*.toml", "*.cfg", "*.ini", "*.md", "*.sql", "*.sh", "Makefile", ".ci/*"
    )
    assert services.COMPOSE_FILE in paths
    for path in paths:
        assert secrets_in(path.read_text(encoding="utf-8")) == [], path


def test_an_env_file_is_never_committed() -> None:
    assert not [path for path in tracked() if path.name == ".env" or path.name.startswith(".env.")]
    ignored = subprocess.run(["git", "check-ignore", ".env", ".env.0f"], cwd=ROOT, capture_output=True, text=True)
    assert ignored.stdout.split() == [".env", ".env.0f"]


@pytest.mark.parametrize(
    ("line", "is_secret"),
    [
        ("POSTGRES_PASSWORD: hunter2", True),
        ("  password: 'hunter2'", True),
        ('"adminPassword": "hunter2"', True),
        ("GF_SECURITY_ADMIN_PASSWORD=hunter2", True),
        ("password: $DASHBOARD_PASSWORD", False),
        ("POSTGRES_PASSWORD: ${PGPASSWORD:?run make up}", False),
        ("secureJsonData:", False),
    ],
)
def test_the_search_for_passwords_finds_them(line: str, is_secret: bool) -> None:
    assert bool(secrets_in(line)) is is_secret
