"""A trained model of lifting risk: saved with its schema, loaded safely, asked window by window.

    model = load("lifting.rafr-risk")              # InputError in one line: damaged, other schema, foreign
    types model.schema.emg_names, .emg_rate, .imu_names, .imu_rate, .window, .step      # what it was trained
    on (Hz, s) model.check_streams(emg_names, emg_rate, imu_names, imu_rate)       # InputError unless they
    are the schema's verdict = model.assess(emg, acc, gyro, reference)
    verdict.probability, verdict.abstained, verdict.reason              # NaN while it abstains on unusable
    input

`assess` takes raw, unfiltered arrays in the schema's order of channels and judges their newest `window`
seconds; it keeps no state. emg (channels, n) V; acc (sensors, 3, m) m/s^2, gravity included, sensor axes;
gyro (sensors, 3, m) rad/s; reference (channels,) V, the RMS of each muscle's maximum voluntary contraction:
needed where `schema.uses_reference` is true. Never raises on bad samples (NaN, flat, clipped, too short): it
abstains and says why.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rafr import __version__
from rafr.config import check_config
from rafr.errors import InputError
from rafr.files import written_whole
from rafr.geometry.rigid_transform import FloatArray
from rafr.risk.data.quality import problems
from rafr.risk.data.recording import Recording
from rafr.risk.features.emg import EmgFeatureConfig
from rafr.risk.features.table import WindowConfig, WindowTable, feature_names, features_at
from rafr.risk.learning.abstention import Abstention
from rafr.risk.learning.classifier import LoadClassifier
from rafr.risk.learning.validation import classes_of, target_of

FORMAT = 1
_SCHEMA, _MODEL = "schema.json", "model.skops"
_MOST_BYTES = 200_000_000
_RATE_TOLERANCE = 0.01
# what a file may hold beyond numpy's and scikit-learn's own estimators
_TRUSTED = (
    "numpy.dtype",
    "rafr.risk.learning.abstention.Abstention",
    "rafr.risk.learning.classifier.LoadClassifier",
    "rafr.risk.learning.convolutions.RandomConvolutions",
    "sklearn._loss.link.Interval",
    "sklearn._loss.link.LogitLink",
    "sklearn._loss.loss.HalfBinomialLoss",
    "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)


@dataclass(frozen=True, slots=True)
class Schema:
    """What a model expects and what it was made from; rates in Hz, times in s."""

    emg_names: tuple[str, ...]
    emg_rate: float
    imu_names: tuple[str, ...]
    imu_rate: float
    window: WindowConfig
    uses_reference: bool
    classes: tuple[str, str]
    kind: str
    subjects: int
    windows: int
    synthetic: bool
    columns: tuple[str, ...]
    made_with: dict[str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """`probability` of the second class (heavy), NaN where the window cannot be used; `reason` in words."""

    probability: float
    abstained: bool
    reason: str


@dataclass(frozen=True, slots=True)
class RiskModel:
    """Classifier and guard with their schema."""

    schema: Schema
    classifier: LoadClassifier
    guard: Abstention

    def check_streams(
        self, emg_names: Sequence[str], emg_rate: float, imu_names: Sequence[str], imu_rate: float
    ) -> None:
        """Raise InputError unless the streams are those the model was trained on."""
        s = self.schema
        for kind, names, wanted, rate, right in (
            ("EMG", emg_names, s.emg_names, emg_rate, s.emg_rate),
            ("IMU", imu_names, s.imu_names, imu_rate, s.imu_rate),
        ):
            if tuple(names) != wanted:
                raise InputError(f"the {kind} stream", f"its channels are {_listed(names)}", _listed(wanted))
            if wanted and not abs(rate / right - 1.0) <= _RATE_TOLERANCE:
                raise InputError(f"the {kind} stream", f"its rate is {rate:.5g} Hz", f"{right:.5g} Hz")

    def assess(
        self,
        emg: FloatArray,
        acc: FloatArray | None = None,
        gyro: FloatArray | None = None,
        reference: FloatArray | None = None,
    ) -> Verdict:
        """Judge the newest window; see the module."""
        s = self.schema
        none = np.empty((0, 3, 0))
        streams: list[tuple[FloatArray, tuple[str, ...], float, str, tuple[int, ...]]] = [
            (emg, s.emg_names, s.emg_rate, "EMG", ())
        ]
        for given, kind in ((acc, "accelerometer"), (gyro, "gyroscope")):
            streams.append((none if given is None else given, s.imu_names, s.imu_rate, kind, (3,)))
        newest = []
        for values, names, rate, kind, axes in streams:
            values = np.asarray(values, dtype=float)
            need = round(s.window.length * rate) if names else 0
            if values.shape[:-1] != (len(names), *axes) or values.shape[-1] < need:
                return _cannot(f"{kind} of shape {values.shape}, {(len(names), *axes, need)} or more needed")
            values = values[..., values.shape[-1] - need :]
            labels = [
                f"{kind} {axis}of {n}" for n in names for axis in (("x ", "y ", "z ") if axes else ("",))
            ]
            wrong = problems(values.reshape(-1, need), rate, labels) if names else ()
            if wrong:
                return _cannot(wrong[0])
            newest.append(values)
        level = np.empty(0) if reference is None else np.asarray(reference, dtype=float)
        if s.uses_reference and (level.shape != (len(s.emg_names),) or not (level > 0.0).all()):
            return _cannot("no level of maximum contraction for each muscle")
        recording = Recording(
            "", "", s.emg_names, newest[0], s.emg_rate, s.imu_names, newest[1], newest[2], s.imu_rate,
            reference=level if s.uses_reference else np.empty(0),
        )  # fmt: skip
        return self.judge(features_at(recording, np.zeros(1), s.window))[0]

    def judge(self, features: FloatArray) -> list[Verdict]:
        """Of rows of features, in the schema's columns."""
        probability = self.classifier.predict_proba(features)[:, 1]
        reasons = self.guard.reasons(features[:, self.classifier.described], probability)
        light, heavy = self.schema.classes
        return [
            Verdict(float(p), bool(r), r or f"{heavy if p > 0.5 else light} load")
            for p, r in zip(probability, reasons, strict=True)
        ]


