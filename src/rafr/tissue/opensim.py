"""Read the muscles round the pelvis from an OpenSim model (.osim, file version 4)."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.tissue.muscles import Muscle, MuscleModel, PathPoint, Posture, check_muscles

_MUSCLES = ("Thelen2003Muscle", "Millard2012EquilibriumMuscle", "DeGrooteFregly2016Muscle")
_LARGEST = 1e6  # m, N, rad: no number of a body is larger
_SEGMENTS = ("pelvis", "torso", "femur_r", "femur_l", "tibia_r", "tibia_l")


def read_opensim(path: Path, posture: Posture) -> MuscleModel:
    """Muscles with a point on the pelvis, and the segments' places in a posture.

    Coordinates named `hip_flexion_*` and `hip_adduction_*` take the posture's angles, all others 0. A
    conditional point is part of the path where its coordinate lies in its range then.

    Raises:
        InputError: not an OpenSim model of version 4, or a part this reader does not know.
    """
    try:
        return _model(_root(path), path, posture)
    except (ValueError, StopIteration, RecursionError, np.linalg.LinAlgError) as error:
        raise InputError(
            path, f"holds what is no number or function ({error})", "an OpenSim 4 model"
        ) from None


def _model(model: ET.Element, path: Path, posture: Posture) -> MuscleModel:
    values = _coordinates(posture)
    muscles = [m for tag in _MUSCLES for e in model.iter(tag) if (m := _muscle(e, values, path)) is not None]
    check_muscles(muscles, path)
    frames = _frames(model, values, path)
    if not all(np.abs(frame).max() <= _LARGEST for frame in frames.values()):
        raise InputError(path, "its joints lead nowhere", "finite numbers of a body's size")
    missing = {p.segment for m in muscles for p in m.path} - frames.keys()
    if missing:
        raise InputError(path, f"no joint leads from the pelvis to {', '.join(sorted(missing))}", "joints")
    return MuscleModel(tuple(muscles), frames, path.name)


def _root(path: Path) -> ET.Element:
    try:
        root = ET.parse(path).getroot()
    except (OSError, ET.ParseError) as error:
        raise InputError(path, f"not readable as XML ({error})", "an OpenSim model (.osim)") from error
    model = root.find("Model")
    version = int(root.get("Version") or 0)
    if root.tag != "OpenSimDocument" or model is None or version < 40000:
        raise InputError(path, f"not an OpenSim 4 model (version {version})", "save it with OpenSim 4")
    return model


def _coordinates(posture: Posture) -> dict[str, float]:
    values = {}
    for side in ("r", "l"):
        values[f"hip_flexion_{side}"] = posture.flexion
        values[f"hip_adduction_{side}"] = -posture.abduction
    return values


def _muscle(element: ET.Element, values: Mapping[str, float], path: Path) -> Muscle | None:
    """None for a muscle without a point on the pelvis."""
    name = element.get("name", "?")
    points = [
        PathPoint(_last(_text(p, "socket_parent_frame", path)), _place(p, values, path))
        for p in element.iterfind(".//PathPointSet/objects/*")
        if _present(p, values)
    ]
    known = len(points) > 1 and all(p.segment in _SEGMENTS for p in points)
    if not known or not any(p.segment == "pelvis" for p in points):
        return None
    hill = (
        "max_isometric_force",
        "optimal_fiber_length",
        "tendon_slack_length",
        "pennation_angle_at_optimal",
    )
    force, fibre, tendon, pennation = (_number(_text(element, tag, path), path) for tag in hill)
    return Muscle(name, force, fibre, tendon, pennation, tuple(points))


def _present(point: ET.Element, values: Mapping[str, float]) -> bool:
    if point.tag != "ConditionalPathPoint":
        return point.tag in ("PathPoint", "MovingPathPoint")
    lower, upper = (float(v) for v in (point.findtext("range") or "0 0").split())
    return lower <= values.get(_last(point.findtext("socket_coordinate") or ""), 0.0) <= upper


def _place(point: ET.Element, values: Mapping[str, float], path: Path) -> tuple[float, float, float]:
    """Where a point lies in its segment; a moving one as its coordinates say."""
    if point.tag != "MovingPathPoint":
        return _triple(_text(point, "location", path), path)
    x, y, z = (
        _function(point.find(f"{axis}_location"), path)(
            values.get(_last(point.findtext(f"socket_{axis}_coordinate") or ""), 0.0)
        )
        for axis in "xyz"
    )
    return x, y, z


def _function(element: ET.Element | None, path: Path) -> Callable[[float], float]:
    """The first function of one argument inside an element."""
    for inner in element if element is not None else ():
        if inner.tag in _FUNCTIONS:
            return partial(_FUNCTIONS[inner.tag], inner)
    name = "a point" if element is None else element.get("name") or element.tag
    raise InputError(path, f"{name} has no function known here", ", ".join(_FUNCTIONS))


def _frames(model: ET.Element, values: Mapping[str, float], path: Path) -> dict[str, FloatArray]:
    """Every segment's pose (4, 4) in the pelvis frame, following the joints outwards."""
    frames = {"pelvis": np.eye(4)}
    joints = [_Joint(e, path) for e in model.iterfind(".//JointSet/objects/*")]
    for _ in joints:
        for joint in joints:
            if joint.parent in frames and joint.child not in frames:
                frames[joint.child] = frames[joint.parent] @ joint.pose(values)
    return frames


