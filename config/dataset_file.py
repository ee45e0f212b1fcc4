"""A dataset: `datasets/<name>.yml`, read and checked.

Gives frozen values; every error names the place in the file, what stands there and what is valid.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from config.config_values import first_error, is_name
from config.dataset_checks import check_dataset
from config.datasets import Dataset
from config.yaml_file import parse_yaml, read_yaml
from core.errors import ConfigurationError


def load_dataset(path: Path) -> Dataset:
    """Read and check a file; its name without .yml is the dataset's.

    Raises:
        ConfigurationError: it is missing, no YAML, holds a key twice, or holds something that is not valid.
    """
    check_dataset_name(path.stem, path.name)
    return _checked(read_yaml(path), path.name)


def parse_dataset(text: str, name: str) -> Dataset:
    """As `load_dataset`, of the text of a file; `name` is the file's, for messages.

    Raises:
        ConfigurationError: as `load_dataset`.
    """
    return _checked(parse_yaml(text, name), name)


def check_dataset_name(name: str, place: str) -> None:
    """Raises:
    ConfigurationError: it can be no dataset's name; `place` is where it stands.
    """
    if not is_name(name):
        raise ConfigurationError(
            f"{place}: '{name}' can be no dataset's name: it has lower-case letters, digits and underscores, begins "
            "with a letter, and has at most 63 of them"
        )


def _checked(document: Any, file: str) -> Dataset:
    if not isinstance(document, dict):
        raise ConfigurationError(f"{file} holds no dataset: source, event, windows and columns are needed")
    try:
        dataset = Dataset.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(first_error(error, file)) from error
    check_dataset(dataset, file)
    return dataset
