"""What carries the rigid bodies: the plant knows an engine by this alone, be it MuJoCo or Gazebo."""

from __future__ import annotations

from typing import Protocol

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray

CLAMP = "clamp"
TIME_STEP = 1e-3


def bone(name: str) -> str:
    """A bone body's name in the engine."""
    return f"bone_{name}"


class Engine(Protocol):
    """Robot and bones as rigid bodies, by name; SI, world axes.

    A bone's frame stands at its centroid with its CT's axes; bones have no weight, the mattress bears it.
    Forces last for the step to come.
    """

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The arm's joints."""
        ...

    @property
    def effort(self) -> FloatArray:
        """(n,) largest torques, N m."""
        ...

    def begin(self) -> None:
        """Bring everything derived from the state up to date; forces may come now."""
        ...

    def place(self, body: str) -> tuple[FloatArray, FloatArray]:
        """Rotation (3, 3) and origin (3,) of a body's frame."""
        ...

    def twist(self, body: str) -> FloatArray:
        """(6,) velocity of the frame's origin and angular velocity."""
        ...

    def push(self, body: str, force: FloatArray, torque: FloatArray) -> None:
        """Add a force and a torque at a frame's origin."""
        ...

    def joint_state(self) -> tuple[FloatArray, FloatArray]:
        """Joint positions and velocities (n,)."""
        ...

    def joint_torque(self, acceleration: FloatArray) -> FloatArray:
        """(n,) torques for joint accelerations (n,), nothing touching the arm (M a + bias)."""
        ...

    def push_joints(self, torque: FloatArray) -> None:
        """Drive the arm's joints; after every force on the clamp."""
        ...

    def move_base(self, pose: FloatArray, v: float, omega: float) -> None:
        """Where the base's drive wants it, (x, y, theta), and how fast; before `begin`."""
        ...

    def base_pose(self) -> FloatArray:
        """(3,) x, y, theta on the floor."""
        ...

    def link(self, name: str) -> RigidTransform:
        """Pose of a link of the robot in the room, m."""
        ...

    def fastest(self) -> float:
        """Largest speed of any coordinate; not finite when the state is not."""
        ...
