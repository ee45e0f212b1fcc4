"""The documents as a reader follows them: every link leads to a file, every anchor to a heading."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from config.paths import ROOT

PAGES = [
    path.relative_to(ROOT) for folder in ("docs", "benchmarks", "grafana") for path in (ROOT / folder).rglob("*.md")
]
PAGES += [path.relative_to(ROOT) for path in ROOT.glob("*.md")]
_CODE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub and mkdocs make of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", _CODE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = _CODE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    for link, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)]*))?\)", text):
        if link.startswith(("http:", "https:", "mailto:")):
            continue
        target = (ROOT / page).parent / link if link else ROOT / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), f"{link}#{anchor}"


def test_every_document_that_the_program_names_is_there() -> None:
    folders = ("config", "core", "dbt_project", "grafana", "ingest", "models_ml", "pipeline", "python_metrics")
    files = [path for folder in (*folders, "warehouse") for path in (ROOT / folder).rglob("*.*")]
    for path in (*files, ROOT / "monitoring.yml", ROOT / "Makefile"):
        if path.suffix in {".py", ".sql", ".yml", ".json", ""} and "target" not in path.parts:
            for name in re.findall(r"(?<![\w/])docs/[\w/-]+\.md", path.read_text(encoding="utf-8")):
                assert (ROOT / name).exists(), (path.name, name)


_FOLDERS = (
    "benchmarks config core dbt_project grafana ingest models_ml pipeline python_metrics security tests warehouse"
)
_PATH = re.compile(rf"(?<![\w/.])(?:{'|'.join(_FOLDERS.split())})/[\w./-]*\w\.(?:py|sql|yml|csv)\b")


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=str)
def test_every_file_that_a_document_names_is_there(page: Path) -> None:
    for name in _PATH.findall((ROOT / page).read_text(encoding="utf-8")):
        assert (ROOT / name).exists(), name


def test_the_notices_name_every_package_that_is_needed_at_run_time() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[\[<>=~! ]", dependency, maxsplit=1)[0] for dependency in project["dependencies"]}
    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| ([a-z][\w.-]*) \| [0-9]", notices, re.MULTILINE)) == needed


# Words of an earlier vocabulary; docs/reference/glossary.md has those in use. Parts of names count as words.
_OLD_WORDS = re.compile(
    r"(?<![a-z])(?:beliefs?|believed|truth|judge[ds]?|judging|judgements?|rings?|rang|ringing|made_of)(?![a-z])",
    re.IGNORECASE,
)
_WITH_WORDS = (".py", ".sql", ".yml", ".md", ".json")
# Their own meaning, in English or of YAML.
_MEANT_OTHERWISE = {
    "CHANGELOG.md",
    "config/config_values.py",
    "tests/unit/project/test_documents.py",
}


def test_everything_uses_the_words_of_the_glossary() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    names = [name for name in listed.splitlines() if name.endswith(_WITH_WORDS) and name not in _MEANT_OTHERWISE]
    texts = {name: (ROOT / name).read_text(encoding="utf-8") for name in names if (ROOT / name).exists()}
    assert {name: _OLD_WORDS.findall(text) for name, text in texts.items() if _OLD_WORDS.search(text)} == {}


def test_the_changelog_has_each_section_once() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for version in re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]:
        sections = re.findall(r"^### (.+)$", version, re.MULTILINE)
        assert sections == [name for name in ("Added", "Changed", "Fixed", "Removed") if name in sections]
