"""What only the whole of monitoring.yml shows to be wrong: rules that contradict each other, or name what is not there.

Every error names the place in the file, what stands there and what is valid. Called by config.rules_file and
config.monitored.
"""

from __future__ import annotations

from collections.abc import Iterable

from config.alert_levels import Alerts, Levels
from config.monitoring import Monitoring
from config.rules import Rules
from core.errors import ConfigurationError


def check_rules(rules: Rules, file: str) -> None:
    for granularity, names in rules.comparisons.items():
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError(f"{file}, comparisons.{granularity}: {name} stands there twice; name it once")
    if "training" in rules.comparisons.get("day", ()):
        raise ConfigurationError(
            f"{file}, comparisons.day: a day is compared with the training reference in any case; leave training out"
        )
    _check_reach(rules.alerts, file)


def _check_reach(alerts: Alerts, file: str) -> None:
    """A level that no value reaches, or that every value does, is a mistake."""
    shares: dict[str, Levels] = {
        "alerts.missing_share": alerts.missing_share,
        "alerts.rejected_share": alerts.rejected_share,
    }
    shares |= {f"alerts.missing_share.columns.{name}": own for name, own in alerts.missing_share.columns.items()}
    for place, rule in shares.items():
        for name, level in (("warning", rule.warning), ("critical", rule.critical)):
            if level is not None and level > 1:
                raise ConfigurationError(
                    f"{file}, {place}.{name}: {level:g} is no share, which is at most 1: 25 % is written 0.25"
                )
    for name, level in (("warning", alerts.volume.warning), ("critical", alerts.volume.critical)):
        if level is not None and level <= 1:
            raise ConfigurationError(
                f"{file}, alerts.volume.{name}: {level:g} is reached every day; it says how many times more or fewer "
                "rows than usual, and lies above 1"
            )


def check_overrides(alerts: Alerts, monitored: Iterable[Monitoring], file: str) -> None:
    """Levels for a model or a column are for one that a dataset has."""
    specs = {spec: monitoring for monitoring in monitored for spec in monitoring.models}
    columns = {column.name for spec, monitoring in specs.items() for column in monitoring.columns(spec)}
    for name, rule in alerts:
        for kind, named, known in (
            ("models", getattr(rule, "models", {}), set(specs)),
            ("columns", getattr(rule, "columns", {}), columns),
        ):
            for unknown in sorted(set(named) - known):
                raise ConfigurationError(
                    f"{file}, alerts.{name}.{kind}: there is no {unknown}; there are {', '.join(sorted(known))}"
                )
