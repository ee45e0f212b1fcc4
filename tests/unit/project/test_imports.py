"""Our own modules are imported at the top of a module, but for a few whose start-up cost was measured."""

from __future__ import annotations

import ast

from config.paths import ROOT
from tests.source_code import PACKAGES, python_files

# Where else, and what it saves of processor time.
ALLOWED = {
    "config/settings.py": "what checks monitoring.yml takes 0.3 s, and a command that names no day does not need it",
    **{
        f"pipeline/cli/{name}.py": "commands need their own modules: all of them together take a second, at each start"
        for name in ("every_day", "operate", "own_data", "services")
    },
    "pipeline/dbt.py": "dbt takes 2.4 s, and is changed by importing dbt_sessions",
    "ingest/tlc/sources.py": "the network's libraries take 0.1 s, and nothing is fetched where files are there",
}


def test_own_modules_are_imported_inside_a_function_only_where_that_saves_something() -> None:
    places = set()
    for path in python_files():
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                for node in ast.walk(function):
                    if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in PACKAGES:
                        places.add(path.relative_to(ROOT).as_posix())
    assert places == ALLOWED.keys()
