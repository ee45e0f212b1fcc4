"""Who may do what in the warehouse: its database roles, made and kept right by every pipeline run.

`ROLES` is the whole policy. `ensure_roles` makes it true on the server in use, embedded or not; `acting_as`
runs a block of a command with the rights of one of them and no others. Called by pipeline.runner and by the
commands that change the warehouse.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import psycopg
from psycopg import sql

from core.failpoints import failpoint
from warehouse import database, locks, sessions
from warehouse.access import owners, role_logins
from warehouse.access.role_rights import DBT_SCHEMAS, SCHEMAS, Rights, close_other_databases, prepare, set_rights
from warehouse.database import Login, Server

_QUERIES = database.queries(Path(__file__).with_name("roles.sql"))
# Of each reader; fewer where the server takes few.
READER_CONNECTIONS = 20
# What is left for a run: dbt's threads, the lock, its watch, the steps; and for a command beside it.
RUN_CONNECTIONS = 20
READER_SETTINGS = {
    "default_transaction_read_only": "on",
    # A transaction that does nothing keeps dbt from replacing what it has read.
    "idle_in_transaction_session_timeout": "1min",
    "temp_file_limit": "2GB",
}
# Long enough for any panel; a query that takes longer is a mistake, and must not starve the pipeline.
DASHBOARD_SETTINGS = READER_SETTINGS | {"statement_timeout": "10s"}
# pg_read_all_data is there.
_READS_ALL_SINCE = 140000


class Role(StrEnum):
    """The roles, by their names on the server."""

    LOADER = "loader"
    TRANSFORMER = "transformer"
    MONITOR = "monitor"
    ASKER = "asker"
    DASHBOARD = "dashboard"
    ANALYST = "analyst"


ROLES: dict[Role, Rights] = {
    Role.LOADER: Rights(
        writes=("raw",), calls=("monitoring",), temporary_tables=True, settings=role_logins.WORKERS_SETTINGS
    ),
    Role.TRANSFORMER: Rights(
        reads=("raw", "ml", "monitoring"),
        owns=DBT_SCHEMAS,
        temporary_tables=True,
        settings=role_logins.WORKERS_SETTINGS,
    ),
    # All models of intermediate are contracted; raw and staging are not for reading.
    Role.MONITOR: Rights(
        reads=("intermediate", "marts"),
        writes=("ml", "monitoring"),
        temporary_tables=True,
        settings=role_logins.WORKERS_SETTINGS,
    ),
    # Queries that a person asks: whoever may ask may read what its owner may, where that can be given.
    Role.ASKER: Rights(reads=SCHEMAS, settings=READER_SETTINGS),
    Role.DASHBOARD: Rights(reads=("marts",), login_variable="DASHBOARD_PASSWORD", settings=DASHBOARD_SETTINGS),
    Role.ANALYST: Rights(reads=SCHEMAS, login_variable="ANALYST_PASSWORD", settings=READER_SETTINGS),
}
PEOPLE = tuple(role for role, rights in ROLES.items() if rights.login_variable)
PARTS = tuple(role for role in ROLES if role not in PEOPLE)
# They own and write nothing: their sessions may be ended where they keep the pipeline from its work.
READERS = tuple(role for role, rights in ROLES.items() if not (rights.writes or rights.owns))

# Whom this process logs in as when it plays no part.
_owner: Login | None = None


@contextlib.contextmanager
def acting_as(role: Role | None) -> Iterator[None]:
    """Every connection made in this block, by psycopg, ADBC or dbt, has the role's rights.

    It logs in as the role, so that no SQL in it can become another. Where that is refused it sets the role, and where
    there is no such role that the connected user may play, the user's own rights stay (see ensure_roles).
    """
    global _owner
    if role is None:
        yield
        return
    before, owner = _owner, _owner or database.login()
    with contextlib.closing(database.connect("roles", read_only=True, autocommit=True, as_login=owner)) as connection:
        playable = connection.execute(_QUERIES["memberships"], {"names": [role.value]}).fetchall()
        owner = owner if before else _with_password(owner, connection)
    login = role_logins.derived(role.value, owner)
    is_let_in = bool(playable) and role_logins.working(login)
    user = login if is_let_in else owner
    _owner = owner
    try:
        with (
            database.environment({"PGUSER": user.user, "PGPASSWORD": user.password}),
            sessions.as_role(role.value if playable and not is_let_in else ""),
        ):
            yield
    finally:
        _owner = before


@contextlib.contextmanager
def acting_as_oneself() -> Iterator[None]:
    """Every connection made in this block has the connected user's own rights, whatever part is played around it."""
    own = _owner or database.login()
    with database.environment({"PGUSER": own.user, "PGPASSWORD": own.password}), sessions.as_role(""):
        yield


