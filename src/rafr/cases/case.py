"""The case folder: `case.yaml` and the files it names.

The layout is described in docs/case_folder.md. Everything spatial in it is LPS mm.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from rafr.cases.values import (
    CASE_FILE,
    DEFAULT_MASS_KG,
    FRACTURE_KINDS,
    LIGAMENTS,
    TRUTH_FILE,
    Body,
    Case,
    SchantzPin,
    Traction,
)
from rafr.errors import InputError, RafrError
from rafr.files import written_whole
from rafr.foreign import read_yaml
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray

__all__ = [
    "CASE_FILE",
    "FRACTURE_KINDS",
    "LIGAMENTS",
    "TRUTH_FILE",
    "Body",
    "Case",
    "SchantzPin",
    "Traction",
    "load_case",
    "save_case",
]

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
_PIN_MM = {"depth_mm": (5.0, 200.0), "length_mm": (50.0, 500.0), "diameter_mm": (1.0, 12.0)}


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
    folder, pins, traction = case.folder, case.schantz_pins, case.traction
    found = {
        "id": case.id,
        "ct": _relative(case.ct, folder),
        "labels": _relative(case.labels, folder),
        "cbct": None if case.cbct is None else _relative(case.cbct, folder),
        "description": case.description or None,
        "fracture": case.fracture,
        "patient_mass_kg": float(case.patient_mass_kg),
        "bodies": {b.name: list(b.labels) for b in case.bodies} or None,
        "traction": traction and {"side": traction.side, "force_n": float(traction.force_n)},
        "torn_ligaments": None if case.torn_ligaments is None else list(case.torn_ligaments),
        "schantz_pins": {body: [_pin_to_yaml(p) for p in of_body] for body, of_body in pins} or None,
        "screws": [dict(s) for s in case.screws] or None,
        "fiducials_mm": None if case.fiducials_mm is None else np.round(case.fiducials_mm, 4).tolist(),
        "table_pose": None if case.table_pose is None else case.table_pose.tolist(),
        "dicom": None if case.dicom is None else _relative(case.dicom, folder),
    }
    data = {key: value for key, value in found.items() if value is not None}
    text = yaml.safe_dump(data, sort_keys=False, default_flow_style=None, width=100)
    with written_whole(folder / CASE_FILE) as temporary:
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
                self.data.get("patient_mass_kg", DEFAULT_MASS_KG), "patient_mass_kg", 2.0, 400.0
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
        self._reject_unknown(pin, ("entry_mm", "direction", *_PIN_MM), f"{where}.")
        direction = self._vector(pin.get("direction"), f"{where}.direction")
        length = float(np.linalg.norm(direction))
        if length == 0:
            self._fail(f"{where}.direction", pin.get("direction"), "a vector that is not zero")
        sizes = {
            key: self._number(pin[key], f"{where}.{key}", *bounds)
            for key, bounds in _PIN_MM.items()
            if key in pin
        }
        entry = self._vector(pin.get("entry_mm"), f"{where}.entry_mm")
        return SchantzPin(entry, direction / length, **sizes)

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