class _Joint:
    """A joint between two segments, as (4, 4) pose of the child in the parent."""

    def __init__(self, element: ET.Element, path: Path) -> None:
        self._path = path
        offsets = {e.get("name", ""): e for e in element.iter("PhysicalOffsetFrame")}
        ends = [
            offsets.get(_last(element.findtext(f"socket_{end}_frame") or "")) for end in ("parent", "child")
        ]
        if ends[0] is None or ends[1] is None:
            raise InputError(path, f"joint {element.get('name')} has no offset frames", "an OpenSim 4 model")
        self.parent, self.child = (_last(_text(e, "socket_parent", path)) for e in ends if e is not None)
        self._in_parent, self._in_child = (_offset(e, path) for e in ends if e is not None)
        self._axes = {e.get("name", ""): e for e in element.iter("TransformAxis")}

    def pose(self, values: Mapping[str, float]) -> FloatArray:
        motion = np.eye(4)
        for name, element in self._axes.items():
            axis = np.array(_triple(_text(element, "axis", self._path), self._path))
            value = self._value(element, values)
            if name.startswith("translation"):
                motion[:3, 3] += value * axis
            else:  # rotations follow each other in the order of the file
                motion[:3, :3] = motion[:3, :3] @ Rotation.from_rotvec(value * axis).as_matrix()
        pose: FloatArray = self._in_parent @ motion @ np.linalg.inv(self._in_child)
        return pose

    def _value(self, element: ET.Element, values: Mapping[str, float]) -> float:
        coordinate = (element.findtext("coordinates") or "").strip()
        return _function(element, self._path)(values.get(coordinate, 0.0))


def _linear(function: ET.Element, q: float) -> float:
    slope, intercept = (float(v) for v in (function.findtext("coefficients") or "1 0").split())
    return slope * q + intercept


def _constant(function: ET.Element, q: float) -> float:
    return float(function.findtext("value") or 0.0)


def _spline(function: ET.Element, q: float) -> float:
    from scipy.interpolate import CubicSpline

    x, y = (np.array((function.findtext(axis) or "").split(), dtype=float) for axis in ("x", "y"))
    return float(CubicSpline(x, y, bc_type="natural")(q))


def _scaled(function: ET.Element, q: float) -> float:
    inner = next(e for e in function.iter() if e.tag in _FUNCTIONS and e is not function)
    return float(function.findtext("scale") or 1.0) * _FUNCTIONS[inner.tag](inner, q)


_FUNCTIONS: dict[str, Callable[[ET.Element, float], float]] = {
    "LinearFunction": _linear,
    "Constant": _constant,
    "SimmSpline": _spline,
    "NaturalCubicSpline": _spline,
    "MultiplierFunction": _scaled,
}


def _offset(element: ET.Element, path: Path) -> FloatArray:
    pose = np.eye(4)
    angles = _triple(_text(element, "orientation", path), path)
    pose[:3, :3] = Rotation.from_euler("XYZ", angles).as_matrix()
    pose[:3, 3] = _triple(_text(element, "translation", path), path)
    return pose


def _last(name: str) -> str:
    return name.strip().rsplit("/", 1)[-1]


def _text(element: ET.Element, tag: str, path: Path) -> str:
    text = element.findtext(tag)
    if text is None:
        raise InputError(path, f"{element.tag} {element.get('name')} has no {tag}", "an OpenSim 4 model")
    return text


def _number(text: str, path: Path) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not abs(value) <= _LARGEST:
        raise InputError(path, f"{text.strip()!r} is not a number", "a finite number")
    return value


def _triple(text: str, path: Path) -> tuple[float, float, float]:
    values = [_number(v, path) for v in text.split()]
    if len(values) != 3:
        raise InputError(path, f"{text.strip()!r} is not three numbers", "three numbers")
    return values[0], values[1], values[2]
