"""The MuJoCo model: the robot of the URDF on its floor, the reference body on the table, free fragments.

MuJoCo integrates the rigid bodies; every force between them (tissue, contact, pins) is computed by rafr
and applied, so that planner and plant share the same tissue code.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rafr.cases.case import Case
from rafr.config import option
from rafr.geometry import RigidTransform, TriangleMesh
from rafr.geometry.rigid_transform import FloatArray
from rafr.units import METRES_PER_MM

if TYPE_CHECKING:
    from rafr.cases.meshes import BodyMesh

_log = logging.getLogger(__name__)
BASE_JOINTS = ("base_x", "base_y", "base_theta")
REFERENCE_JOINTS = (
    "reference_x",
    "reference_y",
    "reference_z",
    "reference_rx",
    "reference_ry",
    "reference_rz",
)
TIME_STEP = 1e-3

_HIP_AREA_M2 = 0.045
_DAMPING_RATIO = 1.0


@dataclass(frozen=True, slots=True)
class WorldConfig:
    """What the model assumes about masses and supports."""

    fragment_mass: float = option(
        8.0,
        "effective mass of a fragment as large as a hip bone: bone, soft tissue, share of the thigh",
        unit="kg",
        lower=1.0,
        upper=40.0,
    )
    reference_mass: float = option(
        25.0, "effective mass of pelvis and trunk", unit="kg", lower=5.0, upper=80.0
    )
    held_stiffness: float = option(
        1.0e6, "pelvis against table, holding device on", unit="N/m", lower=1e4, upper=1e7
    )
    free_stiffness: float = option(
        3.0e4, "pelvis against table, lying on the mattress only", unit="N/m", lower=1e3, upper=1e6
    )
    base_stiffness: float = option(
        2.0e6, "base against floor: stabilisers or braked wheels", unit="N/m", lower=1e4, upper=1e7
    )
    lever: float = option(
        0.15, "rotational stiffness of a support is its stiffness times this squared", unit="m", lower=0.01
    )


@dataclass(frozen=True, slots=True, eq=False)
class BodyInertia:
    """Effective rigid body of a bone: mass (kg), inertia (3, 3) about its centroid in CT axes (kg m²)."""

    mass: float
    inertia: FloatArray
    centroid: FloatArray


def fragment_inertia(mesh_mm: TriangleMesh, config: WorldConfig) -> BodyInertia:
    """Mass by the bone's surface area, distributed as that surface is."""
    area = float(mesh_mm.face_areas.sum()) * METRES_PER_MM**2
    mass = config.fragment_mass * float(np.clip(area / _HIP_AREA_M2, 0.25, 2.0))
    return _shell(mesh_mm, mass)


def reference_inertia(mesh_mm: TriangleMesh, config: WorldConfig) -> BodyInertia:
    return _shell(mesh_mm, config.reference_mass)


def _shell(mesh_mm: TriangleMesh, mass: float) -> BodyInertia:
    weights = mesh_mm.face_areas / mesh_mm.face_areas.sum()
    offset = (mesh_mm.face_centres - mesh_mm.centroid) * METRES_PER_MM
    second = (offset * weights[:, None]).T @ offset
    # the soft tissue that moves along rounds the body off: at least 40 mm of gyration about any axis
    second = second + 0.5 * 0.04**2 * np.eye(3)
    inertia = mass * (np.trace(second) * np.eye(3) - second)
    return BodyInertia(mass, inertia, mesh_mm.centroid * METRES_PER_MM)


def build_patient_world(
    case: Case,
    meshes: Mapping[str, BodyMesh],
    T_world_ct: RigidTransform,
    starts: Mapping[str, RigidTransform],
    config: WorldConfig,
    arm: str,
) -> tuple[dict[str, BodyInertia], Any]:
    """Inertia of every bone body, and the MjModel of robot and patient.

    Args:
        T_world_ct: m; how the reference body lies in the room.
        starts: `T_current_displaced` (m) of the moving bodies.
    """
    from rafr.robot.description import urdf_text

    reference = case.reference.name
    inertias = {name: fragment_inertia(m.mesh, config) for name, m in meshes.items()}
    inertias[reference] = reference_inertia(meshes[reference].mesh, config)
    poses = {name: T_world_ct @ starts.get(name, RigidTransform.identity()) for name in meshes}
    return inertias, build_world(urdf_text(arm), inertias, poses, reference)


def build_world(
    urdf: str, bodies: Mapping[str, BodyInertia], poses: Mapping[str, Any], reference: str
) -> Any:
    """Compile the MjModel.

    Args:
        urdf: the robot's description; its root link is `base`.
        bodies: effective inertia of every bone body, the reference among them.
        poses: `T_world_ct` (m) of every bone body at the start.
        reference: the name of the body that lies on the table.
    """
    import mujoco

    # MuJoCo's own way is a file MUJOCO_LOG.TXT in whatever folder the process stands in
    mujoco.set_mju_user_warning(_log.warning)
    spec = mujoco.MjSpec.from_string(urdf)
    spec.compiler.fusestatic = False
    spec.option.timestep = TIME_STEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    # contacts are rafr's own; and a state that is not finite must be seen, not quietly reset to the start
    off = mujoco.mjtDisableBit
    spec.option.disableflags = int(off.mjDSBL_CONTACT) | int(off.mjDSBL_AUTORESET)
    for joint in [j for j in spec.joints if "wheel" in j.name]:
        spec.delete(joint)  # the base's own joints carry its motion
    slide, hinge = mujoco.mjtJoint.mjJNT_SLIDE, mujoco.mjtJoint.mjJNT_HINGE
    axes = np.eye(3)
    for name, kind, axis in zip(BASE_JOINTS, (slide, slide, hinge), (axes[0], axes[1], axes[2]), strict=True):
        spec.body("base").add_joint(name=name, type=kind, axis=axis)
    for name, inertia in bodies.items():
        body = _add_bone(spec, name, inertia, poses[name])
        if name == reference:
            for k, joint in enumerate(REFERENCE_JOINTS):
                body.add_joint(name=joint, type=slide if k < 3 else hinge, axis=axes[k % 3])
        else:
            body.add_freejoint(name=f"{name}_free")
    return spec.compile()


def _add_bone(spec: Any, name: str, inertia: BodyInertia, T_world_ct: Any) -> Any:
    """A body whose frame stands at its centroid with the CT's axes; the mattress bears its weight."""
    x, y, z, w = T_world_ct.quaternion_xyzw
    i = inertia.inertia
    return spec.worldbody.add_body(
        name=f"bone_{name}",
        pos=T_world_ct.apply(inertia.centroid),
        quat=[w, x, y, z],
        gravcomp=1.0,
        mass=inertia.mass,
        fullinertia=[i[0, 0], i[1, 1], i[2, 2], i[0, 1], i[0, 2], i[1, 2]],
        ipos=[0.0, 0.0, 0.0],
        explicitinertial=True,
    )


def set_support(
    model: Any,
    joints: tuple[str, ...],
    stiffness: float,
    mass: float,
    lever: float,
    rotational: tuple[bool, ...],
) -> None:
    """Spring and critical damping of a body's support joints (joint space; spring at `qpos_spring`)."""
    for name, turns in zip(joints, rotational, strict=True):
        k = stiffness * lever**2 if turns else stiffness
        m = mass * lever**2 if turns else mass
        joint = model.joint(name)
        model.jnt_stiffness[joint.id] = k
        model.dof_damping[int(joint.dofadr[0])] = 2.0 * _DAMPING_RATIO * np.sqrt(k * m)
