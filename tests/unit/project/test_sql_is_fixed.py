"""No SQL is made of values: what is executed is a fixed text, with parameters, or composed by the driver.

Reads the source of every package. Beside ruff's S608, which knows SQL by its words, this knows it by where it goes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from config.paths import ROOT
from tests.source_code import python_files

# Methods that take SQL as their first argument: of psycopg, ADBC and DuckDB, and the project's own.
TAKES_SQL = {"execute", "executemany", "copy", "sql", "one_row", "read_frame", "read_table", "SQL"}
# Where a text is made all the same, and why no value reaches it. A new place needs a reason here.
ALLOWED = {
    (
        "grafana/preview/asking.py",
        "run",
    ): "a dashboard's query as Grafana would send it, as the role that reads the marts only",
    ("ingest/tlc/read.py", "batches"): "names of COLUMNS, and the file's own spelling of them, quoted",
    ("ingest/tlc/read.py", "_figures"): "as batches",
    ("ingest/datasets/source_files.py", "_reader"): "expressions of ingest.datasets.values, quoted names, a number",
    ("ingest/datasets/source_database.py", "_copy"): "what SQLAlchemy composes of quoted names",
    ("ingest/datasets/spool.py", "_reader"): "as source_files",
    ("ingest/datasets/spool.py", "days"): "as source_files",
    ("ingest/datasets/spool.py", "opened"): "as source_files",
    (
        "ingest/files/table.py",
        "opened",
    ): "a reader's name with options, DuckDB's names of columns",
    ("ingest/files/table.py", "sampled"): "as select",
    (
        "ingest/files/table.py",
        "select",
    ): "the files' own spelling of columns, quoted, and expressions of this folder's modules with numbers of theirs",
    ("ingest/datasets/raw_table.py", "definition"): "types of Postgres that ingest.datasets.raw_columns names",
    (
        "ingest/datasets/expressions.py",
        "value",
    ): "the dataset's own expressions, planned and never executed",
    ("ingest/datasets/baselines.py", "_expression"): "the dataset's own expressions, as dbt executes them, too",
    ("python_metrics/custom_metrics.py", "_figures"): "as they have been planned, in a transaction that only reads",
    ("models_ml/load.py", "load_predictions"): "what _query has composed",
    ("models_ml/load.py", "complete_reference"): "what _query has composed",
    ("models_ml/load.py", "_origin"): "what _query has composed",
    ("models_ml/load.py", "_reference_rows"): "what _query has composed",
    ("models_ml/load.py", "_settle"): "what _query has composed",
    ("models_ml/event_keys.py", "sql"): "makes SQL of a quoted name, executes none",
    ("models_ml/label_feed.py", "load_labels"): "what _write_query has composed",
    ("models_ml/label_file.py", "records"): "names of COLUMNS, and the file's own spelling of them, quoted",
    ("models_ml/prediction_files.py", "_table"): "as records",
    ("models_ml/rows.py", "row_condition"): "one of two type names, and a parameter's number",
    ("warehouse/schema_versions.py", "apply_missing"): "a file of warehouse/migrations",
    (
        "warehouse/access/owners.py",
        "_give_all",
    ): "one of four words, and a function as the server writes it with its types",
    ("pipeline/commands/query.py", "print_csv"): "the query that a person typed, in a read-only transaction",
    (
        "warehouse/access/role_rights.py",
        "_close_functions",
    ): "a function's name with its types, as the server writes it",
    ("warehouse/access/role_rights.py", "give"): "one of four words",
    ("warehouse/access/role_rights.py", "_grant"): "verbs that this module names",
    ("warehouse/access/role_logins.py", "settle"): "words that this module names, and a number",
    ("core/files/table_files.py", "_check_lengths"): "as records",
    ("core/files/table_files.py", "_first"): "as records",
    ("core/files/table_files.py", "open_table"): "as records",
    ("core/files/table_files.py", "parquet_columns"): "a fixed text",
    ("core/files/table_files.py", "value"): "makes SQL of a quoted name, executes none",
    ("python_metrics/store.py", "_segment_condition"): "one of two functions",
}


def suspicious(source: str) -> list[tuple[str, int]]:
    """(function, line) of every place where a text that is not fixed is given to something that takes SQL."""
    tree = ast.parse(source)
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.Module):
            continue
        inner = list(_own_nodes(function))
        named = {
            target.id: node.value
            for node in inner
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in inner:
            if isinstance(node, ast.Call) and _name(node.func) in TAKES_SQL and node.args:
                at = 1 if _name(node.func) == "one_row" else 0
                if len(node.args) > at and not _is_fixed(node.args[at], named):
                    found.append((getattr(function, "name", "<module>"), node.lineno))
    return found


def _own_nodes(function: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(function):
        if not isinstance(child, ast.FunctionDef):
            yield child
            yield from _own_nodes(child)


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_fixed(node: ast.expr, named: dict[str, ast.expr], depth: int = 0) -> bool:
    """Whether an expression is a literal, a named query of a .sql file, or what psycopg.sql has composed."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Subscript):
        return _name(node.value).endswith("QUERIES")
    if isinstance(node, ast.Name):
        if node.id in named and depth < 5:
            return _is_fixed(named[node.id], {**named, node.id: node}, depth + 1)
        # A parameter of the function, whose type is what mypy holds: a Composed, or a LiteralString.
        return node.id in {"query", "statement"} and node.id not in named
    if isinstance(node, ast.IfExp):
        return _is_fixed(node.body, named, depth) and _is_fixed(node.orelse, named, depth)
    if isinstance(node, ast.Call):
        if _name(node.func) in {"SQL", "Composed", "Identifier", "Literal", "relation"}:
            return True  # what is in them is looked at where they are called
        if isinstance(node.func, ast.Attribute) and node.func.attr in {"format", "join"}:
            receiver = node.func.value
            return (isinstance(receiver, ast.Call) and _name(receiver.func) == "SQL") or (
                (isinstance(receiver, ast.Name) and receiver.id in named and _is_fixed(receiver, named, depth + 1))
                and not isinstance(named.get(getattr(receiver, "id", "")), ast.Constant)
            )
        if isinstance(node.func, ast.Attribute) and node.func.attr == "as_string":
            return _is_fixed(node.func.value, named, depth)
    return False


