"""What can be wrong with a warehouse that no command says by itself: each function looks for one kind of fault.

A connection goes in, sentences come out, empty where nothing is wrong; each says what was found and what to do.
Nothing is changed. Called by `make doctor`.
"""

from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import file_digest
from pathlib import Path

import psutil
from psycopg import sql

from config.monitored import load_monitored
from config.paths import DBT_PROJECT_DIR, dataset_models_dir
from config.settings import DATASET
from config.yaml_file import read_yaml
from core.errors import ConfigurationError
from warehouse import database, schema_versions
from warehouse.database import Connection
from warehouse.locks import lock_holders

_QUERIES = database.queries(Path(__file__).with_name("faults.sql"))
_OWNER = re.compile(r"monitoring-warehouse .+ by process (\d+) on (\S+)")
_LONGEST_NAME = 63  # bytes of an application_name that Postgres keeps
_IDLE_HOURS = 6
_CLOCK_SECONDS = 60.0
_SHOWN = 5


@dataclass(frozen=True)
class _Future:
    """What has an end later than now."""

    what: str
    moment: datetime


@dataclass(frozen=True)
class _HalfLoaded:
    """A load that has fewer rows, or more, than its file."""

    load_id: int
    source_month: date
    rows: int
    there: int


def of_schema(connection: Connection) -> list[str]:
    """The warehouse was made by a newer program."""
    found, known = schema_versions.of(connection), schema_versions.known()
    if found <= known:
        return []
    return [
        f"this warehouse has schema version {found}, this program knows up to {known}: use the newer program, or "
        "another database (PGDATABASE)"
    ]


def of_clocks(connection: Connection) -> list[str]:
    """The server's clock is not this machine's, or something has ended in the future."""
    asked = time.time()
    server = float(database.one_row(connection, _QUERIES["clock"])[0])
    answered = time.time()
    found = []
    ahead = server - (asked + answered) / 2
    if abs(ahead) > _CLOCK_SECONDS + (answered - asked):
        found.append(
            f"the server's clock is {abs(ahead):,.0f} s {'ahead of' if ahead > 0 else 'behind'} this machine's: set "
            "both by a time server (timedatectl); which labels count and how old data are is told by them"
        )
    future = database.rows(connection, _QUERIES["future"], _Future, {"seconds": _CLOCK_SECONDS})
    found += [
        f"{each.what} at {each.moment:%Y-%m-%d %H:%M:%S %Z}, which the server's clock has not reached: a clock was "
        "wrong then, or is now. Check the clocks of both machines, then run `make pipeline` again"
        for each in future
    ]
    return found


def of_lock(connection: Connection) -> tuple[list[str], list[str]]:
    """Sentences on locks whose owner does not work any more, and on one whose owner does."""
    stale, held = [], []
    for holder in lock_holders(connection):
        pid = holder.pid
        reason = _why_stale(holder.name, holder.began_at, holder.idle_seconds)
        who = holder.words or "a session that you may not see"
        words = f"the warehouse's lock is held since {holder.began} by {who} (server process {pid})"
        if reason:
            stale.append(
                f"{words}, {reason}: no command can change the warehouse meanwhile. End that session "
                f"with `make psql` and: select pg_terminate_backend({pid});"
            )
        else:
            held.append(f"{words}: it is at work, other commands that change the warehouse end with code 10")
    return stale, held


def _why_stale(name: str, began_at: float, seconds_idle: float) -> str:
    """Why the owner of a lock seems not to work any more; '' where it does."""
    owner = _OWNER.fullmatch(name)
    if owner is None:
        return "" if name.startswith("monitoring-warehouse ") else "which is no command of this program"
    pid, host = int(owner[1]), owner[2]
    here = socket.gethostname()
    if here == host or (len(name.encode()) == _LONGEST_NAME and here.startswith(host)):
        try:
            is_owner = psutil.Process(pid).create_time() <= began_at + _CLOCK_SECONDS
        except psutil.NoSuchProcess:
            is_owner = False
        return "" if is_owner else f"but process {pid} is no longer there"
    if seconds_idle > _IDLE_HOURS * 3600:
        return f"which has done nothing for {seconds_idle / 3600:.0f} hours; see whether process {pid} runs on {host}"
    return ""


def of_months(connection: Connection) -> list[str]:
    """A month whose rows are not those that were delivered of it."""
    names = [str(row[0]) for row in connection.execute(_QUERIES["datasets"]).fetchall()]
    return [fault for name in names for fault in _of_months(connection, name)]


