"""The rules that hold for all datasets: `monitoring.yml`, read and checked.

Gives frozen values; every error names the place in the file, what stands there and what is valid.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from config.config_values import first_error
from config.paths import monitoring_file
from config.rule_checks import check_rules
from config.rules import Rules
from config.yaml_file import read_yaml
from core.errors import ConfigurationError

# What stood here before each dataset had a file of its own.
_OF_DATASETS = ("models", "labels", "windows", "segments", "profiles")


def load_rules(path: Path | None = None) -> Rules:
    """Read and check the file; without a path the one in use.

    Raises:
        ConfigurationError: it is missing, no YAML, holds a key twice, or holds something that is not valid.
    """
    path = path or monitoring_file()
    document = read_yaml(path)
    moved = [key for key in _OF_DATASETS if isinstance(document, dict) and key in document]
    if moved:
        raise ConfigurationError(
            f"{path.name}: {', '.join(moved)} belongs into the file of a dataset, such as datasets/green_trips.yml; "
            "here stand min_values, min_rows and the rules that hold for all datasets"
        )
    try:
        rules = Rules.model_validate(document)
    except ValidationError as error:
        raise ConfigurationError(first_error(error, path.name)) from error
    check_rules(rules, path.name)
    return rules