def train(
    table: WindowTable,
    recordings: Sequence[Recording],
    window: WindowConfig,
    classifier: LoadClassifier,
    *,
    synthetic: bool,
) -> RiskModel:
    """A model of all windows; people are left out in turn for its calibration and its guard.

    Raises:
        InputError: fewer than two people: nothing could be said about new ones.
    """
    import sklearn

    people = np.unique(table.subject)
    if len(people) < 2:
        raise InputError("the recordings", f"are of {len(people)} person", "at least two people")
    y = target_of(table)
    fitted = classifier.fit(table.features, y, table.subject)
    held_out = list(fitted.held_out_.values())[-1]
    columns = fitted.described
    guard = Abstention().fit(table.features[:, columns], y, held_out, table.subject)
    first = recordings[0]
    schema = Schema(
        first.emg_names,
        first.emg_rate,
        first.imu_names,
        first.imu_rate,
        window,
        bool(len(first.reference)),
        classes_of(table),
        classifier.kind,
        len(people),
        len(table),
        synthetic,
        table.names,
        {"rafr": __version__, "scikit-learn": sklearn.__version__, "numpy": np.__version__},
    )
    return RiskModel(schema, fitted, guard)


def save(path: Path | str, model: RiskModel) -> None:
    """A ZIP file of the schema (JSON) and of classifier and guard (skops: no pickle, types are checked on
    loading).

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
            estimators promise
            nothing across versions); columns that this version would compute otherwise; types that no model
            holds.
    """
    import skops.io

    path = Path(path)
    expected = "a model written by `rafr risk train`"
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(info.file_size for info in archive.infolist()) > _MOST_BYTES:
                raise InputError(path, "it is larger than any model", expected)
            data = json.loads(archive.read(_SCHEMA))
            content = archive.read(_MODEL)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror or error})", expected) from None
    except (zipfile.BadZipFile, KeyError, ValueError, RuntimeError) as error:
        raise InputError(path, f"is no model ({error})", expected) from None
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
    if version is None or version.split(".")[:2] != sklearn.__version__.split(".")[:2]:
        raise InputError(
            path, f"it was trained with scikit-learn {version}", f"{sklearn.__version__} (train again)"
        )
    try:
        given = dict(data["window"])
        window = WindowConfig(**{**given, "emg": EmgFeatureConfig(**given["emg"])})
        names = ("emg_names", "imu_names", "classes", "columns")
        lists = {name: tuple(str(v) for v in data[name]) for name in names}
        plain = {f.name: data[f.name] for f in dataclasses.fields(Schema) if f.name not in (*lists, "window")}
        schema = Schema(**lists, **plain, window=window)  # type: ignore[arg-type]
        check_config(window, str(path))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"its schema lacks or misnames {error}", "a schema of this version") from None
    now = Recording(
        "",
        "",
        schema.emg_names,
        np.empty((0, 0)),
        schema.emg_rate,
        schema.imu_names,
        imu_rate=schema.imu_rate,
    )
    computed = feature_names(now, window)
    if schema.columns != computed:
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


def _cannot(problem: str) -> Verdict:
    return Verdict(float("nan"), True, problem)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