def _of_months(connection: Connection, dataset: str) -> list[str]:
    table = f"raw.{dataset}"
    raw = sql.Identifier("raw", dataset)
    half_loaded = sql.SQL(_QUERIES["half_loaded"]).format(raw=raw).as_string(connection)
    of = "" if dataset == DATASET else f"{dataset}, "
    found = [
        f"{of}{load.source_month:%Y-%m} is loaded in part: {load.there:,} of the {load.rows:,} rows of its file are "  # noqa: S608 - words for a person
        f"there. Take the load back with `make psql` and: delete from raw.files where load_id = {load.load_id}; then "
        "`make pipeline` loads the month anew"
        for load in database.rows(connection, half_loaded, _HalfLoaded, {"dataset": dataset})
    ]
    foreign = connection.execute(sql.SQL(_QUERIES["foreign_rows"]).format(raw=raw)).fetchall()
    found += [
        f"{table} holds {there:,} rows of load {load_id}, which is not in use: remove them with `make psql` "  # noqa: S608 - words for a person
        f"and: delete from {table} where load_id = {load_id};"
        for load_id, there in foreign
    ]
    return found


def of_artifact(path: Path, sha256: str) -> str:
    """The model file is not there, or is not what was trained; '' where it is."""
    try:
        with path.open("rb") as file:
            found = file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return (
            f"its file {path.name} is not in {path.parent}: the next `make pipeline` trains it again from the same rows"
        )
    except OSError as error:
        return f"its file {path} cannot be read ({error.strerror}): make it readable, or delete it to train it again"
    if found == sha256:
        return ""
    return (
        f"its file {path} was changed: its sha256 is {found[:16]}..., {sha256[:16]}... is pinned in ml.models. It is "
        "never opened. Delete it: the next `make pipeline` trains it again from the same rows"
    )


def of_dbt(connection: Connection) -> list[str]:
    """dbt's target is not named in its profile, relations that it has built are gone, or a month was never built."""
    found = _of_target(DBT_PROJECT_DIR / "profiles.yml")
    if not database.one_row(connection, _QUERIES["was_built"])[0]:
        return found
    there = {(str(schema), str(name)) for schema, name in connection.execute(_QUERIES["relations"]).fetchall()}
    for schema, names in _models().items():
        missing = sorted(name for name in names if (schema, name) not in there)
        if missing:
            listed = ", ".join(missing[:_SHOWN]) + f" and {len(missing) - _SHOWN} more" * (len(missing) > _SHOWN)
            found.append(
                f"{len(missing)} of the {len(names)} relations that dbt builds in {schema} are missing ({listed}): the "
                "next `make pipeline` builds them again"
            )
    if database.one_row(connection, _QUERIES["is_windowed"])[0]:
        unbuilt = connection.execute(_QUERIES["unbuilt_months"]).fetchall()
        found += [
            f"{month:%Y-%m} (load {load_id}) is in raw and nowhere else: dbt has not built its windows. Run "
            "`make pipeline`; where that finds nothing new, `make dbt ARGS=build` first"
            for month, load_id in unbuilt
        ]
    return found


def _of_target(profiles: Path) -> list[str]:
    try:
        profile = read_yaml(profiles)["monitoring_warehouse"]
        target, outputs = profile["target"], profile["outputs"]
    except (ConfigurationError, KeyError, TypeError) as error:
        return [f"{profiles} cannot be used ({type(error).__name__}: {error}): get it back from the repository"]
    if target in outputs:
        return []
    return [f"{profiles} names the target {target}, but has only {', '.join(outputs)}: get it back from the repository"]


def _models() -> dict[str, list[str]]:
    """What dbt builds, by schema: each model is a file of its name, below the folder of its schema.

    An ephemeral model is a part of those that read it, and no relation.
    """
    found: dict[str, list[str]] = {}
    for path in sorted((DBT_PROJECT_DIR / "models").rglob("*.sql")):
        folder = path.relative_to(DBT_PROJECT_DIR / "models").parts[0]
        if folder != "datasets" and 'materialized="ephemeral"' not in path.read_text(encoding="utf-8"):
            found.setdefault(folder, []).append(path.stem)
    for name in load_monitored().of:
        for parent in {DBT_PROJECT_DIR / "models" / "datasets", dataset_models_dir()}:
            for path in sorted((parent / name).glob("*.sql")):
                found.setdefault("staging" if path.stem.startswith("stg_") else "intermediate", []).append(path.stem)
    for path in sorted((DBT_PROJECT_DIR / "seeds").rglob("*.csv")):
        found.setdefault("staging", []).append(path.stem)
    return found
