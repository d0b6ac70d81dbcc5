"""Gazebo's force-torque sensor as an arm's driver reports it: without the tool's weight, at the clamp."""

from __future__ import annotations

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.urdf import joint_chain, link_inertia
from rafr.simulation.engine import CLAMP

SENSOR = "ft_sensor"
_GRAVITY = np.array([0.0, 0.0, -9.81])


class ToolWeight:
    """What hangs on the sensor, from the URDF."""

    def __init__(self, urdf: str) -> None:
        """Raises InputError where the URDF has no fixed chain `ft_sensor` to `clamp`."""
        T_sensor_clamp = RigidTransform.identity()
        for joint in joint_chain(urdf, SENSOR, CLAMP):
            T_sensor_clamp = T_sensor_clamp @ joint.T_parent_joint
        T_clamp_sensor = T_sensor_clamp.inverse()
        sensor, clamp = link_inertia(urdf, SENSOR), link_inertia(urdf, CLAMP)
        self._mass = sensor.mass + clamp.mass
        moment = sensor.mass * T_clamp_sensor.apply(sensor.centre) + clamp.mass * clamp.centre
        self._centre = moment / self._mass
        self._R_clamp_sensor, self._from_clamp = T_clamp_sensor.rotation, T_clamp_sensor.translation

    def compensate(self, reading: FloatArray, R_world_clamp: FloatArray) -> FloatArray:
        """(6,) of the fragment on the tool at the clamp frame, in its axes: N and N m.

        Args:
            reading: (6,) force and torque of the tool on the arm, at the sensor and in its axes.
        """
        R = self._R_clamp_sensor
        force, torque = R @ reading[:3], R @ reading[3:]
        weight = self._mass * (R_world_clamp.T @ _GRAVITY)
        torque = torque + np.cross(self._from_clamp, force)
        return np.concatenate([force - weight, torque - np.cross(self._centre, weight)])