def _with_password(owner: Login, connection: database.Connection) -> Login:
    """The password may stand in a file of libpq's."""
    return (
        owner
        if owner.password or owner != owners.administrator()
        else Login(owner.user, connection.info.password or None)
    )


def reader_login() -> Login | None:
    """The login of a role that can only read, made where it is missing; None where there can be none."""
    with database.connect("roles", as_login=owners.administrator()) as connection:
        login = role_logins.derived(Role.ASKER.value, _with_password(database.login(), connection))
        if role_logins.working(login):
            return login
        may_create, is_superuser = database.one_row(connection, _QUERIES["may_create_roles"])
        if not may_create:
            return None
        _make(connection, [Role.ASKER], is_superuser=is_superuser)
        if database.one_row(connection, _QUERIES["owns_database"])[0]:
            grant = sql.SQL("grant connect on database {} to {}")
            connection.execute(grant.format(sql.Identifier(os.environ["PGDATABASE"]), sql.Identifier(Role.ASKER)))
        connection.commit()
        connection.autocommit = True
        return login if role_logins.let_in(connection, login, os.environ["PGUSER"]) else None


def ensure_roles() -> str:
    """Make the roles and their rights as `ROLES` says; idempotent. Gives a note for a person, or ''.

    Attributes and settings that somebody has changed come back; a password is set where its variable is set. On a
    server where the connected user may not make roles, those that are missing are left out and the note says what to
    ask for.
    """
    for attempt in range(role_logins.ATTEMPTS):
        try:
            return _ensure_roles()
        except (psycopg.errors.InternalError_, psycopg.errors.UniqueViolation, psycopg.errors.DuplicateObject):
            # Roles belong to the whole server: another database on it is set up at the same moment.
            if attempt == role_logins.ATTEMPTS - 1:
                raise
    raise AssertionError


def _ensure_roles() -> str:
    names = [role.value for role in ROLES]
    user = os.environ["PGUSER"]
    with database.connect("roles", as_login=owners.administrator()) as connection:
        locks.hold(connection, "migrate")
        may_create, is_superuser = database.one_row(connection, _QUERIES["may_create_roles"])
        existing = database.values(connection, _QUERIES["existing_roles"], str, {"names": names})
        missing = [name for name in names if name not in existing]
        if missing and not may_create:
            return (
                f"the database roles {', '.join(missing)} are not there, and {user} may not create roles: the pipeline "
                "works with its own rights. For Grafana and Adminer let an administrator run "
                f"`alter role {user} createrole`, then run this again"
            )
        notes = _make(connection, list(ROLES), is_superuser=is_superuser) if may_create else []
        if not database.one_row(connection, _QUERIES["plays"], {"name": Role.TRANSFORMER.value, "user": user})[0]:
            return (
                f"{user} is no member of the role {Role.TRANSFORMER} that is on this server: the pipeline works with "
                "its own rights, and the roles get none here"
            )
        prepare(connection, names, Role.TRANSFORMER.value, is_superuser=is_superuser)
        if is_superuser and database.server() is not Server.ENVIRONMENT:
            close_other_databases(connection)
        connection.commit()
        connection.autocommit = True
        with database.connect("roles") as own:
            set_rights(own, {role.value: rights for role, rights in ROLES.items()}, Role.TRANSFORMER.value)
            owner = _with_password(database.login(), own)
            failpoint("roles.before_commit")
        logins = [role_logins.derived(role.value, owner) for role in PARTS]
        refused = [one.user for one in logins if not _lets_in(connection, one, owner.user, may_create=may_create)]
        if refused:
            notes.append(f"{', '.join(refused)} cannot log in here: {_WITHOUT_LOGIN.format(user=user)}")
    return "; ".join([*notes, *([owners.gap()] if owners.gap() else [])])