def test_nothing_but_fixed_texts_and_composed_ones_is_executed() -> None:
    places = {
        (str(path.relative_to(ROOT)), function)
        for path in python_files()
        for function, _ in suspicious(path.read_text(encoding="utf-8"))
    }
    assert places - ALLOWED.keys() == set(), "use a named query with parameters, and psycopg.sql for identifiers"
    assert ALLOWED.keys() - places == set(), "these places need no exception any more"


@pytest.mark.parametrize(
    "line",
    [
        'connection.execute(f"select * from {name}")',
        'connection.execute("select * from " + name)',
        'connection.execute("select * from %s" % name)',
        'connection.execute("select * from {}".format(name))',
        'query = f"select {name}"\n    connection.execute(query)',
        'query = "select {}"\n    connection.execute(query.format(name))',
        "connection.execute(text.encode())",
        "connection.execute(make(name))",
        'sql.SQL(f"select {name}").format()',
        "sql.SQL(name)",
        "database.read_frame(name)",
        "database.one_row(connection, name)",
    ],
)
def test_a_text_that_is_receiver_a_value_is_seen(line: str) -> None:
    assert suspicious(f"def f(connection, name, text):\n    {line}\n")


@pytest.mark.parametrize(
    "line",
    [
        'connection.execute("select 1")',
        'connection.execute(_QUERIES["one"], {"name": name})',
        'connection.execute(sql.SQL("select {}").format(sql.Identifier(name)))',
        'query = sql.SQL(_QUERIES["one"]).format(a=database.relation(name))\n    connection.execute(query)',
    ],
)
def test_what_the_driver_composes_is_let_pass(line: str) -> None:
    assert suspicious(f"def f(connection, name):\n    {line}\n") == []
