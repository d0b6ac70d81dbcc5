"""The engine interface over Gazebo's entities: runs inside Gazebo's server, within its physics step.

Everything stiff is read from joints: Gazebo reports those exactly, links only when they have moved by 1e-6.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from rafr.errors import RafrError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.simulation.engine import CLAMP, bone
from rafr.simulation.gazebo.names import BONE_JOINTS, BONE_LINK, CMD_VEL, MODEL, TICK_MS
from rafr.simulation.motion import carried

_BASE, _ARM_BASE = "base", "arm_base"


class GazeboEngine:
    """Robot and bones of a running world."""

    def __init__(
        self, urdf: str, bones: dict[str, tuple[FloatArray, FloatArray]], *, drives_arm: bool = True
    ) -> None:
        """
        Args:
            urdf: with its rotors, as the world was made from.
            bones: rotation (3, 3) and centroid (3,) in the room at the start, by body.
            drives_arm: False where another system of Gazebo moves it.
        """
        self._arm, self._drives_arm = ArmModel(urdf), drives_arm
        self.joint_names = self._arm.joint_names
        self.effort: FloatArray = self._arm.limits.effort
        self._starts = {bone(name): place for name, place in bones.items()}
        self._links: dict[str, Any] = {}
        self._bone_joints: dict[str, list[Any]] = {}
        self._joints: list[Any] = []
        self._ecm: Any = None
        self._places: dict[str, tuple[FloatArray, FloatArray]] = {}
        self._twists: dict[str, FloatArray] = {}
        self._q = self._qd = np.zeros(len(self.joint_names))
        self._steps = 0

    # ---- Gazebo's side ------------------------------------------------------------------------

    def bind(self, world: Any, ecm: Any, parked_arm: FloatArray) -> None:
        """Find every entity and put the arm into its parked posture.

        Raises:
            RafrError: the world lacks one.
        """
        from gz.sim8 import Link, Model
        from gz.transport13 import Node

        robot = Model(_found(world.model_by_name(ecm, MODEL), MODEL))
        for name in (_BASE, CLAMP):
            self._links[name] = Link(_found(robot.link_by_name(ecm, name), name))
        self._links[_BASE].enable_velocity_checks(ecm, True)
        self._joints = [_joint(robot, ecm, name) for name in self.joint_names]
        for joint, q in zip(self._joints, parked_arm, strict=True):
            joint.reset_position(ecm, [float(q)])
        for name in self._starts:
            model = Model(_found(world.model_by_name(ecm, name), name))
            self._links[name] = Link(_found(model.link_by_name(ecm, BONE_LINK), name))
            self._bone_joints[name] = [_joint(model, ecm, axis) for axis in BONE_JOINTS]
        self._node = Node()
        self._drive = self._node.advertise(CMD_VEL, _message("twist", "Twist"))

    def attach(self, ecm: Any) -> None:
        """Read the state of the step to come."""
        self._ecm = ecm
        self._q, self._qd = _read(self._joints, ecm)
        base, R_base, p_base = self._links[_BASE], *_pose(self._links[_BASE].world_pose(ecm))
        v, w = base.world_linear_velocity(ecm), base.world_angular_velocity(ecm)
        twist = np.zeros(6) if v is None or w is None else np.array([*_vector(v), *_vector(w)])
        mount = self._arm.T_base_armbase
        R_arm, p_arm = R_base @ mount.rotation, R_base @ mount.translation + p_base
        R, p = self._arm.forward_arrays(self._q)
        R_clamp, p_clamp = R_arm @ R, R_arm @ p + p_arm
        along = self._arm.jacobian(self._q) @ self._qd
        self._places = {_BASE: (R_base, p_base), _ARM_BASE: (R_arm, p_arm), CLAMP: (R_clamp, p_clamp)}
        moved = np.concatenate([R_arm @ along[:3], R_arm @ along[3:]])
        self._twists = {_BASE: twist, CLAMP: moved + carried(twist, p_clamp - p_base)}
        for name, joints in self._bone_joints.items():
            self._places[name], self._twists[name] = _free_body(*_read(joints, ecm), *self._starts[name])

    # ---- rafr.simulation.engine.Engine --------------------------------------------------------

    def begin(self) -> None:
        self._steps += 1

    def place(self, body: str) -> tuple[FloatArray, FloatArray]:
        return self._places[body]

    def twist(self, body: str) -> FloatArray:
        return self._twists[body]

    def push(self, body: str, force: FloatArray, torque: FloatArray) -> None:
        from gz.math7 import Vector3d

        link = self._links[body]
        link.add_world_wrench(self._ecm, Vector3d(*map(float, force)), Vector3d(*map(float, torque)))

    def joint_state(self) -> tuple[FloatArray, FloatArray]:
        return self._q, self._qd

    def joint_torque(self, acceleration: FloatArray) -> FloatArray:
        inertia, bias = self._arm.inertia_and_bias(self._q, self._qd)
        return inertia @ acceleration + bias

    def push_joints(self, torque: FloatArray) -> None:
        if not self._drives_arm:
            return
        for joint, value in zip(self._joints, torque, strict=True):
            joint.set_force(self._ecm, [float(value)])

    def move_base(self, pose: FloatArray, v: float, omega: float) -> None:
        """Pass the speeds on to Gazebo's differential drive, whose wheels also are the brakes."""
        if self._steps % TICK_MS:
            return
        message = _message("twist", "Twist")()
        message.linear.x, message.angular.z = v, omega
        self._drive.publish(message)

    def base_pose(self) -> FloatArray:
        R, p = self._places[_BASE]
        return np.array([p[0], p[1], math.atan2(R[1, 0], R[0, 0])])

    def link(self, name: str) -> RigidTransform:
        R, p = self._places[name]
        return RigidTransform(R, p)

    def fastest(self) -> float:
        speeds = [*(np.abs(twist).max() for twist in self._twists.values()), np.abs(self._qd).max()]
        return float(np.max(speeds))


