"""The engine interface over a MuJoCo model."""

from __future__ import annotations

from typing import Any

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.urdf import joint_chain
from rafr.simulation.arrangement import Arrangement
from rafr.simulation.embedded.world import BASE_JOINTS, build_world, support_base
from rafr.simulation.engine import CLAMP, bone


class MujocoEngine:
    """Robot on floor springs and free bones; `finish` integrates what `begin` prepared."""

    def __init__(self, arrangement: Arrangement) -> None:
        import mujoco

        spec = build_world(arrangement.urdf, arrangement.inertias, arrangement.poses)
        self._mujoco: Any = mujoco
        self._model: Any = spec.compile()
        self._data: Any = mujoco.MjData(self._model)
        # views of what MuJoCo keeps: asking for them costs, which 1 kHz feels
        self._rotations, self._origins = self._data.xmat.reshape(-1, 3, 3), self._data.xpos
        self._wrenches, self._generalised = self._data.xfrc_applied, self._data.qfrc_applied
        model, data = self._model, self._data
        moving = [j for j in joint_chain(arrangement.urdf, "arm_base", CLAMP) if j.moves]
        self.joint_names: tuple[str, ...] = tuple(j.name for j in moving)
        self._qpos, self._dof = self._addresses(self.joint_names)
        self._base_qpos, _ = self._addresses(BASE_JOINTS)
        self._ids = {name: int(model.body(name).id) for name in (CLAMP, *map(bone, arrangement.inertias))}
        self._kind = mujoco.mjtObj.mjOBJ_XBODY
        self._velocity, self._acceleration, self._torque = np.empty(6), np.zeros(model.nv), np.zeros(model.nv)
        self.effort: FloatArray = np.array(
            [model.jnt_actfrcrange[model.joint(n).id, 1] for n in self.joint_names]
        )
        model.dof_armature[self._dof] = [j.rotor_inertia for j in moving]
        support_base(model)
        data.qpos[self._qpos] = arrangement.parked_arm
        data.qpos[self._base_qpos] = model.qpos_spring[self._base_qpos] = arrangement.parking
        mujoco.mj_forward(model, data)

    def _addresses(self, joints: tuple[str, ...]) -> tuple[list[int], list[int]]:
        found = [self._model.joint(n) for n in joints]
        return [int(j.qposadr[0]) for j in found], [int(j.dofadr[0]) for j in found]

    # ---- time ---------------------------------------------------------------------------------

    def begin(self) -> None:
        self._mujoco.mj_step1(self._model, self._data)
        self._generalised[:] = 0.0
        self._wrenches[:] = 0.0

    def finish(self) -> None:
        """Integrate."""
        self._mujoco.mj_step2(self._model, self._data)

    def fastest(self) -> float:
        data = self._data
        if not (np.isfinite(data.qpos).all() and np.isfinite(data.qvel).all()):
            return float("nan")
        return float(np.abs(data.qvel).max())

    # ---- bodies -------------------------------------------------------------------------------

    def place(self, body: str) -> tuple[FloatArray, FloatArray]:
        i = self._ids[body]
        return self._rotations[i], self._origins[i]

    def twist(self, body: str) -> FloatArray:
        found, twist = self._velocity, np.empty(6)
        self._mujoco.mj_objectVelocity(self._model, self._data, self._kind, self._ids[body], found, 0)
        twist[:3], twist[3:] = found[3:], found[:3]
        return twist

    def push(self, body: str, force: FloatArray, torque: FloatArray) -> None:
        i = self._ids[body]
        if body == CLAMP:  # its frame is not where MuJoCo applies body forces
            point = self._origins[i]
            self._mujoco.mj_applyFT(self._model, self._data, force, torque, point, i, self._generalised)
            return
        self._wrenches[i, :3] += force
        self._wrenches[i, 3:] += torque

    def link(self, name: str) -> RigidTransform:
        i = self._model.body(name).id
        return RigidTransform(self._data.xmat[i].reshape(3, 3).copy(), self._data.xpos[i].copy())

    # ---- arm and base -------------------------------------------------------------------------

    def joint_state(self) -> tuple[FloatArray, FloatArray]:
        return self._data.qpos[self._qpos], self._data.qvel[self._dof]

    def joint_torque(self, acceleration: FloatArray) -> FloatArray:
        self._acceleration[self._dof] = acceleration
        self._mujoco.mj_mulM(self._model, self._data, self._torque, self._acceleration)
        torque: FloatArray = self._torque[self._dof] + self._data.qfrc_bias[self._dof]
        return torque

    def push_joints(self, torque: FloatArray) -> None:
        self._data.qfrc_applied[self._dof] += torque

    def move_base(self, pose: FloatArray, v: float, omega: float) -> None:
        """Move the floor springs that carry the base."""
        self._model.qpos_spring[self._base_qpos] = pose

    def base_pose(self) -> FloatArray:
        pose: FloatArray = self._data.qpos[self._base_qpos]
        return pose
