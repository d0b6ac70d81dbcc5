"""The case folder: `case.yaml` and the files it names.

The layout is described in docs/case_folder.md. Everything spatial in it is LPS mm.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rafr.errors import InputError, RafrError
from rafr.files import written_whole
from rafr.foreign import read_yaml
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray

CASE_FILE = "case.yaml"
TRUTH_FILE = "truth.json"
FRACTURE_KINDS = (
    "denis1",
    "denis2",
    "denis3",
    "si-dislocation",
    "crescent",
    "iliac-wing",
    "rami",
    "open-book",
    "vertical-shear",
    "bilateral",
)
LIGAMENTS = (
    "anterior-sacroiliac",
    "interosseous-sacroiliac",
    "long-posterior-sacroiliac",
    "short-posterior-sacroiliac",
    "sacrospinous",
    "sacrotuberous",
    "iliolumbar",
    "superior-pubic",
    "arcuate-pubic",
)
_KEYS = (
    "id",
    "ct",
    "labels",
    "cbct",
    "bodies",
    "description",
    "fracture",
    "patient_mass_kg",
    "traction",
    "torn_ligaments",
    "schantz_pins",
    "screws",
    "fiducials_mm",
    "table_pose",
    "dicom",
)
_DEFAULT_MASS_KG = 75.0


@dataclass(frozen=True, slots=True)
class Body:
    """Bone pieces that move as one: the label values of `labels.nii.gz` it is made of."""

    name: str
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SchantzPin:
    """A threaded pin in the bone.

    Attributes:
        entry_mm: (3,) where it enters the cortex, LPS mm in the CT.
        direction: (3,) unit vector into the bone.
        depth_mm: length inside the bone.   length_mm: whole length.   diameter_mm: shaft.
    """

    entry_mm: FloatArray
    direction: FloatArray
    depth_mm: float = 60.0
    length_mm: float = 200.0
    diameter_mm: float = 5.0

    @property
    def tail_mm(self) -> FloatArray:
        """(3,) the outer end, LPS mm."""
        return self.entry_mm - self.direction * (self.length_mm - self.depth_mm)


@dataclass(frozen=True, slots=True)
class Traction:
    """Skeletal traction on one leg: `side` left or right, `force_n` along the leg."""

    side: str
    force_n: float


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One patient. `bodies[0]` is the reference, fixed to the table; the others move.

    Attributes:
        fiducials_mm: (n, 3) sphere centres in the reference tool's marker frame, or None for the
            frame described in `rafr.tracking.tools`.
        torn_ligaments: names among `LIGAMENTS`; None: what the kind of fracture tears.
        table_pose: `T_table_ct` in mm (pose of the pelvis on the table), or None for supine, centred.
        dicom: the folder of the DICOM series the CT came from, or None; it may be gone by now.
    """

    folder: Path
    id: str
    ct: Path
    labels: Path
    cbct: Path | None
    bodies: tuple[Body, ...]
    description: str = ""
    fracture: str | None = None
    patient_mass_kg: float = _DEFAULT_MASS_KG
    traction: Traction | None = None
    torn_ligaments: tuple[str, ...] | None = None
    schantz_pins: tuple[tuple[str, tuple[SchantzPin, ...]], ...] = ()
    screws: tuple[dict[str, Any], ...] = ()
    fiducials_mm: FloatArray | None = None
    table_pose: RigidTransform | None = None
    dicom: Path | None = None

    @property
    def reference(self) -> Body:
        return self.bodies[0]

    @property
    def moving(self) -> tuple[Body, ...]:
        return self.bodies[1:]

    @property
    def truth_path(self) -> Path:
        """Only the simulator and the final measurement may open it."""
        return self.folder / TRUTH_FILE

    def pins(self, body: str) -> tuple[SchantzPin, ...]:
        """The Schantz pins the case gives for a body; empty where they are still to be proposed."""
        return dict(self.schantz_pins).get(body, ())

    def with_bodies(self, bodies: tuple[Body, ...]) -> Case:
        return replace(self, bodies=bodies)


def load_case(folder: Path | str) -> Case:
    """Read `case.yaml` of a case folder.

    The image files must exist but are not opened; `bodies` is empty where the file leaves it out
    (`rafr.cases.bodies` proposes them from the labels).

    Raises:
        InputError: a file is missing, a key unknown or a value of the wrong kind.
    """
    folder = Path(folder)
    path = folder / CASE_FILE
    if not folder.is_dir():
        raise InputError(folder, "no such folder", "a case folder holding case.yaml")
    if not path.is_file():
        raise InputError(path, "no such file", "the case description (make one: rafr case new)")
    data = read_yaml(path, "a YAML mapping")
    if not isinstance(data, dict):
        raise InputError(path, "not a mapping", f"keys {', '.join(_KEYS)}")
    return _CaseReader(folder, path, data).read()


