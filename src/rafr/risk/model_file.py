"""A model's file: a ZIP of its schema (JSON) and of classifier and guard (skops: no pickle)."""

from __future__ import annotations

import dataclasses
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from rafr.config import check_config
from rafr.errors import InputError
from rafr.files import written_whole
from rafr.foreign import parse_json
from rafr.risk.data.recording import Recording
from rafr.risk.features.table import feature_names
from rafr.risk.learning.classifier import LoadClassifier
from rafr.risk.model import RiskModel, Schema
from rafr.strict import dataclass_from

FORMAT = 1
_SCHEMA, _MODEL = "schema.json", "model.skops"
_MOST_BYTES = 200_000_000
_FASTEST = 1e5  # Hz
# what a file may hold beyond numpy's and scikit-learn's own estimators
_TRUSTED = (
    "numpy.dtype",
    "rafr.risk.learning.abstention.Abstention",
    "rafr.risk.learning.classifier.LoadClassifier",
    "rafr.risk.learning.convolutions.RandomConvolutions",
    "rafr.risk.learning.fusion.SummedOdds",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)


def save(path: Path | str, model: RiskModel) -> None:
    """Write a model whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    import skops.io

    path = Path(path)
    text = json.dumps({"format": FORMAT, **dataclasses.asdict(model.schema)}, indent=1)
    content = skops.io.dumps({"classifier": model.classifier, "guard": model.guard})
    try:
        with (
            written_whole(path) as temporary,
            zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            archive.writestr(_SCHEMA, text)
            archive.writestr(_MODEL, content)
    except OSError as error:
        raise InputError(path, f"cannot be written ({error.strerror})", "a writable file") from None


def load(path: Path | str) -> RiskModel:
    """A saved model.

    Raises:
        InputError: no such file or a damaged one; another format; made with another scikit-learn (its
            estimators promise nothing across versions); columns that this version would compute otherwise;
            types that no model holds.
    """
    import skops.io

    path = Path(path)
    expected = "a model written by `rafr risk train`"
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > _MOST_BYTES:
                raise InputError(path, "it is larger than any model", expected)
            text = archive.read(_SCHEMA).decode("utf-8")
            content = archive.read(_MODEL)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", expected) from None
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(path, f"is no model ({error})", expected) from None
    data = parse_json(text, path, expected)
    schema = _schema(path, data)
    try:
        foreign = sorted(set(skops.io.get_untrusted_types(data=content)) - set(_TRUSTED))
        if foreign:
            raise InputError(path, f"holds foreign types ({', '.join(foreign[:3])})", expected)
        parts = skops.io.loads(content, trusted=list(_TRUSTED))
        model = RiskModel(schema, parts["classifier"], parts["guard"])
        fits = model.classifier.n_features_in_ == len(schema.columns)
        fits = fits and tuple(model.classifier.names) == schema.columns and _whole_trees(model.classifier)
    except InputError:
        raise
    except Exception as error:  # whatever a damaged or forged file makes the reader stumble over
        raise InputError(path, f"cannot be restored ({type(error).__name__}: {error})", expected) from None
    if not fits:
        raise InputError(path, "its classifier does not belong to its schema", expected)
    return model


def _schema(path: Path, data: Any) -> Schema:
    import sklearn

    if not isinstance(data, dict) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, dict) else data
        raise InputError(path, f"its format is {found!r}", f"format {FORMAT}")
    made_with = data.get("made_with")
    version = made_with.get("scikit-learn") if isinstance(made_with, dict) else None
    if not isinstance(version, str) or version.split(".")[:2] != sklearn.__version__.split(".")[:2]:
        raise InputError(
            path, f"it was trained with scikit-learn {version}", f"{sklearn.__version__} (train again)"
        )
    content = {key: value for key, value in data.items() if key != "format"}
    schema = dataclass_from(Schema, content, path, "")
    window = schema.window
    check_config(window, str(path))
    for names, rate in ((schema.emg_names, schema.emg_rate), (schema.imu_names, schema.imu_rate)):
        if names and not 0.0 < rate <= _FASTEST:
            raise InputError(path, f"its streams have {rate:g} samples in a second", f"0 to {_FASTEST:g}")
    now = Recording(
        "",
        "",
        schema.emg_names,
        np.empty((0, 0)),
        schema.emg_rate,
        schema.imu_names,
        imu_rate=schema.imu_rate,
    )
    if schema.columns != feature_names(now, window):
        raise InputError(
            path, "its columns are not those this version computes", "a model trained with this version"
        )
    return schema


def _whole_trees(classifier: LoadClassifier) -> bool:
    """Whether every tree's nodes lead to nodes of its own and ask for columns that exist: compiled code
    trusts them.
    """
    for source, member in classifier.members_.items():
        count = len(classifier.columns(source))
        for tree in (e.tree_ for e in getattr(member, "estimators_", ())):
            left, right, node = tree.children_left, tree.children_right, np.arange(tree.node_count)
            leaf = left < 0
            ahead = (left > node) & (right > node) & (left < tree.node_count) & (right < tree.node_count)
            asked = (tree.feature >= 0) & (tree.feature < count)
            if tree.n_features != count or not (leaf | (ahead & asked)).all():
                return False
        for step in getattr(member, "_predictors", ()):
            for nodes in (predictor.nodes for predictor in step):
                node, leaf = np.arange(len(nodes)), nodes["is_leaf"].astype(bool)
                ahead = np.minimum(nodes["left"], nodes["right"]) > node
                ahead &= np.maximum(nodes["left"], nodes["right"]) < len(nodes)
                if not (
                    leaf | (ahead & (nodes["feature_idx"] < count) & (nodes["is_categorical"] == 0))
                ).all():
                    return False
    return True
