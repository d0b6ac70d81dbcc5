"""Where every link of a URDF is, for showing the robot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rafr.geometry import RigidTransform


class LinkPoses:
    """All links of a URDF relative to its root link `root`."""

    def __init__(self, urdf: str) -> None:
        import pinocchio as pin

        self._model: Any = pin.buildModelFromXML(urdf)
        self._data: Any = self._model.createData()
        bodies = [f for f in range(self._model.nframes) if self._model.frames[f].type == pin.FrameType.BODY]
        self.root: str = self._model.frames[bodies[0]].name
        self._links = {self._model.frames[f].name: f for f in bodies[1:]}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._links)

    def at(self, angles: Mapping[str, float]) -> dict[str, RigidTransform]:
        """`T_root_link` (m) by link; revolute joints without an angle (rad) stand at zero."""
        import pinocchio as pin

        q = pin.neutral(self._model)
        for name, angle in angles.items():
            if self._model.existJointName(name):
                joint = self._model.joints[self._model.getJointId(name)]
                if joint.nq == 1:
                    q[joint.idx_q] = angle
        pin.framesForwardKinematics(self._model, self._data, q)
        return {name: _transform(self._data.oMf[frame]) for name, frame in self._links.items()}


def _transform(pose: Any) -> RigidTransform:
    return RigidTransform(pose.rotation.copy(), pose.translation.copy())
