"""All that is monitored: every dataset of datasets/, as one `Monitoring` each.

The files of datasets say what is monitored, monitoring.yml says how: methods, thresholds, budgets and alert rules hold
for all of them. A file that is wrong takes no other dataset down. Called by whoever needs more than one dataset.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import ValidationError

from config.config_values import first_error
from config.dataset_file import load_dataset
from config.dataset_monitoring import monitoring_of
from config.datasets import Dataset
from config.monitoring import Monitoring
from config.paths import EXAMPLE_FILE, datasets_dir, monitoring_file
from config.rule_checks import check_overrides
from config.rules import Rules
from config.rules_file import load_rules
from core.errors import ConfigurationError


@dataclass(frozen=True)
class Monitored:
    """Everything that is monitored, by dataset.

    Attributes:
        rules: what holds for all.
        of: each dataset with what holds for it, the worked example first.
        datasets: the same as their files have them.
        broken: why a dataset of datasets/ cannot be used, in this run at least.
        left_out: what holds for those of them that have a valid file.
    """

    rules: Rules
    of: Mapping[str, Monitoring] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    broken: Mapping[str, ConfigurationError] = field(default_factory=dict)
    left_out: Mapping[str, Monitoring] = field(default_factory=dict)

    def without(self, names: Collection[str], error: ConfigurationError) -> Monitored:
        """The same where some of the datasets cannot be used."""
        return replace(
            self,
            of={name: each for name, each in self.of.items() if name not in names},
            datasets={name: each for name, each in self.datasets.items() if name not in names},
            broken={**self.broken, **dict.fromkeys(names, error)},
            left_out={**self.left_out, **{name: self.of[name] for name in names if name in self.of}},
        )

    @property
    def example(self) -> Monitoring | None:
        """The worked example, whose rows are found and scored here."""
        return next((self.of[name] for name, dataset in self.datasets.items() if dataset.source.tlc), None)

    @property
    def described(self) -> dict[str, Dataset]:
        """The datasets whose rows are loaded and cleaned as their files say: all but the worked example."""
        return {name: dataset for name, dataset in self.datasets.items() if not dataset.source.tlc}

    @property
    def specs(self) -> list[str]:
        """The names of all models."""
        return [spec for monitoring in self.of.values() for spec in monitoring.models]


def load_monitored() -> Monitored:
    """Read all files.

    Raises:
        ConfigurationError: monitoring.yml cannot be used.
    """
    rules = load_rules()
    of: dict[str, Monitoring] = {}
    datasets: dict[str, Dataset] = {}
    broken: dict[str, ConfigurationError] = {}
    for path in dataset_files():
        try:
            dataset = load_dataset(path)
            monitoring = _monitoring_of(path, dataset, rules)
            _refuse_taken(path, monitoring, of)
        except ConfigurationError as error:
            broken[path.stem] = error
        else:
            datasets[path.stem], of[path.stem] = dataset, monitoring
    if not broken:
        check_overrides(rules.alerts, of.values(), monitoring_file().name)
    return Monitored(rules, of, datasets, broken)


def dataset_files() -> list[Path]:
    """The files of datasets/, by name, the worked example's first; it alone where there is no such folder."""
    folder = datasets_dir()
    if not folder.is_dir():
        return [EXAMPLE_FILE] * EXAMPLE_FILE.exists()
    return sorted(folder.glob("*.yml"), key=lambda path: (path.name != EXAMPLE_FILE.name, path.name))


def _monitoring_of(path: Path, dataset: Dataset, rules: Rules) -> Monitoring:
    try:
        return monitoring_of(path.stem, dataset, rules)
    except ValidationError as error:
        raise ConfigurationError(first_error(error, path.name)) from error


def _refuse_taken(path: Path, monitoring: Monitoring, of: Mapping[str, Monitoring]) -> None:
    for other, there in of.items():
        for spec in monitoring.models:
            if spec in there.models:
                raise ConfigurationError(
                    f"{path.name}, models.{spec}: {other} has a model of that name: models are known by their names, "
                    f"give it another such as {path.stem}_{spec}"
                )