def _found(entity: int, name: str) -> int:
    from gz.sim8 import K_NULL_ENTITY

    if entity == K_NULL_ENTITY:
        raise RafrError(f"the world has no {name!r}")
    return entity


def _joint(model: Any, ecm: Any, name: str) -> Any:
    from gz.sim8 import Joint

    joint = Joint(_found(model.joint_by_name(ecm, name), name))
    joint.enable_position_check(ecm, True)
    joint.enable_velocity_check(ecm, True)
    return joint


def _read(joints: list[Any], ecm: Any) -> tuple[FloatArray, FloatArray]:
    """Positions and velocities; zero before the first step."""
    q = np.array([(joint.position(ecm) or [0.0])[0] for joint in joints])
    return q, np.array([(joint.velocity(ecm) or [0.0])[0] for joint in joints])


def _free_body(
    q: FloatArray, qd: FloatArray, R_start: FloatArray, p_start: FloatArray
) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
    """Pose and twist of a body behind six joints: along x, y, z, then about x, y, z of the world."""
    (cx, cy, cz), (sx, sy, sz) = np.cos(q[3:]), np.sin(q[3:])
    R = np.array(
        [
            [cy * cz, -cy * sz, sy],
            [cx * sz + sx * sy * cz, cx * cz - sx * sy * sz, -sx * cy],
            [sx * sz - cx * sy * cz, sx * cz + cx * sy * sz, cx * cy],
        ]
    )
    a, b, c = qd[3:]
    spin = np.array([a + c * sy, b * cx - c * sx * cy, b * sx + c * cx * cy])
    return (R @ R_start, p_start + q[:3]), np.concatenate([qd[:3], spin])


def _message(module: str, name: str) -> Any:
    """A message class of gz.msgs10."""
    from importlib import import_module

    return getattr(import_module(f"gz.msgs10.{module}_pb2"), name)


def _vector(v: Any) -> tuple[float, float, float]:
    return v.x(), v.y(), v.z()


def _pose(pose: Any) -> tuple[FloatArray, FloatArray]:
    """Rotation (3, 3) and translation (3,) of Gazebo's pose."""
    q = pose.rot()
    w, x, y, z = q.w(), q.x(), q.y(), q.z()
    R = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    return R, np.array(_vector(pose.pos()))
