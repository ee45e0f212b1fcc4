"""Frozen dataclasses with arrays as plain values that JSON can hold, and back.

Called by python_metrics.alerts.signals and python_metrics.alerts.series_signals, for the cache of nulls.
"""

from __future__ import annotations

import types
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Dataclasses become dicts with the name of their class, arrays lists with their dtype, tuples lists."""
    if is_dataclass(value) and not isinstance(value, type):
        return {
            "class": type(value).__name__,
            **{one.name: to_plain(getattr(value, one.name)) for one in fields(value)},
        }
    if isinstance(value, np.ndarray):
        return {"dtype": str(value.dtype), "shape": list(value.shape), "items": value.ravel().tolist()}
    if isinstance(value, tuple | list):
        return [to_plain(one) for one in value]
    if isinstance(value, dict):
        return {str(key): to_plain(one) for key, one in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def from_plain(kind: type[T], value: Any) -> T:
    """The value of that type which to_plain was given."""
    read: T = _read(kind, value)
    return read


def _read(kind: Any, value: Any) -> Any:
    origin, parts = get_origin(kind), get_args(kind)
    if isinstance(value, dict) and "dtype" in value:
        return np.array(value["items"], dtype=value["dtype"]).reshape(value["shape"])
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        named = [one for one in parts if isinstance(value, dict) and getattr(one, "__name__", "") == value.get("class")]
        return _read(named[0], value) if named else value
    if origin is tuple:
        kinds = [parts[0]] * len(value) if parts[-1] is Ellipsis else parts
        return tuple(_read(one, item) for one, item in zip(kinds, value, strict=True))
    if origin is dict:
        return {key: _read(parts[1], one) for key, one in value.items()}
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{one.name: _read(hints[one.name], value[one.name]) for one in fields(kind)})  # type: ignore[operator]  # a dataclass is called
    return value
