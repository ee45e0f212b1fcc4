"""Whoever silences ruff or mypy on a line names the rule, and says in words why it does not hold there."""

from __future__ import annotations

import io
import re
import tokenize

import pytest

from config.paths import ROOT
from tests.source_code import python_files

# Folders of the project's Python beside those of the program.
MORE = ("benchmarks", "dbt_project", "docs", "requirements", "security", "tests")
_CODES = r"[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*"
_SILENCED = re.compile(
    rf"#\s*(?:(?:ruff:\s*)?noqa\b(?P<ruff>\s*:\s*{_CODES})?|type:\s*ignore\b(?P<mypy>\[[\w, -]+\])?)", re.IGNORECASE
)
_WORD = re.compile(r"\b[^\W\d_]+\b")


def wrong(source: str) -> list[tuple[int, str]]:
    """(line, what is missing) of every comment that silences something; a reason may stand in the line above."""
    comments = {
        token.start[0]: token
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    places = []
    for line, token in comments.items():
        silenced = list(_SILENCED.finditer(token.string))
        if not all(match["ruff"] or match["mypy"] for match in silenced):
            places.append((line, "rule"))
        above = comments.get(line - 1)
        is_alone = above is not None and not above.line[: above.start[1]].strip()
        if silenced and not (_is_reason(token.string) or (above is not None and is_alone and _is_reason(above.string))):
            places.append((line, "reason"))
    return places


def _is_reason(comment: str) -> bool:
    """Whether two words or more are left without what is for ruff and mypy."""
    return len(_WORD.findall(_SILENCED.sub("", comment))) >= 2


def test_what_is_silenced_has_its_rule_and_a_reason() -> None:
    files = [*python_files(*MORE), *ROOT.glob("*.py")]
    places = {path.relative_to(ROOT).as_posix(): wrong(path.read_text(encoding="utf-8")) for path in files}
    assert {file: lines for file, lines in places.items() if lines} == {}


def test_no_folder_of_python_is_left_out() -> None:
    looked_at = {path.relative_to(ROOT).parts[0] for path in python_files(*MORE)}
    have_python = {
        folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").exists() or list(folder.glob("*.py"))
    }
    assert have_python <= looked_at


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("x = 1  # noqa: S105 - no secret", []),
        ("x = 1  # noqa: S105, E501 - no secret", []),
        ("x = 1  # type: ignore[misc]  # rich's own literals", []),
        ("x = 1  # type: ignore[misc]  # noqa: E501 - a page as it is written", []),
        ("# No secret, and a long one.\nx = 1  # noqa: S105", []),
        ('text = "a line with # noqa"', []),
        ("x = 1  # nothing is silenced", []),
        ("x = 1  # noqa", ["rule", "reason"]),
        ("x = 1  # noqa - no secret", ["rule"]),
        ("x = 1  # type: ignore  # no types", ["rule"]),
        ("x = 1  # type: ignore[misc]  # noqa - no types", ["rule"]),
        ("x = 1  # noqa: S105", ["reason"]),
        ("x = 1  # NOQA:S105,E501", ["reason"]),
        ("x = 1  # noqa: S105 -", ["reason"]),
        ("x = 1  # noqa: S105 - ok", ["reason"]),
        ("x = 1  # type: ignore[arg-type, misc]", ["reason"]),
        ("# ruff: noqa: E501", ["reason"]),
        ("# No secret, and a long one.\n\nx = 1  # noqa: S105", ["reason"]),
        ("y = 2  # no secret beside it\nx = 1  # noqa: S105", ["reason"]),
    ],
)
def test_known_silences(line: str, missing: list[str]) -> None:
    assert [name for _, name in wrong(line + "\n")] == missing
