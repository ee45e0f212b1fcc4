"""Installing: what the user's files and variables say of the package index counts, and nothing else of theirs."""

from __future__ import annotations

import os
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from config.paths import ROOT

environment_for_install = cast(
    "Callable[[str], dict[str, str]]",
    runpy.run_path(str(ROOT / "requirements" / "install.py"))["environment_for_install"],
)
CONFIGURATION = """\
[global]
user = true
target = /elsewhere
index-url = https://mirror.example/simple
extra-index-url =
    https://one.example/simple
    https://two.example/simple
cert = /a/company.pem
timeout = 7
[install]
prefix = /elsewhere
no-binary = :all:
timeout = 8
"""


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A user whose only file is pip.conf and who has no variables of pip, uv and Python but those of a test."""
    for name in list(os.environ):
        if name.startswith(("PIP_", "UV_", "PYTHON", "SSL_")):
            monkeypatch.delenv(name)
    (tmp_path / "pip.conf").write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return monkeypatch


def of_tools(environment: dict[str, str]) -> dict[str, str]:
    prefixes = ("PIP_", "UV_", "PYTHON", "SSL_", "VIRTUAL_ENV")
    return {name: value for name, value in environment.items() if name.startswith(prefixes)}


def test_of_pips_files_only_the_way_to_the_index_counts(given: pytest.MonkeyPatch) -> None:
    assert of_tools(environment_for_install(sys.executable)) == {
        "PIP_CERT": "/a/company.pem",
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_EXTRA_INDEX_URL": "https://one.example/simple https://two.example/simple",
        "PIP_INDEX_URL": "https://mirror.example/simple",
        "PIP_TIMEOUT": "8",
        "SSL_CERT_FILE": "/a/company.pem",
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
    }


def test_variables_count_more_than_files_and_only_those_about_the_index(given: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PIP_INDEX_URL": "https://nearer.example/simple", "PIP_USER": "1", "PIP_TARGET": "/elsewhere",
        "UV_DEFAULT_INDEX": "https://uv.example/simple", "UV_INDEX_UV_PASSWORD": "x", "UV_TARGET": "/elsewhere",
        "PIP_PYTHON": "/no", "PYTHONPATH": "/elsewhere", "VIRTUAL_ENV": "/elsewhere", "SSL_CERT_FILE": "/b.pem",
    }.items():  # fmt: skip
        given.setenv(name, value)
    environment = of_tools(environment_for_install(sys.executable))
    assert {name: value for name, value in environment.items() if not name.startswith("PIP_")} == {
        "SSL_CERT_FILE": "/b.pem",
        "UV_DEFAULT_INDEX": "https://uv.example/simple",
        "UV_INDEX_UV_PASSWORD": "x",
    }
    assert environment["PIP_INDEX_URL"] == "https://nearer.example/simple"
    assert not {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_PYTHON", "PIP_NO_BINARY"} & set(environment)


def test_without_a_home_nothing_is_cached(given: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given.setenv("HOME", str(tmp_path / "none"))
    environment = environment_for_install(sys.executable)
    assert (environment.get("PIP_NO_CACHE_DIR"), environment.get("UV_NO_CACHE")) == ("1", "1")
