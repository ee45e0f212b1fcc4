"""The one reader of YAML: a key that comes twice is told with both lines, and so is whatever else YAML lets pass."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from config.dataset_file import load_dataset
from config.paths import ROOT
from config.yaml_file import parse_yaml, read_yaml
from core.errors import ConfigurationError
from tests.source_code import python_files

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            "f.yml: the key 'a' comes twice in one place, in line 1 and in line 3: keep one of them",
        ),
        ("a: 1\n'a': 3\n", "the key 'a' comes twice in one place, in line 1 and in line 2"),
        ("x:\n  - {k: 1,\n     l: {m: 1,\n     m: 2}}\n", "'m' comes twice in one place, in line 3 and in line 4"),
        ("a: &x\n  k: 1\n  k: 2\nb: *x\n", "'k' comes twice in one place, in line 2 and in line 3"),
        ("<<: {a: 1}\n<<: {a: 2}\n", "'<<' comes twice in one place, in line 1 and in line 2"),
        ("1: a\n0x1: b\n", "'0x1' comes twice in one place, in line 1 and in line 2"),
        ("no: 1\n", "f.yml, line 1: the key 'no' means False in YAML: put it into quotes if it is a name"),
        ("\non: 1\n", "f.yml, line 2: the key 'on' means True in YAML"),
        ("2022-01-01: 1\n", "means datetime.date(2022, 1, 1) in YAML"),
        ("~: 1\n", "the key '~' means None in YAML"),
        ("? [a, b]\n: 1\n", "f.yml, line 1: a key is a name here, no list and no mapping"),
        ("? {a: b}\n: 1\n", "a key is a name here, no list and no mapping"),
        (BOMB, "f.yml: its aliases multiply to 1,234,567,909 values: write out what is needed"),
        ("a:\n  b: &b [*b]\n", "f.yml, line 2: what begins here contains itself: write it out"),
        ("[" * 100_000, "f.yml, line 1: more than 100 levels, one in another: write it flat"),
        ("d: 2022-02-31\n", "f.yml is no valid YAML: day is out of range for month"),
        ("--- 1\n--- 2\n", "f.yml is no valid YAML: expected a single document"),
        ("a: !!python/object:os.system x\n", "f.yml is no valid YAML: could not determine a constructor"),
        ("a: \0", "f.yml is no valid YAML: unacceptable character"),
        ("a: [1", "f.yml is no valid YAML: while parsing a flow sequence line 1, column 4"),
        ("a: *x", "f.yml is no valid YAML: found undefined alias line 1, column 4"),
        (f"a: {'9' * 5000}", "f.yml is no valid YAML: Exceeds the limit"),
    ],
)
def test_what_is_not_valid_is_told_with_its_place(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_yaml(text, "f.yml")
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


def test_anchors_and_merge_keys_are_fine() -> None:
    text = "a: &a {k: 1, l: 2}\nb: &b {<<: *a, k: 3}\nc: {<<: *b, k: 4}\nd: [*a, *a]\n1: {'no': n, 'on': o}\n"
    assert parse_yaml(text, "f.yml") == {
        "a": {"k": 1, "l": 2},
        "b": {"k": 3, "l": 2},
        "c": {"k": 4, "l": 2},
        "d": [{"k": 1, "l": 2}] * 2,
        1: {"no": "n", "on": "o"},
    }


def test_an_empty_file_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "f.yml").write_text("# nothing\n", encoding="utf-8")
    assert read_yaml(tmp_path / "f.yml") is None


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"f\.yml does not exist"):
        read_yaml(tmp_path / "f.yml")
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_yaml(tmp_path)
    (tmp_path / "f.yml").write_bytes("a: 1".encode("utf-16"))
    with pytest.raises(ConfigurationError, match=r"f\.yml is no valid YAML: it is no text in UTF-8"):
        read_yaml(tmp_path / "f.yml")


@pytest.mark.parametrize("again", ["columns", "models", "  green_tipped", "segments"])
def test_a_key_twice_in_what_is_monitored_is_told(again: str, tmp_path: Path) -> None:
    text = (ROOT / "datasets" / "green_trips.yml").read_text(encoding="utf-8")
    key = f"{again}:\n"
    lines = text.splitlines(keepends=True)
    first = lines.index(key)
    # A second time where the first one's block ends.
    depth = len(again) - len(again.strip())
    rest = range(first + 1, len(lines))
    end = next((n for n in rest if lines[n].strip() and not lines[n].startswith(" " * (depth + 1))), len(lines))
    lines.insert(end, f"{key}{' ' * (depth + 2)}x: 1\n")
    path = tmp_path / "green_trips.yml"
    path.write_text("".join(lines), encoding="utf-8")
    words = f"the key '{again.strip()}' comes twice in one place, in line {first + 1} and in line {end + 1}"
    with pytest.raises(ConfigurationError, match=words):
        load_dataset(path)


def test_nothing_else_of_the_program_reads_yaml() -> None:
    readers = set()
    for path in python_files("benchmarks", "docs", "security"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_yaml = isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "yaml"
            if is_yaml and isinstance(node, ast.Attribute) and "dump" not in node.attr:
                readers.add(path.name)
    assert readers == {"yaml_file.py"}
