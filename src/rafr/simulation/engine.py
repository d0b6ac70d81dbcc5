"""What carries the rigid bodies: the plant's forces know an engine by this alone, be it MuJoCo or Gazebo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from rafr.geometry.rigid_transform import FloatArray
from rafr.simulation.bushing import Load
from rafr.simulation.motion import rotator
from rafr.simulation.world import REFERENCE_JOINTS

CLAMP = "clamp"


def bone(name: str) -> str:
    """A bone body's name in the engine."""
    return f"bone_{name}"


class RigidBodies(Protocol):
    """Rigid bodies in the room, by name; SI, world axes. A bone's frame stands at its centroid."""

    def place(self, body: str) -> tuple[FloatArray, FloatArray]:
        """Rotation (3, 3) and origin (3,) of a body's frame."""
        ...

    def twist(self, body: str) -> FloatArray:
        """(6,) velocity of the frame's origin and angular velocity."""
        ...

    def push(self, body: str, force: FloatArray, torque: FloatArray) -> None:
        """Add a force and a torque at a frame's origin, for the step to come."""
        ...

    def support(self, body: str) -> Load:
        """What the engine itself does to a body it holds on springs, about the frame's origin."""
        ...


class MujocoBodies:
    """The bodies of a MuJoCo model."""

    def __init__(self, model: Any, data: Any, bones: Sequence[str]) -> None:
        self._model, self._data = model, data
        self._ids = {name: int(model.body(name).id) for name in (CLAMP, *map(bone, bones))}
        self._dof = [int(model.joint(name).dofadr[0]) for name in REFERENCE_JOINTS]
        self._velocity = np.empty(6)

    def place(self, body: str) -> tuple[FloatArray, FloatArray]:
        i = self._ids[body]
        return self._data.xmat[i].reshape(3, 3), self._data.xpos[i]

    def twist(self, body: str) -> FloatArray:
        import mujoco

        found = self._velocity
        kind = mujoco.mjtObj.mjOBJ_XBODY
        mujoco.mj_objectVelocity(self._model, self._data, kind, self._ids[body], found, 0)
        return np.concatenate([found[3:], found[:3]])

    def push(self, body: str, force: FloatArray, torque: FloatArray) -> None:
        import mujoco

        data, i = self._data, self._ids[body]
        if body == CLAMP:  # its frame is not where MuJoCo applies body forces
            mujoco.mj_applyFT(self._model, data, force, torque, data.xpos[i], i, data.qfrc_applied)
            return
        data.xfrc_applied[i, :3] += force
        data.xfrc_applied[i, 3:] += torque

    def support(self, body: str) -> Load:
        """Springs as they pull now, dampers as implicit as MuJoCo integrates them."""
        data, dof = self._data, self._dof
        # the bias is gravity, which the passive forces compensate
        wrench = data.qfrc_passive[dof] - data.qfrc_bias[dof]
        return Load(wrench, np.zeros((6, 6)), np.diag(self._model.dof_damping[dof]))


def turned(load: Load, rotation: FloatArray) -> Load:
    """A load about the same point, in axes that `rotation` leads to its own."""
    back = rotator(rotation)
    return Load(back.T @ load.wrench, back.T @ load.stiffness @ back, back.T @ load.damping @ back)