def save_case(case: Case) -> None:
    """Write `case.yaml` into the case's folder (atomically)."""
    data: dict[str, Any] = {
        "id": case.id,
        "ct": _relative(case.ct, case.folder),
        "labels": _relative(case.labels, case.folder),
    }
    if case.cbct is not None:
        data["cbct"] = _relative(case.cbct, case.folder)
    if case.description:
        data["description"] = case.description
    if case.fracture is not None:
        data["fracture"] = case.fracture
    data["patient_mass_kg"] = float(case.patient_mass_kg)
    if case.bodies:
        data["bodies"] = {b.name: list(b.labels) for b in case.bodies}
    if case.traction is not None:
        data["traction"] = {"side": case.traction.side, "force_n": float(case.traction.force_n)}
    if case.torn_ligaments is not None:
        data["torn_ligaments"] = list(case.torn_ligaments)
    if case.schantz_pins:
        data["schantz_pins"] = {name: [_pin_to_yaml(p) for p in pins] for name, pins in case.schantz_pins}
    if case.screws:
        data["screws"] = [dict(s) for s in case.screws]
    if case.fiducials_mm is not None:
        data["fiducials_mm"] = np.round(case.fiducials_mm, 4).tolist()
    if case.table_pose is not None:
        data["table_pose"] = case.table_pose.tolist()
    if case.dicom is not None:
        data["dicom"] = _relative(case.dicom, case.folder)
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=100)
    with written_whole(case.folder / CASE_FILE) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _relative(path: Path, folder: Path) -> str:
    try:
        return str(path.resolve().relative_to(folder.resolve()))
    except ValueError:
        return str(path.resolve())


def _pin_to_yaml(pin: SchantzPin) -> dict[str, Any]:
    return {
        "entry_mm": np.round(pin.entry_mm, 3).tolist(),
        "direction": np.round(pin.direction, 6).tolist(),
        "depth_mm": float(pin.depth_mm),
        "length_mm": float(pin.length_mm),
        "diameter_mm": float(pin.diameter_mm),
    }


