"""The robot in the plant: base and arm drives on top of a MuJoCo state."""

from __future__ import annotations

from typing import Any

import numpy as np

from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation import world
from rafr.simulation.arm_drive import ROTOR_INERTIA, ArmDrive, ArmDriveConfig
from rafr.simulation.base_drive import BaseDrive, BaseDriveConfig
from rafr.simulation.world import TIME_STEP, WorldConfig

_BASE_MASS = 330.0  # kg, of base and arm, for the support's damping
_BASE_LEVER = 0.4  # m, half the distance of the stabilisers


class Robot:
    """Arm and base: commands in, generalised forces out."""

    def __init__(
        self,
        model: Any,
        data: Any,
        parking: tuple[float, float, float],
        parked_arm: FloatArray,
        world_config: WorldConfig,
        arm_config: ArmDriveConfig,
        base_config: BaseDriveConfig,
    ) -> None:
        """Put base and arm where they are parked: `parking` (x, y, theta), `parked_arm` (6,) rad."""
        self._model, self._data = model, data
        names = [model.joint(i).name for i in range(model.njnt)]
        self.joint_names: tuple[str, ...] = tuple(n for n in names if n.endswith("_joint"))
        self._qpos, self._dof = self._addresses(self.joint_names)
        self._base_qpos, self._base_dof = self._addresses(world.BASE_JOINTS)
        effort = np.array([model.jnt_actfrcrange[model.joint(n).id, 1] for n in self.joint_names])
        model.dof_armature[self._dof] = ROTOR_INERTIA
        turns = (False, False, True)
        stiffness = world_config.base_stiffness
        world.set_support(model, world.BASE_JOINTS, stiffness, _BASE_MASS, _BASE_LEVER, turns)
        self.base = BaseDrive(parking, base_config)
        self.arm = ArmDrive(parked_arm, effort, arm_config)
        data.qpos[self._qpos] = parked_arm
        data.qpos[self._base_qpos] = self.base.pose
        model.qpos_spring[self._base_qpos] = self.base.pose

    def _addresses(self, joints: tuple[str, ...]) -> tuple[list[int], list[int]]:
        found = [self._model.joint(n) for n in joints]
        return [int(j.qposadr[0]) for j in found], [int(j.dofadr[0]) for j in found]

    def command_joints(self, q: FloatArray) -> bool:
        """Pass a command on; True when it asks for motion."""
        q = np.asarray(q, dtype=float)
        if q.shape != (len(self._dof),) or not np.isfinite(q).all():
            raise InputError("joint command", f"{q}", f"{len(self._dof)} finite joint positions")
        return self.arm.command(q)

    def advance_base(self) -> None:
        """Move the floor springs that carry the base."""
        self.base.advance(TIME_STEP)
        self._model.qpos_spring[self._base_qpos] = self.base.pose

    def apply_torque(self) -> None:
        """Add the arm's torques to MuJoCo's applied forces (computed torque: M a + bias)."""
        import mujoco

        model, data = self._model, self._data
        q, qd = self.joint_state()
        wanted, torque = np.zeros(model.nv), np.zeros(model.nv)
        wanted[self._dof] = self.arm.acceleration(q, qd, TIME_STEP)
        mujoco.mj_mulM(model, data, torque, wanted)
        needed = torque[self._dof] + data.qfrc_bias[self._dof]
        data.qfrc_applied[self._dof] += self.arm.limited(needed, TIME_STEP, q)

    def joint_state(self) -> tuple[FloatArray, FloatArray]:
        return self._data.qpos[self._qpos], self._data.qvel[self._dof]

    def base_pose(self) -> FloatArray:
        pose: FloatArray = self._data.qpos[self._base_qpos]
        return pose

    def link(self, name: str) -> RigidTransform:
        """Pose of a link in the room, m."""
        body = self._model.body(name).id
        return RigidTransform(self._data.xmat[body].reshape(3, 3).copy(), self._data.xpos[body].copy())
