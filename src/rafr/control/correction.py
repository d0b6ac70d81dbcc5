"""Feedback on the tracked fragment: a bounded integral of the pose error, and the pelvis's smoothed pose."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from rafr.control.config import ArmControlConfig
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray


def fragment_error(wanted: RigidTransform, tracked: RigidTransform, pivot: FloatArray) -> FloatArray:
    """(6,) what moves the tracked pose onto the wanted one: shift of the pivot (m), rotation vector (rad)."""
    turn = Rotation.from_matrix(wanted.rotation @ tracked.rotation.T).as_rotvec()
    return np.concatenate([wanted.apply(pivot) - tracked.apply(pivot), turn])


def displaced(pose: RigidTransform, offset: FloatArray, pivot: FloatArray) -> RigidTransform:
    """The pose, its pivot (3,) shifted by offset[:3] (m) and turned about it by offset[3:] (rad)."""
    turn = RigidTransform.about_point(offset[3:], pose.apply(pivot))
    return RigidTransform.from_translation(offset[:3]) @ turn @ pose


class Correction:
    """Offset added to the commanded fragment pose until the tracked one is where it should be.

    Pins, arm and table give way by an unknown amount; an integrator needs no model of them:
    c' = k e, with |c| bounded, cancels every constant compliance with time constant 1 / k.
    """

    def __init__(self, config: ArmControlConfig) -> None:
        self._config = config
        self.value = np.zeros(6)
        self.at_bound = False

    def start_at(self, error: FloatArray) -> None:
        """Begin where the fragment stands, so that the first command is the present pose."""
        self.value = self._bounded(-error)

    def integrate(self, error: FloatArray, dt: float, share: float) -> None:
        """Add a tracked error (6,) that stood for dt (s), with `share` 0..1 of the gain (high forces)."""
        self.value = self._bounded(self.value + self._config.correction_gain * share * dt * error)

    def _bounded(self, value: FloatArray) -> FloatArray:
        bounds = (self._config.correction_linear, self._config.correction_angular)
        sizes = (float(np.linalg.norm(value[:3])), float(np.linalg.norm(value[3:])))
        self.at_bound = any(s > b for s, b in zip(sizes, bounds, strict=True))
        scale = [min(1.0, b / max(s, 1e-12)) for s, b in zip(sizes, bounds, strict=True)]
        return np.concatenate([value[:3] * scale[0], value[3:] * scale[1]])


class SmoothedPose:
    """First-order low-pass of a pose near a point.

    The pelvis's pose in the base comes over a long lever from the base's marker, so that its noise is
    large at the patient; a bumped table is first followed through the fragment's own error.
    """

    def __init__(self, time_constant: float, point: FloatArray) -> None:
        self._time_constant = time_constant
        self._point = point
        self.value: RigidTransform | None = None

    def add(self, pose: RigidTransform, dt: float) -> RigidTransform:
        """Take a sample that stood for dt (s)."""
        if self.value is None:
            self.value = pose
            return pose
        share = 1.0 - float(np.exp(-dt / self._time_constant))
        turn = share * Rotation.from_matrix(pose.rotation @ self.value.rotation.T).as_rotvec()
        here, there = self.value.apply(self._point), pose.apply(self._point)
        moved = RigidTransform.from_translation(share * (there - here))
        self.value = (moved @ RigidTransform.about_point(turn, here) @ self.value).renormalised()
        return self.value