@dataclass(frozen=True, slots=True)
class _CaseReader:
    """Turns the YAML mapping into a Case, naming file and key in every complaint."""

    folder: Path
    path: Path
    data: dict[str, Any]

    def read(self) -> Case:
        self._reject_unknown(self.data, _KEYS, "")
        fracture = self.data.get("fracture")
        if fracture is not None and fracture not in FRACTURE_KINDS:
            self._fail("fracture", fracture, f"one of {', '.join(FRACTURE_KINDS)}")
        return Case(
            folder=self.folder,
            id=self._text("id", default=self.folder.resolve().name),
            ct=self._file("ct"),
            labels=self._file("labels"),
            cbct=self._file("cbct") if self.data.get("cbct") is not None else None,
            bodies=self._bodies(),
            description=self._text("description", default=""),
            fracture=fracture,
            patient_mass_kg=self._number(
                self.data.get("patient_mass_kg", _DEFAULT_MASS_KG), "patient_mass_kg", 2.0, 400.0
            ),
            traction=self._traction(),
            torn_ligaments=self._torn_ligaments(),
            schantz_pins=self._pins(),
            screws=self._screws(),
            fiducials_mm=self._fiducials(),
            table_pose=self._pose("table_pose"),
            dicom=self._dicom(),
        )

    def _fail(self, key: str, value: object, expected: str) -> None:
        raise InputError(self.path, f"{key} is {value!r}", expected)

    def _reject_unknown(self, mapping: dict[str, Any], known: tuple[str, ...], where: str) -> None:
        for key in mapping:
            if key not in known:
                close = difflib.get_close_matches(str(key), known, n=1)
                hint = f"{close[0]!r}" if close else f"one of {', '.join(known)}"
                raise InputError(self.path, f"unknown key {where}{key!r}", hint)

    def _text(self, key: str, default: str) -> str:
        value = self.data.get(key, default)
        if not isinstance(value, str | int) or isinstance(value, bool):
            self._fail(key, value, "a text")
        return str(value)

    def _file(self, key: str) -> Path:
        value = self.data.get(key)
        if not isinstance(value, str):
            self._fail(key, value, "the name of a file in the case folder")
        path = self.folder / str(value)
        try:
            there = path.exists()
        except (OSError, ValueError):  # no name that a file can have
            there = False
        if not there:
            raise InputError(path, "no such file", f"the {key} named in {self.path}")
        return path

    def _dicom(self) -> Path | None:
        """The series named, or the CT itself where that is a folder."""
        if self.data.get("dicom") is None:
            ct = self._file("ct")
            return ct if ct.is_dir() else None
        return self.folder / self._text("dicom", default="")

    def _number(self, value: Any, key: str, lower: float, upper: float) -> float:
        number = float(value) if isinstance(value, int | float) else float("nan")
        if isinstance(value, bool) or not lower <= number <= upper:
            self._fail(key, value, f"a number from {lower:g} to {upper:g}")
        return number

    def _vector(self, value: Any, key: str) -> FloatArray:
        try:
            vector = np.array(value, dtype=float)
        except (TypeError, ValueError):
            vector = np.empty(0)
        if vector.shape != (3,) or not np.isfinite(vector).all():
            self._fail(key, value, "three finite numbers")
        return vector

    def _bodies(self) -> tuple[Body, ...]:
        value = self.data.get("bodies")
        if value is None:
            return ()
        if not isinstance(value, dict) or len(value) < 2 or "reference" not in value:
            self._fail("bodies", value, "name: [label values] of two or more bodies, one of them `reference`")
        bodies: list[Body] = []
        seen: dict[int, str] = {}
        for name, labels in value.items():
            good = isinstance(labels, list) and labels and all(type(v) is int for v in labels)
            if not good or any(v < 1 for v in labels):
                self._fail(f"bodies.{name}", labels, "a list of label values, each 1 or more")
            for label in labels:
                if label in seen:
                    self._fail(f"bodies.{name}", labels, f"label {label} once (it is in {seen[label]} too)")
                seen[label] = name
            bodies.insert(0 if name == "reference" else len(bodies), Body(str(name), tuple(labels)))
        return tuple(bodies)

    def _torn_ligaments(self) -> tuple[str, ...] | None:
        value = self.data.get("torn_ligaments")
        if value is None:
            return None
        if not isinstance(value, list):
            self._fail("torn_ligaments", value, "a list of ligaments")
        for name in value:
            if name not in LIGAMENTS:
                self._fail("torn_ligaments", name, f"names among {', '.join(LIGAMENTS)}")
        return tuple(value)

    def _traction(self) -> Traction | None:
        value = self.data.get("traction")
        if value is None:
            return None
        if not isinstance(value, dict):
            self._fail("traction", value, "a mapping with side and force_n")
        self._reject_unknown(value, ("side", "force_n"), "traction.")
        if value.get("side") not in ("left", "right"):
            self._fail("traction.side", value.get("side"), "left or right")
        return Traction(value["side"], self._number(value.get("force_n"), "traction.force_n", 0.0, 400.0))

    def _pins(self) -> tuple[tuple[str, tuple[SchantzPin, ...]], ...]:
        value = self.data.get("schantz_pins")
        if value is None:
            return ()
        if not isinstance(value, dict):
            self._fail("schantz_pins", value, "a mapping body: [pins]")
        return tuple((str(name), self._body_pins(str(name), pins)) for name, pins in value.items())

    def _body_pins(self, body: str, pins: Any) -> tuple[SchantzPin, ...]:
        if "bodies" in self.data and body not in self.data["bodies"]:
            self._fail("schantz_pins", body, f"a body among {', '.join(self.data['bodies'])}")
        if not isinstance(pins, list) or not all(isinstance(p, dict) for p in pins):
            self._fail(f"schantz_pins.{body}", pins, "a list of pins")
        return tuple(self._pin(f"schantz_pins.{body}[{i}]", pin) for i, pin in enumerate(pins))

    def _pin(self, where: str, pin: dict[str, Any]) -> SchantzPin:
        known = ("entry_mm", "direction", "depth_mm", "length_mm", "diameter_mm")
        self._reject_unknown(pin, known, f"{where}.")
        direction = self._vector(pin.get("direction"), f"{where}.direction")
        length = float(np.linalg.norm(direction))
        if length == 0:
            self._fail(f"{where}.direction", pin.get("direction"), "a vector that is not zero")
        return SchantzPin(
            self._vector(pin.get("entry_mm"), f"{where}.entry_mm"),
            direction / length,
            self._number(pin.get("depth_mm", 60.0), f"{where}.depth_mm", 5.0, 200.0),
            self._number(pin.get("length_mm", 200.0), f"{where}.length_mm", 50.0, 500.0),
            self._number(pin.get("diameter_mm", 5.0), f"{where}.diameter_mm", 1.0, 12.0),
        )

    def _screws(self) -> tuple[dict[str, Any], ...]:
        value = self.data.get("screws", [])
        if not isinstance(value, list) or not all(isinstance(s, dict) for s in value):
            self._fail("screws", value, "a list of mappings")
        for number, screw in enumerate(value):
            for key, item in screw.items():
                parts = item if isinstance(item, list) else [item]
                if any(isinstance(part, float) and not math.isfinite(part) for part in parts):
                    self._fail(f"screws[{number}].{key}", item, "finite numbers")
        return tuple(value)

    def _fiducials(self) -> FloatArray | None:
        value = self.data.get("fiducials_mm")
        if value is None:
            return None
        if not isinstance(value, list) or len(value) < 4:
            self._fail("fiducials_mm", value, "four or more points [x, y, z]")
        return np.array([self._vector(p, f"fiducials_mm[{i}]") for i, p in enumerate(value)])

    def _pose(self, key: str) -> RigidTransform | None:
        value = self.data.get(key)
        if value is None:
            return None
        try:
            return RigidTransform.from_matrix(value)
        except (RafrError, TypeError, ValueError):
            raise InputError(
                self.path, f"{key} is not a rigid transform", "a 4x4 matrix of a proper motion"
            ) from None
