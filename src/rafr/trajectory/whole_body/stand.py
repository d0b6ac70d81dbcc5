"""Where the base stands before a patient: which branches of the arm serve the path from there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rafr.errors import InfeasibleError
from rafr.geometry import RigidTransform
from rafr.geometry.rigid_transform import FloatArray
from rafr.robot.arm import ArmModel
from rafr.robot.collision import ArmCollision
from rafr.robot.mobile import floor_transform
from rafr.room import OperatingRoom
from rafr.trajectory.arm import require_serves
from rafr.trajectory.config import ArmPathConfig
from rafr.trajectory.placement import FloorPose
from rafr.trajectory.surroundings import arm_surroundings, standing_things
from rafr.trajectory.watch import Watch

_POSES = 12  # of the path that are examined


class Stand:
    """The base at a pose, and the path of the clamp as the arm sees it from there."""

    def __init__(
        self,
        arm: ArmModel,
        pose: FloorPose,
        T_world_clamp_path: Sequence[RigidTransform],
        room: OperatingRoom,
        load: FloatArray | None = None,
        watch: Watch | None = None,
        config: ArmPathConfig | None = None,
    ) -> None:
        """`load`: (n, 6) on the clamp along the path, axes of `world`; None: not known."""
        self._arm, self._watch, self._config = arm, watch, config or ArmPathConfig()
        self._T_world_base = floor_transform(pose)
        T_armbase_world = (self._T_world_base @ arm.T_base_armbase).inverse()
        index = np.unique(np.linspace(0, len(T_world_clamp_path) - 1, _POSES).round().astype(int))
        self._in_world = [T_world_clamp_path[i] for i in index]
        turn = np.kron(np.eye(2), T_armbase_world.rotation)
        self._load = None if load is None else load[index] @ turn.T
        self._path = [T_armbase_world @ T for T in self._in_world]
        self._before = T_armbase_world @ standoff(T_world_clamp_path, self._config)
        around = arm_surroundings(room, self._T_world_base) + standing_things(room, self._T_world_base)
        self.collision = ArmCollision(arm, around)

    def branches(self, q: FloatArray) -> list[FloatArray]:
        """Joint angles before the pins that serve the path, nearest to q first; hiding tools if all do."""
        candidates = self._arm.inverse_all(self._before, q)
        open_ones = [c for c in candidates if self.serves(c)]
        hiding = [c for c in candidates if self.serves(c, hiding=True)] if not open_ones else []
        return open_ones or hiding

    def serves(self, q: FloatArray, *, hiding: bool = False) -> bool:
        """Whether the arm, at q before the pins, goes in and follows the path; `hiding` tools if need be."""
        insertion = [self._before, self._path[0]]
        hidden = None if hiding else self._hidden
        try:
            require_serves(
                self._arm, q, insertion, self._path, self._load, hidden, self.collision, self._config
            )
        except InfeasibleError:
            return False
        return True

    def _hidden(self, joints: FloatArray) -> frozenset[str]:
        if self._watch is None:
            return frozenset()
        return self._watch.hidden(self._T_world_base, joints, self._in_world)


def standoff(T_world_clamp_path: Sequence[RigidTransform], config: ArmPathConfig) -> RigidTransform:
    """`T_world_clamp` straight back from the pins, where the approach starts to go in."""
    return T_world_clamp_path[0] @ RigidTransform.from_translation((0.0, 0.0, -config.standoff))
