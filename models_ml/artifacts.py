"""Model files: written with skops, pinned by sha256, checked before they are opened.

skops opens only types that are named; nothing in a file is executed. Called by train and score.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

from core.errors import ModelError
from core.failpoints import failpoint
from core.files.unfinished import unfinished

# Types beyond scikit-learn's public estimators that the recipes' models are made of.
_TRUSTED_TYPES = (
    "sklearn._loss.link.IdentityLink",
    "sklearn._loss.link.Interval",
    "sklearn._loss.loss.AbsoluteError",
    "sklearn._loss._loss.CyAbsoluteError",
    "sklearn.compose._column_transformer._RemainderColsList",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.model_selection._split.KFold",
)


def write_artifact(estimator: Any, folder: Path, model_version: str) -> tuple[str, str]:
    """Write a fitted estimator; gives the file's name and sha256. The file appears complete or not at all.

    The name carries the hash: two warehouses that share the folder may train the same model, and skops does
    not write the same bytes twice.

    Raises:
        ModelError: the estimator holds a type that would not be opened again.
    """
    import skops.io

    content: bytes = skops.io.dumps(estimator)
    unknown = sorted(set(skops.io.get_untrusted_types(data=content)) - set(_TRUSTED_TYPES))
    if unknown:
        raise ModelError(
            f"{model_version} holds types that are not allowed in model files: {', '.join(unknown)}. Use another "
            "estimator, or name them in _TRUSTED_TYPES of models_ml/artifacts.py once you know that they only hold data"
        )
    sha256 = hashlib.sha256(content).hexdigest()
    path = folder / f"{model_version}.{sha256[:12]}.skops"
    with unfinished(path) as part:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        failpoint("train.file_unfinished")
    failpoint("train.file_written")
    return path.name, sha256


def read_artifact(path: Path, sha256: str) -> Any:
    """The estimator in a file.

    Raises:
        ModelError: the file is missing, is not the one that was pinned, or holds an unexpected type.
    """
    import skops.io
    from skops.io.exceptions import UntrustedTypesFoundException

    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelError(f"the model file {path} does not exist: put it back, or train again") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sha256:
        raise ModelError(
            f"the model file {path} was changed: its sha256 is {found[:16]}..., {sha256[:16]}... is pinned in "
            "ml.models. It is not opened. Delete it to have the model trained again from the same rows"
        )
    try:
        return skops.io.loads(content, trusted=list(_TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        raise ModelError(f"the model file {path} holds types that are not allowed: {error}") from error
    except Exception as error:  # whatever skops makes of foreign bytes
        raise ModelError(
            f"the model file {path} is none that skops has written ({type(error).__name__}), and no other kind is "
            "opened: delete it to have the model trained again from the same rows"
        ) from error
