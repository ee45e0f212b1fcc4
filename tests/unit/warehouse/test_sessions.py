"""Every session with the warehouse is opened in one place, and so is every transaction that writes."""

from __future__ import annotations

import ast

import pytest

from config.paths import ROOT
from tests.source_code import python_files

# Who may call what, and nobody else; ingest.tlc.read's is DuckDB's.
PLACES = {
    "psycopg.connect": {"warehouse/database.py", "warehouse/server/embedded.py"},
    "adbc.connect": {"warehouse/arrow_cursor.py"},
    "connection.transaction": {"warehouse/database.py"},
}


def callers(called: str) -> set[str]:
    """Files of the program in which that is called."""
    found = set()
    for path in python_files():
        calls = (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
        if called in {ast.unparse(call.func) for call in calls}:
            found.add(path.relative_to(ROOT).as_posix())
    return found


@pytest.mark.parametrize("called", PLACES)
def test_sessions_and_transactions_begin_in_one_place(called: str) -> None:
    assert callers(called) == PLACES[called]


def test_no_driver_is_opened_by_another_name() -> None:
    """Whoever imports a driver by another name would be found by nobody."""
    for path in python_files():
        text = path.read_text(encoding="utf-8")
        # Another database is none of the warehouse's sessions.
        assert "create_engine(" not in text or path.name == "source_database.py", path
        assert "from psycopg import connect" not in text, path
        if "adbc_driver_postgresql" in text:
            assert path == ROOT / "warehouse" / "arrow_cursor.py", path
