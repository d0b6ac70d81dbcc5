"""Where the tracked tools really are, and the bone pins that carry them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from rafr.cases.case import Case, SchantzPin
from rafr.cases.reference_marker import reference_marker_places
from rafr.geometry import RigidTransform, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.imaging.cbct import CbctConfig, seen
from rafr.planning.pins import PatientAxes, patient_axes
from rafr.simulation.live import LivePlant
from rafr.tracking.tools import BASE_TOOL, FIDUCIALS_MM, REFERENCE_TOOL, fragment_tool
from rafr.units import to_metres

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

_STAND_OFF_MM = 80.0  # of a fragment's tool from the bone that carries it
# ways a fragment's tool may stand off, from straight in front of the patient
_SIDEWAYS_DEG = (-60.0, -30.0, 0.0, 30.0, 60.0)
_UPWARDS_DEG = (-30.0, 0.0, 30.0, 60.0)
_SKIN_MM = 50.0  # in front of the foremost bone
_LONGEST_MM = 180.0  # of the pin outside the bone
_CLAMP_MM = 450.0  # of the line along the Schantz pins that clamp and wrist will take, from the bone
_PIN_IN_BONE_MM = 25.0
_ALONG = np.linspace(0.0, 1.0, 60)[:, None]  # of a line, whose points are looked at
# how far left and cranial of its usual place the reference tool may stand, the nearest first
_SHIFTS_MM = (0.0, 30.0, -30.0, 60.0, -60.0, 90.0, -90.0)
_ASIDE_MM = sorted(itertools.product(_SHIFTS_MM, _SHIFTS_MM), key=lambda by: math.hypot(*by))
_FREE_MM = 120.0  # from its line of sight to where clamp and wrist will be
_APART_MM = 80.0  # of two tools
_SHOWN = 0.9  # of every fragment's surface in the CBCT; less where the usual place shows less
_THINNED = 20
_SCANNER = CbctConfig()
# a little less than it sees: patients lie askew in it
_CBCT = replace(_SCANNER, diameter_mm=_SCANNER.diameter_mm - 20.0, length_mm=_SCANNER.length_mm - 20.0)
_BASE_CALIBRATION_M = 2e-4
_BASE_CALIBRATION_RAD = 5e-4


@dataclass(frozen=True, slots=True, eq=False)
class Markers:
    """Mounts of the tools as they are.

    Attributes:
        fiducials_mm: (n, 3) spheres of the reference tool, in its marker frame.
        T_ct_marker: m; per body, the reference's among them.
        T_base_marker: m; true, close to the calibrated one.
        pins_mm: per body the two ends (3,) of the bone pin that carries its tool, in its CT.
    """

    reference: str
    fiducials_mm: FloatArray
    T_ct_marker: dict[str, RigidTransform]
    T_base_marker: RigidTransform
    pins_mm: dict[str, tuple[FloatArray, FloatArray]]

    def in_world(self, plant: LivePlant) -> dict[str, RigidTransform]:
        """True `T_world_marker` (m) of every tool now."""
        tools = {BASE_TOOL: plant.world_from("base") @ self.T_base_marker}
        for body, mount in self.T_ct_marker.items():
            name = REFERENCE_TOOL if body == self.reference else fragment_tool(body)
            tools[name] = plant.world_from_ct(body) @ mount
        return tools


def mount_markers(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    T_base_marker: RigidTransform,
    schantz_pins: Mapping[str, Sequence[SchantzPin]],
    eye_mm: Mapping[str, FloatArray],
    rng: np.random.Generator,
) -> Markers:
    """Mount every tool as a surgeon would who sees the tracker and knows where the pins will go.

    Args:
        T_base_marker: m, the calibrated mount on the base.
        schantz_pins: as planned; a body without has none.
        eye_mm: (3,) the tracker in every body's CT.
    """
    reference = case.reference.name
    pelvis = merge_meshes([m.mesh for m in meshes.values()])
    fiducials = FIDUCIALS_MM if case.fiducials_mm is None else case.fiducials_mm
    mounts_mm = {}
    axes = patient_axes(case)
    for body in case.moving:
        place = _tool_place(
            meshes[body.name].mesh.vertices, axes, schantz_pins.get(body.name, ()), eye_mm[body.name]
        )
        place = place + rng.uniform(-10, 10, 3)
        mounts_mm[body.name] = RigidTransform.from_rotvec(np.radians(20.0) * rng.uniform(-1, 1, 3), place)
    places = reference_marker_places(meshes[reference].mesh, pelvis, fiducials, _ASIDE_MM)
    fragments = [meshes[body].mesh.vertices[::_THINNED] for body in mounts_mm]
    shown = [_shown(T.apply(fiducials), fragments, pelvis.vertices[::_THINNED]) for T in places]
    enough = np.minimum(shown[0], _SHOWN)
    places = [T for T, shares in zip(places, shown, strict=True) if (shares >= enough).all()]
    clamps = [_clamp(pins) for pins in schantz_pins.values() if pins]
    tools = [T.translation for T in mounts_mm.values()]
    mounts_mm[reference] = _reference_place(places, fiducials, clamps, tools, eye_mm[reference])
    pins = {name: _carrier(meshes[name].mesh.vertices, T.translation) for name, T in mounts_mm.items()}
    error = RigidTransform.from_rotvec(
        _BASE_CALIBRATION_RAD * rng.standard_normal(3), _BASE_CALIBRATION_M * rng.standard_normal(3)
    )
    mounts = {name: to_metres(T) for name, T in mounts_mm.items()}
    return Markers(reference, np.asarray(fiducials), mounts, T_base_marker @ error, pins)


def _tool_place(
    vertices: FloatArray, axes: PatientAxes, pins: Sequence[SchantzPin], eye: FloatArray
) -> FloatArray:
    """(3,) mm, before the skin, in line with the tracker far from where the clamp will be."""
    places = _places(vertices, axes)
    if not pins:
        return max(places, key=lambda p: float(p @ axes.anterior))
    clamp = _clamp(pins)
    return max(places, key=lambda place: _clearance(place, eye, clamp))


def _reference_place(
    places: Sequence[RigidTransform],
    fiducials: FloatArray,
    clamps: Sequence[FloatArray],
    tools: Sequence[FloatArray],
    eye: FloatArray,
) -> RigidTransform:
    """The first place that is clear of every clamp, as is its line to the tracker, and of the other tools.

    Where none is, the one that lacks least. All mm, in the reference's CT.
    """

    def shortfall(T: RigidTransform) -> float:
        middle = T.apply(fiducials.mean(axis=0))
        lacks = [_FREE_MM - _clearance(middle, eye, clamp) for clamp in clamps]
        lacks += [_APART_MM - float(np.linalg.norm(middle - tool)) for tool in tools]
        return max([0.0, *lacks])

    return min(places, key=shortfall)


def _shown(spheres: FloatArray, fragments: Sequence[FloatArray], pelvis: FloatArray) -> FloatArray:
    """(k,) the share of every fragment (n, 3) that a CBCT with all spheres will show; mm in the CT."""
    return np.array([seen(points, pelvis, spheres, _CBCT).mean() for points in fragments])


def _clamp(pins: Sequence[SchantzPin]) -> FloatArray:
    """(n, 3) mm on the line that clamp and wrist will take along planned pins."""
    entry = np.mean([p.entry_mm for p in pins], axis=0)
    inward = np.mean([p.direction for p in pins], axis=0)
    line: FloatArray = entry - _ALONG * _CLAMP_MM * inward
    return line


def _clearance(place: FloatArray, eye: FloatArray, clamp: FloatArray) -> float:
    """mm between a clamp and the line from a place to the tracker."""
    line = place + _ALONG**2 * (eye - place)  # densest near the place
    return float(np.linalg.norm(line[:, None] - clamp, axis=2).min())


def _places(vertices: FloatArray, axes: PatientAxes) -> list[FloatArray]:
    """Ends (3,) of pins off the bone in several directions that come out in front of the patient."""
    skin = float((vertices @ axes.anterior).max()) + _SKIN_MM
    places = []
    for up in np.radians(_UPWARDS_DEG):
        for side in np.radians(_SIDEWAYS_DEG):
            forward = np.cos(side) * axes.anterior + np.sin(side) * axes.left
            direction = np.cos(up) * forward + np.sin(up) * axes.superior
            entry = vertices[int(np.argmax(vertices @ direction))]
            length = max(_STAND_OFF_MM, (skin - entry @ axes.anterior) / (direction @ axes.anterior))
            if length < _LONGEST_MM:
                places.append(entry + length * direction)
    return places


def _carrier(vertices: FloatArray, tool: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The pin from inside the nearest bone out to the tool (it ends short of the tool itself)."""
    entry = vertices[int(np.argmin(np.linalg.norm(vertices - tool, axis=1)))]
    inward = (entry - tool) / np.linalg.norm(entry - tool)
    return entry + _PIN_IN_BONE_MM * inward, tool + 20.0 * inward


def steel_pins_mm(plant: LivePlant, markers: Markers) -> list[tuple[str, FloatArray, FloatArray]]:
    """Every steel pin now in the patient: (body, end, end), LPS mm in the body's CT."""
    found = [(body, *ends) for body, ends in markers.pins_mm.items()]
    for body, pins in plant.steel_pins().items():
        found += [(body, p.entry_mm + p.depth_mm * p.direction, p.tail_mm) for p in pins]
    return found
