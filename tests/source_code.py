"""The program's own Python files, for tests that read the source."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

from config.paths import ROOT

_PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES: tuple[str, ...] = tuple(_PYPROJECT["tool"]["importlinter"]["root_packages"])


def python_files(*more: str) -> Iterator[Path]:
    """Every file of the program, and of more folders."""
    for folder in (*PACKAGES, *more):
        yield from sorted((ROOT / folder).rglob("*.py"))
