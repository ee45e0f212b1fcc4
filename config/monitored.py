"""All that is monitored: the example of monitoring.yml, and every dataset of datasets/, as one `Monitoring` each.

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
from config.monitoring_file import load_monitoring
from config.paths import datasets_dir
from core.errors import ConfigurationError


@dataclass(frozen=True)
class Monitored:
    """Everything that is monitored, by dataset.

    Attributes:
        rules: monitoring.yml, which the worked example's own rows are monitored by.
        of: each dataset with what holds for it, the worked example first.
        datasets: those of datasets/ as their files have them.
        broken: why a dataset of datasets/ cannot be used, in this run at least.
    """

    rules: Monitoring
    of: Mapping[str, Monitoring]
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    broken: Mapping[str, ConfigurationError] = field(default_factory=dict)

    @classmethod
    def example(cls, rules: Monitoring) -> Monitored:
        """The worked example alone."""
        return cls(rules, {rules.dataset: rules})

    def without(self, names: Collection[str], error: ConfigurationError) -> Monitored:
        """The same where some of the datasets cannot be used."""
        return replace(
            self,
            of={name: each for name, each in self.of.items() if name not in names},
            datasets={name: each for name, each in self.datasets.items() if name not in names},
            broken={**self.broken, **dict.fromkeys(names, error)},
        )

    @property
    def specs(self) -> list[str]:
        """The names of all models."""
        return [spec for monitoring in self.of.values() for spec in monitoring.models]


def load_monitored() -> Monitored:
    """Read all files.

    Raises:
        ConfigurationError: monitoring.yml cannot be used.
    """
    rules = load_monitoring()
    of, datasets, broken = {rules.dataset: rules}, {}, {}
    for path in dataset_files():
        try:
            dataset = load_dataset(path)
            monitoring = _monitoring_of(path, dataset, rules)
            _refuse_taken(path, monitoring, of)
        except ConfigurationError as error:
            broken[path.stem] = error
        else:
            datasets[path.stem], of[path.stem] = dataset, monitoring
    return Monitored(rules, of, datasets, broken)


def dataset_files() -> list[Path]:
    """The files of datasets/, by name."""
    return sorted(datasets_dir().glob("*.yml"))


def _monitoring_of(path: Path, dataset: Dataset, rules: Monitoring) -> Monitoring:
    try:
        return monitoring_of(path.stem, dataset, rules)
    except ValidationError as error:
        raise ConfigurationError(first_error(error, path.name)) from error


def _refuse_taken(path: Path, monitoring: Monitoring, of: Mapping[str, Monitoring]) -> None:
    if path.stem in of:
        raise ConfigurationError(f"{path.name}: {path.stem} is the worked example's name: give the dataset another")
    for other, there in of.items():
        for spec in monitoring.models:
            if spec in there.models:
                raise ConfigurationError(
                    f"{path.name}, models.{spec}: {other} has a model of that name: models are known by their names, "
                    f"give it another such as {path.stem}_{spec}"
                )
