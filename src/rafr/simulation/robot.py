"""The robot in the plant: the drives of base and arm on top of an engine."""

from __future__ import annotations

import numpy as np

from rafr.errors import InputError
from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.arm_drive import ArmDrive, ArmDriveConfig
from rafr.simulation.base_drive import BaseDrive, BaseDriveConfig
from rafr.simulation.engine import TIME_STEP, Engine


class Robot:
    """Arm and base: commands in, torques and base motion out."""

    def __init__(
        self,
        engine: Engine,
        parking: tuple[float, float, float],
        parked_arm: FloatArray,
        arm_config: ArmDriveConfig,
        base_config: BaseDriveConfig,
    ) -> None:
        """Where base and arm are parked: `parking` (x, y, theta), `parked_arm` (dof,) rad."""
        self._engine = engine
        self.base = BaseDrive(parking, base_config)
        self.arm = ArmDrive(parked_arm, engine.effort, arm_config)

    def command_joints(self, q: FloatArray) -> bool:
        """Pass a command on; True when it asks for motion."""
        q = np.asarray(q, dtype=float)
        n = len(self._engine.joint_names)
        if q.shape != (n,) or not np.isfinite(q).all():
            raise InputError("joint command", f"{q}", f"{n} finite joint positions")
        return self.arm.command(q)

    def advance_base(self) -> None:
        self.base.advance(TIME_STEP)
        self._engine.move_base(self.base.pose, self.base.v, self.base.omega)

    def apply_torque(self) -> None:
        """Drive the joints to the arm's set point (computed torque: M a + bias)."""
        q, qd = self._engine.joint_state()
        needed = self._engine.joint_torque(self.arm.acceleration(q, qd, TIME_STEP))
        self._engine.push_joints(self.arm.limited(needed, TIME_STEP, q))
