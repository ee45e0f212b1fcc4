"""Model files are opened when they are what was pinned and what skops has written, and nothing in them is run."""

from __future__ import annotations

import hashlib
import io
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from core.errors import ModelError
from models_ml.artifacts import read_artifact, write_artifact


class _Trap:
    """What a pickle can do to whoever opens it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def pinned(path: Path, content: bytes) -> tuple[Path, str]:
    path.write_bytes(content)
    return path, hashlib.sha256(content).hexdigest()


@pytest.fixture(scope="module")
def model() -> LinearRegression:
    return LinearRegression().fit(np.arange(6.0).reshape(3, 2), np.arange(3.0))


def test_a_model_comes_back_as_it_was(tmp_path: Path, model: LinearRegression) -> None:
    name, sha256 = write_artifact(model, tmp_path, "m")
    assert read_artifact(tmp_path / name, sha256).coef_.tolist() == model.coef_.tolist()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert not (tmp_path / name).stat().st_mode & 0o111


def test_a_changed_file_is_not_opened(tmp_path: Path, model: LinearRegression) -> None:
    name, sha256 = write_artifact(model, tmp_path, "m")
    content = bytearray((tmp_path / name).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=r"was changed: its sha256 is .* It is not opened\. Delete it to have"):
        read_artifact(tmp_path / name, sha256)


def test_a_pickle_in_its_place_is_not_opened_even_if_its_hash_is_pinned(tmp_path: Path) -> None:
    trap = tmp_path / "was here"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path, sha256 = pinned(tmp_path / "m.skops", pickle.dumps(_Trap(trap), protocol=protocol))
        with pytest.raises(ModelError, match="is none that skops has written"):
            read_artifact(path, sha256)
    assert not trap.exists()
    pickle.loads(path.read_bytes())  # noqa: S301 - the trap works
    assert trap.exists()


def test_a_file_that_names_a_function_to_call_is_not_opened(tmp_path: Path) -> None:
    trap = tmp_path / "was here"
    schema = (
        '{"__class__": "system", "__module__": "posix", "__loader__": "FunctionNode", '
        f'"content": {{"module_path": "posix", "function": "system"}}, "protocol": 2, "run": "touch {trap}"}}'
    )
    for text in (schema, schema.replace("FunctionNode", "ObjectNode"), "{}", "[]", "not json"):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("schema.json", text)
        path, sha256 = pinned(tmp_path / "m.skops", content.getvalue())
        with pytest.raises(ModelError, match=r"not allowed|none that skops has written"):
            read_artifact(path, sha256)
    assert not trap.exists()
