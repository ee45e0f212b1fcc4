"""What was said when stays said: no role, nor the owner by mistake, changes or removes it."""

from __future__ import annotations

import pytest
from psycopg import errors

from warehouse import database
from warehouse.access import roles
from warehouse.access.roles import Role
from warehouse.database import Connection

ATTACKS = {
    "monitoring.incidents": (
        "update {} set threshold_ratio = 0",
        "update {} set threshold_ratio = 0 where false",
        "delete from {}",
        "truncate {} cascade",
    ),
    "monitoring.incident_followups": ("update {} set note = 'nothing'", "delete from {}", "truncate {}"),
    "monitoring.metric_history": ("update {} set value = 0",),
    "ml.reference_rows": ("update {} set record = '{{}}'",),
}
CASES = [(table, attack.format(table)) for table, attacks in ATTACKS.items() for attack in attacks]


@pytest.mark.parametrize(("table", "attack"), CASES)
def test_records_are_never_changed(empty_warehouse: Connection, table: str, attack: str) -> None:
    assert roles.ensure_roles() == ""
    with pytest.raises(errors.RestrictViolation, match=f"rows of {table} are never"):
        empty_warehouse.execute(attack.encode())
    for role in roles.ROLES:
        with (
            pytest.raises((errors.InsufficientPrivilege, errors.RestrictViolation)),
            roles.acting_as(role),
            database.connect("attack") as connection,
        ):
            connection.execute(attack.encode())


def test_nobody_takes_the_guard_away_but_the_owner(empty_warehouse: Connection) -> None:
    assert roles.ensure_roles() == ""
    for role in (Role.MONITOR, Role.TRANSFORMER, Role.LOADER):
        for attack in (
            "alter table monitoring.incidents disable trigger append_only",
            "drop trigger append_only on monitoring.incidents",
            "create or replace function monitoring.refuse_change() returns trigger language plpgsql as 'begin end'",
            "set session_replication_role = replica",
        ):
            with (
                pytest.raises(errors.InsufficientPrivilege),
                roles.acting_as(role),
                database.connect("attack") as connection,
            ):
                connection.execute(attack.encode())
