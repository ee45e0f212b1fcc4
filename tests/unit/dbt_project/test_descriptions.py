"""What dbt's documentation says: every macro, source and mart has its words, and a column's name means one thing.

Reads the YAML and SQL files as they are; that dbt can parse them is for the tests with a database.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from config.paths import DBT_PROJECT_DIR

MODELS = DBT_PROJECT_DIR / "models"
MARTS = MODELS / "marts"
_MACRO = re.compile(r"\{%-?\s*(macro|test|materialization)\s+(\w+)\s*(?:\((.*?)\)|, adapter=\"(\w+)\")", re.DOTALL)
_BLOCK = re.compile(r"\{% docs (\w+) %\}")
_USE = re.compile(r"\{\{ doc\('(\w+)'\) \}\}")


def documents(folder: Path, key: str) -> Iterator[dict[str, Any]]:
    """The entries under a key of all YAML files of a folder."""
    for path in sorted(folder.rglob("*.yml")):
        yield from yaml.safe_load(path.read_text(encoding="utf-8")).get(key, [])


def macros() -> dict[str, list[str]]:
    """Every macro of the project by the name dbt knows it by, with the names of its arguments."""
    macros = {}
    for path in (DBT_PROJECT_DIR / "macros").rglob("*.sql"):
        for kind, name, arguments, adapter in _MACRO.findall(path.read_text(encoding="utf-8")):
            full = {"macro": name, "test": f"test_{name}", "materialization": f"materialization_{name}_{adapter}"}[kind]
            macros[full] = [argument.split("=")[0].strip() for argument in arguments.split(",") if argument]
    return macros


def access(mart: Path) -> str | None:
    """The access that dbt_project.yml gives a mart: that of the innermost of its folders, or its own."""
    level = yaml.safe_load((DBT_PROJECT_DIR / "dbt_project.yml").read_text(encoding="utf-8"))["models"]
    given = None
    for name in ("monitoring_warehouse", *mart.relative_to(MODELS).with_suffix("").parts):
        level = level.get(name, {})
        given = level.get("+access", given)
    return given


def test_every_macro_and_each_of_its_arguments_is_described() -> None:
    described = list(documents(DBT_PROJECT_DIR / "macros", "macros"))
    documented = {macro["name"]: [argument["name"] for argument in macro.get("arguments", [])] for macro in described}
    assert documented == macros()
    for macro in described:
        assert macro["description"], macro["name"]
        for argument in macro.get("arguments", []):
            assert argument["type"], (macro["name"], argument["name"])
            assert argument["description"], (macro["name"], argument["name"])


def test_every_source_and_each_of_its_columns_is_described() -> None:
    read = set()
    for path in MODELS.rglob("*.sql"):
        read |= set(re.findall(r'source\("(\w+)", "(\w+)"\)', path.read_text(encoding="utf-8")))
    described = set()
    for source in documents(MODELS, "sources"):
        has_freshness = any(table.get("config", {}).get("freshness") for table in source["tables"])
        assert has_freshness or "No freshness: " in source["description"], source["name"]
        for table in source["tables"]:
            described.add((source["name"], table["name"]))
            assert table["description"].startswith("One row per "), table["name"]
            assert table["columns"], table["name"]
            assert all(column["description"] for column in table["columns"]), table["name"]
    assert described == read


def test_every_model_is_described_by_its_grain() -> None:
    described = {model["name"]: model["description"] for model in documents(MODELS, "models")}
    assert set(described) == {path.stem for path in MODELS.rglob("*.sql")}
    assert [name for name, text in described.items() if not text.startswith("One row per ")] == []


def test_marts_that_a_dashboard_reads_are_public_and_the_others_protected() -> None:
    read = {
        re.sub(r"ref\('(\w+)'\)", r"\1", mart)
        for exposure in documents(MODELS, "exposures")
        for mart in exposure["depends_on"]
    }
    marts = {path.stem: access(path) for path in MARTS.rglob("*.sql")}
    assert marts == {mart: "public" if mart in read else "protected" for mart in marts}
    others = [path for path in MODELS.rglob("*.sql") if MARTS not in path.parents]
    assert {access(path) for path in others} == {"protected"}


def test_the_same_column_name_is_described_alike_in_every_mart() -> None:
    """The same words everywhere, or one docs block first and then what is special in that mart."""
    descriptions: dict[str, set[str]] = defaultdict(set)
    for model in documents(MARTS, "models"):
        for column in model["columns"]:
            text = column["description"].strip()
            block = f"{{{{ doc('{column['name']}') }}}}"
            descriptions[column["name"]].add(block if text.startswith(block) else text)
    assert {name: texts for name, texts in descriptions.items() if len(texts) > 1} == {}


@pytest.mark.parametrize("is_missing", [True, False], ids=["missing", "unused"])
def test_docs_blocks_are_those_that_descriptions_use(is_missing: bool) -> None:
    blocks = [name for path in MODELS.rglob("*.md") for name in _BLOCK.findall(path.read_text(encoding="utf-8"))]
    used = {name for path in MODELS.rglob("*.yml") for name in _USE.findall(path.read_text(encoding="utf-8"))}
    assert len(blocks) == len(set(blocks))
    assert (used - set(blocks) if is_missing else set(blocks) - used) == set()