_WITHOUT_LOGIN = (
    "the parts of the pipeline take their roles by `set role`, which SQL in them can undo, and queries are asked as "
    "{user}. What is needed is a PGPASSWORD of {user}'s, and a pg_hba.conf that lets these roles in by theirs"
)


def _lets_in(connection: database.Connection, login: Login, owner: str, *, may_create: bool) -> bool:
    return role_logins.let_in(connection, login, owner) if may_create else role_logins.working(login)


def _make(connection: database.Connection, roles: list[Role], *, is_superuser: bool) -> list[str]:
    """Make roles that are missing, and what each is by itself; gives notes."""
    free = int(database.one_row(connection, _QUERIES["connections"])[0])
    for_reader = max(1, min(READER_CONNECTIONS, (free - RUN_CONNECTIONS) // len(PEOPLE)))
    notes = []
    for role in roles:
        rights, name = ROLES[role], sql.Identifier(role.value)
        is_new = not connection.execute(_QUERIES["existing_roles"], {"names": [role.value]}).fetchall()
        if is_new:
            connection.execute(sql.SQL("create role {} login").format(name))
        if role in PARTS:
            role_logins.claim(connection, role.value, os.environ["PGUSER"], is_new=is_new)
        user = os.environ["PGUSER"]
        if not database.one_row(connection, _QUERIES["plays"], {"name": role.value, "user": user})[0]:
            # Also of readers: only a member of a role may end its sessions.
            with contextlib.suppress(psycopg.errors.InsufficientPrivilege), database.transaction(connection):
                connection.execute(sql.SQL("grant {} to {}").format(name, sql.Identifier(user)))
        limit = for_reader if role in PEOPLE else -1
        notes.append(role_logins.settle(connection, role.value, rights.settings, limit, is_superuser=is_superuser))
        if role is Role.ASKER and is_superuser and connection.info.server_version >= _READS_ALL_SINCE:
            connection.execute(sql.SQL("grant pg_read_all_data to {}").format(name))
        password = os.environ.get(rights.login_variable) if rights.login_variable else None
        if password:
            role_logins.set_password(connection, Login(role.value, password))
    return [note for note in notes if note]


def gaps(connection: database.Connection) -> list[str]:
    """What of the roles' protection this server does not give, in words; nothing is changed."""
    names = [role.value for role in ROLES]
    user = os.environ["PGUSER"]
    played = database.values(connection, _QUERIES["memberships"], str, {"names": names})
    missing = [name for name in names if name not in played]
    if missing:
        return [
            f"{user} cannot act as {', '.join(missing)}: what the pipeline, dbt and queries do they do with the "
            f"rights of {user}. `alter role {user} createrole` and a run change that, where no other warehouse has "
            "made the roles"
        ]
    owner = _with_password(database.login(), connection)
    refused = [role.value for role in PARTS if not role_logins.working(role_logins.derived(role.value, owner))]
    gaps = [f"{', '.join(refused)} cannot log in here: {_WITHOUT_LOGIN.format(user=user)}"] if refused else []
    gaps += [owners.gap()] if owners.gap() else []
    people: dict[str, object] = {"people": [role.value for role in PEOPLE]}
    may_lock, is_unlimited = database.one_row(connection, _QUERIES["open_to_readers"], people)
    if may_lock:
        gaps.append(
            "everybody may call pg_advisory_lock and its kin here, which only a superuser can revoke: that stops no "
            "command, but a reader who takes enough of them fills the server's table of locks"
        )
    if is_unlimited:
        gaps.append(
            "temporary files of dashboard and analyst have no limit, which only a superuser can set: `alter role "
            "analyst set temp_file_limit = '2GB'`"
        )
    entered = database.values(connection, _QUERIES["entered_databases"], str)
    if entered:
        listed = ", ".join(entered)
        gaps.append(
            f"dashboard and analyst can connect to {listed}, as everybody can: `revoke connect, temporary on database "
            "... from public` by an administrator ends that"
        )
    return gaps
