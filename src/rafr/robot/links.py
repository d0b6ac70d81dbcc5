"""Where every link of a URDF is, for showing the robot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray


class LinkPoses:
    """All links of a URDF relative to its root link `root`."""

    def __init__(self, urdf: str) -> None:
        import pinocchio as pin

        self._model: Any = pin.buildModelFromXML(urdf)
        self._data: Any = self._model.createData()
        bodies = [f for f in range(self._model.nframes) if self._model.frames[f].type == pin.FrameType.BODY]
        self.root: str = self._model.frames[bodies[0]].name
        self._root_frame = bodies[0]
        self._neutral: FloatArray = pin.neutral(self._model)
        joints = zip(self._model.names, self._model.joints, strict=True)
        self._indices = {name: joint.idx_q for name, joint in joints if joint.nq == 1}
        self._links = {self._model.frames[f].name: f for f in bodies[1:]}
        self.parents: dict[str, str] = {name: self._parent(f) for name, f in self._links.items()}
        """The link that carries each, by the URDF."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._links)

    def at(self, angles: Mapping[str, float]) -> dict[str, RigidTransform]:
        """`T_root_link` (m) by link; revolute joints without an angle (rad) stand at zero."""
        self._move(angles)
        return {name: _transform(self._data.oMf[frame]) for name, frame in self._links.items()}

    def arrays(self, angles: Mapping[str, float], links: Sequence[str]) -> tuple[FloatArray, FloatArray]:
        """As `at`, rotations (n, 3, 3) and translations (n, 3) of some links: for inner loops."""
        self._move(angles)
        frames = [self._data.oMf[self._links.get(name, self._root_frame)] for name in links]
        return np.array([f.rotation for f in frames]), np.array([f.translation for f in frames])

    def _parent(self, link: int) -> str:
        joint = self._model.frames[link].parentFrame
        return str(self._model.frames[self._model.frames[joint].parentFrame].name)

    def _move(self, angles: Mapping[str, float]) -> None:
        import pinocchio as pin

        q = self._neutral.copy()
        for name, angle in angles.items():
            if name in self._indices:
                q[self._indices[name]] = angle
        pin.framesForwardKinematics(self._model, self._data, q)


def _transform(pose: Any) -> RigidTransform:
    return RigidTransform(pose.rotation.copy(), pose.translation.copy())
