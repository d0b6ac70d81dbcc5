"""The MuJoCo model: the robot of the URDF on its floor, the patient's bones as free bodies.

MuJoCo integrates the rigid bodies; every force between them (tissue, contact, pins, holding device) is
computed by rafr and applied, so that planner and every plant share the same code.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np

from rafr.geometry import RigidTransform
from rafr.simulation.base_drive import FLOOR_DAMPING, FLOOR_STIFFNESS
from rafr.simulation.engine import TIME_STEP, bone
from rafr.simulation.inertia import BodyInertia

_log = logging.getLogger(__name__)
BASE_JOINTS = ("base_x", "base_y", "base_theta")


def build_world(urdf: str, bodies: Mapping[str, BodyInertia], poses: Mapping[str, RigidTransform]) -> Any:
    """The MjSpec of robot and bones, to be compiled.

    Args:
        urdf: the robot's description; its root link is `base`.
        bodies: effective inertia of every bone body.
        poses: `T_world_ct` (m) of every bone body at the start.
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
        _add_bone(spec, name, inertia, poses[name])
    return spec


def _add_bone(spec: Any, name: str, inertia: BodyInertia, T_world_ct: RigidTransform) -> None:
    """A body whose frame stands at its centroid with the CT's axes; the mattress bears its weight."""
    x, y, z, w = T_world_ct.quaternion_xyzw
    i = inertia.inertia
    body = spec.worldbody.add_body(
        name=bone(name),
        pos=T_world_ct.apply(inertia.centroid),
        quat=[w, x, y, z],
        gravcomp=1.0,
        mass=inertia.mass,
        fullinertia=[i[0, 0], i[1, 1], i[2, 2], i[0, 1], i[0, 2], i[1, 2]],
        ipos=[0.0, 0.0, 0.0],
        explicitinertial=True,
    )
    body.add_freejoint(name=f"{name}_free")


def support_base(model: Any) -> None:
    """Springs and dampers between base and floor."""
    for name, k, d in zip(BASE_JOINTS, FLOOR_STIFFNESS, FLOOR_DAMPING, strict=True):
        joint = model.joint(name)
        model.jnt_stiffness[joint.id] = k
        model.dof_damping[int(joint.dofadr[0])] = d
