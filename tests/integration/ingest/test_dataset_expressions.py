"""The SQL of a dataset's file on a real Postgres: what can be used is, and what does more than compute is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.datasets import Dataset
from core.errors import ConfigurationError
from ingest.datasets.expressions import check_expressions
from ingest.datasets.raw_table import ensure_raw_table
from tests.datasets import LOANS, dataset_of
from warehouse import database, session
from warehouse.access.roles import Role

VALID = """
      note: text
    derive:
      is_car: {sql: "kind = 'car' /* or not */", type: boolean}
      share: {sql: "round(cast(amount as numeric) % 10, 2)", type: numerical}
    reject:
      - {name: short, when: "note_length < 2 and not is_car", reason: "Nothing is said."}
    metrics:
      count: count(*)
      mean_amount: "avg(amount) filter (where is_car)"
      median: "percentile_cont(0.5) within group (order by share)"
      late: "sum(note_length) / nullif(count(distinct id), 0)"
      newest: "extract(epoch from max(event_at))"
"""
REFUSED = {
    "an unknown column": ("metrics: {x: sum(amout)}", r"metrics.x: 'sum\(amout\)'.*\"amout\" does not exist.*id, at"),
    "no SQL": ("metrics: {x: sum(amount}", r"metrics.x: 'sum\(amount' .*syntax error.*such as avg\(amount\)"),
    "no aggregate": ("metrics: {x: '1'}", "it aggregates nothing"),
    "a row's own value": ("metrics: {x: sum(amount) / amount}", "must appear in the GROUP BY clause"),
    "a text": ("metrics: {x: max(kind)}", "it gives text, and not a number"),
    "two values": ("metrics: {x: 'sum(amount)), (count(*)'}", "it gives 2 values"),
    "a query of its own": ("metrics: {x: sum(amount) + (select count(*) from raw.loans)}", "a query of its own"),
    "another table": ("metrics: {x: 'count(*)) from pg_class union select (sum(amount)'}", "a query of its own"),
    "another table, the rest cut off": ("metrics: {x: 'count(*)) from pg_class /*'}", "unterminated /\\* comment"),
    "a window function": ("metrics: {x: sum(count(*)) over ()}", "a window function"),
    "what changes a session": (
        "metrics: {x: \"count(set_config('work_mem', '1GB', false))\"}",
        "it calls set_config, which may do more than compute",
    ),
    "what waits": ('derive: {x: {sql: "pg_sleep(9) is null", type: boolean}}', "derive.x: .*it calls pg_sleep"),
    "another each time": ("derive: {x: {sql: random(), type: numerical}}", "it calls random"),
    "a table as XML": (
        "derive: {x: {sql: \"length(cast(table_to_xml('pg_class', true, false, '') as text))\", type: numerical}}",
        "it calls table_to_xml",
    ),
    "all rows": ("derive: {x: {sql: sum(amount), type: numerical}}", "it aggregates rows"),
    "several rows": ('derive: {x: {sql: "generate_series(1, 3)", type: numerical}}', "it gives several rows"),
    "a query in a column": ('derive: {x: {sql: "(select count(*) from pg_class)", type: numerical}}', "its own"),
    "a query in a rule": (
        'reject: [{name: x, when: "amount > (select max(amount) from raw.loans)", reason: "Too much."}]',
        "reject.x: .*a query of its own",
    ),
    "no condition": ('reject: [{name: x, when: "amount + 1", reason: "Too much."}]', "not true or false"),
}


def checked(connection: database.Connection, dataset: Dataset) -> None:
    """As a run does it, by the role that loads."""
    ensure_raw_table(connection, "loans", dataset)
    with session.changes("test", role=Role.LOADER):
        check_expressions("loans", dataset)


def test_what_computes_can_be_used(empty_warehouse: database.Connection, tmp_path: Path) -> None:
    checked(empty_warehouse, dataset_of(LOANS.rstrip() + VALID, tmp_path / "a.csv"))
    assert empty_warehouse.execute("select to_regclass('pg_temp.tried_expression')").fetchall() == [(None,)]


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_more_is_refused(case: str, empty_warehouse: database.Connection, tmp_path: Path) -> None:
    line, said = REFUSED[case]
    dataset = dataset_of(f"{LOANS}    {line}\n", tmp_path / "a.csv")
    with pytest.raises(ConfigurationError, match=said) as refused:
        checked(empty_warehouse, dataset)
    assert "datasets/loans.yml" in str(refused.value)
