"""Where a test stands: in the folder that is named as that of the code it tests."""

from __future__ import annotations

import pytest

from config.paths import ROOT

# What no folder has alone: packaging, services, rules for all code.
OF_ALL = "project"


@pytest.mark.parametrize("kind", ["unit", "integration"])
def test_the_folders_of_tests_are_those_of_the_program(kind: str) -> None:
    top = ROOT / "tests" / kind
    folders = {str(path.parent.relative_to(top)) for path in top.rglob("test_*.py")}
    assert "." not in folders, "a test stands in no folder"
    assert {folder for folder in folders - {OF_ALL} if not (ROOT / folder).is_dir()} == set()
