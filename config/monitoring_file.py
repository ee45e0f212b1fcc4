"""What is monitored: `monitoring.yml`, read and checked.

Gives frozen values; every error names the place in the file, what stands there and what is valid.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from config.config_values import found_words
from config.monitoring import Monitoring
from config.monitoring_checks import check_rules
from config.paths import monitoring_file
from config.yaml_file import read_yaml
from core.errors import ConfigurationError


def load_monitoring(path: Path | None = None) -> Monitoring:
    """Read and check the file; without a path the one in use.

    Raises:
        ConfigurationError: it is missing, no YAML, holds a key twice, or holds something that is not valid.
    """
    path = path or monitoring_file()
    document = read_yaml(path)
    try:
        monitoring = Monitoring.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ConfigurationError(
            f"{path.name}, {place}: {first['msg']}{found_words(first)}; {error.error_count()} in all"
        ) from error
    check_rules(monitoring, path.name)
    return monitoring
