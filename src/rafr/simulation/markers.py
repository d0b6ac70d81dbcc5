"""Where the tracked tools really are, and the bone pins that carry them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rafr.cases.case import Case
from rafr.cases.reference_marker import place_reference_marker
from rafr.geometry import RigidTransform, merge_meshes
from rafr.geometry.rigid_transform import FloatArray
from rafr.planning.pins import patient_axes
from rafr.simulation.live import LivePlant
from rafr.tracking.tools import BASE_TOOL, FIDUCIALS_MM, REFERENCE_TOOL, fragment_tool
from rafr.units import to_metres

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

_STAND_OFF_MM = 80.0  # of a fragment's tool in front of its foremost bone
_PIN_IN_BONE_MM = 25.0
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
    case: Case, meshes: Mapping[str, BodyMesh], T_base_marker: RigidTransform, rng: np.random.Generator
) -> Markers:
    """Mount every tool; `T_base_marker` (m) is the calibrated mount on the base."""
    reference = case.reference.name
    pelvis = merge_meshes([m.mesh for m in meshes.values()])
    fiducials = FIDUCIALS_MM if case.fiducials_mm is None else case.fiducials_mm
    mounts_mm = {reference: place_reference_marker(meshes[reference].mesh, pelvis, fiducials)}
    axes = patient_axes(case)
    for body in case.moving:
        vertices = meshes[body.name].mesh.vertices
        entry = vertices[int(np.argmax(vertices @ axes.anterior))]
        place = entry + _STAND_OFF_MM * axes.anterior + 15.0 * axes.superior + rng.uniform(-10, 10, 3)
        mounts_mm[body.name] = RigidTransform.from_rotvec(np.radians(20.0) * rng.uniform(-1, 1, 3), place)
    pins = {name: _carrier(meshes[name].mesh.vertices, T.translation) for name, T in mounts_mm.items()}
    error = RigidTransform.from_rotvec(
        _BASE_CALIBRATION_RAD * rng.standard_normal(3), _BASE_CALIBRATION_M * rng.standard_normal(3)
    )
    mounts = {name: to_metres(T) for name, T in mounts_mm.items()}
    return Markers(reference, np.asarray(fiducials), mounts, T_base_marker @ error, pins)


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
