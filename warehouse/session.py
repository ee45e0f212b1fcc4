"""A command's session with the warehouse: all that must be true before it works, in one place.

`session` is around every command that may fail while it works on the warehouse: the server in use, its owner's login,
and a row in the run log should the command fail. `changes` is around what changes the warehouse: the schema of this
version, the lock with the command's row in the run log, the roles, and the rights of one of them. Called by the
commands; a pipeline run has a run log of its own, with a row for each step.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from warehouse import runs, schema_versions
from warehouse.access import owners, roles
from warehouse.access.roles import Role
from warehouse.runs import Step


@contextlib.contextmanager
def session(command: str, what: str = "", *, only_failures: bool = True) -> Iterator[Step]:
    """The warehouse for a command, as owners.warehouse and runs.recorded say.

    Args:
        command: the command's name.
        what: what it works on, in words.
        only_failures: its success has rows of its own, those of a pipeline run or the one of `changes`.
    """
    with owners.warehouse(), runs.recorded(command, what, only_failures=only_failures) as record:
        yield record


@contextlib.contextmanager
def changes(command: str, what: str = "", role: Role | None = None) -> Iterator[Step]:
    """The right to change the warehouse, with the rights of `role`; the owner's own where it is None.

    What the record that this gives says when the block ends stands in the command's row.

    Raises:
        DatabaseError: the warehouse was made by a newer version of the project, or before 0.1.0.
        LockedError: another process changes the warehouse; the message says who and since when.
    """
    schema_versions.migrate()
    record = Step("")
    with runs.hold_lock(command, what, record):
        roles.ensure_roles()
        with roles.acting_as(role):
            yield record
