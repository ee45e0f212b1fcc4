"""The one reader of YAML: what a person wrote, or an error that names what is wrong and where.

Stricter than YAML: a key may stand once in a mapping, at any depth, and is text or a whole number (`no`, `on` and dates
are other things to YAML: quotes make them text); aliases may neither contain themselves nor multiply a small file into
a huge one. Called by everything that reads a file of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from core.errors import ConfigurationError
from core.files.input_files import read_small

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"
_MOST_NODES = 1_000_000
_MOST_LEVELS = 100
_UNNAMED = ' in "<unicode string>",'


def read_yaml(path: Path) -> Any:
    """What the file holds; None where it is empty.

    Raises:
        ConfigurationError: it is missing, cannot be read, or is no valid YAML of one document.
    """
    try:
        text = read_small(path).decode()
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path} does not exist") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path.name} is no valid YAML: it is no text in UTF-8 ({error.reason})") from error
    return parse_yaml(text, path.name)


def parse_yaml(text: str, name: str) -> Any:
    """What a text holds; `name` is the file's, for messages.

    Raises:
        ConfigurationError: it is no valid YAML of one document.
    """
    try:
        _check_depth(text, name)
        loader = _Loader(text)
        try:
            root = loader.get_single_node()
            if root is None:
                return None
            for mapping in _mappings(root, name):
                _check_keys(loader, mapping, name)
            return loader.construct_document(root)
        finally:
            loader.dispose()
    except (yaml.YAMLError, ValueError) as error:  # a ValueError: a date or number that cannot be
        raise ConfigurationError(
            f"{name} is no valid YAML: {' '.join(str(error).replace(_UNNAMED, '').split())}"
        ) from error


def _check_depth(text: str, name: str) -> None:
    """What makes nodes of a text calls itself for each level, and one of the parsers in C."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _MOST_LEVELS:
            raise ConfigurationError(
                f"{name}, line {_line(event)}: more than {_MOST_LEVELS} levels, one in another: write it flat"
            )


def _mappings(root: yaml.Node, name: str) -> Iterator[yaml.MappingNode]:
    """Every mapping of the document, each once."""
    sizes: dict[yaml.Node, int] = {}
    open_nodes: set[yaml.Node] = set()

    def size(node: yaml.Node) -> int:
        """Nodes below it and itself, those of an alias as often as it stands there."""
        if node in open_nodes:
            raise ConfigurationError(f"{name}, line {_line(node)}: what begins here contains itself: write it out")
        if node not in sizes:
            open_nodes.add(node)
            sizes[node] = 1 + sum(map(size, _parts(node)))
            open_nodes.discard(node)
        return sizes[node]

    if size(root) > _MOST_NODES:
        raise ConfigurationError(f"{name}: its aliases multiply to {size(root):,} values: write out what is needed")
    yield from (node for node in sizes if isinstance(node, yaml.MappingNode))


def _parts(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _check_keys(loader: Any, mapping: yaml.MappingNode, name: str) -> None:
    lines: dict[object, int] = {}
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigurationError(f"{name}, line {_line(key)}: a key is a name here, no list and no mapping")
        value = key.value if key.tag == _MERGE else loader.construct_object(key)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ConfigurationError(
                f"{name}, line {_line(key)}: the key {key.value!r} means {value!r} in YAML: put it into quotes if it "
                "is a name"
            )
        if value in lines:
            raise ConfigurationError(
                f"{name}: the key {key.value!r} comes twice in one place, in line {lines[value]} and in line "
                f"{_line(key)}: keep one of them"
            )
        lines[value] = _line(key)


def _line(node: yaml.Node | yaml.Event) -> int:
    return node.start_mark.line + 1 if node.start_mark else 0
