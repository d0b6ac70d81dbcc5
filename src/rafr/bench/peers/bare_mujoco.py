"""MuJoCo alone with the plant's robot, bones and joints.

Everything rafr computes is MuJoCo's own here: cables as spatial tendons with springs, bone contact between
signed distance fields of the same meshes, pins as a weld, joint drives as position actuators.
"""

from __future__ import annotations

import time
from typing import Any

import mujoco
import numpy as np

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.compare import Script
from rafr.simulation.embedded import EmbeddedPlant
from rafr.simulation.embedded.world import BASE_JOINTS, build_world, support_base
from rafr.simulation.engine import CLAMP, bone
from rafr.tissue.cables import Rider, TissueModel
from rafr.units import METRES_PER_MM

STEPS = 10  # per command
_DRIVE = 2e4  # N m/rad
_CABLE = 3e3  # N/m, of the order of a ligament; speed does not depend on it
_SDF_ROUNDS = 10  # iterations and starts of MuJoCo's search for contacts


class Bare:
    """MuJoCo alone, with the robot holding `body` by its pins; it begins as `plant`, newly made, begins.

    Attributes:
        cables: how many.   contacts: between bones, one number per command.
    """

    def __init__(self, plant: EmbeddedPlant, script: Script, body: str) -> None:
        arrangement, self._script = plant.arrangement, script
        spec = build_world(arrangement.urdf, arrangement.inertias, arrangement.poses)
        spec.option.disableflags = 0
        spec.option.sdf_iterations = spec.option.sdf_initpoints = _SDF_ROUNDS
        for geom in spec.geoms:
            geom.contype = geom.conaffinity = 0  # as in the plant, the robot touches nothing
        for name, mesh in arrangement.meshes.items():
            self._add_surface(spec, name, mesh.mesh, arrangement.inertias[name].centroid)
        tissues = {name: fragment.tissue for name, fragment in plant.bones.fragments.items()}
        self.cables = sum(self._add_cables(spec, arrangement, n, tissue) for n, tissue in tissues.items())
        for one, T_one_world, other in (
            (CLAMP, plant.world_from(CLAMP).inverse(), body),
            ("world", RigidTransform.identity(), arrangement.reference),
        ):
            centre = RigidTransform.from_translation(arrangement.inertias[other].centroid)
            self._weld(spec, one, bone(other), T_one_world @ arrangement.poses[other] @ centre)
        self._bone = bone(body)
        joints = [j.name for j in spec.joints if j.name.endswith("_joint")]
        for joint in joints:
            spec.add_actuator(
                trntype=mujoco.mjtTrn.mjTRN_JOINT,
                target=joint,
                gainprm=[_DRIVE] + [0] * 9,
                biastype=mujoco.mjtBias.mjBIAS_AFFINE,
                biasprm=[0, -_DRIVE, -_DRIVE / 20] + [0] * 7,
            )
        self._model: Any = spec.compile()
        support_base(self._model)
        self._data: Any = mujoco.MjData(self._model)
        addresses = [int(self._model.joint(n).qposadr[0]) for n in joints]
        self._data.qpos[addresses] = self._data.ctrl[:] = arrangement.parked_arm
        base = [int(self._model.joint(n).qposadr[0]) for n in BASE_JOINTS]
        self._data.qpos[base] = self._model.qpos_spring[base] = arrangement.parking
        mujoco.mj_forward(self._model, self._data)
        self.contacts: list[int] = []

    def play(self) -> float:
        """Processor seconds of the script."""
        model, data = self._model, self._data
        began = time.process_time()
        for q in self._script.joints:
            data.ctrl[:] = q
            mujoco.mj_step(model, data, STEPS)
            self.contacts.append(int(data.ncon))
        assert np.isfinite(data.qpos).all()
        return time.process_time() - began

    def _add_surface(self, spec: Any, name: str, mesh: TriangleMesh, centroid: FloatArray) -> None:
        vertices = mesh.vertices * METRES_PER_MM - centroid
        spec.add_mesh(name=name, uservert=vertices.ravel(), userface=mesh.faces.ravel())
        spec.body(bone(name)).add_geom(
            type=mujoco.mjtGeom.mjGEOM_SDF,
            meshname=name,
            contype=1,
            conaffinity=1,
            friction=[0.3, 0, 0],
        )

    def _add_cables(self, spec: Any, arrangement: Arrangement, name: str, tissue: TissueModel) -> int:
        """Every cable as a spring from its rest length on; what rides on the leg rides on the bone."""
        reference = arrangement.reference
        homes = {Rider.GROUND: reference, Rider.BODY: name, Rider.LEG: name}
        for i, cable in enumerate(tissue.cables):
            tendon = spec.add_tendon(
                name=f"{name}_{i}",
                stiffness=[_CABLE, 0, 0],
                springlength=[0.0, cable.rest],
                damping=[20.0, 0, 0],
            )
            for k, (point, rider) in enumerate(zip(cable.points, cable.riders, strict=True)):
                home = homes[rider]
                site = f"{name}_{i}_{k}"
                spec.body(bone(home)).add_site(name=site, pos=point - arrangement.inertias[home].centroid)
                tendon.wrap_site(site)
        return len(tissue.cables)

    def _weld(self, spec: Any, one: str, other: str, T_one_other: RigidTransform) -> None:
        x, y, z, w = T_one_other.quaternion_xyzw
        data = [0.0, 0.0, 0.0, *T_one_other.translation, w, x, y, z, 1.0, 0.0]
        kind, objects = mujoco.mjtEq.mjEQ_WELD, mujoco.mjtObj.mjOBJ_BODY
        spec.add_equality(type=kind, objtype=objects, name1=one, name2=other, data=data)

    def place(self) -> FloatArray:
        """Where the moved bone's centroid is, m."""
        found: FloatArray = self._data.body(self._bone).xpos.copy()
        return found
