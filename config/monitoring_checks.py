"""What only the whole of monitoring.yml shows to be wrong: rules that contradict each other, or name what is not there.

Every error names the place in the file, what stands there and what is valid. Called by config.monitoring_file.
"""

from __future__ import annotations

from config.alert_levels import Alerts, Levels
from config.drift_methods import METHODS
from config.monitoring import Monitoring
from core.errors import ConfigurationError


def check_rules(monitoring: Monitoring, file: str) -> None:
    _check_overrides(monitoring, file)
    _check_comparisons(monitoring, file)
    _check_reach(monitoring.alerts, file)
    for segmentation in monitoring.segments.by:
        if monitoring.segments.by.count(segmentation) > 1 or len(set(segmentation)) < len(segmentation):
            raise ConfigurationError(f"{file}, segments.by: {', '.join(segmentation)} stands there twice; name it once")
    numerical = {
        feature.name
        for model in monitoring.models.values()
        for feature in model.features
        if feature.type == "numerical"
    }
    for unknown in sorted(set(monitoring.profiles.decimals) - numerical):
        raise ConfigurationError(
            f"{file}, profiles.decimals: no model has a numerical feature {unknown}; there are "
            f"{', '.join(sorted(numerical))}"
        )
    targets = {model.target for model in monitoring.models.values()}
    for unknown in sorted(set(monitoring.labels) - targets):
        raise ConfigurationError(
            f"{file}, labels: no model has the target {unknown}; the models' targets are {', '.join(sorted(targets))}"
        )
    for spec in monitoring.models:
        columns = monitoring.columns(spec)
        names = [column.name for column in columns]
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError(f"{file}, models.{spec}: the column {name} stands there twice; name it once")
        for column in columns:
            if column.type not in METHODS.get(column.drift.method, ()):
                valid = ", ".join(name for name, types in METHODS.items() if column.type in types)
                raise ConfigurationError(
                    f"{file}, models.{spec}: the drift method '{column.drift.method}' cannot score the "
                    f"{column.type} column {column.name}: use one of {valid}"
                )


def _check_comparisons(monitoring: Monitoring, file: str) -> None:
    for granularity, names in monitoring.comparisons.items():
        for name in names:
            if names.count(name) > 1:
                raise ConfigurationError(f"{file}, comparisons.{granularity}: {name} stands there twice; name it once")
    if "training" in monitoring.comparisons.get("day", ()):
        raise ConfigurationError(
            f"{file}, comparisons.day: a day is compared with the training reference in any case; leave training out"
        )


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
                "trips than usual, and lies above 1"
            )


def _check_overrides(monitoring: Monitoring, file: str) -> None:
    columns = {column.name for spec in monitoring.models for column in monitoring.columns(spec)}
    for name, rule in monitoring.alerts:
        for kind, named, known in (
            ("models", getattr(rule, "models", {}), set(monitoring.models)),
            ("columns", getattr(rule, "columns", {}), columns),
        ):
            for unknown in sorted(set(named) - known):
                raise ConfigurationError(
                    f"{file}, alerts.{name}.{kind}: there is no {unknown}; there are {', '.join(sorted(known))}"
                )
