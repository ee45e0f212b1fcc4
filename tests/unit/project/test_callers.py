"""What docstrings say of who calls a module is what the imports say."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import grimp
import pytest

from config.paths import ROOT

FLOORS = ("core", "config", "warehouse", "ingest", "models_ml", "python_metrics", "grafana", "pipeline")
_CALLED_BY = re.compile(r"[Cc]alled by (.*?)(?:\.\s|\.$|;)", re.DOTALL)
_MODULE = re.compile(r"\b[a-z]\w*(?:\.[a-z]\w*)+\b")


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*FLOORS, cache_dir=None)


def said() -> list[tuple[str, str]]:
    """Each module with each of those that its docstring says it is called by."""
    found = []
    for floor in FLOORS:
        for path in sorted((ROOT / floor).rglob("*.py")):
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            for sentence in _CALLED_BY.findall(docstring):
                found += [(_name(path), caller) for caller in _MODULE.findall(sentence)]
    return found


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_whoever_is_said_to_call_a_module_imports_it(graph: grimp.ImportGraph) -> None:
    wrong = []
    for module, caller in said():
        importers = {caller, *(graph.find_descendants(caller) if caller in graph.modules else ())}
        imported = {module, *(graph.find_descendants(module) if module in graph.modules else ())}
        if not any(importers & graph.find_modules_that_directly_import(one) for one in imported):
            wrong.append(f"{module} is not imported by {caller}")
    assert not wrong, "\n".join(wrong)
    assert len(said()) > 50
